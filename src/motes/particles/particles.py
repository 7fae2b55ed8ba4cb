"""The particles of a run before it begins: arrays in the user's order, checked once, here."""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motes.core.box import AXES, Box
from motes.core.checks import LARGEST, SMALLEST, number, numbers, rectangular
from motes.core.errors import InputError
from motes.core.frozen import FrozenMapping, check_assignable
from motes.core.state import FROZEN, MOST_IMAGES
from motes.core.tuples import WIDTHS, Label, Topology, Tuples, require_tuples
from motes.core.words import known_keywords, warn_of_absent
from motes.exact.noise import check_seed
from motes.particles.elements import MASSES
from motes.particles.recipes import Recipe, thermal_velocities

# Arguments of a user's function are matched by name, and these names already mean something there.
RESERVED_NAMES = ("x", "y", "z", "t", "r", "id", "type", "forces")
# These mean something in the state of a run.
_OWN_NAMES = ("self", "box", "positions", "velocities", "mass", "types", "ids", "images", "step", "time",
              "bonds", "bond_types", "angles", "angle_types")  # fmt: skip
_VELOCITIES = "give velocities=..., or call particles.thermalize(temperature, seed)"
# These are said elsewhere, and what is meant by them must not vanish in an attribute.
_ELSEWHERE = {
    **dict.fromkeys(("temperature", "kT", "kBT", "momenta", "momentum"), _VELOCITIES),
    **dict.fromkeys(("seed", "rng"), "a seed is given to what draws numbers"),
    **dict.fromkeys(("dt", "timestep"), "the time step is that of an integrator"),
    **dict.fromkeys(("pos", "coordinates"), "positions come first"),
    **dict.fromkeys(
        ("dihedrals", "dihedral_types", "impropers", "improper_types"), "Motes knows bonds and angles, and no more yet"
    ),
    "density": "it follows from positions and box",
    "charges": "one attribute of each particle is called charge",
    "diameters": "one attribute of each particle is called diameter",
}
DEFAULT_TYPE = "A"


@dataclass
class _Columns:
    ids: NDArray[np.int64]
    positions: NDArray[np.float64]
    images: NDArray[np.int64]
    velocities: NDArray[np.float64]
    mass: NDArray[np.float64]
    types: NDArray[np.int64]
    attributes: dict[str, NDArray[np.float64]]
    topology: dict[str, Tuples]


Scalar = TypeVar("Scalar", bound=np.generic)


def attribute_problem(name: str) -> str:
    """Why an attribute cannot have this name; empty if it can."""
    if not name.isidentifier() or keyword.iskeyword(name):
        return "expected a name that Python accepts for an argument"
    if name.startswith("motes_"):
        return "names that begin with motes_ are Motes's own"
    if name in _ELSEWHERE:
        return f"this is no number of a particle here: {_ELSEWHERE[name]}"
    if name in RESERVED_NAMES or name in _OWN_NAMES:
        return f"this name is taken (as are {', '.join(RESERVED_NAMES)})"
    return ""


