"""Averages of readings over a run, each with its error, from blocks of moments (see blocking.py)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any, Self

import numpy as np

from motes.core.checks import Count, Readings, is_finite, whole_number
from motes.core.errors import InputError, RunError
from motes.core.state import Array, Floats, Integers
from motes.core.words import did_you_mean, known_keywords, shortened
from motes.observers.blocking import FEWEST, Blocking
from motes.observers.frame import Frame
from motes.observers.memory import count_in, path_or_none_in
from motes.observers.result import Result

ENERGIES = "potential_energy", "total_energy", "conserved_energy", "virial", "pressure"
"""What needs the energies of interactions."""

WORDS = "temperature", "kinetic_energy", *ENERGIES


class Average(Result):
    """The mean of readings over a run, with its error, as an observer:
    `simulation.every(10, motes.Average("pressure"))`.

    Args:
        what: "temperature", "kinetic_energy", "potential_energy", "total_energy" (the sum of these two),
            "conserved_energy", "virial", "pressure", or a function of a frame that returns a number; or several of
            these, as a tuple.
        blocks: the fewest from whose scatter an error is told.
        path: of a CSV file, which is written whenever a run ends: for each reading a row for each length of blocks,
            with columns reading, mean, lengths, numbers, errors, uncertainties and chosen (1 for the length that tells
            the error).
        overwrite: whether a file that is there already is not kept under another name.

    After a run `mean` and `error` are the result, numbers, or arrays (q,) if `what` is a tuple: the mean over the
    `number` of moments and its standard error, NaN as long as the run is too short to tell it. Moments are averaged in
    blocks of 1, 2, 4, ...: `lengths` (l,) of blocks, and `numbers` (l,) of them; `errors` and `uncertainties`, (l,) or
    (q, l), are what blocks of each length would say (Flyvbjerg and Petersen, J. Chem. Phys. 91, 461 (1989)). The error
    is that of the shortest blocks of which B^3 > 2 n (e(B) / e(1))^4, for blocks of B among n moments (Wolff, Comput.
    Phys. Commun. 156, 143 (2004); Lee et al., Phys. Rev. E 83, 066706 (2011)). It is that of a run in equilibrium:
    begin to average when it is reached. `plot()` draws errors by length of blocks. Checkpoints have it, unless it is of
    a function: then, after a resume, another one begins anew.

    Raises:
        InputError: for an unknown reading, and for one that has no value under this integrator.
        RunError: for a function that does not return a finite number.
    """

    @known_keywords
    def __init__(
        self, what: Readings, blocks: Count = FEWEST, path: str | Path | None = None, overwrite: bool = False
    ) -> None:  # fmt: skip
        super().__init__(path, overwrite)
        self.what = tuple(what) if isinstance(what, (tuple, list)) else what
        self.blocks = whole_number("Average: blocks", blocks, minimum=2)
        self._readings = [_checked(one) for one in _several(self.what)]
        self.names = tuple(_name(one) for one in self._readings)
        """What the readings are called."""
        if not self._readings or len(set(self.names)) < len(self.names):
            raise InputError(f"Average: what: expected one or several different readings, got {what!r}")
        self.needs_energy = any(one in ENERGIES for one in self._readings)
        self._series = [Blocking() for _ in self._readings]

    def start(self, frame: Frame) -> None:
        """Refuse a reading that has no value, before a step is taken."""
        for one in self._readings:
            if isinstance(one, str):
                _read(one, frame)
        super().start(frame)

    def __call__(self, frame: Frame) -> None:
        """Add this moment."""
        self._go_on()
        for series, value in zip(self._series, [_read(one, frame) for one in self._readings], strict=True):
            series.add(value)
        self._step = frame.step

    def _shaped(self, of_each: Sequence[Any]) -> Any:
        """One result, or those of all readings as an array."""
        return np.array(of_each) if isinstance(self.what, tuple) else of_each[0]

    @property
    def number(self) -> int:
        """How many moments are in it."""
        return self._series[0].number

    @property
    def mean(self) -> Any:
        """Over all moments, a number or (q,); NaN before a frame was seen."""
        return self._shaped([series.mean for series in self._series])

    @property
    def error(self) -> Any:
        """The standard error of the mean, a number or (q,); NaN as long as the run is too short to tell it."""
        return self._shaped([series.error(self.blocks) for series in self._series])

    @property
    def lengths(self) -> Integers:
        """Of blocks, in moments, (l,)."""
        return self._series[0].lengths

    @property
    def numbers(self) -> Integers:
        """Of blocks of each length, (l,)."""
        return self._series[0].numbers

    @property
    def errors(self) -> Floats:
        """Of the mean, by the scatter of blocks of each length, (l,) or (q, l); NaN of one block."""
        errors: Floats = self._shaped([series.errors for series in self._series])
        return errors

    @property
    def uncertainties(self) -> Floats:
        """Of these errors, (l,) or (q, l)."""
        uncertainties: Floats = self._shaped([series.uncertainties for series in self._series])
        return uncertainties

    @property
    def columns(self) -> dict[str, Array]:
        """For the table."""
        count, all_series = len(self.lengths), self._series
        chosen = [np.arange(count) == series.plateau(self.blocks) for series in all_series]
        return {
            "reading": np.repeat(self.names, count),
            "mean": np.repeat([series.mean for series in all_series], count),
            "lengths": np.tile(self.lengths, len(all_series)),
            "numbers": np.tile(self.numbers, len(all_series)),
            "errors": np.concatenate([series.errors for series in all_series]),
            "uncertainties": np.concatenate([series.uncertainties for series in all_series]),
            "chosen": np.concatenate(chosen).astype(np.int64),
        }

    def _draw(self, axes: Any) -> None:
        for name, series in zip(self.names, self._series, strict=True):
            axes.errorbar(series.lengths, series.errors, series.uncertainties, marker="o", capsize=3, label=name)
        axes.set_xscale("log", base=2)
        axes.set_xlabel("moments in a block")
        axes.set_ylabel("error of the mean")
        axes.legend()

    def remember(self, beside: Path) -> dict[str, Any] | None:
        """All of it; nothing of functions, which are code."""
        if any(callable(one) for one in self._readings):
            return None
        return self._memory("average", beside) | {
            "what": self.what if isinstance(self.what, str) else list(self.what), "blocks": self.blocks,
            "series": [series.remember() for series in self._series],
        }  # fmt: skip

    @classmethod
    def from_memory(cls, memory: Mapping[str, Any], beside: Path) -> Self:
        """The one that goes on from there; InputError if the memory makes no sense."""
        average = cls(memory.get("what"), count_in(memory, "blocks"), path_or_none_in(memory, beside), True)
        average._step = count_in(memory, "step")
        average._series = Blocking.all_in(memory, "series", len(average.names))
        return average


def _several(what: Any) -> tuple[Any, ...]:
    return what if isinstance(what, tuple) else (what,)


def _checked(one: Any) -> Any:
    if not callable(one) and not (isinstance(one, str) and one in WORDS):
        hint = did_you_mean(one, WORDS) if isinstance(one, str) else f"known are {', '.join(WORDS)}"
        raise InputError(f"Average: what: there is no reading {one!r}; {hint}, or a function of a frame")
    return one


def _name(one: Any) -> str:
    return one if isinstance(one, str) else str(getattr(one, "__name__", type(one).__name__))


def _read(one: str | Callable[[Frame], Any], frame: Frame) -> float:
    """A finite number."""
    if not isinstance(one, str):
        value = one(frame)
        if isinstance(value, bool) or not isinstance(value, Real) or not is_finite(value):
            given = shortened(" ".join(repr(value).split()))
            raise RunError(f"Average: {_name(one)} returned {given} at step {frame.step}, which is no finite number")
        return float(value)
    total = one == "total_energy"
    value = frame.potential_energy + frame.kinetic_energy if total else float(getattr(frame, one))
    if not math.isfinite(value):
        raise InputError(
            f"Average: {one} is {value} at step {frame.step}: under this integrator, or with these interactions, "
            "it has no value; average other readings"
        )
    return value
