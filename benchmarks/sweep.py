"""64 small runs as a sweep over two worker processes, against a plain loop over the same function.

    python benchmarks/sweep.py [--rounds 3]

A run has 4,000 particles and 1,000 steps on one thread. Both sides are processes of their own that have done one short
run before the clock starts, as a user has who tries a function before sweeping over it. The workers start within the
time of the sweep: each imports Motes and loads what is compiled, about a second. Both sides must give the same
fingerprints.
"""

import hashlib
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from common import Figure, Result, command, fresh, interleaved, serve

RUNS = 64


def one_run(temperature: float, seed: int, steps: int = 1000) -> dict[str, Any]:
    """One small run, as a user would write it."""
    from ours import DENSITY, simulation

    import motes

    sim = simulation(motes.fcc(cells=10, density=DENSITY, temperature=temperature, seed=seed))
    sim.run(steps)
    return {"temperature after": sim.temperature, "fingerprint": sim.fingerprint}


def timed(all_rows: Callable[[list[float]], list[dict[str, Any]]]) -> Result:
    """Seconds of all runs, and a digest of what they came to."""
    one_run(1.0, seed=0, steps=1)
    begin = time.perf_counter()
    rows = all_rows([0.5 + 0.02 * number for number in range(RUNS)])
    seconds = time.perf_counter() - begin
    digest = hashlib.sha256("".join(row["fingerprint"] for row in rows).encode()).digest()
    return {"seconds": seconds, "digest": float(int.from_bytes(digest[:6], "little"))}


def loop() -> Result:
    """The runs one after the other, with the seeds that the sweep gives them."""
    from motes.sweeps.runs import seed_of

    return timed(lambda values: [one_run(value, seed_of(0, index)) for index, value in enumerate(values)])


def sweep() -> Result:
    """The runs on two workers, of one thread each."""
    import motes

    return timed(lambda values: motes.sweep(one_run, {"temperature": values}, workers=2, threads=1))


def measure(rounds: int) -> list[Figure]:
    """How many times faster the sweep is; the best round of each side counts."""
    cases = {case.__name__: partial(fresh, "sweep.py", case.__name__) for case in (loop, sweep)}
    results = interleaved(cases, rounds)
    if len({result["digest"] for side in results.values() for result in side}) > 1:
        raise RuntimeError("the sweep and the loop came to different results")
    best = {name: min(result["seconds"] for result in side) for name, side in results.items()}
    return [Figure(f"sweep of {RUNS} small runs on 2 workers against a loop", best["loop"] / best["sweep"], 1.8, 1.95)]


if __name__ == "__main__":
    if not serve({"loop": loop, "sweep": sweep}):
        command(measure, __doc__)
