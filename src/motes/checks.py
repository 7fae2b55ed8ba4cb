"""The questions that numbers from outside must answer before anything else sees them.

Each function returns its input in one known form or raises an InputError that starts with the input's name.
Text, booleans and complex numbers are refused rather than converted: a quiet conversion hides a mistake.
"""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motes.errors import InputError


def numbers(name: str, values: Any) -> NDArray[np.float64]:
    """A float64 copy of an array of real numbers of any shape; NaN and infinity pass."""
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise InputError(f"{name}: rows of different lengths; expected a rectangular array of numbers") from error
    if array.dtype.kind not in "iuf":
        raise InputError(f"{name}: expected real numbers, got {_brief(values)}")
    return array.astype(np.float64)


def number(name: str, value: Any, *, minimum: float = -math.inf, above: float = -math.inf) -> float:
    """One finite real number, at least `minimum` and greater than `above`."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real) or not math.isfinite(value):
        raise InputError(f"{name}: expected a finite number, got {_brief(value)}")
    if value < minimum:
        raise InputError(f"{name}: expected at least {minimum:g}, got {value}")
    if value <= above:
        raise InputError(f"{name}: expected more than {above:g}, got {value}")
    return float(value)


def whole_number(name: str, value: Any, *, minimum: int) -> int:
    """One integer that is at least `minimum`."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Integral) or value < minimum:
        raise InputError(f"{name}: expected a whole number of at least {minimum}, got {_brief(value)}")
    return int(value)


def random_generator(seed: Any) -> np.random.Generator:
    """The generator of random numbers that this seed, a whole number >= 0, stands for."""
    return np.random.default_rng(whole_number("seed", seed, minimum=0))


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
