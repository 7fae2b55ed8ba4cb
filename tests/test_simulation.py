"""What users hold: every property, when energies are computed, the small cases, and every error it can give."""

from __future__ import annotations

import math

import numpy as np
import pytest

import motes
from motes.observers import Observer


def lennard_jones(r, epsilon, sigma):
    return 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)


def pair(**changes) -> motes.Pair:
    return motes.Pair(lennard_jones, **({"cutoff": 2.5, "epsilon": 1.0, "sigma": 1.0} | changes))


def fluid(integrator=None, interactions=None, **arguments) -> motes.Simulation:
    particles = motes.fcc(3, 0.8442, temperature=1.44, seed=1)
    interactions = [pair()] if interactions is None else interactions
    return motes.Simulation(
        particles, integrator or motes.VelocityVerlet(0.005), interactions, **({"threads": 1} | arguments)
    )


def two(apart: float, interactions=None, velocities=None) -> motes.Simulation:
    box = motes.Box([10.0, 10.0, 10.0])
    particles = motes.Particles([[1.0, 2.0, 3.0], [1.0 + apart, 2.0, 3.0]], box, velocities, ids=[7, 4])
    return motes.Simulation(
        particles, motes.VelocityVerlet(0.005), [pair()] if interactions is None else interactions, threads=1
    )


# What it says of itself


def test_arrays_come_in_the_order_of_ids():
    box = motes.Box([10.0, 8.0], ("periodic", "open"), origin=[-5.0, 1.0])
    places = np.array([[1.0, 2.0], [-4.0, 5.0], [3.0, 8.5]])
    velocities = np.array([[1.0, 0.5], [0.25, -2.0], [0.0, 3.0]])
    particles = motes.Particles(
        places, box, velocities, mass=[1.0, 2.0, 3.0], types=["B", "A", "B"], ids=[30, 10, 20], charge=[0.1, 0.2, 0.3]
    )
    simulation = motes.Simulation(particles, motes.VelocityVerlet(0.01), threads=1)
    order = [1, 2, 0]
    assert simulation.ids.tolist() == [10, 20, 30]
    assert simulation.types.tolist() == [0, 1, 1]
    assert simulation.type_names == ("A", "B")
    assert simulation.mass.tolist() == [2.0, 3.0, 1.0]
    assert simulation.attributes["charge"].tolist() == [0.2, 0.3, 0.1]
    assert simulation.positions == pytest.approx(places[order], abs=1e-14)
    assert simulation.velocities.tolist() == velocities[order].tolist()
    assert simulation.forces.tolist() == [[0.0, 0.0]] * 3
    assert simulation.box == box
    assert len(simulation) == 3
    assert "3 particles" in repr(simulation)


def test_arrays_are_copies_and_the_particles_stay_as_they_were():
    particles = motes.fcc(3, 0.8442, temperature=1.44, seed=1)
    before = particles.positions.copy(), particles.velocities.copy()
    simulation = motes.Simulation(particles, motes.VelocityVerlet(0.005), [pair()], threads=1)
    fingerprint = simulation.fingerprint
    for name in ("positions", "velocities", "forces", "ids", "types", "mass"):
        values = getattr(simulation, name)
        values[:] = 0
    assert simulation.fingerprint == fingerprint
    assert np.abs(simulation.forces).max() > 0 or simulation.step == 0
    simulation.run(5)
    assert np.array_equal(particles.positions, before[0])
    assert np.array_equal(particles.velocities, before[1])


def test_numbers_fit_together():
    simulation = fluid()
    simulation.run(20)
    count, volume = len(simulation), simulation.box.volume
    assert simulation.time == pytest.approx(0.1)
    kinetic = 0.5 * (simulation.mass[:, None] * simulation.velocities**2).sum()
    assert simulation.kinetic_energy == pytest.approx(kinetic, rel=1e-10)
    assert simulation.temperature == pytest.approx(2 * kinetic / (3 * (count - 1)), rel=1e-10)
    assert simulation.pressure == pytest.approx((2 * kinetic + simulation.virial) / (3 * volume), rel=1e-10)
    positions = simulation.positions
    assert (positions >= 0).all()
    assert (positions < simulation.box.lengths).all()


