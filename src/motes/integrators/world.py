"""What an integrator sees beyond its region: all particles of all ranks, and what it has to remember.

Every rank measures at the same time, before the stage that needs the numbers: so no stage has to wait for others, and
one that fails leaves nobody waiting. The numbers are exact sums, hence the same on all ranks.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from motes.core.state import Floats, State
from motes.core.threads import Team
from motes.exact.sums import Add
from motes.integrators.kinetic import total_kinetic


class World:
    """All particles.

    Args:
        state: the particles of this rank; state.memory is kept in checkpoints.
        team: the threads of this rank.
        maximum: the largest over all ranks, number by number.
        add: the sum over all ranks, number by number.
        freedom: degrees of freedom.
    """

    def __init__(
        self,
        state: State,
        team: Team,
        maximum: Callable[[Floats], Floats],
        add: Add,
        freedom: int,
    ) -> None:
        self.state = state
        self.team = team
        self.freedom = freedom
        self.kinetic_energy = math.nan
        self._maximum = maximum
        self._add = add

    def measure(self) -> float:
        """The kinetic energy of this moment, which is kept; all ranks must call this at the same time."""
        self.kinetic_energy = total_kinetic(self.state, self.team, self._maximum, self._add)
        return self.kinetic_energy
