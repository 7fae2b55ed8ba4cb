"""Trajectory: snapshots in the gsd format, which OVITO, MDAnalysis, freud and HOOMD-blue read.

Its box is centred on zero: positions are written relative to the centre of the box. A 2D world has z = 0 and a box with
no depth. What GSD has no array for is logged: `log/particles/id` and further attributes by their names, `log/time`, and
the exact box as `log/lengths`, `log/origin` and `log/boundary` (for both sides of each axis, as BOUNDARIES of
core/box.py counts), which motes.read knows. With single precision, the usual one, a trajectory is not the exact state;
with double it is.

The file is written in place, not only at its end. A run that is killed in the middle of a snapshot may leave a file
that readers refuse; resumed from a checkpoint, the run first makes it whole (see `motes.observers.extent`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from motes.core.box import BOUNDARIES, Box
from motes.core.durable import sync_folder
from motes.core.errors import InputError
from motes.core.state import Array
from motes.core.tuples import WIDTHS, Tuples
from motes.core.words import known_keywords
from motes.observers.extent import Extent
from motes.observers.memory import path_from, path_in
from motes.observers.output import (
    Hold,
    borrowed,
    check_writable,
    hold,
    hold_again,
    keep_aside,
    opening,
    output_path,
    refuse_other_format,
    writing,
)
from motes.observers.roster import Frame, Observer

Precision = Literal["single", "double"]
PRECISIONS: dict[Precision, Any] = {"single": np.float32, "double": np.float64}
GSD_ATTRIBUTES = ("charge", "diameter")
"""Attributes that GSD has arrays for."""

VELOCITY = "particles/velocity"


class Trajectory(Observer):
    """A gsd file of positions, velocities, images, types, masses, ids and attributes.

    Args:
        path: the file, which is called .gsd.
        overwrite: whether a file that is there may be replaced.
        precision: "single" (float32), or "double" for the exact positions and velocities; such files are read by gsd 5
            or later. To go on to the same bits, take a Checkpoint: it also has the grids of the run.

    Particles are in the order of their ids. Each snapshot is flushed, so that a run which is killed between two of
    them leaves a file that can be read. The file is this run's alone until the run ends. Later runs of the same
    simulation append.

    A file that is there already is kept under another name, melt.1.gsd for melt.gsd, unless `overwrite` is asked for.

    Raises InputError, before anything runs, if the path is called as files of another format are, if another run is
    writing there, or if it cannot be opened; RunError if the disk refuses a snapshot (those before it stay readable).
    """

    @known_keywords
    def __init__(self, path: str | Path, overwrite: bool = False, precision: Precision = "single") -> None:
        refuse_other_format(path, (".gsd",), "a trajectory is a gsd file")
        if not isinstance(precision, str) or precision not in PRECISIONS:
            raise InputError(f"precision is {precision!r}; it must be {' or '.join(map(repr, PRECISIONS))}")
        self.path = output_path(path)
        self.overwrite = overwrite
        self.precision = precision
        self._first: dict[str, Array] = {}  # what the first snapshot has
        self._held: Hold | None = None
        self._file: Any = None
        self._step = 0
        self._begun = False
        self._extent: Extent | None = None  # of the file when it was remembered, if this is that of a resumed run

    def go_on_from(self, other: Trajectory) -> None:
        """Go on with its file."""
        self._held, self._file, self._step = other._held, other._file, other._step
        self._begun, self._extent, self._first = other._begun, other._extent, other._first

    def check(self) -> None:
        """Refuse a path to which nothing can be written."""
        if self._extent is None:
            check_writable(self.path, self.overwrite)

    def start(self, frame: Frame) -> None:  # noqa: ARG002  # as the base class has it
        """Create the file, or cut it back to what was remembered."""
        with opening(self.path), ExitStack() as undo:
            undo.callback(self.finish)
            if self._extent is None:
                self._begin()
            else:
                self._go_on(self._extent)
            undo.pop_all()
        self._begun = True

    def __call__(self, frame: Frame) -> None:
        """Append one snapshot."""
        self._step = frame.step
        with writing(self.path, self._step):
            self._held = self._held or hold(self.path)  # let go at the end of an earlier run
            file = self._file or self._open("r+")
            self._file = None  # a file that refused a snapshot is not written to again
            self._append(file, chunks(frame, PRECISIONS[self.precision]))
            file.flush()
            self._held.check_there()
        self._file = file

    def finish(self) -> None:
        """Close the file."""
        file, self._file = self._file, None
        held, self._held = self._held, None
        with ExitStack() as stack:
            if held is not None:
                stack.callback(held.release)  # also if closing fails
            if file is not None:
                with writing(self.path, self._step):
                    file.close()

    def remember(self, beside: Path) -> dict[str, Any]:
        """What of the file is needed to cut it back; see :class:`motes.observers.extent.Extent`.

        Raises RunError if the disk refuses, or if this version of gsd writes a layout that is not known.
        """
        extent = self._extent
        if self._begun:
            with writing(self.path, self._step), borrowed(self._held, self.path) as held:
                held.sync()
                sync_folder(self.path.parent)
                extent = Extent.of(held)
        kept = None if extent is None else extent.record()
        path = path_from(beside, self.path)
        return {"kind": "trajectory", "path": path, "precision": self.precision, "extent": kept}

    @classmethod
    def from_memory(cls, memory: Mapping[str, Any], beside: Path) -> Self:
        """The trajectory that goes on where `memory` ends. No file is touched before it starts.

        Raises InputError if the memory makes no sense; `start` does so if the file is missing, held by another run,
        or not the one that was written.
        """
        # What is there was written by the run that is resumed, so it may be overwritten.
        precision: Any = memory.get("precision")  # which is looked at as that of anyone
        trajectory = cls(path_in(memory, beside), True, precision)
        extent = memory.get("extent")
        if extent is not None:
            if not isinstance(extent, Mapping):
                raise InputError("the checkpoint's trajectory is damaged: 'extent' is no table; use another checkpoint")
            trajectory._extent = Extent.from_memory(extent)
        return trajectory

    def _begin(self) -> None:
        """Make an empty file. If one is there, it is emptied only once it is ours."""
        if self.overwrite:
            self._held = hold(self.path, os.O_RDWR | os.O_CREAT)
        else:
            self._held = hold(keep_aside(self.path), os.O_RDWR | os.O_CREAT | os.O_EXCL)
        self._file = self._open("w")

    def _go_on(self, extent: Extent) -> None:
        """Make the file what it was when it was remembered."""
        self._held = hold_again(self.path, extent.length)
        try:
            extent.restore(self._held)
            self._file = self._open("r+")
            if self._file.nframes != extent.frames:
                raise ValueError(f"it has {self._file.nframes} snapshots, not {extent.frames}")
        except (ValueError, RuntimeError) as error:  # the latter is how gsd says that a file is damaged
            raise InputError(
                f"{self.path} is not the file that was being written when the checkpoint was: {error}; "
                "put back the file that the run wrote"
            ) from error

    def _open(self, mode: str) -> Any:
        """The file, and what its first snapshot has."""
        import gsd.fl  # loaded only by those who write trajectories

        version = (2, 0) if self.precision == "double" else (1, 4)
        file = gsd.fl.open(str(self.path), mode, application="Motes", schema="hoomd", schema_version=version)
        names = file.find_matching_chunk_names("") if file.nframes else []
        self._first = {name: file.read_chunk(0, name) for name in names if file.chunk_exists(0, name)}
        return file

    def _append(self, file: Any, snapshot: dict[str, Array]) -> None:
        """Write a snapshot, but for what is as in the first, which readers then take from there."""
        if VELOCITY in self._first and VELOCITY not in snapshot:  # else readers would take those of the first frame
            snapshot = snapshot | {VELOCITY: np.zeros_like(snapshot["particles/position"])}
        for kind, width in WIDTHS.items():  # nor those bonds, when the last ones are gone
            if f"{kind}/N" in self._first and f"{kind}/N" not in snapshot:
                snapshot = snapshot | _none_left(width, kind)
        for name, values in snapshot.items():
            if name not in self._first or not np.array_equal(self._first[name], values):
                file.write_chunk(name, values)
        file.end_frame()
        self._first = self._first or snapshot


def chunks(frame: Frame, floats: type[np.floating[Any]]) -> dict[str, Array]:
    """A snapshot by the names that the GSD schema gives its parts."""
    box, attributes = frame.box, dict(frame.attributes)
    parts: dict[str, Any] = {
        "configuration/step": np.array([frame.step], np.uint64),
        "configuration/dimensions": np.array([box.dimensions], np.uint8),
        "configuration/box": np.array([*_three(box.lengths), 0.0, 0.0, 0.0], floats),
        "particles/N": np.array([len(frame)], np.uint32),
        "particles/types": _names(frame.type_names),
        "particles/typeid": frame.types.astype(np.uint32),
        "particles/mass": frame.mass.astype(floats),
        "particles/position": _three(frame.positions - (box.origin + box.lengths / 2)).astype(floats),
        "particles/image": _three(frame.images.astype(np.int32)),
    }
    if frame.has_velocities:
        parts[VELOCITY] = _three(frame.velocities).astype(floats)
    parts |= {f"particles/{name}": attributes.pop(name).astype(floats) for name in GSD_ATTRIBUTES if name in attributes}
    parts |= {f"log/particles/{name}": values for name, values in attributes.items()}
    parts |= {
        "log/particles/id": frame.ids,
        "log/time": np.array([frame.time]),
        "log/lengths": box.lengths,
        "log/origin": box.origin,
        "log/boundary": _sides(box),
        "log/text_types": np.array([isinstance(frame.type_names[0], str)], np.uint8),
    }
    for kind, tuples in frame.topology.items():
        if len(tuples):
            parts |= _tuples(kind, tuples, frame.ids)
    return {name: np.ascontiguousarray(values) for name, values in parts.items()}


def _names(labels: Sequence[int | str]) -> Array:
    """Labels as GSD has them: rows of bytes that end with 0."""
    names = [str(label).encode() for label in labels]
    width = max(map(len, names)) + 1
    return np.array(names, f"S{width}").view(np.int8).reshape(len(names), width)


def _tuples(kind: str, tuples: Tuples, ids: Array) -> dict[str, Any]:
    """Bonds or angles between indices in the order of ids."""
    return {
        f"{kind}/N": np.array([len(tuples)], np.uint32),
        f"{kind}/types": _names(tuples.names),
        f"{kind}/typeid": tuples.types.astype(np.uint32),
        f"{kind}/group": np.searchsorted(ids, tuples.members).astype(np.int32),
        f"log/text_{kind}": np.array([isinstance(tuples.names[0], str)], np.uint8),
    }


def _none_left(width: int, kind: str) -> dict[str, Array]:
    """A snapshot without bonds, or without angles."""
    return {
        f"{kind}/N": np.zeros(1, np.uint32),
        f"{kind}/typeid": np.zeros(0, np.uint32),
        f"{kind}/group": np.zeros((0, width), np.int32),
    }


def _sides(box: Box) -> Array:
    """For each axis what its lower and its upper side are, (d, 2): indices into BOUNDARIES."""
    return np.array([[BOUNDARIES.index(word) for word in pair] for pair in box.sides], np.uint8)


def _three(values: Any) -> Any:
    """The last axis filled up with zeros to three components."""
    missing = 3 - values.shape[-1]
    return np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, missing)])
