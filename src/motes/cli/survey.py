"""How close particles are before a run: smallest distance and mean number of neighbours, by NumPy alone.

Periodic images within reach are added as points of their own, after which space is open. Points are sorted
by cells no narrower than the reach; the three cells that are neighbours along the last axis follow each other
in that order, so a point's surroundings are 3 runs of points in 2D and 9 in 3D, found by bisection. No array
runs over cells: far-flung points cost nothing.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from motes.core.box import Box
from motes.particles.particles import Particles

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

SAMPLE = 5000  # particles whose neighbours are counted: a standard error of the mean of well below a percent
MOST_NEIGHBOURS = 1e5  # of a particle: where there are more within reach, no one counts them one by one
CANDIDATES = 2_000_000  # pairs looked at in one go: 50 MB or so
MOST_CELLS = 2**20  # along an axis, so that the number of a cell fits in 64 bits


class Surroundings:
    """Which points lie near which of N particles (their images included)."""

    def __init__(self, positions: Floats, box: Box, reach: float) -> None:
        """positions: (N, d), inside the box. reach: the distance that counts as near."""
        self.reach = reach
        points, owners = with_images(positions - box.origin, box, reach)
        lower = points.min(axis=0)
        extent = points.max(axis=0) - lower
        self._counts = np.clip(extent // reach, 1, MOST_CELLS).astype(np.int64)
        widths = np.maximum(extent, reach) / self._counts * (1 + 1e-12)
        cells = ((points - lower) / widths).astype(np.int64)
        numbers = self._number(cells)
        order = np.argsort(numbers, kind="stable")
        self._order, self._particles = order, len(positions)  # points beyond the particles are images
        self._numbers, self._points, self._owners = numbers[order], points[order], owners[order]
        self._centres, self._cells = points[: len(positions)], cells[: len(positions)]

    def pairs(self, rows: Integers) -> Iterator[tuple[Integers, Integers, Floats]]:
        """Chunks of (particle, neighbour, squared distance < reach**2) for the particles at `rows`."""
        for part in self._parts(rows):
            begins, ends = self._runs(part)
            lengths = (ends - begins).ravel()
            which = np.repeat(np.repeat(part, begins.shape[1]), lengths)
            # the k-th candidate of a run is at begin + k
            within = np.arange(len(which)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
            candidates = np.repeat(begins.ravel(), lengths) + within
            apart = self._points[candidates] - self._centres[which]
            squared = np.einsum("ij,ij->i", apart, apart)
            near = squared < self.reach**2
            # A particle is no neighbour of itself, but may be one of its own image.
            near &= (self._owners[candidates] != which) | (squared > 0)
            yield which[near], self._owners[candidates][near], squared[near]

    def rows_by_cell(self) -> Integers:
        """All particles, neighbours together: the order in which looking them up is fastest."""
        return self._owners[self._order < self._particles]

    def _parts(self, rows: Integers) -> Iterator[Integers]:
        """The rows in parts of about CANDIDATES candidate pairs each."""
        for coarse in np.array_split(rows, max(1, len(rows) // 100_000)):
            begins, ends = self._runs(coarse)
            total = int((ends - begins).sum())
            yield from np.array_split(coarse, max(1, math.ceil(total / CANDIDATES)))

    def _runs(self, rows: Integers) -> tuple[Integers, Integers]:
        """Where the runs of sorted points around each row begin and end: two arrays (rows, 3**(d-1))."""
        dimensions = len(self._counts)
        steps = np.array([(*step, 0) for step in itertools.product((-1, 0, 1), repeat=dimensions - 1)])
        cells = self._cells[rows][:, np.newaxis, :] + steps
        inside = ((cells >= 0) & (cells < self._counts)).all(axis=2)
        numbers = self._number(cells)
        last = cells[..., -1]
        begins = np.searchsorted(self._numbers, numbers - (last > 0), side="left")
        ends = np.searchsorted(self._numbers, numbers + (last < self._counts[-1] - 1), side="right")
        return begins, np.where(inside, ends, begins)

    def _number(self, cells: Integers) -> Integers:
        """The number of each cell, (..., d) to (...); cells along the last axis are consecutive."""
        number = cells[..., 0]
        for axis in range(1, len(self._counts)):
            number = number * self._counts[axis] + cells[..., axis]
        return number


def sphere(radius: float, dimensions: int) -> float:
    """The volume of a sphere, or the area of a disk."""
    return math.pi * radius**2 if dimensions == 2 else 4 / 3 * math.pi * radius**3


def can_be_counted(count: int, box: Box, reach: float) -> bool:
    """Whether the particles within reach of each are so few that they and their images fit into memory."""
    return not box.periodic.any() or count / box.volume * sphere(reach, box.dimensions) <= MOST_NEIGHBOURS


def with_images(positions: Floats, box: Box, reach: float) -> tuple[Floats, Integers]:
    """The points (N, d) and their periodic images within reach of the box, and whose image each is."""
    points, owners = positions, np.arange(len(positions))
    for axis in np.flatnonzero(box.periodic):
        length = box.lengths[axis]
        copies = math.ceil(reach / length)
        all_points, all_owners = [points], [owners]
        for shift in (shift for shift in range(-copies, copies + 1) if shift):
            place = points[:, axis] + shift * length
            near = (place >= -reach) & (place < length + reach)
            image = points[near]
            image[:, axis] = place[near]
            all_points.append(image)
            all_owners.append(owners[near])
        points, owners = np.concatenate(all_points), np.concatenate(all_owners)
    return points, owners


def mean_neighbours(particles: Particles, reach: float) -> float:
    """How many neighbours a particle has within reach, on average over (at most SAMPLE of) the particles."""
    surroundings = Surroundings(particles.positions, particles.box, reach)
    count = len(particles)
    rows = np.arange(count)
    if count > SAMPLE:
        rows = np.sort(np.random.default_rng(0).choice(count, SAMPLE, replace=False))
    return sum(len(near) for near, _, _ in surroundings.pairs(rows)) / len(rows)


def closest_pair(particles: Particles, reach: float) -> tuple[float, int, int] | None:
    """The smallest distance below reach of two particles (or of one and its own image), and their rows."""
    best = (math.inf, 0, 0)
    surroundings = Surroundings(particles.positions, particles.box, reach)
    for first, second, squared in surroundings.pairs(surroundings.rows_by_cell()):
        if len(squared):
            k = int(np.argmin(squared))
            best = min(best, (math.sqrt(squared[k]), int(first[k]), int(second[k])))
    return best if best[0] < math.inf else None
