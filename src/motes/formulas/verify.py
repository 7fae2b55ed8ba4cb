"""Generated lines against NumPy: run once, when a kernel is made, before anyone relies on it.

The lines are plain Python, so they are run as such, number by number, at a few points, and compared with the formula
evaluated by NumPy and with differences of it. Whatever is wrong with them (a name that is not defined, a slope that is
no number where the formula has one, a rule of algebra that does not hold) is one message, before anything is compiled.

What differs by the rounding of a badly conditioned formula is not wrong: the tolerance is that of a blunder.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from motes.core.errors import InputError
from motes.formulas.derive import Code, PairCode, evaluate
from motes.formulas.difference import central_slope
from motes.formulas.formula import Expression, compute
from motes.formulas.lines import FUNCTIONS
from motes.formulas.lookup import columns_in

TOLERANCE = 1e-4
"""Of a value and of a slope, as a part of the largest there is."""

LEAST = 1e-280
"""Numbers near the smallest there are lose their digits."""

STEP = 1e-4
"""For differences, as a part of the coordinate."""

_NUMBER = re.compile(r"(?<![\w.])\d+\.?\d*(e[-+]?\d+)?(?![\w.])")
Point = Mapping[str, float]


def require_values(
    name: str, formula: Expression, found: Sequence[float], points: Sequence[Point], scale: float = 0.0
) -> None:
    """Raise an InputError if the values found are not those of the formula; scale: of what its differences are made."""
    expected = [_value(formula, point) for point in points]
    largest = max((abs(value) for value in expected if math.isfinite(value)), default=0.0)
    least = 1e-10 * scale + LEAST
    for point, value, right in zip(points, found, expected, strict=True):
        if math.isfinite(right) and not abs(value - right) <= TOLERANCE * (abs(right) + 1e-3 * largest) + least:
            _refuse(name, "value", value, right, point)


def require_slopes(
    name: str,
    formula: Expression,
    coordinate: str,
    found: Sequence[float],
    points: Sequence[Point],
    scale: float = 0.0,
) -> None:
    """Raise an InputError if the slopes found are not those of the formula, where its differences can tell."""
    expected = [slope_of(formula, coordinate, point) for point in points]
    largest = max((abs(slope) for slope in expected if math.isfinite(slope)), default=0.0)
    for point, slope, right in zip(points, found, expected, strict=True):
        # Differences do not see a slope that changes the value by less than its rounding.
        unseen = 1e-6 * max(abs(_value(formula, point)), scale) / (abs(point[coordinate]) or 1.0)
        if math.isfinite(right) and not abs(slope - right) <= 0.01 * abs(right) + TOLERANCE * largest + unseen + LEAST:
            _refuse(name, f"slope along {coordinate.removeprefix('p_')}", slope, right, point)


def require_forces(
    name: str, formula: Expression, coordinates: Sequence[str], code: Code, points: Sequence[Point]
) -> None:  # fmt: skip
    """Raise an InputError if the code does not give an energy and the forces along these coordinates."""
    energy, *forces = run(code.lines, code.results, points)
    require_values(name, formula, energy, points)
    for coordinate, force in zip(coordinates, forces, strict=True):
        require_slopes(name, formula, coordinate, [-value for value in force], points)


def require_pair(
    name: str, formula: Expression, code: PairCode, points: Sequence[Point], scale: float = 0.0
) -> None:  # fmt: skip
    """Raise an InputError if the code does not give an energy of r and the force over r."""
    points = [{**point, "s": point["r"] ** 2} for point in points]
    force, energy = run([*code.prologue, *code.body_both], [code.force, code.energy], points)
    require_values(name, formula, energy, points, scale)
    require_slopes(name, formula, "r", [-f * point["r"] for f, point in zip(force, points, strict=True)], points, scale)


def scale_of(formula: Expression, points: Sequence[Point]) -> float:
    """The largest finite value of a formula at some points."""
    values = [abs(_value(formula, point)) for point in points]
    return max((value for value in values if math.isfinite(value)), default=0.0)


def points(symbols: Iterable[str], known: Mapping[str, Sequence[float]]) -> list[Point]:
    """Some points: each symbol goes through the numbers known for it, or through some that are no special ones."""
    return [
        {name: known[name][k % len(known[name])] if name in known else _AT[(k + shift) % len(_AT)]
         for shift, name in enumerate(sorted(symbols))}
        for k in range(len(_AT))
    ]  # fmt: skip


_AT = (0.8337, 1.3119, 0.2761, -0.6173, 2.7391, 0.5479, -1.8713, 11.2137)


def require_right(
    name: str, formulas: Sequence[Expression], lines: Iterable[str], results: Sequence[str],
    known: Mapping[str, Sequence[float]],
) -> None:  # fmt: skip
    """Raise an InputError if lines do not give the values of formulas; known: numbers for some of the symbols."""
    symbols = frozenset().union(*(formula.symbols for formula in formulas))
    at = points(symbols, known)
    for formula, found in zip(formulas, run(lines, results, at), strict=True):
        require_values(name, formula, found, at)


def run(lines: Iterable[str], results: Sequence[str], points: Sequence[Point]) -> list[list[float]]:
    """What the lines give for each of the results at these points."""
    source = "\n".join([*lines, f"results = ({''.join(f'{result}, ' for result in results)})"])
    # NumPy's numbers divide by zero as compiled code does.
    program = compile(_NUMBER.sub(r"number(\g<0>)", source), "<generated>", "exec")
    columns, rows = columns_in([source]), []
    with np.errstate(all="ignore"):
        for point in points:
            names = {**_NAMES, **columns, **{name: np.float64(value) for name, value in point.items()}}
            exec(program, {"__builtins__": {}}, names)  # noqa: S102 - lines of our own, made of whitelisted operations
            rows.append([float(value) for value in names["results"]])
    return [list(column) for column in zip(*rows, strict=True)]


def _function(name: str) -> Callable[..., Any]:
    numpy = "power" if name == "signed_power" else name
    return lambda *values: np.float64(compute(numpy, *values))


def _fma(a: Any, b: Any, c: Any) -> Any:
    return a * b + c


_NAMES: dict[str, Any] = {name: _function(name) for name in ("sqrt", *FUNCTIONS)}
_NAMES |= {"fma": _fma, "abs": abs, "number": np.float64, "inf": math.inf, "nan": math.nan}


def _value(formula: Expression, point: Mapping[str, Any]) -> float:
    with np.errstate(all="ignore"):
        return float(evaluate(formula, point))


def slope_of(formula: Expression, coordinate: str, point: Point) -> float:
    """By central differences; NaN where the formula jumps, bends or turns too fast for them to tell."""

    def along(x: float) -> float:
        return _value(formula, {**point, coordinate: x})

    size = STEP * (abs(point[coordinate]) or 1.0)
    coarse, fine = (float(central_slope(along, point[coordinate], size, step)) for step in (1.0, 0.5))
    near = _value(formula, point)
    with np.errstate(all="ignore"):
        steps = [along(point[coordinate] + k * size) for k in (1, -1)]
        bend = abs(steps[0] - 2 * near + steps[1]) / size
        certain = abs(coarse - fine) + bend <= 1e-3 * abs(fine) + 1e-9 * abs(near) / size
    return fine if certain else math.nan


def _refuse(name: str, what: str, found: float, right: float, point: Point) -> None:
    where = ", ".join(f"{word.removeprefix('p_')} = {value:.6g}" for word, value in sorted(point.items()))
    raise InputError(
        f"{name}: the code derived from it gives the {what} {found:.6g} where NumPy gives {right:.6g} (at {where}): "
        "this is a fault of Motes; write the formula in another way"
    )
