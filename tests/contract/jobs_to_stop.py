"""A run of the command line that writes all it can, to be stopped in every way and compared with one that was not."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

SECONDS = 60.0
"""For whatever should not take nearly as long, on a busy machine."""

FLUID = """
[particles]
lattice = "fcc"
cells = {cells}
density = 0.8
temperature = 1.0
seed = 1

[[interactions]]
kind = "pair"
name = "lennard-jones"
cutoff = 2.5
sigma = 1.0
epsilon = 1.0

[integrator]
kind = "langevin"
dt = 0.004
temperature = 1.0
friction = 0.5
seed = 3

[run]
steps = {steps}

[thermo]
every = 5
path = "thermo.csv"

[trajectory]
every = 10
path = "frames.gsd"
"""

CHECKPOINT = """
[checkpoint]
every = {every}
path = "run.ckpt"
"""


def command(*arguments: Any) -> list[str]:
    """`motes` and its arguments."""
    return [sys.executable, "-m", "motes", *map(str, arguments)]


@contextmanager
def started(folder: Path, *arguments: Any) -> Iterator[subprocess.Popen[str]]:
    """A process that works in a folder, and leaves what it says in the files `said` and `complained` there."""
    with (folder / "said").open("w") as said, (folder / "complained").open("w") as complained:
        process = subprocess.Popen(
            list(map(str, arguments)), stdin=subprocess.DEVNULL, stdout=said, stderr=complained, text=True, cwd=folder
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(timeout=SECONDS)


def finished(folder: Path, *arguments: Any, status: int = 0) -> str:
    """What a process says that runs to its end."""
    with started(folder, *arguments) as process:
        assert process.wait(timeout=SECONDS) == status, (folder / "complained").read_text()
    return (folder / "said").read_text()


def wait_until(condition: Callable[[], Any], process: subprocess.Popen[str], pause: float = 0.002) -> None:
    """Look again and again, as long as the process runs."""
    until = time.monotonic() + SECONDS
    while not condition() and process.poll() is None:
        assert time.monotonic() < until, "it never came"
        time.sleep(pause)


def steps_in(folder: Path) -> list[int]:
    """The steps of all whole checkpoints."""
    found = (re.fullmatch(r"step-(\d+)", path.name) for path in folder.glob("step-*"))
    return sorted(int(match[1]) for match in found if match)


def newest(folder: Path) -> int:
    """The step of the last checkpoint, or -1."""
    return max(steps_in(folder), default=-1)


def first_step(said: str) -> int | None:
    """Where a run begins, as its header has it, if there is one."""
    row = re.search(r"^steps +\d+(?:, from step (\d+) on)?$", said, re.MULTILINE)
    return None if row is None else int(row[1] or 0)


def fingerprint(said: str) -> str:
    """At the end of a run, as its footer has it."""
    return re.findall(r"^fingerprint +(\w+)$", said, re.MULTILINE)[0]


def outcome(folder: Path, said: str) -> dict[str, Any]:
    """All that must be the same, whether the run was stopped or not."""
    return {
        "fingerprint": fingerprint(said),
        "thermo": (folder / "thermo.csv").read_text(),
        "frames": import_module("systems_to_resume").frames_in(folder / "frames.gsd"),
    }
