"""Velocity Verlet against the closed form of its own map, its exact reversal, and walls."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import motes

STIFFNESS, REST = 40.0, 1.5
MASSES = (1.0, 3.0)
FREQUENCY = math.sqrt(STIFFNESS * (1 / MASSES[0] + 1 / MASSES[1]))


def dimer(dt: float, dimensions: int = 3, velocities=None) -> motes.Simulation:
    """Two unequal masses on a spring along x, stretched by a tenth, across a face of the box."""
    positions = np.full((2, dimensions), 5.0)
    positions[0, 0], positions[1, 0] = 0.4, 10.0 - (REST + 0.1) + 0.4
    particles = motes.Particles(positions, motes.Box([10.0] * dimensions), velocities, mass=MASSES)
    spring = motes.Pair(lambda r, k, r0: k * (r - r0) ** 2 / 2, cutoff=2.5, k=STIFFNESS, r0=REST)
    return motes.Simulation(particles, motes.VelocityVerlet(dt), [spring], threads=1)


def length(simulation: motes.Simulation) -> float:
    apart = simulation.positions[0] - simulation.positions[1]
    return float(np.linalg.norm(apart - 10.0 * np.rint(apart / 10.0)))


def total_energy(simulation: motes.Simulation) -> float:
    return simulation.potential_energy + simulation.kinetic_energy


@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_harmonic_dimer_follows_the_closed_form_of_the_scheme(dimensions):
    """Its stretch is cos(n phi) with cos(phi) = 1 - (w dt)**2 / 2, so the period is short by (w dt)**2 / 24."""
    dt = 0.3 / FREQUENCY
    simulation = dimer(dt, dimensions)
    phase = math.acos(1 - 0.3**2 / 2)
    for step in range(1, 101):
        simulation.run(1)
        assert length(simulation) - REST == pytest.approx(0.1 * math.cos(step * phase), abs=1e-10)
        relative = simulation.velocities[0, 0] - simulation.velocities[1, 0]
        assert relative == pytest.approx(-0.1 * math.sin(phase) / dt * math.sin(step * phase), abs=1e-9)


def test_the_period_of_the_dimer_is_right_in_the_limit_of_small_steps():
    periods = []
    for w_dt in (0.2, 0.1):
        dt = w_dt / FREQUENCY
        simulation = dimer(dt)
        stretches = [length(simulation) - REST]
        while len(periods_of(stretches)) < 11:
            simulation.run(1)
            stretches.append(length(simulation) - REST)
        crossings = periods_of(stretches)
        periods.append((crossings[10] - crossings[0]) / 10 * dt * FREQUENCY / (2 * math.pi))
    errors = [period - 1 for period in periods]
    assert errors == pytest.approx([-(0.2**2) / 24, -(0.1**2) / 24], rel=0.1)


def periods_of(stretches: list[float]) -> list[float]:
    """Steps, interpolated, at which the stretch falls through zero."""
    pairs = itertools.pairwise(stretches)
    return [n + a / (a - b) for n, (a, b) in enumerate(pairs) if a > 0 >= b]


def test_the_error_of_the_energy_is_of_second_order():
    errors = []
    for dt in (0.02, 0.01, 0.005):
        simulation = dimer(dt, velocities=[[0.3, 0.8, 0.0], [-0.1, 0.0, 0.2]])
        start = total_energy(simulation)
        worst = 0.0
        for _ in range(round(2.0 / dt)):
            simulation.run(1)
            worst = max(worst, abs(total_energy(simulation) - start))
        errors.append(worst)
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.05)
    assert errors[1] / errors[2] == pytest.approx(4.0, rel=0.02)
    assert errors[2] < 1e-3 * start


def fluid(dimensions: int, boundary, dt: float = 0.004) -> motes.Simulation:
    """A dense fluid of unequal masses; nothing is special about it."""
    box = motes.Box([8.0] * dimensions, boundary)
    particles = motes.random(120, box, seed=4, minimum_distance=0.5)
    mass = np.random.default_rng(1).uniform(0.5, 5.0, len(particles))
    particles = motes.Particles(particles.positions, box, mass=mass)
    particles.thermalize(2.0, seed=6)
    pair = motes.Pair(lambda r: 20 * np.exp(-((r / 0.6) ** 2)) - 1 / (1 + r**4), cutoff=2.0, shift="force")
    return motes.Simulation(particles, motes.VelocityVerlet(dt), [pair], threads=1)


BOXES = [
    (2, "periodic"),
    (3, "periodic"),
    (2, ("reflecting", "periodic")),
    (3, "reflecting"),
    (3, ("open", "reflecting", "periodic")),
]


@pytest.mark.parametrize(("dimensions", "boundary"), BOXES)
def test_a_run_is_reversed_to_the_last_bit(dimensions, boundary):
    simulation = fluid(dimensions, boundary)
    positions, velocities = simulation.positions, simulation.velocities
    simulation.run(300)
    assert not np.array_equal(simulation.positions, positions)
    simulation.velocities = -simulation.velocities
    simulation.run(300)
    assert np.array_equal(simulation.positions, positions)
    assert np.array_equal(simulation.velocities, -velocities)


@pytest.mark.parametrize(("dimensions", "boundary"), [(2, "periodic"), (3, "periodic"), (3, "open")])
def test_momentum_is_conserved_and_forces_cancel_exactly(dimensions, boundary):
    simulation = fluid(dimensions, boundary)
    start = simulation.mass @ simulation.velocities
    size = (simulation.mass[:, None] * np.abs(simulation.velocities)).sum()
    simulation.run(200)
    assert simulation.mass @ simulation.velocities == pytest.approx(start, abs=1e-11 * size)
    quantum = simulation.describe()["quanta"].force
    assert not np.rint(simulation.forces / quantum).astype(np.int64).sum(axis=0).any()


@pytest.mark.parametrize(("dimensions", "boundary"), BOXES)
def test_energy_is_conserved_also_at_walls(dimensions, boundary):
    simulation = fluid(dimensions, boundary, dt=0.001)
    start = total_energy(simulation)
    simulation.run(500)
    assert total_energy(simulation) == pytest.approx(start, abs=2e-3 * simulation.kinetic_energy)


def folded(x: np.ndarray, length: float) -> np.ndarray:
    """Where a straight path lies after all its reflections: a triangle wave."""
    x = np.mod(x, 2 * length)
    return np.minimum(x, 2 * length - x)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_free_particle_bounces_between_walls_as_a_mirror_shows(dimensions):
    count, dt = 50, 0.02
    generator = np.random.default_rng(8)
    lengths, origin = np.array([1.0, 2.5, 0.7])[:dimensions], np.array([-3.0, 0.5, 10.0])[:dimensions]
    box = motes.Box(lengths, "reflecting", origin)
    positions = origin + generator.random((count, dimensions)) * box.lengths
    velocities = generator.normal(size=(count, dimensions)) * 10.0
    particles = motes.Particles(positions, box, velocities, mass=np.linspace(1, 2, count))
    simulation = motes.Simulation(particles, motes.VelocityVerlet(dt), threads=1)
    velocities = simulation.velocities
    for _ in range(100):
        simulation.run(1)
        path = positions - box.origin + velocities * simulation.time
        assert simulation.positions - box.origin == pytest.approx(folded(path, box.lengths), abs=1e-11)
        forward = np.mod(path, 2 * box.lengths) < box.lengths
        assert np.array_equal(simulation.velocities, np.where(forward, velocities, -velocities))


def test_free_particles_fly_straight_through_periodic_and_open_sides():
    box = motes.Box([1.0, 10.0, 1.0], ["periodic", "open", "periodic"])
    particles = motes.Particles([[0.9, 9.0, 0.1]], box, velocities=[[3.0, 2.0, -1.0]])
    simulation = motes.Simulation(particles, motes.VelocityVerlet(0.01), threads=1)
    simulation.run(175)
    assert simulation.positions[0] == pytest.approx([0.15, 12.5, 0.35], abs=1e-11)
    assert simulation.velocities.tolist() == [[3.0, 2.0, -1.0]]


@pytest.mark.parametrize("dt", [0, -0.1, math.nan, math.inf, "0.1", None, True])
def test_a_bad_dt_is_refused(dt):
    with pytest.raises(motes.InputError, match=r"^dt: expected (a finite number|more than 0), got "):
        motes.VelocityVerlet(dt)


@pytest.mark.parametrize("dt", [1, 0.5, np.float64(0.5), np.float32(0.5), np.int64(2)])
def test_a_good_dt_is_a_float(dt):
    assert type(motes.VelocityVerlet(dt).dt) is float
    assert motes.VelocityVerlet(dt).dt == dt
    assert repr(motes.VelocityVerlet(dt)) == f"VelocityVerlet(dt={float(dt)})"


@pytest.mark.parametrize("velocity", [-1.0, 1.0, -0.25, 0.25])
@pytest.mark.parametrize("position", [0.0, 0.25, 1.75, 2.0])
def test_a_start_on_a_wall_is_undone_but_for_the_sign_of_its_velocity(velocity, position):
    """Steps of a quarter of the box: particles also land exactly on the walls."""
    particles = motes.Particles([[position, 1.0]], motes.Box([2.0, 2.0], "reflecting"), velocities=[[velocity, 0.0]])
    simulation = motes.Simulation(particles, motes.VelocityVerlet(0.25), threads=1)
    simulation.run(37)
    simulation.velocities = -simulation.velocities
    simulation.run(37)
    assert simulation.positions[0, 0] == position
    on_wall = position in {0.0, 2.0}
    assert abs(simulation.velocities[0, 0]) == abs(velocity)
    assert on_wall or simulation.velocities[0, 0] == -velocity
