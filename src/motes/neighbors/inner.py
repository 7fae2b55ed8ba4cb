"""The inner list: of the partners of each cluster those that can come near before the next look.

Algorithm: a list with a wide skin lasts long, but most of its pairs lie beyond the cutoff, and all of them are computed
at every step. So it is pruned, every few steps, to those within cutoff + a narrow inner skin, and forces are computed
of these alone (as GROMACS does: Pall and Hess, Comput. Phys. Commun. 184, 2641, 2013, there within a tolerance).
Pruning measures each partner against all eight members, which is a quarter of the work of their forces.

Invariant: every pair within cutoff + inner skin at the last pruning that the list has, the inner list has too. So it
stays complete until a particle has moved by half the inner skin since then; nothing is left to chance, and forces are
the same to the bit for any inner skin.

Disadvantage: a second list takes memory, and the fastest particle of all decides when it is pruned.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from motes.core.compiled import njit
from motes.core.state import CLUSTER, Counts, Floats, Integers
from motes.exact.arithmetic import fma, wide_vectors

BEST = 0.2
"""The square of the best inner skin, over the cutoff and the skin that is used up in a step: where the pairs in it cost
as much as pruning. Half of it, and twice, cost 1 % more (benchmarks/inner.py)."""

FIRST = 0.25
"""The first inner skin over the skin, while nobody knows how fast that is used up."""

WORTH = 0.6
"""Inner skins above that part of the skin would leave out too little."""


MOST_PRUNED = 2**20
"""Particles of a rank beyond which memory is worth more than time: an inner list takes 60 bytes of each."""


def inner_skin(cutoff: float, skin: float, lasted: int) -> float:
    """The inner skin for a list like the last one, which lasted for so many steps, or 0 if nobody knows; the skin
    itself where an inner list would not be worth its while."""
    width = math.sqrt(BEST * cutoff * skin / lasted) if lasted > 0 else FIRST * skin
    return width if width < WORTH * skin else skin


@njit(inline="always")
def members_of(positions: Floats, m: int) -> tuple[float, ...]:
    """Where the members of a cluster are whose first slot is m: as a tuple, they stay in registers."""
    return (
        positions[0, m], positions[0, m + 1], positions[0, m + 2], positions[0, m + 3],
        positions[0, m + 4], positions[0, m + 5], positions[0, m + 6], positions[0, m + 7],
        positions[1, m], positions[1, m + 1], positions[1, m + 2], positions[1, m + 3],
        positions[1, m + 4], positions[1, m + 5], positions[1, m + 6], positions[1, m + 7],
        positions[2, m], positions[2, m + 1], positions[2, m + 2], positions[2, m + 3],
        positions[2, m + 4], positions[2, m + 5], positions[2, m + 6], positions[2, m + 7],
    )  # fmt: skip


@njit(inline="always")
def nearest(members: Any, x: float, y: float, z: float) -> float:
    """The square of the distance from a point to the nearest member."""
    x0, x1, x2, x3, x4, x5, x6, x7, y0, y1, y2, y3, y4, y5, y6, y7, z0, z1, z2, z3, z4, z5, z6, z7 = members
    s = fma(z - z0, z - z0, fma(y - y0, y - y0, (x - x0) * (x - x0)))
    t = fma(z - z1, z - z1, fma(y - y1, y - y1, (x - x1) * (x - x1)))
    s = t if t < s else s
    t = fma(z - z2, z - z2, fma(y - y2, y - y2, (x - x2) * (x - x2)))
    s = t if t < s else s
    t = fma(z - z3, z - z3, fma(y - y3, y - y3, (x - x3) * (x - x3)))
    s = t if t < s else s
    t = fma(z - z4, z - z4, fma(y - y4, y - y4, (x - x4) * (x - x4)))
    s = t if t < s else s
    t = fma(z - z5, z - z5, fma(y - y5, y - y5, (x - x5) * (x - x5)))
    s = t if t < s else s
    t = fma(z - z6, z - z6, fma(y - y6, y - y6, (x - x6) * (x - x6)))
    s = t if t < s else s
    t = fma(z - z7, z - z7, fma(y - y7, y - y7, (x - x7) * (x - x7)))
    return t if t < s else s


@njit(cache=True, nogil=True)
def prune(
    first: int, last: int, positions: Floats, begin: Integers, count: Integers, partners: Counts, classes: Counts,
    reach: float, filler: int, near_begin: Integers, near_count: Integers, near_partners: Counts,
    near_classes: Counts,
) -> None:  # fmt: skip
    """Of the lists of a run of clusters, write those within the square of a reach of any member, one after the other
    from where the first of them begins on: each run to memory of its own, of which no more is touched than it needs."""
    wide_vectors()
    if first == last:
        return
    longest = 0
    for c in range(first, last):
        longest = max(longest, count[c])
    near, x, y, z = np.empty(longest), np.empty(longest), np.empty(longest), np.empty(longest)
    found = begin[first]
    for c in range(first, last):
        members = members_of(positions, CLUSTER * c)
        listed = partners[begin[c] : begin[c] + count[c]]
        for k in range(len(listed)):
            slot = np.uint64(listed[k])
            x[k], y[k], z[k] = positions[0, slot], positions[1, slot], positions[2, slot]
        for k in range(len(listed)):
            near[k] = nearest(members, x[k], y[k], z[k])
        # Without a branch: each is written, and the next one over it unless it was near.
        chosen = near_partners[found:]
        n = 0
        for k in range(len(listed)):
            chosen[n] = listed[k]
            n += near[k] <= reach
        if len(classes) > 0:
            own_classes, chosen_classes = classes[begin[c] : begin[c] + count[c]], near_classes[found:]
            n = 0
            for k in range(len(listed)):
                chosen_classes[n] = own_classes[k]
                n += near[k] <= reach
        near_begin[c], near_count[c] = found, n
        found += n
        while found % CLUSTER != 0:
            near_partners[found] = filler
            found += 1


@njit(cache=True, nogil=True, per_particle=True)
def note_positions(begin: int, end: int, positions: Floats, reference: Floats) -> None:
    """Note where particles are."""
    for a in range(len(reference)):
        x, kept = positions[a, begin:end], reference[a, begin:end]
        for i in range(len(x)):
            kept[i] = x[i]
