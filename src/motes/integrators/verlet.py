"""Constant energy: velocity Verlet (Swope, Andersen, Berens and Wilson, J. Chem. Phys. 76, 637, 1982).

The error of the energy stays bounded and grows with dt**2; the map is exactly reversible (see motion.py).
"""

from __future__ import annotations

from motes.core.checks import Positive, number
from motes.core.frozen import shown
from motes.core.state import State
from motes.core.threads import Team
from motes.core.words import known_keywords
from motes.integrators.motion import Integrator


class VelocityVerlet(Integrator):
    """Half a kick, a drift, half a kick: constant number, volume and energy.

    Args:
        dt: time step, in the user's unit of time.

    >>> VelocityVerlet(dt=0.005)
    VelocityVerlet(dt=0.005)
    """

    conserves_energy = True
    conserves_momentum = True
    marches = True
    freezes = True

    @known_keywords
    def __init__(self, dt: Positive) -> None:
        self.dt = number("dt", dt, above=0.0)

    def __repr__(self) -> str:
        return shown(self, dt=self.dt)

    def first_half(self, state: State, team: Team) -> None:
        """Kick by half a step, drift by a whole one."""
        self._kick(state, team, self.dt / 2)
        self._drift(state, team, self.dt)

    def second_half(self, state: State, team: Team) -> None:
        """Kick by the other half."""
        self._kick(state, team, self.dt / 2)
