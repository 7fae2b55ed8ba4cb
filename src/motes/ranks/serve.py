"""A rank that does what rank 0 says: `python -m motes.ranks.serve`, or as launch.py starts it, with sys.path given.

It joins MPI before it imports anything else. Rank 0 waits until all ranks have joined, and only who has joined can end
the job for all: if anything fails here, there is one line that says so and an end, and never a wait.
"""

from __future__ import annotations

import sys

if __name__ == "__main__" and sys.argv[1:]:
    sys.path[:] = sys.argv[1:]  # as in the program; Python's own first entry, the folder of this file, is of no use


def main() -> None:
    """Serve until rank 0 ends."""
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:  # rank 0 says the same; one voice is enough
        raise SystemExit(2) from error
    try:
        from motes.core.errors import InputError
        from motes.core.interrupts import ignore_interrupts
        from motes.core.streams import warn
        from motes.ranks.conductor import world

        ignore_interrupts()
    except BaseException as error:  # whatever it is, a module's SystemExit as well: rank 0 would wait for ever
        rank, kind = MPI.COMM_WORLD.rank, type(error).__name__
        print(f"motes: error: rank {rank} cannot serve: {kind}: {error}", file=sys.stderr, flush=True)
        MPI.COMM_WORLD.Abort(1)
        raise
    alone = MPI.COMM_WORLD.size == 1
    try:
        world()
    except InputError as error:  # rank 0 says the same, unless there is none
        if alone:
            warn(f"error: {error}")
        raise SystemExit(2) from error


if __name__ == "__main__":
    main()
