"""Sums over particles, threads and ranks that do not depend on the order.

Algorithm: numbers are rounded to whole multiples of a unit before they are added, and whole numbers add up to the same
in any order. Where int64 could overflow they are added as limbs, each of which counts 2**32 of the next one's units.
What rounding to the unit leaves of a number is exact, so it makes one more limb below the unit: it adds what is small
beside the largest number.

Disadvantage: a unit must be chosen beforehand, from a bound or from the largest number.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from motes.core.compiled import njit
from motes.core.state import ROUND, Floats, Integers
from motes.exact.arithmetic import round_with
from motes.exact.quanta import power_above

Add = Callable[[Integers], Integers]
"""Adds integers, number by number, over all ranks that hold a part."""


LIMB = 2.0**-32
"""The unit of a limb, in that of the one above it."""

FINEST_SUM = 2.0**-1000
"""The finest unit of a sum: its multiples are ordinary numbers."""

SUM_LIMB = 2.0**-48
"""The same of the three limbs in which what neighbours add up for a particle is kept. Roots and logarithms of such a
sum are as sensitive to a small one as to a large one, so it is known to 2**-96 of a quantum."""


@njit(inline="always")
def limbs_of(value: float, quantum: float) -> tuple[int, int]:
    """A number rounded to quanta, of which it may be 2**62: (high, low), high counting 2**32 of them."""
    unit = quantum / LIMB
    coarse = round_with(value, ROUND * unit)
    return int(coarse / unit), int(round_with(value - coarse, ROUND * quantum) / quantum)


def finest(largest: float) -> float:
    """The finest quantum, for limbs, of numbers up to this."""
    return max(power_above(largest) * 2.0**-62, FINEST_SUM)


def whole(*limbs: int) -> int:
    """The number of which these are the limbs, the highest first; Python's integers have no end."""
    number = 0
    for limb in limbs:
        number = (number << 32) + int(limb)
    return number


def total_of(number: int, add: Add) -> int:
    """The sum over all ranks of whole numbers below 2**127."""
    return whole(*add(np.array([number >> 64, number >> 32 & 0xFFFFFFFF, number & 0xFFFFFFFF])).tolist())


def exact_sum(values: Floats, bound: float, add: Add) -> float:
    """The sum over all parts of numbers up to about bound, to 2**-52 of it each.

    Both halves leave room for 2**30 numbers.
    """
    coarse_unit = math.ldexp(1.0, math.frexp(bound)[1] - 20)
    fine_unit = coarse_unit * 2.0**-32
    coarse = np.rint(values / coarse_unit)
    fine = np.rint((values - coarse * coarse_unit) / fine_unit)
    halves = add(np.array([int(coarse.astype(np.int64).sum()), int(fine.astype(np.int64).sum())]))
    return float(whole(*halves.tolist())) * fine_unit
