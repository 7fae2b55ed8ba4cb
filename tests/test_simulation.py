"""What users hold: every property, when energies are computed, and the small cases."""

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
    positions = np.array([[1.0, 2.0], [-4.0, 5.0], [3.0, 8.5]])
    velocities = np.array([[1.0, 0.5], [0.25, -2.0], [0.0, 3.0]])
    particles = motes.Particles(
        positions,
        box,
        velocities,
        mass=[1.0, 2.0, 3.0],
        types=["B", "A", "B"],
        ids=[30, 10, 20],
        charge=[0.1, 0.2, 0.3],
    )
    simulation = motes.Simulation(particles, motes.VelocityVerlet(0.01), threads=1)
    order = [1, 2, 0]
    assert simulation.ids.tolist() == [10, 20, 30]
    assert simulation.types.tolist() == [0, 1, 1]
    assert simulation.type_names == ("A", "B")
    assert simulation.mass.tolist() == [2.0, 3.0, 1.0]
    assert simulation.attributes["charge"].tolist() == [0.2, 0.3, 0.1]
    assert simulation.positions == pytest.approx(positions[order], abs=1e-14)
    assert simulation.velocities.tolist() == velocities[order].tolist()
    assert simulation.forces.tolist() == [[0.0, 0.0]] * 3
    assert simulation.box == box
    assert len(simulation) == 3
    assert "3 particles" in repr(simulation)


def test_arrays_cannot_be_written_to_and_the_particles_stay_as_they_were():
    particles = motes.fcc(3, 0.8442, temperature=1.44, seed=1)
    before = particles.positions.copy(), particles.velocities.copy()
    simulation = motes.Simulation(particles, motes.VelocityVerlet(0.005), [pair()], threads=1)
    for name in ("positions", "velocities", "forces", "ids", "types", "mass"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(simulation, name)[:] = 0
    simulation.run(5)
    assert np.abs(simulation.forces).max() > 0
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
    assert {"integrate", "neighbors", "halo", "migrate", "pair", "output"} <= set(simulation.timings)
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


def test_velocities_given_are_rounded_to_their_grid():
    simulation = fluid()
    quantum = simulation.describe()["quanta"].velocity
    given = np.random.default_rng(3).normal(size=(len(simulation), 3))
    given[0] = -0.0
    simulation.velocities = given
    read = simulation.velocities
    assert np.abs(read - given).max() <= quantum / 2
    assert np.array_equal(np.rint(read / quantum) * quantum, read)
    assert not np.signbit(read[0]).any()


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


@pytest.mark.parametrize("step", [0, 3, 10])
def test_an_observer_can_end_a_run(step):
    simulation, shown = fluid(), []

    def stop(frame):
        if frame.step == step:
            simulation.stop()

    simulation.every(1, stop, lambda frame: shown.append(frame.step))
    simulation.run(10)
    assert simulation.step == step == shown[-1]
    assert simulation.steps_left == 0
    simulation.run(2)
    assert simulation.step == step + 2
    with pytest.raises(motes.InputError, match="there is no run to stop"):
        simulation.stop()


def test_observers_are_listed_and_can_be_removed():
    simulation, shown = fluid(), []
    handle = simulation.every(2, lambda frame: shown.append(frame.step), motes.Thermo())
    assert [one.interval for one in simulation.observers] == [2, 2]
    assert isinstance(simulation.observers[1].observers[0], motes.Thermo)
    assert repr(simulation.observers[1]).startswith("<every 2 steps: ")
    simulation.run(2)
    handle.remove()
    assert simulation.observers == ()
    simulation.run(2)
    assert shown == [0, 2]


def test_a_cell_of_a_notebook_that_is_run_again_goes_on_in_its_files(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    simulation = fluid()
    for _ in range(2):
        simulation.every(5, motes.Thermo("a.csv"), motes.Trajectory("a.gsd"))
        simulation.every(5, motes.Checkpoint("a.ckpt"))
        simulation.run(10)
    assert [line.split(",")[0] for line in (tmp_path / "a.csv").read_text().splitlines()] == [
        "step", "0", "5", "10", "15", "20",
    ]  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ckpt", "a.csv", "a.gsd"]
    assert len(motes.resume("a.ckpt", interactions=[pair()]).observers) == 3
    assert capsys.readouterr().err == ""
    simulation.every(5, motes.Thermo("a.csv", overwrite=True))
    simulation.run(5)
    assert [line.split(",")[0] for line in (tmp_path / "a.csv").read_text().splitlines()] == ["step", "20", "25"]


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
    engine, calls = simulation._engine.here, []
    compute = engine.stages[0].compute

    def spy(state, pairs, energy):
        calls.append((state.step, energy is not None))
        return compute(state, pairs, energy)

    monkeypatch.setattr(engine.stages[0], "compute", spy)
    monkeypatch.setattr(engine.stages[0], "marches", False)  # else its loops would be called, and nothing be told
    return simulation, calls


def test_energies_are_computed_only_where_someone_reads_them(spied):
    simulation, calls = spied
    simulation.every(10, Meter())
    simulation.every(7, lambda frame: frame.positions)
    simulation.run(25)
    simulation.run(10)
    with_energy = [step for step, energy in calls if energy]
    assert sorted(set(with_energy)) == [0, 10, 20, 30]
    # At later steps energies came along with the forces: nothing was computed twice but for a quantum that did not fit.
    assert sorted({step for step, energy in calls if step > 0}) == list(range(1, 36))
    assert len(calls) <= 36 + 2


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
    assert set(calls) == {(3, True)}
    assert len(calls) <= 2  # once more if the quantum of energy did not fit
    del calls[:]
    assert simulation.potential_energy < 0
    simulation.run(1)
    assert calls == [(4, False)]


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