class Particles:
    """N particles in a box. The input's order is kept.

    Parameters
    ----------
    positions
        Shape (N, d), in the box's coordinates. They are rounded to the box's grid, and wrapped into the box
        along periodic axes; beyond a reflecting side they are refused, beyond an open one they may lie up to
        1,000 edges away.
    box
        The Box, of the same dimension d.
    velocities
        Shape (N, d); zeros by default.
    mass
        One number, or shape (N,), or one number by type, such as {"A": 1.0, "B": 2.5}; positive. "elements" gives
        types that are named by chemical symbols their standard atomic weights.
    types
        Labels, all of them integers or all of them text: one, or shape (N,). "A" by default.
    ids
        Unique integers >= 0, shape (N,); 0 .. N-1 by default. Results of a run come in the order of ids.
    images
        Integers, shape (N, d): how many edges of the box each particle has left behind along periodic axes. Zeros by
        default. Unwrapped it is at positions + images * box.lengths, also where it is wrapped here or in a run.
    bonds
        Pairs of ids, shape (B, 2): which particles are bonded. What that means, a `motes.Bond` says.
    bond_types
        Labels, all of them integers or all of them text: one, or shape (B,). "A" by default.
    angles
        Ids, shape (A, 3): the particle in the middle is the corner.
    angle_types
        As bond_types.
    **attributes
        Further numbers of each particle (a charge, a diameter): one, or shape (N,). One has a meaning of its own: those
        for which `frozen` is 1 never move, those for which it is 0 do.

    All arrays are read-only; assign to `velocities` to replace them all. Units are the user's own consistent
    set.

    Raises InputError, naming the first particle concerned, for what cannot be simulated: NaN or infinity,
    shapes that differ, a particle outside a box that is not periodic, a mass <= 0, an id that occurs twice.
    """

    box: Box
    type_names: tuple[int, ...] | tuple[str, ...]
    """The labels that occur, sorted."""
    step: int = 0
    """Of a snapshot: the step at which it was taken."""
    time: float = 0.0
    """Of a snapshot: the time at which it was taken."""

    @known_keywords
    def __init__(
        self,
        positions: ArrayLike,
        box: Box,
        velocities: ArrayLike | None = None,
        mass: ArrayLike | Mapping[Any, float] | str = 1.0,
        types: ArrayLike | None = None,
        ids: ArrayLike | None = None,
        images: ArrayLike | None = None,
        bonds: ArrayLike | None = None,
        bond_types: ArrayLike | None = None,
        angles: ArrayLike | None = None,
        angle_types: ArrayLike | None = None,
        **attributes: ArrayLike,
    ) -> None:
        if not isinstance(box, Box):
            raise InputError(f"box: expected a motes.Box, got {type(box).__name__}")
        self.box = box
        self._recipe: Recipe | None = None
        given = _checked_shape(numbers("positions", positions), box.dimensions)
        names = _checked_ids(ids, len(given))
        codes, self.type_names = _coded_types(types, len(given))
        counted = _checked_images(images, given.shape)
        columns = _Columns(names, given, counted, _read_only(np.zeros_like(given)), np.ones(len(given)), codes, {}, {})
        self._columns: _Columns | None = columns
        self._require(np.isfinite(given), "positions", given, "finite coordinates")
        columns.positions = _read_only(self._inside(given))
        columns.images = _read_only(self._counted(counted, given))
        columns.mass = self._per_particle("mass", self._masses(mass))
        self._require(self.mass > 0, "mass", self.mass, "a positive mass")
        sound = (self.mass >= SMALLEST) & (self.mass <= LARGEST)
        self._require(sound, "mass", self.mass, f"a mass from {SMALLEST:.0e} to {LARGEST:.0e}")
        columns.topology = {
            "bonds": _tuples("bonds", bonds, bond_types, names),
            "angles": _tuples("angles", angles, angle_types, names),
        }
        columns.attributes = {name: self._attribute(name, values) for name, values in attributes.items()}
        if velocities is not None:
            self.velocities = velocities

    @classmethod
    def from_recipe(cls, recipe: Recipe) -> Particles:
        """Particles whose arrays are made only when someone reads them; a run makes them where they are needed."""
        particles = cls.__new__(cls)  # nothing is given that would have to be checked
        particles.box = recipe.box
        particles._recipe = recipe
        particles._columns = None
        particles.type_names = (DEFAULT_TYPE,)
        return particles

    def __setattr__(self, name: str, value: Any) -> None:
        if name in vars(self) or name not in type(self).__annotations__:
            check_assignable(self, name, "of Particles only velocities can be assigned; make new ones for all else")
        super().__setattr__(name, value)

    @property
    def recipe(self) -> Recipe | None:
        """How to make these particles, if a few numbers give them: their arrays are then made when read."""
        return self._recipe

    @property
    def _made(self) -> _Columns:
        """The arrays, made now if there is only a recipe."""
        if self._columns is None:
            recipe = self.recipe
            if recipe is None:
                raise RuntimeError("particles have neither arrays nor a recipe: a fault of Motes")
            ids = np.arange(recipe.count)
            self._columns = _Columns(
                _read_only(ids),
                _read_only(recipe.positions(ids) + recipe.box.origin),
                _read_only(np.zeros((recipe.count, recipe.box.dimensions), np.int64)),
                _read_only(recipe.velocities(ids, lambda values: values)),
                _read_only(np.full(recipe.count, recipe.mass)),
                _read_only(np.zeros(recipe.count, np.int64)),
                {name: _read_only(np.full(recipe.count, value)) for name, value in recipe.attributes.items()},
                {kind: Tuples.none(kind) for kind in WIDTHS},
            )
        return self._columns

    @property
    def ids(self) -> NDArray[np.int64]:
        """Shape (N,)."""
        return self._made.ids

    @property
    def positions(self) -> NDArray[np.float64]:
        """Shape (N, d): the user's coordinates, on the grid, inside the box."""
        return self._made.positions

    @property
    def images(self) -> NDArray[np.int64]:
        """Shape (N, d): edges of the box left behind, so that positions + images * box.lengths are not wrapped."""
        return self._made.images

    @property
    def mass(self) -> NDArray[np.float64]:
        """Shape (N,)."""
        return self._made.mass

    @property
    def types(self) -> NDArray[np.int64]:
        """Shape (N,): indices into `type_names`."""
        return self._made.types

    @property
    def attributes(self) -> Mapping[str, NDArray[np.float64]]:
        """Arrays of shape (N,) by name."""
        return FrozenMapping(self._made.attributes, "attributes are given to Particles(..., name=values)")

    @property
    def mobile(self) -> NDArray[np.bool_]:
        """Shape (N,): which particles move, all but those whose attribute `frozen` is 1."""
        attributes = self._made.attributes
        return attributes[FROZEN] == 0.0 if FROZEN in attributes else np.ones(len(self), bool)

    @property
    def topology(self) -> Topology:
        """Bonds and angles with their types and the labels of these, by their kind."""
        if self.recipe is not None:
            return {kind: Tuples.none(kind) for kind in WIDTHS}
        return self._made.topology

    @property
    def bonds(self) -> NDArray[np.int64]:
        """Shape (B, 2): pairs of ids."""
        return self.topology["bonds"].members

    @property
    def bond_types(self) -> NDArray[np.int64]:
        """Shape (B,): indices into `bond_type_names`."""
        return self.topology["bonds"].types

    @property
    def bond_type_names(self) -> tuple[Label, ...]:
        """The labels that occur, sorted."""
        return self.topology["bonds"].names

    @property
    def angles(self) -> NDArray[np.int64]:
        """Shape (A, 3): ids, the corner in the middle."""
        return self.topology["angles"].members

    @property
    def angle_types(self) -> NDArray[np.int64]:
        """Shape (A,): indices into `angle_type_names`."""
        return self.topology["angles"].types

    @property
    def angle_type_names(self) -> tuple[Label, ...]:
        """The labels that occur, sorted."""
        return self.topology["angles"].names

    def __len__(self) -> int:
        return len(self._made.ids) if self.recipe is None else self.recipe.count

    def __repr__(self) -> str:
        return f"<Particles: {len(self)} of types {', '.join(map(str, self.type_names))} in {self.box!r}>"

    @property
    def density(self) -> float:
        """Particles per volume of the box (per area in two dimensions)."""
        return len(self) / self.box.volume

    @property
    def velocities(self) -> NDArray[np.float64]:
        """Shape (N, d); to be assigned as a whole."""
        return self._made.velocities

    @velocities.setter
    def velocities(self, values: ArrayLike) -> None:
        array = numbers("velocities", values)
        if array.shape != self.positions.shape:
            raise InputError(f"velocities: expected shape {self.positions.shape} as positions, got {array.shape}")
        self._require(np.isfinite(array), "velocities", array, "finite components")
        self._require(np.abs(array) <= LARGEST, "velocities", array, f"components up to {LARGEST:.0e}")
        at_rest = self.mobile[:, None] | (array == 0.0)
        self._require(at_rest, "velocities", array, "none at all, since it is frozen")
        self._made.velocities = _read_only(array)
        self._recipe = None  # these are other particles now

    @known_keywords
    def thermalize(self, temperature: float, seed: int) -> None:
        """Replace the velocities by random ones with exactly this temperature and no total momentum.

        Each component is drawn from a normal distribution of variance temperature / mass (Maxwell and
        Boltzmann); then the mean velocity is taken off and the rest scaled, so that the sum of mass * v**2 is
        d * (N - 1) * temperature. Temperature is in energy units (k_B = 1). Frozen particles stay at rest, and
        do not count.

        The velocity of a particle depends on the seed and the particles' ids, not on their order, nor on who draws
        it (see recipes.thermal_velocities).

        Raises InputError for a temperature < 0, and for a single particle, which cannot both move and rest.
        """
        temperature = number("temperature", temperature, minimum=0.0, maximum=LARGEST)
        seed = check_seed(seed)
        moving = len(self) if self.recipe is not None else int(self.mobile.sum())
        if moving == 0 and temperature > 0:
            raise InputError("thermalize: all particles are frozen, so they have no temperature")
        if moving == 1 and temperature > 0:
            raise InputError("thermalize: one particle without momentum has no temperature; give its velocity instead")
        if self.recipe is not None and FROZEN not in self.recipe.attributes:
            self._recipe = replace(self.recipe, temperature=temperature, seed=seed)
            self._columns = None  # to be made anew, if anyone reads them
        elif temperature == 0:
            self.velocities = np.zeros_like(self.positions)
        else:
            mobile, velocities = self.mobile, np.zeros_like(self.positions)
            velocities[mobile] = thermal_velocities(
                self.ids[mobile], self.mass[mobile], self.box.dimensions, temperature, seed, lambda values: values
            )
            self.velocities = velocities

    def _inside(self, given: NDArray[np.float64]) -> NDArray[np.float64]:
        """User coordinates on the grid, once it is certain that they lie in the box."""
        relative = self.box.snap(given)
        lower, upper = self.box.limits
        inside = (relative >= lower) & (relative <= upper)
        corners = zip(lower + self.box.origin, upper + self.box.origin, strict=True)
        limits = " x ".join(f"[{low:g}, {high:g}]" for low, high in corners)
        self._require(inside, "positions", given, f"a position within {limits}, as the sides of the box allow")
        return relative + self.box.origin

    def _counted(self, images: NDArray[np.int64], given: NDArray[np.float64]) -> NDArray[np.int64]:
        """The images of particles that were given outside a periodic box: they stay, unwrapped, where they are."""
        periodic, lengths = self.box.periodic, self.box.lengths
        with np.errstate(over="ignore"):  # an infinity is reported by the next lines
            edges = np.where(periodic, np.rint((given - self.positions) / lengths), 0.0)
        near = np.abs(edges) <= MOST_IMAGES
        self._require(near, "positions", given, f"coordinates within {MOST_IMAGES} edges of the box")
        images = images + edges.astype(np.int64)
        self._require((images == 0) | periodic, "images", images, "0 where the box is not periodic")
        return images

    def _per_particle(self, name: str, values: ArrayLike) -> NDArray[np.float64]:
        array = numbers(name, values)
        if array.shape not in {(), (len(self),)}:
            raise InputError(f"{name}: expected one number or {len(self)}, got shape {array.shape}")
        array = np.full(len(self), array) if array.ndim == 0 else array
        self._require(np.isfinite(array), name, array, "a finite number")
        return _read_only(array)

    def _attribute(self, name: str, values: ArrayLike) -> NDArray[np.float64]:
        if problem := attribute_problem(name):
            raise InputError(f"attribute {name!r}: {problem}; choose another")
        if name == FROZEN:
            values = np.asarray(values, float) if np.asarray(values).dtype == bool else values
            frozen = self._per_particle(name, values)
            self._require(np.isin(frozen, (0.0, 1.0)), name, frozen, "1 if it never moves, else 0")
            return frozen
        return self._per_particle(name, values)

    def _masses(self, mass: ArrayLike | Mapping[Any, float] | str) -> ArrayLike:
        """One for all, or one for each particle, where they are given by type."""
        if isinstance(mass, str):
            return self._of_each_type(_element_masses(mass, self.type_names))
        return self._of_each_type(_masses_by_type(mass, self.type_names)) if isinstance(mass, Mapping) else mass

    def _of_each_type(self, values: list[float]) -> NDArray[np.float64]:
        return numbers("mass", values)[self.types]

    def _require(self, good: NDArray[np.bool_], name: str, values: NDArray[Any], expected: str) -> None:
        """Raise an InputError about the first particle for which not all is good."""
        if good.all():
            return
        row = int(np.argmin(good.reshape(len(self), -1).all(axis=1)))
        value = values[row].tolist()
        shown = f"({', '.join(f'{AXES[i]} = {v!r}' for i, v in enumerate(value))})" if values.ndim > 1 else repr(value)
        raise InputError(f"{name}: particle id {self.ids[row]} (row {row}) has {shown}; expected {expected}")


