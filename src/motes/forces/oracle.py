"""What interactions say by their formulas alone, in NumPy: for messages, checks and tests.

Algorithm: the formula is evaluated as it was written, slopes are central differences. Nothing here is compiled, derived
or rounded to a grid, so it shares no mistake with the kernels.

Disadvantage: it is slow, and a slope has some nine digits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from motes.core.state import Array, Floats
from motes.formulas.bind import PREFIX, Bound
from motes.formulas.derive import evaluate
from motes.formulas.formula import Expression

STEP = 1e-5
"""Of central differences, as a part of the distance, or of an edge of the box."""


class PairParameters(Protocol):
    """What a formula of two particles depends on (see PairFormula in pair_function.py)."""

    @property
    def uniform(self) -> dict[str, float]:
        """Numbers for all pairs."""

    @property
    def tables(self) -> dict[str, Floats]:
        """Numbers by two types, (T, T)."""

    @property
    def attributes(self) -> tuple[str, ...]:
        """Of the two particles."""


class PairEnergy(PairParameters, Protocol):
    """An energy of two particles (see BoundPair in pair.py)."""

    @property
    def name(self) -> str:
        """For messages."""

    @property
    def energy(self) -> Expression:
        """The formula."""

    @property
    def cutoff(self) -> float | Floats:
        """One number, or by two types."""

    @property
    def shift(self) -> str | None:
        """What is subtracted."""


def parameters_of(
    pair: PairParameters,
    cutoff: float | Floats,
    types: tuple[Any, Any],
    attributes: tuple[Mapping[str, Any], Mapping[str, Any]],
) -> dict[str, Any]:
    """All that the formula of a pair depends on but r, for pairs of particles of these types.

    Args:
        pair: the interaction, or its formula.
        cutoff: a number, or by types.
        types: the codes of the first and of the second particle, numbers or arrays of one shape.
        attributes: of the first and of the second, by name, of the same shape; one called mass is the mass.
    """
    values: dict[str, Any] = {**pair.uniform, "cutoff": cutoff}
    if not isinstance(cutoff, float):
        values["cutoff"] = cutoff[types]
    values |= {name: table[types] for name, table in pair.tables.items()}
    for side, known in zip("ij", attributes, strict=True):
        values |= {f"{name}_{side}": known[name] for name in pair.attributes}
    return values


def pair_energy(pair: PairEnergy, parameters: Mapping[str, Any], distances: ArrayLike) -> Floats:
    """The bare energy, without shift and cutoff, at these distances."""
    r = np.asarray(distances, float)
    with np.errstate(all="ignore"):
        energy = np.asarray(evaluate(pair.energy, {**parameters, "r": r}), float)
    found: Floats = np.broadcast_to(energy, np.broadcast_shapes(energy.shape, r.shape))
    return found


def pair_slope(pair: PairEnergy, parameters: Mapping[str, Any], distances: ArrayLike) -> Floats:
    """dU/dr of the bare energy at these distances."""
    r = np.asarray(distances, float)
    h = STEP * r
    up, down = pair_energy(pair, parameters, r + h), pair_energy(pair, parameters, r - h)
    with np.errstate(all="ignore"):
        slope: Floats = (up - down) / (2 * h)
    return slope


def pair_force(pair: PairEnergy, parameters: Mapping[str, Any], distances: ArrayLike) -> Floats:
    """The force between two particles with shift and cutoff, positive if they push each other away."""
    r = np.asarray(distances, float)
    slope = pair_slope(pair, parameters, r)
    if pair.shift == "force":
        slope = slope - pair_slope(pair, parameters, np.broadcast_to(parameters["cutoff"], r.shape))
    return np.where(r < parameters["cutoff"], -slope, 0.0)


def force_between(
    pair: PairEnergy, ones: tuple[Mapping[str, Array], Any], others: tuple[Mapping[str, Array], Any], distances: Floats
) -> Floats:
    """The same between particles: columns by name and the rows of each first, and of each second, of a pair."""
    ends = by_name(pair.attributes, *ones), by_name(pair.attributes, *others)
    types = ones[0]["type"][ones[1]], others[0]["type"][others[1]]
    return pair_force(pair, parameters_of(pair, pair.cutoff, types, ends), distances)


def field_force(
    bound: Bound,
    kind: int,
    attributes: Mapping[str, Any],
    position: Mapping[str, float],
    time: float,
    edges: Sequence[float],
) -> Floats:
    """The force of a field, (d,), on a particle of this type at a position, given by the names of the axes in order."""
    force = []
    for (axis, x), edge in zip(position.items(), edges, strict=True):
        h = STEP * float(edge)
        up, down = (field_energy(bound, kind, attributes, {**position, axis: x + way * h}, time) for way in (1, -1))
        force.append(-(up - down) / (2 * h))
    return np.array(force)


def field_energy(
    bound: Bound, kind: int, attributes: Mapping[str, Any], position: Mapping[str, float], time: float
) -> float:
    """The energy of a particle of this type at a position."""
    values: dict[str, Any] = {PREFIX + "t": time}
    values |= {PREFIX + name: value for name, value in bound.numbers.items()}
    values |= {PREFIX + name: table[kind] for name, table in bound.tables.items()}
    values |= {PREFIX + name: attributes[name] for name in bound.attributes}
    values |= {PREFIX + axis: x for axis, x in position.items()}
    with np.errstate(all="ignore"):
        return float(evaluate(bound.formulas[0], values))


def by_name(names: Sequence[str], columns: Mapping[str, Array], rows: Any) -> dict[str, Array]:
    """Attributes of these rows."""
    return {name: columns[name][rows] for name in names}
