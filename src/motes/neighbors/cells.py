"""Lay particles into clusters of near ones: columns over the first axes, sorted along the last, cut into eights.

Algorithm: a column is about as wide as a cluster is long, so clusters are about cubic. A counting sort by column and
by a fine bin along the last axis brings every particle almost to its final row; an insertion sort finishes.

Invariant: columns and their parts follow each other in the order of their coordinates, and all particles of a
cluster lie beyond the same upper sides of the region (columns begin anew there), so a cluster has one set of ghost
bits. Only which pairs share a list depends on all this, never a sum.

Disadvantage: a column of few particles fills its last cluster up with empty slots, which are computed like others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from motes.core.compiled import njit
from motes.core.state import CLUSTER, Array, Counts, Floats, Integers

BINS_PER_CLUSTER = 8
CROWDED = 64
SAMPLE = 1024
"""Particles that tell how dense the matter is, or up to twice as many."""
IN_A_CELL = 8
"""Of them would be in a coarse cell, were they everywhere."""
TINY = np.finfo(float).tiny


@dataclass
class Grid:
    """Bins along the three slot axes: inner ones between lower and upper, outer ones beyond upper for ghosts."""

    lower: Floats
    upper: Floats
    width: Floats
    inner: Integers
    outer: Integers

    @property
    def columns(self) -> int:
        """Number of columns."""
        return int((self.inner[:2] + self.outer[:2]).prod())


@njit(inline="always")
def bin_of(value: float, lower: float, upper: float, width: float, inner: int, outer: int) -> int:
    """The bin of a coordinate; grows with it, whatever is rounded."""
    if value < upper or outer == 0:
        return min(max(int((value - lower) / width), 0), inner - 1)
    return inner + min(int((value - upper) / width), outer - 1)


@njit(cache=True, nogil=True, fastmath={"nnan", "nsz"})  # least and largest of numbers are the same in any order
def find_extents(
    points: Floats, owned: int, total: int, ghost_axes: Array, region: Floats, least: float, lower: Floats,
    upper: Floats, halo: Floats,
) -> None:  # fmt: skip
    """Write lower and upper corner of the owned points, up to the upper side of the region along axes with ghosts
    beyond it, and how wide the halo is there; region is infinite along an axis that is none."""
    count = owned if owned > 0 else total
    beyond = 0
    for i in range(owned, total):
        beyond |= ghost_axes[i]
    row = 0
    for a in range(3):
        x = points[a, :total]
        low = high = x[0] if total > 0 else 0.0
        for i in range(count):
            low, high = min(low, x[i]), max(high, x[i])
        if region[a] < np.inf:
            if beyond >> row & 1:
                farthest = x[0]
                for i in range(total):
                    farthest = max(farthest, x[i])
                high = region[a]
                low = min(low, high)
                halo[a] = max(farthest - high, least)
            row += 1
        lower[a], upper[a] = low, high


@njit(cache=True, nogil=True)
def local_density(points: Floats, owned: int, lower: Floats, upper: Floats, cells: Floats, held: Floats) -> float:
    """Particles per volume, area or length where there are any, from which of some coarse cells are occupied.

    Axes along which all particles lie in one plane do not count. A droplet in a large box has the density of the
    droplet. Cells are too many to mark where it is small, so those that are occupied are kept by a hash, in held, which
    is -1 at first and has room for four times SAMPLE. cells has room for how many there are along each axis.
    """
    step = max(1, owned // SAMPLE)
    sampled = (owned + step - 1) // step
    axes, volume = 0, 1.0
    for a in range(3):
        if upper[a] > lower[a]:
            axes, volume = axes + 1, volume * (upper[a] - lower[a])
    edge = (volume * IN_A_CELL / sampled) ** (1.0 / axes)
    number = 1.0
    for a in range(3):
        if upper[a] > lower[a]:
            cells[a] = min(max((upper[a] - lower[a]) // edge, 1.0), 2.0**20)
            number *= cells[a]
    occupied = 0.0
    for i in range(0, owned, step):
        cell = 0.0
        for a in range(3):
            if upper[a] > lower[a]:
                scaled = (points[a, i] - lower[a]) / (upper[a] - lower[a]) * cells[a]
                cell = cell * cells[a] + np.floor(min(max(scaled, 0.0), cells[a] - 1.0))
        at = int(cell * 0.6180339887498949 % 1.0 * len(held))
        while held[at] != cell and held[at] >= 0.0:
            at = (at + 1) % len(held)
        occupied += held[at] < 0.0
        held[at] = cell
    return step * sampled * number / (volume * occupied)


@njit(cache=True, nogil=True)
def lay_bins(
    points: Floats, owned: int, total: int, lower: Floats, upper: Floats, halo: Floats, width: Floats,
    inner: Integers, outer: Integers, held: Floats,
) -> None:  # fmt: skip
    """Write how wide bins are along each axis, and how many there are, for points (3, n), of which the first owned ones
    lie between lower and upper; halo is the width beyond, or 0. held: see local_density."""
    axes = 0
    for a in range(3):
        axes += upper[a] > lower[a]
    across = 1.0
    if owned > 0 and axes > 0:
        across = (CLUSTER / local_density(points, owned, lower, upper, width, held)) ** (1.0 / axes)
    # Columns and bins in number must not outgrow the particles, however empty the box is.
    most = max(total, CLUSTER)
    columns = np.inf
    while columns > most:
        columns = 1.0
        for a in range(2):
            columns *= (upper[a] - lower[a] + halo[a]) / across + 1.0
        across *= 1.25 if columns > most else 1.0
    width[0] = width[1] = across
    width[2] = max(across / BINS_PER_CLUSTER, (upper[2] - lower[2] + halo[2]) * columns / (8.0 * most), TINY)
    for a in range(3):
        extent = upper[a] - lower[a]
        inner[a] = max(int(np.rint(extent / width[a])), 1)
        # Of particles that all lie just below upper, the extent is next to nothing: no measure for the bins of ghosts.
        width[a] = extent / inner[a] if inner[a] > 1 else max(width[a], extent)
        outer[a] = int(np.ceil(halo[a] / width[a]))


@njit(cache=True, nogil=True)
def find_cells(
    begin: int, end: int, points: Floats, lower: Floats, upper: Floats, width: Floats,
    inner: Integers, outer: Integers, cell: Array,
) -> None:  # fmt: skip
    """Write for each particle its bin along the column, counted through all columns."""
    across = inner[1] + outer[1]
    along = inner[2] + outer[2]
    for i in range(begin, end):
        x = bin_of(points[0, i], lower[0], upper[0], width[0], inner[0], outer[0])
        y = bin_of(points[1, i], lower[1], upper[1], width[1], inner[1], outer[1])
        z = bin_of(points[2, i], lower[2], upper[2], width[2], inner[2], outer[2])
        cell[i] = (x * across + y) * along + z


@njit(cache=True, nogil=True)
def sort_along(order: Counts, begin: int, end: int, height: Floats, gap: int) -> None:
    """Sort order[begin:end] by height: Shell's sort, whose last pass is the insertion sort."""
    while gap > 0:
        for k in range(begin + gap, end):
            moving = order[k]
            at = k
            while at >= begin + gap and height[order[at - gap]] > height[moving]:
                order[at] = order[at - gap]
                at -= gap
            order[at] = moving
        gap //= 3


