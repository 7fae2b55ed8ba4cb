"""Fourier components of the density, sum of exp(i k.r) over particles, at the reciprocal vectors of a periodic box.

Algorithm: k = 2 pi (n_x / L_x, n_y / L_y, n_z / L_z) with whole numbers n, of which one of k and -k suffices. Of each
particle exp(2 pi i n x / L) along each axis follows from that of n - 1 by one complex product, and a term of the sum
from three of these. Terms are rounded to whole numbers of quanta before they are added, so the sums have the same bits
in any order. Vectors lie in rows of the same n_x and n_y with rising n_z, and particles are taken in small blocks, so
that the innermost loop goes over the particles of one: vector code.

Disadvantage: the work is that of all particles times all vectors, where a mesh and a fast Fourier transform would do
with less, but not be exact.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from motes.core.box import AXES, Box, sphere
from motes.core.compiled import njit
from motes.core.errors import InputError
from motes.core.state import ROUND, Floats, Integers
from motes.core.threads import Team
from motes.exact.arithmetic import to_bits
from motes.exact.functions import cos, sin

MOST_VECTORS = 1_000_000
"""Of k and -k one. With 10,000 particles so many take seconds."""

MOST_ALONG = 10_000
"""Along an edge of the box. So many take 5 MB a thread."""

QUANTUM = 2.0**-38
"""To which a term is rounded, so that those of 2**24 particles can be added."""

BLOCK = 32
"""Particles that are taken at once."""

WITHIN = 1e-9
"""Wave numbers are the same if they differ by no more than this part: those along different axes are rounded."""


def rows_within(box: Box, largest: float) -> Integers:
    """The reciprocal vectors of up to this length but 0, and of k and -k one, as rows (R, 4): n_x, n_y, and n_z from
    one number to another. In two dimensions n_z is 0.

    Raises:
        InputError: for a box that is not periodic along all axes, and if there are none or too many.
    """
    if not box.periodic.all():
        axis = AXES[int(np.argmin(box.periodic))]
        raise InputError(f"the box is not periodic along {axis}, so it has no reciprocal vectors")
    steps = 2 * math.pi / box.lengths
    if largest * (1 + WITHIN) < steps.min():
        raise InputError(
            f"q: expected at least {steps.min():.6g}, the smallest wave number in this box, got {largest:g}"
        )
    if not _too_many(steps, largest):
        return _rows(steps, largest * (1 + WITHIN))
    fewer = largest
    while _too_many(steps, fewer):
        fewer *= 0.98
    raise InputError(
        f"q: up to {largest:g} there are about {_about(steps, largest):.2g} reciprocal vectors, and at most "
        f"{MOST_VECTORS:_}, or {MOST_ALONG:_} along an edge, are looked at; in this box give up to {0.99 * fewer:.3g}"
    )


def _too_many(steps: Floats, largest: float) -> bool:
    if largest > MOST_ALONG * steps.min() or _about(steps, largest) > 2 * MOST_VECTORS:
        return True
    return int(_lengths(_rows(steps, largest * (1 + WITHIN))).sum()) > MOST_VECTORS


def _about(steps: Floats, largest: float) -> float:
    """How many vectors there are, of k and -k one: the volume of a sphere over that of each. An axis along which there
    is none adds as much as makes a disk of the sphere."""
    return 0.5 * sphere(1.0, len(steps)) * math.prod(max(0.75, largest / step) for step in steps.tolist())


def _rows(steps: Floats, limit: float) -> Integers:
    x, y = (np.arange(-int(limit / step), int(limit / step) + 1) for step in steps[:2].tolist())
    x, y = (axis.ravel() for axis in np.meshgrid(x[x >= 0], y, indexing="ij"))
    rest = limit**2 - (x * steps[0]) ** 2 - (y * steps[1]) ** 2
    here = (rest >= 0) & ((x > 0) | (y >= 0))
    x, y, rest = x[here], y[here], rest[here]
    last = (np.sqrt(rest) / steps[2]).astype(np.int64) if len(steps) == 3 else np.zeros_like(x)
    first = np.where((x == 0) & (y == 0), 1, -last)
    rows: Integers = np.stack([x, y, first, last], axis=1)[first <= last]
    return rows


def _lengths(rows: Integers) -> Integers:
    lengths: Integers = rows[:, 3] - rows[:, 2] + 1
    return lengths


def vectors_in(rows: Integers, dimensions: int) -> Integers:
    """The whole numbers n of each vector of these rows, (V, d)."""
    lengths = _lengths(rows)
    vectors = np.repeat(rows[:, :3], lengths, axis=0)
    vectors[:, 2] += np.arange(len(vectors)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    found: Integers = vectors[:, :dimensions]
    return found


def sums_over(fractions: Floats, rows: Integers, team: Team) -> Integers:
    """The sum of exp(2 pi i n.x) at each vector n of these rows, real and imaginary part, (V, 2), in quanta, over
    particles at x (3, N) in edges of the box."""
    ends = np.append(0, np.cumsum(_lengths(rows)))
    sums = np.zeros((int(ends[-1]), 2), np.int64)
    pieces = min(4 * team.threads, len(rows))
    edges = np.searchsorted(ends, np.linspace(0, ends[-1], pieces + 1))
    team.call(add_rows, [(*piece, rows, ends, fractions, sums) for piece in pairwise(edges.tolist())])
    return sums


@njit(cache=True, nogil=True)
def add_rows(
    begin: int, end: int, rows: Integers, ends: Integers, fractions: Floats, sums: Integers
) -> None:  # fmt: skip
    """Those of some of the rows."""
    highest = np.zeros(3, np.int64)
    for r in range(begin, end):
        for a, n in enumerate((rows[r, 0], abs(rows[r, 1]), max(abs(rows[r, 2]), abs(rows[r, 3])))):
            highest[a] = max(highest[a], n)
    ny_at, nz_at = highest[0] + 1, highest[0] + highest[1] + 2  # where the rows of these axes begin
    real = np.zeros((nz_at + highest[2] + 1, BLOCK))
    imaginary = np.zeros((nz_at + highest[2] + 1, BLOCK))
    x, y = np.empty(BLOCK), np.empty(BLOCK)
    magic = ROUND * QUANTUM
    offset = to_bits(magic)
    for first in range(0, fractions.shape[1], BLOCK):
        count = min(BLOCK, fractions.shape[1] - first)
        for a, at in enumerate((0, ny_at, nz_at)):
            _fill(real[at:], imaginary[at:], fractions[a, first : first + count], highest[a])
        for r in range(begin, end):
            nx, ny = rows[r, 0], ny_at + abs(rows[r, 1])
            sign = 1.0 if rows[r, 1] >= 0 else -1.0
            for i in range(BLOCK):
                c, s = real[ny, i], sign * imaginary[ny, i]
                x[i] = real[nx, i] * c - imaginary[nx, i] * s
                y[i] = real[nx, i] * s + imaginary[nx, i] * c
            for n in range(rows[r, 2], rows[r, 3] + 1):
                sign = 1.0 if n >= 0 else -1.0
                nz = nz_at + abs(n)
                high, low = 0, 0
                for i in range(BLOCK):
                    c, s = real[nz, i], sign * imaginary[nz, i]
                    high += to_bits((x[i] * c - y[i] * s) + magic) - offset
                    low += to_bits((x[i] * s + y[i] * c) + magic) - offset
                v = ends[r] + n - rows[r, 2]
                sums[v, 0] += high
                sums[v, 1] += low


@njit(inline="always")
def _fill(real: Floats, imaginary: Floats, fractions: Floats, highest: int) -> None:
    """exp(2 pi i n x), rows n from 0 on; 0 where there are no more particles."""
    real[: highest + 1] = 0.0
    imaginary[: highest + 1] = 0.0
    for i in range(len(fractions)):
        angle = 2 * math.pi * fractions[i]
        c, s = cos(angle), sin(angle)
        real[0, i] = 1.0
        for n in range(1, highest + 1):
            real[n, i] = real[n - 1, i] * c - imaginary[n - 1, i] * s
            imaginary[n, i] = real[n - 1, i] * s + imaginary[n - 1, i] * c
