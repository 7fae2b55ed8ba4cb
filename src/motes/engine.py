"""The order of a step. The only file that knows it.

Every rank has an engine: the state of its region, and the stages that work on it. All ranks call the same methods at
the same time; what they answer is for rank 0.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from time import perf_counter, process_time
from typing import Any

import numpy as np

from motes.box import Box
from motes.decomposition.balance import Balancer
from motes.decomposition.domain import Domain, Link, total_of
from motes.decomposition.grid import Regions
from motes.downhill import Downhill
from motes.errors import ParticleError
from motes.failures import ELSEWHERE, FAILED, OUT_OF_RANGE, Failure, StoppedError
from motes.forces.field import FieldForces, FieldPlan
from motes.forces.pair import PairForces, PairSums
from motes.forces.plan import PairPlan
from motes.forces.scale import BITS
from motes.integrators.kinetic import kinetic_quanta
from motes.integrators.motion import Integrator
from motes.neighbors.list import NeighborList
from motes.queries import Queries
from motes.recipes import Recipe
from motes.starts import Start, own_share
from motes.state import Array, Integers, Quanta, Timeline
from motes.threads import Team

PHASES = ("integrate", "neighbors", "halo", "migrate", "pair", "output", "waiting")


@dataclass(frozen=True)
class Plan:
    """All that a rank needs to know of a run but its particles."""

    box: Box
    integrator: Integrator
    forces: PairPlan
    fields: tuple[FieldPlan, ...]
    skin: float
    threads: int
    step: int
    """The first."""
    timeline: Timeline


@dataclass(frozen=True)
class Extremes:
    """The largest and smallest of what the particles of all ranks have, from which the quanta are chosen."""

    force: float
    energy: float
    field: tuple[float, float]
    """Force and energy."""
    kinetic: float
    heaviest: float
    lightest: float
    attributes: dict[str, tuple[float, float]]


class Clock:
    """Seconds per phase: lap books the time since the last lap, less what the link spent waiting for others."""

    def __init__(self, link: Link) -> None:
        self.seconds = dict.fromkeys(PHASES, 0.0)
        self._link = link
        self._last = perf_counter()
        self._waited = link.waited

    def start(self) -> None:
        """Forget the time since the last lap."""
        self._last, self._waited = perf_counter(), self._link.waited

    def lap(self, phase: str) -> None:
        """The time since the last lap belongs to this phase."""
        now, waited = perf_counter(), self._link.waited
        self.seconds[phase] += now - self._last - (waited - self._waited)
        self.seconds["waiting"] += waited - self._waited
        self._last, self._waited = now, waited


class Engine(Queries, Downhill):
    """One region's particles and the stages that move them."""

    def __init__(self, plan: Plan, start: Start, link: Link) -> None:
        self.state = own_share(start, link)
        self.state.step, self.state.timeline = plan.step, plan.timeline
        self._recipe = start if isinstance(start, Recipe) else None
        self.link = link
        self.team = Team(plan.threads)
        self.integrator = plan.integrator
        self.forces = PairForces(plan.forces, self.team)
        self.fields = FieldForces(plan.fields, self.team)
        self.neighbors = NeighborList(plan.forces.cutoff, plan.skin, self.team)
        halo = self.neighbors.radius if plan.forces.cutoff else 0.0
        self.domain = Domain(Regions.even(plan.box, link.size, halo), halo, link, self.team)
        self.balancer = Balancer(self.domain)
        self.work = 0.0
        self.clock = Clock(link)
        self.sums = PairSums(None, None, 0.0, 0.0)
        self._failure: Failure | None = None
        self._next = 0
        self._moment = 0
        self._careful = False
        self._kept: tuple[int, Integers] | None = None

    def run(self, steps: int, energy: bool) -> None:
        """Take steps; after the last one, energy and virial are known if asked for."""
        self.clock.start()
        if self.integrator.independent:
            self._attempt(self.integrator.carry, self.state, self.team, steps)
            self.clock.lap("integrate")
        else:
            for remaining in range(steps, 0, -1):
                self.step(energy and remaining == 1)
        self._agree()

    def step(self, energy: bool) -> None:
        """From t to t + dt."""
        self._next = self.state.step + 1
        state, domain, neighbors, lap = self.state, self.domain, self.neighbors, self.clock.lap
        self.sums = PairSums(None, None, 0.0, 0.0)  # should the step fail, no energy of another moment is left
        self._attempt(self.integrator.first_half, state, self.team)
        self._attempt(domain.check_reach, state)
        state.step += 1
        lap("integrate")
        if self._agree(neighbors.moved_too_far(state)):
            self.rebuild()
        else:
            domain.refresh_halo(state)
            lap("halo")
            neighbors.place(state)
            lap("neighbors")
        self.compute_forces(energy)
        self._attempt(self.integrator.second_half, state, self.team)
        lap("integrate")

    def rebuild(self) -> None:
        """Owners, ghosts and neighbours anew."""
        state, domain, lap = self.state, self.domain, self.clock.lap
        self.neighbors.restore_order(state)
        self.balancer.look(state, self.work)
        domain.migrate(state)
        lap("migrate")
        domain.build_halo(state)
        lap("halo")
        begun = process_time()
        self.neighbors.build(state, domain.region())
        self.work += process_time() - begun
        lap("neighbors")

    def compute_forces(self, energy: bool) -> None:
        """What every particle feels, and what its ghosts felt."""
        self._attempt(self._feel, energy)
        self.clock.lap("pair")
        self.domain.fold_forces(self.state)
        self.clock.lap("halo")

    def _feel(self, energy: bool) -> None:
        """What is felt on this rank. A number out of range would be a wrong number."""
        begun = process_time()
        sums = self.forces.compute(self.state, self.neighbors.pairs, energy)
        quanta = self.state.quanta
        if not (energy or sums.largest_force * self.forces.cutoff <= 2.0**BITS * quanta.force):
            exact = self.forces.compute(self.state, self.neighbors.pairs, energy=True)
            sums = replace(sums, largest_force=exact.largest_force)
        self.work += process_time() - begun
        force = sums.largest_force * self.forces.cutoff
        if not (force <= 2.0**BITS * quanta.force and sums.largest_energy <= 2.0**BITS * quanta.energy):
            pairs = self.forces.worst_pairs(self.state, self.neighbors.pairs, force <= 2.0**BITS * quanta.force)
            raise ParticleError(OUT_OF_RANGE, size=force, pairs=pairs)
        self.sums = self.fields.add(self.state, sums)

    # What a rank cannot do. No rank may leave while others wait for its messages, so a failure is noted where it
    # happens, and the ranks talk of it when they meet the next time: that costs no message of its own.

    def _attempt(self, stage: Callable[..., None], *arguments: Any) -> None:
        """Let a stage work on this rank alone, unless it has failed; if it cannot go on, that is noted."""
        self._moment += 1
        if self._failure is None:
            try:
                stage(*arguments)
            except ParticleError as error:
                self._failure = self._noted(error)
        if self._careful:
            self._agree()

    def _noted(self, error: ParticleError) -> Failure:
        ids = self.state.ids
        pairs = [[int(ids[one]), int(ids[other])] for one, other in error.pairs]
        who = int(ids[error.place]) if error.place >= 0 else -1
        step = self._next if error.step is None else error.step
        size = error.size if error.size == error.size else float("inf")  # what is no number is the worst
        return Failure(self._moment, step, size, who, str(error), pairs)

    def _agree(self, wish: bool = False) -> bool:
        """Whether any rank wishes so. If one has failed, all of them stop here."""
        most = self.link.most(int(wish) if self._failure is None else FAILED)
        if most == FAILED:
            raise StoppedError(self._first_failure())
        return most > 0

    def _first_failure(self) -> Failure:
        """For rank 0, what happened first, on whichever rank; of what happened at the same time, the worst."""
        mine = b"" if self._failure is None else json.dumps(asdict(self._failure)).encode()
        texts = [part.tobytes() for part in self.link.gather(np.frombuffer(mine, np.uint8))]
        failures = [Failure(**json.loads(text)) for text in texts if text]
        if not failures:
            return ELSEWHERE
        first = min(failures, key=lambda one: (one.moment, one.step, -one.size, one.id))
        together = [one for one in failures if one.moment == first.moment and one.cause == first.cause]
        return replace(first, pairs=[pair for one in together for pair in one.pairs])

    # What rank 0 asks for

    def extremes(self) -> Extremes:
        """Lay the particles out, and tell what they are like."""
        if self._recipe is not None:
            self.state.velocities[:] = self._recipe.velocities(self.state.ids, self.link.sum).T
            self._recipe = None  # not again, when particles are laid out once more
        self.rebuild()
        state, owned = self.state, self.state.owned
        sums = self.forces.compute(state, self.neighbors.pairs, energy=True)
        kinetic = 0.5 * state.mass[:owned] * (state.velocities[:, :owned] ** 2).sum(axis=0)
        values = [sums.largest_force, sums.largest_energy, *self.fields.largest(state), kinetic.max(initial=0.0)]
        for column in (state.mass, *state.attributes.values()):
            values += [column[:owned].max(initial=-np.inf), (-column[:owned]).max(initial=-np.inf)]
        largest = self.link.maximum(np.array(values)).tolist()
        ranges = {
            name: (-low, high) for name, high, low in zip(state.attributes, largest[7::2], largest[8::2], strict=True)
        }
        force, energy, field_force, field_energy, fastest, heaviest, lightest = largest[:7]
        return Extremes(force, energy, (field_force, field_energy), fastest, heaviest, -lightest, ranges)

    def begin(self, quanta: Quanta) -> None:
        """Put the velocities on their grid and compute the first forces."""
        self.state.quanta = quanta
        velocities = self.state.velocities[:, : self.state.owned]
        velocities[:] = np.rint(velocities / quanta.velocity) * quanta.velocity + 0.0
        self._attempt(self.integrator.start, self.state, self.team)
        self.compute_forces(energy=False)
        self._agree()
        self.clock = Clock(self.link)
        self.balancer.restart(self.work)

    def change_integrator(self, integrator: Integrator) -> None:
        """Go on with another integrator from this step; if it cannot start here, all stays as it is."""
        self._next = self.state.step
        self._attempt(integrator.start, self.state, self.team)
        try:
            self._agree()
        except StoppedError:
            self._failure = None
            raise
        if self.integrator.independent:  # it carried particles away from their owners and neighbours
            self.rebuild()
            self.compute_forces(energy=False)
        self.state.timeline = self.state.timeline.going_on(self.state.step, integrator.dt)
        self.integrator = integrator

    def assign(self, ids: Integers, columns: Mapping[str, Array]) -> None:
        """Take over columns (..., N) of the particles with these rising ids; begin comes next."""
        state, self._failure = self.state, None  # an assignment that did not fit may be taken back
        places = np.searchsorted(ids, state.ids[: state.owned])
        for name, values in columns.items():
            column = state.attributes[name] if name in state.attributes else getattr(state, name)
            column[..., : state.owned] = values[..., places]

    def energy_quanta(self) -> tuple[int, int]:
        """Energy and virial of this moment, computed now if no one asked for them before."""
        if self.sums.energy is None or self.sums.virial is None:
            self._next = self.state.step
            try:
                self.compute_forces(energy=True)
                self._agree()
            except StoppedError:
                self._failure = None
                self.compute_forces(energy=False)  # which may be fine, and a run needs no more
                raise
        return total_of(self.sums.energy or 0, self.link), total_of(self.sums.virial or 0, self.link)

    def kinetic_quanta(self) -> int:
        """Kinetic energy of this moment."""
        return total_of(kinetic_quanta(self.state, self.team), self.link)

    def timings(self) -> list[dict[str, float]]:
        """For each rank, seconds per phase, and what it sent."""
        mine = {**self.clock.seconds, "messages": float(self.link.messages), "bytes": float(self.link.bytes)}
        parts = self.link.gather(np.array([list(mine.values())]).T)
        return [dict(zip(mine, part[:, 0].tolist(), strict=True)) for part in parts]

    def imbalance(self) -> list[float]:
        """Largest over mean work of the ranks, at each look."""
        return self.balancer.history

    def lists(self) -> tuple[int, int, int]:
        """How many particles there are, how often lists were built, and how many partners they hold on all ranks."""
        return (
            total_of(self.state.owned, self.link),
            self.neighbors.pairs.builds,
            total_of(self.neighbors.pairs.pairs, self.link),
        )

    # When something has gone wrong

    def keep(self) -> None:
        """Keep a copy of this moment in memory, to come back to."""
        self._kept = None  # so that there are never two
        self._kept = self.state.step, self.state.take(np.arange(self.state.owned))

    def go_back(self) -> int:
        """To the moment that was kept; return its step."""
        assert self._kept is not None  # rank 0 had it kept before the first step  # noqa: S101
        self._failure, self._careful = None, False
        step, rows = self._kept
        self.state.keep(np.zeros(0, np.int64))
        self.state.ghosts = 0
        self.state.add(rows)
        self.state.step = step
        self.rebuild()
        self.compute_forces(energy=False)
        return step

    def step_carefully(self, energy: bool) -> None:
        """One step, in which all ranks stop at the very stage that fails."""
        self._careful = True
        self.run(1, energy)
        self._careful = False

    def blame_fields(self) -> list[list[int]]:
        """The number of a field that is not finite for a particle, and its id, on each rank that has one."""
        found = [[index, self.state.ids[place]] for index, place in self.fields.not_finite(self.state)]
        rows = np.array(found, np.int64).reshape(-1, 2)
        return [blamed for part in self.link.gather(rows.T) for blamed in part.T.tolist()]

    def blame(self) -> list[list[int]]:
        """Ids of the pairs of which one has the largest force over distance, on each rank."""
        ids, state = self.state.ids, self.state
        found = self.forces.worst_pairs(state, self.neighbors.pairs, energy=False)
        rows = np.array([[ids[one], ids[other]] for one, other in found], np.int64).reshape(-1, 2)
        return [pair for part in self.link.gather(rows.T) for pair in part.T.tolist()]
