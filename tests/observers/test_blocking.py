"""Errors of means, of series whose errors are known."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

import motes
from motes.observers.blocking import Blocking, with_error


def blocked(values: Any) -> Blocking:
    blocking = Blocking()
    for value in np.asarray(values).tolist():
        blocking.add(value)
    return blocking


def series(number: int, memory: float, seed: int) -> Any:
    """Numbers of scatter 1, each of which remembers such a part of the one before: AR(1)."""
    random = np.random.default_rng(seed)
    values = random.normal(size=number)
    for k in range(1, number):
        values[k] = memory * values[k - 1] + math.sqrt(1 - memory**2) * values[k]
    return values


@pytest.mark.parametrize("number", [1, 2, 3, 7, 64, 1000, 4097])
def test_levels_are_those_of_numpy(number: int) -> None:
    values = np.random.default_rng(number).normal(5.0, 2.0, number)
    blocking = blocked(values)
    assert blocking.mean == pytest.approx(values.mean(), rel=1e-12)
    assert blocking.lengths.tolist() == [2**k for k in range(number.bit_length())]
    for k, length in enumerate(blocking.lengths):
        count = number // length
        blocks = values[: count * length].reshape(count, length).mean(axis=1)
        assert blocking.numbers[k] == count
        if count > 1:
            error = blocks.std(ddof=1) / math.sqrt(count)
            assert blocking.errors[k] == pytest.approx(error, rel=1e-9)
            assert blocking.uncertainties[k] == pytest.approx(error / math.sqrt(2 * (count - 1)), rel=1e-9)
        else:
            assert math.isnan(blocking.errors[k])
            assert math.isnan(blocking.uncertainties[k])


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.9, 0.98, -0.5])
def test_the_error_is_the_known_one_of_a_series_with_memory(memory: float) -> None:
    number = 2**15
    known = math.sqrt((1 + memory) / (1 - memory) / number)  # the integral of memory**|t| over all t
    errors = [blocked(series(number, memory, seed)).error() for seed in range(8)]
    assert np.mean(errors) == pytest.approx(known, rel=0.1)
    assert errors == pytest.approx([known] * 8, rel=0.5)


def test_means_scatter_as_their_errors_say() -> None:
    found = [blocked(series(2000, 0.8, seed)) for seed in range(60)]
    ratios = [one.mean / one.error() for one in found]
    assert 0.75 < np.std(ratios) < 1.35


def test_too_short_a_series_has_no_error() -> None:
    assert math.isnan(blocked(series(200, 0.98, 1)).error())
    assert math.isnan(blocked([1.0, 2.0, 3.0]).error())
    assert math.isnan(blocked([1.0]).error())
    assert math.isnan(Blocking().mean)
    assert blocked(series(100, 0.0, 1)).plateau(fewest=60) is None
    assert blocked(series(100, 0.0, 1)).plateau(fewest=2) == 3  # blocks of 8: 8**3 > 2 * 100


def test_numbers_that_are_all_the_same_have_none() -> None:
    blocking = blocked([0.1] * 1000)
    assert (blocking.mean, blocking.error()) == (0.1, 0.0)
    near = blocked(1e9 + series(10000, 0.0, 1))  # nothing is lost beside a large mean
    assert near.error() == pytest.approx(0.01, rel=0.2)


@pytest.mark.parametrize("number", [0, 1, 2, 5, 64, 999])
def test_it_goes_on_from_a_checkpoint(number: int) -> None:
    values = series(1000, 0.5, 3)
    again = Blocking.from_memory(json.loads(json.dumps(blocked(values[:number]).remember(), allow_nan=False)))
    for value in values[number:].tolist():
        again.add(value)
    whole = blocked(values)
    assert repr((again.mean, again.errors.tolist())) == repr((whole.mean, whole.errors.tolist()))
    with pytest.raises(motes.InputError, match="damaged"):
        Blocking.from_memory(blocked(values).remember() | {"number": 7})


@pytest.mark.parametrize(
    ("mean", "error", "text"),
    [
        (0.721812, 0.00342, "0.7218 +- 0.0034"),
        (-345.26, 12.3, "-345 +- 12"),
        (-18484.6, 1234.0, "-18500 +- 1200"),
        (1.0, 0.0, "1"),
        (2.5, math.nan, "2.5"),
        (1.0, 1e-15, "1 +- 1e-15"),
    ],
)
def test_two_digits_of_an_error_count(mean: float, error: float, text: str) -> None:
    assert with_error(mean, error) == text
