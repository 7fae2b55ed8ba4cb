"""`motes run --ranks N`: start the mpiexec that belongs to this Python on the same command line."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from motes.core.cores import available_cores
from motes.core.errors import InputError
from motes.ranks.launch import EXPECTED, launched_ranks

RANKS_OF_A_CORE = 16
"""At most: of hundreds mpiexec itself may never see all of them begin."""


def relaunch(ranks: int | None, arguments: list[str]) -> None:
    """Replace this process by mpiexec with that many ranks; return if none are asked for, or they are there.

    Raises:
        InputError: without an mpiexec, or if a launcher started another number.
    """
    launched = launched_ranks(os.environ)
    if ranks is None or (ranks == 1 and launched is None):
        return
    if launched is not None:
        if launched[1] != ranks:
            raise InputError(f"--ranks {ranks}, but the launcher started {launched[1]}; leave --ranks away")
        return
    most = RANKS_OF_A_CORE * available_cores()
    if ranks > most:
        raise InputError(
            f"--ranks {ranks} on {available_cores()} cores: each rank is a process of its own, and more than {most} of "
            "them hardly come to do any work here; for other machines start them by mpiexec or the batch system"
        )
    environment = {**os.environ, EXPECTED: str(ranks)}
    command = [find_mpiexec(), "-n", str(ranks), sys.executable, "-m", "motes", *arguments]
    sys.stdout.flush()
    os.execve(command[0], command, environment)  # noqa: S606  # the launcher, by its full path


def find_mpiexec() -> str:
    """The mpiexec beside this Python, or else the first on the path."""
    beside = Path(sys.executable).parent / "mpiexec"
    found = str(beside) if beside.is_file() else shutil.which("mpiexec")
    if found is None:
        raise InputError("--ranks needs MPI and finds no mpiexec: pip install 'motes[mpi]' brings one")
    return found
