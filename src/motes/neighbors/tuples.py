"""Tuples of ids (bonds, angles) as indices in the state of a region, found anew with every list.

Algorithm: the copies of each member that are here, the particle itself or ghosts of it, form a chain. From every copy
of the first member the others are reached by nearest images, each from the one before it. A tuple belongs to the region
in which all its lower coordinates lie, as a pair does: where the ghost bits of all members have no axis in common.

Invariant: every tuple is found once over all regions, if the halo reaches as far as the tuple. So the numbers that are
found are counted, and a halo that is too narrow is widened (engine/step.py).

Disadvantage: each region goes through the tuples of all regions.
"""

from __future__ import annotations

import numpy as np

from motes.core.box import Box
from motes.core.compiled import njit
from motes.core.state import CLUSTER, Array, Floats, Integers, PairList, State, TupleList


@njit(cache=True, nogil=True)
def chain_copies(ids: Integers, total: int, known: Integers, head: Integers, following: Integers) -> None:
    """For each known id the last index that has it, and from each such index the one before it, or -1."""
    head[:] = -1
    for index in range(total):
        low, high = 0, len(known)
        while low < high:
            middle = (low + high) // 2
            if known[middle] < ids[index]:
                low = middle + 1
            else:
                high = middle
        if low < len(known) and known[low] == ids[index]:
            following[index] = head[low]
            head[low] = index


@njit(inline="always")
def is_nearest(positions: Floats, one: int, other: int, lengths: Floats, periodic: Integers) -> bool:
    """Whether of all images of the other particle this is the nearest one along every periodic axis."""
    for a in range(positions.shape[0]):
        apart = positions[a, other] - positions[a, one]
        half = 0.5 * lengths[a]
        if periodic[a] and not -half <= apart < half:
            return False
    return True


@njit(cache=True, nogil=True)
def find_tuples(
    members: Integers, head: Integers, following: Integers, positions: Floats, ghost_axes: Array, lengths: Floats,
    periodic: Integers, indices: Integers, numbers: Integers,
) -> int:  # fmt: skip
    """Write the indices (k, room) and numbers of the tuples of this region; return how many there are, of which only
    the first fit."""
    width, found = members.shape[1], 0
    chosen = np.empty(width, np.int64)
    for t in range(len(members)):
        first = head[members[t, 0]]
        while first >= 0:
            chosen[0], shared = first, ghost_axes[first]
            m = 1
            while m < width:
                index = head[members[t, m]]
                while index >= 0 and not is_nearest(positions, chosen[m - 1], index, lengths, periodic):
                    index = following[index]
                if index < 0:
                    break
                chosen[m] = index
                shared &= ghost_axes[index]
                m += 1
            if m == width and shared == 0:
                if found < indices.shape[1]:
                    numbers[found] = t
                    for m in range(width):
                        indices[m, found] = chosen[m]
                found += 1
            first = following[first]
    return found


@njit(cache=True, nogil=True)
def count_uses(indices: Integers, count: int, starts: Integers) -> None:
    """How many tuples each index is a member of, one index further on."""
    starts[:] = 0
    for m in range(indices.shape[0]):
        for t in range(count):
            starts[indices[m, t] + 1] += 1
    for i in range(1, len(starts)):
        starts[i] += starts[i - 1]


@njit(cache=True, nogil=True)
def sort_uses(indices: Integers, count: int, starts: Integers, uses: Integers) -> None:
    """For each index, which members of which tuples it is: m * count + t, from starts on."""
    filled = np.zeros(len(starts), np.int64)
    for m in range(indices.shape[0]):
        for t in range(count):
            i = indices[m, t]
            uses[starts[i] + filled[i]] = m * count + t
            filled[i] += 1


