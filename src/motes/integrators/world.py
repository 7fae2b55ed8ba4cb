"""What an integrator sees beyond its region: all particles of all ranks.

Algorithm: each thread writes what its own particles come to into a row of its own, a rank reduces these to one row
and publishes it, and all ranks reduce over all rows: first the largest energy of a particle, then the sums of all
energies in a quantum chosen for that largest one, so they fit any mix of masses. All of it is done by loops, so that it
can be put on a tape.

Invariant: sums are whole numbers of quanta, so they are the same on any threads and ranks. Every rank measures at the
same time, before the stage that needs the numbers: so no stage has to wait for others, and one that fails leaves
nobody waiting.

Disadvantage: ranks wait for each other twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np

from motes.core.board import LINE
from motes.core.compiled import njit
from motes.core.state import Floats, Integers, State
from motes.core.threads import Team
from motes.exact.arithmetic import from_bits, to_bits
from motes.exact.sums import FINEST_SUM, LIMB, limbs_of

SPLIT = 2.0**32
SPLIT_BITS = 32

LARGEST, HIGH, LOW = range(3)
"""Of a row: the bits of the largest energy of a particle, and the limbs of the sum of all energies."""

FRACTION = (1 << 52) - 1
"""Bits of a float64 that are 0 in powers of two."""


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
        more_high, more_low = limbs_of(0.5 * mass[i] * s, quantum)
        high += more_high
        low += more_low
    return high, low


@njit(cache=True, nogil=True)
def quantum_for(largest: int) -> float:
    """Of which up to 2**62 are the largest energy, given by its bits: the power of two not below it, and so on."""
    power = from_bits(largest & ~FRACTION) * 2.0**-62
    return max(2.0 * power if largest & FRACTION else power, FINEST_SUM)


@njit(cache=True, nogil=True, per_particle=True)
def note_largest(begin: int, end: int, own: Integers, velocities: Floats, mass: Floats) -> None:
    """What a thread finds first."""
    own[LARGEST] = to_bits(find_largest(begin, end, velocities, mass))


@njit(cache=True, nogil=True, per_particle=True)
def note_sums(begin: int, end: int, own: Integers, rows: Integers, velocities: Floats, mass: Floats) -> None:
    """What it finds then, when all have published what is largest."""
    largest = 0
    for rank in range(len(rows)):
        largest = max(largest, rows[rank, LARGEST])
    own[HIGH], own[LOW] = add_kinetic(begin, end, velocities, mass, quantum_for(largest))


@njit(cache=True, nogil=True)
def reduce_parts(begin: int, end: int, parts: Integers, rows: Integers) -> None:
    """What the threads of a rank have found becomes its row, the only one of these."""
    for rank in range(begin, end):
        rows[rank, LARGEST] = rows[rank, HIGH] = rows[rank, LOW] = 0
        for part in range(len(parts)):
            rows[rank, LARGEST] = max(rows[rank, LARGEST], parts[part, LARGEST])
            rows[rank, HIGH] += parts[part, HIGH]
            rows[rank, LOW] += parts[part, LOW]


@njit(cache=True, nogil=True)
def kinetic_of(rows: Integers) -> float:
    """The kinetic energy of all particles, of the rows of all ranks; not finite if that of one is not."""
    largest, high, low = 0, 0, 0
    for rank in range(len(rows)):
        largest = max(largest, rows[rank, LARGEST])
        high += rows[rank, HIGH]
        low += rows[rank, LOW]
    if not from_bits(largest) < math.inf:
        return from_bits(largest)
    high, low = high + (low >> SPLIT_BITS), low & ((1 << SPLIT_BITS) - 1)
    energy: float = (high / LIMB + low) * quantum_for(largest)
    return energy


class Link(Protocol):
    """How a rank reaches the others."""

    rank: int
    size: int

    def sum(self, values: Integers) -> Integers:
        """The sum over all ranks, modulo 2**64."""


class World:
    """All particles.

    Args:
        state: the particles of this rank; state.memory is kept in checkpoints.
        team: the threads of this rank.
        link: to the other ranks.
        freedom: degrees of freedom.
    """

    def __init__(self, state: State, team: Team, link: Link, freedom: int) -> None:
        self.state = state
        self.team = team
        self.freedom = freedom
        self.rows: Integers = np.zeros((link.size, LINE), np.int64)
        """What each rank published last, (ranks, LINE): see `kinetic_of`."""
        self._link = link
        self._meet: Callable[[], None] = self._gather

    def measure(self) -> None:
        """Find what all particles come to at this moment; all ranks must call this at the same time."""
        state, team = self.state, self.team
        parts = np.zeros((team.threads, LINE), np.int64)
        columns = state.velocities, state.mass
        team.split(note_largest, state.owned, *columns, parts=parts)
        self._publish(parts)
        team.split(note_sums, state.owned, self.rows, *columns, parts=parts)
        self._publish(parts)

    def kinetic(self) -> float:
        """The kinetic energy of this moment; all ranks must call this at the same time."""
        self.measure()
        found: float = kinetic_of(self.rows)
        return found

    def _publish(self, parts: Integers) -> None:
        rank = self._link.rank
        self.team.split(reduce_parts, 1, parts, self.rows[rank : rank + 1])
        self._meet()

    def _gather(self) -> None:
        """The rows of all ranks, by a message to all."""
        if self._link.size > 1:
            own = np.zeros_like(self.rows)
            own[self._link.rank] = self.rows[self._link.rank]
            self.rows[:] = self._link.sum(own.ravel()).reshape(own.shape)

    @contextmanager
    def met_by(self, meet: Callable[[], Any], rows: Integers | None) -> Iterator[None]:
        """Within the block ranks meet otherwise, and write into memory that all see, if there are others."""
        before = self.rows
        self.rows, self._meet = np.zeros_like(before) if rows is None else rows, meet
        try:
            yield
        finally:
            self.rows, self._meet = before, self._gather
