"""Langevin dynamics (BAOAB) against what theory says of the scheme itself, at steps too long to hide an error in dt.

A quadratic degree of freedom at temperature T has mean energy T / 2 with variance T**2 / 2. So the mean over n
independent samples of d of them has the standard error T sqrt(d / 2 n), and tests allow four of these.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

import motes

SIGMAS = 4.0
TEMPERATURE = 0.7


def at_one_position(count: int, dimensions: int, mass: np.ndarray) -> motes.Particles:
    """Free particles, all at rest at the origin of an open box that they will not leave."""
    box = motes.Box([1000.0] * dimensions, boundary="open", origin=[-500.0] * dimensions)
    return motes.Particles(np.zeros((count, dimensions)), box, mass=mass)


def free_variances(steps: int, dt: float, friction: float) -> tuple[float, float]:
    """Variance of position and velocity, for mass and temperature 1, from rest after steps of A, O, A."""
    kept = math.exp(-friction * dt)
    half = np.array([[1.0, dt / 2], [0.0, 1.0]])
    step = half @ np.diag([1.0, kept]) @ half
    noise = half @ np.diag([0.0, 1.0 - kept**2]) @ half.T
    covariance = np.zeros((2, 2))
    for _ in range(steps):
        covariance = step @ covariance @ step.T + noise
    return covariance[0, 0], covariance[1, 1]


@pytest.mark.parametrize("dimensions", [2, 3])
def test_free_particles_warm_up_and_spread_as_the_scheme_says(dimensions):
    count, dt, friction, steps = 20_000, 0.3, 1.5, 20
    mass = np.repeat([0.5, 4.0], count // 2)
    simulation = motes.Simulation(
        at_one_position(count, dimensions, mass), motes.Langevin(dt, TEMPERATURE, friction, seed=5), threads=1
    )
    for done in (1, 4, steps):
        simulation.run(done - simulation.step)
        spread, warmth = free_variances(done, dt, friction)
        for m in (0.5, 4.0):
            error = math.sqrt(2 / (dimensions * count / 2))
            some = mass == m
            assert (simulation.positions[some] ** 2).mean() / (spread * TEMPERATURE / m) == pytest.approx(
                1.0, abs=SIGMAS * error
            )
            assert (simulation.velocities[some] ** 2).mean() / (warmth * TEMPERATURE / m) == pytest.approx(
                1.0, abs=SIGMAS * error
            )


def test_free_particles_diffuse_by_temperature_over_mass_and_friction():
    count, dt, friction, mass = 20_000, 0.05, 4.0, 2.0
    simulation = motes.Simulation(
        at_one_position(count, 3, np.full(count, mass)), motes.Langevin(dt, TEMPERATURE, friction, seed=11), threads=1
    )
    simulation.run(100)
    start, time = simulation.positions, simulation.time
    simulation.run(400)
    # From thermal velocities <x**2> = 2 D (t - (1 - exp(-friction t)) / friction), exact in the limit of small dt;
    # steps of this length change D by (friction dt)**2 / 12 = 0.3 %.
    time = simulation.time - time
    squared = ((simulation.positions - start) ** 2).mean()
    measured = squared / 2 / (time - (1 - math.exp(-friction * time)) / friction)
    expected = TEMPERATURE / (mass * friction) * (1 + (friction * dt) ** 2 / 12)
    assert measured / expected == pytest.approx(1.0, abs=SIGMAS * math.sqrt(2 / (3 * count)))


@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_harmonic_pair_has_exactly_the_right_mean_energy_and_is_a_little_too_cold(springs, dimensions):
    """BAOAB samples a harmonic oscillator's positions without error in dt, its velocities at T (1 - w**2 dt**2/4)."""
    bound = springs(dimensions, per_axis=13 if dimensions == 3 else 45)
    frequency = math.sqrt(bound.stiffness / bound.reduced_mass)
    dt, friction, samples = 0.8 / frequency, frequency / 2, 15
    simulation = bound.simulation(motes.Langevin(dt, TEMPERATURE, friction, seed=3))
    simulation.run(60)
    potential, kinetic = [], []
    for _ in range(samples):
        simulation.run(20)  # energies forget by exp(-friction t): e**-8 between samples
        potential.append(bound.energy(simulation))
        kinetic.append(bound.relative_kinetic_energy(simulation))
    expected = dimensions * TEMPERATURE / 2
    error = TEMPERATURE * math.sqrt(dimensions / 2 / (samples * bound.pairs))
    assert np.mean(potential) == pytest.approx(expected, abs=SIGMAS * error)
    assert np.mean(kinetic) == pytest.approx(expected * (1 - 0.8**2 / 4), abs=SIGMAS * error)
    assert simulation.potential_energy == pytest.approx(bound.pairs * potential[-1], rel=1e-9)


