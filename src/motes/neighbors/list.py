"""For each cluster, the later particles within cutoff + skin of any of its members.

Algorithm: from the bounding box of a cluster follow the columns it can reach and the stretch of each; measure every
particle there against all eight members at once, and keep those near enough.

Invariant: every pair within cutoff + skin whose ghost bits have no axis in common is listed once, by the cluster
that comes first; pairs within one cluster are left to the kernel. So the list stays complete until a particle has
moved by half the skin.

Disadvantage: a listed particle is near one member, not all, so about two pairs of three that are computed lie beyond
the cutoff. That is the price of straight vector loops.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from motes.core.box import REACH
from motes.core.compiled import MOVE, STRAY, njit
from motes.core.state import CLUSTER, Array, Counts, Floats, Integers, PairList, State
from motes.core.threads import Team, Work
from motes.exact.arithmetic import from_bits, to_bits, wide_vectors
from motes.neighbors.cells import (
    SAMPLE,
    Grid,
    bin_of,
    bound_clusters,
    bound_columns,
    fill_slots,
    find_cells,
    find_extents,
    lay_bins,
)
from motes.neighbors.inner import inner_skin, members_of, nearest, note_positions, prune
from motes.neighbors.tuples import SpecialPairs

PARTS_PER_THREAD = 4
"""Of the search: whoever is done takes the next one."""

SMALLEST_SEARCH = 96
"""Clusters below which a part costs more calls than its evenness brings."""

LINE = 16
"""Partners in a line of the cache: where another thread's begin."""

REORDER_EVERY = 8
FAR = 2.0 * REACH
"""Empty slots lie this many (lengths + cutoffs) away, farther than any particle, and a cutoff and more from one
another."""


@njit(inline="always")
def first_above(bounds: Floats, begin: int, end: int, height: float) -> int:
    """The first of the clusters begin .. end - 1 of a column that reaches up to height, or end."""
    while begin < end and bounds[begin, 5] < height:
        begin += 1
    return begin


@njit(inline="always")
def gap_squared(column: Floats, cluster: Floats) -> float:
    """The square of the distance across from a column (x, y, x, y) to a cluster (x, y, z, x, y, z)."""
    dx: float = max(column[0] - cluster[3], cluster[0] - column[2], 0.0)
    dy: float = max(column[1] - cluster[4], cluster[1] - column[3], 0.0)
    return dx * dx + dy * dy


@njit(inline="always")
def rows_reached(
    cluster: Floats, radius: float, lower: Floats, upper: Floats, width: Floats, inner: Integers, outer: Integers
) -> tuple[int, int, int]:
    """The last row of columns that a cluster (x, y, z, x, y, z) reaches, and in each row the first column and the
    last."""
    last_row: int = bin_of(cluster[3] + radius, lower[0], upper[0], width[0], inner[0], outer[0])
    low: int = bin_of(cluster[1] - radius, lower[1], upper[1], width[1], inner[1], outer[1])
    high: int = bin_of(cluster[4] + radius, lower[1], upper[1], width[1], inner[1], outer[1])
    return last_row, low, high


@njit(inline="always")
def stretch_reached(bounds: Floats, c: int, begin: int, end: int, after: int, stretch: float) -> tuple[int, int]:
    """Of the clusters begin .. end - 1 of a column, the first after another one that a cluster c reaches along it, and
    the one behind the last."""
    a = max(first_above(bounds, begin, end, bounds[c, 2] - stretch), after + 1)
    b = a
    while b < end and bounds[b, 2] <= bounds[c, 5] + stretch:
        b += 1
    return a, b


@njit(inline="always")
def list_near(
    members: Any, positions: Floats, begin: int, end: int, reach: float, near: Floats, partners: Array, found: int
) -> int:  # fmt: skip
    """Write the slots of the clusters begin .. end - 1 that are within the square of a reach of any member behind those
    that were found; return how many there are with them."""
    # Unsigned indices cannot count from the end, and only such a loop becomes vector code.
    begin_slot, end_slot = np.uint64(CLUSTER * begin), np.uint64(CLUSTER * end)
    for k in range(begin_slot, end_slot):
        near[k - begin_slot] = nearest(members, positions[0, k], positions[1, k], positions[2, k])
    # Without a branch: each is written, and the next one over it unless it was near.
    chosen = partners[found:]  # not an argument: references to it would be counted, a sixth of the search
    n = 0
    for k in range(begin_slot, end_slot):
        chosen[n] = np.int32(k)
        n += near[k - begin_slot] <= reach
    return found + n


