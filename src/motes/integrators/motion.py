"""Kick and drift, on the grids, and what all integrators share.

Both are exact maps: a kick adds to the velocity a number rounded to its grid, a drift to the position. Rounding is
symmetric in sign, so flipping all velocities and stepping again undoes a step to the last bit (an idea of Levesque
and Verlet, J. Stat. Phys. 72, 519, 1993). The disadvantage: the grid of velocities has an end, so it must follow them.

Loops run over slices, not from begin to end: an index that might be negative counts from the end in Python, and the
test for that keeps LLVM from making vector code.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from copy import copy, deepcopy
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from motes.core.compiled import SPEED, njit
from motes.core.errors import OutgrownError, ParticleError
from motes.core.frozen import Frozen
from motes.core.schedules import Following, plain, since
from motes.core.state import ROUND, Floats, Integers, State
from motes.core.threads import Team
from motes.exact.arithmetic import fma, from_bits, to_bits
from motes.exact.quanta import SPEEDS
from motes.formulas.bind import Names
from motes.integrators.world import World


@njit(cache=True, nogil=True, error_model="numpy", returns=SPEED, per_particle=True)
def kick(begin: int, end: int, velocities: Floats, forces: Integers, mass: Floats, scale: float, magic: float) -> float:
    """v += f * scale / m on the velocity grid; return the largest speed along an axis."""
    fastest = 0  # as bits: the maximum of integers vectorises
    m = mass[begin:end]
    for a in range(velocities.shape[0]):
        v, f = velocities[a, begin:end], forces[a, begin:end]
        for i in range(len(v)):
            v[i] += fma(float(f[i]), scale / m[i], magic) - magic
            bits = to_bits(abs(v[i]))
            fastest = bits if bits > fastest else fastest
    return from_bits(fastest)


@njit(cache=True, nogil=True, per_particle=True)
def drift(begin: int, end: int, positions: Floats, velocities: Floats, dt: float, magic: Floats) -> None:
    """x += v * dt on the position grid."""
    for a in range(positions.shape[0]):
        x, v, m = positions[a, begin:end], velocities[a, begin:end], magic[a]
        for i in range(len(x)):
            x[i] += fma(v[i], dt, m) - m


@njit(cache=True, nogil=True, per_particle=True)
def reflect(
    begin: int, end: int, positions: Floats, velocities: Floats, axis: int, lower: float, upper: float
) -> None:  # fmt: skip
    """Particles beyond a wall come back as its mirror image shows them.

    Exactly on a wall, moving out and moving in are one state: both go the same way next, so a reversed run that ends
    there may differ from its start in that sign.
    """
    for i in range(begin, end):
        x = positions[axis, i]
        while x < lower or x > upper:
            x = 2.0 * (lower if x < lower else upper) - x
            velocities[axis, i] = -velocities[axis, i]
        positions[axis, i] = x


TOO_FAST = "moves by {:.3g} in one step, where {:.3g} is the most that makes sense"


def too_fast(move: float, stride: float) -> str:
    """What happened to a particle that moves by more than stride in one step."""
    return TOO_FAST.format(move, stride) if math.isfinite(move) else "has no finite velocity"


class Integrator(Frozen, ABC):
    """A way to step: first_half moves the particles, then forces are computed, then second_half ends the step.

    It does not change once made; `simulation.integrator = other` goes on with another one.
    """

    _instead: ClassVar[str] = (
        "an integrator does not change once made; make a new one, and go on with it: simulation.integrator = ..."
    )

    independent: ClassVar[bool] = False
    """Whether particles feel nothing, so that each can be carried through many steps on its own."""
    has_velocities: ClassVar[bool] = True
    """Whether the velocities of the particles carry them; otherwise they mean nothing."""
    conserves_energy: ClassVar[bool] = False
    """Whether the energy is conserved, but for the error of dt, less the heat that the memory of the state counts."""
    marches: ClassVar[bool] = False
    """Whether its loops, and the whole numbers by which they advance, are all that there is to a step."""
    freezes: ClassVar[bool] = False
    """Whether frozen particles stay where they are: it divides forces and noise by `state.inertia`, not by the mass. A
    class says so itself; it does not inherit it."""
    coupled: ClassVar[bool] = False
    """Whether a step ends with `couple`, for which all ranks measure the world."""
    bounds: ClassVar[Mapping[str, Mapping[str, float]]] = MappingProxyType({})
    """Of the numbers that may follow the steps."""
    followers: Following = MappingProxyType({})
    """Of those of them that do, which follower it is; only where names are bound."""
    dt: float
    temperature: Any = 0.0
    """That of the heat bath, 0 without one: a number, or a schedule; where names are bound, a number."""
    seed: int | None = None
    """That of the noise, None without any."""

    @property
    def has_bath(self) -> bool:
        """Whether there is a heat bath that is not always at zero."""
        return bool(self.temperature != 0.0)

    @property
    def conserves_momentum(self) -> bool:
        """Whether it leaves the total momentum to the forces."""
        return False

    def bind(self, names: Names) -> Integrator:
        """A copy for the engine of a rank, without any of the user's code, so that it can travel to other ranks."""
        bound, kind = copy(self), type(self).__name__
        followers: dict[str, Any] = {}
        for name, bounds in self.bounds.items():
            value, which = names.followers.resolved(f"{kind}: {name}", getattr(self, name), plain, **bounds)
            vars(bound)[name] = value
            followers |= {} if which is None else {name: which}
        vars(bound)["followers"] = followers
        return deepcopy(bound)

    def since(self, step: int) -> Integrator:
        """The same, where ramps that begin now begin at this step."""
        begun = {name: since(value, step) for name, value in vars(self).items()}
        if all(value is vars(self)[name] for name, value in begun.items()):
            return self
        other = copy(self)
        vars(other).update(begun)
        return other

    def number(self, state: State, name: str) -> Floats:
        """One of its numbers, (1,), where loops find it at any step; only where names are bound."""
        which = self.followers.get(name)
        return np.array([getattr(self, name)]) if which is None else state.numbers[int(which) - 1 : int(which)]

    def exchanged(self, memory: Mapping[str, float]) -> float:  # noqa: ARG002  # most exchange nothing that is counted
        """The energy that it has given to the particles since it took over, by what the state remembers."""
        return 0.0

    def start(self, state: State, team: Team) -> None:  # most have nothing to look at
        """Look at the particles before the first step."""

    def carry(self, state: State, team: Team, steps: int) -> None:
        """Take particles that feel nothing through many steps at once."""
        raise NotImplementedError  # only where independent is true, and there it is overridden

    @abstractmethod
    def first_half(self, state: State, team: Team) -> None:
        """From x(t), v(t), F(t) to x(t + dt)."""

    @abstractmethod
    def second_half(self, state: State, team: Team) -> None:
        """From F(t + dt) to v(t + dt)."""

    def couple(self, world: World) -> None:
        """What all particles together do to each, after the second half; only where coupled is true."""

    def _kick(self, state: State, team: Team, time: float) -> None:
        quanta = state.quanta
        scale, magic = time * quanta.force, ROUND * quanta.velocity
        speeds = team.split(kick, state.owned, state.velocities, state.forces, state.inertia, scale, magic)
        self.check_speed(state, max(speeds))

    def check_half(self, state: State, largest: float) -> None:
        """Raise what the first half would have, of the largest number that its loops returned last."""
        self.check_speed(state, largest)

    def check_speed(self, state: State, fastest: float) -> None:
        """Note the largest component of a velocity; raise a ParticleError if no step, or no grid, can follow it."""
        state.fastest = fastest
        state.settle(self._excess(state, fastest))

    def _excess(self, state: State, fastest: float) -> ParticleError | None:
        if fastest <= SPEEDS.limit(state.quanta.velocity) and fastest * self.dt <= state.stride:
            return None
        if fastest * self.dt <= state.stride:
            return OutgrownError("speed", fastest)
        speeds = np.abs(state.velocities[:, : state.owned]).max(axis=0)
        order = np.argsort(state.ids[: state.owned])  # of equals the lowest id, wherever it lies
        index = int(order[np.argmax(speeds[order])])  # a NaN is the largest
        return ParticleError(too_fast(fastest * self.dt, state.stride), index, fastest)

    def _drift(self, state: State, team: Team, time: float) -> None:
        magic = ROUND * state.spacing
        team.split(drift, state.owned, state.positions, state.velocities, time, magic)
        self._reflect(state, team)

    def _reflect(self, state: State, team: Team) -> None:
        for wall in state.box.walls:
            team.split(reflect, state.owned, state.positions, state.velocities, *wall)
