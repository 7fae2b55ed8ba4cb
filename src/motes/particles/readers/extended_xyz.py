"""Extended XYZ: a count, a line of key=value pairs, then one row per particle; frame after frame.

The format: https://github.com/libAtoms/extxyz
"""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motes.core.checks import whole_number
from motes.core.errors import InputError
from motes.core.streams import warn
from motes.particles.readers.contents import ROUNDING, Contents, Edges
from motes.particles.readers.rows import LONGEST_LINE, MOST_COLUMNS, WORD, Table, fail, opened, parse

# What stands in the second line, from left to right: a key, quoted or not, and perhaps its value. A quoted text may
# hold anything, a list may hold lists. No pattern goes back, so that the time grows with the length of the line only.
_QUOTED = r"""\"((?:[^"\\]|\\.)*+)(?:"|$)"""
_LIST = r"\{([^{}]*+)\}|(\[(?:[^\[\]]|\[[^\[\]]*+\])*+\])"
_PAIR = re.compile(
    rf"""({_QUOTED}|[^\s="']++)(?:\s*+=\s*+(?:{_QUOTED}|'([^']*+)(?:'|$)|{_LIST}|(\S++)))?+|'[^']*+(?:'|$)"""
)
_ESCAPED = re.compile(r"\\(.)")
_PLAIN = "species:S:1:pos:R:3"
_KINDS = {"R": "f8", "I": "i8", "S": WORD, "L": WORD}
_FLAGS = {"T": "periodic", "TRUE": "periodic", "1": "periodic", "F": "open", "FALSE": "open", "0": "open"}
_MOST_DIGITS = 18
_WIDTH = re.compile("[1-9][0-9]{0,2}")

# Other programs' words for what Particles knows by its own.
_POSITIONS = ("pos", "positions")
_VELOCITIES = ("velo", "vel", "velocities", "velocity")
_MASS = ("mass", "masses")
_MOMENTA = ("momenta", "momentum")
_TYPES = ("species", "type", "types", "element", "elements", "symbol", "symbols")
_ATOMIC_NUMBERS = ("Z", "numbers", "atomic_numbers")
_IDS = ("id", "ids")
_IMAGES = ("images", "image")


class _Frame(NamedTuple):
    """Where a frame lies in the file."""

    offset: int
    line: int
    rows: int


class _Property(NamedTuple):
    """One entry of Properties: the NumPy type of its values, and the names of its columns."""

    kind: str
    columns: tuple[str, ...]


def read_xyz(path: Path, *, frame: int = -1) -> Contents:
    """One frame of the file; a negative frame counts from the end.

    Read are the columns species (or type, element, symbols, Z), pos, velo (or vel, momenta), mass, id and images; any
    other column of one number becomes an attribute of its name. Columns of text or of several numbers (forces, ...) are
    passed over. ``pbc="T T F"`` makes the third axis open. A file without Lattice needs a box.
    """
    with opened(path) as file:
        frames = _find_frames(path, file)
        frame = whole_number("frame", frame, minimum=-len(frames))
        if frame >= len(frames):
            raise InputError(f"expected a frame from {-len(frames)} to {len(frames) - 1}, got {frame}")
        offset, line, count = frames[frame]
        if count == 0:
            raise InputError(f"there are no particles in frame {frame}")
        file.seek(offset)
        comment = file.readline(LONGEST_LINE)
        if len(comment) == LONGEST_LINE:
            fail(path, line + 1, f"the line has more than {LONGEST_LINE} characters")
        values = _key_values(comment.decode("utf-8", "replace"))
        properties = _properties(path, line + 1, values.get("properties", _PLAIN))
        kinds = {name: entry.kind for entry in properties.values() for name in entry.columns}
        rows = (row.decode("utf-8", "replace") for row in itertools.islice(file, count))
        columns = _Columns(path, parse(path, rows, line + 2, kinds), properties)
    return _contents(path, line + 1, columns, values)


def _find_frames(path: Path, file: IO[bytes]) -> list[_Frame]:
    """All frames, each checked to have as many rows as its count says."""
    frames: list[_Frame] = []
    line = 0
    while header := file.readline(LONGEST_LINE):
        line += 1
        if not header.strip():
            continue
        word = header.decode("utf-8", "replace").strip()
        if not word.isdecimal() or len(word) > _MOST_DIGITS:
            fail(path, line, f"expected the number of particles, found {word[:40]!r}")
        frame = _Frame(file.tell(), line, int(word))
        found = sum(1 for _ in itertools.islice(file, frame.rows + 1))
        if found < frame.rows + 1:
            rows = max(found - 1, 0)
            fail(path, line, f"{frame.rows} particles are announced, but only {rows} rows follow")
        line += found
        frames.append(frame)
    if not frames:
        raise InputError(f"{path}: the file is empty; expected the number of particles")
    return frames


def _key_values(comment: str) -> dict[str, str]:
    """The pairs of the second line, their keys in lower case."""
    pairs = {}
    for key, quoted_key, text, *others in _PAIR.findall(comment):
        pairs[(quoted_key or key).lower()] = _ESCAPED.sub(r"\1", text) or "".join(others)
    return pairs


