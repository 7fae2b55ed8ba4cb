"""A frame of a GSD file, the trajectory format of HOOMD-blue.

The format: https://gsd.readthedocs.io/en/stable/schema-hoomd.html
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motes.core.box import BOUNDARIES
from motes.core.checks import whole_number
from motes.core.errors import InputError
from motes.core.streams import warn
from motes.core.tuples import WIDTHS
from motes.particles.readers.contents import ROUNDING, Contents, Edges
from motes.particles.readers.gsd_file import GsdFile
from motes.particles.readers.rows import opened

_MOST_STEPS = 2**53
_SMALLEST_INDEX = -(2**31)
_UNKNOWN = ("dihedrals", "impropers", "constraints", "pairs")
_ATTRIBUTES = "log/particles/"
_ID = _ATTRIBUTES + "id"


def read_gsd(path: Path, *, frame: int = -1) -> Contents:
    """What a frame holds; a negative frame counts from the end.

    Positions and velocities in a GSD file are usually float32. Charge, diameter and what lies in log/particles become
    attributes if the file has them. Of a file that Motes wrote, ids, images, time, origin and boundary come back.
    """
    frame = whole_number("frame", frame, minimum=_SMALLEST_INDEX)
    with opened(path) as file:
        chunks = GsdFile(file)
        if not -chunks.frames <= frame < chunks.frames:
            raise InputError(f"expected a frame from {-chunks.frames} to {chunks.frames - 1}, got {frame}")
        return _contents(path, _Frame(chunks, frame % chunks.frames), frame)


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
        of_first = not name.startswith(("particles/", _ATTRIBUTES)) or name == "particles/N" or self._like_first
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

    def column(self, name: str) -> NDArray[Any] | None:
        """One number of each particle, shape (N,), if the file has them."""
        return None if self.find(name) is None else self.numbers(name, (self.count, 1), 0.0)[:, 0]

    def names(self, beginning: str) -> list[str]:
        """Of the chunks that begin so."""
        return [name for name in self._chunks.names if name.startswith(beginning) and self.find(name) is not None]


def _contents(path: Path, frame: _Frame, number: int) -> Contents:
    if not frame.count:
        raise InputError(f"there are no particles in frame {number}")
    if frame.find("particles/position") is None:
        raise InputError(f"there are no positions in frame {number}")
    positions = frame.numbers("particles/position", (frame.count, 3), 0.0)  # so the file has room for as many
    dimensions = int(frame.numbers("configuration/dimensions", (1, 1), 3, whole=True)[0, 0])
    if dimensions not in (2, 3):
        raise InputError(f"configuration/dimensions: expected 2 or 3, got {dimensions}")
    edges = _edges(frame, dimensions)
    step, time = _moment(frame)
    ids = frame.numbers(_ID, (frame.count, 1), 0, whole=True)[:, 0] if frame.find(_ID) is not None else None
    has_images = frame.find("particles/image") is not None
    return Contents(
        path,
        positions + (edges.origin + edges.lengths / 2),
        edges,
        velocities=frame.numbers("particles/velocity", (frame.count, 3), 0.0).astype(np.float64),
        mass=frame.column("particles/mass"),
        types=_types(frame, "particles", frame.count),
        ids=ids,
        images=frame.numbers("particles/image", (frame.count, 3), 0, whole=True) if has_images else None,
        attributes=_attributes(path, frame),
        topology={kind: _tuples(frame, kind, ids) for kind in WIDTHS if _how_many(frame, kind)},
        tuples={kind: _how_many(frame, kind) for kind in _UNKNOWN},
        dimensions=dimensions,
        step=step,
        time=time,
    )


def _moment(frame: _Frame) -> tuple[int, float]:
    """Step and time, with which a run goes on that begins with this frame; those of other programs are theirs."""
    if frame.find("log/time") is None:
        return 0, 0.0
    step = int(frame.numbers("configuration/step", (1, 1), 0, whole=True)[0, 0])
    time = float(frame.numbers("log/time", (1, 1), 0.0)[0, 0])
    if not (0 <= step < _MOST_STEPS and math.isfinite(time)):
        raise InputError(f"expected a step from 0 to {_MOST_STEPS} and a finite time, got {step} and {time}")
    return step, time


_NOT_READ = ("orientation", "body", "moment_inertia", "angmom")


def _attributes(path: Path, frame: _Frame) -> dict[str, NDArray[Any]]:
    """Columns of one number. What other programs log under longer names is theirs."""
    found = {name: frame.column(f"particles/{name}") for name in ("charge", "diameter")}
    lost = [name for name in _NOT_READ if frame.find(f"particles/{name}") is not None]
    for name in frame.names(_ATTRIBUTES):
        short = name.removeprefix(_ATTRIBUTES)
        values = frame.find(name)
        if name != _ID and "/" not in short and values is not None and values.shape == (frame.count, 1):
            found[short] = values[:, 0]
        elif name != _ID and "/" not in short:
            lost.append(short)
    if lost:
        warn(f"{path}: columns that are no single number are left out: {', '.join(map(repr, lost))}")
    return {name: values for name, values in found.items() if values is not None}


def _how_many(frame: _Frame, kind: str) -> int:
    """Tuples of a kind."""
    return int(frame.numbers(f"{kind}/N", (1, 1), 0, whole=True)[0, 0])


def _tuples(frame: _Frame, kind: str, ids: NDArray[Any] | None) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """The ids of bonds or angles, which the file names by their indices, and a label for each."""
    count = _how_many(frame, kind)
    indices = frame.numbers(f"{kind}/group", (count, WIDTHS[kind]), 0, whole=True).astype(np.int64)
    if indices.min() < 0 or indices.max() >= frame.count:
        raise InputError(f"{kind}/group: expected numbers from 0 to {frame.count - 1}, got {indices.max()}")
    return indices if ids is None else ids.astype(np.int64)[indices], _types(frame, kind, count)


def _types(frame: _Frame, kind: str, count: int) -> NDArray[Any]:
    """A label for each particle or tuple: whole numbers, if all labels are such, but for those that Motes was given as
    text."""
    names = frame.find(f"{kind}/types")
    labels = [b"A"] if names is None else [row.tobytes().partition(b"\0")[0] for row in names]
    indices = frame.numbers(f"{kind}/typeid", (count, 1), 0, whole=True)[:, 0].astype(np.int64)
    if indices.min() < 0 or indices.max() >= len(labels):
        raise InputError(f"{kind}/typeid: expected numbers from 0 to {len(labels) - 1}, got {indices.max()}")
    try:
        words = [label.decode("utf-8") for label in labels]
    except UnicodeDecodeError as error:
        raise InputError(f"{kind}/types: expected text in UTF-8") from error
    flag = "log/text_types" if kind == "particles" else f"log/text_{kind}"
    as_text = frame.numbers(flag, (1, 1), 0, whole=True)[0, 0]
    if not as_text and all(re.fullmatch("0|-?[1-9][0-9]{0,17}", word) for word in words):
        return np.array(list(map(int, words)))[indices]
    return np.array(words)[indices]


def _edges(frame: _Frame, dimensions: int) -> Edges:
    """The box around zero, or, if Motes wrote the file, where and what it really is."""
    six = frame.find("configuration/box")
    if six is None or six.shape != (6, 1) or six.dtype.kind != "f":
        raise InputError("configuration/box: expected six numbers")
    lengths, tilts = np.split(six[:, 0].astype(np.float64), [3])
    if not np.abs(tilts).max() <= ROUNDING:  # they count edges; what is no number fails as well
        raise InputError(f"triclinic boxes are not supported: the tilt factors are {tilts.tolist()}, expected zeros")
    exact, origin, sides = lengths.copy(), -lengths / 2, np.zeros((3, 2), np.int64)
    if frame.find("log/lengths") is not None:
        known = frame.numbers("log/lengths", (dimensions, 1), 0.0)[:, 0]
        if (np.abs(known - lengths[:dimensions]) <= ROUNDING * lengths[:dimensions]).all():  # as no one changed it
            exact[:dimensions] = known
            origin = np.zeros(3)
            origin[:dimensions] = frame.numbers("log/origin", (dimensions, 1), 0.0)[:, 0]
            sides[:dimensions] = frame.numbers("log/boundary", (dimensions, 2), 0, whole=True)
    if sides.min() < 0 or sides.max() >= len(BOUNDARIES):
        raise InputError(f"log/boundary: expected numbers from 0 to {len(BOUNDARIES) - 1}, got {sides.tolist()}")
    words = [tuple(BOUNDARIES[kind] for kind in pair) for pair in sides]
    return Edges(exact, origin, tuple(pair[0] if pair[0] == pair[1] else pair for pair in words))
