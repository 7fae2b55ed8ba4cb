"""What an engine does to part particles that overlap: forces of any size, and steps downhill.

All ranks do it at the same time and take the same decisions.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from motes.core.state import Quanta, State
from motes.core.threads import Team
from motes.decomposition.domain import TOO_FAR, Domain, Link
from motes.engine.failures import Failure, StoppedError
from motes.exact.quanta import FORCES
from motes.forces.field import FieldForces
from motes.forces.pair import PairForces
from motes.integrators.fire import Descent
from motes.neighbors.list import NeighborList


class Downhill:
    """The part of an engine that minimizes. It begins with lists that are just made."""

    state: State
    team: Team
    link: Link
    domain: Domain
    neighbors: NeighborList
    forces: PairForces
    fields: FieldForces
    descent: Descent | None = None
    strongest = 0.0

    def rebuild(self) -> None:
        """Owners, ghosts and neighbours anew."""
        raise NotImplementedError  # an engine knows how

    def take(self, quanta: Quanta) -> None:
        """From now on with these quanta."""
        raise NotImplementedError  # an engine knows how

    def begin_descent(self, length: float) -> None:
        """Make ready to go downhill: until end_descent, the velocities are those of the descent."""
        state = self.state
        self.take(replace(state.quanta, position=tuple(state.box.far_spacing.tolist())))  # particles may go far
        self.rebuild()
        self.descent = Descent(length, self.link.maximum, self.link.sum)
        self.descent.begin(state)
        self.fit_forces()

    def descend(self, steps: int, tolerance: float) -> tuple[int, float]:
        """Up to so many steps; how many it took to have no larger force than tolerance, and the largest left."""
        assert self.descent is not None  # begin_descent comes first  # noqa: S101
        taken = 0
        largest = self.descent.largest_force(self.state, self.team)
        while taken < steps and largest > tolerance:
            self.descent.move(self.state, self.team, self.strongest)
            self._follow()
            self.fit_forces()
            largest = self.descent.largest_force(self.state, self.team)
            taken += 1
        return taken, largest

    def end_descent(self) -> None:
        """The velocities of the run return."""
        if self.descent is not None:
            self.descent.end(self.state)
            self.descent = None

    def _follow(self) -> None:
        state = self.state
        lower, upper = state.box.limits
        x = state.positions[:, : state.owned]
        beyond = state.box.opened.any() and ((x < lower[:, None]) | (x > upper[:, None])).any()
        if self.link.most(int(beyond)):
            raise StoppedError(Failure(0, state.step, np.inf, -1, TOO_FAR, []))
        if self.link.most(int(self.neighbors.moved_too_far(self.state))):
            self.rebuild()
        else:
            self.domain.refresh_halo(self.state)
            self.neighbors.place(self.state)

    def fit_forces(self) -> None:
        """What every particle feels, on a grid that fits the largest force, however large it is."""
        state = self.state
        fields = self.fields.largest(state)  # first, since it overwrites the forces
        quantum = 0.0
        while quantum != state.quanta.force:
            quantum = state.quanta.force
            sums = self.forces.compute(state, self.neighbors.pairs, energy=1.0)
            found = self.link.maximum(np.array([sums.most_force, *fields]))
            if not np.isfinite(found).all():
                raise StoppedError(Failure(0, state.step, np.inf, -1, "feels a force that is not finite", []))
            self.strongest = float(max(found[:2]))
            state.quanta = replace(state.quanta, force=FORCES.follow(quantum, self.strongest, look=True))
        self.fields.add(state, sums, None)
        self.domain.fold_forces(state)
