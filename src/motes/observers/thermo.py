"""Thermo: one row of energies, temperature and pressure every so many steps, as a table to read or as CSV."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from motes.observers.output import opening, refuse_existing, writing
from motes.observers.schedule import Frame, Observer

WIDTHS = (
    8,
    10,
    11,
    11,
    11,
    11,
    11,
)  # of the columns of the printed table: 79 characters with the spaces between
DIGITS = 8


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


class Thermo(Observer):
    """A table of step, time, temperature, potential, kinetic and total energy, and pressure.

    Without a path the rows go to standard output, aligned, with up to eight digits. With one they go to a CSV
    file with all 17 digits of a float64; each row is handed to the disk before the run goes on. The
    first and the last row are kept as `first` and `last` (None before there is one).

    Raises InputError, before anything runs, if the path exists and `overwrite` is not asked for, or cannot be
    opened; RunError if the disk refuses a row.
    """

    needs_energy = True

    def __init__(self, path: str | Path | None = None, overwrite: bool = False) -> None:
        self.path = None if path is None else Path(path)
        self.overwrite = overwrite
        self.first: Row | None = None
        self.last: Row | None = None
        if self.path is not None and not overwrite:
            refuse_existing(self.path)

    def start(self, frame: Frame) -> None:  # noqa: ARG002  # as the base class has it
        """Write the header line."""
        if self.path is None:
            _print_line(_aligned(Row._fields))
            return
        with opening(self.path), self.path.open("w" if self.overwrite else "x", encoding="utf-8") as file:
            file.write(",".join(Row._fields) + "\n")

    def __call__(self, frame: Frame) -> None:
        """Write one row."""
        row = Row.of(frame)
        self.first = self.first or row
        self.last = row
        if self.path is None:
            _print_line(_aligned(_cells(row)))
            return
        # Opened for each row: nothing stays open between runs, and a reader always sees whole rows.
        with writing(self.path, row.step), self.path.open("a", encoding="utf-8") as file:
            file.write(",".join([str(row.step), *(f"{value:.17g}" for value in row[1:])]) + "\n")


def _aligned(cells: Iterable[str]) -> str:
    return " ".join(f"{cell:>{width}}" for cell, width in zip(cells, WIDTHS, strict=True))


def _cells(row: Row) -> Iterator[str]:
    """Each number with as many digits as its column holds, up to DIGITS."""
    yield str(row.step)
    for value, width in zip(row[1:], WIDTHS[1:], strict=True):
        texts = (f"{value:.{digits}g}" for digits in range(DIGITS, 0, -1))
        yield next((text for text in texts if len(text) <= width), str(value))


def _print_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
