"""Particles from files that other programs wrote. A file's name tells its format."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

from motes.box import Box
from motes.errors import InputError
from motes.particles import Particles
from motes.readers.extended_xyz import read_xyz
from motes.readers.gsd_frame import read_gsd
from motes.readers.lammps_data import read_lammps

__all__ = ["read"]

# What a file's name ends with, who reads it, and the options it takes.
_FORMATS: dict[str, tuple[Callable[..., Particles], frozenset[str]]] = {
    ".data": (read_lammps, frozenset({"boundary", "style", "mass", "dimensions"})),
    ".data.gz": (read_lammps, frozenset({"boundary", "style", "mass", "dimensions"})),
    ".gsd": (read_gsd, frozenset({"boundary", "frame"})),
    ".xyz": (read_xyz, frozenset({"frame"})),
    ".extxyz": (read_xyz, frozenset({"frame"})),
}


def read(path: str | PathLike[str], box: Box | None = None, **options: Any) -> Particles:
    """Read particles from a file.

    ===================  ==================================================================================
    ``.data[.gz]``       LAMMPS data file. Options: ``boundary`` (as for `Box`), ``style`` (the atom style,
                         where the file does not name it), ``mass`` (where it has none), ``dimensions=2``
    ``.gsd``             a frame of a GSD file. Options: ``frame`` (default: the last), ``boundary``
    ``.xyz, .extxyz``    extended XYZ. Option: ``frame`` (default: the last)
    ===================  ==================================================================================

    Parameters
    ----------
    path
        The file.
    box
        The box to use instead of the one in the file.
    **options
        As above.

    Raises InputError with the file's name, and the line where there is one, for anything that is missing,
    damaged or not understood.
    """
    file = Path(path)
    if "\0" in str(file):
        raise InputError(f"{file}: a file's name cannot hold a character of code 0")
    reader, known = _format_of(file)
    for option in options:
        if option not in known:
            raise InputError(f"{file}: unknown option {option!r}; this format takes {', '.join(sorted(known))}")
    if box is not None and "boundary" in options:
        raise InputError(f"{file}: expected either a box, which has its own boundary, or a boundary, got both")
    try:
        return reader(file, box=box, **options)
    except FileNotFoundError as error:
        raise InputError(f"{file}: there is no such file") from error
    except (
        OSError,
        EOFError,
        zlib.error,
    ) as error:  # the last two: compressed data that is cut short or damaged
        raise InputError(f"{file}: cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _format_of(file: Path) -> tuple[Callable[..., Particles], frozenset[str]]:
    for suffix, reader_and_options in _FORMATS.items():
        if file.name.endswith(suffix):
            return reader_and_options
    raise InputError(f"{file}: unknown format; expected a name that ends with {', '.join(_FORMATS)}")
