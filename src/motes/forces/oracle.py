"""What interactions say by their formulas alone, in NumPy: for messages, checks and tests.

Algorithm: the formula is evaluated as it was written, slopes are central differences. Nothing here is compiled, derived
or rounded to a grid, so it shares no mistake with the kernels.

Disadvantage: it is slow, and a slope has some nine digits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from motes.core.state import Floats
from motes.forces.pair_function import PairFormula
from motes.formulas.bind import Bound
from motes.formulas.derive import evaluate
from motes.formulas.difference import central_slope

# Of two particles


def pair_energy(pair: PairFormula, parameters: Mapping[str, Any], distances: ArrayLike) -> Floats:
    """The bare energy, without shift and cutoff, at these distances."""
    r = np.asarray(distances, float)
    with np.errstate(all="ignore"):
        energy = np.asarray(evaluate(pair.formula, {**parameters, "r": r}), float)
    found: Floats = np.broadcast_to(energy, np.broadcast_shapes(energy.shape, r.shape))
    return found


def pair_slope(pair: PairFormula, parameters: Mapping[str, Any], distances: ArrayLike) -> Floats:
    """dU/dr of the bare energy at these distances."""
    return central_slope(lambda r: pair_energy(pair, parameters, r), distances, distances)


def pair_force(pair: PairFormula, shift: str | None, parameters: Mapping[str, Any], distances: ArrayLike) -> Floats:
    """The force between two particles with shift and cutoff, positive if they push each other away."""
    r = np.asarray(distances, float)
    rate = pair_slope(pair, parameters, r)
    if shift == "force":
        rate = rate - pair_slope(pair, parameters, np.broadcast_to(parameters["cutoff"], r.shape))
    return np.where(r < parameters["cutoff"], -rate, 0.0)


def pair_value(pair: PairFormula, parameters: Mapping[str, Any], values: Mapping[str, Any]) -> Floats:
    """What a function of two particles gives at these values of its coordinates; 0 beyond the cutoff."""
    with np.errstate(all="ignore"):
        value = evaluate(pair.formula, {**parameters, **values})
    return np.where(values["r"] < parameters["cutoff"], value, 0.0)


# Of one particle


def field_force(
    bound: Bound,
    kind: int,
    attributes: Mapping[str, Any],
    position: Mapping[str, float],
    time: float,
    edges: Sequence[float],
) -> Floats:
    """The force of a field, (d,), on a particle of this type at a position, given by the names of the axes in order."""

    def along(axis: str) -> Callable[[float], float]:
        return lambda x: field_energy(bound, kind, attributes, {**position, axis: x}, time)

    return np.array(
        [-central_slope(along(axis), x, edge) for (axis, x), edge in zip(position.items(), edges, strict=True)]
    )


def field_energy(
    bound: Bound, kind: int, attributes: Mapping[str, Any], position: Mapping[str, float], time: float
) -> float:
    """The energy of a particle of this type at a position."""
    with np.errstate(all="ignore"):
        return float(bound.value({**position, "t": time}, kind, attributes))


# Of several particles


def tuple_force(energy: Callable[[Floats], Floats], points: Floats, member: int) -> Floats:
    """The force on one member of a tuple, (d,), from the energy of its members at points, (k, d)."""
    extent = float(np.abs(points - points[0]).max()) or 1.0  # all of them may be at one position

    def along(axis: int) -> Callable[[float], Floats]:
        unit = np.zeros_like(points)
        unit[member, axis] = 1.0
        return lambda x: energy(points + x * unit)

    return np.array([-central_slope(along(axis), 0.0, extent) for axis in range(points.shape[1])])


def density(pair: PairFormula, columns: Mapping[str, Any], distances: Floats) -> Floats:
    """The density at each first particle that each second one makes, (n, n), from their columns and distances."""
    i, j = np.indices(distances.shape)
    made = pair_value(pair, pair.parameters_between((columns, i), (columns, j)), {"r": distances})
    return np.where(i != j, made, 0.0)


def embedded_force(pair: PairFormula, energy: Bound, cancels: bool, columns: Mapping[str, Any], x: Floats) -> Floats:
    """The force, (d,), on the first of particles at x, (d, n), each of which has an energy of its density.

    The others must be all that the first and its neighbours feel. An infinite slope at no density counts as 0, unless
    densities may cancel.
    """
    apart = x[:, :, None] - x[:, None, :]
    distances = np.sqrt((apart**2).sum(axis=0))
    rho = density(pair, columns, distances).sum(axis=1)
    scale = np.where(rho == 0.0, np.abs(rho).max() or 1.0, np.abs(rho))
    slopes = central_slope(lambda at: energy.value({"rho": at}, columns["type"], columns), rho, scale)
    slopes = np.where(np.isfinite(slopes) | (rho != 0.0) | cancels, slopes, 0.0)
    rates = central_slope(lambda r: density(pair, columns, r), distances, distances)
    with np.errstate(all="ignore"):
        # Of those that are too far to feel it not all neighbours are known, and their slope may be no number.
        own = np.where(rates[0] == 0.0, 0.0, slopes[0] * rates[0])
        size = -(own + np.where(rates[:, 0] == 0.0, 0.0, slopes * rates[:, 0]))[1:]
        total: Floats = (size * apart[:, 0, 1:] / distances[0, 1:]).sum(axis=1)
    return total
