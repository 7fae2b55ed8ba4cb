"""The error of a mean of numbers that follow each other in time, and so resemble each other.

Algorithm: numbers are averaged in blocks of 1, 2, 4, ... of them, and the error is estimated from the scatter of the
blocks of each length, as if these were independent: with the length it rises to a plateau, once they are (Flyvbjerg and
Petersen, J. Chem. Phys. 91, 461 (1989)). Of n numbers, and errors e(B) at blocks of length B, the error is that of the
shortest blocks for which B^3 > 2 n (e(B) / e(1))^4: there what is left of the resemblance, which makes it too small by
a part of about t / B, and its own uncertainty together are least (Wolff, Comput. Phys. Commun. 156, 143 (2004); Lee et
al., Phys. Rev. E 83, 066706 (2011)). Each length keeps a mean, a sum of squares and one block that waits for its
neighbour, so the memory grows with the logarithm of n.

Disadvantages: the numbers must be of one stationary series; what drifts, as before equilibrium, has no such error. The
last numbers, which fill no block, are left out at that length.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import count
from typing import Any, NamedTuple, Self

import numpy as np

from motes.core.errors import InputError
from motes.core.state import Floats, Integers
from motes.observers.memory import count_in, floats_in, texts_of

FEWEST = 4
"""Blocks from whose scatter an error is estimated: of fewer, it is uncertain by more than two fifths of itself."""


class Level(NamedTuple):
    """The blocks of one length: how many, their mean, the sum of squares of what they differ from it, and the last."""

    number: int = 0
    mean: float = 0.0
    squares: float = 0.0
    last: float = math.nan

    def with_block(self, value: float) -> Level:
        """With another block (Welford, Technometrics 4, 419 (1962))."""
        apart = value - self.mean
        mean = self.mean + apart / (self.number + 1)
        return Level(self.number + 1, mean, self.squares + apart * (value - mean), value)

    @property
    def error(self) -> float:
        """Of the mean, if blocks were independent; NaN of one."""
        n = self.number
        return math.sqrt(self.squares / (n * (n - 1))) if n > 1 else math.nan


class Blocking:
    """A series of numbers, of which each is forgotten once it has been added."""

    def __init__(self) -> None:
        self._levels: list[Level] = [Level()]

    def add(self, value: float) -> None:
        """The next number."""
        for k in count():
            if k == len(self._levels):
                self._levels.append(Level())
            before = self._levels[k].last
            self._levels[k] = self._levels[k].with_block(value)
            if self._levels[k].number % 2 == 1:  # it waits for the next one
                return
            value = 0.5 * (before + value)

    @property
    def number(self) -> int:
        """How many there are."""
        return self._levels[0].number

    @property
    def mean(self) -> float:
        """Of all; NaN of none."""
        return self._levels[0].mean if self.number else math.nan

    @property
    def lengths(self) -> Integers:
        """Of blocks, (l,): 1, 2, 4, ... numbers."""
        return 2 ** np.arange(len(self._levels))

    @property
    def numbers(self) -> Integers:
        """Of blocks of each length, (l,)."""
        return np.array([level.number for level in self._levels])

    @property
    def errors(self) -> Floats:
        """Of the mean, by blocks of each length, (l,); NaN of one block."""
        return np.array([level.error for level in self._levels])

    @property
    def uncertainties(self) -> Floats:
        """Of these errors, (l,): e / sqrt(2 (n - 1)) of n blocks."""
        with np.errstate(divide="ignore", invalid="ignore"):
            uncertainties: Floats = self.errors / np.sqrt(2.0 * (self.numbers - 1))
        return uncertainties

    def plateau(self, fewest: int = FEWEST) -> int | None:
        """Which length tells the error (see above), of those with so many blocks at least; None: there is none yet."""
        first = self._levels[0].error
        for k, level in enumerate(self._levels):
            if level.number < fewest:
                return None
            if first == 0.0:  # all the same
                return k
            ratio = level.error / first
            if 8.0**k > 2.0 * self.number * ratio * ratio * ratio * ratio:
                return k
        return None

    def error(self, fewest: int = FEWEST) -> float:
        """Of the mean; NaN as long as there are too few numbers to tell."""
        chosen = self.plateau(fewest)
        return math.nan if chosen is None else self._levels[chosen].error

    @classmethod
    def all_in(cls, memory: Mapping[str, Any], name: str, count: int) -> list[Self]:
        """So many that were remembered by a name."""
        kept = memory.get(name)
        if not isinstance(kept, list) or len(kept) != count:
            raise InputError(f"the checkpoint's entry of an observer is damaged: '{name}'; use another checkpoint")
        return [cls.from_memory(one) for one in kept]

    def remember(self) -> dict[str, Any]:
        """As JSON knows it."""
        numbers = [number for level in self._levels for number in level[1:]]
        return {"number": self.number, "levels": texts_of(numbers)}

    @classmethod
    def from_memory(cls, memory: Any) -> Self:
        """The one that goes on from there; InputError if the memory makes no sense."""
        if not isinstance(memory, Mapping):
            raise InputError("the checkpoint's entry of an observer is damaged: no blocks; use another checkpoint")
        blocking, number = cls(), count_in(memory, "number")
        depth = max(1, number.bit_length())
        values = np.array(floats_in(memory, "levels", 3 * depth)).reshape(depth, 3).tolist()
        blocking._levels = [Level(number >> k, *of_level) for k, of_level in enumerate(values)]
        return blocking


def with_error(mean: float, error: float) -> str:
    """A number with its error, of which two digits count."""
    if not error > 0.0 or not math.isfinite(error):
        return f"{mean:.6g}"
    decimals = 1 - math.floor(math.log10(error))
    if decimals > 12 or abs(mean) >= 1e12:
        return f"{mean:.15g} +- {error:.2g}"
    return " +- ".join(f"{round(value, decimals):.{max(0, decimals)}f}" for value in (mean, error))
