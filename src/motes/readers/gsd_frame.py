"""A frame of a GSD file, the trajectory format of HOOMD-blue.

The format: https://gsd.readthedocs.io/en/stable/schema-hoomd.html
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motes.box import Box
from motes.checks import whole_number
from motes.errors import InputError
from motes.particles import Particles
from motes.readers.gsd_file import GsdFile
from motes.readers.rows import naming

_SMALLEST_INDEX = -(2**31)


def read_gsd(path: Path, box: Box | None = None, *, boundary: Any = "periodic", frame: int = -1) -> Particles:
    """Particles of one frame; a negative frame counts from the end.

    Positions and velocities in a GSD file are usually float32. Charge and diameter become attributes if present.
    """
    frame = whole_number(f"{path}: frame", frame, minimum=_SMALLEST_INDEX)
    with naming(path), path.open("rb") as file:
        chunks = GsdFile(file)
        if not -chunks.frames <= frame < chunks.frames:
            raise InputError(f"expected a frame from {-chunks.frames} to {chunks.frames - 1}, got {frame}")
        return _particles(_Frame(chunks, frame % chunks.frames), box, boundary, frame)


class _Frame:
    """The chunks of a frame. What it leaves out is as in the first frame, or else as the format says."""

    def __init__(self, chunks: GsdFile, frame: int) -> None:
        self._chunks = chunks
        self._frame = frame
        self.count = int(self.numbers("particles/N", (1, 1), 0, whole=True)[0, 0])
        first = chunks.chunk(0, "particles/N")
        self._like_first = first is not None and first.shape == (1, 1) and int(first[0, 0]) == self.count

    def find(self, name: str) -> NDArray[Any] | None:
        """The chunk of this name; the first frame's stands for that of a frame without one."""
        found = self._chunks.chunk(self._frame, name)
        of_first = not name.startswith("particles/") or name == "particles/N" or self._like_first
        return self._chunks.chunk(0, name) if found is None and of_first else found

    def numbers(self, name: str, shape: tuple[int, int], absent: float, whole: bool = False) -> NDArray[Any]:
        """The chunk of this name, which must have this shape, or an array of the number that stands for none."""
        found = self.find(name)
        if found is None:
            return np.full(shape, absent)
        if found.shape != shape or (found.dtype.kind == "f") == whole:
            wanted = f"{'whole' if whole else 'floating-point'} numbers of shape {shape}"
            raise InputError(f"{name}: expected {wanted}, got {found.dtype} of shape {found.shape}")
        return found

    def column(self, name: str, absent: float) -> NDArray[Any]:
        """One number of each particle, shape (N,)."""
        return self.numbers(f"particles/{name}", (self.count, 1), absent)[:, 0]


def _particles(frame: _Frame, box: Box | None, boundary: Any, number: int) -> Particles:
    if not frame.count:
        raise InputError(f"there are no particles in frame {number}")
    if frame.find("particles/position") is None:
        raise InputError(f"there are no positions in frame {number}")
    positions = frame.numbers("particles/position", (frame.count, 3), 0.0)  # so the file has room for as many
    box = box or _box(frame, boundary)
    axes = slice(box.dimensions)
    optional = (("charge", frame.column("charge", 0.0), 0.0), ("diameter", frame.column("diameter", 1.0), 1.0))
    # Some programs write what the format takes for granted.
    attributes = {name: values for name, values, absent in optional if (values != absent).any()}
    return Particles(
        positions[:, axes],
        box,
        velocities=frame.numbers("particles/velocity", (frame.count, 3), 0.0)[:, axes],
        mass=frame.column("mass", 1.0),
        types=_types(frame),
        **attributes,
    )


def _types(frame: _Frame) -> NDArray[Any]:
    """A label for each particle."""
    names = frame.find("particles/types")
    labels = ["A"] if names is None else [row.tobytes().partition(b"\0")[0] for row in names]
    places = frame.numbers("particles/typeid", (frame.count, 1), 0, whole=True)[:, 0].astype(np.int64)
    if places.min() < 0 or places.max() >= len(labels):
        raise InputError(f"particles/typeid: expected numbers from 0 to {len(labels) - 1}, got {places.max()}")
    try:
        words = [label if isinstance(label, str) else label.decode("utf-8") for label in labels]
    except UnicodeDecodeError as error:
        raise InputError("particles/types: expected text in UTF-8") from error
    return np.array(words)[places]


def _box(frame: _Frame, boundary: Any) -> Box:
    dimensions = int(frame.numbers("configuration/dimensions", (1, 1), 3, whole=True)[0, 0])
    if dimensions not in (2, 3):
        raise InputError(f"configuration/dimensions: expected 2 or 3, got {dimensions}")
    edges = frame.find("configuration/box")
    if edges is None or edges.shape != (6, 1):
        raise InputError("configuration/box: expected six numbers")
    lengths, tilts = np.split(edges[:, 0].astype(np.float64), [3])
    if tilts.any():
        raise InputError(f"triclinic boxes are not supported: the tilt factors are {tilts.tolist()}, expected zeros")
    lengths = lengths[:dimensions]
    return Box(lengths, boundary=boundary, origin=-lengths / 2)
