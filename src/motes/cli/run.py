"""`motes run`: a TOML file becomes a run with header, thermo table and footer; a script runs as it is."""

from __future__ import annotations

import math
import os
import runpy
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import motes
from motes.cli import report
from motes.cli.build import Job, check_outputs, read_job
from motes.errors import InputError, RunError
from motes.streams import say

LOOK_EVERY = 100
"""Steps between two looks at the clock, where checkpoints are written every so many minutes."""


@dataclass(frozen=True)
class Options:
    """What the command line says beyond the file."""

    threads: int | None = None
    steps: int | None = None
    settings: tuple[str, ...] = ()
    overwrite: bool = False
    quiet: bool = False


def run(path: Path, options: Options) -> None:
    """Run the input file at `path`, whatever its kind."""
    if path.suffix != ".py":
        run_input(path, options)
    elif options != Options(threads=options.threads):
        raise InputError(f"{path}: of the options only --threads is for scripts; the others are for TOML files")
    else:
        run_script(path, options.threads)


def run_script(path: Path, threads: int | None) -> None:
    """Run a Python script as `python path` would, with the number of threads as its simulations' default."""
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    if threads is not None:
        os.environ["MOTES_THREADS"] = str(threads)
    sys.argv = [str(path)]
    sys.path.insert(0, str(path.resolve().parent))
    try:
        runpy.run_path(str(path), run_name="__main__")
    except (InputError, RunError) as error:
        raise type(error)(f"{_line_of(path, error)}{error}") from error


def _line_of(path: Path, error: BaseException) -> str:
    """Which line of the script an error came through, as the beginning of a message."""
    lines = [entry.lineno for entry in traceback.extract_tb(error.__traceback__) if entry.filename == str(path)]
    return f"{path}:{lines[-1]}: " if lines else ""


def run_input(path: Path, options: Options) -> None:
    """Run a TOML file to its last step."""
    begun = time.perf_counter()
    job = read_job(path, options.settings)
    check_outputs(job)
    table = None if options.quiet else motes.Thermo()
    observers = _observers(job, table, options.overwrite)
    simulation = job.simulation(options.threads, show=not options.quiet)
    for every, observer in observers:
        simulation.every(every, observer)
    steps = job.config.run.steps if options.steps is None else options.steps
    take_steps(job, simulation, steps, table, begun)


def take_steps(job: Job, simulation: motes.Simulation, steps: int, table: motes.Thermo | None, begun: float) -> None:
    """Run with header and footer, unless there is no table to print: then print nothing."""
    quiet = table is None
    if not quiet:
        say(report.header(job, simulation, steps))
    ready = time.perf_counter()
    simulation.run(steps, progress=_ignore if quiet else None)
    spent = report.Spent(steps, ready - begun, time.perf_counter() - ready)
    present = simulation.describe()["particles"]
    if present != len(simulation):
        raise RunError(f"{present} particles are left of {len(simulation)}")
    if not quiet:
        say(report.footer(job, simulation, table, spent))


def _ignore(done: int) -> None:
    """No progress bar."""


def _observers(job: Job, table: motes.Thermo | None, overwrite: bool) -> list[tuple[int, Callable[..., Any]]]:
    """What the file asks for, and the thermo table on the screen."""
    thermo, trajectory = job.config.thermo, job.config.trajectory
    observers: list[tuple[int, Callable[..., Any]]] = []
    if thermo is not None and table is not None:
        observers.append((thermo.every, table))
    if thermo is not None and thermo.path is not None:
        observers.append((thermo.every, motes.Thermo(thermo.path, overwrite or thermo.overwrite)))
    if trajectory is not None:
        snapshots = motes.Trajectory(trajectory.path, overwrite or trajectory.overwrite)
        observers.append((trajectory.every, snapshots))
    return [*observers, _checkpoint(job, overwrite)]


def _checkpoint(job: Job, overwrite: bool) -> tuple[int, motes.Checkpoint]:
    """How often checkpoints are written; without a [checkpoint] table only if the run is stopped."""
    table = job.config.checkpoint
    if table is None:
        return LOOK_EVERY, motes.Checkpoint(f"{job.path.stem}.ckpt", minutes=math.inf, overwrite=overwrite)
    minutes, every = table.minutes, table.every or LOOK_EVERY
    return every, motes.Checkpoint(table.path, table.keep, minutes, overwrite or table.overwrite)