def _read_only(array: NDArray[Scalar]) -> NDArray[Scalar]:
    array.flags.writeable = False
    return array


def _checked_shape(positions: NDArray[np.float64], dimensions: int) -> NDArray[np.float64]:
    if positions.ndim != 2 or positions.shape[1] != dimensions:
        raise InputError(
            f"positions: expected shape (N, {dimensions}) in a {dimensions}D box, got shape {positions.shape}"
        )
    if len(positions) == 0:
        raise InputError("positions: expected at least one particle, got none")
    return positions


def _checked_ids(ids: ArrayLike | None, count: int) -> NDArray[np.int64]:
    array = np.arange(count) if ids is None else rectangular("ids", ids)
    if array.shape != (count,) or array.dtype.kind not in "iu":
        raise InputError(f"ids: expected {count} integers, got {array.dtype} of shape {array.shape}")
    if array.min() < 0 or array.max() > np.iinfo(np.int64).max:
        raise InputError(f"ids: expected integers from 0 to 2**63 - 1, got {array.min()} to {array.max()}")
    in_order = np.sort(array)
    twice = np.flatnonzero(in_order[1:] == in_order[:-1])
    if len(twice):
        raise InputError(f"ids: expected each id once, but {in_order[twice[0]]} occurs more than once")
    return _read_only(array.astype(np.int64))


