"""Energies in which parameters are named by particle, as charge_i and charge_j: the same for (i, j) and (j, i).

Who of two particles is i is an accident of lists and ranks, so it must not be seen: not in the value, which is
tried, nor in the rounding, for which the two are brought into an order of their attributes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motes.core.errors import InputError
from motes.formulas.derive import evaluate
from motes.formulas.formula import HOLD, Expression, apply, symbol

Array = NDArray[np.float64]
MOST_VALUES = 100
"""Of an attribute, that are tried with each other."""

OTHERS = {"v": 0.6173, "noise": -0.8337, "t": 1.3119, "dt": 0.2761}
"""Some values of what a force may depend on."""


def in_order(energy: Expression, names: Sequence[str]) -> Expression:
    """An energy in a_i and a_j of these attributes, at least one, such that its bits do not depend on which particle
    is i; it must be the same where the two are exchanged."""
    sides = {attribute: (symbol(f"{attribute}_i"), symbol(f"{attribute}_j")) for attribute in names}
    # The two are exchanged where j has less of the first attribute in which they differ.
    *earlier, (i, j) = sides.values()
    changed = j < i
    for i, j in reversed(earlier):
        changed = (j < i) | ((j == i) & changed)
    replacements = {}
    for attribute, (i, j) in sides.items():
        replacements[f"{attribute}_i"] = apply(HOLD, apply("where", changed, j, i))
        replacements[f"{attribute}_j"] = apply(HOLD, apply("where", changed, i, j))
    return energy.substitute(replacements)


def require_symmetric(
    name: str,
    energy: Expression,
    names: Sequence[str],
    attributes: Mapping[str, Array],
    values: Mapping[str, float | Array],
    cutoff: float,
) -> None:
    """Raise an InputError if an energy in a_i and a_j of these attributes is another one where the two are exchanged.

    Args:
        name: of the energy, for messages.
        energy: in r, cutoff, what a force may depend on, and the names that follow.
        names: of the attributes.
        attributes: what particles have of them.
        values: the parameters: numbers, and tables by type.
        cutoff: the largest.
    """
    few = {attribute: np.unique(attributes[attribute]) for attribute in names}
    few = {attribute: found[:: 1 + len(found) // MOST_VALUES] for attribute, found in few.items()}
    count = max(map(len, few.values()))
    one, other = (part.ravel() for part in np.meshgrid(np.arange(count), np.arange(count)))
    there: dict[str, Any] = {}
    back: dict[str, Any] = {}
    for attribute, found in few.items():
        i, j = found[one % len(found)], found[other % len(found)]
        there |= {f"{attribute}_i": i, f"{attribute}_j": j}
        back |= {f"{attribute}_i": j, f"{attribute}_j": i}
    for point in _by_types(values):
        _require_alike(name, energy, {**there, **point}, {**back, **point}, names, cutoff)


def _by_types(values: Mapping[str, float | Array]) -> list[dict[str, Any]]:
    """The parameters between any two types, those that are alike once."""
    types = max((len(value) for value in values.values() if not isinstance(value, float)), default=1)
    points = {
        tuple(float(value if isinstance(value, float) else value[a, b]) for value in values.values())
        for a in range(types)
        for b in range(a, types)
    }
    return [dict(zip(values, point, strict=True)) for point in sorted(points)]


def _require_alike(
    name: str, energy: Expression, there: Mapping[str, Any], back: Mapping[str, Any], names: Sequence[str],
    cutoff: float,
) -> None:  # fmt: skip
    shape = np.broadcast_shapes(*(np.shape(value) for value in there.values()))
    for r in np.array([0.33713, 0.61741, 0.87319]) * cutoff:
        with np.errstate(all="ignore"):
            u, v = (evaluate(energy, {**side, **OTHERS, "r": r, "cutoff": cutoff}) for side in (there, back))
            wrong = np.flatnonzero(~np.isclose(u, v, rtol=1e-9, atol=0.0, equal_nan=True) & np.ones(shape, bool))
        if len(wrong):
            k = wrong[0]
            shown = ", ".join(f"{key} = {value[k]:g}" for key, value in there.items() if key[:-2] in names)
            raise InputError(
                f"{name}: the function must be the same if the two particles are exchanged, but is not for {shown}: "
                "what particle i feels from j, j feels from i"
            )
