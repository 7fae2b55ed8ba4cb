"""Whether this process is one of several that a launcher of MPI started, told from its environment alone.

MPI itself is not touched: a run on one rank needs none, and a process that will only serve is better replaced by a
server before it does anything else.

Programs that a rank starts inherit what the launcher told it, and are no ranks. So each launch has a mark, and a rank
leaves it in its environment: whoever finds the mark of its own launch there, from another process, has inherited it.
A program that one of them launches anew has variables of another launch, and so another mark.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from motes.core.cores import usable_cores
from motes.core.interrupts import held_interrupts, ignore_interrupts
from motes.core.streams import flush, warn

RANK_AND_SIZE = (
    ("PMI_RANK", "PMI_SIZE"),  # MPICH, Intel MPI, Cray MPICH
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),  # Open MPI
    ("MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE"),  # MVAPICH
    ("PALS_RANKID", "PALS_SIZE"),  # HPE
    ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),  # srun; SLURM_NTASKS is that of the job, also in an interactive shell
)
RANKS_HERE = ("MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE", "MV2_COMM_WORLD_LOCAL_SIZE", "PALS_LOCAL_SIZE")
"""How many of the ranks are on this machine."""

LAUNCHES = ("PMIX_NAMESPACE", "OMPI_MCA_ess_base_jobid", "PALS_APID", "SLURM_JOB_ID", "SLURM_STEP_ID")
"""What differs from launch to launch, beside the socket to the launcher."""
SOCKET = "PMI_FD"
PORTS = ("PMI_PORT", "PMI_CONTROL_PORT")
"""Other ways to the launcher, of which cannot be told whether they are still there."""

EXPECTED = "MOTES_RANKS"
SERVING = "MOTES_SERVING"
"""The cores to which a server was bound when it was launched: what is loaded later may bind it to fewer."""
LAUNCH = "MOTES_LAUNCH"
"""A process of the launch, and the mark of that."""


@dataclass(frozen=True)
class Launch:
    """What this process found when it imported Motes.

    Attributes:
        process: its number; a forked one has found nothing.
        ranks: how many there are for one program, as the launcher says, or as it was told.
        variables: of the environment that say so.
        leads: whether it is known to be rank 0, while the others serve.
    """

    process: int
    ranks: int
    variables: str
    leads: bool = False


_found: list[Launch] = []


def launched_ranks(environment: Mapping[str, str]) -> tuple[int, int] | None:
    """Rank and number of ranks, or None where no launcher speaks to this process."""
    names = _names(environment)
    return None if names is None else (int(environment[names[0]]), int(environment[names[1]]))


def _names(environment: Mapping[str, str]) -> tuple[str, str] | None:
    """The variables by which a launcher says so."""
    process, _, mark = environment.get(LAUNCH, "").partition(" ")
    if process not in ("", str(os.getpid())) and mark == _mark(environment):
        return None
    for rank, size in RANK_AND_SIZE:
        if environment.get(rank, "").isdecimal() and environment.get(size, "").isdecimal():
            if rank == "PMI_RANK" and not (_socket(environment) or any(port in environment for port in PORTS)):
                continue  # left over from a launch that is not this process's
            return rank, size
    return None


def _mark(environment: Mapping[str, str]) -> str:
    """What this launch has, and no other."""
    return "/".join([_socket(environment), *(environment.get(name, "") for name in LAUNCHES)])


def _socket(environment: Mapping[str, str]) -> str:
    """The socket through which the launcher hears this process, by its number in the system; empty without one."""
    try:
        status = os.fstat(int(environment.get(SOCKET, "")))
    except (ValueError, OSError):
        return ""
    return str(status.st_ino) if stat.S_ISSOCK(status.st_mode) else ""


def processes_here(environment: Mapping[str, str]) -> int:
    """How many processes of this launch share the machine, as far as the launcher says."""
    if launched_ranks(environment) is None:
        return 1
    return next((int(environment[name]) for name in RANKS_HERE if environment.get(name, "").isdecimal()), 1)


def bound_cores() -> frozenset[int]:
    """The cores to which the launcher bound this process, or all."""
    cores = os.environ.get(SERVING, "")
    return frozenset(map(int, cores.split(","))) if cores else usable_cores()


def is_bound() -> bool:
    """Whether this process has fewer cores than the one that started it: then they are its own."""
    try:
        return usable_cores() < usable_cores(os.getppid())
    except OSError:  # that is not to be known
        return False


def expected_ranks() -> int | None:
    """How many ranks there are for this program together, None if it has none but its own."""
    return _found[0].ranks if _found and _found[0].process == os.getpid() else None


def variables() -> str:
    """The variables that say how many ranks there are, as in a shell."""
    return _found[0].variables if _found else ""


def leads() -> bool:
    """Whether this program is known to be that of rank 0, and the other ranks serve it."""
    return expected_ranks() is not None and _found[0].leads


def join() -> None:
    """When Motes is imported: find out what this process is. On ranks other than 0 it becomes a server.

    A program that has imported mpi4py uses MPI itself: then it runs on every rank, and each has a job of its own.
    """
    launched = launched_ranks(os.environ)
    asked = os.environ.get(EXPECTED, "")
    ranks = int(asked) if asked.isdecimal() else launched[1] if launched else 1
    if ranks == 1 or _is_worker():
        return
    said = " ".join(
        f"{name}={os.environ[name]}" for name in (EXPECTED, *(_names(os.environ) or ())) if os.environ.get(name)
    )
    if SERVING in os.environ:
        _found.append(Launch(os.getpid(), ranks, said))
        return
    own = "mpi4py" in sys.modules
    if launched and not own:
        _refuse_standard_input(launched[0])
        if launched[0] > 0:
            _become_server()
    os.environ[LAUNCH] = f"{os.getpid()} {_mark(os.environ)}"
    os.environ.pop(EXPECTED, None)  # programs that this one starts are not meant
    if own:
        return
    _found.append(Launch(os.getpid(), ranks, said, leads=launched is not None))
    if launched:
        atexit.register(_release)  # now, so that whatever the program registers comes before it


def _is_worker() -> bool:
    """Whether multiprocessing started this process: then it does what it is given, alone."""
    module = sys.modules.get("multiprocessing.process")  # in a worker it is there
    return module is not None and module.parent_process() is not None


def _refuse_standard_input(rank: int) -> None:
    """Launchers give what comes on standard input to rank 0 alone, and the others would never be there."""
    if getattr(sys, "argv", [""])[0] not in ("", "-"):
        return
    if rank == 0:
        warn("error: several ranks need the program in a file: standard input is for rank 0 alone")
        os.kill(os.getpid(), signal.SIGTERM)  # launchers end a job at a signal, and not at any exit status
    raise SystemExit(2)


def _release() -> None:
    """The program ends: the other ranks serve it, or wait for its first simulation, and may leave."""
    expected = expected_ranks()
    if expected is None:
        return  # this is a forked process
    joined = sys.modules["motes.ranks.conductor"].connected() if "motes.ranks.conductor" in sys.modules else None
    if joined is not None:
        joined.dismiss()
        return
    try:
        from motes.core.errors import InputError
        from motes.decomposition.mpi import Channel, connect
    except ImportError:  # an interrupt amid the import of a library, which then cannot be imported again
        flush()
        os.kill(os.getpid(), signal.SIGTERM)  # launchers end a job at a signal, and not at any exit status
        raise
    # Without MPI, or with fewer ranks than expected, they have left already.
    with held_interrupts(), contextlib.suppress(InputError):
        Channel(connect(expected)[0]).dismiss()


def _become_server() -> None:
    """Turn this process into a server, which finds modules where this program does."""
    os.environ[SERVING] = ",".join(map(str, sorted(usable_cores())))
    flush()
    ignore_interrupts()  # what is ignored stays so in the new program: else a Ctrl-C before it has joined would end it
    server = Path(__file__).with_name("serve.py")
    path = [entry for entry in sys.path if isinstance(entry, str)]
    os.execv(sys.executable, [sys.executable, str(server), *path])  # noqa: S606  # ourselves, by our own path
