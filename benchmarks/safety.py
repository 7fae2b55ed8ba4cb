"""What the checks of every step cost: whether a force or a velocity is out of range, and the copy to come back to.

    python benchmarks/safety.py [--rounds 5]

LAMMPS's melt of 32,000 on one thread, as it is and with the checks taken out: the kernel does not look for the largest
force of a pair, the kick not for the largest velocity, and no copy of the state is kept. Both live in one process, take
turns of 50 steps, and must end with the same bits. Where the arrays of a run happen to lie changes its speed by two
percent, more than the checks cost, so each round is a process of its own, and the median over the rounds counts.
"""

import statistics
import time
from typing import Any

from common import MELT, Figure, Result, command, fresh, serve

TURNS, STEPS = 24, 50


def compare(data: str, first: bool) -> Result:
    """Seconds of the best turn with and without the checks; `first` says which of them is made first."""
    from motes.integrators import motion

    kicks = {True: motion.kick, False: kick_without_check()}
    sims: dict[bool, Any] = {}
    for checked in (first, not first):
        motion.kick = kicks[checked]
        sims[checked] = made(data, checked)
        sims[checked].run(2 * STEPS)
    best = dict.fromkeys(sims, float("inf"))
    for _ in range(TURNS):
        for checked, sim in sims.items():
            motion.kick = kicks[checked]
            begin = time.perf_counter()
            sim.run(STEPS)
            best[checked] = min(best[checked], time.perf_counter() - begin)
    if sims[True].fingerprint != sims[False].fingerprint:
        raise RuntimeError("the checks changed the trajectory")
    return {"checked": best[True], "unchecked": best[False]}


def made(data: str, checked: bool) -> Any:
    """The simulation, with the kernel as it is or one that does not look for the largest force."""
    from ours import simulation

    import motes
    from motes.forces import cluster_kernel, clusters

    if checked:
        return simulation(motes.read(data))
    written, key = cluster_kernel._Writer._pair, clusters.cluster_key

    def without_checks(self: Any, member: Any) -> Any:
        return (line for line in written(self, member) if not line.startswith(("bits =", "big", "squares =")))

    cluster_kernel._Writer._pair = without_checks
    clusters.cluster_key = lambda *arguments: key(*arguments) + "\nwithout checks"
    sim = simulation(motes.read(data))
    cluster_kernel._Writer._pair, clusters.cluster_key = written, key
    sim._course._rescue.keep_now_and_then = lambda: None
    return sim


def kick_without_check() -> Any:
    from numba import njit

    from motes.exact.arithmetic import fma

    @njit(nogil=True, error_model="numpy")
    def kick(begin, end, velocities, forces, mass, scale, magic):
        m = mass[begin:end]
        for a in range(velocities.shape[0]):
            v, f = velocities[a, begin:end], forces[a, begin:end]
            for i in range(len(v)):
                v[i] += fma(float(f[i]), scale / m[i], magic) - magic
        return 0.0

    return kick


def measure(rounds: int) -> list[Figure]:
    costs = []
    for number in range(rounds):
        best = fresh("safety.py", "compare", data=str(MELT), first=number % 2 == 0)
        costs.append(100 * (best["checked"] / best["unchecked"] - 1))
        print(f"round {number + 1}  {costs[-1]:.2f} %", flush=True)
    return [Figure("the checks of every step, melt of 32,000", statistics.median(costs), 3.0, 1.0, "%", more=False)]


if __name__ == "__main__" and not serve({"compare": compare}):
    command(measure, __doc__)
