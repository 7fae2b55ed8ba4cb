"""The order of a step. The only file that knows it.

Every rank has an engine: the state of its region, and the stages that work on it. All ranks call the same methods at
the same time; what they answer is for rank 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from time import process_time

import numpy as np

from motes.core.errors import OutgrownError
from motes.core.state import FINEST, Array, Integers, Quanta, Timeline
from motes.core.threads import Team
from motes.decomposition.balance import Balancer
from motes.decomposition.domain import Domain, Link
from motes.decomposition.grid import Regions
from motes.engine.clock import Clock
from motes.engine.failing import FAILED, Attempts, StoppedError
from motes.engine.march import DONE, FORCED, HALF, March
from motes.engine.plan import Extremes, Needs, Plan
from motes.engine.starts import Start, own_share
from motes.exact.quanta import FAINT, FORCES, SLOWLY, STUCK, SUMS, energy_quantum, followed, looked_at
from motes.exact.sums import LIMB, total_of
from motes.forces import law
from motes.forces.clusters import SPREAD
from motes.forces.law import NOT_ASKED, Stage, Sums
from motes.forces.slots import SlotForces
from motes.integrators.fire import Descent
from motes.integrators.motion import Integrator
from motes.integrators.world import World
from motes.neighbors.list import NeighborList
from motes.neighbors.tuples import SpecialPairs, TupleSearch
from motes.particles.recipes import Recipe

LEAST_STRETCH = 3
"""Steps for which it is not worth making a tape."""

PATIENCE = 4
"""Marches that may be shorter than that, one after the other."""

REST = 64
"""Steps without a march after so many short ones."""


def in_order(laws: Sequence[law.Plan], slots: SlotForces, team: Team) -> list[Stage]:
    """The stages of all laws, in the order in which a step takes them."""
    stages = [stage for one in laws for stage in one.stages(slots, team)]
    return sorted([*stages, slots], key=lambda stage: stage.when)


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
        for name, empty in chain.from_iterable(stage.columns.items() for stage in self.stages):
            self.state.declare(name, empty)
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
        self.march = March(self)
        self._fruitless = 0  # marches, one after the other
        self._resting_until = 0  # this step
        self.state.stride = plan.stride
        self.sums = NOT_ASKED
        self._energy_quantum = 1.0
        self.attempts = Attempts(self.state, link)
        self._needs = Needs()
        self._before = self.state.quanta, self._energy_quantum
        self._kept: tuple[int, Quanta, dict[str, float], Needs, list[Array]] | None = None

    def run(self, steps: int, energy: bool) -> None:
        """Take steps; after the last one, energy and virial are known if asked for."""
        self.clock.start()
        if self.integrator.independent:
            self.attempts.run(self.integrator.carry, self.state, self.team, steps)
            self.clock.lap("integrate")
        else:
            remaining, half_done = steps, False
            while remaining > 0:
                if self._may_march(remaining - energy, half_done):
                    taken, half_done = self._march(remaining - energy, half_done)
                else:
                    self.step(energy and remaining == 1, half_done)
                    taken, half_done = 1, False
                remaining -= taken
        self.attempts.agree()

    def _may_march(self, most: int, half_done: bool) -> bool:
        """Whether it is worth while for so many steps, and there is nothing to decide at the first of them."""
        state, sums = self.state, self.sums
        if most < LEAST_STRETCH or state.step < self._resting_until or self.attempts.failed:
            return False
        settled = half_done or FORCES.decided(state.quanta.force, sums.least_force, sums.most_force, look=True)
        return settled and self._needs.step < state.step - 1 and self.march.possible

    def _march(self, most: int, half_done: bool) -> tuple[int, bool]:
        """Take up to so many steps of which nothing must be decided, and the one that ended that, or half of it; return
        how many are done, and whether one more is half done. So may the first of them be."""
        state = self.state
        begun = state.step - 1 if half_done else state.step
        rounds, code = self.march.go(most, begun, half_done)
        if rounds > 0 or code != 0:  # else it could not begin, and the step is where it was
            state.step = begun + rounds
        self._fruitless = 0 if rounds >= LEAST_STRETCH else self._fruitless + 1
        if self._fruitless == PATIENCE:
            self._fruitless, self._resting_until = 0, state.step + REST
        if rounds > 0 or code == DONE:
            bound = self.march.largest(FORCED) ** 0.5
            self.sums = Sums(None, None, bound / SPREAD, bound)
        if code == 0:
            return rounds, half_done and rounds == 0
        self.attempts.step = state.step + 1
        if code == HALF:
            self._follow(self._half(self.march.largest(HALF)))
            return rounds, True
        if code == FORCED:
            state.step += 1
            self._close_step(energy=False)
        else:
            state.step += 1
            self.attempts.run(self.integrator.check_speed, state, self.march.largest(DONE))
        return rounds + 1, False

    def step(self, energy: bool, half_done: bool = False) -> None:
        """From t to t + dt, of which the half may be done."""
        if not half_done:
            self.attempts.step = self.state.step + 1
            self.attempts.run(self.integrator.first_half, self.state, self.team)
            self._follow(self._half())
        self._close_step(energy)

    def _half(self, fastest: float | None = None) -> float:
        """The first half has been done, with this speed if no one has looked at it; return the force of before."""
        state = self.state
        force, self.sums = self.sums.most_force, NOT_ASKED  # should the step fail, no energy of another moment is left
        if fastest is not None:
            self.attempts.run(self.integrator.check_speed, state, fastest)
        self.attempts.run(self.domain.check_reach, state)
        self._note_velocities()
        state.step += 1
        self.clock.lap("integrate")
        return force

    def _follow(self, force: float) -> None:
        """Ranges, ghosts and lists of x(t + dt); force is the largest one at t."""
        state, domain, neighbors, lap = self.state, self.domain, self.neighbors, self.clock.lap
        if self._follow_range(force, wish=neighbors.moved_too_far(state)):
            self.rebuild()
        else:
            domain.refresh(state, self._followed)
            lap("halo")
            neighbors.follow(state)
            lap("neighbors")

    def _close_step(self, energy: bool) -> None:
        """Forces, and the second half."""
        state, lap = self.state, self.clock.lap
        self.compute_forces(energy)
        self.attempts.run(self.integrator.second_half, state, self.team)
        if self.integrator.coupled:
            self.world.measure()
            self.attempts.run(self.integrator.couple, self.world)
        lap("integrate")

    def rebuild(self) -> None:
        """Owners, ghosts and neighbours anew."""
        state, domain, lap = self.state, self.domain, self.clock.lap
        self.layouts += 1
        self.neighbors.restore_order(state)
        self.balancer.look(state, self.work)
        self.attempts.run(domain.check_images, state)
        domain.migrate(state)
        lap("migrate")
        domain.build_halo(state)
        self._find_tuples()
        domain.refresh(state, self._followed[1:])
        lap("halo")
        begun = process_time()
        self.neighbors.build(state, domain.region())
        self.slots.marching = self.march.share()
        for stage in self.stages:
            self.attempts.run(stage.follow, state, self.neighbors.pairs)
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
        """The forces on every particle, those on its ghosts on other ranks among them."""
        begun = process_time()
        self.slots.begin()
        self.sums = Sums.none(energy)
        for stage in self.stages:
            self.attempts.run(self._compute, stage, self._energy_quantum if energy else None)
            if stage.fold or stage.refresh:
                self._exchange(stage)
        self.attempts.run(self._check_range)
        self.work += process_time() - begun
        self.clock.lap("pair")
        self.domain.fold(self.state)
        self.clock.lap("halo")

    def _compute(self, stage: Stage, energy_quantum: float | None) -> None:
        sums = stage.compute(self.state, self.neighbors.pairs, energy_quantum)
        if energy_quantum is not None and sums.energy is None:
            raise TypeError(f"{type(stage).__name__}.compute was asked for energies, and said None (docs/laws.md)")
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

    def _follow_range(self, force: float, wish: bool) -> bool:
        """Go over to the quanta that fit the forces of the step before, and the speeds of this one.

        That goes with the question whether any rank wishes to build its lists, since it costs no message of its own.
        If a rank has failed, all of them stop here.
        """
        said = [float(FAILED if self.attempts.failed else wish), force, self.state.fastest, *self._largest_sums]
        most, force, speed, *sums = self.link.maximum(np.array(said)).tolist()
        if most == FAILED:
            self.attempts.stop()
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
        self.attempts.agree()

    # What rank 0 asks for

    def begin(self, anew: bool, longest: float) -> Extremes:
        """Lay the particles out, and compute the first forces, with quanta that fit: chosen anew, or as they are if
        they still do.

        Where forces would move a particle farther than longest in a step, none is taken before the particles have been
        parted: the speeds that those forces would bring are none of this run, and must not coarsen velocities.
        """
        state = self.state
        farthest = self.link.maximum(np.abs(state.positions[:, : state.owned]).max(axis=1, initial=0.0))
        position = tuple(np.maximum(state.box.spacing_for(farthest), 0.0 if anew else state.spacing).tolist())
        finest = Quanta(position, FINEST, FINEST, (FINEST,) * len(self._largest_sums))
        self.take(finest if anew else replace(state.quanta, position=position))
        self._lay_out(anew=True)
        owned = state.owned
        inside, outside, energy = self.measure_forces()
        speeds = np.abs(state.velocities[:, :owned]).max(axis=0)
        speed = float(self.link.maximum(np.array([speeds.max(initial=0.0)]))[0])
        self._energy_quantum = energy_quantum(energy)
        self._follow_at_rest(force=max(inside, outside))
        self.attempts.run(self.integrator.start, state, self.team)
        self.compute_forces(energy=False)
        self.attempts.agree()
        pushes = np.abs(state.forces[:, :owned]).max(axis=0) / state.mass[:owned] * state.quanta.force
        thermal = np.sqrt(self.integrator.temperature / state.mass[:owned]).max(initial=0.0)
        push, thermal = self.link.maximum(np.array([pushes.max(initial=0.0), thermal])).tolist()
        extremes, dt = Extremes(inside, outside, speed, push), self.integrator.dt
        pushed = 0.0 if extremes.overlapping(dt, longest) else push * dt
        self._follow_at_rest(speed=max(speed, pushed, thermal))
        self._round_velocities()
        if anew:
            self._restart_clock()
        slow = (speeds > 0.0) & (speeds < FAINT * state.quanta.velocity)
        pushed = pushes * state.mass[:owned] >= FAINT * state.quanta.force  # where forces cancel, it is no wonder
        kicks = 0.5 * pushes * dt
        stuck = pushed & (kicks < STUCK * state.quanta.velocity) & (speeds < kicks * SLOWLY)
        stuck &= self.integrator.has_velocities
        counts = self.link.sum(np.array([np.count_nonzero(slow), np.count_nonzero(stuck)]))
        return replace(extremes, slow=int(counts[0]), stuck=int(counts[1]))

    def measure_forces(self) -> tuple[float, float, float]:
        """The largest force between particles and that from outside, and the largest energy, of all ranks; whatever
        the quantum of force is, so the forces themselves may be out of range."""
        inside = outside = energy = 0.0
        self.slots.begin()
        for stage in self.stages:
            self.sums = Sums.none(energy=True)
            if stage.sum is not None:
                self._fit_sum(stage, stage.sum)
            self.attempts.run(self._compute, stage, self._energy_quantum)
            self._exchange(stage)
            force = self.sums.most_force
            inside, outside = (inside, max(outside, force)) if stage.outside else (max(inside, force), outside)
            energy = max(energy, self.sums.largest_energy)
        self.sums = NOT_ASKED
        self.attempts.agree_at_rest()
        found = self.link.maximum(np.array([inside, outside, energy])).tolist()
        return found[0], found[1], found[2]

    def _fit_sum(self, stage: Stage, number: int) -> None:
        """A quantum for what a stage adds up, whatever it was."""
        largest = [0.0]
        self.attempts.run(lambda: largest.append(stage.compute(self.state, self.neighbors.pairs, None).largest_sum))
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
        self.attempts.agree()
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

    def change_integrator(
        self, integrator: Integrator, freedom: int, memory: Mapping[str, float], timeline: Timeline
    ) -> None:
        """Go on with another integrator from this step; if it cannot start here, all stays as it is."""
        self.attempts.step = self.state.step
        self.attempts.run(integrator.start, self.state, self.team)
        self.attempts.agree_at_rest()
        if self.integrator.independent:  # it carried particles away from their owners and neighbours
            self.rebuild()
            self.compute_forces(energy=False)
        self._go_by(timeline)
        self.state.memory = dict(memory)
        self.world.freedom = freedom
        self.state.fastest = 0.0  # it may be one that has no velocities
        self.integrator = integrator

    def _go_by(self, timeline: Timeline) -> None:
        """From this step on; forces that depend on the time step are computed anew, as after a resume."""
        before = self.state.timeline
        if timeline == before:
            return
        self.state.timeline = timeline
        self.compute_forces(energy=False)
        try:
            self.attempts.agree_at_rest()
        except StoppedError:
            self.state.timeline = before
            self.compute_forces(energy=False)
            raise

    def assign(self, ids: Integers, columns: Mapping[str, Array]) -> None:
        """Take over columns (..., N) of the particles with these rising ids; begin comes next."""
        self._before = (self.state.quanta, self._energy_quantum)
        self._write(ids, columns)

    def take_back(self, ids: Integers, columns: Mapping[str, Array]) -> None:
        """These columns again, after an assignment that did not fit, with the quanta of before it."""
        self.attempts.forget()
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
                self.sums = self.sums._replace(energy=None, virial=None)
        energy, virial = (total_of(number or 0, self.link.sum) for number in (self.sums.energy, self.sums.virial))
        return energy * (quantum * LIMB), virial * (quantum * LIMB)

    def _compute_energies(self) -> None:
        self.attempts.step = self.state.step
        try:
            self.compute_forces(energy=True)
            self.attempts.agree()
        except StoppedError:
            self.attempts.forget()
            self.compute_forces(energy=False)  # which may be fine, and a run needs no more
            raise

    # When something has gone wrong

    def keep(self) -> None:
        """Keep a copy of this moment in memory, to come back to."""
        self._kept = None  # so that there are never two
        columns = self.state.copies()
        self._kept = self.state.step, self.state.quanta, dict(self.state.memory), self._needs, columns

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
        self.attempts.forget()
        self.state.meeting = None
        step, self.state.quanta, memory, self._needs, columns = self._kept
        self.state.memory = dict(memory)
        self.state.restore(columns)
        self.state.step = step
        self.rebuild()
        self.compute_forces(energy=False)
        return step

    def step_carefully(self, energy: bool) -> None:
        """One step, in which all ranks stop at the very stage that fails."""
        self.state.meeting = self.attempts.meet
        self.run(1, energy)
        self.state.meeting = None
