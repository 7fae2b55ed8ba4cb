"""Whether this process is one of several that a launcher of MPI started, told from its environment alone.

MPI itself is not touched: a run on one rank needs none, and a process that will only serve is better replaced by a
server before it does anything else.
"""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import sys
from collections.abc import Mapping

RANK_AND_SIZE = (
    ("PMI_RANK", "PMI_SIZE"),  # MPICH, Intel MPI, Cray MPICH
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),  # Open MPI
    ("MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE"),  # MVAPICH
    ("PALS_RANKID", "PALS_SIZE"),  # HPE
    ("SLURM_PROCID", "SLURM_NTASKS"),  # srun, if the step has several tasks
)
EXPECTED = "MOTES_RANKS"
SERVING = "MOTES_SERVING"
LEADER = "MOTES_LEADER"
"""The process that is rank 0: programs which it starts inherit what the launcher said, and are no ranks."""


def launched_ranks(environment: Mapping[str, str]) -> tuple[int, int] | None:
    """Rank and number of ranks, or None where no launcher speaks."""
    if _inherited(environment):
        return None
    for rank, size in RANK_AND_SIZE:
        if environment.get(rank, "").isdecimal() and environment.get(size, "").isdecimal():
            if rank == "SLURM_PROCID" and "SLURM_STEP_ID" not in environment:
                continue  # the batch script itself, not a step of srun
            return int(environment[rank]), int(environment[size])
    return None


def _inherited(environment: Mapping[str, str]) -> bool:
    return environment.get(LEADER, str(os.getpid())) != str(os.getpid())


def expected_ranks(environment: Mapping[str, str]) -> int | None:
    """How many ranks `motes run --ranks` asked for, or else the launcher says there are."""
    if environment.get(EXPECTED, "").isdecimal() and not _inherited(environment):
        return int(environment[EXPECTED])
    launched = launched_ranks(environment)
    return launched[1] if launched else None


def join() -> None:
    """On rank 0, see to it that the others are told when this program ends; on others, become a server."""
    launched = launched_ranks(os.environ)
    if launched is None or launched[1] == 1 or SERVING in os.environ or not is_main():
        return
    if launched[0] == 0:
        os.environ[LEADER] = str(os.getpid())
        atexit.register(_release)
    else:
        _become_server()


def is_main() -> bool:
    """Whether this process is one that the launcher started, and no worker of such a one, or of mpi4py.futures."""
    return multiprocessing.parent_process() is None and "mpi4py.futures" not in sys.modules


def _release() -> None:
    """The program ended before it made a simulation: the other ranks wait for one, and may leave."""
    if "motes.ranks" in sys.modules and sys.modules["motes.ranks"].connected():
        return
    from motes.decomposition.mpi import Channel, connect
    from motes.errors import InputError

    with contextlib.suppress(InputError):  # without MPI, or with fewer ranks than expected, they have left already
        Channel(connect(expected_ranks(os.environ))[0]).dismiss()


def _become_server() -> None:
    """Turn this process into a server; the program runs on rank 0 alone.

    Not if MPI is already in use here: then it is the program's, or that of mpi4py.futures, whose workers run on
    their own.
    """
    if "mpi4py" in sys.modules:
        return
    os.environ[SERVING] = "1"
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", "motes.serve"])  # noqa: S606  # ourselves, by our own path
