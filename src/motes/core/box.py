"""The box: the piece of space that particles live in, and the grid that their coordinates lie on.

Every coordinate along an axis is a whole multiple of one power of two, the spacing. The sum and the difference of two
such numbers are exact in float64 while they stay below 2**53 spacings. So a displacement across the box, or to a
periodic image, is one number, whoever computes it: this is what makes a trajectory independent of threads and
ranks.

Beyond an open side particles may go on for REACH edges. As long as all of them stay within a few edges, the grid is as
fine as in a closed box; when one goes farther, all go over to a coarser one along open axes (see quanta.py).

The disadvantage: one spacing serves all edges, so a box cannot be billions of times longer than it is wide; a box far
away from zero pays for its origin with a coarser grid.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motes.core.checks import numbers
from motes.core.errors import InputError
from motes.core.frozen import Frozen, kept
from motes.core.words import known_keywords

BOUNDARIES = ("periodic", "open", "reflecting")
_KNOWN = ", ".join(BOUNDARIES)
AXES = "xyz"

Boundary = str | tuple[str, str]
"""One word for both sides of an axis, or two: of the lower and of the upper side."""

REACH = 1000.0
"""How many edges beyond an open side particles may be."""

# Twice the longest edge stays below this many spacings: headroom for x - y and x +- L, with a bit to spare.
_SPACINGS_IN_TWO_EDGES = 2.0**52
# User coordinates, origin + x, stay below this many spacings: every integer up to it is a float64.
_SPACINGS_TO_CORNER = 2.0**53
# Along an axis with an open side, coordinates stay below this many spacings, so differences below twice as many.
_SPACINGS_TO_PARTICLE = 2.0**52
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
        "periodic", "open" or "reflecting": one word for all axes, or one for each axis. Instead of a word, an axis may
        have two, ("reflecting", "open"): of its lower and of its upper side. Beyond an open side particles may go, or
        start, up to a thousand edges away.
    origin
        The lower corner, shape (d,); zeros by default.

    Lengths and origin are rounded to the grid, which changes them by less than one part in a million (for
    boxes of ordinary shape near the origin: one part in 10**15, or in 10**12 along an axis with an open side).

    Raises InputError if an edge is not a positive finite number, if edges differ so much in size (or lie so
    far from zero) that no grid of float64 numbers resolves them all, or for an unknown boundary.
    """

    _instead: ClassVar[str] = "a box does not change once made; make a new one: particles in it, or simulation.box = it"

    lengths: NDArray[np.float64]
    """Edges, shape (d,), read-only."""
    origin: NDArray[np.float64]
    """Lower corner, shape (d,), read-only."""
    boundary: tuple[Boundary, ...]
    """For each axis "periodic", "open", "reflecting", or two words, of the lower and of the upper side."""
    spacing: float
    """The distance of neighbouring grid points, a power of two."""
    far_spacing: NDArray[np.float64]
    """The same along each axis, shape (d,), once a particle is many edges beyond an open side."""
    sides: tuple[tuple[str, str], ...]
    """For each axis the words of its lower and its upper side."""
    opened: NDArray[np.bool_]
    """Which axes have an open side, shape (d,)."""
    walls: tuple[tuple[int, float, float], ...]
    """For each axis with a reflecting side: the axis and where its walls are, from the origin; infinity for none."""
    limits: tuple[NDArray[np.float64], NDArray[np.float64]]
    """The least and the largest coordinates from the origin that a particle can have, each (d,); infinite along
    periodic axes, where every coordinate has its image in the box."""

    @known_keywords
    def __init__(
        self, lengths: ArrayLike, boundary: str | Sequence[Any] = "periodic", origin: ArrayLike | None = None
    ) -> None:
        edges = _checked_lengths(lengths)
        corner = _checked_origin(origin, len(edges))
        self.boundary = _checked_boundary(boundary, len(edges))
        self.sides = sides_of(self.boundary)
        self.opened = kept(np.array(["open" in sides for sides in self.sides]))
        self.spacing = _grid_spacing(edges, corner)
        self.far_spacing = kept(np.where(self.opened, _far_spacing(edges, corner, self.spacing), self.spacing))
        self.lengths = kept(self._round(edges))
        self.origin = kept(self._round(corner))
        self.walls = _walls(self.sides, self.lengths.tolist())
        self.limits = _limits(self.sides, self.lengths)

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

    @property
    def Lx(self) -> float:  # noqa: N802  # as freud and HOOMD-blue call it
        """The edge along x: with Lx, Ly and Lz a box is one for freud, which takes it for periodic along all axes."""
        return float(self.lengths[0])

    @property
    def Ly(self) -> float:  # noqa: N802  # as Lx
        """The edge along y."""
        return float(self.lengths[1])

    @property
    def Lz(self) -> float:  # noqa: N802  # as Lx
        """The edge along z; 0 in two dimensions."""
        return float(self.lengths[2]) if self.dimensions == 3 else 0.0

    def spacing_for(self, farthest: NDArray[np.float64]) -> NDArray[np.float64]:
        """The grid, (d,), for particles whose coordinates from the origin have up to these sizes, (d,).

        It is fine along all axes, or coarse along all that have an open side.
        """
        near = farthest <= _SPACINGS_TO_PARTICLE * self.spacing
        fine = (near | ~self.opened).all()
        return np.full(self.dimensions, self.spacing) if fine else self.far_spacing

    def reach(self, spacing: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The limits, each (d,), as far as such a grid goes."""
        lower, upper = self.limits
        end = np.where(self.opened, _SPACINGS_TO_PARTICLE * spacing, np.inf)
        return np.maximum(lower, -end), np.minimum(upper, end)

    def snap(self, positions: ArrayLike) -> NDArray[np.float64]:
        """Internal coordinates: relative to the origin, rounded to the grid, wrapped on periodic axes.

        Takes and returns shape (N, d). On periodic axes the result lies in [0, length); on the others it is
        only rounded. Adding `origin` gives the user's coordinates back, exactly, for a point inside the box.

        Raises InputError for a coordinate that is not finite or too large to count in spacings.
        """
        relative = numbers("positions", positions) - self.origin
        farthest = np.abs(relative).reshape(-1, self.dimensions).max(axis=0, initial=0.0)
        spacing = self.spacing_for(farthest)
        with np.errstate(over="ignore"):  # an overflow becomes an infinity, which the next line reports
            multiples = np.rint(relative / spacing)
        if not np.isfinite(multiples).all():
            raise InputError("positions: expected finite coordinates of a size comparable with the box")
        for axis in np.flatnonzero(self.periodic):
            multiples[..., axis] = np.mod(multiples[..., axis], self.lengths[axis] / spacing[axis])
        # Adding zero turns -0.0 into 0.0, so that equal coordinates have equal bits.
        return multiples * spacing + 0.0

    def _round(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        # What is on the coarse grid is on the fine one as well.
        return np.rint(values / self.far_spacing) * self.far_spacing + 0.0

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


def sides_of(boundary: Sequence[Boundary]) -> tuple[tuple[str, str], ...]:
    """What the lower and the upper side of each axis are."""
    return tuple((word, word) if isinstance(word, str) else word for word in boundary)


def _checked_lengths(lengths: ArrayLike) -> NDArray[np.float64]:
    edges = numbers("box lengths", lengths)
    if edges.shape not in {(2,), (3,)}:
        raise InputError(
            f"box lengths: expected two or three edges, got an array of shape {edges.shape}; boxes are rectangular, "
            "and where one begins is its origin=..."
        )
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


def _checked_boundary(boundary: str | Sequence[Any], dimensions: int) -> tuple[Boundary, ...]:
    if not isinstance(boundary, Iterable):
        raise InputError(f"box boundary: expected {_KNOWN}, or one of them for each axis, got {boundary!r}")
    words = (boundary,) * dimensions if isinstance(boundary, str) else tuple(boundary)
    if len(words) != dimensions:
        raise InputError(f"box boundary: expected one word, or {dimensions} (one per axis), got {len(words)}")
    return tuple(_checked_sides(word) for word in words)


def _checked_sides(word: Any) -> Boundary:
    """One word if both sides of an axis are of a kind, else two."""
    sides = (word, word) if isinstance(word, str) else tuple(word) if isinstance(word, (list, tuple)) else (word,)
    for side in sides:
        if side not in BOUNDARIES:
            raise InputError(
                f"box boundary: expected {_KNOWN}, or one of them for each axis, as in "
                f"['periodic', 'periodic', 'open'], got {side!r}"
            )
    if len(sides) != 2:
        raise InputError(f"box boundary: expected one word for an axis, or two for its sides, got {list(sides)}")
    lower, upper = map(str, sides)
    if lower == upper:
        return lower
    if "periodic" in (lower, upper):
        raise InputError(f"box boundary: an axis is periodic at both sides or at none, got {[lower, upper]}")
    return lower, upper


def _walls(sides: Sequence[tuple[str, str]], lengths: Sequence[float]) -> tuple[tuple[int, float, float], ...]:
    return tuple(
        (axis, 0.0 if lower == "reflecting" else -math.inf, length if upper == "reflecting" else math.inf)
        for axis, ((lower, upper), length) in enumerate(zip(sides, lengths, strict=True))
        if "reflecting" in (lower, upper)
    )


def _limits(
    sides: Sequence[tuple[str, str]], lengths: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    least = {"periodic": -math.inf, "reflecting": 0.0, "open": -REACH}
    most = {"periodic": math.inf, "reflecting": 1.0, "open": 1.0 + REACH}
    factors = [(least[lower], most[upper]) for lower, upper in sides]
    lower, upper = (np.array(ends) * lengths for ends in zip(*factors, strict=True))
    return kept(lower), kept(upper)


def _far_spacing(lengths: NDArray[np.float64], origin: NDArray[np.float64], spacing: float) -> NDArray[np.float64]:
    """For each axis the power of two for which coordinates REACH edges away are exact."""
    farthest = np.abs(origin) + (REACH + 1.0) * lengths
    return np.maximum(2.0 ** np.ceil(np.log2(1.001 * farthest / _SPACINGS_TO_PARTICLE)), spacing)


def sphere(radius: float, dimensions: int) -> float:
    """The volume of a sphere, or the area of a disk."""
    return math.pi * radius**2 if dimensions == 2 else 4 / 3 * math.pi * radius**3


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
