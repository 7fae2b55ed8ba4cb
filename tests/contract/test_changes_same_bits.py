"""What is changed in a simulation is changed on every rank and thread, and in checkpoints."""

from __future__ import annotations

import json
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
    outcomes = [{case.__name__: case(threads) for case in changes.CASES} for threads in (1, 2)]
    for ranks in (2, 3):
        done = on_ranks.run(ranks, SCRIPT, 1, timeout=300)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        outcomes.append(json.loads(done.stdout))
    assert all(outcome == outcomes[0] for outcome in outcomes), outcomes


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
        ("dt", "dt cannot be assigned: it is that of the integrator; .* simulation.integrator = "),
        ("step", "step cannot be assigned: what can be assigned are integrator"),
        ("temprature", "no 'temprature' \\(did you mean 'temperature'\\?\\)"),
        ("v", "no 'v' \\(did you mean 'velocities'\\?\\)"),
    ):
        with pytest.raises(motes.InputError, match=words):
            setattr(simulation, name, np.float64(1.0))
