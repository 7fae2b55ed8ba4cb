"""Time per particle-step from 4,000 to 4 million particles, one thread: does size itself cost?

    python benchmarks/size.py [--rounds 3]

All sizes are the same liquid (see `liquid` in ours.py) and run for about the same number of particle-steps,
but at least for 60 steps, so that each time holds several list rebuilds. Velocities are drawn anew for each
size: in a larger system the fastest particle is faster and lists are rebuilt a little more often, and that
cost belongs to the figure.
"""

from functools import partial

from common import Figure, command, fastest, fresh, interleaved

COPIES = {4_000: 1, 32_000: 2, 256_000: 4, 2_048_000: 8, 4_000_000: 10}
PARTICLE_STEPS = 50_000_000


def measure(rounds: int) -> list[Figure]:
    """Largest time per particle-step over the smallest, best round of each size."""
    cases = {
        f"{count:,} particles": partial(
            fresh, "ours.py", "bulk", copies=copies, warm=30, steps=max(60, PARTICLE_STEPS // count)
        )
        for count, copies in COPIES.items()
    }
    results = interleaved(cases, rounds)
    cost = [1e9 / (fastest(runs) * count) for count, runs in zip(COPIES, results.values(), strict=True)]
    for name, nanoseconds in zip(results, cost, strict=True):
        print(f"{name:<24} {nanoseconds:8.1f} ns per particle-step")
    return [Figure("time per particle-step, largest over smallest", max(cost) / min(cost), 1.5, 1.2, more=False)]


if __name__ == "__main__":
    command(measure, __doc__)
