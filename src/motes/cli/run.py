"""`motes run`: a TOML file becomes a simulation with header, thermo table and footer; a script is run as it is."""

from __future__ import annotations

import os
import runpy
import sys
import time
import traceback
from pathlib import Path

import motes
from motes.cli import report
from motes.cli.build import Job, check_outputs, read_job
from motes.errors import InputError, RunError


def run(
    path: Path,
    threads: int | None = None,
    steps: int | None = None,
    settings: tuple[str, ...] = (),
    overwrite: bool = False,
    quiet: bool = False,
) -> None:
    """Run the input file at `path`, whatever its kind."""
    if path.suffix != ".py":
        run_input(path, threads, steps, settings, overwrite, quiet)
    elif steps is not None or settings or overwrite or quiet:
        raise InputError(f"{path}: --steps, --set, --overwrite and --quiet are for TOML files; a script says them itself")
    else:
        run_script(path, threads)


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


def run_input(
    path: Path, threads: int | None, steps: int | None, settings: tuple[str, ...], overwrite: bool, quiet: bool
) -> None:
    """Run a TOML file to its last step."""
    begun = time.perf_counter()
    job = read_job(path, settings)
    check_outputs(job)
    table = None if quiet else motes.Thermo()
    observers = _observers(job, table, overwrite)
    simulation = job.simulation(threads)
    for every, observer in observers:
        simulation.every(every, observer)
    steps = job.config.run.steps if steps is None else steps
    if not quiet:
        print(report.header(job, simulation, steps), flush=True)
    ready = time.perf_counter()
    try:
        simulation.run(steps, progress=_ignore if quiet else None)
    except KeyboardInterrupt:
        print(f"motes: stopped at step {simulation.step} of {steps}", file=sys.stderr)
        raise
    if len(simulation) != len(job.particles):
        raise RunError(f"{len(simulation)} particles are left of {len(job.particles)}")
    if not quiet:
        seconds = time.perf_counter() - ready
        print(report.footer(job, simulation, steps, seconds, ready - begun, table))


def _ignore(done: int) -> None:
    """No progress bar."""


def _observers(job: Job, table: motes.Thermo | None, overwrite: bool) -> list[tuple[int, object]]:
    """What the file asks for, and the thermo table on the screen."""
    thermo, trajectory = job.config.thermo, job.config.trajectory
    observers: list[tuple[int, object]] = []
    if thermo is not None and table is not None:
        observers.append((thermo.every, table))
    if thermo is not None and thermo.path is not None:
        observers.append((thermo.every, motes.Thermo(thermo.path, overwrite or thermo.overwrite)))
    if trajectory is not None:
        observers.append(
            (trajectory.every, motes.Trajectory(trajectory.path, overwrite or trajectory.overwrite))
        )
    return observers
