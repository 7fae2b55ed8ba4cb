"""A checkpoint of a simulation: the columns that every rank writes, bonds and angles, and the manifest of all else."""

from __future__ import annotations

import os
from pathlib import Path

from motes.core.checks import file_path
from motes.engine import queries
from motes.simulation.course import Course
from motes.simulation.records import own_version
from motes.storage.columns import ColumnFile, file_name, write_tuples
from motes.storage.folder import checkpoint_path, new_checkpoint
from motes.storage.manifest import BoxRecord, FollowerRecord, InputRecord, Manifest, TuplesRecord, write_manifest


def save(path: str | Path, course: Course) -> Path:
    """Write a checkpoint of this moment into a folder; return where it is. See Simulation.save."""
    folder = file_path("path", path).absolute()
    with course.parts.engine.turn(), new_checkpoint(folder, course.step) as unfinished:
        answers = course.parts.engine.ask(queries.save, unfinished)
        for rank, (wrong, *_) in enumerate(answers):
            if wrong:
                raise OSError(wrong, f"{os.strerror(wrong)} ({file_name(rank)})")
        topology = {
            kind: TuplesRecord(file=write_tuples(unfinished, kind, tuples), names=tuples.names)
            for kind, tuples in course.parts.summary.topology.items()
            if len(tuples)
        }
        files = tuple(ColumnFile(file_name(rank), *answer[1:]) for rank, answer in enumerate(answers))
        write_manifest(unfinished, _manifest(folder, course, files, topology))
        return checkpoint_path(folder, course.step)


def _manifest(
    folder: Path, course: Course, files: tuple[ColumnFile, ...], topology: dict[str, TuplesRecord]
) -> Manifest:  # fmt: skip
    parts, step = course.parts, course.step
    summary, state = parts.summary, parts.engine.here.state
    integrator, interactions = parts.records
    return Manifest(
        version=own_version(),
        step=step,
        timeline=state.timeline,
        memory=state.remembered,
        end=max(course.end, step),
        particles=summary.count,
        frozen=summary.frozen,
        box=BoxRecord.of(summary.box),
        quanta=course.quanta,
        type_names=summary.type_names,
        attributes={name: (float(values[0]), float(values[-1])) for name, values in summary.attributes.items()},
        columns=tuple(state.column_names),
        topology=topology,
        integrator=integrator,
        followers=tuple(FollowerRecord.of(one, step) for one in parts.followers),
        interactions=interactions,
        skin=parts.settings.skin,
        shown=course.roster.has_shown(step),
        observers=course.roster.remember(folder, step),
        input=course.input and InputRecord(path=os.path.relpath(course.input[0], folder), tables=course.input[1]),
        files=files,
    )
