"""Pairs within any distance up to half the box: for questions about a moment, not for forces.

Algorithm: all particles are sorted into cells of at least half the distance, those above each other one after the
other. So who may be near a particle lies in a few runs, one or two for each column of cells around, and it looks at
those of them that come after it. Pieces of the particles go to whoever is free, threads and ranks.

Invariant: a displacement is a difference of positions on the grid, less an edge of the box or not, so it is exact;
which pairs there are, and how many in each bin, depends on no order.

Disadvantage: every rank has the positions of all particles, 24 bytes each, and each pair is met by its nearest image
alone, so the distance ends at half the box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from motes.core.box import Box
from motes.core.compiled import njit
from motes.core.state import Floats, Integers
from motes.core.threads import Team
from motes.exact.arithmetic import wide_vectors

PIECES = 64
"""More than there are threads, so that uneven ones even out."""

SMALL = 64
"""Particles that are not worth a piece."""

REACH = 2
"""Cells beyond its own to which a particle looks along an axis."""

MOST_RUNS = 2 * (2 * REACH + 1) ** 2

RUN = 512
"""Distances that are worked out before they are counted."""

BEYOND = 8
"""Bins, in turn, for those that are too far: most are, and to add to one place again and again takes longer."""


@dataclass(frozen=True)
class Cells:
    """Particles in the order of their cells.

    Attributes:
        points: (3, N), inside the box along periodic axes; the third axis of two is 0.
        order: which particle each was, (N,).
        cells: that each is in, by axis, (3, N).
        starts: where each cell begins, and where the last one ends.
        counts: how many cells there are along each axis, (3,).
        edges: of the box along periodic axes, infinite along others, (3,).
    """

    points: Floats
    order: Integers
    cells: Integers
    starts: Integers
    counts: Integers
    edges: Floats

    @classmethod
    def of(cls, positions: Floats, box: Box, distance: float) -> Cells:
        """Of positions (d, N), relative to the origin of the box."""
        dimensions, number = positions.shape
        lengths, periodic = box.lengths[:, None], box.periodic[:, None]
        points = np.zeros((3, number))
        points[:dimensions] = np.where(periodic, np.mod(positions, lengths), positions)
        least = np.where(box.periodic, 0.0, points[:dimensions].min(axis=1, initial=np.inf))
        extent = np.where(box.periodic, box.lengths, points[:dimensions].max(axis=1, initial=-np.inf) - least)
        most = 2.0 * number ** (1.0 / dimensions)  # cells with nobody in them cost time, too
        along = np.clip(np.floor(REACH * extent / distance), 1.0, max(1.0, most))
        width = np.where(extent > 0, extent / along, 1.0)
        counts, cells = np.ones(3, np.int64), np.zeros((3, number), np.int64)
        counts[:dimensions] = along
        inside = np.floor((points[:dimensions] - least[:, None]) / width[:, None]).astype(np.int64)
        cells[:dimensions] = np.clip(inside, 0, counts[:dimensions, None] - 1)
        flat = (cells[0] * counts[1] + cells[1]) * counts[2] + cells[2]
        order = np.argsort(flat, kind="stable")
        starts = np.searchsorted(flat[order], np.arange(counts.prod() + 1))
        edges = np.full(3, np.inf)
        edges[:dimensions][box.periodic] = box.lengths[box.periodic]
        return cls(np.ascontiguousarray(points[:, order]), order, cells[:, order], starts, counts, edges)

    def pieces(self, rank: int, ranks: int) -> list[tuple[int, int]]:
        """The ranges of particles that are a rank's."""
        number = self.points.shape[1]
        pieces = max(1, min(PIECES * ranks, number // SMALL))
        return list(pairwise([number * k // pieces for k in range(pieces + 1)]))[rank::ranks]


@njit(inline="always")
def first_offset(cell: int, count: int, edge: float) -> int:
    """The lowest of the cells to look at along an axis, from the own one."""
    if edge < np.inf:
        return -(count // 2) if count <= 2 * REACH + 1 else -REACH
    return max(-REACH, -cell)


@njit(inline="always")
def last_offset(cell: int, count: int, edge: float) -> int:
    """The highest, so that no cell comes twice."""
    if edge < np.inf:
        return count - 1 - count // 2 if count <= 2 * REACH + 1 else REACH
    return min(REACH, count - 1 - cell)


@njit(cache=True, nogil=True)
def find_runs(i: int, cells: Integers, starts: Integers, counts: Integers, edges: Floats, runs: Integers) -> int:
    """Write the begin and end of runs of particles that may be near those of the cell of i; return how many there
    are."""
    found = 0
    x, y, z = cells[0, i], cells[1, i], cells[2, i]
    low, high = z + first_offset(z, counts[2], edges[2]), z + last_offset(z, counts[2], edges[2])
    for a in range(first_offset(x, counts[0], edges[0]), last_offset(x, counts[0], edges[0]) + 1):
        for b in range(first_offset(y, counts[1], edges[1]), last_offset(y, counts[1], edges[1]) + 1):
            column = ((x + a) % counts[0] * counts[1] + (y + b) % counts[1]) * counts[2]
            for part in range(3):  # below the box, in it, and above
                shift = (part - 1) * counts[2]
                bottom, top = max(low - shift, 0), min(high - shift, counts[2] - 1)
                if bottom <= top:
                    begun, ended = starts[column + bottom], starts[column + top + 1]
                    if i < ended and begun < ended:  # the cells lie in this order, too
                        runs[found, 0], runs[found, 1] = begun, ended
                        found += 1
    return found


@njit(inline="always")
def other_cell(i: int, begin: int, cells: Integers) -> bool:
    """Whether i is not in the cell of the particle before it."""
    return (
        i == begin or cells[2, i] != cells[2, i - 1] or cells[1, i] != cells[1, i - 1] or cells[0, i] != cells[0, i - 1]
    )


@njit(inline="always")
def nearest(apart: float, edge: float) -> float:
    """The same by the nearest image."""
    apart = apart - edge if apart > 0.5 * edge else apart
    return apart + edge if apart < -0.5 * edge else apart


@njit(cache=True, nogil=True)
def pack(
    i: int, many: int, runs: Integers, points: Floats, far: Floats, packed: Floats, away: Floats
) -> int:  # fmt: skip
    """Lay those of the runs who are not before i, the first of its cell, one after the other: i and who comes after it
    in its own run first. Return how many there are."""
    number = 0
    for own in (True, False):
        for run in range(many):
            begun, ended = max(runs[run, 0], i), runs[run, 1]
            if (runs[run, 0] <= i < ended) == own and begun < ended:
                count = ended - begun
                for a in range(3):
                    packed[a, number : number + count] = points[a, begun:ended]
                for kind in range(len(far)):
                    away[kind, number : number + count] = far[kind, begun:ended]
                number += count
    return number


@njit(cache=True, nogil=True, error_model="numpy")
def count_bins(
    begin: int, end: int, bins: Integers, points: Floats, cells: Integers, starts: Integers, counts: Integers,
    edges: Floats, kinds: Integers, far: Floats, first: float, last: float,
) -> None:  # fmt: skip
    """Count pairs by their distance, from first to below last, in bins of equal widths, of which there are one before
    and BEYOND after for what is outside; far (T, N) is infinite for those whom a kind does not want, else 0.

    Who may be near those of a cell is laid into a row, so that distances are worked out in long vectors, and then
    counted.
    """
    wide_vectors()
    most = float(len(bins) - BEYOND)
    scale, places = (most - 1.0) / (last - first), np.empty(RUN, np.int64)
    ex, ey, ez = edges[0], edges[1], edges[2]
    runs, packed, away = np.empty((MOST_RUNS, 2), np.int64), np.empty((3, points.shape[1])), np.empty(far.shape)
    first_here = number = 0
    for i in range(begin, end):
        if other_cell(i, begin, cells):
            first_here = i
            number = pack(i, find_runs(i, cells, starts, counts, edges, runs), runs, points, far, packed, away)
        x, y, z = points[0, i], points[1, i], points[2, i]
        for begun in range(i + 1 - first_here, number, RUN):
            ended = min(begun + RUN, number)
            px, py, pz = packed[0, begun:ended], packed[1, begun:ended], packed[2, begun:ended]
            beyond, place = away[kinds[i], begun:ended], places[: ended - begun]
            for k in range(len(place)):
                dx, dy, dz = nearest(px[k] - x, ex), nearest(py[k] - y, ey), nearest(pz[k] - z, ez)
                at = (np.sqrt(dx * dx + dy * dy + dz * dz) + beyond[k] - first) * scale + 1.0
                at = at if at >= 0.0 else 0.0
                place[k] = int(at) if at < most else len(bins) - BEYOND + k % BEYOND
            for k in range(len(place)):
                bins[place[k]] += 1


@njit(cache=True, nogil=True, error_model="numpy")
def list_pairs(
    begin: int, end: int, found: Floats, points: Floats, cells: Integers, starts: Integers, counts: Integers,
    edges: Floats, distance: float,
) -> int:  # fmt: skip
    """Write pairs closer than a distance into found (5, n): both, and the way from one to the other; return how many
    there are, of which only those that have room are written."""
    number = 0
    runs, many = np.empty((MOST_RUNS, 2), np.int64), 0
    for i in range(begin, end):
        if other_cell(i, begin, cells):
            many = find_runs(i, cells, starts, counts, edges, runs)
        x, y, z = points[0, i], points[1, i], points[2, i]
        for run in range(many):
            for j in range(max(runs[run, 0], i + 1), runs[run, 1]):
                dx, dy, dz = points[0, j] - x, points[1, j] - y, points[2, j] - z
                dx, dy, dz = nearest(dx, edges[0]), nearest(dy, edges[1]), nearest(dz, edges[2])
                if dx * dx + dy * dy + dz * dz < distance * distance:
                    if number < found.shape[1]:
                        found[0, number], found[1, number] = i, j
                        found[2, number], found[3, number], found[4, number] = dx, dy, dz
                    number += 1
    return number


def count_pairs(
    cells: Cells, kinds: Integers, wanted: Integers, bounds: tuple[float, float], bins: int, team: Team,
    pieces: Sequence[tuple[int, int]],
) -> Integers:  # fmt: skip
    """How many pairs of wanted kinds (T, T) there are in each of so many bins; of these pieces of the particles."""
    counted = np.zeros((len(pieces), 1 + bins + BEYOND), np.int64)
    own = kinds[cells.order]
    far = np.where(wanted, 0.0, np.inf)[:, own]
    what = cells.points, cells.cells, cells.starts, cells.counts, cells.edges, own, far, *bounds
    team.call(count_bins, [(*piece, counted[k], *what) for k, piece in enumerate(pieces)])
    found: Integers = counted[:, 1 : 1 + bins].sum(axis=0)
    return found


def pairs_within(
    cells: Cells, distance: float, team: Team, pieces: Sequence[tuple[int, int]]
) -> tuple[Integers, Integers, Floats]:
    """Pairs closer than the distance: which (n,), with which (n,), and the ways from one to the other (3, n)."""
    what = cells.points, cells.cells, cells.starts, cells.counts, cells.edges, distance
    numbers = team.call(list_pairs, [(*piece, np.empty((5, 0)), *what) for piece in pieces])
    found = [np.empty((5, number)) for number in numbers]
    team.call(list_pairs, [(*piece, one, *what) for piece, one in zip(pieces, found, strict=True)])
    rows = np.concatenate([np.empty((5, 0)), *found], axis=1)
    return cells.order[rows[0].astype(np.int64)], cells.order[rows[1].astype(np.int64)], rows[2:]
