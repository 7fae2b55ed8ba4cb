"""Peak memory of a whole process that builds 4 million particles and runs them for 10 steps on all cores.

    python benchmarks/memory.py

The peak is the largest resident size the system ever saw, so it covers Python, the compiler, building the
lattice and drawing the velocities as well as the run.
"""

import resource
import sys
from functools import partial

from common import Figure, Result, command, fresh, interleaved, serve


def run(cells: int, steps: int) -> Result:
    """Peak resident size in GB (10^9 bytes) of this process after a run."""
    from ours import DENSITY, simulation

    import motes

    sim = simulation(motes.fcc(cells=cells, density=DENSITY, temperature=1.44, seed=1), threads=None)
    sim.run(steps)
    unit = 1 if sys.platform == "darwin" else 1024  # Linux counts in KiB
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
    return {"particles": len(sim), "threads": sim.threads, "peak_GB": peak}


def measure(rounds: int) -> list[Figure]:
    """The largest peak of all rounds."""
    case = partial(fresh, "memory.py", "run", cells=100, steps=10)
    results = interleaved({"4 million particles": case}, rounds)["4 million particles"]
    peak = max(result["peak_GB"] for result in results)
    return [Figure("peak memory, 4 million particles", peak, 3, 1.5, "GB", more=False)]


if __name__ == "__main__":
    if not serve({"run": run}):
        command(measure, __doc__)
