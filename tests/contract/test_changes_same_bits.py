"""What is changed in a simulation is changed on every rank and thread, and in checkpoints."""

from __future__ import annotations

import copy
import json
import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import motes

pytestmark = pytest.mark.usefixtures("small_parts")
SCRIPT = Path(__file__).with_name("changes_on_ranks.py")

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(SCRIPT.parent))
    changes = import_module(SCRIPT.stem)


def test_threads_and_ranks(on_ranks: Any) -> None:
    first, again = (
        {case.__name__: json.loads(json.dumps(case(threads))) for case in changes.CASES} for threads in (1, 2)
    )
    assert [name for name in first if again[name] != first[name]] == []
    for ranks, threads in ((2, 2), (3, 1), (4, 1)):
        done = on_ranks.run(ranks, SCRIPT, threads, timeout=600)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        found = json.loads(done.stdout)
        differing = {name: (found[name], first[name]) for name in first if found[name] != first[name]}
        assert not differing, f"{ranks} ranks of {threads} threads: {list(differing)}: {differing}"


def test_time_is_counted_and_fields_of_time_follow() -> None:
    box = motes.Box([10.0] * 2, boundary="open")
    ramp = motes.Field(lambda x, t: -x * t)  # so v = t**2 / 2
    simulation = motes.Simulation(motes.Particles([[5.0, 5.0]], box), motes.VelocityVerlet(0.001), [ramp], threads=1)
    simulation.run(200)
    assert simulation.time == 200 * 0.001
    simulation.integrator = motes.VelocityVerlet(0.0005)
    assert (simulation.time, simulation.dt) == (200 * 0.001, 0.0005)
    simulation.run(200)
    assert simulation.time == pytest.approx(0.3)
    assert simulation.velocities[0, 0] == pytest.approx(0.045)
    assert simulation.elementwise(lambda t: t)[0] == simulation.time


def test_the_same_integrator_again_changes_no_bit() -> None:
    ends = []
    for again in (False, True):
        simulation = changes.liquid(1, motes.Langevin(0.004, 0.5, 2.0, seed=1))
        for _ in range(3):
            simulation.run(10)
            if again:
                simulation.integrator = motes.Langevin(0.004, 0.5, 2.0, seed=1)
        ends.append(changes.outcome(simulation))
    assert ends[0] == ends[1]


def test_a_checkpoint_knows_the_integrator_in_force_and_the_time(tmp_path: Path) -> None:
    whole = changes.liquid(1, motes.Langevin(0.004, 0.5, 2.0, seed=1))
    whole.run(20)
    whole.integrator = other = motes.Langevin(0.001, 1.5, 1.0, seed=2)
    whole.run(20)
    saved = whole.save(tmp_path / "run.ckpt")
    resumed = motes.resume(saved, whole.interactions, threads=2)
    assert repr(resumed.integrator) == repr(other)
    for simulation in (whole, resumed):
        simulation.run(10)
    assert changes.outcome(resumed) == changes.outcome(whole)
    assert whole.time == pytest.approx(20 * 0.004 + 30 * 0.001)


def test_one_object_in_two_simulations() -> None:
    particles = motes.random(200, motes.Box([8.0, 8.0]), seed=1)
    bath = motes.Langevin(0.01, 1.0, 1.0, seed=1)
    alone = motes.Simulation(particles, bath, threads=1)
    alone.run(20)
    one, other = (motes.Simulation(particles, bath, threads=1) for _ in range(2))
    other.integrator = motes.Langevin(0.01, 5.0, 1.0, seed=1)
    for simulation in (one, other):
        simulation.run(20)
    assert one.fingerprint == alone.fingerprint != other.fingerprint
    assert other.temperature > 2 * one.temperature


