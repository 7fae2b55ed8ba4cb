"""Constant temperature: velocity Verlet and stochastic velocity rescaling.

After each step one factor, the same for all particles, brings the kinetic energy K towards its mean in the bath,
N_f T/2, within a time tau, and lets it fluctuate as it does in the canonical ensemble (Bussi, Donadio and Parrinello,
J. Chem. Phys. 126, 014101, 2007, equation A7):

    K' = c K + (1 - c) T/2 (R_1**2 + ... + R_Nf**2) + 2 R_1 sqrt(c (1 - c) K T/2),    c = exp(-dt / tau)

with N_f standard normal numbers R. Diffusion and momentum are hardly disturbed, unlike by friction; what the bath has
given is counted, so that the energy less this heat tells the error of the integration. The disadvantage: it takes a sum
over all particles at each step, for which ranks wait; and a bath that acts on the whole lets hot and cold parts be.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from motes.core.checks import LARGEST, Positive, Seed
from motes.core.compiled import SPEED, njit
from motes.core.frozen import shown
from motes.core.schedules import NotNegativeOrSchedule, PositiveOrSchedule, number_or_schedule
from motes.core.state import ROUND, Floats, Integers
from motes.core.words import known_keywords
from motes.exact.arithmetic import from_bits, round_with, to_bits
from motes.exact.functions import exp
from motes.exact.noise import BUSSI, check_seed, normal_and_squares
from motes.integrators.verlet import VelocityVerlet
from motes.integrators.world import World, kinetic_of

HEAT = "heat"
"""What the bath has given to the particles since the integrator took over, in their memory."""


@njit(cache=True, nogil=True, returns=SPEED, per_particle=True)
def rescale(begin: int, end: int, velocities: Floats, factor: Floats, magic: float) -> float:
    """v = factor v on the velocity grid; return the largest speed along an axis."""
    fastest = 0  # as bits: the maximum of integers vectorises
    scale = factor[0]
    for a in range(velocities.shape[0]):
        v = velocities[a, begin:end]
        for i in range(len(v)):
            v[i] = round_with(scale * v[i], magic)
            bits = to_bits(abs(v[i]))
            fastest = bits if bits > fastest else fastest
    return from_bits(fastest)


@njit(cache=True, nogil=True)
def scale_factor(kinetic: float, temperature: float, freedom: int, rate: float, seed: int, step: int) -> float:
    """By what the velocities are multiplied; rate is dt / tau."""
    c = exp(-rate)
    first, others = normal_and_squares(seed, BUSSI, step, freedom - 1)
    share = (1.0 - c) * 0.5 * temperature / kinetic
    square = c + share * (first * first + others) + 2.0 * first * math.sqrt(c * share)
    factor = math.sqrt(max(square, 0.0))
    return -factor if first * math.sqrt(share) < -math.sqrt(c) else factor


@njit(cache=True, nogil=True)
def draw_factor(
    begin: int, end: int, rows: Integers, temperature: Floats, tau: Floats, dt: float, freedom: int, seed: int,
    step: int, factor: Floats, heat: Floats,
) -> None:  # fmt: skip
    """The factor for what the particles of all ranks come to, and the heat that it brings."""
    for k in range(begin, end):
        factor[k], kinetic = 1.0, kinetic_of(rows)
        if freedom > 0 and 0.0 < kinetic < math.inf:  # what is at rest cannot be scaled
            factor[k] = scale_factor(kinetic, temperature[k], freedom, dt / tau[k], seed, step)
            heat[k] += (factor[k] * factor[k] - 1.0) * kinetic


class Bussi(VelocityVerlet):
    """A heat bath for the whole: constant number, volume and temperature, by one random factor a step.

    Args:
        dt: time step.
        temperature: of the bath, in units of energy (the Boltzmann constant is 1).
        tau: time within which the temperature comes to that of the bath.
        seed: of the noise, which depends on it and the step alone.

    Temperature and tau may follow the steps: `motes.Ramp`, `motes.Schedule`.

    `simulation.conserved_energy` is the total energy less the heat from the bath, since the integrator took over.

    Raises:
        InputError: for a dt or tau that is not above zero, or a temperature below it.

    >>> Bussi(dt=0.005, temperature=0.7, tau=0.5, seed=1)
    Bussi(dt=0.005, temperature=0.7, tau=0.5, seed=1)
    """

    coupled = True
    marches = True
    freezes = True
    bounds: ClassVar[Mapping[str, Mapping[str, float]]] = MappingProxyType(
        {"temperature": {"minimum": 0.0, "maximum": LARGEST}, "tau": {"above": 0.0}}
    )
    seed: int

    @known_keywords
    def __init__(self, dt: Positive, temperature: NotNegativeOrSchedule, tau: PositiveOrSchedule, seed: Seed) -> None:
        super().__init__(dt)
        self.temperature = number_or_schedule("temperature", temperature, **self.bounds["temperature"])
        self.tau = number_or_schedule("tau", tau, **self.bounds["tau"])
        self.seed = check_seed(seed)

    def __repr__(self) -> str:
        return shown(self, dt=self.dt, temperature=self.temperature, tau=self.tau, seed=self.seed)

    def exchanged(self, memory: Mapping[str, float]) -> float:
        """The heat from the bath."""
        return memory.get(HEAT, 0.0)

    def couple(self, world: World) -> None:
        """The bath."""
        state, team = world.state, world.team
        heat, factor = state.memory.setdefault(HEAT, np.zeros(1)), np.ones(1)
        bath = self.number(state, "temperature"), self.number(state, "tau"), self.dt
        team.split(draw_factor, 1, world.rows, *bath, world.freedom, self.seed, state.step, factor, heat)
        speeds = team.split(rescale, state.owned, state.velocities, factor, ROUND * state.quanta.velocity)
        self.check_speed(state, max(speeds))
