"""LAMMPS data files: a header of counts and box bounds, then sections.

The format: https://docs.lammps.org/read_data.html
A header line starts with a number, the name of a section with a letter; a section's rows end at a blank line.
"""

from __future__ import annotations

import gzip
import io
import itertools
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TextIO

import numpy as np
from numpy.typing import NDArray

from motes.box import Box
from motes.checks import number, require_memory, whole_number
from motes.errors import InputError
from motes.particles import Particles
from motes.readers.rows import LONGEST_LINE, WORD, Table, fail, naming, parse, stacked

_POSITION = {"x": "f8", "y": "f8", "z": "f8"}
_IMAGE = {"nx": "i4", "ny": "i4", "nz": "i4"}
_VELOCITY = {"id": "i8", "vx": "f8", "vy": "f8", "vz": "f8"}
_SPIN = {"wx": "f8", "wy": "f8", "wz": "f8"}
_BONDED = {"id": "i8", "molecule": "i8", "type": "i4"} | _POSITION

# The columns of Atoms by atom style; the three image flags may follow.
_STYLES = {
    "atomic": {"id": "i8", "type": "i4"} | _POSITION,
    "charge": {"id": "i8", "type": "i4", "charge": "f8"} | _POSITION,
    "molecular": _BONDED,
    "bond": _BONDED,
    "angle": _BONDED,
    "full": {"id": "i8", "molecule": "i8", "type": "i4", "charge": "f8"} | _POSITION,
    "sphere": {"id": "i8", "type": "i4", "diameter": "f8", "density": "f8"} | _POSITION,
}
_ATTRIBUTES = ("molecule", "charge", "diameter")

# Every section, and the header's word for how many rows it has (None: the format does not say).
_SECTIONS = {
    **dict.fromkeys(["Atoms", "Velocities"], "atoms"),
    **dict.fromkeys(["Masses", "Atom Type Labels", "Pair Coeffs"], "atom types"),
    **{f"{kind.capitalize()}s": f"{kind}s" for kind in ("bond", "angle", "dihedral", "improper")},
    **{f"{kind.capitalize()} Coeffs": f"{kind} types" for kind in ("bond", "angle", "dihedral", "improper")},
    **{f"{kind.capitalize()} Type Labels": f"{kind} types" for kind in ("bond", "angle", "dihedral", "improper")},
    **dict.fromkeys(["BondBond Coeffs", "BondAngle Coeffs"], "angle types"),
    **dict.fromkeys(["MiddleBondTorsion Coeffs", "EndBondTorsion Coeffs", "AngleTorsion Coeffs"], "dihedral types"),
    **dict.fromkeys(["AngleAngleTorsion Coeffs", "BondBond13 Coeffs"], "dihedral types"),
    "AngleAngle Coeffs": "improper types",
    **{kind.capitalize(): kind for kind in ("ellipsoids", "lines", "triangles")},
    **dict.fromkeys(["Bodies", "PairIJ Coeffs"]),
}
# A file cut short between two sections shows only in what the header has counted.
# Atoms may be at rest, so Velocities may be missing.
_NEEDED_IF_COUNTED = (
    "Atoms",
    "Bonds",
    "Angles",
    "Dihedrals",
    "Impropers",
    "Ellipsoids",
    "Lines",
    "Triangles",
)
_MOST_DIGITS = 18
# Numbers as text are packed to a tenth or so of their size. What unpacks to far more was made to fill a machine.
_MOST_UNPACKED, _FEWEST_CHARACTERS = 50, 1_000_000


class _Heading(NamedTuple):
    """The line that begins a section: its name, the comment behind it, its number."""

    keyword: str
    hint: str
    line: int


class _Section(NamedTuple):
    """The rows of a section (without columns, if they do not matter here), and the line of the first."""

    table: Table
    first_line: int


