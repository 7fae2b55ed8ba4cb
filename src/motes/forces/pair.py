"""Forces between pairs: runs the compiled kernel over the list and brings the sums home to the particles.

Every thread has a buffer of its own for the slots it touches. The buffers are whole numbers of quanta, so it does
not matter which thread felt what, nor who is added first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from motes.core.compiled import njit
from motes.core.state import CLUSTER, ROUND, Chunk, Floats, Integers, PairList, State
from motes.core.threads import Team
from motes.exact.sums import whole
from motes.forces.plan import PairPlan
from motes.formulas.bind import MASS


@dataclass(frozen=True)
class PairSums:
    """Energy and virial in quanta, or None where they were not asked for, and the largest numbers among them.

    The largest force, of a pair or a field, lies between least_force and most_force: without energies a pair kernel
    knows only a bound. largest_energy is that of an energy or virial of one pair, or an energy in one field.
    """

    energy: int | None
    virial: int | None
    least_force: float
    most_force: float
    largest_energy: float


@njit(cache=True, nogil=True)
def clear(begin: int, end: int, buffer: Integers) -> None:
    """Set a stretch of slots to zero."""
    for a in range(buffer.shape[0]):
        stretch = buffer[a, begin:end]
        for k in range(len(stretch)):
            stretch[k] = 0


@njit(cache=True, nogil=True)
def add_overlap(begin: int, end: int, source: Integers, target: Integers) -> None:
    """Add a stretch of one thread's buffer to the next one's."""
    for a in range(source.shape[0]):
        given, received = source[a, begin:end], target[a, begin:end]
        for k in range(len(given)):
            received[k] += given[k]


@njit(cache=True, nogil=True)
def find_homes(begin: int, end: int, particle: Integers, starts: Integers, stride: int, homes: Integers) -> None:
    """For each particle, the place of its slot in the buffers, read as one flat array: that of the slot's owner."""
    for slot in range(begin, end):
        if particle[slot] >= 0:
            thread = 0
            while thread + 1 < len(starts) and starts[thread + 1] <= slot:
                thread += 1
            homes[particle[slot]] = thread * stride + slot


@njit(cache=True, nogil=True)
def collect(begin: int, end: int, buffers: Integers, homes: Integers, offsets: Integers, forces: Integers) -> None:
    """Bring the forces from the slots to the particles; offsets lead to the slot axis of each axis."""
    home = homes[begin:end]
    for a in range(len(offsets)):
        buffer, f = buffers[offsets[a] :], forces[a, begin:end]
        for i in range(len(f)):
            f[i] = buffer[np.uint64(home[i])]


@njit(cache=True, nogil=True)
def gather_slots(begin: int, end: int, particle: Integers, source: Any, slots: Any) -> None:
    """Copy what particles have into their slots; an empty slot takes that of particle 0."""
    for slot in range(begin, end):
        slots[slot] = source[max(particle[slot], 0)]


