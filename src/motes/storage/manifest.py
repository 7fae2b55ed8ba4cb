"""The manifest of a checkpoint: all that is not an array, as JSON that knows its own checksum.

A manifest is written last, so where there is one all else is there. It is one JSON document in one canonical form, and
any other byte in it is damage: read back, it must give the same text again.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import astuple
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from motes.core.box import Box
from motes.core.durable import sync
from motes.core.errors import InputError
from motes.core.schedules import Follower
from motes.core.state import FORCE_VELOCITY, Quanta, Timeline, column_names
from motes.core.tuples import WIDTHS
from motes.storage.columns import ColumnFile, file_name, tuples_name

FORMAT = 2
"""Changes with every change that an older Motes could not read."""

NAME = "manifest.json"


class BoxRecord(BaseModel):
    """A box as numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lengths: tuple[float, ...]
    boundary: tuple[str | tuple[str, str], ...]
    origin: tuple[float, ...]

    @classmethod
    def of(cls, box: Box) -> BoxRecord:
        """What is to be kept of a box."""
        return cls(
            lengths=box.lengths.tolist(),
            boundary=box.boundary,
            origin=box.origin.tolist(),
        )

    def box(self) -> Box:
        """The box again."""
        return Box(self.lengths, self.boundary, self.origin)


class InteractionRecord(BaseModel):
    """An interaction, to know it again: functions are code, so they are given anew and compared.

    Attributes:
        name: of its function.
        key: a digest of its formula and all numbers.
        shown: as its repr shows it, for messages.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    key: str
    shown: str = ""


class FollowerRecord(BaseModel):
    """A number that follows a schedule: its name, what the schedule says of itself, the step at which it began (None if
    it knows of none), and its value at the step of the checkpoint."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    schedule: tuple[str | float | None, ...]
    begin: int | None
    value: float

    @classmethod
    def of(cls, follower: Follower, step: int) -> FollowerRecord:
        """What is to be kept of one at this step."""
        schedule, value = follower.schedule, float(follower.values(np.array([step]))[0])
        return cls(name=follower.name, schedule=schedule.record, begin=schedule.begin, value=value)


class TuplesRecord(BaseModel):
    """Tuples of one kind: the file of their ids and types, and the labels of these."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: ColumnFile
    names: tuple[int | str, ...]


class InputRecord(BaseModel):
    """The tables of an input file, and where it was, as seen from the folder of checkpoints."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    tables: dict[str, Any]


class Manifest(BaseModel):
    """What a checkpoint knows besides its particles.

    Attributes:
        version: of Motes, for messages.
        step: steps taken.
        timeline: what time it is at a step.
        memory: what the integrator remembers.
        end: the step at which the run was to end.
        columns: the names of the rows of each file.
        attributes: the smallest and the largest value of each, in the order of their columns.
        frozen: how many particles never move.
        topology: bonds and angles, by their kind; a kind that is missing has none.
        integrator: its kind and parameters; empty if it holds a function and must be given anew.
        followers: the numbers that follow the steps, those of the interactions first.
        shown: whether all observers that were due at this step have been shown it.
        observers: what they need to go on, and how often they are shown a frame.
        input: the input file, if the run had one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str
    step: int
    timeline: Timeline
    memory: dict[str, float]
    end: int
    particles: int
    frozen: int
    box: BoxRecord
    quanta: Quanta
    type_names: tuple[int | str, ...]
    attributes: dict[str, tuple[float, float]]
    columns: tuple[str, ...]
    topology: dict[str, TuplesRecord]
    integrator: dict[str, Any]
    interactions: tuple[InteractionRecord, ...]
    followers: tuple[FollowerRecord, ...]
    skin: float | None
    shown: bool
    observers: list[dict[str, Any]]
    input: InputRecord | None
    files: tuple[ColumnFile, ...]

    @property
    def force_velocities(self) -> bool:
        """Whether there are columns of the velocities that forces depend on."""
        return FORCE_VELOCITY in self.columns

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        """What is said twice must be the same: a program that wrote something else is not to be trusted."""
        if not 0 <= self.step <= self.end:
            raise ValueError(f"step {self.step} is not from 0 to {self.end}")
        dt, begun, time = astuple(self.timeline)
        if not (begun <= self.step and 0 < dt < math.inf and math.isfinite(time)):
            raise ValueError("the time is not one that was counted")
        if not all(map(math.isfinite, self.memory.values())):
            raise ValueError("what the integrator remembers is not finite")
        if list(self.columns) != column_names(self.box.box().dimensions, self.attributes, self.force_velocities):
            raise ValueError("the columns are not those of such particles")
        if any(kind not in WIDTHS or record.file.name != tuples_name(kind) for kind, record in self.topology.items()):
            raise ValueError("there are tuples of a kind that is not known")
        if not self.files or [file.name for file in self.files] != [file_name(rank) for rank in range(len(self.files))]:
            raise ValueError("the files are not those of ranks 0, 1 and so on")
        if self.particles != sum(file.particles for file in self.files):
            raise ValueError(f"the files do not have {self.particles} particles together")
        if not 0 <= self.frozen <= self.particles:
            raise ValueError(f"{self.frozen} particles are frozen, of {self.particles}")
        position, velocity, force, sums = astuple(self.quanta)
        if not all(0 < quantum < math.inf for quantum in (*position, velocity, force, *sums)):
            raise ValueError("a quantum is not above zero")
        if not all({"kind", "every"} <= memory.keys() for memory in self.observers):
            raise ValueError("an observer has no kind, or no interval")
        return self


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write it, and wait until the disk has it."""
    with (folder / NAME).open("x", encoding="utf-8") as file:
        file.write(_document(manifest.model_dump(mode="json")))
        sync(file)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a checkpoint, or an InputError that names the file and says what is wrong."""
    path = folder / NAME
    try:
        text = path.read_bytes().decode()  # as text files are read, another kind of line end would pass for this one
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"{path} is missing: {folder} is no whole checkpoint") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is damaged: it is no text") from error
    contents, version = _contents(path, text)
    if version != FORMAT:
        raise InputError(
            f"{path} has format {version}, and this Motes reads format {FORMAT}: use another version of it"
        )
    try:
        return Manifest.model_validate(contents)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "contents"
        raise InputError(f"{path} is no manifest: {where}: {first['msg']}") from error


def _document(contents: dict[str, Any], version: int = FORMAT) -> str:
    text = json.dumps(contents, indent=1)  # keys stay in order: that of the attributes is the order of their columns
    checksum = hashlib.sha256(f"{version}\n{text}".encode()).hexdigest()
    return f'{{"format": {version}, "checksum": "{checksum}", "contents": {text}}}\n'


def _contents(path: Path, text: str) -> tuple[dict[str, Any], int]:
    """What the text holds, and its format, if it is just what was written."""
    try:
        document = json.loads(text)
        contents, version = document["contents"], document["format"]
        whole = isinstance(contents, dict) and isinstance(version, int) and text == _document(contents, version)
    except (ValueError, KeyError, TypeError, RecursionError):  # what damaged JSON raises, here or when written again
        whole = False
    if not whole:
        raise InputError(f"{path} is damaged: it is not as it was written")
    return contents, version
