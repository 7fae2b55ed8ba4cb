"""Extended XYZ: a count, a line of key=value pairs, then one row per particle; frame after frame.

The format: https://github.com/libAtoms/extxyz
"""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motes.box import Box
from motes.checks import whole_number
from motes.errors import InputError
from motes.particles import Particles
from motes.readers.rows import LONGEST_LINE, MOST_COLUMNS, WORD, Table, fail, naming, parse, stacked

# A key begins where a word does, and a brace holds no further pair: else a long line is searched again and again.
_PAIR = re.compile(r"""(?<![\w-])([A-Za-z_][\w-]*+)\s*+=\s*+(?:"([^"]*)"|'([^']*)'|\{([^}=]*)\}|(\S+))""")
_PLAIN = "species:S:1:pos:R:3"
_KINDS = {"R": "f8", "I": "i8", "S": WORD, "L": WORD}
_FLAGS = {"T": "periodic", "TRUE": "periodic", "1": "periodic", "F": "open", "FALSE": "open", "0": "open"}
_MOST_DIGITS = 18
_WIDTH = re.compile("[1-9][0-9]{0,2}")

# Other programs' words for what Particles knows by its own.
_POSITIONS = ("pos", "positions")
_VELOCITIES = ("velo", "vel", "velocities", "velocity")
_MASS = ("mass", "masses")
_TYPES = ("species", "type", "types")
_IDS = ("id", "ids")
_OWN_WORDS = {*_POSITIONS, *_VELOCITIES, *_MASS, *_TYPES, *_IDS}


class _Frame(NamedTuple):
    """Where a frame lies in the file."""

    offset: int
    line: int
    rows: int


class _Property(NamedTuple):
    """One entry of Properties: the NumPy type of its values, and the names of its columns."""

    kind: str
    columns: tuple[str, ...]


def read_xyz(path: Path, box: Box | None = None, *, frame: int = -1) -> Particles:
    """Particles of one frame; a negative frame counts from the end.

    Read are the columns species, pos, velo (or vel), mass and id; any other column of one number becomes an
    attribute of its name. Columns of text or of several numbers (forces, ...) are passed over.
    ``pbc="T T F"`` makes the third axis open. A file without Lattice needs a box.
    """
    frames = _find_frames(path)
    frame = whole_number(f"{path}: frame", frame, minimum=-len(frames))
    if frame >= len(frames):
        raise InputError(f"{path}: expected a frame from {-len(frames)} to {len(frames) - 1}, got {frame}")
    offset, line, count = frames[frame]
    with path.open("rb") as file:
        file.seek(offset)
        comment = file.readline(LONGEST_LINE)
        if len(comment) == LONGEST_LINE:
            fail(path, line + 1, f"the line has more than {LONGEST_LINE} characters")
        values = _key_values(comment.decode("utf-8", "replace"))
        properties = _properties(path, line + 1, values.get("properties", _PLAIN))
        columns = {name: entry.kind for entry in properties.values() for name in entry.columns}
        rows = (row.decode("utf-8", "replace") for row in itertools.islice(file, count))
        table = parse(path, rows, line + 2, columns)
    with naming(path):
        return _particles(table, properties, box or _box(path, line + 1, values))


def _find_frames(path: Path) -> list[_Frame]:
    """All frames, each checked to have as many rows as its count says."""
    frames: list[_Frame] = []
    with path.open("rb") as file:
        line = 0
        while header := file.readline(LONGEST_LINE):
            line += 1
            if not header.strip():
                continue
            word = header.decode("utf-8", "replace").strip()
            if not word.isdecimal() or len(word) > _MOST_DIGITS or int(word) == 0:
                fail(path, line, f"expected the number of particles, found {word[:40]!r}")
            frame = _Frame(file.tell(), line, int(word))
            found = sum(1 for _ in itertools.islice(file, frame.rows + 1))
            if found < frame.rows + 1:
                fail(
                    path,
                    line,
                    f"{frame.rows} particles are announced, but only {max(found - 1, 0)} rows follow",
                )
            line += found
            frames.append(frame)
    if not frames:
        raise InputError(f"{path}: the file is empty; expected the number of particles")
    return frames


def _key_values(comment: str) -> dict[str, str]:
    """The pairs of the second line, their keys in lower case."""
    return {key.lower(): "".join(values) for key, *values in _PAIR.findall(comment)}


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


def _box(path: Path, line: int, values: dict[str, str]) -> Box:
    if "lattice" not in values:
        fail(path, line, 'there is no Lattice="..." here, so give a box: read(path, box=...)')
    lattice = _floats(path, line, "Lattice", values["lattice"], 9).reshape(3, 3)
    lengths = np.diagonal(lattice)
    if (lattice != np.diag(lengths)).any():
        fail(path, line, "triclinic boxes are not supported; expected a Lattice with zeros off the diagonal")
    origin = _floats(path, line, "Origin", values.get("origin", "0 0 0"), 3)
    flags = values.get("pbc", "T T T").upper().split()
    if len(flags) != 3 or not _FLAGS.keys() >= set(flags):
        fail(path, line, f"pbc is {values['pbc']!r}; expected three of T and F")
    return Box(lengths, boundary=[_FLAGS[flag] for flag in flags], origin=origin)


def _floats(path: Path, line: int, name: str, text: str, count: int) -> NDArray[np.float64]:
    try:
        numbers = np.array([float(word) for word in text.split()])
    except ValueError:
        fail(path, line, f"{name} is {text!r}; expected {count} numbers")
    if numbers.shape != (count,):
        fail(path, line, f"{name} has {numbers.size} numbers; expected {count}")
    return numbers


def _particles(table: Table, properties: dict[str, _Property], box: Box) -> Particles:
    positions = _first(table, properties, _POSITIONS, 3)
    if positions is None:
        raise InputError("Properties has no pos:R:3, so there are no positions")
    velocities = _first(table, properties, _VELOCITIES, 3)
    mass = _first(table, properties, _MASS, 1)
    attributes = {
        name: table[name]
        for name, entry in properties.items()
        if name not in _OWN_WORDS and len(entry.columns) == 1 and entry.kind != WORD
    }
    if "box" in attributes or "self" in attributes:
        raise InputError("Properties has a column named box or self, which cannot be an attribute; rename it")
    axes = slice(box.dimensions)
    return Particles(
        positions[:, axes],
        box,
        velocities=None if velocities is None else velocities[:, axes],
        mass=1.0 if mass is None else mass,
        types=_first(table, properties, _TYPES, 1),
        ids=_first(table, properties, _IDS, 1),
        **attributes,
    )


def _first(table: Table, properties: dict[str, _Property], names: tuple[str, ...], width: int) -> NDArray[Any] | None:
    """The first property of these names that has this many columns: shape (N,), or (N, width)."""
    for name in names:
        columns = properties[name].columns if name in properties else ()
        if len(columns) == width:
            return table[columns[0]] if width == 1 else stacked(table, columns)
    return None
