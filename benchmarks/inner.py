"""The inner list (src/motes/neighbors/inner.py): steps with it and without it, each at its best skin.

    python benchmarks/inner.py [--rounds 3] [--cells 5 10 20] [--threads 1]

The melt of the other benchmarks. All simulations of a size live in one process and take turns; the best turn of each
counts, and all must end with the same bits.
"""

import argparse
import time
from typing import Any

import motes
import motes.neighbors.inner
import motes.simulation.simulation

SKINS = (0.35, 0.5, 0.7, 0.9, 1.1, 1.3)
STEPS = {5: 2000, 10: 400, 20: 60}
FACTORS = (0.5, 1.0, 2.0)


def melt(cells: int, threads: int, skin: float) -> Any:
    """A melt of 4 cells**3 particles."""
    particles = motes.fcc(cells, 0.8442, temperature=1.44, seed=3)
    pair = motes.Pair(motes.potentials.lennard_jones, 2.5, epsilon=1.0, sigma=1.0)
    return motes.Simulation(particles, motes.VelocityVerlet(0.005), [pair], threads=threads, skin=skin)


def measure(simulations: dict[Any, Any], steps: int, rounds: int) -> dict[Any, float]:
    """Microseconds a step of the best turn of each; keys begin with the factor of BEST that it has."""
    usual = motes.neighbors.inner.BEST
    best = dict.fromkeys(simulations, float("inf"))
    for turn in range(-1, rounds):
        for key, simulation in simulations.items():
            motes.neighbors.inner.BEST = key[0] * usual
            begun = time.perf_counter()
            simulation.run(steps)
            if turn >= 0:
                best[key] = min(best[key], 1e6 * (time.perf_counter() - begun) / steps)
    motes.neighbors.inner.BEST = usual
    if len({simulation.fingerprint for simulation in simulations.values()}) > 1:
        raise RuntimeError("skins gave different states")
    return best


def main() -> None:
    """Print a row for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cells", type=int, nargs="+", default=list(STEPS))
    given = parser.parse_args()
    for cells in given.cells:
        simulations = {(factor, skin): melt(cells, given.threads, skin) for factor in FACTORS for skin in SKINS}
        motes.simulation.simulation.MOST_PRUNED = 0  # type: ignore[attr-defined]  # so that there is none
        simulations |= {(0.0, skin): melt(cells, given.threads, skin) for skin in SKINS}
        motes.simulation.simulation.MOST_PRUNED = motes.neighbors.inner.MOST_PRUNED  # type: ignore[attr-defined]
        times = measure(simulations, STEPS[cells], given.rounds)
        for factor in (0.0, *FACTORS):
            row = ", ".join(f"{skin}: {times[factor, skin]:.1f}" for skin in SKINS)
            name = f"an inner list, {factor} BEST" if factor else "no inner list"
            print(f"{4 * cells**3} particles, {name}: us a step by skin: {row}", flush=True)


if __name__ == "__main__":
    main()
