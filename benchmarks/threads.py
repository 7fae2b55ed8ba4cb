"""Two threads against one on 256,000 particles of liquid.

    python benchmarks/threads.py [--rounds 3]

Both runs start from the same particles, live in one process and take turns of 40 steps, list building
included, so that both see the same machine. The best turn of each counts. After each round both must have the
same fingerprint: the two threads did exactly the work of the one.
"""

import time
from typing import Any

from common import Figure, Result, command, fresh, serve

STEPS = 40


def alternate(rounds: int) -> Result:
    """Seconds of the best turn with one thread and with two."""
    from ours import liquid, simulation

    particles = liquid(copies=4)
    sims = {threads: simulation(particles, threads=threads) for threads in (1, 2)}
    for sim in sims.values():
        sim.run(STEPS)  # compiles, and tells the copies of the small melt apart
    best = {threads: float("inf") for threads in sims}
    for _ in range(rounds):
        for threads, sim in sims.items():
            best[threads] = min(best[threads], seconds_of(sim))
        if sims[1].fingerprint != sims[2].fingerprint:
            raise RuntimeError("one thread and two threads gave different states")
    return {f"threads_{threads}": seconds for threads, seconds in best.items()}


def seconds_of(sim: Any) -> float:
    """Wall time of one turn."""
    begin = time.perf_counter()
    sim.run(STEPS)
    return time.perf_counter() - begin


def measure(rounds: int) -> list[Figure]:
    """The speedup. Turns are short, so there are two a round."""
    result = fresh("threads.py", "alternate", rounds=2 * rounds)
    for name, seconds in result.items():
        print(f"{name}  {1000 * seconds / STEPS:.2f} ms/step", flush=True)
    return [Figure("2 threads against 1, 256,000 particles", result["threads_1"] / result["threads_2"], 1.75, 1.95)]


if __name__ == "__main__":
    if not serve({"alternate": alternate}):
        command(measure, __doc__)
