"""Stochastic velocity rescaling: closed forms of one factor, the canonical ensemble, what is conserved or refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import motes
from motes.exact.noise import BUSSI, normal_and_squares
from motes.integrators.bussi import scale_factor

STEPS = range(40_000)


def liquid(integrator: Any, threads: int = 1, shift: str | None = "force") -> motes.Simulation:
    particles = motes.fcc(cells=4, density=0.8442, temperature=1.44, seed=1)
    pair = motes.Pair(motes.potentials.lennard_jones, cutoff=2.5, shift=shift, epsilon=1.0, sigma=1.0)
    return motes.Simulation(particles, integrator, [pair], threads=threads)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 17, 1000])
def test_sums_of_squares_are_those_of_normal_numbers(count: int) -> None:
    """Mean, variance and skewness of chi-square, and nothing in common with the number beside it."""
    drawn = np.array([normal_and_squares(5, BUSSI, step, count) for step in STEPS])
    first, others = drawn.T
    n = len(STEPS)
    assert abs(first.mean()) < 5 / math.sqrt(n)
    assert abs((first**2).mean() - 1) < 5 * math.sqrt(2 / n)
    if count == 0:
        assert not others.any()
        return
    assert abs(others.mean() - count) < 5 * math.sqrt(2 * count / n)
    moments = ((others - others.mean()) ** 2).mean() / (2 * count)
    assert abs(moments - 1) < 5 * math.sqrt((2 + 12 / count) / n)
    skewness = ((others - count) ** 3).mean() / (2 * count) ** 1.5
    assert abs(skewness - math.sqrt(8 / count)) < 5 * math.sqrt((15 + 732 / count) / n)  # the sixth moment
    assert abs(np.corrcoef(first, others)[0, 1]) < 5 / math.sqrt(n)


@pytest.mark.parametrize(("kinetic", "rate"), [(3.0, 0.01), (40.0, 0.5), (12.0, 30.0)])
def test_one_factor_has_the_moments_of_the_equation(kinetic: float, rate: float) -> None:
    """Mean and variance of K' given K (from equation A7, with independent normal numbers)."""
    freedom, temperature = 17, 1.4
    factors = np.array([scale_factor(kinetic, temperature, freedom, rate, 3, step) for step in STEPS])
    after = factors**2 * kinetic
    c, mean = math.exp(-rate), freedom * temperature / 2
    expected = c * kinetic + (1 - c) * mean
    variance = (1 - c) ** 2 * freedom * temperature**2 / 2 + 2 * c * (1 - c) * kinetic * temperature
    assert abs(after.mean() - expected) < 5 * math.sqrt(variance / len(STEPS))
    assert after.var() == pytest.approx(variance, rel=0.05)


def test_the_sign_is_that_of_a_velocity_on_its_own() -> None:
    """For one degree of freedom v' = sqrt(c) v + sqrt((1 - c) T) R (the exact solution of friction and noise)."""
    c, v = math.exp(-2.0), 0.3
    signs = set()
    for step in range(200):
        noise, _ = normal_and_squares(3, BUSSI, step, 0)
        expected = math.sqrt(c) * v + math.sqrt((1 - c) * 0.8) * noise
        assert v * scale_factor(v * v / 2, 0.8, 1, 2.0, 3, step) == pytest.approx(expected, rel=1e-9)
        signs.add(expected > 0)
    assert signs == {True, False}


def test_the_temperature_and_its_fluctuation_are_canonical() -> None:
    simulation = liquid(motes.Bussi(0.004, temperature=0.9, tau=0.04, seed=3))
    simulation.run(500)
    found = []
    for _ in range(1500):
        simulation.run(8)
        found.append(simulation.kinetic_energy)
    freedom = simulation.degrees_of_freedom
    assert freedom == 3 * 255
    mean, variance = 0.45 * freedom, 0.9**2 * freedom / 2
    assert np.mean(found) == pytest.approx(mean, rel=0.005)
    assert np.var(found) == pytest.approx(variance, rel=0.15)
    # Without the bath the kinetic energy fluctuates less: the potential energy has a share of a fixed total.
    simulation.integrator = motes.VelocityVerlet(0.004)
    fixed = []
    for _ in range(500):
        simulation.run(8)
        fixed.append(simulation.kinetic_energy)
    assert np.var(fixed) < 0.6 * variance


def test_what_is_conserved_errs_with_the_square_of_dt() -> None:
    errors = []
    for dt in (0.004, 0.002):
        simulation = liquid(motes.Bussi(dt, temperature=1.0, tau=0.5, seed=3))
        energies = []
        for _ in range(40):
            simulation.run(round(0.04 / dt))
            energies.append(simulation.conserved_energy)
        errors.append(np.std(energies))
        total = simulation.potential_energy + simulation.kinetic_energy
        assert abs(total - simulation.conserved_energy) > 20  # the bath has given and taken
    assert errors[0] < 0.1
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.5)


def test_the_total_momentum_stays_zero() -> None:
    simulation = liquid(motes.Bussi(0.004, temperature=2.0, tau=0.1, seed=3))
    simulation.run(200)
    assert abs((simulation.velocities * simulation.mass[:, None]).sum(axis=0)).max() < 1e-9


