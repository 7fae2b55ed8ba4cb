"""What the checks of every step cost: whether a force or a velocity is out of range, and the copy to come back to.

    python benchmarks/safety.py [--rounds 3]

LAMMPS's melt of 32,000 on one thread, as it is and with the checks taken out: the kernel does not look for the largest
force of a pair, the kick not for the largest velocity, and no copy of the state is kept. Both must end with the same
bits. The sides take turns, each in a process of its own.
"""

from typing import Any

from common import MELT, Figure, Result, command, fastest, fresh, interleaved, serve

WARM, STEPS = 200, 1000


def checked(data: str) -> Result:
    """Motes as it is."""
    return run(data)


def unchecked(data: str) -> Result:
    """The same without the checks."""
    from numba import njit

    from motes import rescue
    from motes.arithmetic import fma
    from motes.forces import kernel, plan
    from motes.integrators import motion

    written, key = kernel._Writer._pair, plan.pair_key

    def without_checks(self: Any, m: int) -> Any:
        return (line for line in written(self, m) if not line.startswith(("bits =", "big =", "big_energy =")))

    @njit(nogil=True, error_model="numpy")
    def kick(begin, end, velocities, forces, mass, scale, magic):
        m = mass[begin:end]
        for a in range(velocities.shape[0]):
            v, f = velocities[a, begin:end], forces[a, begin:end]
            for i in range(len(v)):
                v[i] += fma(float(f[i]), scale / m[i], magic) - magic
        return 0.0

    kernel._Writer._pair = without_checks
    plan.pair_key = lambda *arguments: key(*arguments) + "\nwithout checks"
    motion.kick = kick
    rescue.Rescue.keep_now_and_then = lambda _: None
    return run(data)


def run(data: str) -> Result:
    from ours import clock, simulation

    import motes

    sim = simulation(motes.read(data))
    return {**clock(sim, WARM, STEPS), "state": float(int(sim.fingerprint[:12], 16))}


def measure(rounds: int) -> list[Figure]:
    data = str(MELT)
    results = interleaved(
        {name: lambda name=name: fresh("safety.py", name, data=data) for name in ("checked", "unchecked")}, rounds
    )
    if len({result["state"] for side in results.values() for result in side}) > 1:
        raise RuntimeError("the checks changed the trajectory")
    ratio = fastest(results["unchecked"]) / fastest(results["checked"])
    return [Figure("the checks of every step, melt of 32,000", 100 * (ratio - 1), 3.0, 1.0, "%", more=False)]


if __name__ == "__main__" and not serve({"checked": checked, "unchecked": unchecked}):
    command(measure, __doc__)
