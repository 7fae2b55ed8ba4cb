"""expm1 and log1p keep the digits of small arguments, wherever a formula is derived from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import motes

CUTOFF = 1.0
APART = 0.7
FUNCTIONS = {"expm1": (np.expm1, lambda x: np.exp(x)), "log1p": (np.log1p, lambda x: 1 / (1 + x))}


def simulation(*interactions: motes.Pair | motes.PairForce) -> motes.Simulation:
    particles = motes.Particles([[1.0, 1, 1], [1.0 + APART, 1, 1]], motes.Box([9.0] * 3))
    return motes.Simulation(particles, motes.VelocityVerlet(1e-3), list(interactions), threads=1)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("small", [0.5, 1e-3, 1e-9, 1e-12, 1e-16])
def test_energy_and_force_of_a_pair(name: str, small: float) -> None:
    function, slope = FUNCTIONS[name]
    sim = simulation(motes.Pair(lambda r, e: function(e * r) / e, CUTOFF, e=small))
    quantum = sim.describe()["quanta"].force
    assert sim.potential_energy == pytest.approx(function(small * APART) / small, rel=1e-13)
    assert sim.forces[0, 0] == pytest.approx(slope(small * APART), rel=1e-13, abs=quantum)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("small", [1e-3, 1e-9, 1e-16])
def test_a_force(name: str, small: float) -> None:
    function: Callable[..., Any] = FUNCTIONS[name][0]
    sim = simulation(motes.PairForce(lambda r, e: function(e * r) / e, CUTOFF, e=small))
    quantum = sim.describe()["quanta"].force
    assert sim.forces[1, 0] == pytest.approx(function(small * APART) / small, rel=1e-13, abs=quantum)


def test_beyond_the_domain_of_a_logarithm_there_is_no_energy() -> None:
    """As for log, whose slope is a number there as well: a bond that is too long is no bond that pushes."""
    fene = motes.Pair(lambda r, k: -0.5 * k * np.log1p(-((r / 0.5) ** 2)), CUTOFF, k=30.0)
    with pytest.raises(motes.InputError, match="not finite"):
        _ = simulation(fene).forces
