"""The built-in potentials, and every potential of HOOMD-blue's own table that is a function of the distance."""

# ruff: noqa: N803 - the parameters are named as in the table

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import motes.forces.potentials as potentials
from motes.forces.pair import Pair
from motes.formulas.derive import derive_pair
from motes.formulas.trace import erfc
from naming import named

Measure = Callable[[Pair, float], tuple[float, float]]

TABLE = json.loads((Path(__file__).parents[1] / "data" / "hoomd" / "forces_and_energies.json").read_text())
CUTOFF = 2.5
DISTANCES = (0.75, 1.5)


def lj_gauss(r: Any, epsilon: Any, sigma: Any, r0: Any) -> Any:
    return 1 / r**12 - 2 / r**6 - epsilon * np.exp(-((r - r0) ** 2) / (2 * sigma**2))


def ewald(r: Any, kappa: Any, alpha: Any) -> Any:
    shift = alpha / (2 * kappa)
    return (erfc(kappa * r + shift) * np.exp(alpha * r) + erfc(kappa * r - shift) * np.exp(-alpha * r)) / (2 * r)


def morse(r: Any, D0: Any, alpha: Any, r0: Any) -> Any:
    return potentials.morse(r, D0, alpha, r0)


def dpd(r: Any, A: Any, cutoff: Any) -> Any:
    return A * ((cutoff - r) - (cutoff**2 - r**2) / (2 * cutoff))


def moliere(r: Any, qi: Any, qj: Any, aF: Any) -> Any:
    x = r / aF
    return qi * qj / r * (0.35 * np.exp(-0.3 * x) + 0.55 * np.exp(-1.2 * x) + 0.10 * np.exp(-6 * x))


def zbl(r: Any, qi: Any, qj: Any, aF: Any) -> Any:
    x = r / aF
    screening = 0.1818 * np.exp(-3.2 * x) + 0.5099 * np.exp(-0.9423 * x)
    return qi * qj / r * (screening + 0.2802 * np.exp(-0.4029 * x) + 0.02817 * np.exp(-0.2016 * x))


def expanded_mie(r: Any, epsilon: Any, sigma: Any, n: Any, m: Any, delta: Any) -> Any:
    return potentials.mie(r - delta, epsilon, sigma, n, m)


def reaction_field(r: Any, epsilon: Any, eps_rf: Any, cutoff: Any) -> Any:
    return epsilon * (1 / r + (eps_rf - 1) * r**2 / ((2 * eps_rf + 1) * cutoff**3))


def lj_12_8(r: Any, epsilon: Any, sigma: Any) -> Any:
    return 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 8)


def lj_8_4(r: Any, epsilon: Any, sigma: Any) -> Any:
    return 4 * epsilon * ((sigma / r) ** 8 - (sigma / r) ** 4)


def fourier(a: list[float], b: list[float]) -> Callable[..., Any]:
    def energy(r: Any, cutoff: Any) -> Any:
        first_a = sum((-1) ** i * a[i - 2] for i in (2, 3, 4))
        first_b = sum(i * (-1) ** i * b[i - 2] for i in (2, 3, 4))
        x = np.pi * r / cutoff
        terms = zip((1, 2, 3, 4), [first_a, *a], [first_b, *b], strict=True)
        return 1 / r**12 + sum(p * np.cos(i * x) + q * np.sin(i * x) for i, p, q in terms) / r**2

    return energy


def expanded_lj(r: Any, epsilon: Any, sigma: Any, delta: Any) -> Any:
    return potentials.lennard_jones(r - delta, epsilon, sigma)


def dlvo(r: Any, kappa: Any, Z: Any, A: Any, a1: Any, a2: Any) -> Any:
    far, near = r**2 - (a1 - a2) ** 2, r**2 - (a1 + a2) ** 2
    attraction = 2 * a1 * a2 / near + 2 * a1 * a2 / far + np.log(near / far)
    return -A / 6 * attraction + a1 * a2 / (a1 + a2) * Z * np.exp(-kappa * (r - (a1 + a2)))


def opp(r: Any, C1: Any, C2: Any, eta1: Any, eta2: Any, k: Any, phi: Any) -> Any:
    return C1 / r**eta1 + C2 / r**eta2 * np.cos(k * r - phi)


def twf(r: Any, epsilon: Any, sigma: Any, alpha: Any) -> Any:
    x = 1 / np.maximum((r / sigma) ** 2 - 1, 0.0)  # no particle enters the core, r < sigma
    return 4 * epsilon / alpha**2 * (x**6 - alpha * x**3)


def expanded_gaussian(r: Any, epsilon: Any, sigma: Any, delta: Any) -> Any:
    return potentials.gaussian(r - delta, epsilon, sigma)


