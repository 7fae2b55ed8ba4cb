"""The elementary functions: accuracy against mpmath, edges, and that loops over them become vector code."""

from __future__ import annotations

import math
import platform
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from numba import njit
from numpy.typing import NDArray

from motes.exact import functions

Array = NDArray[np.float64]
RANDOM = np.random.default_rng(20260101)
NUMBER = 400


def loop(function: Any) -> Any:
    """A compiled loop over an array, as in a kernel."""

    def run(x: Array, out: Array) -> None:
        for i in range(x.size):
            out[i] = function(x[i])

    return njit(error_model="numpy")(run)


def values(function: Any, x: Array) -> Array:
    out = np.empty_like(x)
    loop(function)(x, out)
    return out


def worst_ulps(function: Any, reference: Callable[[Any], Any], x: Array) -> float:
    """The largest error in units of the last place of the correct value."""
    worst = 0.0
    with mpmath.workprec(300):
        for argument, value in zip(x, values(function, x), strict=True):
            correct = reference(mpmath.mpf(float(argument)))
            error = abs(mpmath.mpf(float(value)) - correct) / math.ulp(float(correct))
            worst = max(worst, float(error))
    return worst


def spread(*ranges: tuple[float, float]) -> Array:
    return np.concatenate([RANDOM.uniform(low, high, NUMBER) for low, high in ranges])


ACCURACY = [
    ("exp", mpmath.exp, spread((-708.0, 709.78), (-1.0, 1.0), (-1e-9, 1e-9)), 1.0),
    ("log", mpmath.log, np.concatenate([spread((0.5, 2.0), (1 - 1e-9, 1 + 1e-9)), np.exp(spread((-700, 700)))]), 1.0),
    ("sin", mpmath.sin, np.concatenate([spread((-1e5, 1e5), (-7.0, 7.0)), np.arange(-99, 99) * np.pi]), 2.0),
    ("cos", mpmath.cos, np.concatenate([spread((-1e5, 1e5), (-7.0, 7.0)), np.arange(-99, 99) * np.pi / 2]), 2.0),
    ("erf", mpmath.erf, spread((-6.0, 6.0), (0.9, 1.1), (-1e-8, 1e-8)), 5.0),
    ("erfc", mpmath.erfc, spread((-6.0, 6.0), (0.0, 3.0), (3.0, 26.0)), 20.0),
    ("tanh", mpmath.tanh, spread((-25.0, 25.0), (-1.0, 1.0), (-1e-8, 1e-8)), 5.0),
    ("sinh", mpmath.sinh, spread((-708.0, 708.0), (-1.0, 1.0), (-1e-8, 1e-8)), 5.0),
    ("cosh", mpmath.cosh, spread((-709.0, 709.0), (-1.0, 1.0)), 5.0),
    ("arctan", mpmath.atan, spread((-5.0, 5.0), (-1e4, 1e4), (-1e-8, 1e-8)), 5.0),
    ("tan", mpmath.tan, np.concatenate([spread((-7.0, 7.0), (-1e5, 1e5)), np.arange(1, 99) * np.pi / 2]), 5.0),
    ("arcsin", mpmath.asin, np.concatenate([spread((-1.0, 1.0), (0.49, 0.51), (-1e-8, 1e-8)), [1.0, -1.0]]), 1.0),
    ("arccos", mpmath.acos, np.concatenate([spread((-1.0, 1.0), (0.49, 0.51), (0.999, 1.0)), [-1.0, 0.0]]), 1.0),
    ("exp2", lambda x: mpmath.power(2, x), spread((-1074.0, 1023.9), (-1.0, 1.0)), 1.0),
    (
        "expm1",
        mpmath.expm1,
        np.concatenate([spread((-40.0, 700.0), (-1.0, 1.0)), small := 10.0 ** spread((-300, -3))]),
        1,
    ),
    ("log1p", mpmath.log1p, np.concatenate([spread((-1.0, 1.0), (1.0, 1e9)), small, -small]), 1.0),
    ("log2", lambda x: mpmath.log(x, 2), np.concatenate([spread((0.5, 2.0)), 10.0 ** spread((-323, 308))]), 1.0),
    ("log10", lambda x: mpmath.log(x, 10), np.concatenate([spread((0.5, 2.0)), 10.0 ** spread((-323, 308))]), 1.0),
    ("cbrt", lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)), np.concatenate([spread((-9.0, 9.0)), small]), 1.0),
]