def test_other_integrators() -> None:
    """What is conserved without a bath is the total energy; whose heat nobody counts have none."""
    simulation = liquid(motes.Bussi(0.004, temperature=1.0, tau=0.1, seed=3))
    simulation.run(20)
    assert simulation.conserved_energy != simulation.potential_energy + simulation.kinetic_energy
    simulation.integrator = motes.VelocityVerlet(0.004)
    assert simulation.conserved_energy == simulation.potential_energy + simulation.kinetic_energy
    simulation.integrator = motes.Bussi(0.004, temperature=1.0, tau=0.1, seed=3)
    assert simulation.conserved_energy == simulation.potential_energy + simulation.kinetic_energy
    seen = []
    simulation.every(5, lambda frame: seen.append(frame.conserved_energy))
    simulation.run(5)
    assert seen[-1] == simulation.conserved_energy == simulation.copy().conserved_energy
    simulation.integrator = motes.Langevin(0.004, 1.0, 1.0, seed=1)
    assert math.isnan(simulation.conserved_energy)


def test_what_rests_stays_at_rest_and_a_cold_bath_takes_all() -> None:
    particles = motes.Particles([[1.0, 1.0], [3.0, 3.0]], motes.Box([5.0, 5.0]))
    with pytest.warns(motes.MotesWarning, match=r"all particles are at rest, and Bussi\(.*thermalize"):
        simulation = motes.Simulation(particles, motes.Bussi(0.01, 1.0, 0.1, seed=1), threads=1)
    simulation.run(10)
    assert simulation.kinetic_energy == 0.0
    simulation.velocities = [[1.0, 0.0], [-1.0, 0.5]]
    simulation.integrator = motes.Bussi(0.01, 0.0, 0.1, seed=1)
    simulation.run(10)
    assert simulation.kinetic_energy == pytest.approx(1.125 * math.exp(-1.0), rel=1e-12)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"dt": 0.0}, "dt: expected more than 0, got 0.0"),
        ({"tau": 0}, "tau: expected more than 0, got 0"),
        ({"temperature": -1.0}, "temperature"),
        ({"seed": 1.5}, "seed"),
    ],
)
def test_bad_arguments_are_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(motes.InputError, match=words):
        motes.Bussi(**{"dt": 0.01, "temperature": 1.0, "tau": 0.1, "seed": 1, **given})


def test_a_foreign_word_is_refused_with_ours() -> None:
    other: Any = {"dt": 0.01, "kT": 1.0, "tau": 0.1, "seed": 1}
    with pytest.raises(motes.InputError, match="unknown argument 'kT'; did you mean 'temperature'"):
        motes.Bussi(**other)


def moving(speed: float, integrator: Any) -> motes.Simulation:
    particles = motes.fcc(3, 0.8, temperature=1.0, seed=1)
    particles = motes.Particles(particles.positions, particles.box, particles.velocities + np.array([speed, 0.0, 0.0]))
    pair = motes.Pair(motes.potentials.lennard_jones, 2.0, epsilon=1.0, sigma=1.0)
    return motes.Simulation(particles, integrator, [pair], threads=1)


def test_a_drift_that_counts_as_heat_is_reported() -> None:
    bath, words = motes.Bussi(0.004, 1.0, 0.1, seed=1), r"the particles move together, with 57% of the kinetic energy"
    with pytest.warns(motes.MotesWarning, match=words):
        sim = moving(2.0, bath)
    v = sim.velocities
    sim.velocities = v - np.average(v, axis=0, weights=sim.mass)  # as the warning says
    moving(0.02, bath)
    sim = moving(2.0, motes.VelocityVerlet(0.004))
    with pytest.warns(motes.MotesWarning, match=words):
        sim.integrator = bath


def test_where_momentum_is_not_conserved_a_drift_is_heat_like_any_other() -> None:
    particles = motes.random(20, motes.Box([9.0] * 3, "reflecting"), 2, minimum_distance=1.0)
    particles = motes.Particles(particles.positions, particles.box, np.full((20, 3), 1.0))
    pair = motes.Pair(motes.potentials.lennard_jones, 2.0, epsilon=1.0, sigma=1.0)
    motes.Simulation(particles, motes.Bussi(0.004, 1.0, 0.1, seed=1), [pair], threads=1)


def test_in_a_slab_each_axis_has_the_temperature_of_the_bath() -> None:
    """Five particles between two walls; along x and y the centre of mass stays at rest."""
    box = motes.Box([4.0, 4.0, 4.0], ["periodic", "periodic", "reflecting"])
    particles = motes.random(5, box, seed=3, minimum_distance=1.0)
    particles.thermalize(1.0, seed=4)
    pair = motes.Pair(lambda r: 8.0 * (1 - r / 1.5) ** 2, 1.5)
    bath = motes.Bussi(0.01, temperature=1.0, tau=0.2, seed=5)
    simulation = motes.Simulation(particles, bath, [pair], threads=1)
    assert simulation.degrees_of_freedom == 13
    simulation.run(2000)
    seen: list[Any] = []
    simulation.every(5, lambda frame: seen.append((frame.velocities**2).mean(axis=0)))
    simulation.run(60_000)
    x, y, z = np.mean(seen, axis=0)
    assert 0.5 * (x + y) == pytest.approx(0.8, abs=0.05)
    assert z == pytest.approx(1.0, abs=0.06)  # 15/13, if all 15 counted