@njit(cache=True, nogil=True)
def fill_slots(
    count: int, cell: Array, height: Floats, ghost_axes: Array, columns: int, inner: int, along: int,
    start: Counts, order: Counts, particle: Counts, axes: Array, first: Integers,
) -> int:  # fmt: skip
    """Sort particles into slots; return how many slots there are.

    Part 2c of first is the first cluster of column c, part 2c + 1 that of its ghosts beyond the last axis.
    """
    # The counting sort: how many lie in each bin, then where each bin begins, then each particle to its bin.
    start[:] = 0
    for i in range(count):
        start[cell[i] + 1] += 1
    gap = 1  # of Shell's sort, which with this one is an insertion sort: fast where all is nearly sorted
    for c in range(columns * along):
        if start[c + 1] > CROWDED:  # many in one bin are in no order at all, and insertion would take their square
            gap = 3**9
        start[c + 1] += start[c]
    for i in range(count):
        order[start[cell[i]]] = i
        start[cell[i]] += 1
    # start[c] is now where bin c ends. Each column has two parts, owned particles and then ghosts beyond the last axis,
    # so that no cluster has members with other ghost bits.
    slot = 0
    begin = 0
    for part in range(2 * columns):
        column = part // 2
        end = start[column * along + (inner if part % 2 == 0 else along) - 1]
        sort_along(order, begin, end, height, gap)
        first[part] = slot // CLUSTER
        for k in range(begin, end):
            axes[slot // CLUSTER] = ghost_axes[order[k]]
            particle[slot] = order[k]
            slot += 1
        while slot % CLUSTER != 0:  # the last cluster is filled up
            particle[slot] = -1
            slot += 1
        begin = end
    first[2 * columns] = slot // CLUSTER
    return slot


@njit(cache=True, nogil=True)
def bound_clusters(begin: int, end: int, positions: Floats, particle: Counts, bounds: Floats) -> None:
    """Write lower and upper corner of each cluster: bounds[c] = (x, y, z, x, y, z). Empty slots come last."""
    for c in range(begin, end):
        for a in range(3):
            low = positions[a, c * CLUSTER]
            high = low
            for slot in range(c * CLUSTER + 1, (c + 1) * CLUSTER):
                if particle[slot] >= 0:
                    low = min(low, positions[a, slot])
                    high = max(high, positions[a, slot])
            bounds[c, a] = low
            bounds[c, 3 + a] = high


@njit(cache=True, nogil=True)
def bound_columns(begin: int, end: int, first: Integers, bounds: Floats, box: Floats, column_of: Integers) -> int:
    """Write the corners across of each column, (x, y, x, y), and for each cluster its column; return the most
    clusters in a part of a column."""
    longest = 0
    for column in range(begin, end):
        box[column, 0] = box[column, 1] = np.inf
        box[column, 2] = box[column, 3] = -np.inf
        for c in range(first[2 * column], first[2 * column + 2]):
            column_of[c] = column
            box[column, 0] = min(box[column, 0], bounds[c, 0])
            box[column, 1] = min(box[column, 1], bounds[c, 1])
            box[column, 2] = max(box[column, 2], bounds[c, 3])
            box[column, 3] = max(box[column, 3], bounds[c, 4])
        for part in range(2 * column, 2 * column + 2):
            longest = max(longest, first[part + 1] - first[part])
    return longest
