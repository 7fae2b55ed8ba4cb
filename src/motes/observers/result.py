"""Results that are worked out while a run goes on: kept in memory and in checkpoints, written as a table at its end."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from motes.core.errors import InputError
from motes.core.state import Array, Floats
from motes.observers.frame import Frame
from motes.observers.memory import path_from
from motes.observers.output import (
    Hold,
    check_writable,
    hold,
    keep_aside,
    opening,
    output_path,
    refuse_other_format,
    writing,
)
from motes.observers.roster import Observer

MOST_BINS = 1_000_000


class Result(Observer):
    """An observer whose result is a table of columns.

    Args:
        path: of a CSV file, which is written whenever a run ends; None writes none.
        overwrite: whether a file that is there already is not kept under another name.
    """

    def __init__(self, path: str | Path | None, overwrite: bool) -> None:
        if path is not None:
            refuse_other_format(path, (".csv", ".dat", ".tsv", ".txt"), "a table is a CSV file")
        self.path = None if path is None else output_path(path)
        self.overwrite = overwrite
        self._step = 0
        self._held: Hold | None = None
        self._begun = False

    @property
    @abstractmethod
    def columns(self) -> dict[str, Array]:
        """The result by name, columns of equal lengths."""

    def replaces(self, other: object) -> bool:
        """Whether it is given again, or has the file of another one; without a file there may be many."""
        return self is other or (self.path is not None and super().replaces(other))

    def go_on_from(self, other: Result) -> None:
        """Go on with its result."""
        self.overwrite = other.overwrite  # which says nothing of the result
        if repr(other) != repr(self):
            raise InputError(f"{self.path} is the file of {other!r}: choose another path, or say overwrite=True")
        vars(self).update(vars(other))

    def check(self) -> None:
        """Refuse a path to which nothing can be written."""
        if self.path is not None:
            check_writable(self.path, self.overwrite)

    def start(self, frame: Frame) -> None:  # noqa: ARG002  # as the base class has it
        """Have a file, which is this run's alone until the run ends."""
        if self.path is not None:
            with opening(self.path):
                if self.overwrite:
                    self._held = hold(self.path, os.O_RDWR | os.O_CREAT)
                else:
                    self._held = hold(keep_aside(self.path), os.O_RDWR | os.O_CREAT | os.O_EXCL)
            self._begun = True

    def _go_on(self) -> None:
        """Have the file again, which was let go at the end of an earlier run, and see that it is there."""
        if self.path is not None and self._begun:
            with writing(self.path, self._step):
                self._held = self._held or hold(self.path)
                self._held.check_there()

    def finish(self) -> None:
        """Write the table, and let go of the file."""
        held, self._held = self._held, None
        if held is not None and self.path is not None:
            try:
                with writing(self.path, self._step):
                    held.check_there()
                    held.cut(0)
                    held.write(0, _table(self.columns))
            finally:
                held.release()

    def _memory(self, kind: str, beside: Path) -> dict[str, Any]:
        """What all of them remember."""
        return {"kind": kind, "path": None if self.path is None else path_from(beside, self.path), "step": self._step}

    def plot(self, axes: Any = None) -> Any:
        """Draw the result into these axes of matplotlib, or into new ones, and return them (needs motes[plot])."""
        try:
            from matplotlib import pyplot as plt
        except ImportError as error:
            raise InputError("plot needs matplotlib: pip install 'motes[plot]'") from error
        axes = axes if axes is not None else plt.subplots()[1]
        self._draw(axes)
        return axes

    @abstractmethod
    def _draw(self, axes: Any) -> None:
        """Lines and labels."""


def _table(columns: Mapping[str, Array]) -> bytes:
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    lines = [",".join(columns), *(",".join(map(_text, row)) for row in rows)]
    return ("\n".join(lines) + "\n").encode()


def _text(value: Any) -> str:
    return f"{value:.17g}" if isinstance(value, float) else str(value)


def mean_of(total: Array, count: Array | float) -> Floats:
    """Sums over so many; NaN of none."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(np.equal(count, 0), np.nan, np.divide(total, count))


def middles(edges: Floats) -> Floats:
    """Of bins."""
    middle: Floats = (edges[1:] + edges[:-1]) / 2
    return middle


def two_types(name: str, given: Any) -> tuple[Any, Any]:
    """Their labels."""
    if isinstance(given, str) or not hasattr(given, "__len__") or len(given) != 2:
        raise InputError(f"{name}: expected two types, ('A', 'B'), got {given!r}")
    return given[0], given[1]


def number_of(frame: Frame, label: Any) -> int:
    """How many particles there are, of a type or, for None, of all."""
    return len(frame) if label is None else int(np.count_nonzero(frame.types == frame.type_names.index(label)))
