"""Where the forces of pairs are added up: a buffer of slots for each thread, and the way from there to the particles.

Algorithm: the list is cut into chunks of clusters, and neighbouring chunks go to the same thread. A thread's buffer
covers its own slots and those that its lists reach; what two buffers share is handed on from thread to thread, and
each particle then gathers what its slot has.

Invariant: buffers hold whole numbers of quanta, so it does not matter which thread felt what, nor who is added first.
All kernels that walk over the list share them, so the way home is gone once.

Disadvantage: each thread has memory for all slots, though it touches a stretch of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from motes.core.compiled import njit
from motes.core.state import CLUSTER, Chunk, Counts, Integers, PairList, State
from motes.core.threads import Team
from motes.errors import ParticleError
from motes.forces.law import HOME, Stage, Sums

CROWDED = "has more than 16384 neighbours, which are the most whose forces can be added exactly; use a shorter cutoff"

MOST_PARTNERS = 2**14
"""With the most neighbours, sums of the largest forces and energies (see quanta.py) stay below 2**63."""

WORK_PER_PARTNER = 2
"""A listed partner is as much work as so many items of other loops, at least."""


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
def gather_slots(begin: int, end: int, particle: Counts, source: Any, slots: Any) -> None:
    """Copy what particles have into their slots; an empty slot takes that of particle 0."""
    for slot in range(begin, end):
        slots[slot] = source[max(particle[slot], 0)]


class SlotForces(Stage):
    """The buffers of all kernels that walk over the list of pairs; as a stage, the way of the forces home.

    It writes the forces of particles and ghosts, so it comes before all stages that add to them elsewhere.
    """

    when = HOME

    def __init__(self, dimensions: int, team: Team) -> None:
        self.team = team
        self.room = 2 * CLUSTER
        """How many partners the longest list has, with room for the cluster itself."""
        self._rows = np.array([0, 1, 2] if dimensions == 3 else [0, 2])
        self._buffers: Integers = np.zeros((team.threads, 3, 0), np.int64)
        self._homes: Integers = np.zeros(0, np.int64)
        self._filled = [False] * team.threads  # by the kernels of this step
        self._parts: list[list[Chunk]] = []
        self._built = -1
        self._crowded = -1

    def begin(self) -> None:
        """Whatever is in the slots is of another step."""
        self._filled = [False] * self.team.threads

    def run(self, state: State, pairs: PairList, work: Callable[[Chunk, Integers], Any]) -> list[Any]:
        """Call work(chunk, buffer) for all chunks of the list, each thread with its own buffer; return the results."""
        self._follow(state, pairs)
        calls = [(chunks, t, pairs, work) for t, chunks in enumerate(self._parts)]
        return [result for results in self.team.call(self._run, calls) for result in results]

    def try_out(self, work: Callable[[Chunk, Integers], Any]) -> list[Any]:
        """The same without a trace in the slots, after run; this takes memory for all of them once more."""
        aside = np.empty_like(self._buffers)
        calls = [([(chunk, aside[t]) for chunk in chunks],) for t, chunks in enumerate(self._parts)]
        results = self.team.call(lambda pairs: [work(*pair) for pair in pairs], calls)
        return [result for part in results for result in part]

    def _run(self, chunks: Sequence[Chunk], thread: int, pairs: PairList, work: Callable[..., Any]) -> list[Any]:
        buffer = self._buffers[thread]
        if not self._filled[thread]:  # by the first kernel of this step
            clear(self._starts[thread], self._reach[thread], pairs.slots, buffer)
            self._filled[thread] = True
        return [work(chunk, buffer) for chunk in chunks]

    def compute(self, state: State, pairs: PairList, energy: float | None) -> Sums:
        """Bring home what is in the slots."""
        if any(self._filled):
            self.gather(state, state.forces, self._rows)
        else:
            state.forces[:, : state.total] = 0
        return Sums.none(energy is not None)

    def gather(self, state: State, sums: Integers, rows: Integers) -> None:
        """Write rows of the slots to those of the particles and ghosts, (k, n); the next kernel finds empty slots."""
        for t in range(1, len(self._parts)):
            shared = slice(self._starts[t], self._reach[t - 1])
            given, received = self._buffers[t - 1][: rows[-1] + 1, shared], self._buffers[t][: rows[-1] + 1, shared]
            self.team.split(add_overlap, given.shape[1], given, received)
        offsets = rows * self._buffers.shape[2]
        self.team.split(gather_home, state.total, self._buffers.reshape(-1), self._homes, offsets, sums)
        self.begin()

    def blame(self, state: State, pairs: PairList, sums: Sums) -> ParticleError:
        """Of no one: nothing is found here."""
        raise NotImplementedError

    def _follow(self, state: State, pairs: PairList) -> None:
        """Share the work of a new list out."""
        if self._crowded >= 0 and self._built == pairs.builds:
            raise ParticleError(CROWDED, self._crowded)
        if self._built == pairs.builds:
            return
        if self._buffers.shape[2] < len(pairs.particle):
            self._buffers = np.empty((self.team.threads, 3, len(pairs.particle)), np.int64)
        self.begin()
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
        self._crowded = _crowded(pairs) if longest > MOST_PARTNERS else -1
        self.room = longest + 2 * CLUSTER
        self._built = pairs.builds
        if self._crowded >= 0:
            raise ParticleError(CROWDED, self._crowded)


def _crowded(pairs: PairList) -> int:
    """The index of a particle in the cluster with the longest list."""
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
