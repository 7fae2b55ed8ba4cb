"""Constant temperature: Langevin dynamics, split as BAOAB (Leimkuhler and Matthews, J. Chem. Phys. 138, 174102, 2013).

m dv = F dt - friction m v dt + sqrt(2 friction m T) dW. Half a kick (B), half a drift (A), the exact solution of
friction and noise over a whole step (O), half a drift, half a kick. Averages over positions have very small errors
in dt. The disadvantage: velocities at the end of a step are a little too cold, by an error of order dt**2.
"""

from __future__ import annotations

import math

import numpy as np

from motes.core.compiled import SPEED, njit
from motes.core.state import ROUND, Floats, Integers, State
from motes.core.threads import Team
from motes.exact.arithmetic import from_bits, round_with, to_bits, wide_vectors
from motes.exact.functions import exp
from motes.exact.noise import DRAWN, LANGEVIN, draw_normals
from motes.integrators.bath import HeatBath


@njit(cache=True, nogil=True, error_model="numpy", returns=SPEED, per_particle=True)
def exchange_heat(
    begin: int, end: int, velocities: Floats, mass: Floats, ids: Integers, seed: int, step: int, kept_of: Floats,
    bath: Floats, magic: float,
) -> float:  # fmt: skip
    """v = kept v + sqrt((1 - kept**2) T / m) noise, on the velocity grid; return the largest speed along an axis."""
    wide_vectors()
    temperature = bath[0]
    fastest = 0  # as bits: the maximum of integers vectorises
    noise, widths = np.empty((3, DRAWN)), np.empty(DRAWN)
    for first in range(begin, end, DRAWN):
        last = min(first + DRAWN, end)
        draw_normals(0, last - first, seed, LANGEVIN, step, ids[first:last], noise)
        kept, m, width = kept_of[first:last], mass[first:last], widths[: last - first]
        for i in range(len(kept)):
            width[i] = math.sqrt((1.0 - kept[i]) * (1.0 + kept[i]) * temperature / m[i])
        for a in range(velocities.shape[0]):
            v, xi = velocities[a, first:last], noise[a, : last - first]
            for i in range(len(v)):
                v[i] = round_with(kept[i] * v[i] + width[i] * xi[i], magic)
                bits = to_bits(abs(v[i]))
                fastest = bits if bits > fastest else fastest
    return from_bits(fastest)


@njit(cache=True, nogil=True)
def decay(begin: int, end: int, friction: Floats, dt: float, kept: Floats) -> None:
    """What is left of a velocity after dt: exp(-friction dt)."""
    for i in range(begin, end):
        kept[i] = exp(-friction[i] * dt)


class Langevin(HeatBath):
    """A heat bath that every particle feels: constant number, volume and temperature.

    Args:
        dt: time step.
        temperature: of the bath, in units of energy (the Boltzmann constant is 1); at 0 it only takes energy away.
        friction: rate at which velocities forget, in inverse time: a number, numbers by type ({"A": 1.0, "B": 0.5}), or
            the name of an attribute; where it is 0, a particle moves by forces alone.
        seed: of the noise, which depends on it, the step and the particle's id alone.

    Temperature and friction may follow the steps: `motes.Ramp`, `motes.Schedule`.
    """

    marches = True
    freezes = True

    @property
    def conserves_momentum(self) -> bool:
        """Only without friction."""
        return bool(np.all(self.friction == 0.0))

    def first_half(self, state: State, team: Team) -> None:
        """B, A, O, A."""
        self._kick(state, team, self.dt / 2)
        self._drift(state, team, self.dt / 2)
        self._exchange_heat(state, team)
        self._drift(state, team, self.dt / 2)

    def second_half(self, state: State, team: Team) -> None:
        """B."""
        self._kick(state, team, self.dt / 2)

    def _exchange_heat(self, state: State, team: Team) -> None:
        kept = self._by_particle(state, team, decay)
        speeds = team.split(
            exchange_heat, state.owned, state.velocities, state.inertia, state.ids, self.seed, state.step, kept,
            self.number(state, "temperature"), ROUND * state.quanta.velocity,
        )  # fmt: skip
        self.check_speed(state, max(speeds))
