"""What an integrator sees beyond its region: all particles of all ranks.

Algorithm: each thread writes what its own particles come to into a row of its own, these become what the rank says, and
all ranks hear each other: first the largest energy of a particle, then the sums of all energies in a quantum chosen for
that largest one, so they fit any mix of masses. All of it is done by loops, so that it can be put on a tape.

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
from motes.exact.sums import limbs_of

SPLIT = 2.0**32
SPLIT_BITS = 32

LARGEST, HIGH, LOW = range(3)
"""Of a row of what is said: the bits of the largest energy of a particle, and the limbs of the sum of all energies."""

FINEST = 2.0**-1000
"""The smallest quantum."""

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
    return max(2.0 * power if largest & FRACTION else power, FINEST)


@njit(cache=True, nogil=True, apart=True)
def note_largest(begin: int, end: int, own: Integers, velocities: Floats, mass: Floats) -> None:
    """What a thread finds first."""
    own[LARGEST] = to_bits(find_largest(begin, end, velocities, mass))


@njit(cache=True, nogil=True, apart=True)
def note_sums(begin: int, end: int, own: Integers, said: Integers, velocities: Floats, mass: Floats) -> None:
    """What it finds then, when all have said what is largest."""
    largest = 0
    for rank in range(len(said)):
        largest = max(largest, said[rank, LARGEST])
    own[HIGH], own[LOW] = add_kinetic(begin, end, velocities, mass, quantum_for(largest))


@njit(cache=True, nogil=True)
def say(begin: int, end: int, parts: Integers, said: Integers) -> None:
    """What the threads of a rank have found becomes what it says in its row; that is the only one."""
    for row in range(begin, end):
        said[row, LARGEST] = said[row, HIGH] = said[row, LOW] = 0
        for part in range(len(parts)):
            said[row, LARGEST] = max(said[row, LARGEST], parts[part, LARGEST])
            said[row, HIGH] += parts[part, HIGH]
            said[row, LOW] += parts[part, LOW]


@njit(cache=True, nogil=True)
def kinetic_of(said: Integers) -> float:
    """The kinetic energy of all particles, of what all ranks say; not finite if that of one is not."""
    largest, high, low = 0, 0, 0
    for rank in range(len(said)):
        largest = max(largest, said[rank, LARGEST])
        high += said[rank, HIGH]
        low += said[rank, LOW]
    if not from_bits(largest) < math.inf:
        return from_bits(largest)
    high, low = high + (low >> SPLIT_BITS), low & ((1 << SPLIT_BITS) - 1)
    energy: float = (high * SPLIT + low) * quantum_for(largest)
    return energy


class Link(Protocol):
    """How a rank hears the others."""

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
        self.said: Integers = np.zeros((link.size, LINE), np.int64)
        """What each rank said last, (ranks, LINE): see `kinetic_of`."""
        self._link = link
        self._meet: Callable[[], None] = self._hear

    def measure(self) -> None:
        """Hear what all particles come to at this moment; all ranks must call this at the same time."""
        state, team = self.state, self.team
        parts = np.zeros((team.threads, LINE), np.int64)
        columns = state.velocities, state.mass
        team.split(note_largest, state.owned, *columns, parts=parts)
        self._say(parts)
        team.split(note_sums, state.owned, self.said, *columns, parts=parts)
        self._say(parts)

    def kinetic(self) -> float:
        """The kinetic energy of this moment; all ranks must call this at the same time."""
        self.measure()
        found: float = kinetic_of(self.said)
        return found

    def _say(self, parts: Integers) -> None:
        rank = self._link.rank
        self.team.split(say, 1, parts, self.said[rank : rank + 1])
        self._meet()

    def _hear(self) -> None:
        """By a message to all."""
        if self._link.size > 1:
            own = np.zeros_like(self.said)
            own[self._link.rank] = self.said[self._link.rank]
            self.said[:] = self._link.sum(own.ravel()).reshape(own.shape)

    @contextmanager
    def met_by(self, meet: Callable[[], Any], said: Integers | None) -> Iterator[None]:
        """Within the block ranks meet otherwise, and write into memory that all see, if there are others."""
        before = self.said
        self.said, self._meet = np.zeros_like(before) if said is None else said, meet
        try:
            yield
        finally:
            self.said, self._meet = before, self._hear
