"""The order of a step. The only file that knows it.

Every rank has an engine: the state of its region, and the stages that work on it.
"""

from __future__ import annotations

from time import perf_counter

import numpy as np

from motes.decomposition.single import SingleDomain
from motes.errors import RunError
from motes.forces.pair import PairForces, PairSums
from motes.forces.scale import BITS
from motes.integrators.kinetic import kinetic_quanta
from motes.integrators.motion import Integrator
from motes.neighbors.list import NeighborList
from motes.neighbors.suspects import describe_closest_pair
from motes.state import Array, State
from motes.threads import Team

PHASES = ("integrate", "neighbors", "halo", "migrate", "pair", "output")


class Clock:
    """Seconds per phase: lap books the time since the last lap."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PHASES, 0.0)
        self._last = perf_counter()

    def start(self) -> None:
        """Forget the time since the last lap."""
        self._last = perf_counter()

    def lap(self, phase: str) -> None:
        """The time since the last lap belongs to this phase."""
        now = perf_counter()
        self.seconds[phase] += now - self._last
        self._last = now


class Engine:
    """One region's particles and the stages that move them."""

    def __init__(
        self,
        state: State,
        domain: SingleDomain,
        neighbors: NeighborList,
        forces: PairForces,
        integrator: Integrator,
        team: Team,
    ) -> None:
        self.state = state
        self.domain = domain
        self.neighbors = neighbors
        self.forces = forces
        self.integrator = integrator
        self.team = team
        self.clock = Clock()
        self.sums = PairSums(None, None, 0.0, 0.0)

    def run(self, steps: int, energy: bool) -> None:
        """Take steps; after the last one, energy and virial are known if asked for."""
        self.clock.start()
        for remaining in range(steps, 0, -1):
            self.step(energy and remaining == 1)

    def step(self, energy: bool) -> None:
        """From t to t + dt."""
        state, domain, neighbors, lap = self.state, self.domain, self.neighbors, self.clock.lap
        self.integrator.first_half(state, self.team)
        state.step += 1
        lap("integrate")
        if domain.any(neighbors.moved_too_far(state)):
            self.rebuild()
        else:
            domain.refresh_halo(state)
            lap("halo")
            neighbors.place(state)
            lap("neighbors")
        self.compute_forces(energy)
        self.integrator.second_half(state, self.team)
        lap("integrate")

    def rebuild(self) -> None:
        """Owners, ghosts and neighbours anew."""
        state, domain, lap = self.state, self.domain, self.clock.lap
        self.neighbors.restore_order(state)
        domain.migrate(state)
        lap("migrate")
        domain.build_halo(state)
        lap("halo")
        self.neighbors.build(state, domain.region(state))
        lap("neighbors")

    def compute_forces(self, energy: bool) -> None:
        """What every particle feels, and what its ghosts felt."""
        self.sums = self.forces.compute(self.state, self.neighbors.pairs, energy)
        self._check_range(self.sums)
        self.clock.lap("pair")
        self.domain.fold_forces(self.state)
        self.clock.lap("halo")

    def _check_range(self, sums: PairSums) -> None:
        """A number out of range would be a wrong number."""
        quanta = self.state.quanta
        force_limit = 2.0**BITS * quanta.force / max(self.forces.cutoff, np.finfo(float).tiny)
        if not (sums.largest_force <= force_limit and sums.largest_energy <= 2.0**BITS * quanta.energy):
            closest = describe_closest_pair(self.state, self.neighbors.pairs)
            raise RunError(
                f"step {self.state.step}: a force is out of range: {closest}; "
                "use a smaller dt, or remove overlaps at the start"
            )

    def energy_quanta(self) -> PairSums:
        """Energy and virial of this moment, computed now if no one asked for them before."""
        if self.sums.energy is None:
            self.compute_forces(energy=True)
        return self.sums

    def kinetic_quanta(self) -> int:
        """Kinetic energy of this moment."""
        return kinetic_quanta(self.state, self.team)

    def gather(self, name: str) -> Array:
        """An array of the state over the owned particles, in the order they lie."""
        return np.asarray(getattr(self.state, name)[..., : self.state.owned])
