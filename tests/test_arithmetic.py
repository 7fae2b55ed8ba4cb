"""The four operations whose bits everything rests on, against exact fractions and NumPy's views."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from motes.core.state import ROUND, Floats
from motes.exact.arithmetic import fma, from_bits, round_with, to_bits, wide_vectors

NUMBERS = st.floats(-1e60, 1e60).filter(lambda x: x == 0 or abs(x) > 1e-60)
ANY = st.floats(allow_nan=True, allow_infinity=True)


@njit
def call_fma(a: float, b: float, c: float) -> float:
    return fma(a, b, c)


@njit
def call_contracted(a: float, b: float, c: float) -> float:
    return a * b + c


@njit
def call_to_bits(x: float) -> int:
    return to_bits(x)


@njit
def call_from_bits(x: int) -> float:
    return from_bits(x)


@njit
def sum_of_bits(numbers: Floats) -> int:
    wide_vectors()
    bits = 0
    for i in range(len(numbers)):
        bits += to_bits(fma(numbers[i], numbers[i], 1.0))
    return bits


@njit
def call_round(x: float, magic: float) -> float:
    return round_with(x, magic)


@njit
def sum_in_quanta(values: np.ndarray, magic: float) -> int:
    """As the pair kernels do it: the low bits of value + magic are the number of quanta."""
    total = 0
    for value in values:
        total += to_bits(value + magic)
    return total - len(values) * to_bits(magic)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_fma_rounds_once(a, b, c):
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    assert call_fma(a, b, c) == float(exact)


def test_fma_sees_what_two_roundings_lose():
    a = 1.0 + 2.0**-30
    assert call_fma(a, a, -(1.0 + 2.0**-29)) == 2.0**-60
    assert call_contracted(a, a, -(1.0 + 2.0**-29)) == 0.0  # the compiler never contracts on its own


def test_fma_of_what_is_not_finite():
    assert call_fma(math.inf, 1.0, 0.0) == math.inf
    assert math.isnan(call_fma(math.inf, 0.0, 0.0))
    assert math.isnan(call_fma(1.0, 1.0, math.nan))


@given(ANY)
def test_bits_are_those_of_the_number_and_lead_back(x):
    bits = call_to_bits(x)
    assert bits == int(np.float64(x).view(np.int64))
    assert np.float64(call_from_bits(bits)).tobytes() == np.float64(x).tobytes()


@pytest.mark.parametrize(("number", "bits"), [(0.0, 0), (1.0, 0x3FF << 52), (-0.0, -(2**63)), (math.inf, 0x7FF << 52)])
def test_bits_of_some_numbers(number, bits):
    assert call_to_bits(number) == bits


def test_bits_order_numbers_that_are_not_negative_and_put_nan_last():
    rising = [0.0, 5e-324, 1e-300, 1.0, 1.5, 1e300, math.inf, math.nan]
    bits = [call_to_bits(x) for x in rising]
    assert bits == sorted(bits)


@given(st.integers(-(2**51) + 2, 2**51 - 2), st.integers(0, 7), st.integers(-900, 900))
def test_rounding_is_to_the_nearest_quantum_with_ties_to_even(count, eighths, exponent):
    quantum = 2.0**exponent
    exact = Fraction(count) + Fraction(eighths, 8)
    value = float(exact)  # rounded itself where the count is large
    assert call_round(value * quantum, ROUND * quantum) == float(round(Fraction(value))) * quantum


@given(st.floats(-(2.0**50), 2.0**50))
def test_rounding_is_symmetric_in_sign(x):
    assert call_round(-x, ROUND) == -call_round(x, ROUND)


@given(st.lists(st.floats(-(2.0**48), 2.0**48), max_size=50), st.integers(-900, 900), st.randoms())
def test_sums_of_quanta_are_exact_in_any_order(values, exponent, random):
    quantum = 2.0**exponent
    scaled = [value * quantum for value in values]
    expected = sum(round(Fraction(value)) for value in values)
    assert sum_in_quanta(np.array(scaled), ROUND * quantum) == expected
    random.shuffle(scaled)
    assert sum_in_quanta(np.array(scaled), ROUND * quantum) == expected


def test_a_function_is_marked_for_wide_vectors() -> None:
    numbers = np.random.default_rng(5).normal(size=1001)
    total = sum(call_to_bits(call_fma(x, x, 1.0)) for x in numbers)
    assert (sum_of_bits(numbers) - total) % 2**64 == 0
    marked = {name for name, text in sum_of_bits.inspect_llvm().items() if '"prefer-vector-width"="512"' in text}
    assert marked == set(sum_of_bits.signatures)
    assert '"prefer-vector-width"' not in next(iter(call_fma.inspect_llvm().values()))
