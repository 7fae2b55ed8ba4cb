"""Particles as a file: one NumPy array of 8-byte numbers, a row for each column of the state.

Floats are kept as the bits they are, so what is read back is what was written. The checksum (CRC-32) runs on a second
thread while the file is written; it finds every change of up to four bytes in a row, and others but for one in four
billion. The disadvantage of one large file for each rank: nothing of it can be trusted until all of it is read.
"""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from motes.core.durable import sync
from motes.core.errors import InputError
from motes.core.state import Array, Integers, words
from motes.core.tuples import Tuples

LITTLE = np.dtype("<i8")
BLOCK = 1 << 24
"""Bytes read at a time."""


@dataclass(frozen=True)
class ColumnFile:
    """A file of particles, and how to know it again."""

    name: str
    particles: int
    bytes: int
    checksum: int


def file_name(rank: int) -> str:
    """Of the particles of a rank."""
    return f"rank-{rank}.npy"


def tuples_name(kind: str) -> str:
    """Of the bonds, or the angles."""
    return f"{kind}.npy"


def write_tuples(folder: Path, kind: str, tuples: Tuples) -> ColumnFile:
    """Write the ids and types of tuples into a new file, and wait until the disk has it."""
    return write_columns(folder / tuples_name(kind), [*tuples.members.T, tuples.types])


def read_tuples(folder: Path, file: ColumnFile, names: tuple[int | str, ...]) -> Tuples:
    """The tuples of a file that has been verified."""
    rows = read_rows(folder, [file], 0, file.particles)
    return Tuples(np.ascontiguousarray(rows[:-1].T), rows[-1], names)


def write_columns(path: Path, columns: Sequence[Array]) -> ColumnFile:
    """Write a new file with these columns (N,) as 8-byte numbers, and wait until the disk has it.

    Raises:
        OSError: as the disk has it; the file may be there in part.
    """
    rows = [words(values).astype(LITTLE, copy=False) for values in columns]
    header = _header(len(rows), len(rows[0]))
    parts: list[Any] = [header, *rows]
    with path.open("xb") as file, ThreadPoolExecutor(1) as beside:
        checksum = beside.submit(_checksum, parts)
        for part in parts:
            file.write(part)
        sync(file)
        size = len(header) + sum(row.nbytes for row in rows)
        return ColumnFile(path.name, len(rows[0]), size, checksum.result())


def verify(folder: Path, file: ColumnFile) -> None:
    """Raise an InputError, naming the file, unless it is what was written."""
    path = folder / file.name
    try:
        with path.open("rb") as opened:
            size = os.fstat(opened.fileno()).st_size
            if size != file.bytes:
                raise InputError(f"{path} is damaged: it has {size} bytes, not {file.bytes}")
            checksum = _checksum(iter(lambda: opened.read(BLOCK), b""))
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    if checksum != file.checksum:
        raise InputError(f"{path} is damaged: its checksum is {checksum:08x}, not {file.checksum:08x}")


def read_rows(folder: Path, files: Sequence[ColumnFile], first: int, last: int) -> Integers:
    """Particles first .. last - 1, counted through all files, as rows of 8-byte numbers (columns, last - first)."""
    parts: list[Integers] = []
    begin = 0
    for file in files:
        low, high = max(first - begin, 0), min(last - begin, file.particles)
        if low < high or not parts:
            rows = np.load(folder / file.name, mmap_mode="r", allow_pickle=False)
            parts.append(np.array(rows[:, low : max(low, high)], np.int64))
        begin += file.particles
    return np.concatenate(parts, axis=1)


def _checksum(parts: Iterable[Any]) -> int:
    checksum = 0
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    return checksum


def _header(columns: int, particles: int) -> bytes:
    """The beginning of a .npy file, so that np.load reads it."""
    text = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        text, {"descr": LITTLE.str, "fortran_order": False, "shape": (columns, particles)}
    )
    return text.getvalue()
