"""Downhill to where no particle is pushed any more: FIRE, the fast inertial relaxation engine.

Particles of mass 1 are pushed along their forces, and their velocities are turned towards the forces while that leads
downhill; as soon as it leads uphill, they stop and go half a step back (Bitzek, Koskinen, Gaehler, Moseler and Gumbsch,
Phys. Rev. Lett. 97, 170201, 2006; the order of a step and the half step back: Guenole et al., Comput. Mater. Sci. 175,
109584, 2020). The time step grows while all goes well and is halved uphill. Nobody has to give its largest value: that
comes down to where a step last led uphill, and rises slowly, so it finds the stiffness of the forces, whatever their
units. Time is measured by the largest force of a pair, so steps grow as overlaps come apart.

No particle moves by more than a given length in a step, nor by more than half of that back before it, and no force is
more than would take it that far from rest. So pairs that overlap part within a few steps, however strongly they push.

Where a step leads to positions without a force, as beyond the longest that a bond may be, its push is taken back, and
shorter ones follow, from rest. (Half a step back is not undone: it lies between two positions that had forces.)

At a reflecting wall particles stop, and what presses them onto it is no force to get rid of: the minimum is that of all
positions within the walls.

Every rank takes the same decisions: the sums they depend on are sums of whole numbers, each particle's part being
rounded to a fraction of the largest part, and a maximum does not depend on the order.

Disadvantage: near the minimum, convergence is linear; the last digits take as many steps as the first.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from motes.core.compiled import njit
from motes.core.state import ROUND, Floats, Integers, State
from motes.core.threads import Team
from motes.exact.arithmetic import fma, from_bits, to_bits

GROWTH, SHRINKAGE = 1.1, 0.5
"""Of the time step, downhill and uphill."""

DROP, RISE = 0.9, 1.005
"""Of the ceiling of the time step, which comes down to where a step led uphill, and rises with every step downhill."""

DELAY = 5
"""Steps downhill before the time step grows again."""

TURN, TURN_FADES = 0.1, 0.99
"""How much of its velocity a particle turns towards its force, and what is left of that after a step downhill."""

PARTS = 2.0**30
"""A particle's part of a sum is rounded to this fraction of the square of the largest component."""

SLOWEST, FASTEST = 2.0**-20, 2.0**20
"""Bounds of the time step, in units of the time in which the largest force moves a particle by the given length."""

KEPT = ("velocity x", "velocity y", "velocity z")
"""Columns for the velocities of the run, which return at the end. No attribute of a user has a space in its name."""


@njit(cache=True, nogil=True)
def largest_parts(begin: int, end: int, velocities: Floats, forces: Integers) -> tuple[int, float]:
    """The largest component of a force, in quanta, and that of a velocity."""
    strongest = fastest = 0
    for a in range(velocities.shape[0]):
        v, f = velocities[a, begin:end], forces[a, begin:end]
        for i in range(len(v)):
            size = abs(f[i])
            strongest = size if size > strongest else strongest
            bits = to_bits(abs(v[i]))
            fastest = bits if bits > fastest else fastest
    return strongest, from_bits(fastest)


@njit(inline="always")
def capped(forces: Integers, i: int, quantum: float, cap: float) -> float:
    """What the forces on a particle, in quanta, are multiplied by: more than cap becomes cap."""
    largest = 0.0
    for a in range(forces.shape[0]):
        largest = max(largest, abs(float(forces[a, i])))
    if largest == 0.0:
        return quantum
    s = 0.0
    for a in range(forces.shape[0]):
        part = float(forces[a, i]) / largest  # the square of the force itself may be beyond all numbers
        s = fma(part, part, s)
    length = largest * math.sqrt(s)
    return quantum if length * quantum <= cap else cap / length


