"""The order of a step. The only file that knows it.

Every rank has an engine: the state of its region, and the stages that work on it. All ranks call the same methods at
the same time; what they answer is for rank 0.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from time import perf_counter, process_time
from typing import Any

import numpy as np

from motes.core.box import Box
from motes.core.state import FINEST, Array, Integers, Quanta, Timeline
from motes.core.threads import Team
from motes.decomposition.balance import Balancer
from motes.decomposition.domain import Domain, Link
from motes.decomposition.grid import Regions
from motes.engine.failures import ELSEWHERE, FAILED, Failure, StoppedError
from motes.engine.starts import Start, own_share
from motes.errors import OutgrownError, ParticleError
from motes.exact.quanta import FORCES, SUMS, energy_quantum, followed, looked_at
from motes.exact.sums import total_of
from motes.forces import law
from motes.forces.law import Stage, Sums
from motes.forces.slots import SlotForces
from motes.integrators.fire import Descent
from motes.integrators.motion import Integrator
from motes.integrators.world import World
from motes.neighbors.list import NeighborList
from motes.neighbors.tuples import SpecialPairs, TupleSearch
from motes.particles.recipes import Recipe

PHASES = ("integrate", "neighbors", "halo", "migrate", "pair", "output", "waiting")


@dataclass(frozen=True)
class Plan:
    """All that a rank needs to know of a run but its particles."""

    box: Box
    integrator: Integrator
    laws: tuple[law.Plan, ...]
    specials: Integers | None
    """Pairs of ids up to three bonds apart, and how many, (P, 3), if that matters to a law."""
    skin: float
    threads: int
    step: int
    """The first."""
    timeline: Timeline
    memory: dict[str, float]
    """What the integrator remembers of the steps before."""
    freedom: int
    """Degrees of freedom."""

    @property
    def cutoff(self) -> float:
        """Within which distance particles must see each other; 0 if none do."""
        return max((one.cutoff for one in self.laws), default=0.0)

    @property
    def needs_velocities(self) -> bool:
        """Whether a force depends on velocities."""
        return any(one.needs_velocities for one in self.laws)

    @property
    def stride(self) -> float:
        """The farthest that a step may take a particle along an axis: farther, it would jump over its neighbours."""
        return self.cutoff or float(self.box.lengths.max())


@dataclass(frozen=True)
class Extremes:
    """The largest numbers of all ranks at the start.

    Attributes:
        inside: force between particles.
        outside: force of a field on a particle.
        speed: component of a velocity.
        push: component of the force on a particle, over its mass.
    """

    inside: float
    outside: float
    speed: float
    push: float


@dataclass(frozen=True)
class Needs:
    """The largest numbers of the step after this one, as far as they had outgrown their quanta."""

    step: int = -1
    force: float = 0.0
    speed: float = 0.0
    sums: tuple[float, ...] = ()

    def plus(self, kind: str, size: float) -> Needs:
        """And this one: a force, a speed, or a sum, by its number."""
        if kind == "force":
            return replace(self, force=size)
        if kind == "speed":
            return replace(self, speed=size)
        return replace(self, sums=(*self.sums[: int(kind)], size, *self.sums[int(kind) + 1 :]))


UNKNOWN = Sums(None, None)
"""Sums that are not computed yet."""


def in_order(laws: Sequence[law.Plan], slots: SlotForces, team: Team) -> list[Stage]:
    """The stages of all laws, in the order in which a step takes them."""
    stages = [stage for one in laws for stage in one.stages(slots, team)]
    return sorted([*stages, slots], key=lambda stage: stage.when)


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


class Engine:
    """One region's particles and the stages that move them."""

    def __init__(self, plan: Plan, start: Start, link: Link) -> None:
        self.state = own_share(start, link)
        self.state.step, self.state.timeline, self.state.memory = plan.step, plan.timeline, dict(plan.memory)
        if plan.needs_velocities and len(self.state.force_velocities) == 0:
            self.state.force_velocities = np.zeros_like(self.state.velocities)
        self._recipe = start if isinstance(start, Recipe) else None
        self.link = link
        self.team = Team(plan.threads)
        self.integrator = plan.integrator
        self.world = World(self.state, self.team, link.maximum, link.sum, plan.freedom)
        self.slots = SlotForces(plan.box.dimensions, self.team)
        self.stages = in_order(plan.laws, self.slots, self.team)
        sums = [stage for stage in self.stages if stage.sum is not None]
        self._largest_sums = [0.0] * len(sums)
        for name, kind in chain.from_iterable(stage.columns.items() for stage in self.stages):
            self.state.declare(name, kind)
        specials = None if plan.specials is None else SpecialPairs(plan.specials)
        self.neighbors = NeighborList(plan.cutoff, plan.skin, self.team, specials)
        self.searches = {
            number: TupleSearch(stage.members, plan.box)
            for number, stage in enumerate(self.stages)
            if stage.members is not None
        }
        halo = self.neighbors.radius if plan.cutoff else 0.0
        self.domain = Domain(Regions.even(plan.box, link.size, halo), halo, link, self.team)
        self.balancer = Balancer(self.domain)
        self.work = 0.0
        self.layouts = 0  # how often the particles may have changed places, in memory or between ranks
        self.clock = Clock(link)
        self.descent: Descent | None = None
        self.state.stride = plan.stride
        self.sums = UNKNOWN
        self._energy_quantum = 1.0
        self._failure: Failure | None = None
        self._next = 0
        self._moment = 0
        self._needs = Needs()
        self._before = self.state.quanta, self._energy_quantum
        self._kept: tuple[int, Quanta, dict[str, float], Needs, Integers] | None = None

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
        force, self.sums = self.sums.most_force, UNKNOWN  # should the step fail, no energy of another moment is left
        self._attempt(self.integrator.first_half, state, self.team)
        self._attempt(domain.check_reach, state)
        self._note_velocities()
        state.step += 1
        lap("integrate")
        if self._follow_range(force, wish=neighbors.moved_too_far(state)):
            self.rebuild()
        else:
            domain.refresh(state, self._followed)
            lap("halo")
            neighbors.follow(state)
            lap("neighbors")
        self.compute_forces(energy)
        self._attempt(self.integrator.second_half, state, self.team)
        if self.integrator.coupled:
            self.world.measure()
            self._attempt(self.integrator.couple, self.world)
        lap("integrate")

    def rebuild(self) -> None:
        """Owners, ghosts and neighbours anew."""
        state, domain, lap = self.state, self.domain, self.clock.lap
        self.layouts += 1
        self.neighbors.restore_order(state)
        self.balancer.look(state, self.work)
        domain.migrate(state)
        lap("migrate")
        domain.build_halo(state)
        self._find_tuples()
        domain.refresh(state, self._followed[1:])
        lap("halo")
        begun = process_time()
        self.neighbors.build(state, domain.region())
        self.work += process_time() - begun
        lap("neighbors")

    def _find_tuples(self) -> None:
        """Bonds and angles, with a halo that reaches as far as they do."""
        while self.searches:
            found = {number: search.find(self.state) for number, search in self.searches.items()}
            here = np.array([len(tuples.numbers) for tuples in found.values()])
            if self.link.sum(here).tolist() == [search.count for search in self.searches.values()]:
                for number, tuples in found.items():
                    self.stages[number].tuples = tuples
                return
            self.domain.widen_halo(self.state)

    @property
    def _followed(self) -> tuple[str, ...]:
        """The columns that ghosts must know of at every step."""
        return ("positions", "force_velocities") if len(self.state.force_velocities) else ("positions",)

    def _note_velocities(self) -> None:
        """These velocities are those of which the next forces are a function."""
        if len(self.state.force_velocities):
            owned = self.state.owned
            self.state.force_velocities[:, :owned] = self.state.velocities[:, :owned]

    def compute_forces(self, energy: bool) -> None:
        """What every particle feels, and what its ghosts felt."""
        begun = process_time()
        self.slots.begin()
        self.sums = Sums.none(energy)
        for stage in self.stages:
            self._attempt(self._compute, stage, self._energy_quantum if energy else None)
            self._exchange(stage)
        self._attempt(self._check_range)
        self.work += process_time() - begun
        self.clock.lap("pair")
        self.domain.fold(self.state)
        self.clock.lap("halo")

    def _compute(self, stage: Stage, energy_quantum: float | None) -> None:
        sums = stage.compute(self.state, self.neighbors.pairs, energy_quantum)
        if not sums.finite:
            raise stage.blame(self.state, self.neighbors.pairs, sums)
        self.sums = self.sums.plus(sums)
        if stage.sum is not None:
            self._largest_sums[stage.sum] = sums.largest_sum
            if sums.largest_sum > SUMS.limit(self.state.quanta.sums[stage.sum]):
                raise OutgrownError(str(stage.sum), sums.largest_sum)

    def _exchange(self, stage: Stage) -> None:
        """What ghosts gathered in a stage goes home, and what they must know of it comes."""
        if stage.fold is not None:
            self.domain.fold(self.state, stage.fold)
        self.domain.refresh(self.state, stage.refresh)

    def _check_range(self) -> None:
        """A number beyond its range would be a wrong number."""
        if self.sums.most_force > FORCES.limit(self.state.quanta.force):
            raise OutgrownError("force", self.sums.most_force)

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
        if self.state.meeting is not None:
            self._agree()

    def _meet(self, error: ParticleError | None) -> None:
        """In a careful step: if a stage has failed on a rank, all of them stop amid it."""
        if error is not None:
            self._failure = self._noted(error)
        self._agree()

    def _noted(self, error: ParticleError) -> Failure:
        ids = self.state.ids
        pairs = [[int(ids[one]), int(ids[other])] for one, other in error.pairs]
        who = int(ids[error.index]) if error.index >= 0 else -1
        step = self._next if error.step is None else error.step
        size = error.size if error.size == error.size else float("inf")  # what is no number is the worst
        outgrown = error.kind if isinstance(error, OutgrownError) else ""
        return Failure(self._moment, step, size, who, str(error), pairs, outgrown)

    def _agree(self) -> None:
        """If a rank has failed, all of them stop here."""
        if self.link.most(0 if self._failure is None else FAILED) == FAILED:
            raise StoppedError(self._first_failure())

    def _follow_range(self, force: float, wish: bool) -> bool:
        """Go over to the quanta that fit the forces of the step before, and the speeds of this one.

        That goes with the question whether any rank wishes to build its lists, since it costs no message of its own.
        If a rank has failed, all of them stop here.
        """
        said = [float(wish if self._failure is None else FAILED), force, self.state.fastest, *self._largest_sums]
        most, force, speed, *sums = self.link.maximum(np.array(said)).tolist()
        if most == FAILED:
            raise StoppedError(self._first_failure())
        if self._needs.step == self.state.step - 1:  # else what was widened for this step would be taken back
            force, speed = max(force, self._needs.force), max(speed, self._needs.speed)
            sums = list(map(max, sums, self._needs.sums))
        self.take(followed(self.state.quanta, force, speed, sums, looked_at(self.state.step - 1)))
        return bool(most > 0)

    def take(self, quanta: Quanta) -> None:
        """From now on with these quanta; for other positions, lists must be built anew."""
        if quanta.position != self.state.quanta.position:
            positions, spacing = self.state.positions[:, : self.state.owned], np.array(quanta.position)[:, None]
            positions[:] = np.rint(positions / spacing) * spacing + 0.0
        coarser = quanta.velocity > self.state.quanta.velocity  # what is on a grid is on a finer one as well
        self.state.quanta = quanta
        if coarser:
            self._round_velocities()

    def _round_velocities(self) -> None:
        velocities, quantum = self.state.velocities[:, : self.state.owned], self.state.quanta.velocity
        velocities[:] = np.rint(velocities / quantum) * quantum + 0.0

    def widen(self, kind: str, size: float) -> None:
        """Take a coarser quantum, for a force, speed or position which the next step needs."""
        state = self.state
        if kind == "position":
            self.take(replace(state.quanta, position=tuple(state.box.far_spacing.tolist())))
            self.rebuild()
        else:
            nothing = Needs(state.step, sums=(0.0,) * len(state.quanta.sums))
            self._needs = (self._needs if self._needs.step == state.step else nothing).plus(kind, size)
            needs = self._needs
            self.take(followed(state.quanta, needs.force, needs.speed, needs.sums, look=False))
        self.compute_forces(energy=False)
        self._agree()

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

    def begin(self, anew: bool) -> Extremes:
        """Lay the particles out, and compute the first forces, with quanta that fit: chosen anew, or as they are if
        they still do."""
        state = self.state
        farthest = self.link.maximum(np.abs(state.positions[:, : state.owned]).max(axis=1, initial=0.0))
        position = tuple(np.maximum(state.box.spacing_for(farthest), 0.0 if anew else state.spacing).tolist())
        finest = Quanta(position, FINEST, FINEST, (FINEST,) * len(self._largest_sums))
        self.take(finest if anew else replace(state.quanta, position=position))
        self._lay_out(anew=True)
        owned = state.owned
        inside, outside, energy = self.measure_forces()
        speed = float(self.link.maximum(np.array([np.abs(state.velocities[:, :owned]).max(initial=0.0)]))[0])
        self._energy_quantum = energy_quantum(energy)
        self._follow_at_rest(force=max(inside, outside))
        self._attempt(self.integrator.start, state, self.team)
        self.compute_forces(energy=False)
        self._agree()
        pushes = np.abs(state.forces[:, :owned]).max(axis=0) / state.mass[:owned] * state.quanta.force
        thermal = np.sqrt(self.integrator.temperature / state.mass[:owned]).max(initial=0.0)
        push, thermal = self.link.maximum(np.array([pushes.max(initial=0.0), thermal])).tolist()
        self._follow_at_rest(speed=max(speed, push * self.integrator.dt, thermal))
        self._round_velocities()
        if anew:
            self._restart_clock()
        return Extremes(inside, outside, speed, push)

    def measure_forces(self) -> tuple[float, float, float]:
        """The largest force between particles and that from outside, and the largest energy, of all ranks; whatever
        the quantum of force is, so the forces themselves may be out of range."""
        inside = outside = energy = 0.0
        self.slots.begin()
        for stage in self.stages:
            self.sums = Sums.none(energy=True)
            if stage.sum is not None:
                self._fit_sum(stage, stage.sum)
            self._attempt(self._compute, stage, self._energy_quantum)
            self._exchange(stage)
            force = self.sums.most_force
            inside, outside = (inside, max(outside, force)) if stage.outside else (max(inside, force), outside)
            energy = max(energy, self.sums.largest_energy)
        self.sums = UNKNOWN
        try:
            self._agree()
        except StoppedError:
            self._failure = None
            raise
        found = self.link.maximum(np.array([inside, outside, energy])).tolist()
        return found[0], found[1], found[2]

    def _fit_sum(self, stage: Stage, number: int) -> None:
        """A quantum for what a stage adds up, whatever it was."""
        largest = [0.0]
        self._attempt(lambda: largest.append(stage.compute(self.state, self.neighbors.pairs, None).largest_sum))
        sums = [0.0] * len(self._largest_sums)
        sums[number] = float(self.link.maximum(np.array([largest[-1]]))[0])
        if np.isfinite(sums[number]):
            self.take(followed(self.state.quanta, 0.0, 0.0, sums, look=True))

    def _follow_at_rest(self, force: float = 0.0, speed: float = 0.0) -> None:
        """The quanta for what is largest at a start; 0 for what was not asked for."""
        sums = (0.0,) * len(self._largest_sums)
        self.take(followed(self.state.quanta, force, speed, sums, look=True))

    def go_on(self) -> None:
        """From a checkpoint."""
        self._lay_out()
        self.compute_forces(energy=False)
        self._agree()
        self._restart_clock()

    def _lay_out(self, anew: bool = False) -> None:
        if self._recipe is not None:
            self.state.velocities[:] = self._recipe.velocities(self.state.ids, self.link.sum).T
            self._recipe = None  # not again, when particles are laid out once more
        if anew:
            self._note_velocities()
        self.rebuild()

    def _restart_clock(self) -> None:
        self.clock = Clock(self.link)
        self.balancer.restart(self.work)

    def change_integrator(self, integrator: Integrator, freedom: int) -> None:
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
        self.state.memory = {}
        self.world.freedom = freedom
        self.state.fastest = 0.0  # it may be one that has no velocities
        self.integrator = integrator

    def assign(self, ids: Integers, columns: Mapping[str, Array]) -> None:
        """Take over columns (..., N) of the particles with these rising ids; begin comes next."""
        self._before = (self.state.quanta, self._energy_quantum)
        self._write(ids, columns)

    def take_back(self, ids: Integers, columns: Mapping[str, Array]) -> None:
        """These columns again, after an assignment that did not fit, with the quanta of before it."""
        self._failure = None
        self._write(ids, columns)
        self.state.quanta, self._energy_quantum = self._before
        self.go_on()

    def _write(self, ids: Integers, columns: Mapping[str, Array]) -> None:
        state = self.state
        indices = np.searchsorted(ids, state.ids[: state.owned])
        for name, values in columns.items():
            state.column(name)[..., : state.owned] = values[..., indices]

    def energies(self) -> tuple[float, float]:
        """Energy and virial of this moment, computed now if no one asked for them before.

        Their quantum depends on the largest energy of this moment alone, so it does not matter who asked for what.
        """
        quantum = 0.0
        while quantum != self._energy_quantum:
            quantum = self._energy_quantum
            if self.sums.energy is None:
                self._compute_energies()
            self._energy_quantum = energy_quantum(float(self.link.maximum(np.array([self.sums.largest_energy]))[0]))
            if quantum != self._energy_quantum:
                self.sums = replace(self.sums, energy=None, virial=None)
        energy, virial = (total_of(number or 0, self.link.sum) for number in (self.sums.energy, self.sums.virial))
        return energy * quantum, virial * quantum

    def _compute_energies(self) -> None:
        self._next = self.state.step
        try:
            self.compute_forces(energy=True)
            self._agree()
        except StoppedError:
            self._failure = None
            self.compute_forces(energy=False)  # which may be fine, and a run needs no more
            raise

    # When something has gone wrong

    def keep(self) -> None:
        """Keep a copy of this moment in memory, to come back to."""
        self._kept = None  # so that there are never two
        rows = self.state.take(np.arange(self.state.owned))
        self._kept = self.state.step, self.state.quanta, dict(self.state.memory), self._needs, rows

    def give_up(self) -> int:
        """To the moment that was kept, to stay there; return its step.

        What the failed step needed is forgotten: what comes next depends on nothing that a checkpoint does not have.
        """
        step = self.go_back()
        self._needs = Needs()
        self.keep()
        return step

    def go_back(self) -> int:
        """To the moment that was kept; return its step."""
        assert self._kept is not None  # rank 0 had it kept before the first step  # noqa: S101
        self._failure, self.state.meeting = None, None
        step, self.state.quanta, memory, self._needs, rows = self._kept
        self.state.memory = dict(memory)
        self.state.keep(np.zeros(0, np.int64))
        self.state.ghosts = 0
        self.state.add(rows)
        self.state.step = step
        self.rebuild()
        self.compute_forces(energy=False)
        return step

    def step_carefully(self, energy: bool) -> None:
        """One step, in which all ranks stop at the very stage that fails."""
        self.state.meeting = self._meet
        self.run(1, energy)
        self.state.meeting = None
