"""Overdamped motion: Brownian dynamics by Euler's method (Ermak and McCammon, J. Chem. Phys. 69, 1352, 1978).

dx = F dt / (m friction) + sqrt(2 T dt / (m friction)) noise: the limit of Langevin dynamics for large friction, so
the diffusion coefficient of a free particle is T / (m friction). There are no velocities: they stay as they were
given (but for walls, which turn them round) and mean nothing; temperature and kinetic energy of a simulation are those
of the bath. The disadvantage: errors of first order in dt.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from motes.core.compiled import LEAP, njit
from motes.core.errors import ParticleError
from motes.core.state import ROUND, Floats, Integers, State
from motes.core.threads import Team
from motes.exact.arithmetic import round_with
from motes.exact.noise import BROWNIAN, normals
from motes.integrators.bath import HeatBath
from motes.integrators.motion import too_fast


@njit(cache=True, nogil=True, returns=LEAP, apart=True)
def wander(
    begin: int, end: int, positions: Floats, forces: Integers, mass: Floats, ids: Integers, seed: int, step: int,
    push: Floats, spread: Floats, magic: Floats,
) -> float:  # fmt: skip
    """x += f push / m + sqrt(spread / m) noise, on the position grid; return the longest move along an axis."""
    longest = 0.0
    for i in range(begin, end):
        mobility = push[i] / mass[i]
        width = math.sqrt(spread[i] / mass[i])
        noise = normals(seed, BROWNIAN, step, ids[i])
        for a in range(positions.shape[0]):
            xi = noise[0] if a == 0 else (noise[1] if a == 1 else noise[2])
            move = float(forces[a, i]) * mobility + width * xi
            positions[a, i] += round_with(move, magic[a])
            longest = max(longest, abs(move))
    return longest


def _farthest(state: State, how: tuple[Any, ...]) -> int:
    """The index of the particle that moves by most, of equals that of the lowest id, found by halving: moves do not
    depend on the positions."""
    forces, mass, ids, seed, step, push, spread, magic = how
    order = np.argsort(ids[: state.owned])
    by_id = (np.ascontiguousarray(forces[:, order]), mass[order], ids[order])
    how = (*by_id, seed, step, push[order], spread[order], magic)
    nowhere = np.zeros((state.dimensions, state.owned))
    first, last = 0, state.owned
    while last - first > 1:
        middle = (first + last) // 2
        lower, upper = wander(first, middle, nowhere, *how), wander(middle, last, nowhere, *how)
        first, last = (first, middle) if lower >= upper else (middle, last)
    return int(order[first])


class Brownian(HeatBath):
    """Particles pushed by forces and noise through a medium that stops them at once.

    Args:
        dt: time step.
        temperature: of the medium, in units of energy (the Boltzmann constant is 1); at 0 there is no noise.
        friction: rate, in inverse time; the drag coefficient of a particle is its mass times this. A number, numbers by
            type ({"A": 1.0, "B": 0.5}), or the name of an attribute; above 0.
        seed: of the noise, which depends on it, the step and the particle's id alone.
    """

    needs_friction = True
    has_velocities: ClassVar[bool] = False
    marches = True

    def first_half(self, state: State, team: Team) -> None:
        """Move by force and noise."""
        longest = max(team.split(wander, state.owned, state.positions, *self._how(state)))
        self.check_half(state, longest)
        self._reflect(state, team)

    def _how(self, state: State) -> tuple[Any, ...]:
        """What decides on the moves of a step."""
        push = self._by_particle(state, lambda friction: self.dt / friction * state.quanta.force)
        spread = self._by_particle(state, lambda friction: 2 * self.temperature * self.dt / friction)
        return state.forces, state.mass, state.ids, self.seed, state.step, push, spread, ROUND * state.spacing

    def check_half(self, state: State, largest: float) -> None:
        """Raise a ParticleError if the largest component of a move is more than makes sense."""
        far = not largest <= state.stride
        cause = too_fast(largest, state.stride)
        state.settle(ParticleError(cause, _farthest(state, self._how(state)), largest) if far else None)

    def second_half(self, state: State, team: Team) -> None:
        """Nothing is left to do."""
