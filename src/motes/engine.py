"""The order of a step. The only file that knows it.

Every rank has an engine: the state of its region, and the stages that work on it. All ranks call the same methods at
the same time; what they answer is for rank 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter, process_time

import numpy as np

from motes.arrays import Work
from motes.box import AXES, Box
from motes.decomposition.balance import Balancer
from motes.decomposition.domain import Domain, Link, total_of
from motes.decomposition.grid import Regions
from motes.errors import RunError
from motes.forces.field import FieldForces, FieldPlan
from motes.forces.pair import PairForces, PairSums
from motes.forces.plan import PairPlan
from motes.forces.scale import BITS
from motes.formulas.bind import MASS
from motes.integrators.kinetic import kinetic_quanta
from motes.integrators.motion import Integrator
from motes.neighbors.list import NeighborList
from motes.neighbors.suspects import describe_closest_pair
from motes.recipes import Recipe
from motes.state import Array, Floats, Integers, Quanta, State
from motes.threads import Team

Start = State | Recipe
"""What a run starts from: particles, or how to make them."""

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


def own_share(recipe: Recipe, link: Link) -> State:
    """An equal share of a recipe's particles, at rest, wherever they lie: the first migration takes them home."""
    begin, end = (recipe.count * rank // link.size for rank in (link.rank, link.rank + 1))
    ids = np.arange(begin, end)
    columns = {name: np.full(len(ids), value) for name, value in recipe.attributes.items()}
    positions = recipe.positions(ids)
    mass = np.full(len(ids), recipe.mass)
    return State.of(recipe.box, ids, np.zeros(len(ids), np.int64), mass, positions, np.zeros_like(positions), columns)


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


class Engine:
    """One region's particles and the stages that move them."""

    def __init__(self, plan: Plan, start: Start, link: Link) -> None:
        self.state = start if isinstance(start, State) else own_share(start, link)
        self._recipe = None if isinstance(start, State) else start
        self.link = link
        self.team = Team(plan.threads)
        self.integrator = plan.integrator
        self.forces = PairForces(plan.forces, self.team)
        self.fields = FieldForces(plan.fields, plan.integrator.dt, self.team)
        self.neighbors = NeighborList(plan.forces.cutoff, plan.skin, self.team)
        halo = self.neighbors.radius if plan.forces.cutoff else 0.0
        self.domain = Domain(Regions.even(plan.box, link.size, halo), halo, link, self.team)
        self.balancer = Balancer(self.domain)
        self.work = 0.0
        self.clock = Clock(link)
        self.sums = PairSums(None, None, 0.0, 0.0)

    def run(self, steps: int, energy: bool) -> None:
        """Take steps; after the last one, energy and virial are known if asked for."""
        self.clock.start()
        if self.integrator.independent:
            self.integrator.carry(self.state, self.team, steps)
            self.clock.lap("integrate")
            return
        for remaining in range(steps, 0, -1):
            self.step(energy and remaining == 1)

    def step(self, energy: bool) -> None:
        """From t to t + dt."""
        state, domain, neighbors, lap = self.state, self.domain, self.neighbors, self.clock.lap
        self.sums = PairSums(None, None, 0.0, 0.0)  # should the step fail, no energy of another moment is left
        self.integrator.first_half(state, self.team)
        state.step += 1
        lap("integrate")
        if self.link.any(neighbors.moved_too_far(state)):
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
        begun = process_time()
        sums = self.forces.compute(self.state, self.neighbors.pairs, energy)
        self.work += process_time() - begun
        self._check_range(sums)
        self.sums = self.fields.add(self.state, sums)
        self.clock.lap("pair")
        self.domain.fold_forces(self.state)
        self.clock.lap("halo")

    def _check_range(self, sums: PairSums) -> None:
        """A number out of range would be a wrong number."""
        quanta = self.state.quanta
        force = sums.largest_force * self.forces.cutoff
        if not (force <= 2.0**BITS * quanta.force and sums.largest_energy <= 2.0**BITS * quanta.energy):
            raise RunError(
                f"step {self.state.step}: a force is out of range: {self.closest_pair()}; "
                "use a smaller dt, or remove overlaps at the start"
            )

    # What rank 0 asks for

    def extremes(self) -> Extremes:
        """Lay the particles out for the first time, and tell what they are like."""
        if self._recipe is not None:
            self.state.velocities[:] = self._recipe.velocities(self.state.ids, self.link.sum).T
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
        self.integrator.start(self.state, self.team)
        self.compute_forces(energy=False)
        self.clock = Clock(self.link)
        self.balancer.restart(self.work)

    def set_velocities(self, ids: Integers, velocities: Floats) -> None:
        """Take over the velocities (d, N) of particles with these rising ids."""
        owned = self.state.owned
        self.state.velocities[:, :owned] = velocities[:, np.searchsorted(ids, self.state.ids[:owned])]

    def energy_quanta(self) -> tuple[int, int]:
        """Energy and virial of this moment, computed now if no one asked for them before."""
        if self.sums.energy is None or self.sums.virial is None:
            self.compute_forces(energy=True)
        return total_of(self.sums.energy or 0, self.link), total_of(self.sums.virial or 0, self.link)

    def kinetic_quanta(self) -> int:
        """Kinetic energy of this moment."""
        return total_of(kinetic_quanta(self.state, self.team), self.link)

    def gather(self, name: str) -> Array:
        """An array or attribute over all particles: those of rank 0 first, in the order they lie."""
        attributes = self.state.attributes
        values = attributes[name] if name in attributes else getattr(self.state, name)
        parts = self.link.gather(np.asarray(values[..., : self.state.owned]))
        return np.concatenate(parts, axis=-1) if parts else np.empty(0)

    def evaluate(self, work: Work, names: Sequence[str]) -> Array:
        """Results (k, N) of a function of what the particles have; see gather for their order."""
        own = [self._column(name) for name in names]
        results = work.run(own, (self.state.owned,), self.team)
        parts = self.link.gather(np.stack(results))
        return np.concatenate(parts, axis=-1) if parts else np.empty(0)

    def _column(self, name: str) -> Array:
        """A coordinate inside the box, the time, the mass, or an attribute, of the owned particles."""
        state = self.state
        if name == "t":
            return np.array(state.step * self.integrator.dt)
        if name in AXES:
            axis = AXES.index(name)
            x = state.positions[axis, : state.owned]
            inside: Floats = np.mod(x, state.box.lengths[axis]) if state.box.periodic[axis] else x
            return inside + float(state.box.origin[axis])
        return (state.mass if name == MASS else state.attributes[name])[: state.owned]

    def timings(self) -> list[dict[str, float]]:
        """For each rank, seconds per phase, and what it sent."""
        mine = {**self.clock.seconds, "messages": float(self.link.messages), "bytes": float(self.link.bytes)}
        parts = self.link.gather(np.array([list(mine.values())]).T)
        return [dict(zip(mine, part[:, 0].tolist(), strict=True)) for part in parts]

    def imbalance(self) -> list[float]:
        """Largest over mean work of the ranks, at each look."""
        return self.balancer.history

    def lists(self) -> tuple[int, int]:
        """How often lists were built, and how many partners they hold on all ranks."""
        return self.neighbors.pairs.builds, total_of(self.neighbors.pairs.pairs, self.link)

    def closest_pair(self) -> str:
        """A clause about the closest pair of this rank."""
        return describe_closest_pair(self.state, self.neighbors.pairs)