def test_it_describes_what_runs():
    simulation = fluid(skin=0.4)
    simulation.run(3)
    assert simulation.threads == 1
    assert simulation.skin == 0.4
    described = simulation.describe()
    assert described["particles"] == 108
    assert described["density"] == pytest.approx(0.8442)
    assert described["cutoff"] == 2.5
    assert described["integrator"] is simulation.integrator
    assert described["interactions"] == simulation.interactions
    assert described["list_builds"] >= 1
    assert set(simulation.timings) == {"integrate", "neighbors", "halo", "migrate", "pair", "output"}
    assert all(seconds >= 0 for seconds in simulation.timings.values())
    assert simulation.timings["pair"] > 0


def test_the_fingerprint_sees_every_bit():
    simulation = fluid()
    seen = {simulation.fingerprint}
    velocities = simulation.velocities
    for row, axis, sign in ((0, 0, 1), (50, 1, 1), (107, 2, -1)):
        changed = velocities.copy()
        changed[row, axis] += sign * simulation.describe()["quanta"].velocity
        simulation.velocities = changed
        seen.add(simulation.fingerprint)
    simulation.velocities = velocities
    assert simulation.fingerprint in seen
    assert len(seen) == 4
    simulation.run(1)
    assert simulation.fingerprint not in seen


# Running


def test_run_takes_the_steps_and_reports_them():
    simulation, done = fluid(), []
    simulation.run(0)
    assert simulation.step == 0
    simulation.run(np.int64(7), progress=done.append)
    assert simulation.step == 7
    assert done[-1] == 7
    assert done == sorted(done)


def test_a_run_of_no_steps_changes_nothing_but_shows_the_start():
    simulation, shown = fluid(), []
    fingerprint = simulation.fingerprint
    simulation.every(10, lambda frame: shown.append(frame.step))
    simulation.run(0)
    simulation.run(0)
    assert shown == [0]
    assert simulation.fingerprint == fingerprint


def test_reading_does_not_change_a_run():
    quiet, curious = fluid(), fluid()
    quiet.run(30)
    for _ in range(30):
        curious.run(1)
        assert math.isfinite(curious.pressure + curious.potential_energy)
        curious.velocities = curious.velocities
    assert curious.fingerprint == quiet.fingerprint
    assert curious.potential_energy == quiet.potential_energy


class Meter(Observer):
    """Notes potential energy and virial."""

    needs_energy = True

    def __init__(self) -> None:
        self.seen: dict[int, tuple[float, float]] = {}

    def __call__(self, frame) -> None:
        self.seen[frame.step] = (frame.potential_energy, frame.virial)


@pytest.fixture
def spied(monkeypatch):
    """A simulation, and a list of (step, with energy) for every computation of forces."""
    simulation = fluid()
    engine, calls = simulation._engine, []
    compute = engine.forces.compute

    def spy(state, pairs, energy):
        calls.append((state.step, energy))
        return compute(state, pairs, energy)

    monkeypatch.setattr(engine.forces, "compute", spy)
    return simulation, calls


def test_energies_are_computed_only_where_someone_reads_them(spied):
    simulation, calls = spied
    simulation.every(10, Meter())
    simulation.every(7, lambda frame: frame.positions)
    simulation.run(25)
    simulation.run(10)
    with_energy = [step for step, energy in calls if energy]
    assert with_energy == [0, 10, 20, 30]
    # At later steps energies came along with the forces: nothing was computed twice.
    assert [step for step, energy in calls if step > 0] == list(range(1, 36))


