"""Terms of pairs over the clusters of the list: what travels of them, and the stage that runs their kernel.

Algorithm: all terms of one kind are one kernel (cluster_kernel.py), which goes over the chunks of the list, one chunk
after the other for each thread, and adds forces up in the slots of the list (slots.py), or sums in a column.

Invariant: what is added is whole numbers, so neither chunks nor threads show in the result. Whether numbers were finite
is said by the largest of them; who it was is asked only then, by halving the chunks.

Disadvantage: who is to blame is found by computing the pairs again.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from motes.core.errors import ParticleError
from motes.core.state import CLUSTER, ROUND, Array, Chunk, Floats, Integers, PairList, State
from motes.core.threads import Team, Work
from motes.exact.arithmetic import number_of
from motes.exact.noise import PAIRS, draw_keys
from motes.exact.quanta import FORCES, looked_at
from motes.exact.sums import whole
from motes.forces.cluster_kernel import OF_FORCES, OPTIONAL, ORDINARY, Layout, Term, cluster_key, cluster_source
from motes.forces.law import BEFORE, IN_SLOTS, Stage, Sums
from motes.forces.moment import Moment, Parameters
from motes.forces.portions import PORTIONS
from motes.forces.slots import SlotForces, gather_slots
from motes.formulas.bind import Names
from motes.formulas.kernel import Kernel

NOT_FINITE = "is in a pair whose force or energy is not finite"

NOWHERE: Integers = np.zeros((3, 0), np.int64)
"""For forces that no pair has."""


@dataclass(frozen=True, eq=False)
class ClusterPlan:
    """Terms as a kernel, which can travel to another rank.

    Attributes:
        kernel: of all terms.
        cutoff: the largest.
        dimensions: 2 or 3.
        reads: what of a pair any of them reads.
        seeds: of the noise of each.
        special: whether bonded pairs are not like all others.
        live: attributes that change with every step.
        purpose: what its functions are for.
    """

    kernel: Kernel
    cutoff: float
    dimensions: int
    reads: frozenset[str]
    seeds: tuple[int, ...]
    special: bool
    live: frozenset[str] = frozenset()
    purpose: str = OF_FORCES

    def stages(self, slots: SlotForces, team: Team) -> Sequence[Stage]:
        """One."""
        kind = ClusterPortions if self.purpose == PORTIONS else ClusterForces
        return (kind(self, slots, team),)


def plan_clusters(terms: Sequence[Term], names: Names, purpose: str = OF_FORCES) -> ClusterPlan:
    """Generate (or find in the cache) the kernel for these terms."""
    types = max(1, len(names.type_names))
    key = cluster_key(terms, types, names.dimensions, purpose)
    rows = Layout.of(terms)
    numbers = np.array(list(rows.numbers.values()) or [0.0], float)
    tables = np.array(list(rows.tables.values()), float).reshape(len(rows.tables), types, types)
    return ClusterPlan(
        kernel=Kernel.made(
            key,
            lambda: cluster_source(terms, types, names.dimensions, purpose),
            (numbers, tables),
            rows.attributes,
            rows.followed,
        ),
        cutoff=max(float(np.max(term.cutoff)) for term in terms),
        dimensions=names.dimensions,
        reads=frozenset().union(*(term.reads for term in terms)),
        seeds=tuple(term.seed for term in terms),
        special=any(term.special != ORDINARY for term in terms),
        purpose=purpose,
    )


class ClusterStage(Stage):
    """A kernel, and what it reads in the slots of the list."""

    def __init__(self, plan: ClusterPlan, slots: SlotForces, team: Team) -> None:
        self.team = team
        self._plan = plan
        self._slots = slots
        self._module = plan.kernel.load()
        self._types: Integers = np.zeros(0, np.int64)
        self._attributes: Floats = np.zeros((len(plan.kernel.attributes), 0))
        self._velocities: Floats = np.zeros((3, 0))
        self._ids: Integers = np.zeros(0, np.int64)
        self._moment, self._parameters, self._time_step = Moment(team), Parameters(plan.kernel, team), 0.0
        self._seeds: Integers = np.array(plan.seeds, np.int64)
        self._keys: Integers = np.zeros(2 * len(plan.seeds), np.int64)
        self.stepped = not plan.reads.isdisjoint(("noise", "t"))
        needed = {*plan.reads, *(["bonds"] if plan.special else [])}
        self._more = [need for need in OPTIONAL if need in needed]
        for kernel in self._kernels:  # compiled (or loaded) before the clock runs
            self._call(kernel, PairList().chunk(0, 0), PairList(), (1.0, 1.0), NOWHERE)

    @property
    @abstractmethod
    def _kernels(self) -> Sequence[Any]:
        """The functions of the module; the last one tells the largest numbers exactly."""

    def blame(self, state: State, pairs: PairList, sums: Sums) -> ParticleError:
        """The pairs with the largest force, or energy."""
        worst = self.worst_pairs(state, pairs, energy=sums.most_force < np.inf)
        return ParticleError(NOT_FINITE, size=np.inf, pairs=worst)

    def worst_pairs(self, state: State, pairs: PairList, energy: bool) -> list[tuple[int, int]]:
        """Indices of the two particles with the largest force, or energy, as the kernel computes it; nothing without
        pairs.

        Slow: for a message, when something has gone wrong.
        """
        column = 1 if energy else 0
        nowhere = np.zeros_like(pairs.positions, np.int64)
        first, last = 0, pairs.clusters
        while last - first > 1:
            middle = (first + last) // 2
            halves = (first, middle), (middle, last)
            bits = [self._largest(half, pairs, nowhere)[column] for half in halves]
            first, last = halves[int(np.argmax(bits))]
        if last == first:
            return []
        return self._worst_of(within_cutoff(pairs, first, self._plan.cutoff), pairs, column)

    def _largest(self, clusters: tuple[int, int], pairs: PairList, nowhere: Integers) -> tuple[int, ...]:
        """What the kernel says of a run of clusters."""
        return self._call(self._kernels[-1], pairs.chunk(*clusters), pairs, (ROUND, ROUND), nowhere)

    def _worst_of(self, slots: Sequence[tuple[int, int, int]], pairs: PairList, column: int) -> list[tuple[int, int]]:
        """Of pairs of slots that for which the kernel, called for two particles alone, says the most."""
        if not slots:
            return []
        bits = [self._alone(pair, bonds, pairs)[column] for *pair, bonds in slots]
        one, other, _ = slots[int(np.argmax(bits))]
        return [(int(pairs.particle[one]), int(pairs.particle[other]))]

    def _alone(self, pair: Sequence[int], bonds: int, pairs: PairList) -> tuple[int, ...]:
        """What the kernel says of a cluster with two particles so many bonds apart, or 0, and no partners."""
        slots = [*pair, *[pairs.slots + k for k in range(CLUSTER - 2)], *[pairs.slots] * CLUSTER]
        classes = np.zeros(2 * CLUSTER, np.int32)
        classes[1] = bonds

        def there(column: Array) -> Array:
            return np.ascontiguousarray(column[..., slots]) if column.shape[-1] else column

        nothing, parameters = np.zeros(1, np.int64), self._parameters
        optional = self._optional(there(self._velocities), there(self._ids), classes, classes[:0])
        result: tuple[int, ...] = self._kernels[-1](
            0, 1, there(pairs.positions), np.zeros(2, np.int8), CLUSTER, nothing, nothing, np.zeros(0, np.int32),
            2 * CLUSTER, ROUND, ROUND, parameters.numbers, parameters.tables, there(self._types),
            there(self._attributes), *optional, np.zeros((3, 2 * CLUSTER), np.int64),
        )  # fmt: skip
        return result

    def _call(
        self, kernel: Any, chunk: Chunk, pairs: PairList, magic: tuple[float, float], forces: Integers
    ) -> tuple[int, ...]:
        result: tuple[int, ...] = kernel(*self._arguments(chunk, pairs, magic, forces))
        return result

    def _arguments(
        self, chunk: Chunk, pairs: PairList, magic: tuple[float, float], forces: Integers
    ) -> tuple[Any, ...]:
        parameters = self._parameters
        optional = self._optional(self._velocities, self._ids, pairs.classes, chunk.classes) if self._more else ()
        return (
            chunk.first, chunk.last, pairs.positions, pairs.axes, pairs.slots, *chunk.arrays, self._slots.room,
            *magic, parameters.numbers, parameters.tables, self._types, self._attributes, *optional, forces,
        )  # fmt: skip

    def _optional(self, velocities: Floats, ids: Integers, own_classes: Array, classes: Array) -> tuple[Any, ...]:
        """The further arguments of the kernel."""
        known = {
            "v": (velocities,), "noise": (ids, self._keys), "t": (self._moment.clock,), "dt": (self._time_step,),
            "bonds": (own_classes, classes),
        }  # fmt: skip
        return tuple(one for need in self._more for one in known[need])

    def follow(self, state: State, pairs: PairList) -> None:
        """Bring what does not change between two lists into the slots."""
        plan, room = self._plan, len(pairs.particle)
        if self._attributes.shape[1] < room:
            self._attributes = np.empty((len(plan.kernel.attributes), room))
            self._types = np.empty(room if len(plan.kernel.tables) else 0, np.int64)
            self._velocities = np.empty((3, room if "v" in plan.reads else 0))
            self._ids = np.empty(room if "noise" in plan.reads else 0, np.int64)
        if len(plan.kernel.tables):
            self._gather(state.types, pairs, self._types)
        if "noise" in plan.reads:
            self._gather(state.ids, pairs, self._ids)
        for row, name in enumerate(plan.kernel.attributes):
            if name not in plan.live:
                self._gather(state.column(name), pairs, self._attributes[row])

    def _bring(self, state: State, pairs: PairList) -> None:
        """Bring what changes with every step into the slots."""
        plan = self._plan
        self._time_step = state.timeline.dt
        self._parameters.come(state)
        if "t" in plan.reads:
            self._moment.come(state)
        for row, name in enumerate(plan.kernel.attributes if plan.live else ()):
            if name in plan.live:
                self._gather(state.column(name), pairs, self._attributes[row])
        if "v" in plan.reads:
            for values, row in zip(state.force_velocities, (0, 1, 2) if plan.dimensions == 3 else (0, 2), strict=True):
                self._gather(values, pairs, self._velocities[row])
        if "noise" in plan.reads:
            self.team.split(draw_keys, len(self._seeds), self._seeds, PAIRS, state.step, self._keys)

    def _gather(self, values: Array, pairs: PairList, slots: Array) -> None:
        self.team.split(gather_slots, pairs.slots + CLUSTER, pairs.particle, values, slots)


class ClusterForces(ClusterStage):
    """Forces of all terms of a kind."""

    when = IN_SLOTS

    def __init__(self, plan: ClusterPlan, slots: SlotForces, team: Team) -> None:
        super().__init__(plan, slots, team)
        self.marches = type(self) is ClusterForces

    @property
    def _kernels(self) -> Sequence[Any]:
        return self._module.force, self._module.both

    def compute(self, state: State, pairs: PairList, energy: float | None) -> Sums:
        """Forces into the slots; where a bound of the largest one does not do, that is computed exactly."""
        self._bring(state, pairs)
        kernel = self._module.force if energy is None else self._module.both
        magic = ROUND * state.quanta.force, ROUND * (energy or 1.0)

        def work(chunk: Chunk, forces: Integers, kernel: Any = kernel) -> Work:
            return kernel, self._arguments(chunk, pairs, magic, forces)

        sums = _total(self._slots.run(state, pairs, work), energy is not None)
        looked = looked_at(state.step)
        if energy is not None or FORCES.decided(state.quanta.force, sums.least_force, sums.most_force, looked):
            return sums
        # Which ranks come here depends on their lists, so nothing but the largest force may come of it.
        exact = _total(self._slots.try_out(lambda chunk, forces: work(chunk, forces, self._module.both)), True)
        return Sums(None, None, exact.least_force, exact.most_force)


class ClusterSums(ClusterStage):
    """What neighbours add up to for each particle, in a column of three limbs (exact/sums.py)."""

    when = BEFORE

    def __init__(self, plan: ClusterPlan, column: str, number: int, slots: SlotForces, team: Team) -> None:
        super().__init__(plan, slots, team)
        self.marches = type(self) is ClusterSums
        self.columns = {column: np.zeros((3, 0), np.int64)}
        self.fold = column
        self.sum = number

    @property
    def _kernels(self) -> Sequence[Any]:
        return (self._module.total,)

    def compute(self, state: State, pairs: PairList, energy: float | None) -> Sums:
        """The sums of particles and ghosts."""
        self._bring(state, pairs)
        magic = ROUND * state.quanta.sums[self.sum or 0], 1.0

        def work(chunk: Chunk, sums: Integers) -> Work:
            return self._module.total, self._arguments(chunk, pairs, magic, sums)

        largest = number_of(max((row[0] for row in self._slots.run(state, pairs, work)), default=0))
        self._slots.gather(state, state.column(self.fold or ""), np.arange(3))
        if not largest < math.inf:  # the pair that adds it is to blame, not whoever feels what comes of it
            return Sums.none(energy is not None)._replace(most_force=math.inf)
        return Sums.none(energy is not None)._replace(largest_sum=largest)


class ClusterPortions(ClusterStage):
    """What each particle has of energy and virial of all terms of a kind."""

    @property
    def _kernels(self) -> Sequence[Any]:
        return (self._module.portions,)

    def compute(self, state: State, pairs: PairList, energy: float | None) -> Sums:
        """Add them to those of particles and ghosts."""
        self._bring(state, pairs)
        magic, rows = (1.0, ROUND * (energy or 1.0)), state.column(PORTIONS)

        def work(chunk: Chunk, sums: Integers) -> Work:
            return self._module.portions, self._arguments(chunk, pairs, magic, sums)

        results = self._slots.add_aside(pairs, work, rows)
        return Sums(0, 0, largest_energy=number_of(max((row[0] for row in results), default=0)))


def within_cutoff(pairs: PairList, cluster: int, cutoff: float) -> list[tuple[int, int, int]]:
    """Slots and classes of the pairs of one cluster, with its own members and those it lists, that are within the
    cutoff."""
    members = np.arange(CLUSTER * cluster, CLUSTER * (cluster + 1))
    begin, count = pairs.begin[cluster], pairs.count[cluster]
    partners = pairs.partners[begin : begin + count].astype(np.int64)
    listed = pairs.partner_classes[begin : begin + count] if len(pairs.partner_classes) else np.zeros(count, np.int32)
    if pairs.axes[cluster] == 0:
        partners = np.concatenate([members, partners])
        listed = np.concatenate([pairs.classes[members] if len(pairs.classes) else np.zeros(CLUSTER, np.int32), listed])
    apart = pairs.positions[:, members, None] - pairs.positions[:, None, partners]
    near = (apart**2).sum(axis=0) < cutoff**2
    near &= (members[:, None] < partners[None, :]) & (pairs.particle[members] >= 0)[:, None]
    near &= (pairs.particle[partners] >= 0)[None, :]
    return [(int(members[m]), int(partners[k]), int(listed[k]) >> 2 * int(m) & 3) for m, k in np.argwhere(near)]


SPREAD = math.sqrt(CLUSTER) * (1.0 + 1e-9)
"""The bound of a kernel is at most so many times the largest force: it adds the squares of the members of a cluster."""


def _total(results: Sequence[tuple[int, ...]], energy: bool) -> Sums:
    force = math.sqrt(number_of(max([row[0] for row in results], default=0)))
    if not energy:
        return Sums(None, None, force / SPREAD, force)
    _, energy_bits, *limbs = zip(*results, strict=True) if results else [[0]] * 8
    return Sums(
        whole(*map(sum, limbs[:3])),
        whole(*map(sum, limbs[3:])),
        force,
        force,
        number_of(max(energy_bits)),
    )
