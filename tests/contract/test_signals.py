"""Told to stop, a run finishes what it is about, writes a checkpoint, says so in one line, and can go on from there."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parent))
    jobs = import_module("jobs_to_stop")
    import_module("systems_to_resume")  # which the other one needs when the path is as it was

STEPS = 2500
NUMBERS = {"cells": 5, "steps": STEPS, "every": 50}
SOON = 20.0
BOTH = pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"])

SCRIPT = """
import sys, time
import motes

def lennard_jones(r, epsilon, sigma):
    return 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)

pair = motes.Pair(lennard_jones, cutoff=2.5, epsilon=1.0, sigma=1.0)
if sys.argv[1:] == ["go on"]:
    sim = motes.resume("run.ckpt", [pair], threads=1)
    sim.run(sim.steps_left)
else:
    particles = motes.fcc(cells=5, density=0.8, temperature=1.0, seed=1)
    langevin = motes.Langevin(0.004, temperature=1.0, friction=0.5, seed=3)
    sim = motes.Simulation(particles, langevin, [pair], threads=1)
    sim.every(5, motes.Thermo("thermo.csv"))
    sim.every(10, motes.Trajectory("frames.gsd"))
    sim.every(1000, motes.Checkpoint("run.ckpt"))
    sim.run({steps})
print("fingerprint ", sim.fingerprint)
"""

SLOW = """
import time
import motes

def nap(frame):
    print("asleep", flush=True)
    time.sleep(60)

sim = motes.Simulation(motes.fcc(cells=3, density=0.8), motes.VelocityVerlet(0.001), threads=1)
sim.every(1, nap{checkpoint})
sim.run(10)
"""


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)


def rows(folder: Path) -> int:
    """Lines of the table so far."""
    table = folder / "thermo.csv"
    return table.read_text().count("\n") if table.exists() else 0


def stopped(
    folder: Path, number: signal.Signals, *arguments: Any, ready: Callable[[], Any], whom: Callable[[int], int] = int
) -> tuple[int, str]:
    """Status and complaints of a process that got a signal when it was ready."""
    with jobs.started(folder, *arguments) as process:
        jobs.wait_until(ready, process)
        os.kill(whom(process.pid), number)
        status: int = process.wait(timeout=SOON)
    return status, (folder / "complained").read_text()


def step_in(complaint: str, number: signal.Signals, way: str, steps: int = STEPS) -> int:
    """The step of the one line that is said of a signal."""
    complaint = re.sub(r"motes: 3 ranks on .*\n", "", complaint)  # on a machine with fewer cores
    line = re.fullmatch(rf"motes: stopped by {number.name} at step (\d+) of {steps}; go on with {way}\n", complaint)
    assert line, complaint
    return int(line[1])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: Any) -> dict[str, Any]:
    """What the run comes to if nobody stops it; the script's is the same one."""
    folder = tmp_path_factory.mktemp("whole")
    write(folder, "fluid.toml", jobs.FLUID.format(**NUMBERS))
    outcome: dict[str, Any] = jobs.outcome(folder, jobs.finished(folder, *jobs.command("run", "fluid.toml")))
    return outcome


def goes_on(folder: Path, saved: str, step: int, whole: dict[str, Any], *options: Any) -> None:
    """From that step, to the same end."""
    assert jobs.newest(folder / saved) == step
    said = jobs.finished(folder, *jobs.command("resume", saved, *options))
    assert jobs.first_step(said) == step
    assert jobs.outcome(folder, said) == whole


@BOTH
@pytest.mark.parametrize("table", ["with a table", "without one"])
def test_an_input_file(table: str, number: Any, status: int, tmp_path: Path, whole: Any) -> None:
    """Without a [checkpoint] table there is one only if the run is stopped, and named after the file."""
    text, saved = (jobs.FLUID + jobs.CHECKPOINT, "run.ckpt") if table == "with a table" else (jobs.FLUID, "fluid.ckpt")
    write(tmp_path, "fluid.toml", text.format(**NUMBERS))
    found, complaint = stopped(
        tmp_path, number, *jobs.command("run", "fluid.toml", "--threads", 1), ready=lambda: rows(tmp_path) > 60
    )
    assert found == status
    step = step_in(complaint, number, f"motes resume {saved}")
    assert 300 <= step < STEPS
    goes_on(tmp_path, saved, step, whole, "--threads", 2)


def test_an_input_file_that_nobody_stops_leaves_no_checkpoint(tmp_path: Path) -> None:
    write(tmp_path, "fluid.toml", jobs.FLUID.format(cells=3, steps=20))
    jobs.finished(tmp_path, *jobs.command("run", "fluid.toml"))
    assert not (tmp_path / "fluid.ckpt").exists()


def test_stopped_again_and_again(tmp_path: Path, whole: Any) -> None:
    """A resumed run stops as well as any."""
    write(tmp_path, "fluid.toml", (jobs.FLUID + jobs.CHECKPOINT).format(**NUMBERS))
    arguments, step = ["run", "fluid.toml"], 0
    for number, status, least in ((signal.SIGTERM, 143, 60), (signal.SIGINT, 130, 140), (signal.SIGTERM, 143, 220)):
        found, complaint = stopped(
            tmp_path, number, *jobs.command(*arguments, "--quiet"), ready=lambda least=least: rows(tmp_path) > least
        )
        assert found == status
        step, before = step_in(complaint, number, r"motes resume run\.ckpt"), step
        assert step > before
        arguments = ["resume", "run.ckpt"]
    goes_on(tmp_path, "run.ckpt", step, whole)