def test_what_does_not_fit_is_refused_and_nothing_changes() -> None:
    simulation = changes.liquid(1, motes.VelocityVerlet(0.004))
    before = simulation.integrator
    for wrong, words in (
        (motes.Flow(lambda x, y, z: (y, z, x), dt=0.1), "interactions would be without effect"),
        ("langevin", "the integrator is str"),
    ):
        with pytest.raises(motes.InputError, match=words):
            simulation.integrator = wrong
    free = motes.Simulation(motes.Particles([[0.0, 1.0]], motes.Box([4.0, 4.0])), before, threads=1)
    with pytest.raises(motes.InputError, match=r"particle 0 at .* has a velocity at the start that is not finite"):
        free.integrator = motes.Flow(lambda x, y: (1 / x, y), dt=0.1)
    assert simulation.integrator is free.integrator is before
    for one in (simulation, free):
        one.run(3)


def test_unknown_names_are_refused() -> None:
    simulation = changes.liquid(1, motes.VelocityVerlet(0.004))
    for name, words in (
        ("dt", "dt cannot be assigned: it is that of the integrator, .* simulation.integrator = "),
        ("step", "step cannot be assigned: what can be assigned are integrator"),
        ("temprature", "no 'temprature' \\(did you mean 'temperature'\\?\\)"),
        ("v", "no 'v' \\(did you mean 'velocities'\\?\\)"),
    ):
        with pytest.raises(motes.InputError, match=words):
            setattr(simulation, name, np.float64(1.0))


# Whole arrays


def gas(**attributes: Any) -> motes.Simulation:
    """In a box that is periodic, open and reflecting, ids not in order."""
    box = motes.Box([4.0, 5.0, 6.0], ["periodic", "open", "reflecting"], origin=[-1.0, 2.0, 0.0])
    positions = np.random.default_rng(3).random((40, 3)) * box.lengths + box.origin
    particles = motes.Particles(positions, box, ids=np.arange(40)[::-1] + 5, **attributes)
    return motes.Simulation(particles, motes.VelocityVerlet(0.01), threads=1)


def test_arrays_are_taken_over_as_given() -> None:
    simulation = gas(charge=1.0)
    random = np.random.default_rng(7)
    positions = random.random((40, 3)) * simulation.box.lengths + simulation.box.origin
    velocities, charge, mass = random.normal(size=(40, 3)), random.normal(size=40), random.uniform(1, 2, 40)
    simulation.positions, simulation.velocities, simulation.mass = positions, velocities, mass
    simulation.attributes["charge"] = charge
    assert simulation.positions == pytest.approx(positions, abs=1e-12)
    assert simulation.velocities == pytest.approx(velocities, abs=1e-9)
    assert np.array_equal(simulation.attributes["charge"], charge)
    assert np.array_equal(simulation.mass, mass)
    assert simulation.kinetic_energy == pytest.approx(0.5 * (mass[:, None] * velocities**2).sum())
    with pytest.raises(ValueError, match="read-only"):
        simulation.attributes["charge"][:] = 0
    simulation.positions = positions + np.array([4.0, 0.0, 0.0])
    assert simulation.images[:, 0].tolist() == [1] * 40


def test_arrays_that_do_not_fit_are_refused_and_nothing_changes() -> None:
    simulation = gas(charge=1.0)
    good, fingerprint = simulation.positions, simulation.fingerprint
    outside = good.copy()
    outside[3, 2] = 99.0
    for name, values, words in (
        ("positions", good[:5], r"positions have shape \(5, 3\); it must be \(40, 3\)"),
        ("positions", np.where(good > 0, np.nan, good), "positions: particle id .* expected finite coordinates"),
        ("positions", outside, r"positions: particle id 8 \(row 3\) has .* z = 99"),
        ("velocities", good * np.inf, "velocities: particle id 5 .* expected finite components"),
        ("mass", np.zeros(40), "mass: particle id 5 .* expected a positive mass"),
        ("mass", 1.0, r"mass have shape \(\)"),
        ("positions", "here", "positions: expected real numbers"),
    ):
        with pytest.raises(motes.InputError, match=words):
            setattr(simulation, name, values)
    for name, words in (("charges", "no attribute 'charges'; did you mean 'charge'"), ("charge", "it must be")):
        with pytest.raises(motes.InputError, match=words):
            simulation.attributes[name] = np.ones(7)
    with pytest.raises(KeyError, match="did you mean 'charge'"):
        simulation.attributes["charges"]
    assert simulation.fingerprint == fingerprint
    assert simulation.attributes["charge"].tolist() == [1.0] * 40


