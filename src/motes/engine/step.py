"""The order of a step, which the march goes through as well.

Algorithm: velocity Verlet's halves around the forces. Between them owners, ghosts and lists are made anew if anyone has
moved by half the skin, and else ghosts follow. Steps of which nothing must be decided are left to the march.

Invariant: every rank has an engine, the state of its region and the stages that work on it, and all call the same
methods at the same time. What is decided depends on numbers of all ranks, so all take the same step.

Disadvantage: one reduction in each step that is not marched, by which the slowest rank holds up all.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from time import process_time

import numpy as np

from motes.core.errors import OutgrownError
from motes.core.state import Array, Quanta
from motes.core.threads import Team
from motes.decomposition.balance import Balancer
from motes.decomposition.domain import Domain, Link
from motes.decomposition.grid import Regions
from motes.decomposition.halo import copy_columns
from motes.engine.ahead import Ahead
from motes.engine.clock import Clock
from motes.engine.failing import FAILED, Attempts
from motes.engine.march import DONE, FORCED, HALF, March
from motes.engine.plan import Needs, Plan
from motes.engine.starts import Start
from motes.exact.quanta import FORCES, SUMS, followed, looked_at
from motes.forces import law
from motes.forces.clusters import SPREAD
from motes.forces.law import NOT_ASKED, Stage, Sums
from motes.forces.slots import SlotForces
from motes.integrators.fire import Descent
from motes.integrators.world import World
from motes.neighbors.list import BUILD, PRUNE, NeighborList
from motes.neighbors.tuples import SpecialPairs, TupleSearch

LEAST_STRETCH = 3
"""Steps that are worth making a tape, or stretches of fewer steps with the same lists."""

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
        self.state = start.share(link)
        if plan.needs_velocities != (len(self.state.force_velocities) > 0):
            rows = self.state.dimensions if plan.needs_velocities else 0
            self.state.force_velocities = np.zeros((rows, self.state.capacity))
        self.start: Start | None = start  # until velocities are drawn
        self.link = link
        self.team = Team(plan.threads)
        self.integrator = plan.integrator
        self.state.numbers, self.ahead = plan.numbers.copy(), Ahead(len(plan.numbers), self.team)
        self.ahead.know(self.state.step, plan.numbers[None])
        self.world = World(self.state, self.team, link, plan.freedom)
        self.slots = SlotForces(plan.box.dimensions, self.team)
        self.stages = in_order(plan.laws, self.slots, self.team)
        sums = [stage for stage in self.stages if stage.sum is not None]
        self.largest_sums = [0.0] * len(sums)
        for name, empty in chain.from_iterable(stage.columns.items() for stage in self.stages):
            self.state.declare(name, empty)
        specials = None if plan.specials is None else SpecialPairs(plan.specials)
        self.neighbors = NeighborList(plan.cutoff, plan.skin, self.team, specials, plan.may_prune)
        self.searches = {
            number: TupleSearch(stage.members, plan.box)
            for number, stage in enumerate(self.stages)
            if stage.members is not None
        }
        halo = self.neighbors.radius if plan.cutoff else 0.0
        self.domain = Domain(Regions.even(plan.box, link.size, halo), halo, link, self.team)
        self.balancer = Balancer(self.domain)
        self.work = 0.0
        self.layouts = 0  # how often the particles may have moved in memory or between ranks
        self.clock = Clock(link)
        self.descent: Descent | None = None
        self.march = March(self)
        self._fruitless = 0  # marches, one after the other
        self._short = 0, 0  # these lists, and how many stretches of few steps there were with them
        self._resting_until = 0  # this step
        self.state.stride = plan.stride
        self.sums = NOT_ASKED
        self.energy_quantum = 1.0
        self.attempts = Attempts(self.state, link)
        self.needs = Needs()
        self.mark: object = None  # what it was before a change (marks.py)
        self.kept: tuple[int, Quanta, dict[str, float], Needs, list[Array]] | None = None

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
        state = self.state
        if self._too_few(most) or state.step < self._resting_until or self.needs.step >= state.step - 1:
            return False
        step = state.step - 1 if half_done else state.step
        return self.march.possible and self.march.ready(step, half_done, self.attempts.failed, self.sums)

    def _too_few(self, steps: int) -> bool:
        """Whether so many are not worth a tape: one for each stretch, as an observer of every step would have it, are,
        if they go on for some time."""
        if steps >= LEAST_STRETCH or steps < 1:
            return steps < 1
        lists, stretches = self._short
        builds = self.neighbors.pairs.builds
        self._short = builds, stretches + 1 if lists == builds else 1
        return self._short[1] < LEAST_STRETCH

    def _march(self, most: int, half_done: bool) -> tuple[int, bool]:
        """Take up to so many steps of which nothing must be decided, and the one that ended that, or half of it; return
        how many are done, and whether one more is half done. So may the first of them be."""
        state = self.state
        begun = state.step - 1 if half_done else state.step
        rounds, code = self.march.go(most, begun, half_done)
        state.step = begun + rounds
        self._fruitless = 0 if rounds >= min(most, LEAST_STRETCH) else self._fruitless + 1
        if self._fruitless == PATIENCE:
            self._fruitless, self._resting_until = 0, state.step + REST
        if rounds > 0 or code == DONE:
            bound = max(self.march.largest(FORCED), default=0.0) ** 0.5
            self.sums = Sums(None, None, bound / SPREAD, bound)
            self.largest_sums = self.march.largest_sums()
        if code == 0:
            return rounds, False
        self.attempts.step = state.step + 1
        if code == HALF:
            self._follow(self._half(self.march.largest(HALF)))
            return rounds, True
        if code == FORCED:
            state.step += 1
            self._close_step(energy=False)
        else:
            state.step += 1
            for speed in self.march.largest(DONE):
                self.attempts.run(self.integrator.check_speed, state, speed)
        return rounds + 1, False

    def step(self, energy: bool, half_done: bool = False) -> None:
        """From t to t + dt, of which the half may be done."""
        if not half_done:
            self.attempts.step = self.state.step + 1
            self.attempts.run(self.integrator.first_half, self.state, self.team)
            self._follow(self._half())
        self._close_step(energy)

    def _half(self, largest: Sequence[float] = ()) -> float:
        """The first half has been done; look at its largest speeds, or move, if given. Return the force of before."""
        state = self.state
        force, self.sums = self.sums.most_force, NOT_ASKED  # should the step fail, no energy of another moment is left
        for one in largest:
            self.attempts.run(self.integrator.check_half, state, one)
        self.attempts.run(self.domain.check_reach, state)
        self.note_velocities()
        state.step += 1
        self.ahead.take(state)
        self.clock.lap("integrate")
        return force

    def _follow(self, force: float) -> None:
        """Ranges, ghosts and lists of x(t + dt); force is the largest one at t."""
        state, domain, neighbors, lap = self.state, self.domain, self.neighbors, self.clock.lap
        wish = self._follow_range(force, neighbors.wish(state))
        if wish == BUILD:
            self.rebuild()
        else:
            domain.refresh(state, self.refreshed)
            lap("halo")
            neighbors.follow(state)
            if wish == PRUNE:
                neighbors.prune(state, self.slots.runs)
            lap("neighbors")

    def _close_step(self, energy: bool) -> None:
        """Forces, and the second half."""
        state, lap = self.state, self.clock.lap
        self.compute_forces(energy)
        self.attempts.run(self.integrator.second_half, state, self.team)
        if self.integrator.coupled:
            self.couple()
        lap("integrate")

    def couple(self) -> None:
        """What all particles together do to each."""
        self.world.measure()
        self.attempts.run(self.integrator.couple, self.world)

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
        domain.refresh(state, self.refreshed[1:])
        lap("halo")
        begun = process_time()
        self.neighbors.build(state, domain.region())
        state.note_frozen()
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
    def refreshed(self) -> tuple[str, ...]:
        """The columns that ghosts must know of at every step."""
        return ("positions", "force_velocities") if len(self.state.force_velocities) else ("positions",)

    def note_velocities(self) -> None:
        """These velocities are those of which the next forces are a function."""
        if len(self.state.force_velocities):
            owned = self.state.owned
            self.team.split(copy_columns, owned, self.state.velocities, 0, self.state.force_velocities, 0)

    def compute_forces(self, energy: bool) -> None:
        """The forces on every particle, those on its ghosts on other ranks among them."""
        begun = process_time()
        self.slots.begin()
        self.sums = Sums.none(energy)
        for stage in self.stages:
            self.attempts.run(self.compute, stage, self.energy_quantum if energy else None)
            if stage.fold or stage.refresh:
                self.exchange(stage)
        self.attempts.run(self._check_range)
        self.work += process_time() - begun
        self.clock.lap("pair")
        self.domain.fold(self.state)
        self.clock.lap("halo")

    def compute(self, stage: Stage, energy_quantum: float | None) -> None:
        """One stage of the forces, and what it says of them."""
        sums = stage.compute(self.state, self.neighbors.pairs, energy_quantum)
        if energy_quantum is not None and sums.energy is None:
            raise TypeError(f"{type(stage).__name__}.compute was asked for energies, and said None (docs/laws.md)")
        if not sums.finite:
            raise stage.blame(self.state, self.neighbors.pairs, sums)
        self.sums = self.sums.plus(sums)
        if stage.sum is not None:
            self.largest_sums[stage.sum] = sums.largest_sum
            if sums.largest_sum > SUMS.limit(self.state.quanta.sums[stage.sum]):
                raise OutgrownError(str(stage.sum), sums.largest_sum)

    def exchange(self, stage: Stage) -> None:
        """What ghosts gathered in a stage goes home, and what they must know of it comes."""
        if stage.fold is not None:
            self.domain.fold(self.state, stage.fold)
        self.domain.refresh(self.state, stage.refresh)

    def _check_range(self) -> None:
        """A number beyond its range would be a wrong number."""
        if self.sums.most_force > FORCES.limit(self.state.quanta.force):
            raise OutgrownError("force", self.sums.most_force)

    def _follow_range(self, force: float, wish: int) -> int:
        """Go over to the quanta that fit the forces of the step before, and the speeds of this one.

        That goes with the question what any rank wishes to do with its lists, since it costs no message of its own.
        If a rank has failed, all of them stop here.
        """
        said = [float(FAILED if self.attempts.failed else wish), force, self.state.fastest, *self.largest_sums]
        most, force, speed, *sums = self.link.maximum(np.array(said)).tolist()
        if most == FAILED:
            self.attempts.stop()
        if self.needs.step == self.state.step - 1:  # else what was widened for this step would be taken back
            force, speed = max(force, self.needs.force), max(speed, self.needs.speed)
            sums = list(map(max, sums, self.needs.sums))
        self.take(followed(self.state.quanta, force, speed, sums, looked_at(self.state.step - 1)))
        return int(most)

    def take(self, quanta: Quanta) -> None:
        """From now on with these quanta; for other positions, lists must be built anew."""
        if quanta.position != self.state.quanta.position:
            positions, spacing = self.state.positions[:, : self.state.owned], np.array(quanta.position)[:, None]
            positions[:] = np.rint(positions / spacing) * spacing + 0.0
        coarser = quanta.velocity > self.state.quanta.velocity  # what is on a grid is on a finer one as well
        self.state.quanta = quanta
        if coarser:
            self.round_velocities()

    def round_velocities(self) -> None:
        """To the grid of the moment."""
        velocities, quantum = self.state.velocities[:, : self.state.owned], self.state.quanta.velocity
        velocities[:] = np.rint(velocities / quantum) * quantum + 0.0