@njit(cache=True, nogil=True)
def search(
    first_cluster: int, last_cluster: int, positions: Floats, bounds: Floats, axes: Array, column_of: Integers,
    column_box: Floats, first: Integers, lower: Floats, upper: Floats, width: Floats, inner: Integers,
    outer: Integers, radius: float, longest: int, filler: int, room: int, end: int, begin: Integers, count: Integers,
    partners: Array,
) -> int:  # fmt: skip
    """Write the lists of a run of clusters between room and end of partners; return their length, or -1 where that is
    too short."""
    wide_vectors()
    near = np.empty(CLUSTER * longest)
    # Clusters of a column rise, so what lies below one's reach lies below the next one's: at[part] remembers where
    # the reach begins, for the column that holder[part] names.
    at = np.zeros(len(first), np.int64)
    holder = np.full(len(first), -1)
    across = inner[1] + outer[1]
    reach = radius * radius
    found = room
    for c in range(first_cluster, last_cluster):
        begin[c] = found
        members = members_of(positions, CLUSTER * c)
        own = column_of[c]
        last_row, low, high = rows_reached(bounds[c], radius, lower, upper, width, inner, outer)
        # Rows of columns from its own on, since pairs with earlier ones are those ones' to list.
        for row in range(own // across, last_row + 1):
            for column in range(max(row * across + low, own), row * across + high + 1):
                left = reach - gap_squared(column_box[column], bounds[c])
                if not left >= 0.0:
                    continue
                stretch = np.sqrt(left)  # along the column, by Pythagoras, is all that can still be near
                for part in range(2 * column, 2 * column + 2):
                    last = first[part + 1]
                    if first[part] == last or axes[first[part]] & axes[c]:
                        continue  # nobody there, or ghosts beyond the same side, whose pairs are another region's
                    if bounds[first[part], 2] > bounds[c, 5] + stretch:
                        continue
                    if holder[part] != own:
                        holder[part] = own
                        at[part] = first[part]
                    at[part] = first_above(bounds, at[part], last, bounds[c, 2] - radius)
                    a, b = stretch_reached(bounds, c, at[part], last, c if column == own else -1, stretch)
                    if found + CLUSTER * (b - a + 1) > end:
                        return -1
                    found = list_near(members, positions, a, b, reach, near, partners, found)
        count[c] = found - begin[c]
        while (found - room) % CLUSTER != 0:
            partners[found] = filler
            found += 1
    return found - room


@njit(cache=True, nogil=True)
def copy_to_slots(begin: int, end: int, points: Floats, rows: Integers, particle: Counts, far: float, step: float,
                positions: Floats) -> None:  # fmt: skip
    """Copy positions to slots, row by row; empty slots go far away, each to a position of its own."""
    for a in range(3):
        row = rows[a]
        indices, x = particle[begin:end], positions[a, begin:end]
        source = points[max(row, 0)]
        here = 1.0 if row >= 0 else 0.0
        for k in range(len(x)):
            i = indices[k]
            x[k] = far + step * (begin + k) if i < 0 else here * source[np.uint64(max(i, 0))]


def _farthest(begin: int, end: int, positions: Floats, reference: Floats) -> float:
    """The square of the longest way from reference to positions."""
    longest = 0  # as bits: the maximum of integers vectorises
    last = positions.shape[0] - 1
    x, y, z = positions[0, begin:end], positions[1, begin:end], positions[last, begin:end]
    x0, y0, z0 = reference[0, begin:end], reference[1, begin:end], reference[last, begin:end]
    third = 1.0 if last == 2 else 0.0
    for i in range(len(x)):
        dx, dy, dz = x[i] - x0[i], y[i] - y0[i], third * (z[i] - z0[i])
        bits = to_bits(dx * dx + dy * dy + dz * dz)
        longest = bits if bits > longest else longest
    return from_bits(longest)


# Twice, since who plays it without Python goes by what a loop says that it returns.
farthest_move = njit(cache=True, nogil=True, returns=MOVE, per_particle=True)(_farthest)
farthest_stray = njit(cache=True, nogil=True, returns=STRAY, per_particle=True)(_farthest)

KEEP, PRUNE, BUILD = range(3)
"""What is to be done with the lists: nothing; the inner one is to be pruned anew; both are to be built anew."""


class NeighborList:
    """Finds pairs within cutoff + skin, and knows when they must be found anew."""

    def __init__(
        self, cutoff: float, skin: float, team: Team, specials: SpecialPairs | None = None, may_prune: bool = True
    ) -> None:
        self.cutoff = cutoff
        self.skin = skin
        self.team = team
        self._may_prune = may_prune and cutoff > 0.0
        self.pairs = PairList()
        self._specials = specials
        self.inner = skin
        """The inner skin; where it is the skin, there is no inner list."""
        self._reference: Floats = np.zeros((0, 0))
        self._pruned: Floats = np.zeros((0, 0))
        """Where particles were when lists were built, and pruned."""
        self._built_at = 0
        self._per_cluster = 80.0

    @property
    def radius(self) -> float:
        """Pairs up to this distance are listed."""
        return self.cutoff + self.skin

    def moved_too_far(self, state: State) -> bool:
        """Whether a pair may have come within the cutoff that is not listed."""
        if self.pairs.builds == 0 or self._reference.shape[1] != state.owned:
            return True
        moves = self.team.split(farthest_move, state.owned, state.positions, self._reference)
        return bool(4.0 * max(moves) > self.skin * self.skin)

    @property
    def prunes(self) -> bool:
        """Whether there is an inner list."""
        return self.inner < self.skin

    def strayed(self, state: State) -> bool:
        """Whether a pair may have come within the cutoff that is not in the inner list."""
        if not self.prunes:
            return False
        moves = self.team.split(farthest_stray, state.owned, state.positions, self._pruned)
        return bool(4.0 * max(moves) > self.inner * self.inner)

    def wish(self, state: State) -> int:
        """What these particles ask for: KEEP, PRUNE or BUILD. What any rank asks for, all must do."""
        if self.moved_too_far(state):
            return BUILD
        return PRUNE if self.strayed(state) else KEEP

    def restore_order(self, state: State) -> None:
        """Now and then lay the owned particles out as their slots lie, so that near ones share cache lines."""
        if self.pairs.builds % REORDER_EVERY != 1:
            return
        indices = self.pairs.particle[: self.pairs.slots]
        order = indices[(indices >= 0) & (indices < state.owned)].astype(np.int64)
        if len(order) == state.owned:
            state.keep(order)

    def build(self, state: State, region: tuple[Floats, Floats]) -> None:
        """Lay all particles into slots and list the pairs; without a cutoff there are none to list."""
        if self._reference.shape != (state.dimensions, state.owned):
            self._reference = np.empty((state.dimensions, state.owned))
        self._reference[:] = state.positions[:, : state.owned]
        lasted, self._built_at = state.step - self._built_at if self.pairs.builds else 0, state.step
        self.inner = inner_skin(self.cutoff, self.skin, lasted) if self._may_prune else self.skin
        self.pairs.builds += 1
        if self.cutoff == 0.0:
            return
        points = state.positions
        if state.dimensions == 2:
            points = np.zeros((3, state.capacity))
            points[[0, 2]] = state.positions
        grid = self._grid(state, points, region)
        self._fill(state, points, grid)
        self.follow(state)
        self._search(grid)
        if self._specials is not None:
            self._specials.mark(state, self.pairs)
        self._begin_inner(state)

    def _begin_inner(self, state: State) -> None:
        """The inner list, or the list itself in its stead."""
        pairs = self.pairs
        if not self.prunes:
            pairs.near_begin, pairs.near_count = pairs.begin, pairs.count
            pairs.near_partners, pairs.near_classes = pairs.partners, pairs.partner_classes
            return
        if len(pairs.near_begin) < pairs.clusters or pairs.near_begin is pairs.begin:
            pairs.near_begin, pairs.near_count = np.empty((2, len(pairs.begin)), np.int64)
        if len(pairs.near_partners) < len(pairs.partners) or pairs.near_partners is pairs.partners:
            pairs.near_partners = np.empty(len(pairs.partners), np.int32)
        if len(pairs.near_classes) != len(pairs.partner_classes) or pairs.near_classes is pairs.partner_classes:
            pairs.near_classes = np.empty(len(pairs.partner_classes), np.int32)
        if self._pruned.shape != self._reference.shape:
            self._pruned = np.empty_like(self._reference)
        threads = self.team.useful(pairs.pairs)
        edges = [pairs.clusters * part // threads for part in range(threads + 1)]
        self.prune(state, list(pairwise(edges)))

    def prune(self, state: State, runs: Sequence[tuple[int, int]]) -> None:
        """Bring the inner list up to the positions in the slots, each thread a run of clusters."""
        pairs = self.pairs
        arguments = (
            pairs.positions, pairs.begin, pairs.count, pairs.partners, pairs.partner_classes,
            (self.cutoff + self.inner) ** 2, pairs.slots, pairs.near_begin, pairs.near_count, pairs.near_partners,
            pairs.near_classes,
        )  # fmt: skip
        works: list[list[Work]] = [[(prune, (*run, *arguments))] for run in runs]
        self.team.each(works, self.team.useful(pairs.pairs) > 1)
        self.team.split(note_positions, state.owned, state.positions, self._pruned)

    def follow(self, state: State) -> None:
        """Bring the positions of this step into the slots."""
        pairs = self.pairs
        if self.cutoff == 0.0:
            return
        rows = np.array([0, 1, 2] if state.dimensions == 3 else [0, -1, 1])
        far = FAR * (float(state.box.lengths.max()) + self.radius)
        self.team.split(
            copy_to_slots, pairs.slots + CLUSTER, state.positions, rows, pairs.particle, far, 2 * self.radius,
            pairs.positions,
        )  # fmt: skip

    def _grid(self, state: State, points: Floats, region: tuple[Floats, Floats]) -> Grid:
        """Bins up to the side of the region where there are ghosts beyond it, else just around the particles."""
        lower, upper, halo, width = np.zeros((4, 3))
        inner, outer = np.zeros((2, 3), np.int64)
        side = region[1] if state.dimensions == 3 else np.array([region[1][0], np.inf, region[1][1]])
        find_extents(points, state.owned, state.total, state.ghost_axes, side, state.box.spacing, lower, upper, halo)
        held = np.full(4 * SAMPLE, -1.0)
        lay_bins(points, state.owned, state.total, lower, upper, halo, width, inner, outer, held)
        return Grid(lower, upper, width, inner, outer)

    def _fill(self, state: State, points: Floats, grid: Grid) -> None:
        total, pairs = state.total, self.pairs
        along = int(grid.inner[2] + grid.outer[2])
        # Half the memory, at the moment of a build at which most of it is in use. Who lists pairs has no more particles
        # than 32 bits can count, but bins may be more.
        cell = np.empty(total, np.int32 if grid.columns * along < 2**31 else np.int64)
        self.team.split(find_cells, total, points, grid.lower, grid.upper, grid.width, grid.inner, grid.outer, cell)
        room = total + 2 * CLUSTER * grid.columns + CLUSTER
        if len(pairs.particle) < room:
            pairs.particle = np.empty(room, np.int32)
            pairs.positions = np.empty((3, room))
            pairs.axes = np.zeros(room // CLUSTER + 1, np.int8)
        self._first = np.empty(2 * grid.columns + 1, np.int64)
        pairs.slots = fill_slots(
            total, cell, points[2], state.ghost_axes, grid.columns, grid.inner[2], along,
            np.empty(grid.columns * along + 1, np.int32), np.empty(total, np.int32),
            pairs.particle, pairs.axes, self._first,
        )  # fmt: skip
        pairs.clusters = pairs.slots // CLUSTER
        pairs.particle[pairs.slots : pairs.slots + CLUSTER] = -1

    def _search(self, grid: Grid) -> None:
        pairs = self.pairs
        bounds = np.empty((pairs.clusters, 6))
        self.team.split(bound_clusters, pairs.clusters, pairs.positions, pairs.particle, bounds)
        column_box = np.empty((grid.columns, 4))
        column_of = np.empty(pairs.clusters, np.int64)
        longest = bound_columns(0, grid.columns, self._first, bounds, column_box, column_of)
        surroundings = (
            pairs.positions, bounds, pairs.axes, column_of, column_box, self._first, grid.lower, grid.upper,
            grid.width, grid.inner, grid.outer, self.radius, longest, pairs.slots,
        )  # fmt: skip
        threads = self.team.useful(int(self._per_cluster) * pairs.clusters)
        parts = 1 if threads == 1 else PARTS_PER_THREAD * threads
        parts = max(1, min(parts, pairs.clusters // SMALLEST_SEARCH))
        edges = [pairs.clusters * part // parts for part in range(parts + 1)]
        if len(pairs.begin) < pairs.clusters:
            pairs.begin, pairs.count = np.empty((2, pairs.clusters + pairs.clusters // 16), np.int64)
        lengths = [-1]
        while min(lengths) < 0:
            most = [int(self._per_cluster * (last - first)) + 2 * CLUSTER * longest for first, last in pairwise(edges)]
            rooms = [LINE * (length // LINE + 1) for length in most]
            bounds_of_rooms = [0, *accumulate(rooms)]
            if len(pairs.partners) < bounds_of_rooms[-1]:  # fresh memory is slow, so what is there is used again
                pairs.partners = np.empty(bounds_of_rooms[-1], np.int32)
            lengths = self.team.call(
                search,
                [
                    (*run, *surroundings, *room, pairs.begin, pairs.count, pairs.partners)
                    for run, room in zip(pairwise(edges), pairwise(bounds_of_rooms), strict=True)
                ],
            )
            self._per_cluster *= 1.5 if min(lengths) < 0 else 1.0
        pairs.pairs = sum(lengths)