@njit(cache=True, nogil=True, error_model="numpy")
def add_products(
    begin: int, end: int, velocities: Floats, forces: Integers, quantum: float, cap: float, force_unit: float,
    velocity_unit: float,
) -> tuple[int, int, int]:  # fmt: skip
    """Sums of F v, F**2 and v**2 in these units, times PARTS, each particle's part rounded."""
    power = strength = motion = 0
    for i in range(begin, end):
        scale = capped(forces, i, quantum, cap) / force_unit
        fv = ff = vv = 0.0
        for a in range(velocities.shape[0]):
            f, v = scale * float(forces[a, i]), velocities[a, i] / velocity_unit
            fv, ff, vv = fma(f, v, fv), fma(f, f, ff), fma(v, v, vv)
        power += int(np.rint(fv * PARTS))
        strength += int(np.rint(ff * PARTS))
        motion += int(np.rint(vv * PARTS))
    return power, strength, motion


@njit(cache=True, nogil=True, error_model="numpy")
def descend(
    begin: int, end: int, positions: Floats, velocities: Floats, forces: Integers, quantum: float, cap: float,
    back: float, keep: float, push: float, dt: float, length: float, magic: Floats,
) -> None:  # fmt: skip
    """x -= back v; v = keep v + push F, no faster than length in dt; x += dt v. Positions stay on their grid."""
    for i in range(begin, end):
        scale = push * capped(forces, i, quantum, cap)
        s = 0.0
        for a in range(velocities.shape[0]):
            positions[a, i] += fma(velocities[a, i], -back, magic[a]) - magic[a]
            v = fma(scale, float(forces[a, i]), keep * velocities[a, i])
            velocities[a, i] = v
            s = fma(v, v, s)
        way = math.sqrt(s) * dt
        slower = length / way if way > length else 1.0
        for a in range(velocities.shape[0]):
            v = slower * velocities[a, i]
            velocities[a, i] = v
            positions[a, i] += fma(v, dt, magic[a]) - magic[a]


@njit(cache=True, nogil=True)
def take_back(begin: int, end: int, positions: Floats, velocities: Floats, dt: float, magic: Floats) -> None:
    """x -= dt v as it was added, and no velocity any more."""
    for a in range(velocities.shape[0]):
        x, v = positions[a, begin:end], velocities[a, begin:end]
        for i in range(len(v)):
            x[i] -= fma(v[i], dt, magic[a]) - magic[a]
            v[i] = 0.0


@njit(cache=True, nogil=True)
def stop(
    begin: int, end: int, positions: Floats, velocities: Floats, axis: int, lower: float, upper: float
) -> None:  # fmt: skip
    """Whoever is beyond a wall stands on it."""
    x, v = positions[axis, begin:end], velocities[axis, begin:end]
    for i in range(len(x)):
        inside = min(max(x[i], lower), upper)
        if inside != x[i]:
            x[i], v[i] = inside, 0.0


@njit(cache=True, nogil=True)
def bear(begin: int, end: int, positions: Floats, forces: Integers, axis: int, lower: float, upper: float) -> None:
    """The wall bears what presses a particle onto it."""
    x, f = positions[axis, begin:end], forces[axis, begin:end]
    for i in range(len(x)):
        if (x[i] <= lower and f[i] < 0) or (x[i] >= upper and f[i] > 0):
            f[i] = 0


