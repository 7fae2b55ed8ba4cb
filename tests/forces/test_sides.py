"""Parameters named by particle, and masses, in pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import motes
from motes.core.errors import InputError
from motes.forces.pair import Pair
from motes.formulas.derive import derive_pair
from naming import named

CHARGES = {"charge": np.array([0.5, -1.5, 2.0]), "d": np.array([1.0, 1.2, 0.7])}


def coulomb(r: Any, charge_i: Any, charge_j: Any, d_i: Any, d_j: Any, k: Any) -> Any:
    return k * charge_i * charge_j / r + (charge_i * d_j + charge_j * d_i) / r**2 / 3


def test_which_particle_is_first_cannot_be_seen_in_the_bits(run_code: Any) -> None:
    bound = Pair(coulomb, 2.5, k=0.3).bind(named(("A",), CHARGES))
    assert bound.pair.attributes == ("charge", "d")
    code = derive_pair(bound.pair.formula, frozenset({"k"}), None)
    generator = np.random.default_rng(3)
    for _ in range(30):
        q, d = generator.normal(size=2), generator.uniform(1, 2, 2)
        one = {"charge_i": q[0], "charge_j": q[1], "d_i": d[0], "d_j": d[1], "k": 0.3}
        other = {"charge_i": q[1], "charge_j": q[0], "d_i": d[1], "d_j": d[0], "k": 0.3}
        assert run_code(code, one, 1.3) == run_code(code, other, 1.3)
        assert run_code(code, one, 1.3)[1] == pytest.approx(coulomb(1.3, q[0], q[1], d[0], d[1], 0.3), rel=1e-12)


def test_from_text_and_by_keyword() -> None:
    bound = Pair.from_expression("k*charge_i*charge_j/r", 2.5, k=1.0).bind(named(("A",), CHARGES))
    assert bound.pair.attributes == ("charge",)
    given = Pair(lambda r, charge_i: charge_i / r, 2.5, charge_i=2.0).bind(named(("A",), {"charge": np.ones(2)}))
    assert given.pair.attributes == ()
    assert list(given.pair.uniform.values()) == [2.0]


@pytest.mark.parametrize(
    ("energy", "message"),
    [
        (
            lambda r, charge_i, charge_j: charge_i**2 * charge_j / r,
            r"the same .* are exchanged, but is not for charge_i =",
        ),
        (lambda r, charge_i: charge_i / r, "are exchanged"),
        (lambda r, mass_i, mass_j: mass_i - mass_j + r, "are exchanged"),
        (lambda r, spin_i, spin_j: spin_i * spin_j * r, "'spin_i' is missing: .* the particles an attribute 'spin'"),
    ],
)
def test_what_is_refused(energy: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        Pair(energy, 2.5).bind(named(("A",), CHARGES))
    assert "\n" not in str(caught.value)


def test_masses_of_pairs() -> None:
    """Gravity, by both ways of saying it; across a periodic side too, where ghosts must know their mass."""
    box = motes.Box([6.0] * 3)
    particles = motes.Particles([[0.2, 1, 1], [5.4, 1, 1], [1.2, 1, 1]], box, mass=[2.0, 3.0, 5.0])
    for pair in (
        motes.Pair(lambda r, g, mass_i, mass_j: -g * mass_i * mass_j / r, 1.5, g=2.0),
        motes.Pair(lambda r, m: -m / r, 1.5, m=motes.mix("mass", lambda a, b: 2 * a * b)),
    ):
        simulation = motes.Simulation(particles, motes.VelocityVerlet(1e-3), [pair], threads=1)
        assert simulation.potential_energy == pytest.approx(-2 * (2 * 3 / 0.8 + 2 * 5 / 1.0), rel=1e-12)