class PairForces:
    """All pair interactions of a run, in one kernel."""

    def __init__(self, plan: PairPlan, team: Team) -> None:
        self.team = team
        self.cutoff = plan.cutoff
        self._plan = plan
        self._rows = np.array([0, 1, 2] if plan.dimensions == 3 else [0, 2])
        self._module = plan.load()
        self._built = -1
        self.crowded = -1
        """The place of a particle with more neighbours than forces can be added of, or -1."""
        self._room = 2 * CLUSTER
        self._buffers: Integers = np.zeros((team.threads, 3, 0), np.int64)
        self._homes: Integers = np.zeros(0, np.int64)
        self._types: Integers = np.zeros(0, np.int64)
        self._attributes: Floats = np.zeros((len(plan.attributes), 0))
        if self._module is not None:
            # On no clusters at all, only to be compiled (or loaded) before the clock runs.
            for kernel in (self._module.force, self._module.both):
                kernel(0, 0, *self._where(PairList()), *Chunk(0, 0).arrays, *self._what(1.0, 1.0, 0))

    def compute(self, state: State, pairs: PairList, energy: float | None) -> PairSums:
        """Write the forces that particles and ghosts of this region feel; energy and virial only if a quantum for them
        is given."""
        if self._module is None:
            state.forces[:, : state.total] = 0
            return NO_PAIRS if energy is None else replace(NO_PAIRS, energy=0, virial=0)
        if self._built != pairs.builds:
            self._prepare(state, pairs)
        kernel = self._module.force if energy is None else self._module.both
        magic = ROUND * state.quanta.force, ROUND * (energy or 1.0)
        work = [(kernel, chunks, t, pairs, magic) for t, chunks in enumerate(self._parts)]
        results = [row for rows in self.team.call(self._run, work) for row in rows]
        for t in range(1, len(self._parts)):
            shared = slice(self._starts[t], self._reach[t - 1])
            given, received = self._buffers[t - 1][:, shared], self._buffers[t][:, shared]
            self.team.split(add_overlap, given.shape[1], given, received)
        offsets = self._rows * self._buffers.shape[2]
        self.team.split(collect, state.total, self._buffers.reshape(-1), self._homes, offsets, state.forces)
        return _total(results, energy is not None)

    def worst_pairs(self, state: State, pairs: PairList, energy: bool) -> list[tuple[int, int]]:
        """Places of the two particles with the largest force, or energy, as the kernel computes it; nothing without
        pairs.

        Slow: for a message, when something has gone wrong.
        """
        if self._built != pairs.builds:
            self._prepare(state, pairs)
        column = 1 if energy else 0
        work = [(chunk, chunk.first, chunk.last) for chunk in pairs.chunks]
        while work:
            bits = [self._largest(chunk, first, last, pairs)[column] for chunk, first, last in work]
            chunk, first, last = work[int(np.argmax(bits))]
            if last == first:
                return []
            if last - first == 1:
                return self._worst_of(within_cutoff(pairs, chunk, first, self.cutoff), pairs, column)
            middle = (first + last) // 2
            work = [(chunk, first, middle), (chunk, middle, last)]
        return []

    def _largest(self, chunk: Chunk, first: int, last: int, pairs: PairList) -> tuple[int, ...]:
        """What the kernel says of some clusters of a chunk."""
        assert self._module is not None  # there are pairs, so there is a kernel  # noqa: S101
        lists = chunk.begin[first - chunk.first :], chunk.count[first - chunk.first :], chunk.partners
        result: tuple[int, ...] = self._module.both(
            first, last, *self._where(pairs), *lists, *self._what(ROUND, ROUND, 0)
        )
        return result

    def _worst_of(self, slots: Sequence[tuple[int, int]], pairs: PairList, column: int) -> list[tuple[int, int]]:
        """Of pairs of slots that for which the kernel, called for two particles alone, says the most."""
        if not slots:
            return []
        bits = [self._alone(pair, pairs)[column] for pair in slots]
        one, other = slots[int(np.argmax(bits))]
        return [(int(pairs.particle[one]), int(pairs.particle[other]))]

    def _alone(self, pair: tuple[int, int], pairs: PairList) -> tuple[int, ...]:
        """What the kernel says of a cluster with two particles, and no partners."""
        assert self._module is not None  # there are pairs, so there is a kernel  # noqa: S101
        slots = [*pair, *[pairs.slots + k for k in range(CLUSTER - 2)], *[pairs.slots] * CLUSTER]
        own = [column[..., slots] if column.shape[-1] else column for column in (self._types, self._attributes)]
        result: tuple[int, ...] = self._module.both(
            0, 1, np.ascontiguousarray(pairs.positions[:, slots]), np.zeros(2, np.int8), CLUSTER,
            np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros(0, np.int32), 2 * CLUSTER, ROUND, ROUND,
            self._plan.numbers, self._plan.tables, *own, np.zeros((3, 2 * CLUSTER), np.int64),
        )  # fmt: skip
        return result

    def _run(
        self, kernel: Any, chunks: Sequence[Chunk], thread: int, pairs: PairList, magic: tuple[float, float]
    ) -> list[tuple[int, ...]]:
        buffer = self._buffers[thread]
        clear(self._starts[thread], self._reach[thread], buffer)
        clear(pairs.slots, pairs.slots + CLUSTER, buffer)
        where, what = self._where(pairs), self._what(*magic, thread)
        return [kernel(chunk.first, chunk.last, *where, *chunk.arrays, *what) for chunk in chunks]

    def _where(self, pairs: PairList) -> tuple[Any, ...]:
        return pairs.positions, pairs.axes, pairs.slots

    def _what(self, magic: float, energy_magic: float, thread: int) -> tuple[Any, ...]:
        parameters = self._plan.numbers, self._plan.tables, self._types, self._attributes
        return self._room, magic, energy_magic, *parameters, self._buffers[thread]

    def _prepare(self, state: State, pairs: PairList) -> None:
        """Bring what does not change between two lists into the slots, and share the work out."""
        room = len(pairs.particle)
        if self._buffers.shape[2] < room:
            self._buffers = np.empty((self.team.threads, 3, room), np.int64)
            self._types = np.empty(room if len(self._plan.tables) else 0, np.int64)
            self._attributes = np.empty((len(self._plan.attributes), room))
        slots = pairs.slots + CLUSTER
        if len(self._plan.tables):
            self.team.split(gather_slots, slots, pairs.particle, state.types, self._types)
        for row, name in enumerate(self._plan.attributes):
            values = state.mass if name == MASS else state.attributes[name]
            self.team.split(gather_slots, slots, pairs.particle, values, self._attributes[row])
        self._parts = share(pairs.chunks, self.team.useful(WORK_PER_PARTNER * pairs.pairs))
        # A thread's own slots end where the next one's begin; beyond, up to its reach, it meets others' slots.
        # An overlap is handed on from thread to thread, so none may reach less far than the one before.
        self._starts = np.array([CLUSTER * chunks[0].first for chunks in self._parts])
        reach = [max(chunk.reach for chunk in chunks) for chunks in self._parts]
        self._reach = np.maximum.accumulate(np.array(reach))
        stride = 3 * self._buffers.shape[2]
        if len(self._homes) < state.total:
            self._homes = np.empty(state.capacity, np.int64)
        self.team.split(find_homes, pairs.slots, pairs.particle, self._starts, stride, self._homes)
        longest = max((int(chunk.count.max()) for chunk in pairs.chunks if len(chunk.count)), default=0)
        self.crowded = _crowded(pairs) if longest > MOST_PARTNERS else -1
        self._room = longest + 2 * CLUSTER
        self._built = pairs.builds