def test_without_readers_there_are_no_energies(spied):
    simulation, calls = spied
    simulation.run(12)
    assert calls == [(step, False) for step in range(1, 13)]


def test_an_energy_on_demand_is_computed_once(spied):
    simulation, calls = spied
    simulation.run(3)
    del calls[:]
    assert simulation.potential_energy < 0
    assert simulation.virial + simulation.pressure != 0
    assert calls == [(3, True)]
    simulation.run(1)
    assert calls[1:] == [(4, False)]


def test_energies_on_demand_equal_those_that_were_observed():
    observed, asked, meter = fluid(), fluid(), Meter()
    observed.every(5, meter)
    observed.run(20)
    for step in (0, 5, 10, 15, 20):
        asked.run(step - asked.step)
        assert (asked.potential_energy, asked.virial) == meter.seen[step]
    assert asked.fingerprint == observed.fingerprint
    assert np.array_equal(asked.forces, observed.forces)


# Small cases


def test_no_particles_are_refused_in_one_clear_line():
    with pytest.raises(motes.InputError, match="expected at least one particle, got none"):
        motes.Particles(np.zeros((0, 3)), motes.Box([1.0] * 3))


@pytest.mark.parametrize("interactions", [[], [pair()]])
@pytest.mark.parametrize("boundary", ["periodic", "open", "reflecting"])
def test_one_particle_flies_alone(interactions, boundary):
    particles = motes.Particles([[5.0, 5.0]], motes.Box([10.0, 10.0], boundary), velocities=[[1.0, -2.0]])
    simulation = motes.Simulation(particles, motes.VelocityVerlet(0.01), interactions, threads=2)
    simulation.run(100)
    assert simulation.positions[0] == pytest.approx([6.0, 3.0], abs=1e-11)
    assert simulation.forces.tolist() == [[0.0, 0.0]]
    assert (simulation.potential_energy, simulation.virial, simulation.kinetic_energy) == (0.0, 0.0, 2.5)
    assert simulation.pressure == pytest.approx(2 * 2.5 / (2 * 100.0))


def test_one_particle_feels_its_own_images():
    particles = motes.Particles([[1.0, 1.0]], motes.Box([1.5, 9.0]))
    simulation = motes.Simulation(particles, motes.VelocityVerlet(0.01), [pair()], threads=1)
    assert simulation.potential_energy == pytest.approx(lennard_jones(1.5, 1.0, 1.0), rel=1e-11)
    assert simulation.forces.tolist() == [[0.0, 0.0]]


def test_without_interactions_nothing_is_felt():
    simulation = fluid(interactions=())
    simulation.run(50)
    assert simulation.potential_energy == simulation.virial == 0.0
    assert not simulation.forces.any()
    assert simulation.pressure == pytest.approx(len(simulation) / simulation.box.volume * 1.44 * 107 / 108, rel=1e-9)


def test_two_particles_feel_one_another():
    simulation = two(1.5)
    force = 24 * (2 * 1.5**-12 - 1.5**-6) / 1.5
    assert simulation.forces[:, 0] == pytest.approx([force, -force], rel=1e-11)  # id 4 is the one on the right
    assert simulation.potential_energy == pytest.approx(lennard_jones(1.5, 1.0, 1.0), rel=1e-11)
    assert simulation.virial == pytest.approx(1.5 * force, rel=1e-11)


def test_interactions_add_up():
    both = two(1.2, [pair(), pair(epsilon=0.5, cutoff=2.0, shift="energy")])
    alone = two(1.2), two(1.2, [pair(epsilon=0.5, cutoff=2.0, shift="energy")])
    assert both.potential_energy == pytest.approx(sum(one.potential_energy for one in alone), rel=1e-10)
    assert both.forces == pytest.approx(alone[0].forces + alone[1].forces, rel=1e-10)


# Bad input


def test_two_particles_at_one_place_are_named():
    with pytest.raises(motes.InputError, match=r"not finite: particles [47] and [47] are 0 apart, at \[1\.0, 2\.0"):
        two(0.0)


