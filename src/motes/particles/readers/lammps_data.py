"""LAMMPS data files: a header of counts and box bounds, then sections.

The format: https://docs.lammps.org/read_data.html
A header line starts with a number, the name of a section with a letter; a section's rows end at a blank line.
"""

from __future__ import annotations

import itertools
import math
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motes.core.checks import require_memory
from motes.core.errors import InputError
from motes.core.tuples import WIDTHS
from motes.core.words import caution, did_you_mean, nearest
from motes.particles.readers.contents import Contents
from motes.particles.readers.lammps_header import Header, Lines, without_comment
from motes.particles.readers.rows import WORD, Table, fail, opened, parse, stacked

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
# Those that LAMMPS has besides: after "Atoms #" such a word is a style, any other is a remark.
_OTHER_STYLES = re.findall(
    r"\S+",
    """amoeba body bpm/sphere dielectric dipole dpd edpd electron ellipsoid hybrid line mdpd oxdna peri rheo
rheo/thermal smd sph spin tdpd template tri wavepacket""",
)
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
_UNKNOWN = ("dihedrals", "impropers")
_TUPLES = {"Bonds": "Bond", "Angles": "Angle"}
"""Sections of tuples, and the word with which the section of their labels begins."""
_MEMBERS = ("i", "j", "k")
_LARGEST_TYPE = 2**31 - 1


class _Heading(NamedTuple):
    """The line that begins a section: its name, the comment behind it, its number."""

    keyword: str
    hint: str
    line: int


class _Section(NamedTuple):
    """The rows of a section (without columns, if they do not matter here), and the line of the first."""

    table: Table
    first_line: int


def read_lammps(path: Path, *, style: str | None = None) -> Contents:
    """What a LAMMPS data file holds.

    The atom style is the word behind "Atoms #", or `style`: atomic, charge, molecular, bond, angle, full or sphere.
    Charge, molecule and diameter become attributes. Coefficients are passed over with a warning, spins without.
    """
    if style is not None and style not in _STYLES:
        raise InputError(f"{path}: unknown style {style!r}; {did_you_mean(str(style), _STYLES)}")
    with opened(path) as file:
        lines = Lines(path, file)
        header = Header(lines)
        sections = _read_sections(lines, header, style)
    if "Atoms" not in sections:
        raise InputError(f"{path}: there is no section Atoms")
    coefficients = [name for name in sections if name.endswith(" Coeffs")]
    if coefficients:
        caution(f"{path}: {', '.join(coefficients)} are not read: give these numbers to interactions")
    atoms = _Atoms(path, header, sections)
    return Contents(
        path,
        stacked(atoms.table, _POSITION),
        header.edges(),
        velocities=atoms.velocities(),
        mass=atoms.mass(),
        without_mass="there is no section Masses; give the option mass, a number or numbers by type: mass={1: ...}",
        types=atoms.types(),
        ids=atoms.table["id"],
        images=atoms.images(),
        attributes=atoms.attributes(),
        topology={name.lower(): _tuples(path, header, sections, name) for name in _TUPLES if name in sections},
        tuples={name: header.counts.get(name, 0) for name in _UNKNOWN},
    )


def _read_sections(lines: Lines, header: Header, style: str | None) -> dict[str, _Section]:
    """All sections by name, each with as many rows as the header says."""
    sections: dict[str, _Section] = {}
    for line in lines:
        keyword, _, hint = (part.strip() for part in line.partition("#"))
        if not keyword:
            continue
        if keyword not in _SECTIONS:
            lines.fail(_not_a_section(keyword[:60]))
        if keyword in sections:
            lines.fail(f"a second section {keyword}")
        heading = _Heading(keyword, hint, lines.number)
        counted = _SECTIONS[keyword]
        most = header.count(counted) if counted else None
        of = _TUPLES.get(keyword, "Atom")
        sections[keyword] = _read_section(lines, heading, f"{of} Type Labels" in sections, style, most)
        found = len(sections[keyword].table)
        if most is not None and found != most:
            rows = f"more than {most}" if found > most else found
            fail(lines.path, heading.line, f"{keyword} has {rows} rows; the header says {most} {counted}")
    for keyword in _NEEDED_IF_COUNTED:
        if keyword not in sections and header.counts.get(str(_SECTIONS[keyword])):
            raise InputError(f"{lines.path}: there is no section {keyword}, but the header counts them")
    return sections


