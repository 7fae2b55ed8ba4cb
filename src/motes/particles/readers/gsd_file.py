"""The inside of a GSD file: a header, a list of names, and an index of chunks, which are arrays in two dimensions.

The format: https://gsd.readthedocs.io/en/stable/file-layer.html
Nothing is read, and no memory taken, by a number in the file before it is known to lie within the file. That is why
Motes has a reader of its own: the gsd library takes such a number at its word.
"""

from __future__ import annotations

import os
from typing import IO, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from motes.core.errors import InputError

_MAGIC = 0x65DF65DF65DF65DF
_HEADER = np.dtype(
    [
        ("magic", "<u8"), ("index", "<u8"), ("index_room", "<u8"), ("names", "<u8"), ("names_room", "<u8"),
        ("schema_version", "<u4"), ("version", "<u4"), ("application", "S64"), ("schema", "S64"), ("reserved", "S80"),
    ]
)  # fmt: skip
_ENTRY = np.dtype(
    [
        ("frame", "<u8"), ("rows", "<u8"), ("offset", "<i8"),
        ("columns", "<u4"), ("name", "<u2"), ("kind", "u1"), ("flags", "u1"),
    ]
)  # fmt: skip
_LONGEST_NAME = 64  # the unit in which the room for names is counted, and in version 1 the room for each
# The types of numbers in the order of their codes, which begin with 1; the last is for characters.
_KINDS = ("", "<u1", "<u2", "<u4", "<u8", "<i1", "<i2", "<i4", "<i8", "<f4", "<f8", "<i1")
_SIZES = np.array([np.dtype(kind).itemsize if kind else 0 for kind in _KINDS])
_CHARACTERS = 11


class GsdFile:
    """The chunks of a file that is open for reading. Raises InputError for what is not a whole GSD file."""

    frames: int
    names: list[str]
    """Of all chunks in all frames."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._size = file.seek(0, os.SEEK_END)
        header = self._read(0, 1, _HEADER)[0]
        if header["magic"] != _MAGIC or header["schema"] != b"hoomd":
            _refuse("it is not a GSD file of the schema hoomd")
        if header["version"] >> 16 not in (1, 2):
            _refuse(f"its version is {header['version'] >> 16}; known are 1 and 2")
        self.names = self._read_names(header)
        entries = self._read(int(header["index"]), int(header["index_room"]), _ENTRY)
        unused = np.flatnonzero(entries["offset"] == 0)
        self._entries = entries[: unused[0]] if len(unused) else entries
        self._check_entries(int(header["index_room"]))
        self.frames = int(self._entries["frame"][-1]) + 1 if len(self._entries) else 0

    def chunk(self, frame: int, name: str) -> NDArray[Any] | None:
        """The array of this name in a frame, shape (rows, columns), or None if there is none."""
        first, last = np.searchsorted(self._entries["frame"], [frame, frame + 1])
        for entry in self._entries[first:last]:
            if self.names[entry["name"]] == name:
                rows, columns = int(entry["rows"]), int(entry["columns"])
                shape = (columns, rows) if entry["kind"] == _CHARACTERS else (rows, columns)
                numbers = self._read(int(entry["offset"]), rows * columns, np.dtype(_KINDS[entry["kind"]]))
                return numbers.reshape(shape)
        return None

    def _read(self, offset: int, count: int, kind: np.dtype[Any]) -> NDArray[Any]:
        """So many numbers or records from an offset in the file, once it is certain that they are there."""
        if offset + count * kind.itemsize > self._size:
            _refuse("it is cut short or damaged")
        self._file.seek(offset)
        return np.frombuffer(self._file.read(count * kind.itemsize), kind, count)

    def _read_names(self, header: Any) -> list[str]:
        room = _LONGEST_NAME * int(header["names_room"])
        text = self._read(int(header["names"]), room, np.dtype("u1")).tobytes()
        if header["version"] >> 16 == 1:
            words = [text[i : i + _LONGEST_NAME].partition(b"\0")[0] for i in range(0, room, _LONGEST_NAME)]
        else:
            words = text.split(b"\0")
        end = words.index(b"") if b"" in words else len(words)
        return [word.decode("utf-8", "replace") for word in words[:end]]

    def _check_entries(self, room: int) -> None:
        """That every chunk lies within the file, and that the frames are in order."""
        entries = self._entries
        sizes = _SIZES[np.minimum(entries["kind"], len(_SIZES) - 1)]
        # In floating point nothing wraps around; what it rounds off is far below the size of a file.
        ends = entries["offset"] + entries["rows"].astype(float) * entries["columns"] * sizes
        good = (entries["offset"] > 0) & (ends <= self._size) & (entries["kind"] < len(_KINDS)) & (sizes > 0)
        good &= (entries["name"] < len(self.names)) & (entries["frame"] < room) & (entries["flags"] == 0)
        good[1:] &= entries["frame"][1:] >= entries["frame"][:-1]
        if not good.all():
            _refuse(f"it is cut short or damaged: entry {int(np.argmin(good))} of its index is wrong")


def _refuse(message: str) -> NoReturn:
    raise InputError(f"cannot be read: {message}")