HOOMD: dict[str, Callable[..., Any]] = {
    "LJ": potentials.lennard_jones,
    "LJGauss": lj_gauss,
    "Gaussian": potentials.gaussian,
    "Yukawa": potentials.yukawa,
    "Ewald": ewald,
    "Morse": morse,
    "DPDConservative": dpd,
    "ForceShiftedLJ": potentials.lennard_jones,
    "Moliere": moliere,
    "ZBL": zbl,
    "Mie": potentials.mie,
    "ExpandedMie": expanded_mie,
    "ReactionField": reaction_field,
    "Buckingham": potentials.buckingham,
    "LJ1208": lj_12_8,
    "LJ0804": lj_8_4,
    "Fourier": fourier,
    "ExpandedLJ": expanded_lj,
    "DLVO": dlvo,
    "OPP": opp,
    "TWF": twf,
    "ExpandedGaussian": expanded_gaussian,
}
# DPD and DPDLJ have random forces, and Table is a table: none is a function of the distance alone.
CASES = [(name, index) for name in HOOMD for index in range(len(TABLE[name]["params"]))]


@pytest.mark.parametrize(("name", "index"), CASES)
def test_every_pair_potential_of_hoomd_in_one_function(name: str, index: int, force_and_energy: Measure) -> None:
    parameters = {key: value for key, value in TABLE[name]["params"][index].items() if key != "use_charge"}
    function = HOOMD[name]
    if name == "Fourier":
        function, parameters = fourier(**parameters), {}
    pair = Pair(function, CUTOFF, "force" if name == "ForceShiftedLJ" else None, **parameters)
    for r, slope, energy in zip(DISTANCES, TABLE[name]["forces"][index], TABLE[name]["energies"][index], strict=True):
        force, value = force_and_energy(pair, r)
        if name == "ForceShiftedLJ":  # HOOMD-blue takes off the slope at the cutoff, but not the energy there
            value += float(potentials.lennard_jones(CUTOFF, **parameters))
        if energy == "infinity":  # the distance at which the expanded potential diverges
            assert not math.isfinite(value)
            continue
        # The table is printed to six digits, and gives the force on the first particle along the distance: -F.
        assert value == pytest.approx(energy, rel=2e-5, abs=2e-9 + 1e-12 * abs(slope))
        assert -force == pytest.approx(slope, rel=2e-5, abs=2e-9)


BUILT_IN_PARAMETERS: dict[str, dict[str, float]] = {
    "buckingham": {"A": 3.0, "rho": 0.4, "C": 0.2},
    "gaussian": {"epsilon": 2.0, "sigma": 0.7},
    "harmonic-repulsion": {"k": 3.0, "diameter": 1.3},
    "hertzian-repulsion": {"k": 3.0, "diameter": 1.3},
    "lennard-jones": {"epsilon": 1.2, "sigma": 0.9},
    "mie": {"epsilon": 1.2, "sigma": 0.9, "n": 14, "m": 8},
    "morse": {"depth": 2.0, "alpha": 3.0, "r0": 1.1},
    "screened-coulomb": {"charge": -1.5, "alpha": 0.8},
    "soft-cosine": {"epsilon": 2.0},
    "weeks-chandler-andersen": {"epsilon": 1.2, "sigma": 0.9},
    "yukawa": {"epsilon": 2.0, "kappa": 1.3},
}


@pytest.mark.parametrize("name", sorted(potentials.BUILT_IN))
@pytest.mark.parametrize("r", [0.8, 1.0, 1.2, 1.9])
def test_force_is_minus_the_slope_of_the_function_itself(name: str, r: float, force_and_energy: Measure) -> None:
    function, parameters = potentials.BUILT_IN[name], BUILT_IN_PARAMETERS[name]
    force, energy = force_and_energy(Pair(function, CUTOFF, **parameters), r)
    plain = parameters | ({"cutoff": CUTOFF} if name == "soft-cosine" else {})
    step = 1e-5
    slope = (function(r + step, **plain) - function(r - step, **plain)) / (2 * step)
    assert energy == pytest.approx(float(function(r, **plain)), rel=1e-12, abs=1e-14)
    assert force == pytest.approx(-float(slope), rel=1e-7, abs=1e-8)


def test_every_built_in_says_where_it_comes_from() -> None:
    assert set(BUILT_IN_PARAMETERS) == set(potentials.BUILT_IN)
    for function in potentials.BUILT_IN.values():
        assert re.search(r"\((18|19|20)\d\d\)|LAMMPS", function.__doc__ or "")


def test_lennard_jones_takes_one_division_and_five_operations_for_the_force() -> None:
    bound = Pair(potentials.lennard_jones, CUTOFF, epsilon=1.0, sigma=1.0).bind(named())
    code = derive_pair(bound.pair.formula, frozenset(bound.pair.uniform), None)
    assert len(code.body_force) == 6
    assert sum("/" in line for line in code.body_force) == 1
    assert not any("sqrt" in line for line in code.body_both)


@pytest.mark.parametrize("name", ["morse", "yukawa", "gaussian", "buckingham"])
def test_an_exponential_is_evaluated_once_for_force_and_energy(name: str) -> None:
    bound = Pair(potentials.BUILT_IN[name], CUTOFF, **BUILT_IN_PARAMETERS[name]).bind(named())
    code = derive_pair(bound.pair.formula, frozenset(bound.pair.uniform), None)
    for word, most in (("exp(", 1), ("/", 1), ("sqrt(", 1)):
        assert sum(word in line for line in code.body_both) <= most
