"""What interactions say by their formulas alone, in NumPy: for messages, checks and tests.

Algorithm: the formula is evaluated as it was written, slopes are central differences. Nothing here is compiled, derived
or rounded to a grid, so it shares no mistake with the kernels.

Disadvantage: it is slow, and a slope has some nine digits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from motes.core.state import Floats
from motes.forces.pair_function import PairFormula
from motes.formulas.bind import Bound
from motes.formulas.derive import evaluate

STEP = 1e-5
"""Of central differences, as a part of the distance, or of an edge of the box."""


def pair_energy(pair: PairFormula, parameters: Mapping[str, Any], distances: ArrayLike) -> Floats:
    """The bare energy, without shift and cutoff, at these distances."""
    r = np.asarray(distances, float)
    with np.errstate(all="ignore"):
        energy = np.asarray(evaluate(pair.formula, {**parameters, "r": r}), float)
    found: Floats = np.broadcast_to(energy, np.broadcast_shapes(energy.shape, r.shape))
    return found


def pair_slope(pair: PairFormula, parameters: Mapping[str, Any], distances: ArrayLike) -> Floats:
    """dU/dr of the bare energy at these distances."""
    r = np.asarray(distances, float)
    h = STEP * r
    up, down = pair_energy(pair, parameters, r + h), pair_energy(pair, parameters, r - h)
    with np.errstate(all="ignore"):
        slope: Floats = (up - down) / (2 * h)
    return slope


def pair_force(pair: PairFormula, shift: str | None, parameters: Mapping[str, Any], distances: ArrayLike) -> Floats:
    """The force between two particles with shift and cutoff, positive if they push each other away."""
    r = np.asarray(distances, float)
    slope = pair_slope(pair, parameters, r)
    if shift == "force":
        slope = slope - pair_slope(pair, parameters, np.broadcast_to(parameters["cutoff"], r.shape))
    return np.where(r < parameters["cutoff"], -slope, 0.0)


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
    with np.errstate(all="ignore"):
        return float(bound.value({**position, "t": time}, kind, attributes))
