"""A sweep over the ranks of MPI: `mpiexec -n 3 python -m mpi4py.futures sweep_on_ranks.py`. Prints its rows as JSON."""

import json
import sys

import motes
from sweep_work import GRID, REPEATS, measure

if __name__ == "__main__":
    if sys.argv[1:] == ["mpi"]:
        from mpi4py.futures import MPIPoolExecutor

        with MPIPoolExecutor() as executor:
            rows = motes.sweep(measure, GRID, executor, repeats=REPEATS, seed=5)
    else:
        rows = motes.sweep(measure, GRID, repeats=REPEATS, seed=5)
    print(json.dumps(rows))