def _tuples(kind: str, members: ArrayLike | None, types: ArrayLike | None, ids: NDArray[np.int64]) -> Tuples:
    """Bonds or angles, all of them between these particles."""
    one, width = kind.removesuffix("s"), WIDTHS[kind]
    array = rectangular(kind, () if members is None else members)
    if array.size == 0:
        if types is not None and np.size(types):
            raise InputError(f"{one}_types are given, but no {kind}")
        return Tuples.none(kind)
    if array.ndim != 2 or array.shape[1] != width or array.dtype.kind not in "iu":
        raise InputError(f"{kind}: expected ids of shape (M, {width}), got {array.dtype} of shape {array.shape}")
    array = array.astype(np.int64)
    require_tuples(kind, array, ids)
    codes, names = _coded_types(types, len(array), f"{one}_types")
    return Tuples(_read_only(array), codes, names)


def _masses_by_type(masses: Mapping[Any, float], names: Sequence[Any]) -> list[float]:
    """In the order of the types. A label may be written as text where that leaves no doubt, as TOML wants it."""
    given = {str(label): mass for label, mass in masses.items()}
    labels = [str(name) for name in names]
    if len(given) < len(masses):
        raise InputError("mass: a type occurs twice")
    absent = [label for label in given if label not in labels]
    for label in labels:
        if label not in given:
            unknown = f"; there is one for {', '.join(map(repr, absent))}, which is unknown" if absent else ""
            raise InputError(
                f"mass: none is given for type {label!r}; give one for each of {', '.join(labels)}{unknown}"
            )
    warn_of_absent("mass", absent)
    return [number(f"mass of type {label!r}", given[label], above=0.0) for label in labels]


