"""What can be recorded of a user's function, and what is said of what cannot."""

# ruff: noqa: ARG005 - some functions are wrong because they ignore r

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

from motes.core.errors import InputError
from motes.formulas.derive import evaluate
from motes.formulas.formula import constant, symbol, walk
from motes.formulas.trace import erf, erfc, parameters, trace


def traced(function: Callable[..., Any], *names: str) -> Any:
    return trace(function, ("r",), {name: symbol(name) for name in names})


FORMULAS: list[Callable[..., Any]] = [
    lambda r: 1 + r - 2 * r / 3 + 4 / r - (1 - r) + (-r) ** 2 + 2**r + +r,
    lambda r: abs(r - 2) + np.abs(r - 3) + np.fabs(r) + np.sign(r - 1) + np.positive(r),
    lambda r: np.exp(r) + np.log(r) + np.sqrt(r) + np.sin(r) + np.cos(r) + np.tan(r),
    lambda r: np.tanh(r) + np.sinh(r) + np.cosh(r) + np.arctan(r) + np.square(r) + np.reciprocal(r),
    lambda r: np.log2(r) + np.log10(r) + np.log1p(r) + np.expm1(r) + np.exp2(r) + np.cbrt(r) + np.hypot(r, 3.0),
    lambda r: np.minimum(r, 1.2) + np.maximum(1.2, r) + np.fmin(r, 2) + np.clip(r, 0.5, 1.5) + np.power(r, 1.5),
    lambda r: (
        np.where(r < 1, r, 2.0) + np.where(np.float64(1) <= r, r, 0) + np.where(r > 2, 1, r) + np.where(r >= 2, r, 1)
    ),
    lambda r: np.where(np.logical_and(r > 1, r < 2), r, 0) + np.where((r < 1) | (r > 2), 1, r),
    lambda r: np.where(~(r < 1), 1, r),
    lambda r: np.where(np.logical_not(r == 1.0), r, 0) + np.where(r != 1.0, r, 3) + np.where(True, r, 0.0),
    lambda r: np.float64(2.0) * r + np.array(3.0) / r + np.int64(2) ** r + r.__rmul__(2),
    lambda r: special.erf(r) + special.erfc(r),
    lambda r: np.floor(3 * r) + np.ceil(3 * r) + np.round(3 * r) + np.rint(3 * r) + np.trunc(-3 * r) + round(3 * r),
    lambda r: np.mod(3 * r, 0.7) + (3 * r) % 0.7 + (-r) % 0.7 + (3 * r) // 0.7 + 5 % r + 5 // r + np.remainder(r, -0.7),
    lambda r: np.arcsin(r - 1.6) + np.arccos(r - 1.6) + np.arctan2(r - 1, r - 2) + np.heaviside(r - 1, 0.3),
    lambda r: np.select([r < 1, r < 2], [r, r * r], 5.0) + np.select([r > 2], [np.exp(r)]),
    lambda r: np.piecewise(r, [r < 1, (r >= 1) & (r < 2)], [lambda x: x**2, 3.0, lambda x: x]),
    lambda r: np.piecewise(r, [r < 1], [2.0, 4.0]),
    lambda r: np.fmax(r, 1.2) + np.cbrt(r - 2),
]


@pytest.mark.parametrize("function", FORMULAS)
def test_the_formula_has_the_values_of_the_function(function: Callable[..., Any]) -> None:
    formula = traced(function)
    for r in (0.7, 1.0, 1.3, 2.5):
        assert evaluate(formula, {"r": r}) == pytest.approx(float(function(np.float64(r))), rel=1e-14)


def test_error_functions_take_traced_values_numbers_and_arrays() -> None:
    assert evaluate(traced(lambda r: erf(r) + erfc(2 * r)), {"r": 0.4}) == math.erf(0.4) + math.erfc(0.8)
    assert erf(0.4) == math.erf(0.4)
    np.testing.assert_array_equal(erfc(np.array([0.1, 2.0])), [math.erfc(0.1), math.erfc(2.0)])


def test_a_function_calls_others_and_uses_python_as_it_likes() -> None:
    def power_series(x: Any, terms: int) -> Any:
        return sum(x**k / math.factorial(k) for k in range(terms))

    formula = traced(lambda r, a: power_series(a * r, 4), "a")
    assert evaluate(formula, {"r": 0.5, "a": 2.0}) == pytest.approx(1 + 1 + 0.5 + 1 / 6)


def test_parameters_are_matched_by_name_and_defaults_count() -> None:
    def energy(r: Any, k: Any, *, a: Any, b: float = 3.0) -> Any:
        return k * r + a + b

    formula = trace(energy, ("r",), {"a": constant(2.0), "k": symbol("k")})
    assert formula.symbols == {"r", "k"}
    assert evaluate(formula, {"r": 1.0, "k": 5.0}) == 10.0


