"""Particles made from a few numbers: a lattice, or random positions."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motes.core.box import Box
from motes.core.checks import number, random_generator, require_memory, whole_number
from motes.core.errors import InputError
from motes.core.words import known_keywords
from motes.exact.noise import check_seed
from motes.particles.particles import Particles
from motes.particles.recipes import Lattice, Recipe, Scatter

# The densest packing of equal disks and spheres: no arrangement covers a larger fraction of space.
_DENSEST_PACKING = {2: math.pi / math.sqrt(12), 3: math.pi / math.sqrt(18)}
# So many random positions in a row without room mean that the box is full: then about a ten-thousandth is free.
_MISSES_ALLOWED = 10_000
# So many on average mean that it is nearly full: what still fits would take ever longer to find.
_TRIALS_ALLOWED = 200
# More cells along an axis would not make them emptier.
_MOST_CELLS = 2**20
_POSITIONS_AT_ONCE = 4096
_REMEDY = "give fewer particles, a smaller distance or a larger box"

Coordinates = tuple[float, ...]
Cell = tuple[int, ...]


@known_keywords
def fcc(
    cells: int | tuple[int, int, int],
    density: float,
    *,
    temperature: float | None = None,
    seed: int | None = None,
    mass: Any = 1.0,
    **attributes: Any,
) -> Particles:
    """A face-centred cubic lattice that fills a periodic box in three dimensions.

    The box edge along an axis is cells * (4 / density)**(1/3), and there are four particles in each cell.
    Their order is the one in which LAMMPS creates atoms: the four of a cell together, then cell after cell
    with x fastest.

    Parameters
    ----------
    cells
        Cells along each axis, or one number for all three.
    density
        Particles per volume.
    temperature, seed
        If given, both: random velocities, as `Particles.thermalize` makes them. Without them all particles
        rest.
    mass, **attributes
        Handed on to `Particles`.
    """
    counts = _cell_counts(cells)
    edge = (4.0 / number("density", density, above=0.0)) ** (1.0 / 3.0)
    if (temperature is None) != (seed is None):
        raise InputError("fcc: expected temperature and seed together, or neither, got only one of them")
    total = 4 * counts[0] * counts[1] * counts[2]
    require_memory("fcc", total)
    box = Box([count * edge for count in counts])
    particles = _from_recipe(Lattice(box, total, cells=counts, edge=edge), mass, attributes)
    if temperature is not None and seed is not None:
        particles.thermalize(temperature, seed)
    return particles


@known_keywords
def random(
    count: int,
    box: Box,
    seed: int,
    *,
    minimum_distance: float | None = None,
    temperature: float | None = None,
    mass: Any = 1.0,
    **attributes: Any,
) -> Particles:
    """Particles at random positions in a box, spread evenly.

    With `minimum_distance`, particles are put in one after the other (random sequential insertion): each
    takes the first random position that is at least this far from all particles before it. Such a filling stops
    at about 38 % of the volume for spheres of this diameter, 55 % of the area for disks, and becomes slow a
    little below; start from a lattice for anything denser. It takes some 10 microseconds for each position tried.

    Parameters
    ----------
    count
        How many particles.
    box
        Where; distances go through its periodic sides.
    seed
        A whole number >= 0; the same seed gives the same positions, and the same velocities.
    minimum_distance
        The smallest distance of two particles, in the unit of the box's lengths.
    temperature
        If given, velocities are random as well, as `Particles.thermalize` makes them. Without it all particles rest.
    mass, **attributes
        Handed on to `Particles`.

    Raises InputError if the particles cannot fit in the box, or their number not in the memory of this machine; and if
    10,000 random positions in a row had no room, or 200 for each particle on average.
    """
    if not isinstance(box, Box):
        raise InputError(f"box: expected a motes.Box, got {type(box).__name__}")
    count = whole_number("count", count, minimum=1)
    require_memory("random", count)
    if minimum_distance is None:
        particles = _from_recipe(Scatter(box, count, positions_seed=check_seed(seed)), mass, attributes)
    else:
        distance = number("minimum_distance", minimum_distance, above=0.0)
        _check_room(count, box, distance)
        positions = _insert(count, box, distance, random_generator(seed))
        particles = Particles(positions + box.origin, box, mass=mass, **attributes)
    if temperature is not None:
        particles.thermalize(temperature, seed)
    return particles


def _from_recipe(recipe: Recipe, mass: Any, attributes: dict[str, Any]) -> Particles:
    """Particles that every rank can make its part of; arrays of mass or attributes have to be held, though."""
    if all(isinstance(value, float | int) and not isinstance(value, bool) for value in [mass, *attributes.values()]):
        single = Particles(
            np.zeros((1, recipe.box.dimensions)) + recipe.box.origin, recipe.box, mass=mass, **attributes
        )
        values = {name: float(column[0]) for name, column in single.attributes.items()}
        return Particles.from_recipe(replace(recipe, mass=float(single.mass[0]), attributes=values))
    positions = recipe.positions(np.arange(recipe.count))
    return Particles(positions + recipe.box.origin, recipe.box, mass=mass, **attributes)


def _cell_counts(cells: int | tuple[int, int, int]) -> tuple[int, int, int]:
    counts = cells if isinstance(cells, tuple | list | np.ndarray) and np.ndim(cells) == 1 else (cells,) * 3
    if len(counts) != 3:
        raise InputError(f"cells: expected one whole number or three, got {len(counts)}")
    x, y, z = (whole_number("cells", count, minimum=1) for count in counts)
    return x, y, z


def _check_room(count: int, box: Box, distance: float) -> None:
    """Refuse what no arrangement can do, before any position is tried."""
    if (box.lengths[box.periodic] < distance).any():
        raise InputError(
            f"minimum_distance: {distance:g} is longer than a periodic edge of {box!r}: "
            "a particle would be too near to its own image"
        )
    # Centres may lie on an open side, so there half a sphere sticks out at either end.
    edges = np.where(box.periodic, box.lengths, box.lengths + distance)
    sphere_in_cube, densest = math.pi / (2 * box.dimensions), _DENSEST_PACKING[box.dimensions]
    fraction = count * sphere_in_cube * math.prod((distance / edges).tolist())
    if fraction > densest * (1 + 1e-9):
        raise InputError(
            f"random: {count} particles at a minimum_distance of {distance:g} would take {fraction:.0%} of "
            f"the box, and the densest packing takes {densest:.0%}; {_REMEDY}"
        )


def _insert(count: int, box: Box, distance: float, generator: np.random.Generator) -> NDArray[np.float64]:
    """Internal coordinates, shape (count, d), no two nearer than distance.

    The particles are filed by cells that are no narrower than the distance, so whatever is too near to a
    position is in the position's own cell or one beside it. A dictionary keeps only the cells in use: a short
    distance in a large box costs no memory.
    """
    counts = [max(int(min(length // distance, _MOST_CELLS)), 1) for length in box.lengths.tolist()]
    widths = [length / number_of_cells for length, number_of_cells in zip(box.lengths.tolist(), counts, strict=True)]
    periodic = box.periodic.tolist()
    # The remainder by an infinite period is the number itself, so open axes need no branch.
    periods = np.where(box.periodic, box.lengths, math.inf).tolist()
    occupants: defaultdict[Cell, list[Coordinates]] = defaultdict(list)
    accepted: list[Coordinates] = []
    misses = 0
    for trial, position in enumerate(_random_positions(box, generator)):
        cell = tuple(min(int(x / w), n - 1) for x, w, n in zip(position, widths, counts, strict=True))
        nearby = itertools.chain.from_iterable(
            occupants[other] for other in _cells_around(cell, counts, periodic) if other in occupants
        )
        if any(_squared_distance(position, other, periods) < distance * distance for other in nearby):
            misses += 1
        else:
            occupants[cell].append(position)
            accepted.append(position)
            misses = 0
        if len(accepted) == count:
            break
        if misses == _MISSES_ALLOWED or trial == _MISSES_ALLOWED + _TRIALS_ALLOWED * count:
            raise InputError(
                f"random: {len(accepted)} of {count} particles fit at a minimum_distance of {distance:g}, then there "
                f"was no room at {misses} random positions in a row, and at {trial + 1 - len(accepted)} in all; "
                f"{_REMEDY}"
            )
    return np.array(accepted)


def _random_positions(box: Box, generator: np.random.Generator) -> Iterator[Coordinates]:
    """Internal coordinates without end, drawn many at a time because a single draw is slow."""
    while True:
        drawn = generator.random((_POSITIONS_AT_ONCE, box.dimensions)) * box.lengths
        yield from map(tuple, box.snap(box.origin + drawn).tolist())


def _cells_around(cell: Cell, counts: list[int], periodic: list[bool]) -> Iterator[Cell]:
    """The cell and those beside it, each once, also where a row of fewer than three wraps onto itself."""
    rows = []
    for index, count, wraps in zip(cell, counts, periodic, strict=True):
        row = (index - 1, index, index + 1)
        rows.append({i % count for i in row} if wraps else row)
    return itertools.product(*rows)


def _squared_distance(a: Coordinates, b: Coordinates, periods: list[float]) -> float:
    """To the nearest image: math.remainder leaves at most half a period, either way."""
    return sum(math.remainder(x - y, period) ** 2 for x, y, period in zip(a, b, periods, strict=True))
