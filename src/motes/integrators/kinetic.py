"""Kinetic energy as a whole number of quanta, so that its sum does not depend on the order."""

from __future__ import annotations

from motes.arithmetic import round_with
from motes.compiled import njit
from motes.state import ROUND, Floats, State
from motes.threads import Team

SPLIT = 2.0**32


@njit(cache=True, nogil=True)
def add_kinetic(begin: int, end: int, velocities: Floats, mass: Floats, quantum: float) -> tuple[int, int]:
    """Sum of m v**2 / 2 in quanta: (high, low) with high counting 2**32 of them, to keep the range of 62 bits."""
    high = 0
    low = 0
    for i in range(begin, end):
        s = 0.0
        for a in range(velocities.shape[0]):
            s += velocities[a, i] * velocities[a, i]
        energy = 0.5 * mass[i] * s
        coarse = round_with(energy, ROUND * SPLIT * quantum)
        high += int(coarse / (SPLIT * quantum))
        low += int(round_with(energy - coarse, ROUND * quantum) / quantum)
    return high, low


def kinetic_quanta(state: State, team: Team) -> int:
    """The kinetic energy of the owned particles in quanta of kinetic energy."""
    sums = team.split(add_kinetic, state.owned, state.velocities, state.mass, state.quanta.kinetic)
    high: int = sum(high for high, _ in sums)
    low: int = sum(low for _, low in sums)
    return (high << 32) + low