@BOTH
@pytest.mark.parametrize("how", ["motes run", "python"])
def test_a_script(how: str, number: Any, status: int, tmp_path: Path, whole: Any) -> None:
    write(tmp_path, "script.py", SCRIPT.format(steps=STEPS))
    start = jobs.command("run") if how == "motes run" else [sys.executable]
    found, complaint = stopped(tmp_path, number, *start, "script.py", ready=lambda: rows(tmp_path) > 60)
    line, *trace = complaint.splitlines(keepends=True)
    step = step_in(line, number, r"motes\.resume\('run\.ckpt', interactions=\[\.\.\.\]\)")
    if (how, number) == ("python", signal.SIGINT):
        assert found == -signal.SIGINT  # as Python itself ends; shells make 130 of it
        assert trace[-1] == "KeyboardInterrupt\n"
    else:
        assert (found, trace) == (status, [])
    assert jobs.newest(tmp_path / "run.ckpt") == step
    said = jobs.finished(tmp_path, sys.executable, "script.py", "go on")
    assert jobs.outcome(tmp_path, said) == whole


@BOTH
@pytest.mark.usefixtures("on_ranks")  # which knows whether there is an MPI
def test_three_ranks(number: Any, status: int, tmp_path: Path, whole: Any) -> None:
    """The launcher passes the signal on, and then the status back; the run goes on on one rank."""
    write(tmp_path, "fluid.toml", (jobs.FLUID + jobs.CHECKPOINT).format(**NUMBERS))
    arguments = jobs.command("run", "fluid.toml", "--ranks", 3, "--threads", 1)
    found, complaint = stopped(tmp_path, number, *arguments, ready=lambda: jobs.newest(tmp_path / "run.ckpt") >= 50)
    assert found == status
    goes_on(tmp_path, "run.ckpt", step_in(complaint, number, r"motes resume run\.ckpt"), whole)


@pytest.mark.parametrize("other", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_at_once_is_the_same(other: Any, tmp_path: Path, whole: Any) -> None:
    """Launchers pass on what all processes got."""
    write(tmp_path, "fluid.toml", jobs.FLUID.format(**NUMBERS))
    with jobs.started(tmp_path, *jobs.command("run", "fluid.toml")) as process:
        jobs.wait_until(lambda: rows(tmp_path) > 60, process)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.001)
        process.send_signal(other)
        status = process.wait(timeout=SOON)
    # Of two that wait while compiled code runs, Python takes the lower number first.
    first = other if status == 128 + other else signal.SIGTERM
    assert status == 128 + first
    step = step_in((tmp_path / "complained").read_text(), first, r"motes resume fluid\.ckpt")
    goes_on(tmp_path, "fluid.ckpt", step, whole)


@BOTH
def test_who_insists_is_obeyed_at_once(number: Any, status: int, tmp_path: Path) -> None:
    """Nothing is written any more, and what is there stays good."""
    write(tmp_path, "slow.py", SLOW.format(checkpoint=', motes.Checkpoint("run.ckpt")'))
    with jobs.started(tmp_path, *jobs.command("run", "slow.py")) as process:
        jobs.wait_until(lambda: "asleep" in (tmp_path / "said").read_text(), process)
        process.send_signal(number)
        time.sleep(1.2)
        assert process.poll() is None  # it waits for the function
        process.send_signal(number)
        assert process.wait(timeout=5) in (status, -number)  # shells make the same of both
    assert (tmp_path / "complained").read_text() == ""
    assert jobs.steps_in(tmp_path / "run.ckpt") == []


@BOTH
def test_without_a_checkpoint_it_says_that_nothing_was_saved(number: Any, status: int, tmp_path: Path) -> None:
    write(tmp_path, "slow.py", SLOW.format(checkpoint="").replace("time.sleep(60)", "time.sleep(0.1)"))
    said = tmp_path / "said"
    found, complaint = stopped(
        tmp_path, number, *jobs.command("run", "slow.py"), ready=lambda: said.exists() and "asleep" in said.read_text()
    )
    assert found == status
    assert re.fullmatch(rf"motes: stopped by {number.name} at step \d+ of 10; nothing was saved: .*\n", complaint)


@pytest.mark.usefixtures("on_ranks")
@pytest.mark.parametrize("later", [0.2, 0.3, 0.45, 0.6, 0.7, 0.8, 0.95])
def test_ranks_that_are_just_joining_end_as_well(later: float, tmp_path: Path) -> None:
    """Whenever it comes: nobody is left behind who waits for the others."""
    write(tmp_path, "fluid.toml", jobs.FLUID.format(**NUMBERS | {"steps": 10**6}))
    with jobs.started(tmp_path, *jobs.command("run", "fluid.toml", "--ranks", 2, "--threads", 1)) as process:
        time.sleep(later)
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(timeout=SOON) != 0
        except subprocess.TimeoutExpired:
            # MPICH's own mpiexec now and then loses a signal that comes while it starts its ranks: then they run, and
            # the next one ends them; or it waits for ever without any.
            if ranks_in(tmp_path):
                process.send_signal(signal.SIGINT)
                process.wait(timeout=SOON)
            assert ranks_in(tmp_path) == []
            process.kill()


def ranks_in(folder: Path) -> list[str]:
    """The commands of the Python processes that work in a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0")
            if b"python" in Path(command[0].decode()).name.encode() and (entry / "cwd").readlink() == folder:
                found.append(b" ".join(command).decode())
        except OSError:  # it has ended meanwhile
            continue
    return found