@pytest.mark.parametrize(("name", "reference", "x", "ulps"), ACCURACY, ids=[case[0] for case in ACCURACY])
def test_accuracy_in_units_of_the_last_place(name: str, reference: Any, x: Array, ulps: float) -> None:
    assert worst_ulps(getattr(functions, name), reference, x) <= ulps


@pytest.mark.parametrize(("y", "ulps"), [(0.3, 2), (1 / 3, 2), (2.7, 2), (-13.3, 2), (33.33, 2), (-200.5, 10)])
def test_accuracy_of_power(y: float, ulps: float) -> None:
    power = functions.power

    def to_the_y(x: float) -> float:
        return power(x, y)

    x = RANDOM.uniform(0.1, 10.0, NUMBER)
    assert worst_ulps(njit(error_model="numpy")(to_the_y), lambda a: mpmath.power(a, mpmath.mpf(y)), x) <= ulps


LARGE = np.concatenate([10.0 ** spread((5, 15)), np.round(10.0 ** spread((5, 14))) * np.pi])


@pytest.mark.parametrize("name", ["sin", "cos"])
def test_sine_and_cosine_of_large_numbers(name: str) -> None:
    assert worst_ulps(getattr(functions, name), getattr(mpmath, name), LARGE) <= 2.5


def of_pairs(name: str, x: Array, y: Array) -> Array:
    function = getattr(functions, name)

    def run(x: Array, y: Array, out: Array) -> None:
        for i in range(x.size):
            out[i] = function(x[i], y[i])

    out = np.empty_like(x)
    njit(error_model="numpy")(run)(x, y, out)
    return out


SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 2.5, -2.5, 3.0, np.inf, -np.inf, np.nan, 1e300, 5e-324])


@pytest.mark.parametrize("name", ["hypot", "arctan2", "fmin", "fmax", "heaviside", "remainder"])
def test_functions_of_two_numbers_are_those_of_numpy(name: str) -> None:
    size = 10.0 ** spread((-3, 3), (-300, 300))
    x, y = (np.concatenate([part, RANDOM.permutation(size) * sign]) for part, sign in ((size, 1.0), (-size, -1.0)))
    special = [part.ravel() for part in np.meshgrid(SPECIAL, SPECIAL)]
    x, y = np.concatenate([x, special[0]]), np.concatenate([y, special[1]])
    with np.errstate(all="ignore"):
        if name == "remainder":  # documented: no number where the quotient has no digits after the point
            finite = ~(np.abs(x / y) >= 2.0**52) | ~np.isfinite(x) | (y == 0)
            x, y = x[finite], y[finite]
        np.testing.assert_allclose(of_pairs(name, x, y), getattr(np, name)(x, y), rtol=5e-16, atol=0)


def test_a_remainder_without_digits_is_no_number() -> None:
    assert math.isnan(functions.remainder(1e300, 1.0))


@pytest.mark.parametrize("name", ["floor", "ceil", "rint", "trunc", "sign"])
def test_rounding_is_that_of_numpy_and_zeros_keep_their_sign(name: str) -> None:
    x = np.concatenate([np.arange(-5, 5, 0.25), SPECIAL, [2.0**52 + 1, -(2.0**51) - 0.5, np.nextafter(0.5, 0)]])
    found, expected = values(getattr(functions, name), x), getattr(np, name)(x)
    np.testing.assert_array_equal(found, expected)
    assert (np.signbit(found) == np.signbit(expected))[~np.isnan(x)].all()


def test_powers_of_negative_numbers() -> None:
    x, y = np.array([-2.0, -2.0, -2.0, -0.5, -8.0, 3.0]), np.array([2.0, 3.0, 0.5, -1.0, 1 / 3, 0.5])
    expected = [4.0, -8.0, np.nan, -2.0, np.nan, np.sqrt(3)]
    np.testing.assert_allclose(of_pairs("signed_power", x, y), expected, rtol=4e-16)


def test_logarithms_of_whole_powers_are_whole() -> None:
    np.testing.assert_array_equal(values(functions.log2, 2.0 ** np.arange(-1074, 1024)), np.arange(-1074, 1024))
    np.testing.assert_array_equal(values(functions.log10, 10.0 ** np.arange(23)), np.arange(23))


