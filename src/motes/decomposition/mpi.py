"""Many ranks: the link between regions, and the channel on which rank 0 commands the others. The only file that
knows MPI.

Messages are plain buffers. A wait spins, as MPI libraries do, since a step is short; between commands, which may be
far apart, a rank sleeps between looks instead and leaves its core to rank 0.
"""

from __future__ import annotations

import os
import pickle
import sys
import time
import traceback
from types import TracebackType
from typing import Any

import numpy as np

from motes.core.board import Board
from motes.core.errors import InputError
from motes.core.state import Array, Floats, Integers
from motes.core.streams import flush

LOOK_AT_ONCE = 2e-3
"""Seconds for which a rank looks for the next command without a pause."""
LONGEST_NAP = 2e-3

LAST_WORDS = 0.2
"""Seconds between what a rank says last and the end of the job: mpiexec loses what it has not read by then."""


def connect(
    expected: int | None, cores: frozenset[int] = frozenset(), variables: str = ""
) -> tuple[Any, list[frozenset[int]], int]:
    """The communicator of all ranks, and of those on this machine: their cores, and which of them this one is.

    All ranks must call this, each with the cores that it is bound to, and with the variables of the environment that
    told it how many ranks to expect.

    Raises:
        InputError: without mpi4py or an MPI library, or if there are not as many ranks as expected.
    """
    try:
        import mpi4py

        mpi4py.rc.finalize = False  # at the end it would be done by forked processes as well, and they would hang
        from mpi4py import MPI
    except ImportError as error:
        raise InputError("several ranks need mpi4py: pip install 'motes[mpi]'") from error
    except RuntimeError as error:  # mpi4py's way to say that no MPI library was found
        raise InputError(
            f"mpi4py finds no MPI library: pip install 'motes[mpi]' brings one ({str(error).splitlines()[0]})"
        ) from error
    if MPI.Is_finalized():
        raise InputError("MPI has been finalized in this process, so no simulation can use its ranks any more")
    world = MPI.COMM_WORLD
    if expected is not None and world.size != expected:
        size = world.size
        MPI.Finalize()
        raise InputError(
            f"there should be {expected} ranks, as the environment says ({variables}), but MPI sees {size}: if they "
            "were started, it was by the mpiexec of another MPI library than mpi4py's "
            f"({' '.join(MPI.Get_library_version().splitlines()[0].split())}): use that one's; if not, unset "
            f"{', '.join(word.split('=')[0] for word in variables.split())}"
        )
    sys.excepthook = _abort_on_failure
    here = world.Split_type(MPI.COMM_TYPE_SHARED)
    masks, rank = here.allgather(cores), here.rank
    here.Free()
    return world.Dup(), masks, rank


