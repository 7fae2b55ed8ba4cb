"""What an integrator sees beyond its region: all particles of all ranks, and what it has to remember.

Every rank measures at the same time, before the stage that needs the numbers: so no stage has to wait for others, and
one that fails leaves nobody waiting. The numbers are exact sums, hence the same on all ranks: the kinetic energy is a
whole number of quanta, of a quantum chosen for the largest energy of a particle at this moment, so it fits any mix of
masses.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from motes.core.compiled import njit
from motes.core.state import ROUND, Floats, State
from motes.core.threads import Team
from motes.exact.arithmetic import from_bits, round_with, to_bits
from motes.exact.quanta import power_above
from motes.exact.sums import Add, total_of, whole

SPLIT = 2.0**32


@njit(cache=True, nogil=True)
def find_largest(begin: int, end: int, velocities: Floats, mass: Floats) -> float:
    """The largest m v**2 / 2; NaN if one is."""
    largest = 0  # as bits: NaN is the largest
    for i in range(begin, end):
        s = 0.0
        for a in range(velocities.shape[0]):
            s += velocities[a, i] * velocities[a, i]
        bits = to_bits(abs(0.5 * mass[i] * s))
        largest = bits if bits > largest else largest
    return from_bits(largest)


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


def total_kinetic(
    state: State, team: Team, maximum: Callable[[Floats], Floats], add: Add
) -> float:  # fmt: skip
    """The kinetic energy of all particles of all ranks, by the largest and the sum over ranks."""
    largest = max(team.split(find_largest, state.owned, state.velocities, state.mass))
    quantum = max(power_above(float(maximum(np.array([largest]))[0])) * 2.0**-62, 2.0**-1000)
    return total_of(_quanta(state, team, quantum), add) * quantum


def _quanta(state: State, team: Team, quantum: float) -> int:
    """The kinetic energy of the owned particles in these quanta, of which the largest has up to 2**62."""
    sums = team.split(add_kinetic, state.owned, state.velocities, state.mass, quantum)
    high: int = sum(high for high, _ in sums)
    low: int = sum(low for _, low in sums)
    return whole(high, low)


class World:
    """All particles.

    Args:
        state: the particles of this rank; state.memory is kept in checkpoints.
        team: the threads of this rank.
        maximum: the largest over all ranks, number by number.
        add: the sum over all ranks, number by number.
        freedom: degrees of freedom.
    """

    def __init__(
        self,
        state: State,
        team: Team,
        maximum: Callable[[Floats], Floats],
        add: Add,
        freedom: int,
    ) -> None:
        self.state = state
        self.team = team
        self.freedom = freedom
        self.kinetic_energy = math.nan
        self._maximum = maximum
        self._add = add

    def measure(self) -> None:
        """Keep the kinetic energy of this moment; all ranks must call this at the same time."""
        self.kinetic_energy = self.kinetic()

    def kinetic(self) -> float:
        """The kinetic energy of this moment; all ranks must call this at the same time."""
        return total_kinetic(self.state, self.team, self._maximum, self._add)
