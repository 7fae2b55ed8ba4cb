"""Small checkpoints, and the question whether damage to one is found as it should be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import motes
from motes.core.state import Quanta, Timeline, column_names
from motes.core.tuples import Tuples
from motes.storage.columns import file_name, tuples_name, write_columns, write_tuples
from motes.storage.folder import checkpoint_path, new_checkpoint, open_checkpoint
from motes.storage.manifest import NAME, BoxRecord, InteractionRecord, Manifest, TuplesRecord, write_manifest

RANKS, PARTICLES = 2, 30
FILES = (NAME, *(file_name(rank) for rank in range(RANKS)), tuples_name("bonds"))
BONDS = Tuples(np.array([[0, 1], [1, 2], [5, 4]]), np.array([0, 1, 0]), ("a", "b"))


def columns(particles: int, seed: int) -> list[Any]:
    """What a rank has, in no order of ids."""
    random = np.random.default_rng(seed)
    ids, types = random.permutation(particles), random.integers(2, size=particles)
    moving, images = random.normal(size=(6, particles)), random.integers(-2, 3, size=(3, particles))
    return [ids, types, np.ones(particles), random.random(particles), *moving, *images]


def manifest(step: int, files: tuple[Any, ...], **changes: Any) -> Manifest:
    """One that fits the columns."""
    given: dict[str, Any] = {
        "version": "0.1.0", "step": step, "timeline": Timeline(0.005), "memory": {}, "end": 1000,
        "particles": sum(file.particles for file in files), "frozen": 0,
        "box": BoxRecord.of(motes.Box([5.0, 4.0, 3.0], ["periodic", "open", "reflecting"])),
        "quanta": Quanta((2.0**-50,) * 3, 2.0**-40, 2.0**-30), "type_names": ("A", "B"),
        "attributes": {"size": (0.25, 1.0)}, "columns": column_names(3, ["size"]),
        "integrator": {"kind": "VelocityVerlet", "dt": 0.005},
        "interactions": (InteractionRecord(name="soft", key="0f"),), "followers": (), "skin": 0.3, "shown": True,
        "topology": {},
        "observers": [{"kind": "function", "every": 10, "name": "look"}], "input": None, "files": files,
    }  # fmt: skip
    return Manifest(**given | changes)


def write_checkpoint(folder: Path, step: int) -> Path:
    """A checkpoint of a step, as two ranks would write it."""
    with new_checkpoint(folder, step) as unfinished:
        files = [write_columns(unfinished / file_name(rank), columns(PARTICLES, step + rank)) for rank in range(RANKS)]
        record = TuplesRecord(file=write_tuples(unfinished, "bonds", BONDS), names=BONDS.names)
        write_manifest(unfinished, manifest(step, tuple(files), topology={"bonds": record}))
    return checkpoint_path(folder, step)


def complaint(path: Path, file: Path, good: Path | None) -> str | None:
    """What is wrong with how a damaged file is refused; None if all is well.

    Args:
        path: that is to be opened.
        file: that was damaged.
        good: the checkpoint before it, which must be offered, if there is one.
    """
    try:
        open_checkpoint(path)
    except motes.InputError as error:
        message = str(error)
    except Exception as error:  # noqa: BLE001  # any other is what is looked for
        return f"{type(error).__name__}: {error}"
    else:
        return "accepted"
    offer = f"; the one before it is good: resume {good}" if good else "; there is no good one before it"
    right = message.startswith(str(file)) and message.endswith(offer) and "\n" not in message
    return None if right else message


def other_bytes(byte: int) -> Iterator[int]:
    """Values that a byte may be taken for: each bit turned over, and characters that mean much to JSON."""
    values = {byte ^ (1 << bit) for bit in range(8)} | set(b"\n\r 09")
    yield from sorted(values - {byte})
