"""How long a user waits: from `motes run` to the first step, as whole processes.

    python benchmarks/startup.py [--rounds 3]

`motes run melt.toml --steps 1` is timed from start to exit, which includes a little more than the first step.
"First time ever" has empty cache folders, so that everything is compiled; "second time" runs again with the
caches the first one left. `--steps 0` shows how much of the wait is not the step. Files are in the system's
own cache in all cases.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import MELT, Figure, Result, command, interleaved

INPUT = f"""
[particles]
read = '{MELT}'

[[interactions]]
kind = "pair"
energy = "4*epsilon*((sigma/r)**12 - (sigma/r)**6)"
cutoff = 2.5
epsilon = 1.0
sigma = 1.0

[integrator]
kind = "velocity-verlet"
dt = 0.005

[run]
steps = 1
"""


def wait(folder: Path, steps: int, python: Path = Path(sys.executable)) -> float:
    """Seconds of one `motes run`, beside this Python, that keeps all its caches in a folder."""
    environment = {
        **os.environ,
        "NUMBA_CACHE_DIR": str(folder / "numba"),
        "MOTES_CACHE": str(folder / "motes"),
    }
    run = [str(python.parent / "motes"), "run", "melt.toml", "--steps", str(steps)]
    begin = time.perf_counter()
    done = subprocess.run(run, check=False, cwd=folder, env=environment, capture_output=True, text=True)
    seconds = time.perf_counter() - begin
    if done.returncode != 0:
        raise RuntimeError(f"motes run failed:\n{done.stdout[-1000:]}{done.stderr[-1000:]}")
    return seconds


def first_and_second(python: Path = Path(sys.executable)) -> Result:
    """The waits of one user with a new cache folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "melt.toml").write_text(INPUT)
        return {
            "first": wait(folder, steps=1, python=python),
            "second": wait(folder, steps=1, python=python),
            "second_no_step": wait(folder, steps=0, python=python),
        }


def measure(rounds: int) -> list[Figure]:
    """The waits in seconds, best round of each."""
    results = interleaved({"motes run": first_and_second}, rounds)["motes run"]
    best = {key: min(result[key] for result in results) for key in results[0]}
    return [
        Figure("`motes run` to the first step, second time", best["second"], 2.5, 1.5, "s", more=False),
        Figure("`motes run` to the first step, first time ever", best["first"], 15, 6, "s", more=False),
        Figure("`motes run` of no step, second time", best["second_no_step"], unit="s", more=False),
    ]


if __name__ == "__main__":
    command(measure, __doc__)
