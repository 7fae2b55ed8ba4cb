"""Geometry of the regions: how the box is cut, who owns a position, how far a halo reaches. Pure arithmetic.

Algorithm: the box is cut by planes across each axis, so the regions form a grid of bricks. The number of cuts is the
one with the least surface; where the planes lie can change in the course of a run, to even out the work.

Invariant: every position has exactly one owner. Planes lie on the grid of positions, regions are half open, and the
outermost ones reach on without end, so this also holds outside an open box.

Disadvantage: planes go through the whole box, so the work can be evened out axis by axis only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from motes.core.box import Box
from motes.core.checks import require_memory
from motes.core.errors import InputError
from motes.core.state import Floats, Integers

MOST_HOPS = 8
"""A halo may reach through so many regions; beyond, the messages would outweigh the work by far."""


MOST_LISTED = 2.0**31
"""Particles and images that lists can count."""


def factorizations(count: int, axes: int) -> list[tuple[int, ...]]:
    """All ways to write count as a product of so many factors, in order."""
    if axes == 1:
        return [(count,)]
    return [
        (first, *rest)
        for first in range(1, count + 1)
        if count % first == 0
        for rest in factorizations(count // first, axes - 1)
    ]


def best_shape(regions: int, lengths: Sequence[float]) -> tuple[int, ...]:
    """Cuts across each axis that give the regions the least surface to one another.

    If equal, those with the least surface in all, images included; if equal again, those across the first axis.
    """

    def order(shape: tuple[int, ...]) -> tuple[object, ...]:
        edges = [length / cuts for length, cuts in zip(lengths, shape, strict=True)]
        faces = [math.prod(edges) / edge for edge in edges]
        cut = sum(face for face, cuts in zip(faces, shape, strict=True) if cuts > 1)
        return round(cut, 9), round(sum(faces), 9), [-cuts for cuts in shape]

    return min(factorizations(regions, len(lengths)), key=order)


def check_images(box: Box, reach: float, count: int) -> None:
    """A box far thinner than the cutoff has more images than anyone can want."""
    edges = box.lengths[box.periodic].tolist()
    images = math.prod(reach / edge + 1.0 for edge in edges)
    if count * images > MOST_LISTED:
        raise InputError(
            f"cutoff and skin reach {reach:g}, through {images:.3g} images of a box of {box.lengths.tolist()}: "
            f"with {count} particles that is too much; give a larger box or a shorter cutoff"
        )
    require_memory("cutoff and skin", int(count * images))


@dataclass(frozen=True)
class Face:
    """What a region has to do with its two neighbours along an axis.

    Attributes:
        axis: the number of it.
        hops: through how many regions the halo reaches.
        lower: the rank below, or None beyond the side of a box that is not periodic.
        upper: that above.
        shift: what is added to positions that go down around the box.
        limit: up to which coordinate the one below sees what is here.
    """

    axis: int
    hops: int
    lower: int | None
    upper: int | None
    shift: float
    limit: float


@dataclass(frozen=True)
class Regions:
    """The planes: borders[a] holds the lower side of each region along axis a, and the upper side of the last."""

    box: Box
    borders: tuple[Floats, ...]

    @classmethod
    def even(cls, box: Box, count: int, halo: float) -> Regions:
        """Regions of one size, count of them, for a halo of this width."""
        shape = best_shape(count, box.lengths.tolist())
        regions = cls(box, tuple(even_borders(box, axis, parts) for axis, parts in enumerate(shape)))
        for axis, parts in enumerate(shape):
            if parts > 1 and regions.hops(axis, halo) > MOST_HOPS:
                most = max(1, math.floor(MOST_HOPS * float(box.lengths[axis]) / halo))
                raise InputError(
                    f"{count} ranks would cut axis {'xyz'[axis]} into {parts} regions thinner than "
                    f"{halo / MOST_HOPS:g}, an eighth of cutoff + skin; at most {most} fit there: use fewer ranks"
                )
        return regions

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Regions along each axis."""
        return tuple(len(planes) - 1 for planes in self.borders)

    @property
    def count(self) -> int:
        """How many regions there are."""
        return math.prod(self.shape)

    def coordinates(self, rank: int) -> tuple[int, ...]:
        """Where the region of a rank stands in the grid of regions."""
        return tuple(rank // math.prod(self.shape[axis + 1 :]) % parts for axis, parts in enumerate(self.shape))

    def rank(self, coordinates: Sequence[int]) -> int:
        """The rank of a region; coordinates wrap around."""
        rank = 0
        for i, parts in zip(coordinates, self.shape, strict=True):
            rank = rank * parts + i % parts
        return rank

    def corners(self, rank: int) -> tuple[Floats, Floats]:
        """Lower and upper corner of a region."""
        along = list(zip(self.borders, self.coordinates(rank), strict=True))
        return np.array([b[i] for b, i in along]), np.array([b[i + 1] for b, i in along])

    def index(self, axis: int, x: Floats) -> Integers:
        """Which region along an axis owns coordinates x."""
        return np.searchsorted(self.borders[axis][1:-1], x, side="right")

    def neighbor(self, rank: int, axis: int, step: int) -> int | None:
        """The rank step regions up an axis, or None beyond the side of a box that is not periodic there."""
        coordinates = list(self.coordinates(rank))
        coordinates[axis] += step
        if not self.box.periodic[axis] and not 0 <= coordinates[axis] < self.shape[axis]:
            return None
        return self.rank(coordinates)

    @cached_property
    def _faces(self) -> dict[tuple[int, float], list[Face]]:
        return {}

    def faces(self, rank: int, halo: float) -> list[Face]:
        """One for each axis, of a region that sees so far; worked out once."""
        if (rank, halo) not in self._faces:
            self._faces[rank, halo] = [self._face(rank, axis, halo) for axis in range(len(self.shape))]
        return self._faces[rank, halo]

    def _face(self, rank: int, axis: int, halo: float) -> Face:
        lower, shift, limit = self.neighbor(rank, axis, -1), 0.0, 0.0
        if lower is not None:
            shift = float(self.box.lengths[axis]) if self.coordinates(rank)[axis] == 0 else 0.0
            limit = float(self.corners(lower)[1][axis]) + halo - shift
        return Face(axis, self.hops(axis, halo), lower, self.neighbor(rank, axis, 1), shift, limit)

    def hops(self, axis: int, halo: float) -> int:
        """Through how many regions a halo reaches, for the region from which it reaches through most."""
        if halo == 0:
            return 0
        planes, length = self.borders[axis], float(self.box.lengths[axis])
        parts = len(planes) - 1
        if not self.box.periodic[axis]:
            beyond = [
                int(np.searchsorted(planes[1:-1], upper + halo, side="left")) - i for i, upper in enumerate(planes[1:])
            ]
            return max(0, *beyond) if parts > 1 else 0
        upward = np.concatenate([planes[:-1] + image * length for image in range(math.ceil(halo / length) + 2)])
        return max(int(np.searchsorted(upward, planes[i + 1] + halo, side="left")) - (i + 1) for i in range(parts))


def even_borders(box: Box, axis: int, parts: int) -> Floats:
    """Planes at equal distances, on the grid of positions."""
    planes = np.arange(parts + 1) / parts * box.lengths[axis]
    return _on_grid(planes, box)


def weighted_borders(box: Box, axis: int, parts: int, histogram: Floats, thinnest: float) -> Floats:
    """Planes that give each region along an axis the same share of a histogram of work over the box's length."""
    length = float(box.lengths[axis])
    share = np.concatenate([[0.0], np.cumsum(histogram)])
    edges = np.linspace(0.0, length, len(share))
    planes = np.interp(np.arange(parts + 1) / parts * share[-1], share, edges)
    thinnest = min(thinnest, length / parts)
    planes[0], planes[-1] = 0.0, length
    for k in range(1, parts):
        planes[k] = max(planes[k], planes[k - 1] + thinnest)
    for k in range(parts - 1, 0, -1):
        planes[k] = min(planes[k], planes[k + 1] - thinnest)
    return _on_grid(planes, box)


def _on_grid(planes: Floats, box: Box) -> Floats:
    rounded: Floats = np.rint(planes / box.spacing) * box.spacing
    return rounded