def test_a_fluid_takes_the_temperature_of_the_bath():
    count = 1600
    box = motes.Box([50.0, 50.0], boundary=["periodic", "reflecting"])
    positions = (np.stack(np.meshgrid(*[np.arange(40.0)] * 2), axis=-1).reshape(-1, 2) + 0.5) * 1.25
    particles = motes.Particles(positions, box, mass=np.tile([1.0, 2.5], count // 2))
    soft = motes.Pair(lambda r, k: k * (1.2 - r) ** 2 / 2, cutoff=1.2, k=100.0)
    simulation = motes.Simulation(particles, motes.Langevin(0.005, 1.3, friction=10.0, seed=9), [soft], threads=1)
    simulation.run(200)
    measured = []
    for _ in range(20):
        simulation.run(25)
        measured.append(simulation.temperature)
    # Kinetic energies forget by exp(-2 friction t) = 0.08 between samples, which widens the error by a tenth.
    error = 1.3 * math.sqrt(2 / (2 * count * len(measured))) * 1.1
    assert np.mean(measured) == pytest.approx(1.3, abs=SIGMAS * error)


def test_seeds_give_other_runs_and_the_same_seed_the_same_run(springs):
    def fingerprint(seed: int) -> str:
        simulation = springs(2, per_axis=4).simulation(motes.Langevin(0.05, TEMPERATURE, 1.0, seed=seed))
        simulation.run(10)
        return simulation.fingerprint

    assert fingerprint(1) == fingerprint(1)
    assert fingerprint(1) != fingerprint(2)


@pytest.mark.parametrize("integrator", [motes.Langevin, motes.Brownian])
def test_the_noise_of_a_particle_follows_its_id(integrator):
    """Neither the order of the input nor who else is there changes the path of a free particle."""
    box = motes.Box([100.0, 100.0])
    positions = np.random.default_rng(2).random((50, 2)) * 100
    ids = np.random.default_rng(3).permutation(50) + 1000
    fingerprints, paths = [], []
    for rows in (np.arange(50), np.arange(50)[::-1], np.array([17])):
        particles = motes.Particles(positions[rows], box, ids=ids[rows])
        simulation = motes.Simulation(particles, integrator(0.1, 1.0, 1.0, seed=1), threads=1)
        simulation.run(5)
        fingerprints.append(simulation.fingerprint)
        paths.append(simulation.positions[simulation.ids == ids[17]])
    assert fingerprints[0] == fingerprints[1]
    assert np.array_equal(paths[0], paths[2])


@pytest.mark.parametrize("integrator", [motes.Langevin, motes.Brownian])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_axes_particles_and_steps_are_independent(integrator, dimensions):
    count = 5000
    simulation = motes.Simulation(
        at_one_position(count, dimensions, np.ones(count)), integrator(1.0, 1.0, 20.0, seed=2), threads=1
    )
    simulation.run(1)
    first = simulation.positions
    simulation.run(1)
    second = simulation.positions - first
    if integrator is motes.Langevin:
        second -= first  # the speed of the first step carries particles through half of the second one
    moves = np.concatenate([first, np.roll(first, 1, axis=0), second], axis=1)
    correlations = np.corrcoef(moves.T) - np.eye(3 * dimensions)
    assert np.abs(correlations).max() < 4.5 / math.sqrt(count)


@pytest.mark.parametrize("integrator", [motes.Langevin, motes.Brownian])
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"dt": 0.0}, "dt: expected more than 0, got 0.0"),
        ({"dt": "0.1"}, "dt: expected a finite number, got '0.1'"),
        ({"temperature": -1.0}, "temperature: expected at least 0, got -1.0"),
        ({"temperature": math.nan}, "temperature: expected a finite number"),
        ({"friction": -1}, "friction: expected .* 0, got -1"),
        ({"temperature": 1e200}, "temperature: expected at most"),
        ({"friction": 1e200}, "friction: expected "),
        ({"friction": math.inf}, "friction: expected a finite number"),
        ({"friction": {"A": -1.0}}, "friction of 'A': expected .* 0, got -1"),
        ({"friction": [1.0]}, "friction: expected a number, numbers by type"),
        ({"seed": -3}, "seed: expected a whole number"),
    ],
)
def test_a_bad_argument_is_refused(integrator, wrong, words):
    with pytest.raises(motes.InputError, match=words):
        integrator(**{"dt": 0.1, "temperature": 1.0, "friction": 1.0, "seed": 0} | wrong)


def test_the_text_of_an_integrator_is_how_to_make_it():
    assert repr(motes.Langevin(0.1, 1, 2.0, seed=4)) == "Langevin(dt=0.1, temperature=1.0, friction=2.0, seed=4)"
    assert repr(motes.Brownian(0.1, 1, 2.0, seed=4)) == "Brownian(dt=0.1, temperature=1.0, friction=2.0, seed=4)"