def test_particles_at_one_position_are_refused_and_overlaps_wait_for_minimize() -> None:
    simulation = changes.liquid(1, motes.VelocityVerlet(0.004))
    simulation.run(3)
    fingerprint, energy, positions = simulation.fingerprint, simulation.potential_energy, simulation.positions.copy()
    positions[1] = positions[0]
    with pytest.raises(motes.InputError, match="particles 0 and 1 are 0 apart"):
        simulation.positions = positions
    assert (simulation.fingerprint, simulation.potential_energy) == (fingerprint, energy)
    positions[1] = positions[0] + 1e-3
    simulation.positions = positions
    with pytest.raises(motes.InputError, match=r"overlap; call simulation.minimize"):
        simulation.run(1)
    simulation.minimize(10.0)
    simulation.run(3)


def test_a_rule_that_does_not_like_the_values_refuses_them() -> None:
    particles = motes.fcc(cells=4, density=0.5)
    particles = motes.Particles(particles.positions, particles.box, size=1.0)
    pair = motes.Pair(lambda r, size: size / r**6, 1.5, size=motes.mix("size", "geometric"))
    simulation = motes.Simulation(particles, motes.VelocityVerlet(0.001), [pair], threads=1)
    with pytest.raises(motes.InputError, match=r"mix\('size', 'geometric'\) of the negative value -1"):
        simulation.attributes["size"] = -np.ones(len(particles))
    assert simulation.attributes["size"].tolist() == [1.0] * len(particles)


def test_a_step_after_an_assignment_fails_with_a_report_of_its_own(tmp_path: Path) -> None:
    """What was kept before an assignment is not gone back to, and a checkpoint of the same step is written anew."""
    simulation = changes.liquid(1, motes.VelocityVerlet(0.004))
    simulation.every(10, motes.Checkpoint(tmp_path / "run.ckpt"))
    simulation.run(10)
    simulation.velocities = -simulation.velocities
    simulation.run(10)
    resumed = motes.resume(tmp_path / "run.ckpt/step-20", simulation.interactions, threads=1)
    assert resumed.fingerprint == simulation.fingerprint


def test_another_thread_cannot_assign_amid_a_step() -> None:
    simulation = gas()
    said = []

    def intrude(frame: Any) -> None:
        for name, value in (("velocities", np.ones((40, 3))), ("integrator", motes.VelocityVerlet(0.001))):
            with ThreadPoolExecutor(1) as other, pytest.raises(motes.InputError, match="another thread runs") as error:
                other.submit(setattr, simulation, name, value).result()
            said.append((frame.step, error))
        simulation.velocities = simulation.velocities

    simulation.every(5, intrude)
    simulation.run(5)
    assert len(said) == 4
    assert simulation.dt == 0.01


# Simulations made of others


def test_a_copy_goes_its_own_way_from_the_same_bits() -> None:
    simulation = changes.liquid(1, motes.Langevin(0.004, 0.5, 2.0, seed=1))
    simulation.every(10, seen := motes.Thermo())
    simulation.run(10)
    twin = simulation.copy()
    assert changes.outcome(twin) == changes.outcome(simulation)
    for one in (twin, simulation):
        one.run(15)
    assert changes.outcome(twin) == changes.outcome(simulation)
    assert seen.last.step == 20
    twin.integrator = motes.VelocityVerlet(0.001)
    twin.run(5)
    assert simulation.step == 25
    assert simulation.dt == 0.004
    with pytest.raises(motes.InputError, match=r"cannot be pickled: simulation\.save"):
        pickle.dumps(simulation)
    assert copy.copy(simulation).fingerprint == copy.deepcopy(simulation).fingerprint == simulation.fingerprint


