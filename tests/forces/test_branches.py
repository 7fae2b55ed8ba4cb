"""Forms in which a computer's derivative goes wrong where the formula's own does not: values and slopes against NumPy.

Each energy is finite, and so is its slope, at all of these distances; the generated code must agree with NumPy's value
and with central differences of it, whatever the branches that are not taken would give.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from motes.forces.pair import Pair
from motes.formulas.derive import derive_pair, evaluate
from motes.formulas.formula import symbol
from motes.formulas.trace import trace
from naming import named

DISTANCES = [0.553, 0.807, 1.013, 1.173, 1.317, 1.459, 1.713, 1.937, 2.213, 2.611]

ENERGIES: dict[str, Callable[[Any], Any]] = {
    "power of a square": lambda r: ((r - 1.4) ** 2) ** 1.5,
    "root of a square": lambda r: np.sqrt((r - 1.4) ** 2),
    "size": lambda r: abs(r - 1.4) ** 3 + np.abs(r - 1.25),
    "power of a square of a fraction": lambda r: ((1 - r / 3.0) ** 2) ** 1.5,
    "root of a clip": lambda r: np.clip(1.5 - r, 0.0, 1.0) ** 0.5,
    "root of a clip by sqrt": lambda r: np.sqrt(np.clip(1.5 - r, 0.0, 0.6)),
    "root of a maximum": lambda r: np.sqrt(np.maximum(1.5 - r, 0.0)),
    "root of a maximum, number first": lambda r: np.sqrt(np.maximum(0.0, 1.5 - r)),
    "odd power of a root": lambda r: np.maximum(1.5 - r, 0.0) ** 0.75,
    "root of a sum of selects": lambda r: np.sqrt(np.maximum(1.2 - r, 0) + np.maximum(r - 1.6, 0)),
    "root of a product of selects": lambda r: np.sqrt(np.maximum(1.6 - r, 0) * np.maximum(r - 0.7, 0)),
    "root of a where": lambda r: np.sqrt(np.where(r < 1.5, 1.5 - r, 0.0)),
    "where of a root": lambda r: np.where(r < 1.5, np.sqrt(1.5 - r), 0.0),
    "where of a where under a root": lambda r: np.sqrt(np.where(r < 1.5, np.where(r < 1.1, 0.0, r - 1.1), 0.4)),
    "where in a denominator": lambda r: 1 / np.where(r < 1.5, r, np.where(r < 2.0, 1.5, 3.0 - r)),
    "bump": lambda r: np.exp(-1 / np.maximum(1 - (r / 1.44) ** 2, 0.0)),
    "bump by where": lambda r: np.where(r < 1.4, np.exp(1 / ((r / 1.4) ** 2 - 1)), 0.0),
    "bump of a clip": lambda r: np.exp(-1 / np.clip(1.44 - r, 0.0, 0.5)),
    "log of a where": lambda r: np.log(np.where(r < 1.5, 2 - r, 0.5)),
    "where of a log": lambda r: np.where(r < 1.5, np.log(1.5 - r), 0.0),
    "log of a maximum": lambda r: np.log(np.maximum(1.5 - r, 0.1)),
    "spring that breaks": lambda r: np.where(r < 1.5, -0.5 * 30 * 2.25 * np.log(1 - (r / 1.5) ** 2), 7.0),
    "cube root": lambda r: np.cbrt(r - 1.6),
    "cube root of a select": lambda r: np.cbrt(np.maximum(1.5 - r, 0.0)),
    "angle": lambda r: np.arccos(np.clip(r - 1.25, -1.0, 1.0)) + np.arcsin(np.clip(r - 1.2, -0.3, 0.3)),
    "angle of a point": lambda r: np.arctan2(np.maximum(r - 1.2, 0.0), np.maximum(r - 1.2, 0.0)),
    "saturates": lambda r: np.tanh(1 / np.maximum(r - 1.2, 0.0)) + np.exp(-1 / np.maximum(r - 1.1, 0.0) ** 2),
    "select": lambda r: np.select([r < 1.1, r < 1.5], [r**2, np.sqrt(1.5 - r)], np.log(r)),
    "piecewise": lambda r: np.piecewise(
        r, [r < 1.1, (r >= 1.1) & (r < 1.5)], [lambda x: x**2, lambda x: np.sqrt(1.5 - x), lambda x: np.log(x - 1.4)]
    ),
    "steps": lambda r: np.floor(3 * r) * r + np.ceil(3 * r) - np.round(7 * r) + np.trunc(5 * r),
    "remainder": lambda r: ((r % 0.4) - 0.2) ** 2 + (r // 0.4) * r,
    "heaviside": lambda r: np.heaviside(1.5 - r, 0.5) * (1.5 - r) ** 2,
    "sign": lambda r: np.sign(r - 1.4) * (r - 1.4) ** 2,
    "cosh of a clip": lambda r: np.cosh(np.clip(r, 1.0, 1.5)) + np.sinh(np.minimum(r, 1.6)),
    "whole power": lambda r: (r - 1.4) ** 3 + (r - 1.4) ** -2,
    "large whole power": lambda r: (r - 1.4) ** 301 + (r / 2 - 0.7) ** 300,
    "hypot": lambda r: np.hypot(np.maximum(r - 1.5, 0.0), np.maximum(r - 1.2, 0.0)),
    "fmax": lambda r: np.sqrt(np.fmax(1.5 - r, 0.0)) + np.sqrt(np.fmin(r, 1.4)),
}


@pytest.mark.parametrize("name", ENERGIES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_values_and_slopes_are_those_of_numpy(run_code: Any, name: str) -> None:
    energy = ENERGIES[name]
    formula = trace(energy, ("r",), {})
    code = derive_pair(formula, frozenset(), None)
    for r in DISTANCES:
        expected = float(energy(np.float64(r)))
        h = 1e-5
        up, down = (float(evaluate(formula, {"r": r + step})) for step in (h, -h))
        force, value = run_code(code, {}, r)
        assert value == pytest.approx(expected, rel=1e-12, abs=1e-13)
        assert force * r == pytest.approx(-(up - down) / (2 * h), rel=1e-5, abs=1e-6)
        assert run_code(code, {}, r, both=False)[0] == force


AT_THE_EDGE: dict[str, tuple[Callable[[Any], Any], float]] = {
    "root of a maximum": (lambda r: np.sqrt(np.maximum(1.5 - r, 0.0)), 0.0),
    "power of a maximum": (lambda r: np.maximum(1.5 - r, 0.0) ** 2.5, 0.0),
    "root of a clip": (lambda r: np.clip(1.5 - r, 0.0, 1.0) ** 0.5, 0.0),
    "bump": (lambda r: np.exp(-1 / np.maximum(1 - (r / 1.5) ** 2, 0.0)), 0.0),
    "bump that does not end": (lambda r: np.exp(-1 / (r - 1.5) ** 2), 0.0),
    "root of a square": (lambda r: np.sqrt(((r - 1.5) ** 2) ** 2), 0.0),
    "power of a square": (lambda r: ((r - 1.5) ** 2) ** 1.5, 0.0),
    "distance to a point on the line": (lambda r: np.sqrt((r - 1.5) ** 4 + 0.0 * r), 0.0),
}


@pytest.mark.parametrize("name", AT_THE_EDGE)
def test_the_force_is_finite_at_the_very_edge_of_a_branch_and_at_roots_of_zero(run_code: Any, name: str) -> None:
    energy, expected = AT_THE_EDGE[name]
    force, value = run_code(derive_pair(trace(energy, ("r",), {}), frozenset(), None), {}, 1.5)
    assert (force, value) == (expected, 0.0)


def test_whole_powers_by_type_of_negative_numbers(run_code: Any) -> None:
    pair = Pair(lambda r, n: (r - 1.4) ** n, 3.0, n={("A", "A"): 4, ("A", "B"): 3, ("B", "B"): 0})
    code = derive_pair(pair.bind(named(("A", "B"))).pair.formula, frozenset(), None)
    for r in (1.0, 1.4, 1.9):
        for n in (4.0, 3.0, 2.0, 1.0):
            force, value = run_code(code, {"n": n}, r)
            assert value == pytest.approx((r - 1.4) ** n, rel=1e-13)
            assert force * r == pytest.approx(-n * (r - 1.4) ** (n - 1), rel=1e-13)


def test_parameters_that_are_zero_leave_no_trace(run_code: Any) -> None:
    formula = trace(lambda r, q: np.sqrt(q * r) + q * np.log(r), ("r",), {"q": symbol("q")})
    assert run_code(derive_pair(formula, frozenset(), None), {"q": 0.0}, 1.3) == (0.0, 0.0)