def _abort_on_failure(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """An exception that nobody caught would leave the other ranks waiting for ever."""
    from mpi4py import MPI

    traceback.print_exception(kind, error, trace)
    flush()
    if MPI.COMM_WORLD.rank != 0:  # rank 0 says goodbye to the others when it ends
        time.sleep(LAST_WORDS)
        MPI.COMM_WORLD.Abort(1)


class MpiLink:
    """The link of one of many regions.

    Args:
        world: the communicator of all. Nothing is asked of it here: rank 0 may leave before it has a link.
        together: whether all ranks are on one machine.
    """

    def __init__(self, world: Any, together: bool) -> None:
        from mpi4py import MPI

        self._world = world
        self._mpi = MPI
        self._none: int = MPI.PROC_NULL
        self.rank: int = world.rank
        self.size: int = world.size
        self.waited = 0.0
        self.messages = 0
        self.bytes = 0
        self.together = together
        self._board: Board | None = None
        self._window: Any = None

    def board(self, words: int) -> Board:
        """Shared memory with so many words for the messages of each rank, or more; all ranks ask for the same."""
        if self._board is None or self._board.words < words:
            if self._window is not None:
                self._window.Free()
            size = 8 * Board.size(self.size, words + words // 2)  # not again for every longer halo
            self._window = self._mpi.Win.Allocate_shared(size, 8, comm=self._world)
            pieces = [np.frombuffer(self._window.Shared_query(rank)[0], np.int64) for rank in range(self.size)]
            self._board = Board(pieces, self.rank)
            if self.rank == 0:
                self._board.common[:] = 0
            self._world.Barrier()
        return self._board

    def exchange(self, given: Array, to: int | None, shape: tuple[int, ...] | None, origin: int | None) -> Array:
        """Send to one rank, receive from another; see Link."""
        given = np.ascontiguousarray(given)
        begun = time.perf_counter()
        if shape is None:
            shape = (*given.shape[:-1], self._exchange_count(given.shape[-1], to, origin))
        arriving = np.empty(shape if origin is not None else (*shape[:-1], 0), given.dtype)
        sends = to is not None and given.size > 0
        self._world.Sendrecv(given, to if sends else self._none, 0, arriving, origin if arriving.size else self._none)
        self.messages += sends
        self.bytes += given.nbytes if sends else 0
        self.waited += time.perf_counter() - begun
        return arriving

    def _exchange_count(self, count: int, to: int | None, origin: int | None) -> int:
        given, arriving = np.array([count]), np.zeros(1, np.int64)
        none = self._none
        self._world.Sendrecv(given, none if to is None else to, 0, arriving, none if origin is None else origin)
        return int(arriving[0])

    def most(self, number: int) -> int:
        """The largest of the numbers of all ranks."""
        return int(self._reduce(np.array([number], np.int64), self._mpi.MAX)[0])

    def sum(self, values: Integers) -> Integers:
        """The sum over all ranks, modulo 2**64."""
        return self._reduce(np.ascontiguousarray(values), self._mpi.SUM)

    def maximum(self, values: Floats) -> Floats:
        """The largest over all ranks, number by number, of what is not below 0; a NaN anywhere stays one."""
        # Bits without a sign are in the order of the numbers, NaN above all.
        return self._reduce(np.abs(values).view(np.int64), self._mpi.MAX).view(np.float64)

    def _reduce(self, values: Array, operation: Any) -> Array:
        begun = time.perf_counter()
        result = np.empty_like(values)
        self._world.Allreduce(values, result, operation)
        self.waited += time.perf_counter() - begun
        return result

    def gather(self, values: Array) -> list[Array]:
        """What each rank has, for rank 0, one rank after another so that no buffer but the result is large."""
        values = np.ascontiguousarray(values)
        counts = self._world.gather(values.shape[-1], 0)
        if self.rank != 0:
            self._world.Send(values, 0)
            return []
        parts = [values]
        for rank in range(1, self.size):
            part = np.empty((*values.shape[:-1], counts[rank]), values.dtype)
            self._world.Recv(part, rank)
            parts.append(part)
        return parts


class Channel:
    """How rank 0 tells the others what to do next: any object, at any time."""

    def __init__(self, world: Any) -> None:
        self._world = world
        self.rank: int = world.rank
        self.size: int = world.size

    def tell(self, message: object) -> None:
        """Send to all other ranks (rank 0)."""
        data = np.frombuffer(pickle.dumps(message, protocol=5), np.uint8)
        self._world.Ibcast(np.array([len(data)], np.int64), 0).Wait()
        self._world.Bcast(data.copy(), 0)

    def dismiss(self) -> None:
        """Tell the others to leave, and leave (rank 0)."""
        self.tell(None)
        flush()
        self.leave()

    def leave(self) -> None:
        """The last that a process does."""
        from mpi4py import MPI

        if not MPI.Is_finalized():  # by a program that uses MPI itself
            MPI.Finalize()

    def listen(self) -> Any:
        """Wait for what rank 0 says (other ranks)."""
        length = np.zeros(1, np.int64)
        request = self._world.Ibcast(length, 0)
        begun, nap = time.perf_counter(), 1e-5
        while not request.Test():
            if time.perf_counter() - begun > LOOK_AT_ONCE:
                time.sleep(nap)
                nap = min(2 * nap, LONGEST_NAP)
        data = np.empty(int(length[0]), np.uint8)
        self._world.Bcast(data, 0)
        return pickle.loads(data.tobytes())  # noqa: S301  # from rank 0 of the same job, which started this process

    def abort(self, status: int) -> None:
        """End the job on all ranks at once."""
        flush()
        time.sleep(LAST_WORDS)
        self._world.Abort(status)
        os._exit(status)