class _Lines:
    """The lines of a file, counted, one of which can be put back."""

    def __init__(self, path: Path, file: TextIO) -> None:
        self.path = path
        self.number = 0
        self.most_characters = max(_MOST_UNPACKED * path.stat().st_size, _FEWEST_CHARACTERS)
        self._file = file
        self._characters = 0
        self._returned: str | None = None

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._returned
        self._returned = None
        if line is None:
            line = self._file.readline(LONGEST_LINE)
            self._count(line)
        self.number += 1
        return line

    def _count(self, line: str) -> None:
        if not line:
            raise StopIteration
        self._characters += len(line)
        if len(line) == LONGEST_LINE:
            fail(self.path, self.number + 1, f"the line has more than {LONGEST_LINE} characters")
        if self._characters > self.most_characters:
            fail(self.path, self.number + 1, f"the file unpacks to more than {_MOST_UNPACKED} times its size")

    def put_back(self, line: str) -> None:
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
        fail(self.path, self.number, message)


class _Header:
    """Counts by their words ("atoms", "atom types", ...), and the bounds of the box."""

    def __init__(self, lines: _Lines) -> None:
        self.path = lines.path
        self.counts: dict[str, int] = {}
        self._bounds: dict[str, tuple[float, float]] = {}
        next(lines, None)  # a title
        for line in lines:
            text = _without_comment(line)
            if text[:1].isalpha():
                lines.put_back(line)
                break
            if text:
                self._add(lines, text)

    def _add(self, lines: _Lines, text: str) -> None:
        if bound := re.fullmatch(r"(\S+)\s+(\S+)\s+([xyz])lo\s+\3hi", text):
            low, high = (_float(lines, word) for word in bound.group(1, 2))
            if not low < high:
                lines.fail(f"the box goes from {low} to {high}; expected the lower bound first")
            self._bounds[bound[3]] = (low, high)
        elif tilt := re.fullmatch(r"(\S+)\s+(\S+)\s+(\S+)\s+xy\s+xz\s+yz", text):
            if any(_float(lines, word) for word in tilt.groups()):
                lines.fail("triclinic boxes are not supported; expected tilt factors of zero")
        elif count := re.fullmatch(rf"(\d{{1,{_MOST_DIGITS}}})\s+([a-z][a-z\s]*)", text):
            self.counts[" ".join(count[2].split())] = int(count[1])
        else:
            lines.fail(f"{text[:60]!r} is no header line; expected one such as '4000 atoms' or '0 16.8 xlo xhi'")

    def count(self, words: str) -> int:
        if words not in self.counts:
            raise InputError(f"{self.path}: the header has no line '... {words}'")
        return self.counts[words]

    def box(self, boundary: Any, dimensions: int) -> Box:
        for axis in "xyz":
            if axis not in self._bounds:
                raise InputError(f"{self.path}: the header has no line '... {axis}lo {axis}hi'")
        low, high = np.array([self._bounds[axis] for axis in "xyz"[:dimensions]]).T
        return Box(high - low, boundary=boundary, origin=low)


def read_lammps(
    path: Path,
    box: Box | None = None,
    *,
    boundary: Any = "periodic",
    style: str | None = None,
    mass: float | None = None,
    dimensions: int = 3,
) -> Particles:
    """Particles of a LAMMPS data file, plain or compressed (.gz).

    The atom style is the word behind "Atoms #", or `style`: atomic, charge, molecular, bond, angle, full or
    sphere. Charge, molecule and diameter become attributes. Image flags, bonds, coefficients and spins are
    passed over. Positions outside a periodic box are wrapped. With dimensions=2 (or a 2D box) z is passed
    over.
    """
    dimensions = whole_number(f"{path}: dimensions", dimensions, minimum=2)
    if dimensions > 3:
        raise InputError(f"{path}: expected 2 or 3 dimensions, got {dimensions}")
    if style is not None and style not in _STYLES:
        raise InputError(f"{path}: unknown style {style!r}; expected one of {', '.join(_STYLES)}")
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as file, io.TextIOWrapper(file, "utf-8", "replace") as text:
        lines = _Lines(path, text)
        header = _Header(lines)
        sections = _read_sections(lines, header, style)
    if "Atoms" not in sections:
        raise InputError(f"{path}: there is no section Atoms")
    atoms = _Atoms(path, header, sections)
    with naming(path):
        box = box or header.box(boundary, dimensions)
        axes = slice(box.dimensions)
        velocities = atoms.velocities()
        return Particles(
            stacked(atoms.table, _POSITION)[:, axes],
            box,
            velocities=None if velocities is None else velocities[:, axes],
            mass=atoms.mass(mass),
            types=atoms.types(),
            ids=atoms.table["id"],
            **atoms.attributes(),
        )


