"""`motes resume`: a run that was stopped goes on, to the same end."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from motes.cli.run import Options, take_steps
from motes.core.errors import InputError
from motes.core.streams import say, warn
from motes.observers import restore
from motes.observers.thermo import Thermo
from motes.simulation.inputs.build import Job, blame
from motes.simulation.inputs.config import read_tables, validated
from motes.simulation.resume import from_manifest, summary_of
from motes.storage.folder import open_checkpoint
from motes.storage.manifest import Manifest


def resume(path: Path, options: Options) -> None:
    """Go on from the last checkpoint in a folder, or from one of them."""
    begun = time.perf_counter()
    checkpoint, manifest = open_checkpoint(path.absolute())
    with blame(path):
        job = job_of(checkpoint, manifest)
    _compare(job)
    with blame(path):
        simulation = from_manifest(checkpoint, manifest, job.interactions, None, options.threads, job.config.run.skin)
    table = None
    for memory in manifest.observers:
        observer = restore(memory, checkpoint.parent)
        if isinstance(observer, Thermo) and observer.path is None:
            if options.quiet:
                continue
            table = observer
        simulation.bring_back(memory, observer)
    if table is None and not options.quiet:
        table = Thermo()
        if job.config.thermo is not None:  # the run that was stopped was to be quiet
            simulation.every(job.config.thermo.every, table)
    steps = simulation.steps_left if options.steps is None else options.steps
    if steps == 0 and not options.quiet:
        say(f"{path}: the run is at its last step, {simulation.step}; --steps N takes N more")
    else:
        take_steps(job, simulation, steps, table, begun)


def _compare(job: Job) -> None:
    """Say so if the input file has other settings by now: those of the checkpoint hold."""
    if not job.path.is_file():
        return
    now, then = (_by_key(tables) for tables in (read_tables(job.path), job.tables))
    differing = [key for key in {**then, **now} if now.get(key) != then.get(key)]
    if differing:
        warn(f"{job.path.name} now differs in {', '.join(differing)}; the settings of the checkpoint hold")


def _by_key(tables: dict[str, Any]) -> dict[str, Any]:
    """The values of the tables by name, as --set has it; a list of tables is one value."""
    found: dict[str, Any] = {}
    for name, table in tables.items():
        found |= {f"{name}.{key}": value for key, value in table.items()} if isinstance(table, dict) else {name: table}
    return found


def job_of(checkpoint: Path, manifest: Manifest) -> Job:
    """The job of the input file that the checkpoint remembers; the file itself is not read again."""
    source = manifest.input
    if source is None:
        raise InputError(
            "this checkpoint is of a Python script: go on with motes.resume(path, interactions=[...]) in a script, "
            "since functions are code and no checkpoint has them"
        )
    file = Path(os.path.normpath(checkpoint.parent / source.path))
    job = Job(file, source.tables, validated(file, source.tables), summary_of(checkpoint, manifest))
    job.add_interactions()
    return job
