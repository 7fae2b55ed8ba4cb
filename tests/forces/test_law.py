"""What a law says by its formula alone is what its kernels compute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import law_systems as laws
import numpy as np
import pytest

import motes
from motes.engine import queries


def check_forces(sim: motes.Simulation, rows: Sequence[int]) -> None:
    reporter: Any = sim._parts.reporter
    for row in rows:
        found = reporter._columns(sim._engine.ask(queries.find, [int(sim.ids[row])]))
        particle = {word: values[0] for word, values in found.items()}
        forces = reporter._forces_on(particle, reporter._around(particle), sim.step)
        assert len(forces) == len(sim.interactions)
        np.testing.assert_allclose(sum(forces.values()), sim.forces[row], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", laws.SYSTEMS)
def test_the_force_on_a_particle_by_numpy(name: str) -> None:
    sim = laws.simulation(name)
    sim.run(7)
    check_forces(sim, (0, 5, len(sim) // 2, len(sim) - 1))


def test_an_angle_whose_ends_are_nearer_around_the_box_is_that_of_its_arms() -> None:
    start = [[1.0, 5.0, 5.0], [4.0, 5.2, 5.0], [8.0, 5.0, 5.5]]
    particles = motes.Particles(start, motes.Box([10.0] * 3), angles=[(0, 1, 2)])
    bend = motes.Angle(lambda theta, k, theta0: k * (theta - theta0) ** 2, k=5.0, theta0=1.9)
    check_forces(motes.Simulation(particles, motes.VelocityVerlet(0.001), [bend]), range(3))


def test_a_bond_in_a_box_so_small_that_its_ends_see_their_own_images() -> None:
    particles = motes.Particles([[1, 1, 1], [2.0, 1, 1]], motes.Box([3.0, 9, 9]), bonds=[(0, 1)])
    pair = motes.Pair(lambda r, a: a * (1 - r / 3.2) ** 2, 3.2, a=0.01)
    bond = motes.Bond(lambda r, k: k * (r - 0.8) ** 2, k=10.0)
    check_forces(motes.Simulation(particles, motes.VelocityVerlet(0.001), [pair, bond]), range(2))


@pytest.mark.parametrize(
    ("density", "energy", "x"),
    [
        (lambda r: (r - 1) * (2 - r), lambda rho: rho**2 + rho, [2.0, 3.0]),  # no density at all, and a slope of it
        (lambda r: np.exp(-r) - 0.2, lambda rho: np.sqrt(rho), [2.0, 3.0, 4.95, 6.01]),  # the last is not looked at
    ],
)
def test_where_a_density_is_nothing_or_not_all_known_the_force_is_a_number(density: Any, energy: Any, x: Any) -> None:
    positions = np.stack([x, np.full(len(x), 5.0), np.full(len(x), 5.0)], axis=1)
    sim = motes.Simulation(
        motes.Particles(positions, motes.Box([20.0] * 3)),
        motes.VelocityVerlet(0.001), [motes.Embedded(density, energy, cutoff=2.0)],
    )  # fmt: skip
    check_forces(sim, range(1))
