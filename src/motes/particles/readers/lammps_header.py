"""The header of a LAMMPS data file, counts and the bounds of the box, and the lines that it is read from."""

from __future__ import annotations

import io
import itertools
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NoReturn

import numpy as np
from numpy.typing import NDArray

from motes.core.errors import InputError
from motes.particles.readers.contents import ROUNDING, Edges
from motes.particles.readers.rows import LONGEST_LINE, fail

_MOST_DIGITS = 18


class Lines:
    """The lines of a file, counted, one of which can be put back."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self.path = path
        self.number = 0
        self.characters = file.seek(0, os.SEEK_END)
        file.seek(0)
        self._file = io.TextIOWrapper(file, "utf-8", "replace")
        self._returned: str | None = None

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._returned
        self._returned = None
        if line is None:
            line = self._file.readline(LONGEST_LINE)
            if not line:
                raise StopIteration
            if len(line) == LONGEST_LINE:
                fail(self.path, self.number + 1, f"the line has more than {LONGEST_LINE} characters")
        self.number += 1
        return line

    def put_back(self, line: str) -> None:
        """Let this line be the next again."""
        self._returned = line
        self.number -= 1

    def skip_blank(self) -> None:
        """Go to the next line with something on it, or to the end."""
        for line in self:
            if line.strip():
                self.put_back(line)
                return

    def until_blank(self) -> Iterator[str]:
        """The rows of a section."""
        return itertools.takewhile(lambda line: not line.isspace(), self)

    def fail(self, message: str) -> NoReturn:
        """An InputError about the line that was read last."""
        fail(self.path, self.number, message)


class Header:
    """Counts by their words ("atoms", "atom types", ...), and the bounds of the box."""

    def __init__(self, lines: Lines) -> None:
        self.path = lines.path
        self.counts: dict[str, int] = {}
        self._bounds: dict[str, tuple[float, float]] = {}
        self._tilts = [0.0, 0.0, 0.0]
        self._vectors: dict[str, list[float]] = {}
        self._origin = [0.0, 0.0, 0.0]
        self._tilted_line = 0
        title = next(lines, "")
        if title.startswith("ITEM:"):
            lines.fail("this is a dump of LAMMPS, not a data file; write one with write_data")
        for line in lines:
            text = without_comment(line)
            if text[:1].isalpha():
                lines.put_back(line)
                break
            if text:
                self._add(lines, text)

    def _add(self, lines: Lines, text: str) -> None:
        if bound := re.fullmatch(r"(\S+)\s+(\S+)\s+([xyz])lo\s+\3hi", text):
            low, high = (_float(lines, word) for word in bound.group(1, 2))
            if not low < high:
                lines.fail(f"the box goes from {low} to {high}; expected the lower bound first")
            self._bounds[bound[3]] = (low, high)
        elif tilt := re.fullmatch(r"(\S+)\s+(\S+)\s+(\S+)\s+xy\s+xz\s+yz", text):
            self._tilts = [_float(lines, word) for word in tilt.groups()]
            self._tilted_line = lines.number
        elif vector := re.fullmatch(r"(\S+)\s+(\S+)\s+(\S+)\s+([abc])vec", text):
            self._vectors[vector[4]] = [_float(lines, word) for word in vector.group(1, 2, 3)]
            self._tilted_line = lines.number
        elif origin := re.fullmatch(r"(\S+)\s+(\S+)\s+(\S+)\s+abc\s+origin", text):
            self._origin = [_float(lines, word) for word in origin.groups()]
        elif count := re.fullmatch(rf"(\d{{1,{_MOST_DIGITS}}})\s+([a-z][a-z\s]*)", text):
            self.counts[" ".join(count[2].split())] = int(count[1])
        else:
            lines.fail(f"{text[:60]!r} is no header line; expected one such as '4000 atoms' or '0 16.8 xlo xhi'")

    def count(self, words: str) -> int:
        """How many atoms, atom types, ... there are; InputError if the header does not say."""
        if words not in self.counts:
            raise InputError(f"{self.path}: the header has no line '... {words}'")
        return self.counts[words]

    def edges(self) -> Edges:
        """The box, whose tilts may be no more than what rounding leaves of zero."""
        if self._vectors:
            vectors = self._edge_vectors()
            lengths, low = np.diagonal(vectors).copy(), np.array(self._origin)
            tilts = vectors - np.diag(lengths)
        else:
            for axis in "xyz":
                if axis not in self._bounds:
                    raise InputError(f"{self.path}: the header has no line '... {axis}lo {axis}hi'")
            low, high = np.array([self._bounds[axis] for axis in "xyz"]).T
            lengths, tilts = high - low, np.array(self._tilts)
        if np.abs(tilts).max() > ROUNDING * np.abs(lengths).min():
            fail(self.path, self._tilted_line, "triclinic boxes are not supported; expected tilt factors of zero")
        return Edges(lengths, low)

    def _edge_vectors(self) -> NDArray[np.float64]:
        """As rows: the header of a general triclinic box, as OVITO writes it."""
        if len(self._vectors) < 3 or self._bounds:
            expected = "expected either avec, bvec and cvec, or xlo xhi, ylo yhi and zlo zhi"
            fail(self.path, self._tilted_line, f"the box is said twice or in part; {expected}")
        return np.array([self._vectors[name] for name in "abc"])


def without_comment(line: str) -> str:
    """What stands before #, without spaces around."""
    return line.partition("#")[0].strip()


def _float(lines: Lines, word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        lines.fail(f"{word!r} is not a finite number")
    return value