class TupleSearch:
    """Finds those of some tuples that belong to a region."""

    def __init__(self, members: Integers, box: Box) -> None:
        self.count = len(members)
        self._known, indices = np.unique(members, return_inverse=True)
        self._members: Integers = indices.reshape(members.shape).astype(np.int64)
        self._head = np.full(len(self._known), -1, np.int64)
        self._lengths, self._periodic = box.lengths, box.periodic.astype(np.int64)

    def find(self, state: State) -> TupleList:
        """The tuples of this region, from the indices of particles and ghosts."""
        following = np.empty(state.total, np.int64)
        chain_copies(state.ids, state.total, self._known, self._head, following)
        room, width = self.count * state.owned // max(1, len(self._known)) + 64, self._members.shape[1]
        while True:
            indices, numbers = np.empty((width, room), np.int64), np.empty(room, np.int64)
            found = find_tuples(
                self._members, self._head, following, state.positions, state.ghost_axes, self._lengths,
                self._periodic, indices, numbers,
            )  # fmt: skip
            if found <= room:
                break
            room = found
        starts = np.empty(state.total + 1, np.int64)
        indices = np.ascontiguousarray(indices[:, :found])
        count_uses(indices, found, starts)
        uses = np.empty(width * found, np.int64)
        sort_uses(indices, found, starts, uses)
        return TupleList(indices, numbers[:found].copy(), starts, uses)


@njit(cache=True, nogil=True)
def find_specials(
    specials: Integers, head: Integers, following: Integers, ghost_axes: Array, slot: Integers, pairs: Integers
) -> int:
    """Write (lower slot, higher slot, class) of all copies of special pairs that the list may hold; return how many,
    of which only the first fit."""
    found = 0
    for t in range(len(specials)):
        one = head[specials[t, 0]]
        while one >= 0:
            other = head[specials[t, 1]]
            while other >= 0:
                if not ghost_axes[one] & ghost_axes[other]:
                    if found < len(pairs):
                        pairs[found, 0] = min(slot[one], slot[other])
                        pairs[found, 1] = max(slot[one], slot[other])
                        pairs[found, 2] = specials[t, 2]
                    found += 1
                other = following[other]
            one = following[one]
    return found


@njit(cache=True, nogil=True)
def mark_specials(
    pairs: Integers, begin: Integers, count: Integers, partners: Array, own: Array, classes: Array
) -> None:  # fmt: skip
    """Note the classes of pairs (lower slot, higher slot, class): two bits for each member of the cluster
    that lists them, at the higher slot within a cluster, else where it is listed. Lists rise."""
    for p in range(len(pairs)):
        low, high = pairs[p, 0], pairs[p, 1]
        bits = pairs[p, 2] << 2 * (low % CLUSTER)
        if low // CLUSTER == high // CLUSTER:
            own[high] |= bits
            continue
        here = low // CLUSTER
        a, b = begin[here], begin[here] + count[here]
        end = b
        while a < b:
            middle = (a + b) // 2
            if partners[middle] < high:
                a = middle + 1
            else:
                b = middle
        if a < end and partners[a] == high:
            classes[a] |= bits


class SpecialPairs:
    """Pairs of particles a few bonds apart, and where the list of pairs has them."""

    def __init__(self, specials: Integers) -> None:
        self._known, indices = np.unique(specials[:, :2], return_inverse=True)
        self._pairs = np.column_stack([indices.reshape(-1, 2), specials[:, 2]]).astype(np.int64)
        self._head = np.full(len(self._known), -1, np.int64)

    def mark(self, state: State, pairs: PairList) -> None:
        """Note the class of each special pair in the list."""
        following = np.empty(state.total, np.int64)
        chain_copies(state.ids, state.total, self._known, self._head, following)
        slot = np.empty(state.total, np.int64)
        filled = np.flatnonzero(pairs.particle[: pairs.slots] >= 0)
        slot[pairs.particle[filled]] = filled
        found, room = 1, 0
        while found > room:
            room = found
            rows = np.empty((room, 3), np.int64)
            found = find_specials(self._pairs, self._head, following, state.ghost_axes, slot, rows)
        rows = rows[:found]
        rows = rows[np.argsort(rows[:, 0], kind="stable")]
        pairs.classes = np.zeros(pairs.slots + CLUSTER, np.int32)
        pairs.partner_classes = np.zeros(len(pairs.partners), np.int32)
        mark_specials(rows, pairs.begin, pairs.count, pairs.partners, pairs.classes, pairs.partner_classes)
