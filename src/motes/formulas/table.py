"""A function known at points: motes.Table."""

from __future__ import annotations

from inspect import Parameter, Signature
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motes.core.checks import numbers
from motes.core.frozen import Frozen
from motes.formulas.derive import evaluate
from motes.formulas.formula import Expression, symbol
from motes.formulas.lookup import piecewise_polynomial, require_points

Array = NDArray[np.float64]


class Table(Frozen):
    """A tabulated energy: a cubic spline through points, with two continuous derivatives, so that forces have no jumps.

    Args:
        r: distances (or any coordinate), rising, four or more. Evenly spaced ones are looked up fastest.
        u: the value at each of them.

    It is called like a function, of a number, an array or inside a formula, and can be the function of a pair, a bond,
    an angle (of theta), and of either part of motes.Embedded (of r, and of rho):

    >>> r = np.linspace(0.8, 2.5, 200)
    >>> table = Table(r, 4 * (r**-12 - r**-6))
    >>> round(float(table(1.2)), 6)
    -0.890965

    Beyond the points it has no value: it is NaN there, which ends a run. The ends are "not-a-knot": the first two
    pieces, and the last two, are one cubic each (C. de Boor, A Practical Guide to Splines, 1978, chapter IV).

    Raises:
        InputError: for points that are no numbers, too few, not finite or not rising, or too unevenly spaced.
    """

    _instead: ClassVar[str] = "a table does not change: make another one"

    def __init__(self, r: ArrayLike, u: ArrayLike) -> None:
        knots, values = require_points("Table", r, u, 4)
        self._knots = knots.copy()
        self._rows = np.vstack([_spline(knots, values), np.full((2, 4), np.nan)])
        piecewise_polynomial(symbol("r"), self._knots, self._rows)  # is refused now if ever
        self.first, self.last = float(knots[0]), float(knots[-1])

    def __call__(self, r: Any) -> Any:
        """The value at a number, an array, or a traced value."""
        if isinstance(r, Expression):
            return piecewise_polynomial(r, self._knots, self._rows)
        formula = piecewise_polynomial(symbol("r"), self._knots, self._rows)
        return evaluate(formula, {"r": numbers("Table", r)})[()]

    def __repr__(self) -> str:
        return f"Table({len(self._knots)} points from {self.first:g} to {self.last:g})"


class _Renamed:
    """A table as a function of a coordinate of another name."""

    def __init__(self, table: Table, coordinate: str) -> None:
        self._table = table
        self.__name__ = repr(table)
        self.__signature__ = Signature([Parameter(coordinate, Parameter.POSITIONAL_OR_KEYWORD)])

    def __call__(self, *positional: Any, **named: Any) -> Any:
        return self._table(*positional, *named.values())


def of_coordinate(function: Any, coordinate: str) -> Any:
    """The function; a table, which is one of any coordinate, as one of this."""
    return _Renamed(function, coordinate) if isinstance(function, Table) else function


def _spline(x: Array, y: Array) -> Array:
    """Coefficients (n - 1, 4) by powers of the distance from the left point."""
    h = np.diff(x)
    d = np.diff(y) / h
    n = len(x)
    lower, middle, upper, right = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    lower[1:-1], middle[1:-1], upper[1:-1] = h[1:], 2 * (h[:-1] + h[1:]), h[:-1]
    right[1:-1] = 3 * (h[1:] * d[:-1] + h[:-1] * d[1:])
    middle[0], upper[0] = h[1], h[0] + h[1]
    right[0] = ((h[0] + 2 * upper[0]) * h[1] * d[0] + h[0] ** 2 * d[1]) / upper[0]
    middle[-1], lower[-1] = h[-2], h[-1] + h[-2]
    right[-1] = (h[-1] ** 2 * d[-2] + (2 * lower[-1] + h[-1]) * h[-2] * d[-1]) / lower[-1]
    for i in range(1, n):
        factor = lower[i] / middle[i - 1]
        middle[i] -= factor * upper[i - 1]
        right[i] -= factor * right[i - 1]
    slopes = np.empty(n)
    slopes[-1] = right[-1] / middle[-1]
    for i in range(n - 2, -1, -1):
        slopes[i] = (right[i] - upper[i] * slopes[i + 1]) / middle[i]
    t = (slopes[:-1] + slopes[1:] - 2 * d) / h
    return np.stack([y[:-1], slopes[:-1], (d - slopes[:-1]) / h - t, t / h], axis=1)
