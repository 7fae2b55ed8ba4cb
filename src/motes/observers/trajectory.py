"""Trajectory: snapshots in the gsd format, which OVITO, MDAnalysis, freud and HOOMD-blue read.

gsd holds float32, so a trajectory is for looking at and analysing and is never the exact state. Its box is
centred on zero: positions are written relative to the centre of the box. A 2D world has z = 0 and a box with
no depth.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from motes.observers.output import opening, refuse_existing, writing
from motes.observers.schedule import Frame, Observer


class Trajectory(Observer):
    """A gsd file of positions, velocities, types, masses and, where there is one, the attribute `charge`.

    Particles are in the order of their ids. Each snapshot is flushed, so that a run which is killed leaves a
    file that can be read. Later runs of the same simulation append.

    Raises InputError, before anything runs, if the path exists and `overwrite` is not asked for, or cannot be
    opened; RunError if the disk refuses a snapshot (those before it stay readable).
    """

    def __init__(self, path: str | Path, overwrite: bool = False) -> None:
        self.path = Path(path)
        self.overwrite = overwrite
        self._file: Any = None
        self._step = 0
        if not overwrite:
            refuse_existing(self.path)

    def start(self, frame: Frame) -> None:  # noqa: ARG002  # as the base class has it
        """Create the file."""
        with opening(self.path):
            self._file = _open(self.path, "w" if self.overwrite else "x")

    def __call__(self, frame: Frame) -> None:
        """Append one snapshot."""
        self._step = frame.step
        with writing(self.path, self._step):
            file = self._file or _open(self.path, "r+")  # closed at the end of an earlier run
            self._file = None  # a file that refused a snapshot is not written to again
            file.append(snapshot(frame))
            file.flush()
        self._file = file

    def finish(self) -> None:
        """Close the file."""
        file, self._file = self._file, None
        if file is not None:
            with writing(self.path, self._step):
                file.close()


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
