"""What a file holds, in the same form for every format, and how particles are made of it.

A reader says what it found; what the user asked for besides (another box, masses, two dimensions, no bonds) is dealt
with here, once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motes.core.box import AXES, Box
from motes.core.checks import whole_number
from motes.core.errors import InputError
from motes.core.streams import warn
from motes.particles.elements import MASSES, SYMBOLS
from motes.particles.particles import Particles, attribute_problem

ROUNDING = 4 * 2.0**-23
"""A tilt of so much of an edge is what rounding to float32 leaves of zero."""


class Edges(NamedTuple):
    """A box along three axes."""

    lengths: NDArray[np.float64]
    origin: NDArray[np.float64]
    boundary: tuple[Any, ...] | str = "periodic"


@dataclass
class Contents:
    """N particles in three dimensions as a file has them, columns in the order of its rows.

    Attributes:
        edges: None if the file has no box; `without_box` then says where and why.
        momenta: (N, 3), where there are these instead of velocities.
        mass: one for each particle; None if the file leaves it open, `without_mass` saying so if that is an error.
        atomic_numbers: (N,), if the types are these.
        attributes: by their names in the file, whether Particles can take these or not.
        topology: ids (M, k) of the bonds and angles of the file, and a label for each, (M,).
        tuples: how many of each other kind it has.
        dimensions: 2 for a flat world.
    """

    path: Path
    positions: NDArray[np.float64]
    edges: Edges | None
    without_box: str = ""
    velocities: NDArray[np.float64] | None = None
    momenta: NDArray[np.float64] | None = None
    mass: NDArray[np.float64] | None = None
    without_mass: str = ""
    types: NDArray[Any] | None = None
    atomic_numbers: NDArray[np.int64] | None = None
    ids: NDArray[np.int64] | None = None
    images: NDArray[np.int64] | None = None
    attributes: dict[str, NDArray[Any]] = field(default_factory=dict)
    topology: dict[str, tuple[NDArray[np.int64], NDArray[Any]]] = field(default_factory=dict)
    tuples: dict[str, int] = field(default_factory=dict)
    dimensions: int = 3
    step: int = 0
    time: float = 0.0


@dataclass(frozen=True)
class Wishes:
    """What the user asked for besides what the file says; see `motes.read`."""

    box: Box | None = None
    boundary: Any = None
    mass: float | Mapping[Any, float] | str | None = None
    dimensions: int | None = None
    bonds: str | None = None

    def check(self) -> None:
        """Raise an InputError for what can be no wish, before a file is read."""
        if self.box is not None and self.boundary is not None:
            raise InputError("expected either a box, which has its own boundary, or a boundary, got both")
        if self.dimensions is not None and whole_number("dimensions", self.dimensions, minimum=2) > 3:
            raise InputError(f"expected 2 or 3 dimensions, got {self.dimensions}")
        if self.bonds not in (None, "ignore"):
            raise InputError(f'bonds: expected "ignore", or nothing, got {self.bonds!r}')


def particles_of(contents: Contents, wishes: Wishes) -> Particles:
    """The particles of a file. Raises InputError for what cannot be simulated, or is not said."""
    _refuse_bonds(contents, wishes)
    box = wishes.box or _box(contents, wishes)
    axes = slice(box.dimensions)
    mass = _mass(contents, wishes)
    particles = Particles(
        contents.positions[:, axes],
        box,
        velocities=None if contents.velocities is None else contents.velocities[:, axes],
        mass=1.0 if mass is None else mass,
        types=contents.types,
        ids=contents.ids,
        images=_images(contents, box),
        **_tuples(contents, wishes),
        **_attributes(contents),
    )
    if contents.momenta is not None and contents.velocities is None:
        if mass is None and contents.momenta.any():
            raise InputError('there are momenta and no masses; give mass=..., such as mass="elements"')
        particles.velocities = contents.momenta[:, axes] / particles.mass[:, None]
    particles.step, particles.time = contents.step, contents.time
    _warn_of_flat(contents, particles)
    return particles


def _refuse_bonds(contents: Contents, wishes: Wishes) -> None:
    found = [f"{count} {name}" for name, count in contents.tuples.items() if count]
    if found and wishes.bonds is None:
        raise InputError(
            f"there are {' and '.join(found)} between the particles, which Motes does not know; "
            'say bonds="ignore" to read the particles without them, and without bonds and angles'
        )


def _tuples(contents: Contents, wishes: Wishes) -> dict[str, NDArray[Any]]:
    """Bonds and angles, unless they are not wanted."""
    if wishes.bonds == "ignore":
        return {}
    found: dict[str, NDArray[Any]] = {}
    for kind, (members, labels) in contents.topology.items():
        found |= {kind: members, f"{kind.removesuffix('s')}_types": labels}
    return found


def _box(contents: Contents, wishes: Wishes) -> Box:
    if contents.edges is None:
        raise InputError(contents.without_box)
    lengths, origin, boundary = contents.edges
    axes = slice(wishes.dimensions or contents.dimensions)
    if wishes.boundary is not None:
        boundary = wishes.boundary
    elif not isinstance(boundary, str):
        boundary = boundary[axes]
    return Box(lengths[axes], boundary=boundary, origin=origin[axes])


def _mass(contents: Contents, wishes: Wishes) -> Any:
    if contents.mass is not None:
        if wishes.mass is not None:
            raise InputError("the file has masses of its own; leave out the option mass")
        return contents.mass
    if wishes.mass is None and contents.without_mass:
        raise InputError(contents.without_mass)
    if wishes.mass == "elements" and contents.atomic_numbers is not None:
        numbers = contents.atomic_numbers
        if numbers.min() < 1 or numbers.max() >= len(SYMBOLS):
            raise InputError(
                f"expected atomic numbers from 1 to {len(SYMBOLS) - 1}, got {numbers.min()} to {numbers.max()}"
            )
        return np.array([0.0, *MASSES.values()])[numbers]
    return wishes.mass


def _images(contents: Contents, box: Box) -> NDArray[np.int64] | None:
    """Images that are right in this box: along its periodic edges, if these are those of the file."""
    if contents.images is None:
        return None
    images = contents.images[:, : box.dimensions]
    same = box.periodic
    if contents.edges is not None:
        lengths = contents.edges.lengths[: box.dimensions]
        same = same & (np.abs(box.lengths - lengths) <= ROUNDING * box.lengths)
    lost = np.flatnonzero(~same & images.any(axis=0))
    if len(lost):
        along = " and ".join(AXES[axis] for axis in lost)
        warn(
            f"{contents.path}: images along {along} are left out: "
            "the box is not periodic there, or not that of the file"
        )
    return np.where(same, images, 0)


def _attributes(contents: Contents) -> dict[str, NDArray[Any]]:
    """Those that particles can have. Others are left out, with a word."""
    kept = {}
    for name, values in contents.attributes.items():
        problem = attribute_problem(name)
        if problem:
            warn(f"{contents.path}: the column {name!r} is left out: {problem}")
        else:
            kept[name] = values
    return kept


def _warn_of_flat(contents: Contents, particles: Particles) -> None:
    """A plane of particles in a thin periodic box feels its own images: that is how LAMMPS writes two dimensions."""
    box = particles.box
    if box.dimensions == 3 and box.periodic[2] and not np.ptp(contents.positions[:, 2]):
        across = float(box.lengths[2])
        if 2 * across < float(box.lengths[:2].min()):
            warn(
                f"{contents.path}: all particles lie in one plane, and the box is only {across:g} deep and periodic "
                "there, so that they meet their own images; for a world of two dimensions say dimensions=2"
            )