def _read_sections(lines: _Lines, header: _Header, style: str | None) -> dict[str, _Section]:
    """All sections by name, each with as many rows as the header says."""
    sections: dict[str, _Section] = {}
    for line in lines:
        keyword, _, hint = (part.strip() for part in line.partition("#"))
        if not keyword:
            continue
        if keyword not in _SECTIONS:
            lines.fail(f"{keyword[:60]!r} is not the name of a section, nor does it belong to the one before")
        if keyword in sections:
            lines.fail(f"a second section {keyword}")
        heading = _Heading(keyword, hint, lines.number)
        counted = _SECTIONS[keyword]
        most = header.count(counted) if counted else None
        sections[keyword] = _read_section(lines, heading, style, most)
        found = len(sections[keyword].table)
        if most is not None and found != most:
            rows = f"more than {most}" if found > most else found
            fail(lines.path, heading.line, f"{keyword} has {rows} rows; the header says {most} {counted}")
    for keyword in _NEEDED_IF_COUNTED:
        if keyword not in sections and header.counts.get(str(_SECTIONS[keyword])):
            raise InputError(f"{lines.path}: there is no section {keyword}, but the header counts them")
    return sections


def _read_section(lines: _Lines, heading: _Heading, style: str | None, most: int | None) -> _Section:
    """The rows of a section, but not many more than there should be at most."""
    lines.skip_blank()
    first_line = lines.number + 1
    columns = _columns(lines, heading, style)
    one_more = None if most is None else most + 1  # shows that there are too many
    if columns is None:
        rows = itertools.islice(filter(_without_comment, lines.until_blank()), one_more)
        return _Section(np.empty(sum(1 for _ in rows), dtype=[]), first_line)
    if most is not None:
        # As many as it says, or as the file can have: each column takes a character and a space.
        require_memory(f"{lines.path}: {heading.keyword}", min(most, lines.most_characters // (2 * len(columns))))
    rows = itertools.islice(lines.until_blank(), one_more)
    return _Section(parse(lines.path, rows, first_line, columns, comments="#"), first_line)


def _columns(lines: _Lines, heading: _Heading, style: str | None) -> dict[str, str] | None:
    """The columns of a section, some of which the first row decides, or None if it does not matter here."""
    if heading.keyword == "Masses":
        return {"type": "i4", "mass": "f8"}
    if heading.keyword == "Atom Type Labels":
        return {"type": "i4", "label": WORD}
    if heading.keyword not in {"Atoms", "Velocities"}:
        return None
    first = next(lines, "")
    if first:
        lines.put_back(first)
    width = len(_without_comment(first).split())
    if heading.keyword == "Velocities":
        return _VELOCITY | _SPIN if width == len(_VELOCITY | _SPIN) else _VELOCITY
    columns = _STYLES[_atom_style(lines.path, heading, style, width)]
    return columns | _IMAGE if width == len(columns | _IMAGE) else columns


def _atom_style(path: Path, heading: _Heading, style: str | None, width: int) -> str:
    hint = heading.hint
    if style and hint in _STYLES and hint != style:
        fail(path, heading.line, f"the file says 'Atoms # {hint}', and the option style {style!r}")
    if style or hint in _STYLES:
        return style or hint
    # Only one style is this narrow; of the others several look alike.
    if not hint and width in {len(_STYLES["atomic"]), len(_STYLES["atomic"] | _IMAGE)}:
        return "atomic"
    problem = f"unknown atom style {hint!r}" if hint else "the atom style is not named"
    known = ", ".join(_STYLES)
    return fail(path, heading.line, f"{problem}; write 'Atoms # style' or give the option style, one of {known}")


class _Atoms:
    """What the sections say about each atom. Here their numbers are checked against each other."""

    def __init__(self, path: Path, header: _Header, sections: dict[str, _Section]) -> None:
        self._path = path
        self._type_count = header.count("atom types")
        self._sections = sections
        self.table = sections["Atoms"].table
        self._columns = self.table.dtype.names or ()
        self._require("Atoms", self.table["id"] >= 1, "an atom id below 1")
        self._require("Atoms", _first_occurrences(self.table["id"]), "an atom id that occurred before")
        self._require("Atoms", self._known_types("Atoms"), f"a type that is not one of 1 to {self._type_count}")

    def velocities(self) -> NDArray[np.float64] | None:
        """Shape (N, 3) in the order of Atoms."""
        if "Velocities" not in self._sections:
            return None
        table, ids = self._sections["Velocities"].table, self.table["id"]
        self._require("Velocities", _first_occurrences(table["id"]), "an atom id that occurred before")
        # As many rows as atoms, and each id once: if every id is an atom's, no atom is left out.
        self._require("Velocities", np.isin(table["id"], ids), "an id that no atom has")
        velocities = np.empty((len(ids), 3))
        velocities[np.argsort(ids)] = stacked(table[np.argsort(table["id"])], ("vx", "vy", "vz"))
        return velocities

    def types(self) -> NDArray[Any]:
        """Numbers, or labels if the file names them."""
        labels = self._by_type("Atom Type Labels", "label")
        types: NDArray[Any] = self.table["type"]
        return types if labels is None else labels[types - 1]

    def mass(self, given: float | None) -> NDArray[np.float64] | float:
        """One number for each atom, or one for all if the file leaves it open."""
        by_type = self._by_type("Masses", "mass")
        by_size = "density" in self._columns
        if given is not None:
            if by_size or by_type is not None:
                raise InputError("the file has masses of its own; leave out the option mass")
            return number("mass", given, above=0.0)
        if by_size:
            # As LAMMPS has it: for a point, which has no diameter, the column density holds the mass.
            diameter, density = self.table["diameter"], self.table["density"]
            with np.errstate(over="ignore", invalid="ignore"):  # a mass that is not finite is refused as such
                masses: NDArray[np.float64] = np.where(diameter > 0, density * (math.pi / 6) * diameter**3, density)
            return masses
        if by_type is None:
            raise InputError("there is no section Masses; give the option mass")
        of_each: NDArray[np.float64] = by_type[self.table["type"] - 1]
        return of_each

    def attributes(self) -> dict[str, NDArray[Any]]:
        return {name: self.table[name] for name in _ATTRIBUTES if name in self._columns}

    def _by_type(self, keyword: str, column: str) -> NDArray[Any] | None:
        """A column of a section that has one row for each type, in the order of types."""
        if keyword not in self._sections:
            return None
        table = self._sections[keyword].table
        self._require(keyword, self._known_types(keyword), f"a type that is not one of 1 to {self._type_count}")
        self._require(keyword, _first_occurrences(table["type"]), "a type that occurred before")
        if column == "mass":
            self._require(keyword, table["mass"] > 0, "a mass that is not positive")
        return table[column][np.argsort(table["type"])]

    def _known_types(self, keyword: str) -> NDArray[np.bool_]:
        types = self._sections[keyword].table["type"]
        return (types >= 1) & (types <= self._type_count)

    def _require(self, keyword: str, good: NDArray[np.bool_], problem: str) -> None:
        if not good.all():
            fail(
                self._path,
                self._sections[keyword].first_line + int(np.argmin(good)),
                f"{keyword} has {problem}",
            )


def _first_occurrences(values: NDArray[Any]) -> NDArray[np.bool_]:
    """True where a value occurs for the first time."""
    order = np.argsort(values, kind="stable")
    first = np.ones(len(values), dtype=bool)
    first[order[1:]] = values[order[1:]] != values[order[:-1]]
    return first


def _without_comment(line: str) -> str:
    return line.partition("#")[0].strip()


def _float(lines: _Lines, word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        lines.fail(f"{word!r} is not a finite number")
    return value
