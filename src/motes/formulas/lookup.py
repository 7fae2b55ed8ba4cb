"""Columns of numbers in formulas, and piecewise polynomials made of them.

A column stands in a formula as a leaf named by the digest of its numbers, and in generated source as a constant array
of that name: a compiler that knows that nobody writes to it can make vector code of what is around.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motes.core.checks import numbers
from motes.core.errors import InputError
from motes.formulas import location
from motes.formulas.formula import COLUMNS, OF_LISTS, Expression, apply, call, constant, operand

Array = NDArray[np.float64]

_NAME = re.compile(r"\bcolumn_[0-9a-f]{24}\b")
MOST_BUCKETS = 2**16
EVEN = 1e-9
"""Spacings that differ by no more than this part of them are equal."""


def column(values: ArrayLike) -> Expression:
    """A leaf that stands for an array of numbers."""
    kept = np.array(values, float)
    kept.flags.writeable = False
    name = f"column_{hashlib.sha256(kept.tobytes()).hexdigest()[:24]}"
    COLUMNS[name] = kept
    return Expression("column", (), name)


def columns_in(lines: Iterable[str]) -> dict[str, Array]:
    """The columns that lines of code read, by name."""
    names = sorted({name for line in lines for name in _NAME.findall(line)})
    return {name: COLUMNS[name] for name in names}


def is_column(word: str) -> bool:
    """Whether a word of the code is the name of a column."""
    return _NAME.fullmatch(word) is not None


def definitions(lines: Iterable[str]) -> str:
    """Source that defines the columns."""
    parts = []
    for name, values in columns_in(lines).items():
        listed = ", ".join(map(repr, values.tolist()))
        parts.append(f"{name} = np.array([{listed}])\n")
    return "".join(parts)


def require_points(name: str, x: object, y: object, fewest: int) -> tuple[Array, Array]:
    """Two arrays of equal length, the first of them rising."""
    xs, ys = (numbers(f"{name}: the points", values) for values in (x, y))
    if xs.ndim != 1 or xs.shape != ys.shape or len(xs) < fewest:
        raise InputError(
            f"{name}: expected two arrays of the same {fewest} or more numbers, got {xs.shape}, {ys.shape}"
        )
    if not (np.isfinite(xs).all() and np.isfinite(ys).all()):
        raise InputError(f"{name}: the points must be finite")
    if not (np.diff(xs) > 0).all():
        raise InputError(f"{name}: the first numbers must rise, but {xs[np.argmin(np.diff(xs) > 0) + 1]:g} does not")
    return xs, ys


def piecewise_polynomial(x: Expression, knots: Array, rows: Array) -> Expression:
    """The value at x of polynomials between knots.

    Args:
        x: where.
        knots: (n,), rising.
        rows: (n + 1, degree + 1), coefficients by powers of the distance from the left knot, of each of the n - 1
            pieces, then of the polynomial for what lies below the first knot, and above the last (or is no number),
            from this knot.
    """
    first, last = float(knots[0]), float(knots[-1])
    inside = call("logical_and", x >= first, x <= last)
    safe = apply("where", inside, x, constant(first))  # so that no index is out of bounds
    piece, start = _piece(safe, knots)
    count = len(knots) - 1
    beyond = apply("where", x < first, constant(count), constant(count + 1))
    piece = apply("where", inside, piece, beyond)
    outer = apply("where", x < first, constant(first), constant(last))
    step = x - apply("where", inside, start, outer)
    degree = rows.shape[1] - 1
    numbers = column(rows.reshape(-1))
    offset = piece * constant(degree + 1)
    value = apply("lookup", numbers, offset + float(degree))
    for power in reversed(range(degree)):
        value = value * step + apply("lookup", numbers, offset + float(power))
    return value


def _piece(x: Expression, knots: Array) -> tuple[Expression, Expression]:
    """The number of the piece that x lies in, and its left knot."""
    spacings = np.diff(knots)
    first, last, count = float(knots[0]), float(knots[-1]), len(spacings)
    mean = (last - first) / count
    if np.abs(spacings - mean).max() <= EVEN * mean:
        piece = apply("minimum", apply("floor", (x - first) * (1.0 / mean)), constant(count - 1))
        return piece, apply("lookup", column(knots), piece)
    # Buckets so narrow that none holds two knots; each knows the piece in which it begins.
    buckets = int(np.ceil((last - first) / spacings.min())) + 1
    if buckets > MOST_BUCKETS:
        raise InputError(
            f"points are too unevenly spaced: the narrowest spacing is 1/{buckets} of the range, 1/{MOST_BUCKETS} is "
            "allowed; give points that are more alike in spacing"
        )
    width = (last - first) / buckets
    begins = first + width * np.arange(buckets)
    pieces = np.clip(np.searchsorted(knots, begins, side="right") - 1, 0, count - 1)
    bucket = apply("minimum", apply("floor", (x - first) * (1.0 / width)), constant(buckets - 1))
    before = apply("lookup", column(pieces), bucket)
    next_knot = apply("lookup", column(np.append(knots[1:-1], np.inf)), before)
    piece = apply("where", next_knot <= x, before + 1.0, before)
    return piece, apply("lookup", column(knots), piece)


def interpolate(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Expression:
    """np.interp: straight lines between points, and beyond them the last values, or left and right."""
    if period is not None or any(isinstance(value, Expression) for value in (xp, fp, left, right)):
        raise InputError(f"{location.here()}np.interp of a traced value takes points that are numbers, and no period.")
    knots, values = require_points("np.interp", xp, fp, 2)
    ends = [values[0] if left is None else float(left), values[-1] if right is None else float(right)]
    slopes = np.append(np.diff(values) / np.diff(knots), [0.0, 0.0])
    return piecewise_polynomial(operand(x), knots, np.stack([[*values[:-1], *ends], slopes], axis=1))


OF_LISTS["interp"] = interpolate
