"""Thermo: one row of energies, temperature and pressure every so many steps, as a table to read or as CSV."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, Self

from motes.core.durable import sync_folder
from motes.core.errors import InputError
from motes.core.streams import say
from motes.core.words import known_keywords
from motes.observers.blocking import Blocking
from motes.observers.memory import count_in, path_from, path_in
from motes.observers.output import (
    Hold,
    borrowed,
    check_writable,
    hold,
    hold_again,
    keep_aside,
    opening,
    output_path,
    refuse_other_format,
    writing,
)
from motes.observers.roster import Frame, Observer

# Of the columns of the printed table: 79 characters with the spaces between.
WIDTHS = (8, 10, 11, 11, 11, 11, 11)
DIGITS = 8

AVERAGED = "total", "temperature", "pressure"

APPENDING = os.O_WRONLY | os.O_APPEND | os.O_CREAT


class Row(NamedTuple):
    """What a thermo row holds, in this order; energies are of the whole system, in the user's units."""

    step: int
    time: float
    temperature: float
    potential: float
    kinetic: float
    total: float
    pressure: float

    @classmethod
    def of(cls, frame: Frame) -> Row:
        """The row of one frame."""
        potential, kinetic = frame.potential_energy, frame.kinetic_energy
        return cls(frame.step, frame.time, frame.temperature, potential, kinetic, potential + kinetic, frame.pressure)


HEADER = (",".join(Row._fields) + "\n").encode()


