"""Kinetic energy: whole numbers of quanta, against sums that are rounded once."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import motes
from motes.integrators.world import HIGH, LARGEST, LOW, add_kinetic, kinetic_of

COUNT = 5000


def swarm(dimensions: int, spread: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Velocities (d, N) and masses (N,) over some orders of magnitude."""
    generator = np.random.default_rng(dimensions)
    sizes = 10.0 ** generator.uniform(-3 * spread, 0, COUNT)
    return generator.normal(size=(dimensions, COUNT)) * sizes, generator.uniform(0.1, 40.0, COUNT)


def exactly(velocities: np.ndarray, mass: np.ndarray) -> float:
    return math.fsum((0.5 * mass * (velocities**2).sum(axis=0)).tolist())


def in_quanta(velocities: np.ndarray, mass: np.ndarray, quantum: float, edges: list[int]) -> int:
    parts = [add_kinetic(begin, end, velocities, mass, quantum) for begin, end in itertools.pairwise(edges)]
    return sum((high << 32) + low for high, low in parts)


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("unit", [1.0, 1e-9, 1e12])
def test_the_sum_is_right_in_any_unit(dimensions, unit):
    velocities, mass = swarm(dimensions)
    velocities *= unit
    largest = (0.5 * mass * (velocities**2).sum(axis=0)).max()
    quantum = 2.0 ** (math.ceil(math.log2(largest)) - 62)
    assert in_quanta(velocities, mass, quantum, [0, COUNT]) * quantum == pytest.approx(
        exactly(velocities, mass), rel=1e-14
    )


def test_each_particle_is_rounded_to_the_nearest_quantum():
    velocities, mass = swarm(3)
    quantum = 2.0**-40
    for i in range(200):
        one = in_quanta(velocities, mass, quantum, [i, i + 1])
        energy = 0.5 * mass[i] * ((velocities[:, i] ** 2)[0] + velocities[1, i] ** 2 + velocities[2, i] ** 2)
        assert one == round(energy / quantum)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_the_sum_depends_neither_on_order_nor_on_parts(dimensions):
    velocities, mass = swarm(dimensions)
    quantum = 2.0**-50
    whole = in_quanta(velocities, mass, quantum, [0, COUNT])
    order = np.random.default_rng(0).permutation(COUNT)
    assert in_quanta(np.ascontiguousarray(velocities[:, order]), mass[order], quantum, [0, COUNT]) == whole
    assert in_quanta(velocities, mass, quantum, [0, 1, 17, 2500, COUNT]) == whole
    assert whole > 2**62  # so the halves of the sum are both in use


@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_simulation_gives_kinetic_energy_and_temperature_of_its_velocities(dimensions):
    velocities, mass = swarm(dimensions, spread=0.5)
    positions = np.random.default_rng(5).random((COUNT, dimensions)) * 10
    particles = motes.Particles(positions, motes.Box([10.0] * dimensions), velocities.T, mass=mass)
    energies = set()
    for threads in (1, 2):
        simulation = motes.Simulation(particles, motes.VelocityVerlet(0.001), threads=threads)
        expected = exactly(simulation.velocities.T, mass)
        assert simulation.kinetic_energy == pytest.approx(expected, rel=1e-10)
        assert simulation.kinetic_energy == pytest.approx(exactly(velocities, mass), rel=1e-9)
        freedom = dimensions * (COUNT - 1)
        assert simulation.temperature == pytest.approx(2 * expected / freedom, rel=1e-10)
        energies.add(simulation.kinetic_energy)
    assert len(energies) == 1


@pytest.mark.parametrize(
    ("integrator", "boundary", "freedom"),
    [
        (motes.VelocityVerlet(0.01), "periodic", 3 * 9),
        (motes.VelocityVerlet(0.01), "open", 3 * 9),
        (motes.VelocityVerlet(0.01), ("periodic", "periodic", "reflecting"), 3 * 10 - 2),
        (motes.Langevin(0.01, 1.0, 1.0, seed=1), "periodic", 3 * 10),
        (motes.Brownian(0.01, 1.0, 1.0, seed=1), "periodic", 3 * 10),
    ],
)
def test_degrees_of_freedom_count_what_is_conserved(integrator, boundary, freedom):
    particles = motes.random(10, motes.Box([5.0] * 3, boundary), seed=1)
    particles.thermalize(1.5, seed=1)
    simulation = motes.Simulation(particles, integrator, threads=1)
    assert simulation.degrees_of_freedom == freedom
    bath = isinstance(integrator, motes.Brownian)  # it has no velocities, so its temperature is that of the medium
    assert simulation.temperature == pytest.approx(1.0 if bath else 1.5 * 27 / freedom, rel=1e-10)


def test_one_particle_that_conserves_momentum_has_no_temperature():
    particles = motes.Particles([[1.0, 1.0]], motes.Box([2.0, 2.0]), velocities=[[3.0, 4.0]])
    simulation = motes.Simulation(particles, motes.VelocityVerlet(0.01), threads=1)
    assert simulation.temperature == 0.0
    assert simulation.kinetic_energy == 12.5


def test_what_all_ranks_publish_adds_up_as_whole_numbers_do():
    generator = np.random.default_rng(3)
    for largest in (1.0, 0.7, 3e-300, 1e300, 2.0**-1074):
        rows = np.zeros((5, 8), np.int64)
        rows[:, LARGEST] = np.array([0.0, largest, 0.3 * largest, 0.0, 0.5 * largest]).view(np.int64)
        rows[:, HIGH] = generator.integers(0, 2**50, 5)
        rows[:, LOW] = generator.integers(-(2**60), 2**60, 5)
        whole = sum((high << 32) + low for high, low in rows[:, [HIGH, LOW]].tolist())
        power = 2.0 ** math.ceil(math.log2(largest))
        assert kinetic_of(rows) == float(whole) * max(power * 2.0**-62, 2.0**-1000)


@pytest.mark.parametrize("lost", [math.inf, math.nan])
def test_a_kinetic_energy_that_is_not_finite_is_no_number(lost):
    rows = np.zeros((2, 8), np.int64)
    rows[1, LARGEST] = np.array(lost).view(np.int64)
    assert not math.isfinite(kinetic_of(rows))
