"""A run that was stopped and goes on ends with the same bits, and with the same files, as one that was not."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import gsd.hoomd
import numpy as np
import pytest

import motes
from motes.observers import Frame

SCRIPT = Path(__file__).with_name("systems_to_resume.py")
SECONDS = 60

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(SCRIPT.parent))
    systems = import_module(SCRIPT.stem)

CHECKPOINT_EVERY, STEPS = systems.CHECKPOINT_EVERY, systems.STEPS
pytestmark = pytest.mark.usefixtures("small_parts")
every_run = pytest.mark.parametrize("run", systems.RUNS, ids=lambda run: run.name)
few_runs = pytest.mark.parametrize("run", systems.ON_RANKS, ids=lambda run: run.name)
MELT, PLANE, _, FLOW, _ = systems.ON_RANKS


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: Any) -> Callable[[Any], dict[str, Any]]:
    """What a run comes to which nothing stopped, and which wrote no checkpoints."""

    @cache
    def whole(run: Any) -> dict[str, Any]:
        folder = tmp_path_factory.mktemp("unbroken")
        simulation = run.simulation(folder)
        simulation.run(STEPS)
        if run.system is not systems.dust:
            assert simulation.describe()["list_builds"] > 1
        outcome: dict[str, Any] = run.outcome(simulation, folder)
        assert outcome["thermo"].count("\n") == 2 + STEPS // systems.ROW_EVERY
        assert [frame[0] for frame in outcome["frames"]] == list(range(0, STEPS + 1, systems.FRAME_EVERY))
        return outcome

    return whole


def stopped(run: Any, folder: Path, stop: int, **options: Any) -> Path:
    """The checkpoints of a run that was to take all steps and was stopped after so many."""
    saved = folder / "run.ckpt"
    systems.run_until(run.simulation(folder, 1, motes.Checkpoint(saved, **options)), stop, STEPS)
    return saved


def steps_in(saved: Path) -> list[int]:
    return sorted(int(path.name.removeprefix("step-")) for path in saved.glob("step-*"))


@every_run
@pytest.mark.parametrize("stop", [50, 57], ids=["at the checkpoint", "beyond it"])
def test_goes_on_to_the_same_end(run: Any, stop: int, tmp_path: Path, unbroken: Any) -> None:
    saved = stopped(run, tmp_path, stop)
    simulation = run.resume(saved, threads=2, skin=0.3)
    assert (simulation.step, simulation.steps_left) == (50, STEPS - 50)
    simulation.run(simulation.steps_left)
    assert simulation.steps_left == 0
    assert run.outcome(simulation, tmp_path) == unbroken(run)


@every_run
def test_a_checkpoint_is_the_state_of_its_moment(run: Any, tmp_path: Path) -> None:
    """Also before a step is taken; and forces and energies are not kept, but follow."""
    simulation = run.simulation(tmp_path)
    simulation.run(37)
    checkpoint = simulation.save(tmp_path / "by hand.ckpt")
    assert checkpoint == tmp_path / "by hand.ckpt" / "step-37"
    again = run.resume(checkpoint, threads=2)
    assert run.outcome(again, tmp_path) == run.outcome(simulation, tmp_path)
    assert (again.box.boundary, again.box.spacing) == (simulation.box.boundary, simulation.box.spacing)
    assert np.array_equal([again.box.lengths, again.box.origin], [simulation.box.lengths, simulation.box.origin])


@few_runs
def test_stopped_again_and_again(run: Any, tmp_path: Path, unbroken: Any) -> None:
    """With and without a new checkpoint on the way, and twice from the same one."""
    saved = stopped(run, tmp_path, 13)
    for number, (begin, stop) in enumerate([(10, 27), (20, 33), (30, 38), (30, 39), (30, 70), (70, 89)]):
        simulation = run.resume(saved, threads=1 + number % 2, skin=[None, 0.0, 0.3][number % 3])
        assert (simulation.step, simulation.steps_left) == (begin, STEPS - begin)
        systems.run_until(simulation, stop, simulation.steps_left)
        del simulation
    simulation = run.resume(saved)
    simulation.run(simulation.steps_left)
    assert run.outcome(simulation, tmp_path) == unbroken(run)


@few_runs
def test_stopped_before_the_first_step(run: Any, tmp_path: Path, unbroken: Any) -> None:
    saved = stopped(run, tmp_path, 3)
    assert steps_in(saved) == [0]
    simulation = run.resume(saved)
    simulation.run(simulation.steps_left)
    assert run.outcome(simulation, tmp_path) == unbroken(run)


def test_from_an_earlier_checkpoint(tmp_path: Path, unbroken: Any) -> None:
    saved = stopped(MELT, tmp_path, 57, keep=4)
    assert steps_in(saved) == [20, 30, 40, 50]
    simulation = MELT.resume(saved / "step-30")
    assert (simulation.step, simulation.steps_left) == (30, STEPS - 30)
    simulation.run(simulation.steps_left)
    assert MELT.outcome(simulation, tmp_path) == unbroken(MELT)
    assert steps_in(saved) == [60, 70, 80, 90]
    simulation = MELT.resume(saved)
    assert (simulation.step, simulation.steps_left) == (STEPS, 0)
    assert MELT.outcome(simulation, tmp_path) == unbroken(MELT)


def test_from_an_earlier_checkpoint_and_stopped_before_the_later(tmp_path: Path, unbroken: Any) -> None:
    """The files are cut back to the earlier one, so the later ones do not fit them any more, and go as well."""
    saved = stopped(MELT, tmp_path, 57, keep=4)
    systems.run_until(MELT.resume(saved / "step-20"), 34, STEPS - 20)
    assert steps_in(saved) == [20, 30]
    simulation = MELT.resume(saved)
    assert (simulation.step, simulation.steps_left) == (30, STEPS - 30)
    simulation.run(simulation.steps_left)
    assert MELT.outcome(simulation, tmp_path) == unbroken(MELT)


def test_two_folders_of_checkpoints(tmp_path: Path, unbroken: Any) -> None:
    """A few for the case that something happens, and some to keep."""
    simulation = MELT.simulation(tmp_path, 1, motes.Checkpoint(tmp_path / "run.ckpt"))
    simulation.every(20, motes.Checkpoint(tmp_path / "kept.ckpt", keep=100))
    systems.run_until(simulation, 57, STEPS)
    simulation = MELT.resume(tmp_path / "kept.ckpt")
    assert simulation.step == 40
    systems.run_until(simulation, 63, simulation.steps_left)
    simulation = MELT.resume(tmp_path / "run.ckpt")
    assert simulation.step == 60
    simulation.run(simulation.steps_left)
    assert MELT.outcome(simulation, tmp_path) == unbroken(MELT)
    assert steps_in(tmp_path / "kept.ckpt") == [0, 20, 40, 60, 80]


def test_further_than_was_asked_for(tmp_path: Path, unbroken: Any) -> None:
    """A checkpoint knows the end of its run, and may be gone on with to another one."""
    simulation = MELT.simulation(tmp_path, 1, motes.Checkpoint(tmp_path / "run.ckpt"))
    simulation.run(60)
    simulation = MELT.resume(tmp_path / "run.ckpt")
    assert simulation.steps_left == 0
    simulation.run(STEPS - 60)
    assert MELT.outcome(simulation, tmp_path) == unbroken(MELT)


@pytest.mark.parametrize("system", [systems.mixture, systems.plane, systems.cloud, systems.dust])
def test_back_through_a_resume(system: Any, tmp_path: Path) -> None:
    run = systems.Run(system, "VelocityVerlet")
    simulation = run.simulation(tmp_path)
    positions, velocities = simulation.positions, simulation.velocities
    simulation.run(40)
    simulation = run.resume(simulation.save(tmp_path / "there"), threads=2, skin=0.3)
    simulation.run(60)
    assert (simulation.positions != positions).any(axis=1).all()
    simulation.velocities = -simulation.velocities
    simulation.run(25)
    simulation = run.resume(simulation.save(tmp_path / "back"))
    simulation.run(75)
    assert (simulation.positions == positions).all()
    assert (simulation.velocities == -velocities).all()


@pytest.mark.parametrize("interval", [1, 7, 10, 25])
def test_functions_see_every_step_once(interval: int, tmp_path: Path) -> None:
    simulation = MELT.simulation(tmp_path, 1, motes.Checkpoint(tmp_path / "run.ckpt"))
    before: list[int] = []
    after: list[int] = []
    simulation.every(interval, lambda frame: before.append(frame.step))
    simulation.run(50)
    simulation = MELT.resume(tmp_path / "run.ckpt")
    simulation.every(interval, lambda frame: after.append(frame.step))
    simulation.run(STEPS - 50)
    assert before + after == list(range(0, STEPS + 1, interval))


def test_functions_and_steps_that_are_repeated(tmp_path: Path) -> None:
    """The steps beyond the checkpoint are taken again, and seen again."""
    simulation = MELT.simulation(tmp_path, 1, motes.Checkpoint(tmp_path / "run.ckpt"))
    seen: list[tuple[int, str]] = []
    simulation.every(3, lambda frame: seen.append((frame.step, frame.fingerprint)))
    systems.run_until(simulation, 57, STEPS)
    simulation = MELT.resume(tmp_path / "run.ckpt")
    again: list[tuple[int, str]] = []
    simulation.every(3, lambda frame: again.append((frame.step, frame.fingerprint)))
    simulation.run(simulation.steps_left)
    assert [step for step, _ in again] == list(range(51, STEPS + 1, 3))
    assert again[:3] == seen[-3:]


def test_keep(tmp_path: Path) -> None:
    saved = tmp_path / "run.ckpt"
    simulation = MELT.simulation(tmp_path, 1, motes.Checkpoint(saved, keep=3))
    there: list[list[int]] = []
    simulation.every(CHECKPOINT_EVERY, lambda _: there.append(steps_in(saved)))  # before the new one is written
    simulation.run(60)
    assert [*there, steps_in(saved)] == [
        [], [0], [0, 10], [0, 10, 20], [10, 20, 30], [20, 30, 40], [30, 40, 50], [40, 50, 60],
    ]  # fmt: skip
    MELT.resume(saved).run(15)
    assert steps_in(saved) == [50, 60, 70]  # it still knows how many to keep


def test_a_new_run_does_not_replace_another(tmp_path: Path, unbroken: Any) -> None:
    saved = stopped(MELT, tmp_path, 57)
    (tmp_path / "other").mkdir()
    with pytest.raises(motes.InputError, match=r"run\.ckpt has checkpoints of an earlier run: go on .*--overw"):
        MELT.simulation(tmp_path / "other", checkpoint=motes.Checkpoint(saved)).run(1)
    assert steps_in(saved) == [40, 50]
    simulation = MELT.resume(saved)
    simulation.run(simulation.steps_left)
    assert MELT.outcome(simulation, tmp_path) == unbroken(MELT)


def test_overwrite(tmp_path: Path) -> None:
    saved = stopped(MELT, tmp_path, 57)
    (tmp_path / "another").mkdir()
    checkpoint = motes.Checkpoint(saved, overwrite=True)
    assert steps_in(saved) == [40, 50]  # until it begins
    systems.run_until(PLANE.simulation(tmp_path / "another", 1, checkpoint), 13, STEPS)
    assert steps_in(saved) == [0, 10]
    assert len(PLANE.resume(saved)) == 300


@pytest.fixture(scope="module")
def on_one_rank(on_ranks: Any, tmp_path_factory: Any) -> dict[str, Any]:
    """What all runs come to, unbroken, without mpiexec."""
    done = on_ranks.run(None, SCRIPT, "whole", 1, tmp_path_factory.mktemp("whole"), timeout=SECONDS)
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(("first", "second"), [(1, 3), (2, 1), (4, 2)])
def test_on_another_number_of_ranks(
    first: int, second: int, on_ranks: Any, on_one_rank: dict[str, Any], tmp_path: Path
) -> None:
    begun = on_ranks.run(first, SCRIPT, "begin", 1, tmp_path, timeout=SECONDS)
    assert (begun.returncode, begun.stderr) == (0, "")
    for run in systems.ON_RANKS:
        files = {path.name for path in (tmp_path / f"{run.name}.ckpt" / "step-50").iterdir()}
        assert files == {"manifest.json", *(f"rank-{rank}.npy" for rank in range(first))}
    done = on_ranks.run(second, SCRIPT, "go-on", 2, tmp_path, timeout=SECONDS)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    for name, expected in on_one_rank.items():
        assert found[name] == {**expected, "ranks": second}, name


def test_saved_between_two_observers_of_one_step(tmp_path: Path) -> None:
    """The row of this step is there already, the frame is not: each comes once."""
    interactions = [motes.Pair(motes.potentials.lennard_jones, cutoff=2.0, epsilon=1.0, sigma=1.0)]
    particles = motes.fcc(3, 0.8, temperature=1.0, seed=1)
    simulation = motes.Simulation(particles, motes.VelocityVerlet(0.002), interactions, threads=1)
    simulation.every(10, motes.Thermo(tmp_path / "a.csv"))
    simulation.every(10, lambda frame: frame.save(tmp_path / "run.ckpt") if frame.step == 20 else None)
    simulation.every(10, motes.Trajectory(tmp_path / "a.gsd"))
    simulation.run(30)
    simulation = motes.resume(tmp_path / "run.ckpt", interactions)
    simulation.run(simulation.steps_left)
    rows = (tmp_path / "a.csv").read_text().splitlines()[1:]
    assert [int(row.split(",")[0]) for row in rows] == [0, 10, 20, 30]
    with gsd.hoomd.open(tmp_path / "a.gsd") as frames:
        assert [int(frame.configuration.step) for frame in frames] == [0, 10, 20, 30]


def test_what_was_saved_before_velocities_changed_is_saved_anew(tmp_path: Path) -> None:
    particles = motes.fcc(3, 0.8, temperature=1.0, seed=1)
    simulation = motes.Simulation(particles, motes.VelocityVerlet(0.002), threads=1)
    checkpoint = motes.Checkpoint(tmp_path / "run.ckpt")
    simulation.every(10, checkpoint)
    simulation.run(10)
    simulation.velocities = -simulation.velocities
    checkpoint.write(Frame(simulation))
    checkpoint.finish()
    assert motes.resume(tmp_path / "run.ckpt").fingerprint == simulation.fingerprint