def test_particles_that_feel_nothing_sharp_may_share_a_place():
    simulation = two(0.0, [motes.Pair(lambda r: np.exp(-(r**2)), cutoff=2.0)])
    simulation.run(2)
    assert simulation.potential_energy == pytest.approx(1.0)
    assert not simulation.forces.any()


def test_overlapping_particles_are_refused():
    with pytest.raises(motes.InputError, match=r"force at the start .* particles overlap; give them more room"):
        two(0.1)


BOX = motes.Box([10.0] * 3)
ONE = motes.Particles([[1.0, 1.0, 1.0]], BOX)
VERLET = motes.VelocityVerlet(0.005)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: motes.Particles([[1.0, math.nan, 1.0]], BOX), r"positions: particle id 0 .*finite"),
        (lambda: motes.Particles([[1.0, math.inf, 1.0]], BOX), r"positions: particle id 0 .*finite"),
        (lambda: motes.Particles([[1.0, 1.0]], BOX), r"positions: expected shape \(N, 3\)"),
        (lambda: motes.Particles([[1.0] * 3], BOX, velocities=[[1.0] * 3] * 2), r"velocities: expected shape"),
        (lambda: motes.Particles([[11.0] * 2], motes.Box([10.0] * 2, "open")), r"particle id 0 .*inside the box"),
        (lambda: motes.Particles([[1.0] * 3], BOX, mass=0.0), r"mass: particle id 0 .*positive"),
        (lambda: motes.Particles([[1.0] * 3], BOX, mass=-1.0), r"mass: particle id 0 .*positive"),
        (lambda: pair(cutoff=0.0), r"cutoff: expected more than 0, got 0"),
        (lambda: pair(cutoff=-2.5), r"cutoff: expected more than 0"),
        (lambda: pair(cutoff=math.nan), r"cutoff: expected a finite number"),
        (lambda: pair(sigmo=1.0), r"'sigmo' is not used; did you mean 'sigma'"),
        (lambda: pair(shift="both"), r"shift must be None, 'energy' or 'force'"),
        (
            lambda: motes.Simulation(ONE, VERLET, [motes.Pair(lennard_jones, cutoff=2.5, epsilon=1.0)]),
            r"lennard_jones .*'sigma' is missing: give sigma=",
        ),
        (lambda: motes.VelocityVerlet(0.0), r"dt is 0.0; it must be finite and above zero"),
        (lambda: motes.VelocityVerlet(-0.005), r"dt is -0.005"),
        (lambda: motes.Simulation([[1.0] * 3], VERLET), r"first argument is list; it must be motes.Particles"),
        (lambda: motes.Simulation(ONE, 0.005), r"integrator is float; give for example"),
        (lambda: motes.Simulation(ONE, motes.VelocityVerlet), r"the integrator is .*; give for example"),
        (lambda: motes.Simulation(ONE, VERLET, pair()), r"interactions must be a list"),
        (lambda: motes.Simulation(ONE, VERLET, [lennard_jones]), r"an interaction is function; it must be motes.Pair"),
        (lambda: motes.Simulation(ONE, VERLET, threads=0), r"threads is 0; it must be a whole number of at least 1"),
        (lambda: motes.Simulation(ONE, VERLET, threads="all"), r"threads is 'all'"),
        (lambda: motes.Simulation(ONE, VERLET, skin=-0.1), r"skin is -0.1; it must be a number of at least 0"),
        (lambda: motes.Simulation(ONE, VERLET, skin=math.inf), r"skin is inf"),
        (lambda: motes.Simulation(ONE, VERLET, skin="0.3"), r"skin is '0.3'"),
    ],
)
def test_bad_input_gets_one_clear_line(make, words):
    with pytest.raises(motes.InputError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("steps", [-1, 1.5, "10", None, True, math.inf])
def test_a_bad_number_of_steps_is_refused(steps):
    simulation = two(1.5)
    with pytest.raises(motes.InputError, match=r"steps is .*; it must be a whole number of at least 0"):
        simulation.run(steps)
    assert simulation.step == 0


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([[1.0] * 3], r"velocities have shape \(1, 3\); it must be \(2, 3\)"),
        ([[1.0] * 2] * 2, r"velocities have shape \(2, 2\)"),
        ([[math.nan] * 3] * 2, r"a velocity is not finite"),
        ([[math.inf, 0, 0], [0, 0, 0]], r"a velocity is not finite"),
        ([[1e300, 0, 0], [0, 0, 0]], r"the largest this simulation can hold"),
        ("fast", r"velocities: expected real numbers"),
        ([[1j] * 3] * 2, r"velocities: expected real numbers"),
        ([[1.0] * 3, [1.0]], r"velocities: rows of different lengths"),
    ],
)
def test_bad_velocities_are_refused_and_change_nothing(values, words):
    simulation = two(1.5, velocities=[[1.0, 2.0, 3.0]] * 2)
    with pytest.raises(motes.InputError, match=words):
        simulation.velocities = values
    assert simulation.velocities.tolist() == [[1.0, 2.0, 3.0]] * 2


