"""Particles from files that other programs wrote. A file's name tells its format."""

from __future__ import annotations

import fnmatch
import zlib
from collections.abc import Callable
from dataclasses import fields
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from motes.core.box import Box
from motes.core.checks import file_path
from motes.core.errors import InputError
from motes.core.words import did_you_mean
from motes.particles.particles import Particles
from motes.particles.readers.contents import Contents, Wishes, particles_of
from motes.particles.readers.extended_xyz import read_xyz
from motes.particles.readers.gsd_frame import read_gsd
from motes.particles.readers.lammps_data import read_lammps
from motes.particles.readers.rows import naming

__all__ = ["read"]


class _Format(NamedTuple):
    """What such files are called (with or without .gz), who reads them, and the options that are theirs alone."""

    names: tuple[str, ...]
    reader: Callable[..., Contents]
    options: tuple[str, ...]


_FORMATS = {
    "lammps": _Format(("*.data", "data.*", "*.lmp", "*.lammps", "*.lammps-data"), read_lammps, ("style",)),
    "gsd": _Format(("*.gsd",), read_gsd, ("frame",)),
    "xyz": _Format(("*.xyz", "*.extxyz", "*.exyz"), read_xyz, ("frame",)),
}
_WISHES = tuple(field.name for field in fields(Wishes))


def read(path: str | PathLike[str], box: Box | None = None, *, format: str | None = None, **options: Any) -> Particles:  # noqa: A002  # the word that users know
    """Read particles from a file, plain or compressed (.gz).

    ==========  ===================================================  ==================================================
    format      names                                                options of its own
    ==========  ===================================================  ==================================================
    "lammps"    LAMMPS data: ``*.data``, ``data.*``, ``*.lmp``,      ``style``: the atom style, where the file does not
                ``*.lammps``                                         name it
    "gsd"       ``*.gsd``, trajectories of HOOMD-blue and Motes      ``frame`` (default: the last)
    "xyz"       extended XYZ: ``*.xyz``, ``*.extxyz``                ``frame`` (default: the last)
    ==========  ===================================================  ==================================================

    Parameters
    ----------
    path
        The file.
    box
        The box to use instead of the one in the file.
    format
        One of the above, for a file that is called otherwise.
    boundary
        As for `Box`, instead of what the file says (periodic, where it says nothing).
    mass
        Where the file has none: one number, numbers by type ({1: 1.0, 2: 2.5}), or "elements" for the standard atomic
        weights of types that are named by chemical symbols. 1 by default, but for LAMMPS data.
    dimensions
        2 to read a flat world: what the file says of z is passed over.
    bonds
        "ignore" to leave out the bonds and angles of a file, and dihedrals and others, which Motes does not know.

    Columns of one number become attributes of their names, and image flags `images`. Positions outside a periodic box
    are wrapped. What cannot be an attribute is left out with a warning.

    Raises InputError with the file's name, and the line where there is one, for anything that is missing,
    damaged or not understood.
    """
    file = file_path("path", path)
    kind = _format_of(file, format)
    known = [*(name for name in _WISHES if name != "box"), *kind.options]
    for option in options:
        if option not in known:
            raise InputError(f"{file}: unknown option {option!r}; {did_you_mean(option, sorted(known))}")
    with naming(file):
        wishes = Wishes(box, **{name: value for name, value in options.items() if name in _WISHES})
        wishes.check()
        own = {name: value for name, value in options.items() if name in kind.options}
        return particles_of(_contents(file, kind, own), wishes)


def _contents(file: Path, kind: _Format, options: dict[str, Any]) -> Contents:
    try:
        return kind.reader(file, **options)
    except FileNotFoundError as error:
        raise InputError(f"{file}: there is no such file") from error
    except (
        OSError,
        EOFError,
        zlib.error,
    ) as error:  # the last two: compressed data that is cut short or damaged
        raise InputError(f"{file}: cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _format_of(file: Path, word: str | None) -> _Format:
    if word is not None:
        if word not in _FORMATS:
            raise InputError(f"{file}: unknown format {word!r}; {did_you_mean(str(word), _FORMATS)}")
        return _FORMATS[word]
    name = file.name.lower().removesuffix(".gz")
    for kind in _FORMATS.values():
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in kind.names):
            return kind
    patterns = ", ".join(pattern for kind in _FORMATS.values() for pattern in kind.names)
    words = ", ".join(map(repr, _FORMATS))
    if file.is_dir():
        raise InputError(f"{file}: this is a folder; give the file in it")
    if file.name.lower().removesuffix(".gz").endswith((".lammpstrj", ".dump")):
        raise InputError(f"{file}: dumps of LAMMPS are not read; write a data file, with write_data")
    raise InputError(f"{file}: unknown format; expected a name like {patterns}, or say format=... (one of {words})")