def within_cutoff(pairs: PairList, chunk: Chunk, cluster: int, cutoff: float) -> list[tuple[int, int]]:
    """Slots of the pairs of one cluster, with its own members and those it lists, that are within the cutoff."""
    members = np.arange(CLUSTER * cluster, CLUSTER * (cluster + 1))
    begin, count = chunk.begin[cluster - chunk.first], chunk.count[cluster - chunk.first]
    partners = chunk.partners[begin : begin + count].astype(np.int64)
    if pairs.axes[cluster] == 0:
        partners = np.concatenate([members, partners])
    apart = pairs.positions[:, members, None] - pairs.positions[:, None, partners]
    near = (apart**2).sum(axis=0) < cutoff**2
    near &= (members[:, None] < partners[None, :]) & (pairs.particle[members] >= 0)[:, None]
    near &= (pairs.particle[partners] >= 0)[None, :]
    return [(int(members[m]), int(partners[k])) for m, k in np.argwhere(near)]


CROWDED = "has more than 16384 neighbours, which are the most whose forces can be added exactly; use a shorter cutoff"

MOST_PARTNERS = 2**14
"""With the most neighbours, sums of the largest forces and energies (see quanta.py) stay below 2**63."""

WORK_PER_PARTNER = 2
"""A listed partner is as much work as so many items of other loops, at least."""


def _crowded(pairs: PairList) -> int:
    """The place of a particle in the cluster with the longest list."""
    chunk = max((chunk for chunk in pairs.chunks if len(chunk.count)), key=lambda chunk: int(chunk.count.max()))
    cluster = chunk.first + int(np.argmax(chunk.count))
    return int(pairs.particle[CLUSTER * cluster])


def share(chunks: Sequence[Chunk], threads: int) -> list[list[Chunk]]:
    """Give neighbouring chunks to the same thread, such that all have about equally many pairs; none is empty."""
    costs = np.array([chunk.length + 8 * (chunk.last - chunk.first) for chunk in chunks], float)
    middle = np.cumsum(costs) - costs / 2
    owner = np.minimum((middle / max(costs.sum(), 1.0) * threads).astype(int), threads - 1)
    parts = [[chunk for chunk, mine in zip(chunks, owner, strict=True) if mine == t] for t in range(threads)]
    return [part for part in parts if part]


NO_PAIRS = PairSums(None, None, 0.0, 0.0, 0.0)
"""Where there are none, and energies are not asked for."""

SPREAD = math.sqrt(CLUSTER) * (1.0 + 1e-9)
"""The bound of a kernel is at most so many times the largest force: it adds the squares of the members of a cluster."""


def _total(results: Sequence[tuple[int, ...]], energy: bool) -> PairSums:
    table = [list(row) for row in zip(*results, strict=True)] or [[0]] * 6
    square_bits, energy_bits, energy_high, energy_low, virial_high, virial_low = table
    force = math.sqrt(_from_bits(max(square_bits)))
    if not energy:
        return PairSums(None, None, force / SPREAD, force, 0.0)
    return PairSums(
        whole(sum(energy_high), sum(energy_low)),
        whole(sum(virial_high), sum(virial_low)),
        force,
        force,
        _from_bits(max(energy_bits)),
    )


def _from_bits(bits: int) -> float:
    return float(np.int64(bits).view(np.float64))
