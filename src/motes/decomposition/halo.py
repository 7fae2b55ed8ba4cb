"""Pack, unpack, shift: the compiled loops by which ghosts follow their particles.

Algorithm: of each face the indices of the particles are listed once, when lists are built; then loops copy what these
have, row by row, to the ghosts, or into a message, and add what ghosts gathered back, as whole numbers.

Invariant: a ghost has the numbers of its particle, positions shifted by a whole edge, which is exact on the grid.

A region sees only what lies beyond its *upper* sides: a pair belongs to the region in which both its lower coordinates
lie, whoever owns its particles (the eighth-shell rule of Bowers, Dror and Shaw, J. Phys. Conf. Ser. 16, 300, 2005), so
every pair has one region. That needs an eighth of the corners and half of the messages of a full halo; the price is
that ghosts meet ghosts, and that their forces travel back.
"""

from __future__ import annotations

import numpy as np

from motes.core.compiled import BEYOND, njit
from motes.core.state import Floats, Integers


@njit(cache=True, nogil=True)
def find_below(positions: Floats, axis: int, first: int, last: int, limit: float, indices: Integers) -> int:
    """Write those indices of first .. last - 1 that lie below limit along axis; return how many."""
    found = 0
    for i in range(first, last):
        indices[found] = i
        found += positions[axis, i] < limit
    return found


@njit(cache=True, nogil=True, returns=BEYOND, per_particle=True)
def count_beyond(begin: int, end: int, positions: Floats, axis: int, lower: float, upper: float) -> int:
    """How many coordinates along axis do not lie between lower and upper."""
    x, beyond = positions[axis, begin:end], 0
    for i in range(len(x)):
        beyond += not ((x[i] >= lower) & (x[i] <= upper))
    return beyond


@njit(cache=True, nogil=True)
def copy_shell(begin: int, end: int, rows: Floats, source: Integers, offset: int, axis: int, shift: float) -> None:
    """Ghosts take over what their particles have, shifted along axis if it is a position."""
    for a in range(rows.shape[0]):
        moved = shift if a == axis else 0.0
        x, indices, ghosts = rows[a], source[begin:end], rows[a, offset + begin : offset + end]
        for k in range(len(indices)):
            ghosts[k] = x[np.uint64(indices[k])] + moved


@njit(cache=True, nogil=True)
def fold_shell(begin: int, end: int, rows: Integers, source: Integers, offset: int) -> None:
    """Particles receive what their ghosts gathered."""
    for a in range(rows.shape[0]):
        f, indices, ghosts = rows[a], source[begin:end], rows[a, offset + begin : offset + end]
        for k in range(len(indices)):
            f[np.uint64(indices[k])] += ghosts[k]


@njit(cache=True, nogil=True)
def wrap(begin: int, end: int, positions: Floats, images: Integers, lengths: Floats, periodic: Integers) -> None:
    """Bring positions into the box along periodic axes, and count in images how far each has gone.

    All numbers lie on the grid and lengths are below half its range, so each sum is exact.
    """
    for a in range(positions.shape[0]):
        length = lengths[a]
        for i in range(begin, end):
            x = positions[a, i]
            if periodic[a]:
                while x < 0.0:
                    x += length
                    images[a, i] -= 1
                while x >= length:
                    x -= length
                    images[a, i] += 1
                positions[a, i] = x


@njit(cache=True, nogil=True)
def pack(begin: int, end: int, rows: Floats, source: Integers, axis: int, shift: float, leaving: Floats) -> None:
    """What particles have, as their ghosts elsewhere will have it."""
    indices = source[begin:end]
    for a in range(rows.shape[0]):
        moved = shift if a == axis else 0.0
        x, ghosts = rows[a], leaving[a, begin:end]
        for k in range(len(indices)):
            ghosts[k] = x[np.uint64(indices[k])] + moved


@njit(cache=True, nogil=True)
def copy_columns(begin: int, end: int, source: Floats, at: int, target: Floats, to: int) -> None:
    """Columns at + begin .. at + end - 1 of the one become columns to + begin .. of the other."""
    for a in range(source.shape[0]):
        target[a, to + begin : to + end] = source[a, at + begin : at + end]


@njit(cache=True, nogil=True)
def unpack_add(begin: int, end: int, arriving: Integers, source: Integers, rows: Integers) -> None:
    """Particles receive what their ghosts elsewhere gathered."""
    indices = source[begin:end]
    for a in range(rows.shape[0]):
        f, gathered = rows[a], arriving[a, begin:end]
        for k in range(len(indices)):
            f[np.uint64(indices[k])] += gathered[k]