def _not_a_section(keyword: str) -> str:
    meant = nearest(keyword, _SECTIONS, 0.8)
    if meant is not None:
        return f"{keyword!r} is not the name of a section; did you mean {meant!r}?"
    if re.fullmatch(r"[A-Z][\w/ ]*", keyword):
        return (
            f"{keyword!r} is not the name of a section of particles; if it is for a fix of LAMMPS, it may be taken out"
        )
    return f"{keyword!r} is not the name of a section, nor does it belong to the one before"


def _read_section(lines: Lines, heading: _Heading, labelled: bool, style: str | None, most: int | None) -> _Section:
    """The rows of a section, but not many more than there should be at most; labelled if types may have labels."""
    next(lines, "")  # LAMMPS passes over the line after a heading, whatever it says
    lines.skip_blank()
    first_line = lines.number + 1
    columns = _columns(lines, heading, WORD if labelled else "i4", style)
    one_more = None if most is None else most + 1  # shows that there are too many
    if columns is None:
        rows = itertools.islice(filter(without_comment, lines.until_blank()), one_more)
        return _Section(np.empty(sum(1 for _ in rows), dtype=[]), first_line)
    if most is not None:
        # As many as it says, or as the file can have: each column takes a character and a space.
        require_memory(f"{lines.path}: {heading.keyword}", min(most, lines.characters // (2 * len(columns))))
    rows = itertools.islice(lines.until_blank(), one_more)
    return _Section(parse(lines.path, rows, first_line, columns, comments="#"), first_line)


def _columns(lines: Lines, heading: _Heading, kind_of_type: str, style: str | None) -> dict[str, str] | None:
    """The columns of a section, some of which the first row decides, or None if it does not matter here."""
    if heading.keyword == "Masses":
        return {"type": kind_of_type, "mass": "f8"}
    if heading.keyword in {"Atom Type Labels", "Bond Type Labels", "Angle Type Labels"}:
        return {"type": "i4", "label": WORD}
    if heading.keyword in _TUPLES:
        members = _MEMBERS[: WIDTHS[heading.keyword.lower()]]
        return {"id": "i8", "type": kind_of_type, **dict.fromkeys(members, "i8")}
    if heading.keyword not in {"Atoms", "Velocities"}:
        return None
    first = next(lines, "")
    if first:
        lines.put_back(first)
    width = len(without_comment(first).split())
    if heading.keyword == "Velocities":
        return _VELOCITY | _SPIN if width == len(_VELOCITY | _SPIN) else _VELOCITY
    columns = _STYLES[_atom_style(lines.path, heading, style, width)] | {"type": kind_of_type}
    return columns | _IMAGE if width == len(columns | _IMAGE) else columns


def _atom_style(path: Path, heading: _Heading, style: str | None, width: int) -> str:
    """The style that the file names, if it is one of LAMMPS's words; else that of the option."""
    word = heading.hint.split()[0].removesuffix("/kk") if heading.hint else ""
    known = ", ".join(_STYLES)
    if word in _OTHER_STYLES:
        fail(path, heading.line, f"the file says 'Atoms # {word}', and such cannot be read; known styles are {known}")
    if style and word in _STYLES and _STYLES[word] != _STYLES[style]:
        fail(path, heading.line, f"the file says 'Atoms # {word}', and the option style {style!r}")
    if style or word in _STYLES:
        return style or word
    # Only one style is this narrow; of the others several look alike, also with images.
    if not word and width == len(_STYLES["atomic"]):
        return "atomic"
    problem = f"unknown atom style {word!r}" if word else "the atom style is not named"
    return fail(path, heading.line, f"{problem}; write 'Atoms # style' or give the option style, one of {known}")


def _tuples(
    path: Path, header: Header, sections: dict[str, _Section], keyword: str
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """The ids of bonds or angles, and a number or a label for each."""
    table, first_line = sections[keyword]
    members = np.stack([table[name] for name in _MEMBERS[: WIDTHS[keyword.lower()]]], axis=-1).astype(np.int64)
    word = _TUPLES[keyword]
    most = header.counts.get(f"{word.lower()} types", _LARGEST_TYPE)
    labels: list[str] = []
    if f"{word} Type Labels" in sections:
        rows = sections[f"{word} Type Labels"].table
        labels = rows["label"][np.argsort(rows["type"])].tolist()
    numbers = {label: number for number, label in enumerate(labels, 1)}
    types = table["type"]
    if types.dtype.kind != "i":
        words, indices = np.unique(types, return_inverse=True)
        types = np.array([numbers.get(one) or _small_number(one) for one in words.tolist()], np.int64)[indices]
    known = (types >= 1) & (types <= most)
    if not known.all():
        fail(path, first_line + int(np.argmin(known)), f"{keyword} has a type that is not one of 1 to {most}")
    return members, np.array(labels)[types - 1] if labels else types.astype(np.int64)


class _Atoms:
    """What the sections say about each atom. Here their numbers are checked against each other."""

    def __init__(self, path: Path, header: Header, sections: dict[str, _Section]) -> None:
        self._path = path
        self._type_count = header.count("atom types")
        self._sections = sections
        self.table = sections["Atoms"].table
        self._columns = self.table.dtype.names or ()
        labels = self._by_type("Atom Type Labels", "label")
        self._labels = [] if labels is None else labels.tolist()
        self._require("Atoms", self.table["id"] >= 1, "an atom id below 1")
        self._require("Atoms", _first_occurrences(self.table["id"]), "an atom id that occurred before")
        self._types = self._numbered("Atoms")

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
        return np.array(self._labels)[self._types - 1] if self._labels else self._types

    def images(self) -> NDArray[np.int64] | None:
        """Shape (N, 3), if the rows of atoms have image flags."""
        return np.stack([self.table[name] for name in _IMAGE], -1).astype(np.int64) if "nx" in self._columns else None

    def mass(self) -> NDArray[np.float64] | None:
        """One number for each atom; None if the file leaves it open."""
        if "density" in self._columns:
            # As LAMMPS has it: for a point, which has no diameter, the column density holds the mass.
            diameter, density = self.table["diameter"], self.table["density"]
            with np.errstate(over="ignore", invalid="ignore"):  # a mass that is not finite is refused as such
                masses: NDArray[np.float64] = np.where(diameter > 0, density * (math.pi / 6) * diameter**3, density)
            return masses
        by_type = self._by_type("Masses", "mass")
        return None if by_type is None else by_type[self._types - 1]

    def attributes(self) -> dict[str, NDArray[Any]]:
        return {name: self.table[name] for name in _ATTRIBUTES if name in self._columns}

    def _by_type(self, keyword: str, column: str) -> NDArray[Any] | None:
        """A column of a section that has one row for each type, in the order of types."""
        if keyword not in self._sections:
            return None
        types = self._numbered(keyword)
        self._require(keyword, _first_occurrences(types), "a type that occurred before")
        values: NDArray[Any] = self._sections[keyword].table[column]
        if column == "mass":
            self._require(keyword, values > 0, "a mass that is not positive")
        return values[np.argsort(types)]

    def _numbered(self, keyword: str) -> NDArray[np.int64]:
        """The types of a section's rows as numbers, where the rows may have labels."""
        types = self._sections[keyword].table["type"]
        if types.dtype.kind != "i":
            words, rows = np.unique(types, return_inverse=True)
            numbers = {label: number for number, label in enumerate(self._labels, 1)}
            types = np.array([numbers.get(word) or _small_number(word) for word in words.tolist()], np.int64)[rows]
        known = (types >= 1) & (types <= self._type_count)
        self._require(keyword, known, f"a type that is not one of 1 to {self._type_count}")
        return types.astype(np.int64)

    def _require(self, keyword: str, good: NDArray[np.bool_], problem: str) -> None:
        if not good.all():
            fail(
                self._path,
                self._sections[keyword].first_line + int(np.argmin(good)),
                f"{keyword} has {problem}",
            )


def _small_number(word: str) -> int:
    """The number that a word stands for, or 0, which no type has."""
    return int(word) if re.fullmatch("[0-9]{1,9}", word) else 0


def _first_occurrences(values: NDArray[Any]) -> NDArray[np.bool_]:
    """True where a value occurs for the first time."""
    order = np.argsort(values, kind="stable")
    first = np.ones(len(values), dtype=bool)
    first[order[1:]] = values[order[1:]] != values[order[:-1]]
    return first