EDGES: list[tuple[str, float, float]] = [
    ("exp", 0.0, 1.0),
    ("exp", math.inf, math.inf),
    ("exp", -math.inf, 0.0),
    ("exp", 709.79, math.inf),
    ("exp", -708.5, 0.0),
    ("exp", -1e300, 0.0),
    ("log", 0.0, -math.inf),
    ("log", 1.0, 0.0),
    ("log", -1.0, math.nan),
    ("log", math.inf, math.inf),
    ("sin", 0.0, 0.0),
    ("sin", math.inf, math.nan),
    ("cos", 0.0, 1.0),
    ("cos", -math.inf, math.nan),
    ("erf", math.inf, 1.0),
    ("erf", -math.inf, -1.0),
    ("erf", 0.0, 0.0),
    ("erfc", math.inf, 0.0),
    ("erfc", -math.inf, 2.0),
    ("tanh", math.inf, 1.0),
    ("tanh", -math.inf, -1.0),
    ("sinh", math.inf, math.inf),
    ("sinh", -math.inf, -math.inf),
    ("cosh", -math.inf, math.inf),
    ("arctan", math.inf, math.pi / 2),
    ("arctan", -math.inf, -math.pi / 2),
    ("arcsin", 1.1, math.nan),
    ("arccos", -1.1, math.nan),
    ("exp2", -math.inf, 0.0),
    ("exp2", 1024.0, math.inf),
    ("exp2", -1074.0, 5e-324),
    ("expm1", -math.inf, -1.0),
    ("expm1", math.inf, math.inf),
    ("log1p", -1.0, -math.inf),
    ("log1p", -1.1, math.nan),
    ("log2", 5e-324, -1074.0),
    ("log10", 0.0, -math.inf),
    ("cbrt", -27.0, -3.0),
    ("cbrt", -math.inf, -math.inf),
]


@pytest.mark.parametrize(("name", "x", "expected"), EDGES)
def test_edges(name: str, x: float, expected: float) -> None:
    np.testing.assert_equal(getattr(functions, name)(x), expected)


@pytest.mark.parametrize("name", [case[0] for case in ACCURACY])
def test_nan_stays_nan(name: str) -> None:
    assert math.isnan(getattr(functions, name)(math.nan))


@pytest.mark.parametrize("x", [0.0, 0.5, 1.0, 2.0, math.inf, math.nan, -0.0, -0.5, -1.0, -2.0, -math.inf])
@pytest.mark.parametrize("y", [-math.inf, -3.0, -2.5, -2.0, -1.0, 0.0, 1.0, 2.0, 2.5, 3.0, math.inf, math.nan])
def test_powers_at_the_edges_are_those_of_numpy(x: float, y: float) -> None:
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = float(np.power(x, y))
    for name in ("signed_power", *(["power"] if math.copysign(1.0, x) > 0 else [])):
        found = getattr(functions, name)(x, y)
        assert found == pytest.approx(expected, rel=4e-16, nan_ok=True)
        assert math.isnan(found) or math.copysign(1.0, found) == math.copysign(1.0, expected)


@pytest.mark.parametrize(("x", "y"), [(-1.0, 2.5), (math.nan, 1.5), (2.0, math.nan)])
def test_power_without_a_value_is_nan(x: float, y: float) -> None:
    assert math.isnan(functions.power(x, y))


def test_power_overflows_and_underflows() -> None:
    assert functions.power(1e200, 3.0) == math.inf
    assert functions.power(1e200, -3.0) == 0.0
    assert functions.power(1e-200, 1e300) == 0.0


@pytest.mark.parametrize("name", ["sin", "cos"])
def test_sine_and_cosine_stay_bounded_for_huge_arguments(name: str) -> None:
    x = 10.0 ** RANDOM.uniform(5, 308, NUMBER)
    assert np.all(np.abs(values(getattr(functions, name), x)) <= 1.0 + 1e-15)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="looks for the names of x86 vector registers")
@pytest.mark.parametrize("name", [case[0] for case in ACCURACY])
def test_a_loop_over_it_is_vector_code(name: str) -> None:
    compiled = loop(getattr(functions, name))
    compiled(np.zeros(1), np.zeros(1))
    (assembly,) = compiled.inspect_asm().values()
    packed = [line for line in assembly.splitlines() if "vfmadd" in line and "pd" in line]
    assert any("ymm" in line or "zmm" in line for line in packed)


def test_the_same_bits_alone_and_in_a_vector() -> None:
    x = spread((-50.0, 50.0))
    for name in (case[0] for case in ACCURACY):
        function = getattr(functions, name)
        alone = np.array([function(value) for value in x])
        np.testing.assert_array_equal(alone.view(np.int64), values(function, x).view(np.int64), err_msg=name)
