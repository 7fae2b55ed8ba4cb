"""Pairs within any distance up to half the box: for questions about a moment, not for forces.

Algorithm: all particles are sorted into cells no smaller than the distance, and each looks at those that come after it
in its own cell and the cells around. Pieces of the particles go to whoever is free, threads and ranks.

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

RUN = 512
"""Distances that are worked out before they are counted."""


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
        along = np.clip(np.floor(extent / distance), 1.0, max(1.0, most))
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


@njit(cache=True, nogil=True)
def around(cell: int, count: int, edge: float, offset: int) -> int:
    """The cell at an offset of -1, 0 or 1 along an axis; -1 if there is none, or if another offset gives it, too."""
    at = cell + offset
    if edge < np.inf:
        if count < 3 and offset < count - 2:  # of two cells the next one is the one before, of one all are the same
            return -1
        return (at + count) % count if count > 1 or offset == 0 else -1
    return at if 0 <= at < count else -1


@njit(inline="always")
def nearest(apart: float, edge: float) -> float:
    """The same by the nearest image."""
    apart = apart - edge if apart > 0.5 * edge else apart
    return apart + edge if apart < -0.5 * edge else apart


@njit(cache=True, nogil=True, error_model="numpy")
def count_bins(
    begin: int, end: int, bins: Integers, points: Floats, cells: Integers, starts: Integers, counts: Integers,
    edges: Floats, kinds: Integers, wanted: Floats, first: float, last: float,
) -> None:  # fmt: skip
    """Count pairs by their distance, from first to below last, in bins of equal widths, of which there are one before
    and one after for what is outside, or of kinds that are not wanted (for which wanted is infinite, else 0).

    Distances are worked out in vector code, and then counted.
    """
    wide_vectors()
    most = len(bins) - 2
    scale, places = most / (last - first), np.empty(RUN, np.int64)
    ex, ey, ez = edges[0], edges[1], edges[2]
    for i in range(begin, end):
        x, y, z, far = points[0, i], points[1, i], points[2, i], wanted[kinds[i]]
        for o in range(27):
            a = around(cells[0, i], counts[0], ex, o // 9 - 1)
            b = around(cells[1, i], counts[1], ey, o // 3 % 3 - 1)
            c = around(cells[2, i], counts[2], ez, o % 3 - 1)
            if a < 0 or b < 0 or c < 0:
                continue
            cell = (a * counts[1] + b) * counts[2] + c
            for begun in range(max(starts[cell], i + 1), starts[cell + 1], RUN):
                ended = min(begun + RUN, starts[cell + 1])
                px, py, pz = points[0, begun:ended], points[1, begun:ended], points[2, begun:ended]
                kind, place = kinds[begun:ended], places[: ended - begun]
                for k in range(len(place)):
                    dx, dy, dz = nearest(px[k] - x, ex), nearest(py[k] - y, ey), nearest(pz[k] - z, ez)
                    r = np.sqrt(dx * dx + dy * dy + dz * dz) + far[kind[k]]
                    at = (min(max(r, first), last) - first) * scale
                    place[k] = 0 if r < first else (most + 1 if r >= last else 1 + min(int(at), most - 1))
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
    for i in range(begin, end):
        x, y, z = points[0, i], points[1, i], points[2, i]
        for o in range(27):
            a = around(cells[0, i], counts[0], edges[0], o // 9 - 1)
            b = around(cells[1, i], counts[1], edges[1], o // 3 % 3 - 1)
            c = around(cells[2, i], counts[2], edges[2], o % 3 - 1)
            if a < 0 or b < 0 or c < 0:
                continue
            cell = (a * counts[1] + b) * counts[2] + c
            for j in range(max(starts[cell], i + 1), starts[cell + 1]):
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
    counted = np.zeros((len(pieces), bins + 2), np.int64)
    far = np.where(wanted, 0.0, np.inf)
    what = cells.points, cells.cells, cells.starts, cells.counts, cells.edges, kinds[cells.order], far, *bounds
    team.call(count_bins, [(*piece, counted[k], *what) for k, piece in enumerate(pieces)])
    found: Integers = counted[:, 1:-1].sum(axis=0)
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