def wanderers(parts: int, **options: Any) -> float:
    """How far free particles have come in parts that are simulations of their own, against what is right."""
    box = motes.Box([400.0] * 2, boundary="open", origin=[-200.0] * 2)
    x = x0 = np.random.default_rng(1).normal(size=(1000, 2))
    v = np.random.default_rng(0).normal(size=(1000, 2))
    for part in range(parts):
        chosen = {name: value(part) for name, value in options.items()}
        bath = motes.Langevin(0.05, 1.0, 1.0, seed=1)
        simulation = motes.Simulation(motes.Particles(x, box, velocities=v), bath, threads=1, **chosen)
        simulation.run(400 // parts)
        assert simulation.step == 400 // parts * (part + 1)
        x, v = simulation.positions, simulation.velocities
    return float(((x - x0) ** 2).sum(axis=1).mean() / (4 * 400 * 0.05))


def test_chained_simulations_do_not_draw_the_same_noise_again() -> None:
    whole = wanderers(1)
    assert whole == pytest.approx(0.95, abs=0.1)
    with pytest.warns(motes.MotesWarning, match="seed=1 has led to these positions, .* first_step=, or another seed"):
        assert wanderers(8) == pytest.approx(whole, rel=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert wanderers(8, first_step=lambda part: 50 * part) == pytest.approx(whole, rel=1e-6)


def test_a_snapshot_carries_step_and_time_and_arrays_of_step_0_begin_there() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first = changes.liquid(1, motes.Langevin(0.004, 0.5, 2.0, seed=1))
        again = motes.Simulation(motes.Particles(first.positions, first.box), first.integrator, threads=1)
        assert again.step == 0
        first.run(10)
        last = motes.Simulation(first.snapshot(), motes.Langevin(0.002, 0.5, 2.0, seed=1), first.interactions)
        assert (last.step, last.time) == (10, first.time)
        last.run(10)
        assert last.time == pytest.approx(0.06)
        other = motes.Simulation(first.snapshot(), first.integrator, first.interactions, first_step=3)
        assert (other.step, other.time) == (3, 3 * 0.004)
    with pytest.raises(motes.InputError, match="first_step: expected a whole number of at least 0"):
        motes.Simulation(first.snapshot(), first.integrator, first_step=-1)
    with pytest.raises(motes.InputError, match=r"first_step: expected a whole number of at most 1\.4.*e\+14"):
        motes.Simulation(first.snapshot(), first.integrator, first_step=2**63)


EMPTY = """
import numpy as np
import motes
particles = motes.Particles(np.full((4, 3), 5.0) + 0.9 * np.eye(4, 3), motes.Box([30.0] * 3), np.ones((4, 3)))
pair = motes.Pair(motes.potentials.lennard_jones, 2.5, epsilon=1.0, sigma=0.8)
sim = motes.Simulation(particles, motes.VelocityVerlet(0.004), [pair])
sim.run(3)
sim.integrator = motes.Bussi(0.004, 1.0, 0.1, seed=1)
sim.run(5)
print(sim.fingerprint)
"""


def test_a_bath_for_the_whole_where_ranks_have_no_particles(on_ranks: Any, tmp_path: Path) -> None:
    script = tmp_path / "empty.py"
    script.write_text(EMPTY)
    runs = [on_ranks.run(ranks, script, timeout=100) for ranks in (1, 3)]
    assert [run.returncode for run in runs] == [0, 0], runs[1].stderr
    assert runs[0].stdout == runs[1].stdout != ""
