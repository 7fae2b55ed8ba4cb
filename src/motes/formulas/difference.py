"""Slopes by central differences: for checks, tests and messages, which must share no mistake with derived code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from motes.core.state import Floats

STEP = 1e-5
"""As a part of the length over which a function changes: the cube root of what rounding leaves, so slopes have some
nine digits."""


def central_slope(function: Callable[[Any], ArrayLike], x: ArrayLike, scale: ArrayLike, step: float = STEP) -> Floats:
    """The slope of a function at x.

    Args:
        function: of x, element by element.
        x: numbers, or one.
        scale: the length over which the function changes, positive.
        step: how far to go to either side, as a part of that.
    """
    x = np.asarray(x, float)
    h = step * np.asarray(scale, float)
    with np.errstate(all="ignore"):
        up, down = (np.asarray(function(x + side * h), float) for side in (1, -1))
        found: Floats = (up - down) / (2 * h)
    return found