def _element_masses(word: str, names: Sequence[Any]) -> list[float]:
    if word != "elements":
        raise InputError(f'mass: expected a number, numbers by type, or "elements", got {word!r}')
    for name in names:
        if name not in MASSES:
            raise InputError(
                f"mass: the type {name!r} is no chemical element; give masses by type, mass={{{name!r}: ...}}"
            )
    return [MASSES[name] for name in names]


def _checked_images(images: ArrayLike | None, shape: tuple[int, ...]) -> NDArray[np.int64]:
    array = np.zeros(shape, np.int64) if images is None else rectangular("images", images)
    if array.shape != shape or array.dtype.kind not in "iu":
        raise InputError(f"images: expected integers of shape {shape} as positions, got {array.dtype} of {array.shape}")
    if np.abs(array.astype(np.float64)).max() > MOST_IMAGES:
        raise InputError(f"images: expected integers from -{MOST_IMAGES} to {MOST_IMAGES}")
    return array.astype(np.int64)


def _coded_types(types: ArrayLike | None, count: int, what: str = "types") -> tuple[NDArray[np.int64], tuple[Any, ...]]:
    """Codes, and the sorted labels that they stand for."""
    labels = _labels(DEFAULT_TYPE if types is None else types, what)
    if labels.shape not in {(), (count,)}:
        raise InputError(f"{what}: expected one label or {count}, got shape {labels.shape}")
    names, codes = np.unique(np.broadcast_to(labels, count), return_inverse=True)
    _require_labels(names.tolist(), what)
    return _read_only(codes.astype(np.int64)), tuple(names.tolist())


def _labels(types: ArrayLike, what: str) -> NDArray[Any]:
    """An array of integers or of text."""
    rectangular(what, types)
    if isinstance(types, np.ndarray) and types.dtype.kind in "iuU":
        return types
    # NumPy turns [1, "A"] into text, and 2**63 into a float, without a word: each label is looked at as it was given.
    given = np.array(types, dtype=object)
    truths = any(isinstance(label, bool | np.bool_) for label in given.flat)  # which are integers to Python
    if truths or not any(all(isinstance(label, kind) for label in given.flat) for kind in (str, Integral)):
        raise InputError(f"{what}: expected labels that are all integers or all text")
    _require_labels(dict.fromkeys(given.flat), what)
    return np.array(given.tolist())


def _require_labels(labels: Iterable[Label], what: str) -> None:
    """Raise an InputError for a label that arrays cannot hold, or messages show."""
    for label in labels:
        if not (label.isprintable() if isinstance(label, str) else -(2**63) <= int(label) < 2**63):
            raise InputError(f"{what}: expected text that can be printed, or integers below 2**63, got {label!r}")
