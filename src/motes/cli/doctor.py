"""`motes doctor`: what Motes sees of the machine it is on."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from pathlib import Path

from llvmlite import binding

from motes.cli.report import table
from motes.cli.versions import version
from motes.core.cache import cache_folder, trouble
from motes.core.cores import available_cores, decided_by, usual_threads
from motes.core.errors import InputError

PACKAGES = ("motes", "numpy", "numba", "llvmlite", "sympy", "gsd")
# The widest vectors of float64 that a feature stands for, best first (names as LLVM gives them).
VECTORS = (("avx512f", 512), ("avx2", 256), ("avx", 256), ("neon", 128), ("sse2", 128))


def doctor() -> str:
    """A table of cores, vectors, threads, MPI, cache folder and versions."""
    rows = {
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "processor": processor(),
        "vectors": vectors(),
        "cores": f"{available_cores()} of {os.cpu_count()} usable ({decided_by()})",
        "threads": threads(),
        "MPI": mpi(),
        "cache": cache(),
        "Python": f"{platform.python_version()} ({sys.executable})",
        **{name: version(name) for name in PACKAGES},
    }
    return table(rows)


def processor() -> str:
    """The processor's family as LLVM knows it: the one that kernels are compiled for."""
    return str(binding.get_host_cpu_name())


def vectors() -> str:
    """The widest vectors that the processor has."""
    features = binding.get_host_cpu_features()
    for name, bits in VECTORS:
        if features.get(name):
            return f"{bits} bits ({name}): {bits // 64} float64 at a time"
    return "none known: one float64 at a time"


def threads() -> str:
    """How many threads a run has that does not say how many, and what decides it."""
    try:
        number, decided = usual_threads(available_cores(), os.environ)
    except InputError as error:
        return f"none: {error}"
    return f"{number} ({decided}) unless a run says otherwise"


def mpi() -> str:
    """Whether mpi4py and an mpiexec are there; not loaded, since that would start MPI."""
    found = version("mpi4py")
    beside = Path(sys.executable).parent / "mpiexec"
    launcher = str(beside) if beside.exists() else shutil.which("mpiexec")
    return f"mpi4py {found}, mpiexec {launcher or 'not found'}"


def cache() -> str:
    """Where compiled code is kept, and whether it can be."""
    folder, why = cache_folder(), trouble()
    if folder is None or why:
        return f"not used: {why}"
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if os.access(existing, os.W_OK):
        return str(folder)
    return f"{folder} can be read, but not be written" if existing == folder else f"{folder} cannot be made"
