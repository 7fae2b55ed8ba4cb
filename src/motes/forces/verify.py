"""The generated code of a pair against its energy, at some distances, for the parameters it is made for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from motes.forces.pair_function import PairFormula
from motes.formulas import verify
from motes.formulas.derive import PairCode
from motes.formulas.formula import Expression, symbol

FRACTIONS = (0.98137, 0.87319, 0.74123, 0.61741, 0.52837, 0.43917, 0.33713)
"""Of the cutoff."""

ATTRIBUTES = (0.8337, 1.3119)
"""Of two particles; who they are is not known yet."""


def require_right_pair(name: str, pair: PairFormula, shift: str | None, code: PairCode) -> None:
    """Raise an InputError if energy or force are not those of the formula."""
    for types in _types(pair):
        points = list(_points(pair, types))
        energy = _shifted(pair.formula, shift, points)
        scale = verify.scale_of(pair.formula, [*points, {**points[0], "r": points[0]["cutoff"]}])
        verify.require_pair(name, energy, code, points, scale)


def _types(pair: PairFormula) -> Sequence[tuple[int, int]]:
    """Of the first types, and of the last."""
    tables = [table for table in (*pair.tables.values(), pair.cutoff) if isinstance(table, np.ndarray)]
    last = max((len(table) - 1 for table in tables), default=0)
    return [(0, 0)] if last == 0 else [(0, 0), (0, last)]


def _points(pair: PairFormula, types: tuple[int, int]) -> Iterator[dict[str, float]]:
    one, other = (dict.fromkeys(pair.attributes, value) for value in ATTRIBUTES)
    values = pair.parameters(types, (one, other))
    cutoff = float(values["cutoff"])
    for fraction in FRACTIONS:
        yield {**values, "cutoff": cutoff, "r": fraction * cutoff}


def _shifted(energy: Expression, shift: str | None, points: Sequence[dict[str, float]]) -> Expression:
    """The energy with its shift; the slope at the cutoff becomes a number of each point."""
    if shift is None:
        return energy
    shifted = energy - energy.substitute({"r": symbol("cutoff")})
    if shift == "force":
        for point in points:
            point["slope_"] = verify.slope_of(energy, "r", {**point, "r": point["cutoff"]})
        shifted = shifted - (symbol("r") - symbol("cutoff")) * symbol("slope_")
    return shifted
