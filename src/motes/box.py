"""The box: the piece of space that particles live in, and the grid that their coordinates lie on.

Every coordinate is a whole multiple of one power of two, the spacing. The sum and the difference of two such
numbers are exact in float64 while they stay below 2**53 spacings. So a displacement across the box, or to a
periodic image, is one number, whoever computes it: this is what makes a trajectory independent of threads and
ranks.

The disadvantage: one spacing serves all edges, so a box cannot be billions of times longer than it is wide,
and a box far away from zero pays for its origin with a coarser grid.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motes.checks import numbers
from motes.errors import InputError
from motes.frozen import Frozen, kept
from motes.words import known_keywords

BOUNDARIES = ("periodic", "open", "reflecting")
AXES = "xyz"

# Twice the longest edge stays below this many spacings: headroom for x - y and x +- L, with a bit to spare.
_SPACINGS_IN_TWO_EDGES = 2.0**52
# User coordinates, origin + x, stay below this many spacings: every integer up to it is a float64.
_SPACINGS_TO_CORNER = 2.0**53
# A shorter edge would be changed by more than a millionth when it is rounded to the grid.
_FEWEST_SPACINGS_IN_EDGE = 2.0**20
# Edges between these keep the volume, and squares of distances, well inside float64.
_SHORTEST_EDGE, _LONGEST_EDGE = 2.0**-250, 2.0**250


class Box(Frozen):
    """An orthogonal box in two or three dimensions. It does not change once made.

    Parameters
    ----------
    lengths
        The edges, shape (2,) or (3,), positive, in the user's length unit. Two lengths make a 2D world.
    boundary
        "periodic", "open" or "reflecting": one word for all axes, or one word per axis.
    origin
        The lower corner, shape (d,); zeros by default.

    Lengths and origin are rounded to the grid, which changes them by less than one part in a million (for
    boxes of ordinary shape near the origin: one part in 10**15).

    Raises InputError if an edge is not a positive finite number, if edges differ so much in size (or lie so
    far from zero) that no grid of float64 numbers resolves them all, or for an unknown boundary.
    """

    _instead: ClassVar[str] = "a box does not change once made; make a new one, and particles in it"

    lengths: NDArray[np.float64]
    """Edges, shape (d,), read-only."""
    origin: NDArray[np.float64]
    """Lower corner, shape (d,), read-only."""
    boundary: tuple[str, ...]
    """One of "periodic", "open", "reflecting" per axis."""
    spacing: float
    """The distance of neighbouring grid points, a power of two."""

    @known_keywords
    def __init__(
        self, lengths: ArrayLike, boundary: str | Sequence[str] = "periodic", origin: ArrayLike | None = None
    ) -> None:
        edges = _checked_lengths(lengths)
        corner = _checked_origin(origin, len(edges))
        self.boundary = _checked_boundary(boundary, len(edges))
        self.spacing = _grid_spacing(edges, corner)
        self.lengths = kept(self._round(edges))
        self.origin = kept(self._round(corner))

    @property
    def dimensions(self) -> int:
        """2 or 3."""
        return len(self.lengths)

    @property
    def volume(self) -> float:
        """The volume; in two dimensions, the area."""
        return float(math.prod(self.lengths.tolist()))

    @property
    def periodic(self) -> NDArray[np.bool_]:
        """Which axes are periodic, shape (d,)."""
        return np.array([word == "periodic" for word in self.boundary])

    def snap(self, positions: ArrayLike) -> NDArray[np.float64]:
        """Internal coordinates: relative to the origin, rounded to the grid, wrapped on periodic axes.

        Takes and returns shape (N, d). On periodic axes the result lies in [0, length); on the others it is
        only rounded. Adding `origin` gives the user's coordinates back, exactly, for a point inside the box.

        Raises InputError for a coordinate that is not finite or too large to count in spacings.
        """
        relative = numbers("positions", positions) - self.origin
        with np.errstate(over="ignore"):  # an overflow becomes an infinity, which the next line reports
            multiples = np.rint(relative / self.spacing)
        if not np.isfinite(multiples).all():
            raise InputError("positions: expected finite coordinates of a size comparable with the box")
        for axis in np.flatnonzero(self.periodic):
            multiples[..., axis] = np.mod(multiples[..., axis], self.lengths[axis] / self.spacing)
        # Adding zero turns -0.0 into 0.0, so that equal coordinates have equal bits.
        return multiples * self.spacing + 0.0

    def _round(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.rint(values / self.spacing) * self.spacing + 0.0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Box) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[Any, ...]:
        return (*self.lengths.tolist(), *self.origin.tolist(), *self.boundary)

    def __repr__(self) -> str:
        same = len(set(self.boundary)) == 1
        boundary = self.boundary[0] if same else self.boundary
        return f"Box({self.lengths.tolist()}, boundary={boundary!r}, origin={self.origin.tolist()})"


def _checked_lengths(lengths: ArrayLike) -> NDArray[np.float64]:
    edges = numbers("box lengths", lengths)
    if edges.shape not in {(2,), (3,)}:
        raise InputError(f"box lengths: expected two or three edges, got an array of shape {edges.shape}")
    if not (edges > 0).all() or not np.isfinite(edges).all():
        raise InputError(f"box lengths: expected positive finite edges, got {edges.tolist()}")
    if edges.min() < _SHORTEST_EDGE or edges.max() > _LONGEST_EDGE:
        raise InputError(
            f"box lengths: expected edges between {_SHORTEST_EDGE:.0e} and {_LONGEST_EDGE:.0e}, got {edges.tolist()}"
        )
    return edges


def _checked_origin(origin: ArrayLike | None, dimensions: int) -> NDArray[np.float64]:
    if origin is None:
        return np.zeros(dimensions)
    corner = numbers("box origin", origin)
    if corner.shape != (dimensions,):
        raise InputError(f"box origin: expected {dimensions} numbers as for lengths, got shape {corner.shape}")
    if not (np.abs(corner) <= _LONGEST_EDGE).all():  # NaN fails as well
        raise InputError(f"box origin: expected numbers up to {_LONGEST_EDGE:.0e}, got {corner.tolist()}")
    return corner


def _checked_boundary(boundary: str | Sequence[str], dimensions: int) -> tuple[str, ...]:
    words = (boundary,) * dimensions if isinstance(boundary, str) else tuple(boundary)
    if len(words) != dimensions:
        raise InputError(f"box boundary: expected one word, or {dimensions} (one per axis), got {len(words)}")
    for word in words:
        if word not in BOUNDARIES:
            raise InputError(f"box boundary: expected one of {', '.join(BOUNDARIES)}, got {word!r}")
    return tuple(str(word) for word in words)


def _grid_spacing(lengths: NDArray[np.float64], origin: NDArray[np.float64]) -> float:
    """The smallest power of two for which all coordinates, and differences of two of them, are exact."""
    longest = float(lengths.max())
    farthest = float(np.maximum(np.abs(origin), np.abs(origin + lengths)).max())
    spacing = math.ldexp(1.0, math.frexp(longest)[1] - 51)
    # Double it if rounding lifts an edge to the bound, or if the far corner, two rounded numbers, needs it.
    while 2 * round(longest / spacing) >= _SPACINGS_IN_TWO_EDGES or round(farthest / spacing) + 2 > _SPACINGS_TO_CORNER:
        spacing *= 2
    shortest = float(lengths.min())
    if shortest < _FEWEST_SPACINGS_IN_EDGE * spacing:
        raise InputError(
            f"box lengths: an edge of {shortest:g} is too short to resolve beside an edge of {longest:g} "
            f"in a box that reaches {farthest:g} from zero; float64 numbers need them closer in size"
        )
    return spacing
