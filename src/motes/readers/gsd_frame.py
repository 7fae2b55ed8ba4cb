"""A frame of a GSD file, the trajectory format of HOOMD-blue.

The format: https://gsd.readthedocs.io/en/stable/schema-hoomd.html
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from motes.box import Box
from motes.checks import whole_number
from motes.errors import InputError
from motes.particles import Particles
from motes.readers.rows import naming

_SMALLEST_INDEX = -(2**31)


def read_gsd(path: Path, box: Box | None = None, *, boundary: Any = "periodic", frame: int = -1) -> Particles:
    """Particles of one frame; a negative frame counts from the end.

    Positions and velocities in a GSD file are float32. Charge and diameter become attributes if present.
    """
    frame = whole_number(f"{path}: frame", frame, minimum=_SMALLEST_INDEX)
    snapshot = _snapshot(path, frame)
    data = snapshot.particles
    if not data.N:
        raise InputError(f"{path}: there are no particles in frame {frame}")
    with naming(path):
        box = box or _box(snapshot.configuration, boundary)
        axes = slice(box.dimensions)
        # What the file does not hold, the library fills in with zeros (charge) and ones (diameter).
        attributes = {
            name: values
            for name, values, absent in (("charge", data.charge, 0.0), ("diameter", data.diameter, 1.0))
            if (values != absent).any()
        }
        return Particles(
            data.position[:, axes],
            box,
            velocities=data.velocity[:, axes],
            mass=data.mass,
            types=np.array(data.types)[data.typeid],
            **attributes,
        )


def _snapshot(path: Path, frame: int) -> Any:
    import gsd.hoomd  # here, because most runs never need it

    try:
        with gsd.hoomd.open(path, mode="r") as file:
            count = len(file)
            if not -count <= frame < count:
                raise InputError(f"{path}: expected a frame from {-count} to {count - 1}, got {frame}")
            return file[frame]
    except RuntimeError as error:  # the library's word for a file that is damaged or of another kind
        raise InputError(f"{path}: cannot be read: {error}") from error


def _box(configuration: Any, boundary: Any) -> Box:
    lengths, tilts = np.split(np.asarray(configuration.box, dtype=np.float64), [3])
    if tilts.any():
        raise InputError(f"triclinic boxes are not supported: the tilt factors are {tilts.tolist()}, expected zeros")
    lengths = lengths[: configuration.dimensions]
    return Box(lengths, boundary=boundary, origin=-lengths / 2)