def test_equal_formulas_have_equal_keys_and_others_do_not() -> None:
    def twice(r: Any) -> Any:
        return (r + 1) * (r + 1)

    def shared(r: Any) -> Any:
        x = r + 1
        return x * x

    assert traced(twice).key == traced(shared).key
    assert traced(lambda r: r - 1).key != traced(lambda r: 1 - r).key
    assert traced(lambda r: r * 2).key != traced(lambda r: r * 2.0000000000000004).key


def test_a_formula_that_doubles_many_times_stays_small() -> None:
    def doubling(r: Any) -> Any:
        for _ in range(200):
            r = r + r
        return r

    formula = traced(doubling)
    assert len(walk(formula)) == 201
    assert len(formula.key) < 10_000


def test_substitution_folds_constants() -> None:
    formula = traced(lambda r, n: r ** (n / 2), "n").substitute({"n": constant(6.0)})
    assert formula.operands[1].value == 3.0


def energy_with_math(r: Any) -> Any:
    return math.exp(-r)


def energy_with_if(r: Any) -> Any:
    if r < 1:
        return r
    return 0.0


def test_the_message_says_where_and_what_to_write_instead() -> None:
    line = energy_with_math.__code__.co_firstlineno + 1
    with pytest.raises(InputError, match=rf"test_trace\.py:{line}: .*np\.exp"):
        traced(energy_with_math)
    line = energy_with_if.__code__.co_firstlineno + 1
    with pytest.raises(InputError, match=rf"test_trace\.py:{line}: .*np\.where"):
        traced(energy_with_if)


COUNTER = itertools.count()

REFUSED: list[tuple[Callable[..., Any], str]] = [
    (lambda r: float(r), "np.exp"),
    (lambda r: min(r, 1), "np.minimum"),
    (lambda r: 1 if 0 < r < 1 else 0, "np.where"),
    (lambda r: np.sinc(r), "np.i0 cannot be traced|np.sinc cannot be traced; these can"),
    (lambda r: np.spacing(r), "np.spacing cannot be traced; these can"),
    (lambda r: np.round(r, 1), "whole numbers only"),
    (lambda r: np.select([r < 1], [r, 2]), "as many choices as conditions"),
    (lambda r: np.select([r], [r]), "condition"),
    (lambda r: np.piecewise(r, [r < 1], [1, 2, 3]), "one more at most"),
    (lambda r: np.linspace(0, r), "np.linspace cannot be traced"),
    (lambda r: np.add.reduce(r), r"no \.reduce"),
    (lambda r: np.exp(r, out=np.zeros(1)), "no options"),
    (lambda r: np.array([r, 1.0]).sum(), "array"),
    (lambda r: r * np.ones(3), r"shape \(3,\)"),
    (lambda r: r[0], "indexed"),
    (lambda r: sum(r), "looped"),
    (lambda r: len(r), "looped"),
    (lambda r: r + "a", "str meets"),
    (lambda r: r + None, "NoneType meets"),
    (lambda r: r + 1j, "complex meets"),
    (lambda r: r * 10**400, "too large"),
    (lambda r: r.foo, "has no attribute 'foo'"),
    (lambda r: 1 / 0 + r, "ZeroDivisionError"),
    (lambda r: np.where(r, 1, 2), "condition"),
    (lambda r: (r < 1) * 2.0, "np.where"),
    (lambda r: np.logical_and(r, r < 1), "condition"),
    (lambda r: None, "returns nothing"),
    (lambda r: (r, r), "one number, not tuple"),
    (lambda r: np.zeros(3), "one number"),
    (lambda r: r < 1, "not a condition"),
    (lambda r: "a", "one number"),
    (lambda r: math.nan, "finite"),
    (lambda x: x, "must take r first"),
    (lambda r, *rest: r, "rest"),
    (lambda r, **rest: r, "rest"),
    (lambda r, k: r * k, "needs a value for 'k'"),
    (lambda r: np.random.normal() * r, "gives another formula each time it is called: a random number"),  # noqa: NPY002
    (lambda r: time.perf_counter() * r, "a clock"),
    (lambda r: r * next(COUNTER), "anything else that changes"),
]


@pytest.mark.parametrize(("function", "message"), REFUSED)
def test_what_cannot_be_traced_is_refused(function: Callable[..., Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        traced(function)


def test_an_expression_cannot_be_changed() -> None:
    with pytest.raises(InputError, match="cannot be changed"):
        symbol("r").value = "x"


def test_a_long_sum_needs_no_recursion() -> None:
    formula = traced(lambda r: sum((r * k for k in range(5000)), start=r))
    assert evaluate(formula, {"r": 1.0}) == pytest.approx(5000 * 4999 / 2 + 1)


@pytest.mark.parametrize("function", [max, dict, range])
def test_what_does_not_say_what_it_takes_is_refused(function: Any) -> None:
    with pytest.raises(InputError, match="does not say what it takes"):
        parameters(function)