class Descent:
    """One way downhill, on every rank alike.

    Args:
        length: how far a particle may move in a step.
        maximum: the largest over all ranks, number by number.
        total: the sum over all ranks.

    strongest is the largest force of a pair or a field, of all ranks; who computes the forces sets it.
    """

    def __init__(
        self,
        length: float,
        maximum: Callable[[Floats], Floats],
        total: Callable[[Integers], Integers],
    ) -> None:
        self.strongest = 0.0
        self._length = length
        self._maximum = maximum
        self._total = total
        self._unit = self._dt = 1.0
        self._taken = 0.0  # the time of the last step, which the unit of the next one may not be a measure of
        self._ceiling = FASTEST
        self._turn = TURN
        self._downhill = 0
        self._force = self._speed = 0.0

    def begin(self, state: State) -> None:
        """Start from rest; the velocities of the run travel along as columns."""
        for name, row in zip(KEPT, state.velocities, strict=False):
            state.attributes[name] = row.copy()
        state.velocities[:] = 0.0

    def end(self, state: State) -> None:
        """Give the velocities of the run back."""
        for name, row in zip(KEPT, state.velocities, strict=False):
            row[:] = state.attributes.pop(name)

    def largest_force(self, state: State, team: Team) -> float:
        """The largest component of the force on any particle of all ranks, less what walls bear."""
        for wall in state.box.walls:
            team.split(bear, state.owned, state.positions, state.forces, *wall)
        parts = team.split(largest_parts, state.owned, state.velocities, state.forces)
        force = max(part[0] for part in parts) * state.quanta.force
        largest = self._maximum(np.array([force, max(part[1] for part in parts)]))
        self._force, self._speed = largest.tolist()
        return self._force

    def move(self, state: State, team: Team) -> None:
        """One step, by the forces of which largest_force has just been asked.

        Time is measured by the strongest: where particles overlap it may be 1e30 at first, and steps become longer as
        soon as it falls. Pairs in equilibrium still push each other.
        """
        self._unit = math.sqrt(self._length / self.strongest)
        back, keep, push = self._decide(*self._products(state, team))
        self._taken = self._time_step
        team.split(
            descend, state.owned, state.positions, state.velocities, state.forces, state.quanta.force, self._cap,
            back, keep, push, self._time_step, self._length, ROUND * state.spacing,
        )  # fmt: skip
        for wall in state.box.walls:
            team.split(stop, state.owned, state.positions, state.velocities, *wall)

    def take_back(self, state: State, team: Team) -> bool:
        """Undo the push of the last step, but for what walls stopped; whether there are shorter ones to go on with."""
        magic = ROUND * state.spacing
        team.split(take_back, state.owned, state.positions, state.velocities, self._taken, magic)
        shorter = self._dt > SLOWEST
        self._shorten()
        return shorter

    @property
    def _cap(self) -> float:
        """The force that takes a particle from rest as far as it may go in a step."""
        return self._length / (self._time_step * self._time_step)

    @property
    def _time_step(self) -> float:
        return self._dt * self._unit

    def _products(self, state: State, team: Team) -> tuple[int, float]:
        """The sign of the power F v, and how large all velocities are together against all forces."""
        units = _unit(min(self._force, self._cap)), _unit(self._speed)
        parts = team.split(
            add_products, state.owned, state.velocities, state.forces, state.quanta.force, self._cap, *units
        )
        power, strength, motion = self._total(np.array(parts, np.int64).sum(axis=0)).tolist()
        return power, math.sqrt(motion / max(strength, 1)) * units[1] / units[0]

    def _decide(self, power: int, ratio: float) -> tuple[float, float, float]:
        """How far to go back, in time, what to keep of the velocities, and what to add of the forces."""
        if power < 0:
            back = self._taken / 2
            self._shorten()
            return back, 0.0, self._time_step
        turn = self._turn
        self._downhill += 1
        self._ceiling = min(self._ceiling * RISE, FASTEST)
        if self._downhill > DELAY:
            self._dt = min(self._dt * GROWTH, self._ceiling)
            self._turn *= TURN_FADES
        return 0.0, 1.0 - turn, turn * ratio + self._time_step

    def _shorten(self) -> None:
        self._ceiling = min(self._ceiling, self._dt) * DROP
        self._dt = max(self._dt * SHRINKAGE, SLOWEST)
        self._turn, self._downhill = TURN, 0


def _unit(largest: float) -> float:
    """A power of two above it, so that dividing by it is exact."""
    return math.ldexp(1.0, math.frexp(largest)[1])