def _words(value: str) -> list[str]:
    """The words of a value: `1 2 3`, `1, 2, 3`, or lists in brackets of any depth, row by row."""
    return re.sub(r"[\[\](),]", " ", value).split()


def _properties(path: Path, line: int, text: str) -> dict[str, _Property]:
    """Properties=name:kind:width:name:kind:width... by name."""
    words = text.split(":")
    if len(words) % 3:
        fail(path, line, f"Properties is {text!r}; expected triples name:kind:columns")
    properties: dict[str, _Property] = {}
    total = 0
    for name, kind, width in zip(words[::3], words[1::3], words[2::3], strict=True):
        good_name = name and name not in properties and "[" not in name
        if not good_name or kind not in _KINDS or not _WIDTH.fullmatch(width):
            fail(path, line, f"Properties has {name}:{kind}:{width}; expected a new name, R, I, S or L, and 1 to 999")
        total += int(width)
        if total > MOST_COLUMNS:
            fail(path, line, f"Properties has more than {MOST_COLUMNS} columns")
        columns = (name,) if int(width) == 1 else tuple(f"{name}[{i}]" for i in range(int(width)))
        properties[name] = _Property(_KINDS[kind], columns)
    return properties


def _contents(path: Path, line: int, columns: _Columns, values: dict[str, str]) -> Contents:
    positions = columns.take(_POSITIONS, 3)
    if positions is None:
        fail(path, line, "Properties has no pos:R:3, so there are no positions")
    contents = Contents(
        path,
        positions,
        _edges(path, line, values),
        f'{path}, line {line}: there is no Lattice="..." here, so give a box: read(path, box=...)',
        velocities=columns.take(_VELOCITIES, 3),
        mass=columns.take(_MASS, 1),
        ids=columns.take(_IDS, 1),
        images=columns.take(_IMAGES, 3, "i8"),
        types=columns.take(_TYPES, 1),
    )
    if contents.types is None:
        contents.types = contents.atomic_numbers = columns.take(_ATOMIC_NUMBERS, 1, "i8")
    elif contents.types.dtype.kind == "f":
        fail(path, line, "the types of Properties are of the kind R; expected S or I")
    if contents.velocities is None:
        contents.momenta = columns.take(_MOMENTA, 3)
    contents.attributes = columns.rest()
    return contents


def _edges(path: Path, line: int, values: dict[str, str]) -> Edges | None:
    if "lattice" not in values:
        return None
    lattice = _floats(path, line, "Lattice", values["lattice"], 9).reshape(3, 3)
    lengths = np.diagonal(lattice).copy()
    if np.abs(lattice - np.diag(lengths)).max() > ROUNDING * np.abs(lengths).min():
        fail(path, line, "triclinic boxes are not supported; expected a Lattice with zeros off the diagonal")
    origin = _floats(path, line, "Origin", values.get("origin", "0 0 0"), 3)
    flags = [word.upper() for word in _words(values.get("pbc", "T T T"))]
    if len(flags) != 3 or not _FLAGS.keys() >= set(flags):
        fail(path, line, f"pbc is {values['pbc']!r}; expected three of T and F")
    return Edges(lengths, origin, tuple(_FLAGS[flag] for flag in flags))


def _floats(path: Path, line: int, name: str, text: str, count: int) -> NDArray[np.float64]:
    try:
        numbers = np.array([float(word) for word in _words(text)])
    except ValueError:
        fail(path, line, f"{name} is {text!r}; expected {count} numbers")
    if numbers.shape != (count,):
        fail(path, line, f"{name} has {numbers.size} numbers; expected {count}")
    if not np.isfinite(numbers).all():
        fail(path, line, f"{name} is {text!r}; expected finite numbers")
    return numbers


class _Columns:
    """The columns of a table under the names of Properties, each taken at most once."""

    def __init__(self, path: Path, table: Table, properties: dict[str, _Property]) -> None:
        self._path = path
        self._table = table
        self._left = dict(properties)

    def take(self, names: tuple[str, ...], width: int, kind: str = "") -> NDArray[Any] | None:
        """The first of these names that has this many columns (of this kind): shape (N,), or (N, width)."""
        for name in names:
            entry = self._left.get(name)
            if entry is not None and len(entry.columns) == width and kind in ("", entry.kind):
                del self._left[name]
                columns = [self._table[column] for column in entry.columns]
                return columns[0] if width == 1 else np.stack(columns, axis=-1)
        return None

    def rest(self) -> dict[str, NDArray[Any]]:
        """What was not taken, if it is one number for each particle; other columns are left out, with a word."""
        single = {name: entry for name, entry in self._left.items() if len(entry.columns) == 1 and entry.kind != WORD}
        if lost := [repr(name) for name in self._left if name not in single]:
            warn(f"{self._path}: columns that are no single number are left out: {', '.join(lost)}")
        return {name: self._table[name] for name in single}
