"""Functions for sweeps to run. Workers import them, so they are at the top level of a module of their own."""

from __future__ import annotations

import io
import os
import signal
import time
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import motes
import motes.core.progress


def bump(r: Any, height: Any) -> Any:
    return height * (1 - r * r) ** 3


def measure(height: float, count: int = 300, seed: int = 0, pause: float = 0.0) -> dict[str, Any]:
    """A short run of soft spheres, whose every bit depends on its parameters and seed."""
    time.sleep(pause)
    box = motes.Box([6.0, 6.0, 6.0])
    particles = motes.random(count, box, seed)
    pair = motes.Pair(bump, 1.0, height=height)
    sim = motes.Simulation(particles, motes.Langevin(0.01, temperature=1.0, friction=1.0, seed=seed), [pair])
    sim.run(20)
    return {"energy": sim.potential_energy, "fingerprint": sim.fingerprint}


GRID = {"height": [2.0, 4.0, 8.0], "count": [200, 300]}
REPEATS = 2


def plain_loop() -> list[dict[str, Any]]:
    """What every executor must come to."""
    from motes.sweeps.runs import plan_runs

    runs = plan_runs(GRID, REPEATS, seed=5)
    return [run.head | measure(seed=run.seed, **run.parameters) for run in runs]


def square(x: float) -> float:
    return x * x


def power(x: float, exponent: int = 2) -> float:
    return x**exponent


def seeded(x: int, seed: int) -> dict[str, int]:
    return {"twice": 2 * x, "got": seed}


def slow_first(x: int) -> int:
    """The earlier it begins, the later it ends."""
    time.sleep(0.3 if x == 0 else 0.0)
    return x


def fussy(x: int) -> int:
    if x < 0:
        raise ValueError(f"x is {x},\nwhich is negative")
    return x


def counted(x: int, folder: str) -> dict[str, Any]:
    """Leave a mark of every call. A negative x fails, unless the folder says that it may not."""
    with (Path(folder) / str(x)).open("a") as file:
        file.write("called\n")
    if x < 0 and not (Path(folder) / "mended").exists():
        raise ValueError("negative")
    return {"half": x / 2, "text": f"{x}", "list": [x, None, "a,b"], "yes": True, "nothing": None, "empty": ""}


def deadly(x: int, folder: str) -> int:
    """The first time that x is 2, the process is killed amid the run."""
    mark = Path(folder) / "killed"
    if x == 2 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)
    return x


def surroundings(x: int) -> dict[str, Any]:  # noqa: ARG001  # to have something to vary
    """What a run finds around it."""
    from motes.core.threads import Team

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    with redirect_stderr(Terminal()), motes.core.progress.progress_bar(3) as show:
        bar = show is not motes.core.progress.show_nothing
    return {"team": Team().threads, "variable": os.environ.get("MOTES_THREADS", ""), "bar": bar, "process": os.getpid()}


def odd(x: int) -> Any:
    """Results that are no plain numbers."""
    import numpy as np

    return [
        np.float64(1.5),
        {"a": np.arange(3), "b": np.int32(x), "c": (1, 2)},
        None,
        {"x": 1},
        {1: 2},
        {"a": object()},
    ][x]


def columns_differ(x: int) -> dict[str, int]:
    if x == 0:
        raise ValueError("first")
    return {f"result {x}": x}


def forever(x: int, folder: str) -> int:
    """Tell the process, then stay."""
    (Path(folder) / f"worker {os.getpid()}").touch()
    time.sleep(0.0 if x < 2 else 600.0)
    return x
