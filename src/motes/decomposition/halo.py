"""Pack, unpack, shift: the compiled loops by which ghosts follow their particles.

A shell is one transfer along one axis: ghost k of it is the particle at place source[k], moved up by shift. Shells
are built axis by axis, and a later one may take ghosts of an earlier one along, so edges and corners need no shells
of their own. A region sees only what lies beyond its *upper* sides: a pair belongs to the region in which both its
lower coordinates lie, whoever owns its particles (the eighth-shell rule), so every pair has one region. That needs
an eighth of the corners and half of the messages of a full halo; the price is that ghosts meet ghosts, and that
their forces travel back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from motes.state import Floats, Integers


@dataclass
class Shell:
    """Ghosts at places begin .. begin + len(source), all copied from distinct places of the state."""

    axis: int
    shift: float
    begin: int
    source: Integers


@njit(cache=True, nogil=True)
def find_below(positions: Floats, axis: int, count: int, limit: float, places: Integers) -> int:
    """Write the places of all particles that lie below limit along axis; return how many."""
    found = 0
    for i in range(count):
        places[found] = i
        found += positions[axis, i] < limit
    return found


@njit(cache=True, nogil=True)
def copy_shell(begin: int, end: int, positions: Floats, source: Integers, offset: int, axis: int, shift: float) -> None:
    """Ghosts take the positions of their particles."""
    for a in range(positions.shape[0]):
        moved = shift if a == axis else 0.0
        x, places, ghosts = positions[a], source[begin:end], positions[a, offset + begin : offset + end]
        for k in range(len(places)):
            ghosts[k] = x[np.uint64(places[k])] + moved


@njit(cache=True, nogil=True)
def fold_shell(begin: int, end: int, forces: Integers, source: Integers, offset: int) -> None:
    """Particles receive what their ghosts felt."""
    for a in range(forces.shape[0]):
        f, places, ghosts = forces[a], source[begin:end], forces[a, offset + begin : offset + end]
        for k in range(len(places)):
            f[np.uint64(places[k])] += ghosts[k]


@njit(cache=True, nogil=True)
def wrap(begin: int, end: int, positions: Floats, lengths: Floats, periodic: Integers, limit: float) -> int:
    """Bring positions into the box along periodic axes; return the place of one beyond limit elsewhere, or -1.

    All numbers lie on the grid and lengths are below half its range, so each sum is exact.
    """
    lost = -1
    for a in range(positions.shape[0]):
        length = lengths[a]
        for i in range(begin, end):
            x = positions[a, i]
            if periodic[a]:
                while x < 0.0:
                    x += length
                while x >= length:
                    x -= length
                positions[a, i] = x
            elif not (-limit < x < limit):
                lost = i
    return lost


def empty_places(count: int) -> Integers:
    """Room for count places."""
    return np.empty(count, np.int64)
