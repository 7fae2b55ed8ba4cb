"""Where the forces of pairs are added up: a buffer of slots for each thread, and the way from there to the particles.

Algorithm: the list is cut into as many runs of clusters as there are threads, of about equally many pairs. A thread's
buffer covers its own slots and those that its lists reach; what two buffers share is handed on from thread to thread,
and each particle then gathers what its slot has.

Invariant: buffers hold whole numbers of quanta, so it does not matter which thread computed which, nor which is first.
All kernels that walk over the list share them, so the way home is gone once.

Disadvantage: each thread has memory for all slots, though it touches a stretch of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from motes.core.compiled import njit
from motes.core.errors import ParticleError
from motes.core.state import CLUSTER, Chunk, Counts, Integers, PairList, State
from motes.core.threads import Team, Work
from motes.forces.law import HOME, Stage, Sums

CROWDED = "has more than 16384 neighbours, which are the most whose forces can be added exactly; use a shorter cutoff"

MOST_PARTNERS = 2**14
"""With the most neighbours, sums of the largest forces and energies (see quanta.py) stay below 2**63."""

WORK_PER_PARTNER = 2
"""A listed partner is as much work as so many items of other loops, at least."""


LEAST_CLUSTERS = 64
"""Of a thread that marches, below which waiting for each other in every step costs more than another thread brings."""


@njit(cache=True, nogil=True)
def clear(begin: int, end: int, filler: int, buffer: Integers) -> None:
    """Set a stretch of slots to zero, and the cluster of empty ones that fills lists up."""
    for a in range(buffer.shape[0]):
        stretch, empty = buffer[a, begin:end], buffer[a, filler : filler + CLUSTER]
        for k in range(len(stretch)):
            stretch[k] = 0
        for k in range(CLUSTER):
            empty[k] = 0


@njit(cache=True, nogil=True)
def add_overlap(begin: int, end: int, source: Integers, target: Integers) -> None:
    """Add a stretch of one thread's buffer to the next one's."""
    for a in range(source.shape[0]):
        given, received = source[a, begin:end], target[a, begin:end]
        for k in range(len(given)):
            received[k] += given[k]


@njit(cache=True, nogil=True)
def find_homes(begin: int, end: int, particle: Counts, starts: Integers, stride: int, homes: Integers) -> None:
    """For each particle, the index of its slot in the buffers, read as one flat array: that of the slot's owner."""
    for slot in range(begin, end):
        if particle[slot] >= 0:
            thread = 0
            while thread + 1 < len(starts) and starts[thread + 1] <= slot:
                thread += 1
            homes[particle[slot]] = thread * stride + slot


@njit(cache=True, nogil=True)
def gather_home(begin: int, end: int, buffers: Integers, homes: Integers, offsets: Integers, sums: Integers) -> None:
    """Bring what is in the slots to the particles; offsets lead to the slot axis of each axis."""
    home = homes[begin:end]
    for a in range(len(offsets)):
        buffer, f = buffers[offsets[a] :], sums[a, begin:end]
        for i in range(len(f)):
            f[i] = buffer[np.uint64(home[i])]


@njit(cache=True, nogil=True)
def add_home(begin: int, end: int, particle: Counts, buffers: Integers, rows: Integers) -> None:
    """Add what is in the slots of all threads' buffers (t, k, slots) to rows (k, n) of the particles."""
    for row in range(begin, end):
        for slot in range(len(particle)):
            if particle[slot] >= 0:
                for thread in range(len(buffers)):
                    rows[row, particle[slot]] += buffers[thread, row, slot]


@njit(cache=True, nogil=True)
def gather_slots(begin: int, end: int, particle: Counts, source: Any, slots: Any) -> None:
    """Copy what particles have into their slots; an empty slot takes that of particle 0."""
    for slot in range(begin, end):
        slots[slot] = source[max(particle[slot], 0)]


@dataclass(frozen=True)
class Shares:
    """Who works on what of a list.

    Attributes:
        parts: the clusters of each thread.
        starts: where a thread's own slots begin; they end where the next one's begin.
        reach: how far it meets others' slots. An overlap is handed on from thread to thread, so none reaches less far
            than the one before.
        homes: for each particle and ghost, where its forces are in all buffers read as one.
    """

    parts: list[Chunk]
    starts: list[int]
    reach: list[int]
    homes: Integers


