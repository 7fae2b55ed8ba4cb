"""`motes run script.py` and `motes check script.py`: what is said around the runs of a Python script."""

from __future__ import annotations

import os
import runpy
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from motes.cli import report
from motes.cli.conserved import Energy
from motes.core.errors import InputError, RunError
from motes.core.progress import run_watcher
from motes.core.streams import say, warn
from motes.simulation.simulation import Simulation

MOST = 3
"""Simulations of a script that get a header and a footer; one with many has something else to tell."""


class Narrator:
    """Prints a header when a simulation runs for the first time, and a footer when it has run for the last time."""

    def __init__(self, path: Path, arguments: Sequence[str]) -> None:
        self._path, self._arguments = path, arguments
        self._begun = time.perf_counter()
        self._simulation: Simulation | None = None
        self._seen = 0

    @contextmanager
    def watch(self, simulation: Simulation, steps: int) -> Iterator[None]:
        """Around a run."""
        if simulation is not self._simulation:
            self.end()
            self._seen += 1
            self._simulation = simulation
            self._first_step, self._setup, self._running = simulation.step, time.perf_counter() - self._begun, 0.0
            self._energy = Energy.of(simulation) if wants_energy(simulation) else None
            if self._seen <= MOST:
                say(report.script_header(self._path, self._arguments, simulation, steps))
        ready = time.perf_counter()
        yield
        self._running += time.perf_counter() - ready

    def end(self) -> None:
        """The footer of the simulation that ran last."""
        simulation, self._simulation = self._simulation, None
        if simulation is not None and self._seen <= MOST:
            spent = report.Spent(simulation.step - self._first_step, self._setup, self._running)
            say(report.footer(simulation, self._energy, spent))
            self._begun = time.perf_counter()

    def close(self) -> None:
        """The end of the script."""
        self.end()
        if self._seen > MOST:
            say(f"\n{report.count(self._seen - MOST, 'more simulation')} ran, without header and footer")


def wants_energy(simulation: Simulation) -> bool:
    """Whether an observer reads energies, so that they are worth computing once more at either end."""
    return any(getattr(one, "needs_energy", False) for handle in simulation.observers for one in handle.observers)


def run_script(path: Path, arguments: Sequence[str], threads: int | None, quiet: bool) -> None:
    """Run a Python script as `python path` would, with the number of threads as its simulations' default.

    Raises:
        InputError, RunError: those of Motes, with the line of the script.
        SystemExit: with status 1 after any other error of the script, which is shown as Python does.
    """
    narrator = Narrator(path, arguments)
    before = None if quiet else run_watcher.set(narrator.watch)
    try:
        _execute(path, arguments, threads)
    except SystemExit as end:
        if end.code in (None, 0):
            narrator.close()
        raise
    finally:
        if before is not None:
            run_watcher.reset(before)
    narrator.close()


class _Reached(BaseException):
    """A script has come to its first run; no `except Exception` of its own may stop this."""

    def __init__(self, simulation: Simulation, steps: int) -> None:
        super().__init__()
        self.simulation, self.steps = simulation, steps


def first_run(path: Path, arguments: Sequence[str], threads: int | None) -> tuple[Simulation, int, int] | None:
    """The simulation of the first run of a script, its steps and the line; the run itself is not begun.

    None if the script ends without one.
    """

    def stop(simulation: Simulation, steps: int) -> Any:
        raise _Reached(simulation, steps)

    before = run_watcher.set(stop)
    try:
        _execute(path, arguments, threads)
    except _Reached as reached:
        return reached.simulation, reached.steps, _lines_of(path, reached)[-1]
    finally:
        run_watcher.reset(before)
    return None


def _execute(path: Path, arguments: Sequence[str], threads: int | None) -> None:
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    if threads is not None:
        os.environ["MOTES_THREADS"] = str(threads)
    sys.argv = [str(path), *arguments]
    sys.path.insert(0, str(path.resolve().parent))
    try:
        runpy.run_path(str(path), run_name="__main__")
    except (InputError, RunError) as error:
        lines = _lines_of(path, error)
        raise type(error)(f"{path}:{lines[-1]}: {error}" if lines else str(error)) from error
    except Exception as error:  # noqa: BLE001  # whatever else a script raises is shown as Python shows it
        _show(path, error)
        raise SystemExit(1) from None


def _lines_of(path: Path, error: BaseException) -> list[int]:
    """The lines of the script that an error came through."""
    entries = traceback.extract_tb(error.__traceback__)
    return [entry.lineno for entry in entries if entry.filename == str(path) and entry.lineno is not None]


def _show(path: Path, error: BaseException) -> None:
    """The traceback from the script on, without whoever ran it."""
    entry = error.__traceback__
    while entry is not None and entry.tb_frame.f_code.co_filename != str(path):
        entry = entry.tb_next
    lines = traceback.format_exception(type(error), error, entry)
    sys.stderr.write("".join(lines))
    warn(f"{path} ended by an error of its own")