class Thermo(Observer):
    """A table of step, time, temperature, potential, kinetic and total energy, and pressure.

    Without a path the rows go to standard output, aligned, with up to eight digits. With one they go to a CSV
    file with all 17 digits of a float64; each row is handed to the operating system before the run goes on, and the
    file is this run's alone until the run ends. The first and the last row are kept as `first` and `last` (None
    before there is one), and `averages` are the means of all rows of what is in AVERAGED, with their errors (see
    blocking.py).

    A file that is there already is kept under another name, melt.1.csv for melt.csv, unless `overwrite` is asked for.

    Raises InputError, before anything runs, if another run is writing there, or if it cannot be opened; RunError if the
    disk refuses a row.
    """

    needs_energy = True

    @known_keywords
    def __init__(self, path: str | Path | None = None, overwrite: bool = False) -> None:
        if path is not None:
            refuse_other_format(path, (".csv", ".dat", ".tsv", ".txt"), "a thermo table is a CSV file")
        self.path = None if path is None else output_path(path)
        self.overwrite = overwrite
        self.first: Row | None = None
        self.last: Row | None = None
        self.averages = {name: Blocking() for name in AVERAGED}
        self._held: Hold | None = None
        self._begun = False
        self._length: int | None = None  # of the file when it was remembered, if this is the table of a resumed run

    def go_on_from(self, other: Thermo) -> None:
        """Go on with its table."""
        self.first, self.last, self.averages, self._held, self._begun, self._length = (
            other.first, other.last, other.averages, other._held, other._begun, other._length,
        )  # fmt: skip

    def check(self) -> None:
        """Refuse a path to which nothing can be written."""
        if self.path is not None and self._length is None:
            check_writable(self.path, self.overwrite)

    def start(self, frame: Frame) -> None:  # noqa: ARG002  # as the base class has it
        """Write the header line, or cut back to what was remembered."""
        if self.path is None:
            say(_aligned(Row._fields))
            return
        with opening(self.path), ExitStack() as undo:
            undo.callback(self.finish)
            if self._length is None:
                self._begin(self.path)
            else:
                self._go_on(self.path, self._length)
            undo.pop_all()
        self._begun = True

    def __call__(self, frame: Frame) -> None:
        """Write one row."""
        row = Row.of(frame)
        if self.path is None:
            say(_aligned(_cells(row)))
        else:
            with writing(self.path, row.step):
                self._held = self._held or hold(self.path, APPENDING)  # let go at the end of an earlier run
                self._append(self._held, _line(row))
                self._held.check_there()
        self.first = self.first or row
        self.last = row
        for name, series in self.averages.items():
            series.add(getattr(row, name))

    def _append(self, held: Hold, line: bytes) -> None:
        """All of a line, or nothing of it."""
        before = held.size
        try:
            held.append(line)
        except OSError:
            held.cut(before)
            raise

    def finish(self) -> None:
        """Let go of the file."""
        held, self._held = self._held, None
        if held is not None:
            held.release()

    def remember(self, beside: Path) -> dict[str, Any] | None:
        """Where the file ends, the first and the last row, and averages. None for a table that goes to a device or a
        pipe."""
        memory = {
            "kind": "thermo", "path": None, "first": _record(self.first), "last": _record(self.last),
            "averages": [series.remember() for series in self.averages.values()],
        }  # fmt: skip
        if self.path is None:
            return memory
        length = self._length
        if self._begun:
            with writing(self.path, self.last.step if self.last else 0), borrowed(self._held, self.path) as held:
                if not held.is_regular:
                    return None
                held.sync()
                sync_folder(self.path.parent)
                length = held.size
        return memory | {"path": path_from(beside, self.path), "length": length}

    @classmethod
    def from_memory(cls, memory: Mapping[str, Any], beside: Path) -> Self:
        """The table that goes on where `memory` ends. No file is touched before it starts.

        Raises InputError if the memory makes no sense; `start` does so if the file is missing, held by another run,
        or not the one that was written.
        """
        path = None if memory.get("path") is None else path_in(memory, beside)
        thermo = cls(path, overwrite=True)  # what is there was written by the run that is resumed
        thermo.first, thermo.last = _row_of(memory, "first"), _row_of(memory, "last")
        thermo.averages = dict(zip(AVERAGED, Blocking.all_in(memory, "averages", len(AVERAGED)), strict=True))
        if path is not None and memory.get("length") is not None:
            thermo._length = count_in(memory, "length")
        return thermo

    def _begin(self, path: Path) -> None:
        """Make a file with nothing but the header line. If it is there, it is emptied only once it is ours."""
        if self.overwrite:
            self._held = hold(path, APPENDING)
        else:
            self._held = hold(keep_aside(path), APPENDING | os.O_EXCL)
        self._held.cut(0)
        self._held.append(HEADER)

    def _go_on(self, path: Path, length: int) -> None:
        """Make the file what it was when it was remembered."""
        self._held = hold_again(path, length, os.O_RDWR | os.O_APPEND)
        what, end = ("the header", HEADER) if self.last is None else (f"step {self.last.step}", _line(self.last))
        if self._held.read(max(0, length - len(end)), len(end)) != end:
            raise InputError(
                f"{path} is not the file that was being written when the checkpoint was: the line of {what} does not "
                f"end at {length} bytes; put back the file that the run wrote"
            )
        self._held.cut(length)
        self._held.sync()


def _line(row: Row) -> bytes:
    return (",".join([str(row.step), *(f"{value:.17g}" for value in row[1:])]) + "\n").encode()


def _record(row: Row | None) -> list[int | str] | None:
    """A row for a checkpoint: numbers as text, as JSON has no word for NaN and infinity."""
    return None if row is None else [row.step, *(repr(float(value)) for value in row[1:])]


def _row_of(memory: Mapping[str, Any], name: str) -> Row | None:
    kept = memory.get(name)
    if kept is None:
        return None
    try:
        step, *values = kept
        row = Row(int(step), *(float(value) for value in values))
    except (TypeError, ValueError) as error:
        raise InputError(f"the checkpoint's thermo table is damaged: '{name}' is no row; use another one") from error
    return row


def _aligned(cells: Iterable[str]) -> str:
    return " ".join(f"{cell:>{width}}" for cell, width in zip(cells, WIDTHS, strict=True))


def _cells(row: Row) -> Iterator[str]:
    """Each number with as many digits as its column holds, up to DIGITS."""
    yield str(row.step)
    for value, width in zip(row[1:], WIDTHS[1:], strict=True):
        texts = (f"{value:.{digits}g}" for digits in range(DIGITS, 0, -1))
        yield next((text for text in texts if len(text) <= width), str(value))