class SlotForces(Stage):
    """The buffers of all kernels that walk over the list of pairs; as a stage, the way of the forces home.

    It writes the forces of particles and ghosts, so it comes before all stages that add to them elsewhere.
    """

    when = HOME
    marches = True

    def __init__(self, dimensions: int, team: Team) -> None:
        self.team = team
        self.room = 2 * CLUSTER
        """How many partners the longest list has, with room for the cluster itself."""
        self._rows = np.array([0, 1, 2] if dimensions == 3 else [0, 2])
        self._buffers: Integers = np.zeros((team.threads, 3, 0), np.int64)
        self.marching = 0
        """How many threads go on without Python, so that little work is worth sharing; 0 if they do not."""
        self._built = -1  # the list that was followed last
        self._filled = [False] * team.threads  # by the kernels of this step
        self._shares = Shares([], [], [], np.zeros(0, np.int64))

    @property
    def parts(self) -> list[Chunk]:
        """The clusters of each thread that works on the list."""
        return self._shares.parts

    @property
    def runs(self) -> list[tuple[int, int]]:
        """The same, as the first cluster of each and the one after its last."""
        return [(chunk.first, chunk.last) for chunk in self.parts]

    def begin(self) -> None:
        """Whatever is in the slots is of another step."""
        self._filled = [False] * self.team.threads

    def run(self, state: State, pairs: PairList, work: Callable[[Chunk, Integers], Work]) -> list[Any]:
        """Do work(chunk, buffer) for the list, each thread with its own chunk and buffer; return the results."""
        if self._built != pairs.builds:
            raise RuntimeError("forces are asked for by a list that was not followed: this is a fault of Motes")
        at_once = self.team.useful(WORK_PER_PARTNER * pairs.pairs) > 1
        return self.team.each([self._works(t, pairs, work) for t in range(len(self._shares.parts))], at_once)

    def try_out(self, work: Callable[[Chunk, Integers], Work]) -> list[Any]:
        """The same without a trace in the slots, after run; this takes memory for all of them once more."""
        aside = np.empty_like(self._buffers)
        return self.team.each([[work(chunk, aside[t])] for t, chunk in enumerate(self._shares.parts)])

    def add_aside(self, pairs: PairList, work: Callable[[Chunk, Integers], Work], rows: Integers) -> list[Any]:
        """Do the work after run, without a trace in the slots, and add what they would have to rows of particles and
        ghosts, (k, n); return the results."""
        parts = self._shares.parts
        aside = np.zeros((len(parts), len(rows), self._buffers.shape[2]), np.int64)
        results = self.team.each([[work(chunk, aside[t])] for t, chunk in enumerate(parts)], len(parts) > 1)
        add_home(0, len(rows), pairs.particle[: pairs.slots], aside, rows)
        return results

    def _works(self, thread: int, pairs: PairList, work: Callable[[Chunk, Integers], Work]) -> list[Work]:
        buffer, shares = self._buffers[thread], self._shares
        works: list[Work] = []
        if not self._filled[thread]:  # by the first kernel of this step
            works.append((clear, (shares.starts[thread], shares.reach[thread], pairs.slots, buffer)))
            self._filled[thread] = True
        return [*works, work(shares.parts[thread], buffer)]

    def compute(self, state: State, pairs: PairList, energy: float | None) -> Sums:
        """Bring home what is in the slots."""
        if any(self._filled):
            self.gather(state, state.forces, self._rows)
        else:
            state.forces[:, : state.total] = 0
        return Sums.none(energy is not None)

    def gather(self, state: State, sums: Integers, rows: Integers) -> None:
        """Write rows of the slots to those of the particles and ghosts, (k, n); the next kernel finds empty slots."""
        shares = self._shares
        for t in range(1, len(shares.parts)):
            shared = slice(shares.starts[t], shares.reach[t - 1])
            given, received = self._buffers[t - 1][: rows[-1] + 1, shared], self._buffers[t][: rows[-1] + 1, shared]
            self.team.split(add_overlap, given.shape[1], given, received)
        offsets = rows * self._buffers.shape[2]
        self.team.split(gather_home, state.total, self._buffers.reshape(-1), shares.homes, offsets, sums)
        self.begin()

    def blame(self, state: State, pairs: PairList, sums: Sums) -> ParticleError:
        """Of no one: nothing is found here."""
        raise NotImplementedError

    def _share_out(self, state: State, pairs: PairList) -> Shares:
        threads = self.team.useful(WORK_PER_PARTNER * pairs.pairs)
        if self.marching:
            threads = max(1, min(self.marching, pairs.clusters // LEAST_CLUSTERS))
        parts = [pairs.chunk(first, last) for first, last in pairwise(even_edges(pairs, threads))]
        starts = [CLUSTER * chunk.first for chunk in parts]
        reach = list(accumulate((chunk.reach for chunk in parts), max))
        homes = self._shares.homes if len(self._shares.homes) >= state.total else np.empty(state.capacity, np.int64)
        stride = 3 * self._buffers.shape[2]
        self.team.split(find_homes, pairs.slots, pairs.particle, np.array(starts, np.int64), stride, homes)
        return Shares(parts, starts, reach, homes)

    def follow(self, state: State, pairs: PairList) -> None:
        """Share the work of a new list out."""
        if self._buffers.shape[2] < len(pairs.particle):
            self._buffers = np.empty((self.team.threads, 3, len(pairs.particle)), np.int64)
        self.begin()
        self._shares = self._share_out(state, pairs)
        longest = int(pairs.count[: pairs.clusters].max(initial=0))
        self.room = longest + 2 * CLUSTER
        if longest > MOST_PARTNERS:
            raise ParticleError(CROWDED, _crowded(pairs))
        self._built = pairs.builds


def _crowded(pairs: PairList) -> int:
    """The index of a particle in the cluster with the longest list."""
    return int(pairs.particle[CLUSTER * int(np.argmax(pairs.count[: pairs.clusters]))])


def even_edges(pairs: PairList, threads: int) -> list[int]:
    """The clusters at which the next thread begins, with 0 and the end, such that all have about equally many pairs."""
    costs = np.cumsum(pairs.count[: pairs.clusters] + CLUSTER)
    if len(costs) == 0:
        return []
    shares = costs[-1] * np.arange(1, threads) / threads
    edges: list[int] = np.unique([0, *np.searchsorted(costs, shares), len(costs)]).tolist()
    return edges