def test_velocities_too_fast_for_dt_are_refused_with_that_remedy():
    particles = motes.Particles([[1.0] * 3], BOX, velocities=[[1e6, 0.0, 0.0]])
    with pytest.raises(motes.InputError, match=r"beyond .*smaller dt"):
        motes.Simulation(particles, VERLET)


@pytest.mark.parametrize("name", ["positions", "forces", "ids", "step", "time", "temperature", "fingerprint"])
def test_nothing_else_can_be_assigned(name):
    with pytest.raises(AttributeError, match=name):
        setattr(two(1.5), name, 0)


# Runs that fail


@pytest.mark.parametrize(
    "integrator",
    [
        motes.VelocityVerlet(0.1),
        motes.VelocityVerlet(0.5),
        motes.Langevin(0.1, 1.4, 1.0, seed=1),
        motes.Brownian(0.1, 1.4, 1.0, seed=1),
    ],
)
def test_too_long_a_step_ends_in_an_error_that_names_step_and_particles(integrator):
    simulation = fluid(integrator)
    with pytest.raises(motes.RunError, match=r"^step \d+: .*particles? \d+.*smaller dt") as caught:
        simulation.run(1000)
    assert "\n" not in str(caught.value)
    assert simulation.step < 1000
    assert np.isfinite(simulation.positions).all()
    assert np.isfinite(simulation.velocities).all()


def test_after_a_failed_step_there_is_no_energy_of_another_moment():
    simulation, meter = fluid(motes.VelocityVerlet(0.1)), Meter()
    simulation.every(1, meter)
    with pytest.raises(motes.RunError):
        simulation.run(1000)
    assert max(meter.seen) == simulation.step - 1
    with pytest.raises(motes.RunError, match="out of range"):
        _ = simulation.potential_energy
    with pytest.raises(motes.RunError, match="out of range"):
        _ = simulation.pressure


def test_a_particle_that_leaves_for_good_is_named():
    particles = motes.Particles([[1.0, 1.0]], motes.Box([2.0, 2.0], "open"), velocities=[[1.0, 0.0]], ids=[42])
    simulation = motes.Simulation(particles, motes.VelocityVerlet(0.1), threads=1)
    with pytest.raises(motes.RunError, match=r"step \d+: particle 42 is at \[.*larger box"):
        simulation.run(1000)


def test_observers_are_told_that_a_run_failed():
    class Last(Meter):
        ended = False

        def finish(self) -> None:
            self.ended = True

    simulation, last = fluid(motes.VelocityVerlet(0.1)), Last()
    simulation.every(1, last)
    with pytest.raises(motes.RunError):
        simulation.run(1000)
    assert last.ended
