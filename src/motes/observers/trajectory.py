"""Trajectory: snapshots in the gsd format, which OVITO, MDAnalysis, freud and HOOMD-blue read.

gsd holds float32, so a trajectory is for looking at and analysing and is never the exact state. Its box is
centred on zero: positions are written relative to the centre of the box. A 2D world has z = 0 and a box with
no depth.

The file is written in place, not only at its end. A run that is killed in the middle of a snapshot may leave a file
that readers refuse; resumed from a checkpoint, the run first makes it whole (see `motes.observers.extent`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import numpy as np

from motes.errors import InputError
from motes.observers.extent import Extent
from motes.observers.memory import path_from, path_in
from motes.observers.output import (
    Hold,
    borrowed,
    hold,
    hold_again,
    keep_aside,
    opening,
    output_path,
    sync_folder,
    writing,
)
from motes.observers.schedule import Frame, Observer
from motes.words import known_keywords


class Trajectory(Observer):
    """A gsd file of positions, velocities, types, masses and, where there is one, the attribute `charge`.

    Particles are in the order of their ids. Each snapshot is flushed, so that a run which is killed between two of
    them leaves a file that can be read. The file is this run's alone until the run ends. Later runs of the same
    simulation append.

    A file that is there already is kept under another name, melt.1.gsd for melt.gsd, unless `overwrite` is asked for.

    Raises InputError, before anything runs, if another run is writing there, or if it cannot be opened; RunError if the
    disk refuses a snapshot (those before it stay readable).
    """

    @known_keywords
    def __init__(self, path: str | Path, overwrite: bool = False) -> None:
        self.path = output_path(path)
        self.overwrite = overwrite
        self._held: Hold | None = None
        self._file: Any = None
        self._step = 0
        self._begun = False
        self._extent: Extent | None = None  # of the file when it was remembered, if this is that of a resumed run

    def go_on_from(self, other: Trajectory) -> None:
        """Go on with its file."""
        self._held, self._file, self._step = other._held, other._file, other._step
        self._begun, self._extent = other._begun, other._extent

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
            file = self._file or _open(self.path, "r+")
            self._file = None  # a file that refused a snapshot is not written to again
            file.append(snapshot(frame))
            file.flush()
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
        told = None if extent is None else extent.told()
        return {"kind": "trajectory", "path": path_from(beside, self.path), "extent": told}

    @classmethod
    def recall(cls, memory: Mapping[str, Any], beside: Path) -> Self:
        """The trajectory that goes on where `memory` ends. No file is touched before it starts.

        Raises InputError if the memory makes no sense; `start` does so if the file is missing, held by another run,
        or not the one that was written.
        """
        # What is there was written by the run that is resumed, so it may be overwritten.
        trajectory = cls(path_in(memory, beside), overwrite=True)
        extent = memory.get("extent")
        if extent is not None:
            if not isinstance(extent, Mapping):
                raise InputError("the checkpoint's trajectory is damaged: 'extent' is no table; use another checkpoint")
            trajectory._extent = Extent.recalled(extent)
        return trajectory

    def _begin(self) -> None:
        """Make an empty file. If one is there, it is emptied only once it is ours."""
        if self.overwrite:
            self._held = hold(self.path, os.O_RDWR | os.O_CREAT)
        else:
            self._held = hold(keep_aside(self.path), os.O_RDWR | os.O_CREAT | os.O_EXCL)
        self._file = _open(self.path, "w")

    def _go_on(self, extent: Extent) -> None:
        """Make the file what it was when it was remembered."""
        self._held = hold_again(self.path, extent.length)
        try:
            extent.restore(self._held)
            self._file = _open(self.path, "r+")
            if len(self._file) != extent.frames:
                raise ValueError(f"it has {len(self._file)} snapshots, not {extent.frames}")
        except (ValueError, RuntimeError) as error:  # the latter is how gsd says that a file is damaged
            raise InputError(
                f"{self.path} is not the file that was being written when the checkpoint was: {error}; "
                "put back the file that the run wrote"
            ) from error


def _open(path: Path, mode: str) -> Any:
    import gsd.hoomd  # loaded only by those who write trajectories

    return gsd.hoomd.open(str(path), mode)


def snapshot(frame: Frame) -> Any:
    """The frame as a gsd.hoomd.Frame (positions relative to the centre of the box)."""
    import gsd.hoomd

    box = frame.box
    result = gsd.hoomd.Frame()
    result.configuration.step = frame.step
    result.configuration.dimensions = box.dimensions
    result.configuration.box = [*_three(box.lengths), 0.0, 0.0, 0.0]
    particles = result.particles
    particles.N = len(frame)
    particles.position = _three(frame.positions - (box.origin + box.lengths / 2))
    if frame.has_velocities:
        particles.velocity = _three(frame.velocities)
    particles.mass = frame.mass
    particles.types = [str(name) for name in frame.type_names]
    particles.typeid = frame.types
    if "charge" in frame.attributes:
        particles.charge = frame.attributes["charge"]
    return result


def _three(values: Any) -> Any:
    """The last axis filled up with zeros to three components."""
    missing = 3 - values.shape[-1]
    return np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, missing)])
