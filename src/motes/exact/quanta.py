"""The grids of forces and velocities, and how they follow the run.

Algorithm: a quantum is a power of two, fine enough for the numbers that are there and with room above the largest of
them. At every step the ranks tell each other the largest speed, and the largest force if it nears an end of its range;
then all go over to a quantum that fits before the next forces. Every LOOK_EVERY steps they do so while it is still far
from an end. A number that outgrows its range within one step stops that step: it is taken again from the state before
it, with the quantum that fits (rescue.py). So does a particle that goes far beyond an open side, where the fine grid of
positions ends.

Invariant: a quantum depends on the step and on exact largest numbers over all ranks, and on nothing else. So it is the
same for any number of ranks and threads, any lists, and after a checkpoint, which keeps it.

Disadvantages: where a quantum changes, numbers are rounded to another grid, so a run is exactly reversible only between
two such steps. The room makes them rare: forces may grow 512-fold and fall 256-fold, speeds grow 64-fold and fall
2,000-fold. And all particles share a quantum: a force is known to 2**-38 of the largest one when the quantum was
chosen, to 2**-30 of it or better after each look, and between looks to 2**-18 of the largest one of this step or the
one before. What is weaker than that beside a much stronger one is lost for these steps. To follow what falls more
closely would cost reversibility: where all swing together, forces vanish for a moment again and again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from motes.core.state import FINEST, Quanta

LOOK_EVERY = 64
"""Steps between two looks at numbers that are not near the end of their range."""

AMPLE = 8.0
"""At a look, numbers within this part of their range go over to a coarser quantum; at any step, those within NEAR."""

NEAR = 2.0

LOOSE = 2.0**20
"""At a look, numbers below this part of their range go over to a finer quantum; at any step, those below LOST."""

LOST = 2.0**32


def power_above(value: float) -> float:
    """The least power of two that is not below value."""
    mantissa, exponent = math.frexp(value)
    return math.ldexp(1.0, exponent if mantissa > 0.5 else exponent - 1)


@dataclass(frozen=True)
class Range:
    """How far numbers of a kind may reach: to 2**bits quanta, of which a new quantum leaves room times the largest."""

    bits: int
    room: float

    def limit(self, quantum: float) -> float:
        """The largest number."""
        return float(quantum * 2.0**self.bits)  # exact, since both are powers of two

    def fit(self, largest: float) -> float:
        """The quantum for numbers of which this is the largest."""
        return max(math.ldexp(power_above(self.room * largest), -self.bits), FINEST) if largest else FINEST

    def follow(self, quantum: float, largest: float, look: bool) -> float:
        """The quantum to go on with, when this is the largest number at a step, or at a step of a look."""
        limit = self.limit(quantum)
        grown = largest > limit / (AMPLE if look else NEAR)
        fallen = 0.0 < largest < limit / (LOOSE if look else LOST)
        return self.fit(largest) if grown or fallen else quantum

    def decided(self, quantum: float, least: float, most: float, look: bool) -> bool:
        """Whether the largest number cannot matter, if it lies between these two."""
        limit = self.limit(quantum)
        enough = least >= limit / (LOOSE if look else LOST) or most == 0.0
        return enough and most <= limit / (AMPLE if look else NEAR)


FORCES = Range(50, room=2.0**12)
"""That of the force between two particles, or of a field on one. Sums of 2**12 of the largest would fit, and of 2**15
while they stay below the part of the range from which a look goes over to a coarser quantum."""

SPEEDS = Range(51, room=2.0**9)
"""That of a component of a velocity: numbers up to there are rounded exactly (see arithmetic.py)."""


SUMS = Range(48, room=2.0**6)
"""That of what one neighbour adds to a sum for a particle. Sums of 2**15 of the largest fit."""


FAINT = 2.0**8
"""A number below so many quanta is known to less than a few parts in a thousand, or not at all."""


STUCK = 2.0**4
"""A velocity that changes by fewer quanta in a step changes by some percent too much or too little."""


SLOWLY = 2.0**20
"""What changes a velocity by a part of it in no fewer steps hardly matters."""


def looked_at(step: int) -> bool:
    """Whether a step is one of a look."""
    return step % LOOK_EVERY == 0


def followed(quanta: Quanta, force: float, speed: float, sums: Sequence[float], look: bool) -> Quanta:
    """The quanta to go on with, when these are the largest numbers; 0 for a force that was not near any end."""
    forces, speeds = FORCES.follow(quanta.force, force, look), SPEEDS.follow(quanta.velocity, speed, look)
    added = tuple([SUMS.follow(quantum, largest, look) for quantum, largest in zip(quanta.sums, sums, strict=True)])
    same = forces == quanta.force and speeds == quanta.velocity and added == quanta.sums
    return quanta if same else replace(quanta, force=forces, velocity=speeds, sums=added)


ENERGY_BITS = 44
"""The largest energy is at most so many bits of quanta, so that those of 2**18 pairs can be added."""

ENERGY_CLASS = 4
"""Quanta of energy are so many powers of two apart, so that those of two steps are mostly the same."""


def energy_quantum(largest: float) -> float:
    """The quantum for a sum of energies, of which this is the largest: it depends on nothing else."""
    exponent = math.frexp(largest)[1]
    return math.ldexp(1.0, max(-(-exponent // ENERGY_CLASS) * ENERGY_CLASS - ENERGY_BITS, -1000))
