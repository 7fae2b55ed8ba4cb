"""What cannot go on, and what would harm another run: refused, with the reason in one line."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import motes

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parent))
    systems, jobs = import_module("systems_to_resume"), import_module("jobs_to_stop")

_, PLANE, _, FLOW, _ = systems.ON_RANKS


def stopped(run: Any, folder: Path) -> Path:
    """The checkpoints of a run that was to take all steps and was stopped beyond the second."""
    saved = folder / "run.ckpt"
    systems.run_until(run.simulation(folder, 1, motes.Checkpoint(saved)), 11, systems.STEPS)
    return saved


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Checkpoints of a run of the plane."""
    return stopped(PLANE, tmp_path)


def with_changed(interactions: list[Any], number: int, other: Any) -> list[Any]:
    return [*interactions[:number], other, *interactions[number + 1 :]]


HEIGHT = 4.0 + np.add.outer(np.arange(3), np.arange(3))
CHANGES = {
    "formula": (0, lambda: motes.Pair(lambda r, height, cutoff: height * (1 - r / cutoff) ** 2, 1.1, height=HEIGHT)),
    "parameter": (1, lambda: motes.Pair(systems.bump, 0.6, height=9.000001)),
    "one of a table": (0, lambda: motes.Pair(systems.bump, 1.1, height=HEIGHT + np.diag([0, 0, 1]))),
    "cutoff": (1, lambda: motes.Pair(systems.bump, 0.61, height=9.0)),
    "shift": (1, lambda: motes.Pair(systems.bump, 0.6, height=9.0, shift="energy")),
    "field": (2, lambda: motes.Field(lambda y, mass, g: mass * g * y * y, g={0: 0.1, 1: 0.2, 2: 0.3})),
    "parameter of a field": (2, lambda: motes.Field(lambda y, mass, g: mass * g * y, g={0: 0.1, 1: 0.2, 2: 0.4})),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_another_interaction_is_refused(change: str, saved: Path) -> None:
    number, other = CHANGES[change]
    with pytest.raises(
        motes.InputError,
        match=rf"^interaction {number + 1}, .* is not that of the checkpoint, .*: (that was|its formula)",
    ):
        motes.resume(saved, with_changed(PLANE.system()[1], number, other()))


def test_another_number_or_order_of_interactions_is_refused(saved: Path) -> None:
    interactions = PLANE.system()[1]
    with pytest.raises(motes.InputError, match=r"2 interactions are given and the checkpoint has 3 \(.*bump.*bump"):
        motes.resume(saved, interactions[:2])
    with pytest.raises(motes.InputError, match="0 interactions are given"):
        motes.resume(saved)
    with pytest.raises(motes.InputError, match=r"interaction 1, .* is not that of the checkpoint"):
        motes.resume(saved, [interactions[1], interactions[0], interactions[2]])


def test_the_same_function_in_other_words(saved: Path) -> None:
    """What is compared are the formulas and the numbers, not the code."""

    def other_name(r: Any, cutoff: Any, height: Any) -> Any:
        inside = 1 - (r / cutoff) ** 2
        return height * inside**3

    first, second, third = PLANE.system()[1]
    given = [motes.Pair(other_name, 1.1, height=HEIGHT.tolist()), motes.Pair(other_name, 0.6, height=9), third]
    assert motes.resume(saved, given).fingerprint == motes.resume(saved, [first, second, third]).fingerprint


@pytest.mark.parametrize(
    "other",
    [motes.VelocityVerlet(0.006), motes.Langevin(0.006, 1.0, 0.7, seed=6), motes.Langevin(0.0060001, 1.0, 0.7, seed=5)],
    ids=["kind", "seed", "dt"],
)
def test_another_integrator_is_refused(other: Any, saved: Path) -> None:
    with pytest.raises(
        motes.InputError, match=r"the integrator is not that of the checkpoint: that was Langevin\(dt=0"
    ):
        motes.resume(saved, PLANE.system()[1], other)


def test_a_flow_must_be_given_again(tmp_path: Path) -> None:
    saved = stopped(FLOW, tmp_path)
    with pytest.raises(motes.InputError, match=r"a run with Flow\(swirl.*\): give integrator=\.\.\. again"):
        motes.resume(saved)
    for other in (motes.Flow(systems.swirl, 0.01, "euler"), motes.Flow(lambda x, y: (y, x), 0.01, "rk4")):
        with pytest.raises(motes.InputError, match="the integrator is not that of the checkpoint"):
            motes.resume(saved, (), other)
    with pytest.raises(motes.InputError, match="the integrator is not that of the checkpoint"):
        motes.resume(saved, (), motes.VelocityVerlet(0.01))


class Own(motes.VelocityVerlet):
    """As a user may write one."""


def test_so_must_an_integrator_of_the_users_class(tmp_path: Path) -> None:
    particles = motes.fcc(2, 0.8, temperature=1.0, seed=1)
    simulation = motes.Simulation(particles, Own(0.004), threads=1)
    saved = tmp_path / "own.ckpt"
    simulation.every(5, motes.Checkpoint(saved))
    simulation.run(10)
    with pytest.raises(motes.InputError, match=r"a run with Own: give integrator=\.\.\. again"):
        motes.resume(saved)
    with pytest.raises(motes.InputError, match=r"that was Own\(dt=0.004\), and this is Own\(dt=0.005\)"):
        motes.resume(saved, (), Own(0.005))
    assert motes.resume(saved, (), Own(0.004)).fingerprint == simulation.fingerprint


def test_where_there_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(motes.InputError, match=r"nowhere: there is no such folder"):
        motes.resume(tmp_path / "nowhere")
    with pytest.raises(motes.InputError, match="there is no checkpoint in this folder"):
        motes.resume(tmp_path)
    (tmp_path / "step-10.tmp").mkdir()
    with pytest.raises(motes.InputError, match="there is no checkpoint in this folder"):
        motes.resume(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(motes.InputError, match="this is no folder of checkpoints"):
        motes.resume(tmp_path / "file")


def test_a_refused_resume_touches_nothing(saved: Path, tmp_path: Path) -> None:
    def contents() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    before = contents()
    with pytest.raises(motes.InputError):
        motes.resume(saved, PLANE.system()[1][:2])
    PLANE.resume(saved)  # nor does one that is not run
    assert contents() == before


def refused(folder: Path, *arguments: Any) -> str:
    """What the command line says of bad input."""
    assert jobs.finished(folder, *jobs.command(*arguments), status=2) == ""
    return (folder / "complained").read_text()


def test_the_checkpoint_of_a_script_is_not_for_the_command_line(saved: Path, tmp_path: Path) -> None:
    complaint = refused(tmp_path, "resume", saved)
    assert re.fullmatch(
        r"motes: error: .*run\.ckpt: this checkpoint is of a Python script: .*motes\.resume.*\n", complaint
    )


def test_the_command_line_where_there_is_no_checkpoint(tmp_path: Path) -> None:
    complaint = refused(tmp_path, "resume", "nowhere.ckpt")
    assert re.fullmatch(r"motes: error: .*nowhere\.ckpt: there is no such folder\n", complaint)


@pytest.fixture
def halted(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A run in a process of its own that has written checkpoints, and is held still in the middle."""
    (tmp_path / "fluid.toml").write_text((jobs.FLUID + jobs.CHECKPOINT).format(cells=3, steps=1500, every=100))
    (tmp_path / "halted").mkdir()
    with (tmp_path / "halted" / "said").open("w") as said:
        process = subprocess.Popen(jobs.command("run", "fluid.toml"), stdout=said, text=True, cwd=tmp_path)
    jobs.wait_until(lambda: jobs.steps_in(tmp_path / "run.ckpt"), process, pause=0)
    process.send_signal(signal.SIGSTOP)
    assert process.poll() is None, "it had ended already"
    yield process
    process.kill()
    process.wait(timeout=jobs.SECONDS)


def test_two_runs_do_not_share_a_folder(halted: Any, tmp_path: Path) -> None:
    """The second one is refused whatever it wants, and the first one never knows."""
    saved = tmp_path / "run.ckpt"
    there = {path: path.stat().st_mtime_ns for path in saved.rglob("*")}
    for *arguments, message in (
        (
            "run",
            "fluid.toml",
            "--set",
            "thermo.path=other.csv",
            "--set",
            "trajectory.path=other.gsd",
            "has checkpoints",
        ),
        ("resume", "run.ckpt", "is being written by another run"),
        ("run", "fluid.toml", "--overwrite", "is being written by another run"),
    ):
        complaint = refused(tmp_path, *arguments, "--quiet")
        assert re.fullmatch(rf"motes: error: .*{message}.*\n", complaint), complaint
    assert {path: path.stat().st_mtime_ns for path in saved.rglob("*")} == there
    halted.send_signal(signal.SIGCONT)
    assert halted.wait(timeout=jobs.SECONDS) == 0
    assert jobs.steps_in(saved) == [1400, 1500]
    found = jobs.outcome(tmp_path, (tmp_path / "halted" / "said").read_text())
    assert jobs.outcome(tmp_path, jobs.finished(tmp_path, *jobs.command("run", "fluid.toml", "--overwrite"))) == found


def test_only_the_checkpoints_are_shared(halted: Any, tmp_path: Path) -> None:
    """Another run with other files, told to overwrite: it may not take the checkpoints of the first."""
    there = {path: path.stat().st_mtime_ns for path in (tmp_path / "run.ckpt").rglob("*")}
    others = ("--set", "thermo.path=other.csv", "--set", "trajectory.path=other.gsd")
    complaint = refused(tmp_path, "run", "fluid.toml", *others, "--overwrite", "--quiet")
    assert re.fullmatch(r"motes: error: .*run\.ckpt is being written by another run.*\n", complaint), complaint
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "run.ckpt").rglob("*")} == there
    assert halted.poll() is None


def test_a_checkpoint_is_not_called_as_a_file_is() -> None:
    with pytest.raises(motes.InputError, match=r"a checkpoint is a folder, and \.gsd means .*call it run\.ckpt"):
        motes.Checkpoint("run.gsd")
    assert motes.Checkpoint("run").path.name == "run"
