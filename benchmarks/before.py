"""This Motes against another one, such as that of an earlier commit: time a step of the same melt, memory, and start.

    python benchmarks/before.py path/to/other/.venv/bin/python [--rounds 5]

Both sides run this file, each in processes of its own. The particles are those of an fcc lattice of density 0.8442 at
temperature 1.44, with Lennard-Jones cut off at 2.5, in float64.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import startup
from common import Result, interleaved

STEPS = {5: 2000, 10: 300, 20: 40}
"""Cells along an edge, of four particles each, and the steps of a stretch; the best of three stretches counts."""

WAYS = {"one thread": (1, 1), "two threads": (1, 2), "two ranks": (2, 1)}

STARTS = {"first": "first step ever", "second": "first step again", "second_no_step": "no step"}
"""The waits that startup.py times."""


def lennard_jones(r: float, epsilon: float, sigma: float) -> float:
    """As a user writes it."""
    return 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)


def run(cells: int, steps: int, threads: int) -> Result:
    """Microseconds a step, and the peak size of this process in GB."""
    import motes

    particles = motes.fcc(cells, 0.8442, temperature=1.44, seed=1)
    pair = motes.Pair(lennard_jones, cutoff=2.5, epsilon=1.0, sigma=1.0)
    simulation = motes.Simulation(particles, motes.VelocityVerlet(0.005), [pair], threads=threads)
    del particles
    simulation.run(steps // 3)
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        simulation.run(steps)
        times.append(time.perf_counter() - begun)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    return {"microseconds": 1e6 * min(times) / steps, "peak_GB": peak}


def elsewhere(python: Path, ranks: int, *numbers: int) -> Result:
    """The same by another Python, on so many ranks."""
    launcher = [str(python.with_name("mpiexec")), "-n", str(ranks)] if ranks > 1 else []
    command = [*launcher, str(python), __file__, "run", *map(str, numbers)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result: Result = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    """Time by time, size by size, then the memory of 4 million particles and the waits to a first step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path, help="the Python of the other Motes")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    sides = {"other": asked.other.absolute(), "this": Path(sys.executable)}
    print("| particles | way | other | this | this / other |\n|---|---|---|---|---|")
    for cells, steps in STEPS.items():
        for way, (ranks, threads) in WAYS.items():
            cases = {name: partial(elsewhere, python, ranks, cells, steps, threads) for name, python in sides.items()}
            results = interleaved(cases, asked.rounds)
            found = {name: min(one["microseconds"] for one in runs) for name, runs in results.items()}
            ratio = found["this"] / found["other"]
            print(f"| {4 * cells**3:,} | {way} | {found['other']:.1f} us | {found['this']:.1f} us | {ratio:.3f} |")
    other, this = (elsewhere(python, 1, 100, 4, 2)["peak_GB"] for python in sides.values())
    print(f"| 4,000,000 | memory | {other:.2f} GB | {this:.2f} GB | {this / other:.3f} |")
    waits = interleaved(
        {name: partial(startup.first_and_second, python) for name, python in sides.items()}, asked.rounds
    )
    for figure, told in STARTS.items():
        other, this = (min(one[figure] for one in waits[name]) for name in ("other", "this"))
        print(f"| melt of `motes run` | {told} | {other:.2f} s | {this:.2f} s | {this / other:.3f} |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["run"]:
        print(json.dumps(run(*map(int, sys.argv[2:]))))
    else:
        main()
