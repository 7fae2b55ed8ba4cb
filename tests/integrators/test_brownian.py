"""Brownian dynamics against what theory says of Euler's scheme at any length of step.

Tests allow four standard errors: the mean square of n normal numbers has the relative error sqrt(2 / n).
"""

from __future__ import annotations

import math

import numpy as np
import pytest

import motes

SIGMAS = 4.0
TEMPERATURE = 0.7


@pytest.mark.parametrize("dimensions", [2, 3])
def test_free_particles_diffuse_by_temperature_over_mass_and_friction(dimensions):
    count, dt, friction = 20_000, 0.2, 4.0
    mass = np.repeat([0.5, 4.0], count // 2)
    box = motes.Box([1000.0] * dimensions, boundary="open", origin=[-500.0] * dimensions)
    particles = motes.Particles(np.zeros((count, dimensions)), box, mass=mass)
    simulation = motes.Simulation(particles, motes.Brownian(dt, TEMPERATURE, friction, seed=21), threads=1)
    for steps in (1, 9, 90):
        simulation.run(steps)
        for m in (0.5, 4.0):
            positions = simulation.positions[mass == m]
            diffusion = positions.var() / (2 * simulation.time)
            error = math.sqrt(2 / positions.size)
            assert diffusion / (TEMPERATURE / (m * friction)) == pytest.approx(1.0, abs=SIGMAS * error)
            deviation = math.sqrt(2 * TEMPERATURE / (m * friction) * simulation.time / len(positions))
            assert positions.mean(axis=0) == pytest.approx(np.zeros(dimensions), abs=SIGMAS * deviation)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_harmonic_pair_has_the_mean_energy_of_eulers_scheme(springs, dimensions):
    """x -> (1 - a) x + noise with a = stiffness dt / (reduced mass friction): variance T / stiffness / (1 - a / 2)."""
    bound = springs(dimensions, per_axis=13 if dimensions == 3 else 45)
    friction, shrinking, samples = 4.0, 0.5, 30
    dt = shrinking * bound.reduced_mass * friction / bound.stiffness
    simulation = bound.simulation(motes.Brownian(dt, TEMPERATURE, friction, seed=8))
    simulation.run(30)
    energies = []
    for _ in range(samples):
        simulation.run(8)  # energies forget by (1 - a)**(2 * 8) = 1.5e-5 between samples
        energies.append(bound.energy(simulation))
    expected = dimensions * TEMPERATURE / 2 / (1 - shrinking / 2)
    error = expected * math.sqrt(2 / (dimensions * samples * bound.pairs))
    assert np.mean(energies) == pytest.approx(expected, abs=SIGMAS * error)
    assert simulation.potential_energy == pytest.approx(bound.pairs * energies[-1], rel=1e-9)


def test_a_force_drags_each_particle_by_its_own_mass():
    """At a temperature too low to see, one step moves a particle by F dt / (m friction)."""
    box = motes.Box([20.0, 20.0, 20.0])
    positions = np.array([[5.0, 5.0, 5.0], [6.0, 5.2, 4.9], [15.0, 3.0, 8.0]])
    mass = np.array([1.0, 3.0, 0.5])
    spring = motes.Pair(lambda r, k: k * (r - 2.0) ** 2 / 2, cutoff=3.0, k=10.0)
    dt, friction = 0.01, 4.0
    simulation = motes.Simulation(
        motes.Particles(positions, box, mass=mass), motes.Brownian(dt, 1e-28, friction, seed=1), [spring], threads=1
    )
    apart = positions[0] - positions[1]
    r = np.linalg.norm(apart)
    force = -10.0 * (r - 2.0) * apart / r
    assert simulation.forces == pytest.approx(np.array([force, -force, 0 * force]), rel=1e-10, abs=1e-12)
    simulation.run(1)
    moves = np.array([force, -force, 0 * force]) * dt / (mass[:, None] * friction)
    assert simulation.positions - positions == pytest.approx(moves, rel=1e-9, abs=1e-12)


def test_particles_between_reflecting_walls_stay_and_fill_the_box_evenly():
    count, length = 20_000, 2.0
    box = motes.Box([length, length], boundary="reflecting")
    particles = motes.Particles(np.full((count, 2), 0.3), box)
    simulation = motes.Simulation(particles, motes.Brownian(0.02, 1.0, 1.0, seed=4), threads=1)
    simulation.run(200)  # the slowest mode decays by exp(-D (pi / length)**2 t) = 5e-5
    positions = simulation.positions
    assert positions.min() >= 0
    assert positions.max() <= length
    assert positions.mean(axis=0) == pytest.approx([length / 2] * 2, abs=SIGMAS * length / math.sqrt(12 * count))
    assert positions.var() == pytest.approx(length**2 / 12, rel=SIGMAS * math.sqrt(0.8 / (2 * count)))


def test_a_step_longer_than_the_box_is_an_error_with_its_number():
    particles = motes.Particles(np.full((5, 2), 0.5), motes.Box([1.0, 1.0]))
    simulation = motes.Simulation(particles, motes.Brownian(10.0, 1.0, 1.0, seed=4), threads=1)
    with pytest.raises(motes.RunError, match=r"step 1: particle \d moves by .*\n(.*\n)*.*use a smaller dt"):
        simulation.run(1)


def test_brownian_noise_is_not_that_of_langevin():
    """The same seed serves both without repeating itself."""
    box = motes.Box([100.0, 100.0], boundary="open")
    particles = motes.Particles(np.full((5000, 2), 50.0), box)
    moves = []
    for integrator in (motes.Brownian(0.1, 1.0, 1.0, seed=1), motes.Langevin(0.1, 1.0, 1.0, seed=1)):
        simulation = motes.Simulation(particles, integrator, threads=1)
        simulation.run(1)
        moves.append(simulation.positions.ravel() - 50.0)
    assert abs(np.corrcoef(moves)[0, 1]) < SIGMAS / math.sqrt(len(moves[0]))


def test_what_is_read_is_of_the_bath_and_dead_velocities_are_not_shown(tmp_path):
    box = motes.Box([10.0] * 3)
    start = motes.random(500, box, seed=3, temperature=7.0)  # which means nothing here
    simulation = motes.Simulation(start, motes.Brownian(0.001, 2.0, 5.0, seed=1), threads=1)
    simulation.every(20, table := motes.Thermo(tmp_path / "out.csv"), motes.Trajectory(tmp_path / "out.gsd"))
    simulation.run(20)
    assert simulation.temperature == pytest.approx(2.0)
    assert simulation.kinetic_energy == pytest.approx(1.5 * 500 * 2.0)
    assert simulation.pressure == pytest.approx(500 * 2.0 / 1000)
    assert (table.last.temperature, table.last.pressure) == (simulation.temperature, simulation.pressure)
    assert not motes.read(tmp_path / "out.gsd").velocities.any()
    repelling = motes.Pair(lambda r, cutoff: 50 * (1 - r / cutoff) ** 2, cutoff=1.0)
    pushed = motes.Simulation(start, motes.Brownian(0.001, 2.0, 5.0, seed=1), [repelling], threads=1)
    pushed.run(20)
    assert pushed.pressure == pytest.approx((500 * 2.0 + pushed.virial / 3) / 1000)
    assert pushed.virial > 0


def test_under_a_flow_there_is_no_temperature():
    start = motes.random(5, motes.Box([4.0] * 2), seed=3, temperature=7.0)
    simulation = motes.Simulation(start, motes.Flow(lambda x, y: (y, x), dt=0.1), threads=1)
    assert all(map(math.isnan, (simulation.temperature, simulation.kinetic_energy, simulation.pressure)))
    simulation.integrator = motes.VelocityVerlet(0.1)
    assert simulation.temperature == pytest.approx(7.0)
