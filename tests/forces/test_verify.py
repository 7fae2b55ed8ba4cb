"""Generated code that is wrong is refused before it is used; right code never is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import motes
from motes.core.errors import InputError
from motes.forces.cluster_kernel import cluster_source
from motes.forces.pair import BoundPair, Pair
from motes.forces.potentials import lennard_jones
from motes.forces.verify import require_right_pair
from motes.formulas.derive import PairCode, derive_pair
from naming import named


def of_lennard_jones(shift: Any = None) -> tuple[BoundPair, PairCode]:
    pair = Pair(lennard_jones, 2.5, shift=shift, epsilon={("A", "A"): 1, ("A", "B"): 2, ("B", "B"): 3}, sigma=1.0)
    bound = pair.bind(named(("A", "B")))
    return bound, derive_pair(bound.pair.formula, frozenset({"sigma", "cutoff"}), shift)


@pytest.mark.parametrize("shift", [None, "energy", "force"])
def test_right_code_passes(shift: Any) -> None:
    bound, code = of_lennard_jones(shift)
    require_right_pair(bound.name, bound.pair, shift, code)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"energy": "0.0"}, r"lennard_jones .*gives the value 0 where NumPy gives -?\d.*r = .*fault of Motes"),
        ({"energy": "nan"}, "gives the value nan"),
        ({"force": "0.0"}, "gives the slope along r -?0 where"),
        ({"force": "nan"}, "gives the slope along r nan"),
    ],
)
def test_wrong_code_is_refused_in_one_line(change: dict[str, str], message: str) -> None:
    bound, code = of_lennard_jones()
    with pytest.raises(InputError, match=message) as caught:
        require_right_pair(bound.name, bound.pair, None, replace(code, **change))
    assert "\n" not in str(caught.value)


def test_the_code_of_one_shift_is_not_that_of_another() -> None:
    bound, code = of_lennard_jones("energy")
    with pytest.raises(InputError, match="gives the value"):
        require_right_pair(bound.name, bound.pair, None, code)


def test_formulas_that_are_hard_to_compute_pass() -> None:
    for energy in (
        lambda r: np.where(r < 1.3, 1e9 * (1.3 - r) ** 2, 0.0) + 1e-9 * r,
        lambda r: np.exp(-800.0 * r),
        lambda r: np.floor(r / 0.1) * (r % 0.1) + np.sign(r - 1.1),
        lambda r: np.log(2.2 - r),
        lambda r: 1e-30 / r**24 + np.abs(np.sin(40 * r)),
        lambda r: 0.0 * r,
        lambda r: 1.7 + 1e-22 * r,
        lambda r: np.exp(-715.0 - r) * np.exp(-r),
    ):
        for shift in (None, "energy", "force"):
            cluster_source([Pair(energy, 2.0, shift=shift).bind(named()).term], 1, 3, "forces")


BOX = motes.Box([10.0] * 3, boundary="open")


def test_names_of_parameters_are_free() -> None:
    """Among them those that the generated code has for itself, Greek letters, and those of its tables' values."""
    particles = motes.Particles([[1, 1, 1], [2.25, 1, 1]], BOX, σ=0.7)

    def energy(r, f, u, big, ε, σ, near, cutoff_squared):  # noqa: PLC2401 - as physicists write them
        return ε * (σ / r) ** 2 + f * r + u / r + big * near + cutoff_squared

    given: Any = {"f": 3.0, "u": 5.0, "big": 7.0, "ε": 11.0, "near": 13.0, "cutoff_squared": 17.0}
    pair = Pair(energy, 2.5, σ=motes.mix("σ", "arithmetic"), **given)
    simulation = motes.Simulation(particles, motes.VelocityVerlet(1e-3), [pair], threads=1)
    expected = 11 * (0.7 / 1.25) ** 2 + 3 * 1.25 + 5 / 1.25 + 7 * 13 + 17
    assert simulation.potential_energy == pytest.approx(expected, rel=2**-41)  # half a quantum of energy
    assert simulation.forces[1, 0] == pytest.approx(2 * 11 * 0.7**2 / 1.25**3 - 3 + 5 / 1.25**2, rel=2**-38)
