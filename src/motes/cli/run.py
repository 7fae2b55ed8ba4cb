"""`motes run`: a TOML file becomes a run with header, thermo table and footer; a script runs as it is."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motes.cli import report
from motes.cli.conserved import Energy
from motes.cli.script import run_script
from motes.core.errors import InputError, RunError
from motes.core.progress import show_nothing
from motes.core.streams import say
from motes.core.words import did_you_mean
from motes.observers.checkpoint import Checkpoint
from motes.observers.thermo import Thermo
from motes.observers.trajectory import Trajectory
from motes.simulation.inputs.build import Job, blame, check_outputs, read_job
from motes.simulation.inputs.config import RESULTS
from motes.simulation.simulation import Simulation

OPTIONS = ("--ranks", "--threads", "--steps", "--set", "--overwrite", "--quiet")

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


def run(path: Path, options: Options, arguments: Sequence[str] = ()) -> None:
    """Run the input file at `path`, whatever its kind; arguments are those of a script."""
    if path.suffix == ".py":
        if options != Options(threads=options.threads, quiet=options.quiet):
            raise InputError(
                f"{path}: of the options only --ranks, --threads and --quiet are for scripts, the others for TOML "
                f"files; the script's own come after --, as in: motes run {path} -- --steps 5"
            )
        run_script(path, arguments, options.threads, options.quiet)
        return
    refuse_arguments(path, arguments)
    run_input(path, options)


def refuse_arguments(path: Path, arguments: Sequence[str]) -> None:
    """Raise an InputError for words that only a script could take."""
    if arguments:
        hint = did_you_mean(arguments[0], OPTIONS, "{}")
        raise InputError(f"{path}: unexpected {arguments[0]!r}; {hint} (only scripts have arguments of their own)")


def run_input(path: Path, options: Options) -> None:
    """Run a TOML file to its last step."""
    begun = time.perf_counter()
    job = read_job(path, options.settings)
    check_outputs(job)
    table = None if options.quiet else Thermo()
    observers = observers_of(job, table, options.overwrite)
    simulation = job.simulation(options.threads, show=not options.quiet)
    for every, observer in observers:
        simulation.every(every, observer)
    steps = job.config.run.steps if options.steps is None else options.steps
    take_steps(job, simulation, steps, table, begun)


def take_steps(job: Job, simulation: Simulation, steps: int, table: Thermo | None, begun: float) -> None:
    """Run with header and footer, unless there is no table to print: then print nothing."""
    quiet = table is None
    if not quiet:
        say(report.header(job, simulation, steps))
    measured = table is not None and job.config.thermo is not None  # else nobody wants energies
    first = Energy.of(simulation) if measured else None
    ready = time.perf_counter()
    simulation.run(steps, progress=show_nothing if quiet else None)
    spent = report.Spent(steps, ready - begun, time.perf_counter() - ready)
    present = simulation.describe()["particles"]
    if present != len(simulation):
        raise RunError(f"{present} particles are left of {len(simulation)}")
    if not quiet:
        say(report.footer(simulation, first, spent))


def observers_of(job: Job, table: Thermo | None, overwrite: bool) -> list[tuple[int, Callable[..., Any]]]:
    """What the file asks for, and the thermo table on the screen."""
    thermo, trajectory = job.config.thermo, job.config.trajectory
    observers: list[tuple[int, Callable[..., Any]]] = []
    if thermo is not None and table is not None:
        observers.append((thermo.every, table))
    if thermo is not None and thermo.path is not None:
        with blame(job.path, "[thermo]"):
            observers.append((thermo.every, Thermo(thermo.path, overwrite or thermo.overwrite)))
    if trajectory is not None:
        with blame(job.path, "[trajectory]"):
            snapshots = Trajectory(trajectory.path, overwrite or trajectory.overwrite, trajectory.precision)
        observers.append((trajectory.every, snapshots))
    for name in RESULTS:
        if (result := getattr(job.config, name)) is not None:
            arguments = result.arguments | {"overwrite": overwrite or result.overwrite}
            with blame(job.path, f"[{name}]"):
                observers.append((result.every, result.kind(**arguments)))
    return [*observers, _checkpoint(job, overwrite)]


def _checkpoint(job: Job, overwrite: bool) -> tuple[int, Checkpoint]:
    """How often checkpoints are written; without a [checkpoint] table only if the run is stopped."""
    table = job.config.checkpoint
    if table is None:
        return LOOK_EVERY, Checkpoint(f"{job.path.stem}.ckpt", minutes=math.inf, overwrite=overwrite)
    minutes, every = table.minutes, table.every or LOOK_EVERY
    with blame(job.path, "[checkpoint]"):
        return every, Checkpoint(table.path, table.keep, minutes, overwrite or table.overwrite)
