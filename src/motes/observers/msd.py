"""The mean-squared displacement, by the time between two moments, over as many origins as there are.

msd(t) = <|x(t0 + t) - x(t0)|^2>, the mean over particles and over all moments t0 that were seen (Frenkel and Smit,
Understanding Molecular Simulation, 2nd edition, section 4.4), of unwrapped positions; no drift is taken off. Squares
are added in whole numbers of quanta, so no order counts. The disadvantage: positions of the last moments are kept on
rank 0, 24 bytes a particle and lag, and lie in checkpoints.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from motes.core.checks import Count, whole_number
from motes.core.compiled import njit
from motes.core.errors import RunError
from motes.core.state import ROUND, Array, Floats, Integers
from motes.core.words import known_keywords
from motes.exact.arithmetic import from_bits, to_bits, wide_vectors
from motes.exact.quanta import power_above
from motes.exact.sums import FINEST_SUM, whole
from motes.observers.frame import Frame
from motes.observers.memory import (
    bytes_in,
    count_in,
    floats_in,
    number_in,
    numbers_in,
    path_or_none_in,
    text_of,
    texts_of,
)
from motes.observers.result import Result, mean_of

MOST_LAGS = 10_000
SAME = 1e-9
"""Times between moments are the same if they differ by no more than this part."""


BLOCK = 2048
"""So many whole numbers up to 2**51 add up in int64."""


@njit(cache=True, nogil=True)
def longest_way(now: Floats, then: Floats) -> float:
    """The largest component of a displacement; NaN for no number."""
    wide_vectors()
    longest = 0  # as bits: the maximum of integers vectorises
    for i in range(len(now)):
        bits = to_bits(abs(now[i] - then[i]))
        longest = bits if bits > longest else longest
    return from_bits(longest)


@njit(cache=True, nogil=True)
def add_squares(now: Floats, then: Floats, magic: float) -> tuple[int, int]:
    """The sum of squares of displacements along an axis: (high, low), high counting 2**32 quanta; magic is ROUND."""
    wide_vectors()
    nothing = to_bits(magic)
    high = low = 0
    for first in range(0, len(now), BLOCK):
        here, there = now[first : first + BLOCK], then[first : first + BLOCK]
        block = 0
        for i in range(len(here)):
            way = here[i] - there[i]
            block += to_bits(way * way + magic) - nothing
        high += block >> 32
        low += block & 0xFFFFFFFF
    return high, low


def sum_of_squares(now: Floats, then: Floats) -> float:
    """The same, each to 2**-52 of the largest, rounded once."""
    quantum = max(power_above(longest_way(now, then) ** 2) * 2.0**-51, FINEST_SUM)
    return float(whole(*add_squares(now, then, ROUND * quantum))) * quantum


class Msd(Result):
    """The mean-squared displacement of a run, as an observer: `simulation.every(100, motes.Msd(lags=20))`.

    Args:
        lags: how many: of 1, 2, ... times the interval at which it looks.
        path: of a CSV file with columns lags, times, msd, pairs and one for each axis, which is written whenever a run
            ends.
        overwrite: whether a file that is there already is not kept under another name.

    After a run `lags` in steps, `times`, `msd` and `pairs`, the pairs of moments in each mean, all (n,), and `by_axis`,
    (n, d), are the result; NaN for lags that the run was too short for. Every moment is an origin. `plot()` draws it.
    Checkpoints have it. Where particles come or go, or are put elsewhere, moments before have none after. All particles
    count, also those that are frozen.

    Raises:
        RunError: in a run, for moments that are not equal times apart, as after a change of dt.
    """

    @known_keywords
    def __init__(self, lags: Count = 20, path: str | Path | None = None, overwrite: bool = False) -> None:
        super().__init__(path, overwrite)
        self.count = whole_number("Msd: lags", lags, minimum=1, maximum=MOST_LAGS)
        self.pairs: Integers = np.zeros(self.count, np.int64)
        self._means: Floats = np.zeros((self.count, 3))  # summed over pairs of moments
        self._past: list[Floats] = []  # (d, N), the last one first
        self._ids: Integers = np.zeros(0, np.int64)
        self._time = math.nan
        self._interval, self._duration = 0, math.nan  # in steps, and in time

    def __repr__(self) -> str:
        return f"Msd(lags={self.count}, path={self.path!r}, overwrite={self.overwrite})"

    def __call__(self, frame: Frame) -> None:
        """Compare this moment with those before."""
        self._go_on()
        if self._past and not (np.array_equal(frame.ids, self._ids) and frame.box.dimensions == len(self._past[0])):
            self._past = []
        if self._past:
            self._check_interval(frame)
        now = np.ascontiguousarray(frame.unwrapped.T)
        for k, then in enumerate(self._past):
            self._means[k, : len(now)] += [sum_of_squares(*axes) / now.shape[1] for axes in zip(now, then, strict=True)]
            self.pairs[k] += 1
        self._past = [now, *self._past[: self.count - 1]]
        self._ids, self._step, self._time = frame.ids.copy(), frame.step, frame.time

    def _check_interval(self, frame: Frame) -> None:
        steps, duration = frame.step - self._step, frame.time - self._time
        if self._interval == 0:
            self._interval, self._duration = steps, duration
        if steps != self._interval or abs(duration - self._duration) > SAME * self._duration:
            raise RunError(
                f"Msd: {steps} steps and a time of {duration:g} after the last moment, where it was {self._interval} "
                f"and {self._duration:g}: lags are of equal times; after a change of dt add another Msd"
            )

    def displaced(self) -> None:
        """No moment before counts as an origin any more."""
        self._past = []

    @property
    def lags(self) -> Integers:
        """In steps, (n,)."""
        lags: Integers = self._interval * np.arange(1, self.count + 1)
        return lags

    @property
    def times(self) -> Floats:
        """Of the lags, (n,)."""
        times: Floats = np.arange(1.0, self.count + 1) * self._duration
        return times

    @property
    def by_axis(self) -> Floats:
        """The mean-squared displacement along each axis, (n, d)."""
        return mean_of(self._means, self.pairs[:, None])[:, : len(self._past[0]) if self._past else 3]

    @property
    def msd(self) -> Floats:
        """The mean-squared displacement, (n,)."""
        msd: Floats = self.by_axis.sum(axis=1)
        return msd

    @property
    def columns(self) -> dict[str, Array]:
        """For the table."""
        axes = dict(zip("xyz", self.by_axis.T, strict=False))
        return {"lags": self.lags, "times": self.times, "msd": self.msd, "pairs": self.pairs} | axes

    def _draw(self, axes: Any) -> None:
        axes.loglog(self.times, self.msd, marker="o")
        axes.set_xlabel("time")
        axes.set_ylabel("mean-squared displacement")

    def remember(self, beside: Path) -> dict[str, Any]:
        """All of it, the positions of the last moments among it."""
        return self._memory("msd", beside) | {
            "lags": self.count, "pairs": self.pairs.tolist(),
            "means": texts_of(self._means.ravel()),
            "time": self._time.hex(), "interval": self._interval, "duration": self._duration.hex(),
            "ids": text_of(self._ids.tobytes()), "particles": len(self._ids), "moments": len(self._past),
            "dimensions": len(self._past[0]) if self._past else 3,
            "past": text_of(np.array(self._past).tobytes()),
        }  # fmt: skip

    @classmethod
    def from_memory(cls, memory: Mapping[str, Any], beside: Path) -> Self:
        """The one that goes on from there; InputError if the memory makes no sense."""
        msd = cls(count_in(memory, "lags"), path_or_none_in(memory, beside), True)
        msd.pairs = np.array(numbers_in(memory, "pairs", msd.count), np.int64)
        msd._means = np.array(floats_in(memory, "means", 3 * msd.count)).reshape(-1, 3)
        msd._step, msd._interval = count_in(memory, "step"), count_in(memory, "interval")
        msd._time, msd._duration = number_in(memory, "time"), number_in(memory, "duration")
        particles, moments, dimensions = (count_in(memory, name) for name in ("particles", "moments", "dimensions"))
        msd._ids = np.frombuffer(bytes_in(memory, "ids", 8 * particles), np.int64)
        past = np.frombuffer(bytes_in(memory, "past", 8 * moments * dimensions * particles))
        msd._past = list(past.reshape(moments, dimensions, particles))
        return msd
