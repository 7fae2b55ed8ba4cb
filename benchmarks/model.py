"""The model of docs/scaling.md: measure its constants here, and say what it predicts for many ranks.

    python benchmarks/model.py

The work on a particle comes from one thread on 256,000 particles; what a ghost costs from systems of several sizes,
whose share of ghosts differs; latency, bandwidth and the price of a reduction from a ping-pong between two ranks. On a
cluster the last three must be measured there.
"""

import json
import math
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from common import HERE, Result, fresh, serve

DENSITY, REACH = 0.8442, 2.5 + 0.7
NETWORK = {"latency": 2e-6, "bandwidth": 1e9, "reduction": 3e-6}
"""What a cluster's network may give a rank: assumed, not measured, and slower than two ranks that share memory."""


def ghosts(n: float) -> float:
    """Ghosts of a cubic region of n particles."""
    edge = (n / DENSITY) ** (1 / 3)
    return n * ((1 + REACH / edge) ** 3 - 1)


def step(n: float, ranks: float, constants: Result) -> float:
    """Seconds of a step."""
    work = n * constants["particle"] + ghosts(n) * constants["ghost"]
    talk = 6 * constants["latency"] + 48 * ghosts(n) / constants["bandwidth"]
    return work + (talk + constants["reduction"] * math.log2(ranks) if ranks > 1 else 0.0)


def talk() -> Result:
    """Latency (s), bandwidth (bytes/s) and the time of a reduction (s) between two ranks."""
    from mpi4py import MPI

    world = MPI.COMM_WORLD
    times = {}
    for size in (8, 8_000_000):
        buffer, best = np.zeros(size // 8), math.inf
        for _ in range(200 if size < 1000 else 20):
            begin = time.perf_counter()
            if world.rank == 0:
                world.Send(buffer, 1)
                world.Recv(buffer, 1)
            else:
                world.Recv(buffer, 0)
                world.Send(buffer, 0)
            best = min(best, (time.perf_counter() - begin) / 2)
        times[size] = best
    flag, result, reduction = np.zeros(1), np.zeros(1), math.inf
    for _ in range(200):
        begin = time.perf_counter()
        world.Allreduce(flag, result)
        reduction = min(reduction, time.perf_counter() - begin)
    if world.rank > 0:
        raise SystemExit  # one answer is enough
    return {"latency": times[8], "bandwidth": 8_000_000 / times[8_000_000], "reduction": reduction}


def constants() -> Result:
    """All five, from this machine."""
    seconds = {}
    for copies in (1, 2, 3, 4):
        rows = [fresh("ours.py", "bulk", copies=copies, warm=50, steps=40) for _ in range(2)]
        seconds[4000 * copies**3] = 1 / max(row["steps_per_second"] for row in rows)
    sizes = np.array(list(seconds))
    columns = np.stack([np.ones(len(sizes)), [ghosts(n) / n for n in sizes]], axis=1)
    particle, ghost = np.linalg.lstsq(columns, np.array(list(seconds.values())) / sizes, rcond=None)[0]
    mpiexec = str(Path(sys.executable).parent / "mpiexec")
    line = [mpiexec, "-n", "2", sys.executable, str(HERE / "model.py"), "talk", "{}"]
    done = subprocess.run(line, check=True, capture_output=True, text=True)
    talked: Result = json.loads(done.stdout.splitlines()[-1])
    return {"particle": float(particle), "ghost": max(float(ghost), 0.0), **talked}


def predict(title: str, numbers: Result) -> None:
    """A table of predictions."""
    print(f"\n{title}: " + ", ".join(f"{name} {value:.3g}" for name, value in numbers.items()))
    print("\n| ranks | particles a rank | step | weak efficiency |\n|---|---|---|---|")
    for ranks in (1_000, 10_000, 100_000):
        for n in (10_000, 100_000, 1_000_000):
            seconds = step(n, ranks, numbers)
            print(f"| {ranks:,} | {n:,} | {1000 * seconds:.3g} ms | {100 * step(n, 1, numbers) / seconds:.1f} % |")


def main() -> None:
    """Constants and predictions."""
    measured = constants()
    predict("Measured here", measured)
    predict("With an assumed network", {**measured, **NETWORK})


if __name__ == "__main__":
    if not serve({"talk": talk}):
        main()
