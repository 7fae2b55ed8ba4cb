"""How far a gsd file goes at one moment, and how to cut it back to just that.

A gsd file of layout version 2 grows at its end, but three of its parts are changed in place: the header (the first
256 bytes), the index (32 bytes for each piece of data, of which new ones fill entries that were zero) and the list of
names. Index and names are copied to the end of the file when they need more room, and the header then points there.
What was written before is never changed otherwise. So header, names and the number of used entries in the index are
all that must be remembered: with the old header written back, the old index is the one that counts again.

The price: this module knows the layout of the format (https://gsd.readthedocs.io, "File layer") and not only the
functions of its library. A file of another version of the layout is refused, not guessed at.
"""

from __future__ import annotations

import bisect
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from motes.core.errors import InputError, RunError
from motes.observers.memory import bytes_in, count_in, text_of
from motes.observers.output import Hold

MAGIC = 0x65DF65DF65DF65DF
MAJOR = 2  # version of the layout
HEADER = struct.Struct("=QQQQQII")  # magic; index: offset, entries; names: offset, entries; schema, layout versions
HEADER_SIZE = 256
ENTRY = struct.Struct("=QQqIHBB")  # frame, rows, offset, columns, name, type, flags
NAME_SIZE = 64


@dataclass(frozen=True)
class Blocks:
    """Where index and names are, by the header of the file. Offsets and sizes in bytes."""

    index: int
    entries: int
    names: int
    names_size: int

    @classmethod
    def of(cls, header: bytes) -> Self:
        """Raises ValueError for the header of something else."""
        if len(header) < HEADER.size:
            raise ValueError("its header is cut off")
        magic, index, entries, names, names_entries, _, version = HEADER.unpack_from(header)
        if magic != MAGIC or version >> 16 != MAJOR:
            raise ValueError(f"its header is not that of a gsd file of version {MAJOR}")
        return cls(index, entries, names, names_entries * NAME_SIZE)

    @property
    def end(self) -> int:
        """The least length of a file with these blocks."""
        return max(self.index + self.entries * ENTRY.size, self.names + self.names_size)

    def entry(self, held: Hold, number: int) -> bytes:
        """One entry of the index."""
        return held.read(self.index + number * ENTRY.size, ENTRY.size)

    def used(self, held: Hold) -> int:
        """How many entries of the index are used: an unused one is at offset 0 of the file, where no data can be."""
        return bisect.bisect_left(
            range(self.entries), True, key=lambda number: ENTRY.unpack(self.entry(held, number))[2] == 0
        )


@dataclass(frozen=True)
class Extent:
    """What of a gsd file is not at its end, and where that is."""

    length: int  # of the file, in bytes
    frames: int
    used: int  # entries in the index
    last: bytes  # the last used entry of the index: by this the file is known again
    header: bytes
    names: bytes

    @classmethod
    def of(cls, held: Hold) -> Self:
        """The file as it is now; nothing of it may still be in a buffer.

        Raises RunError for a file that is not of the known layout.
        """
        header = held.read(0, HEADER_SIZE)
        try:
            blocks = Blocks.of(header)
        except ValueError as error:
            raise RunError(
                f"a trajectory cannot be part of a checkpoint: {error}; install a gsd that writes such files"
            ) from error
        used = blocks.used(held)
        last = blocks.entry(held, used - 1) if used else b""
        frames = ENTRY.unpack(last)[0] + 1 if used else 0
        return cls(held.size, frames, used, last, header, held.read(blocks.names, blocks.names_size))

    def restore(self, held: Hold) -> None:
        """Make the file byte for byte what it was, whatever happened to it since.

        Raises ValueError, and changes nothing, for another file.
        """
        blocks = Blocks.of(self.header)
        if self.used and blocks.entry(held, self.used - 1) != self.last:
            raise ValueError("its index does not have the snapshots that were there")
        held.write(blocks.names, self.names)
        held.write(blocks.index + self.used * ENTRY.size, bytes((blocks.entries - self.used) * ENTRY.size))
        held.write(0, self.header)
        held.cut(self.length)
        held.sync()

    def record(self) -> dict[str, Any]:
        """As JSON knows it, for :meth:`from_memory`."""
        texts = {name: text_of(getattr(self, name)) for name in ("last", "header", "names")}
        return {"length": self.length, "frames": self.frames, "used": self.used, **texts}

    @classmethod
    def from_memory(cls, memory: Mapping[str, Any]) -> Self:
        """Raises InputError for what :meth:`record` cannot have written."""
        length, frames, used = (count_in(memory, name) for name in ("length", "frames", "used"))
        header = bytes_in(memory, "header", HEADER_SIZE)
        try:
            blocks = Blocks.of(header)
            if blocks.end > length or used > blocks.entries:
                raise ValueError("its index or its names are beyond its end")
        except ValueError as error:
            raise InputError(f"the checkpoint's trajectory is damaged: {error}; use another checkpoint") from error
        last = bytes_in(memory, "last", ENTRY.size)
        return cls(length, frames, used, last, header, bytes_in(memory, "names", blocks.names_size))
