"""Overdamped motion: Brownian dynamics by Euler's method (Ermak and McCammon, J. Chem. Phys. 69, 1352, 1978).

dx = F dt / (m friction) + sqrt(2 T dt / (m friction)) noise: the limit of Langevin dynamics for large friction, so
the diffusion coefficient of a free particle is T / (m friction). There are no velocities: they stay as they were
given (but for walls, which turn them round) and mean nothing; temperature and kinetic energy of a simulation are those
of the bath. The disadvantage: errors of first order in dt.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from motes.core.compiled import LEAP, njit
from motes.core.errors import ParticleError
from motes.core.state import ROUND, Floats, Integers, State
from motes.core.threads import Team
from motes.exact.arithmetic import from_bits, round_with, to_bits, wide_vectors
from motes.exact.noise import BROWNIAN, DRAWN, draw_normals
from motes.integrators.bath import HeatBath
from motes.integrators.motion import too_fast


@njit(cache=True, nogil=True, error_model="numpy", returns=LEAP, per_particle=True)
def wander(
    begin: int, end: int, positions: Floats, forces: Integers, mass: Floats, ids: Integers, seed: int, step: int,
    friction: Floats, bath: Floats, dt: float, quantum: float, magic: Floats,
) -> float:  # fmt: skip
    """x += f dt / (m friction) + sqrt(2 T dt / (m friction)) noise, on the position grid; f counts quanta, and bath is
    the temperature. Return the longest move along an axis."""
    wide_vectors()
    temperature = bath[0]
    longest = 0  # as bits: the maximum of integers vectorises
    noise, mobilities, widths = np.empty((3, DRAWN)), np.empty(DRAWN), np.empty(DRAWN)
    for first in range(begin, end, DRAWN):
        last = min(first + DRAWN, end)
        draw_normals(0, last - first, seed, BROWNIAN, step, ids[first:last], noise)
        m, gamma = mass[first:last], friction[first:last]
        mobility, width = mobilities[: last - first], widths[: last - first]
        for i in range(len(m)):
            mobility[i] = dt / gamma[i] * quantum / m[i]
            width[i] = math.sqrt(2.0 * temperature * dt / gamma[i] / m[i])
        for a in range(positions.shape[0]):
            x, pull, xi, unit = positions[a, first:last], forces[a, first:last], noise[a, : last - first], magic[a]
            for i in range(len(x)):
                move = float(pull[i]) * mobility[i] + width[i] * xi[i]
                x[i] += round_with(move, unit)
                bits = to_bits(abs(move))
                longest = bits if bits > longest else longest
    return from_bits(longest)


def _farthest(state: State, how: tuple[Any, ...]) -> int:
    """The index of the particle that moves by most, of equals that of the lowest id, found by halving: moves do not
    depend on the positions."""
    forces, mass, ids, seed, step, friction, *numbers = how
    order = np.argsort(ids[: state.owned])
    by_id = (np.ascontiguousarray(forces[:, order]), mass[order], ids[order])
    how = (*by_id, seed, step, friction[order], *numbers)
    nowhere = np.zeros((state.dimensions, state.owned))
    first, last = 0, state.owned
    while last - first > 1:
        middle = (first + last) // 2
        lower, upper = wander(first, middle, nowhere, *how), wander(middle, last, nowhere, *how)
        first, last = (first, middle) if lower >= upper else (middle, last)
    return int(order[first])


@njit(cache=True, nogil=True)
def itself(begin: int, end: int, friction: Floats, _dt: float, found: Floats) -> None:
    """Friction as it is."""
    for i in range(begin, end):
        found[i] = friction[i]


class Brownian(HeatBath):
    """Particles pushed by forces and noise through a medium that stops them at once.

    Args:
        dt: time step.
        temperature: of the medium, in units of energy (the Boltzmann constant is 1); at 0 there is no noise.
        friction: rate, in inverse time; the drag coefficient of a particle is its mass times this. A number, numbers by
            type ({"A": 1.0, "B": 0.5}), or the name of an attribute; above 0.
        seed: of the noise, which depends on it, the step and the particle's id alone.

    Temperature and friction may follow the steps: `motes.Ramp`, `motes.Schedule`.
    """

    friction_bounds: ClassVar[Mapping[str, float]] = MappingProxyType({"above": 0.0})
    has_velocities: ClassVar[bool] = False
    marches = True
    freezes = True

    def first_half(self, state: State, team: Team) -> None:
        """Move by force and noise."""
        longest = max(team.split(wander, state.owned, state.positions, *self._how(state, team)))
        self.check_half(state, longest)
        self._reflect(state, team)

    def _how(self, state: State, team: Team) -> tuple[Any, ...]:
        """What decides on the moves of a step."""
        friction, temperature = self._by_particle(state, team, itself), self.number(state, "temperature")
        numbers = friction, temperature, self.dt, state.quanta.force, ROUND * state.spacing
        return state.forces, state.inertia, state.ids, self.seed, state.step, *numbers

    def check_half(self, state: State, largest: float) -> None:
        """Raise a ParticleError if the largest component of a move is more than makes sense."""
        far = not largest <= state.stride
        cause = too_fast(largest, state.stride)
        state.settle(ParticleError(cause, _farthest(state, self._how(state, Team(1))), largest) if far else None)

    def second_half(self, state: State, team: Team) -> None:
        """Nothing is left to do."""
