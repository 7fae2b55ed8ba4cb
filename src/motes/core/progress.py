"""A progress bar where someone looks at standard error, silence everywhere else.

Someone looks at a terminal, a notebook, or the terminal of a launcher: a rank's own standard error is a pipe to that,
whose standard error may be a terminal. Linux tells so of any ancestor of this process; elsewhere, and on another
machine than the launcher's, nobody looks.
"""

from __future__ import annotations

import importlib.util
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motes.core.streams import warn

LAUNCHERS = ("mpiexec", "mpirun", "orterun", "prterun", "srun")
MOST_ANCESTORS = 10

SHOW_EVERY = 0.2
"""Seconds between two signs of progress."""

_LOCATION = re.compile(r" \([^()]*:\d+\)$")
"""Where a function stands, at the end of its name."""

_reported: set[str] = set()
"""Of what it has been said that it is compiled: a wait comes in several parts."""

_silent: ContextVar[bool] = ContextVar("silent", default=False)


@dataclass(frozen=True)
class Onlooker:
    """Who looks.

    Attributes:
        rows: whether rows that are printed are seen by the same eyes.
        afar: whether it is a terminal that is not this process's own.
        width: of such a terminal, if it is known.
    """

    rows: bool
    afar: bool = False
    width: int | None = None


def onlooker() -> Onlooker | None:
    """Whoever looks at standard error now, if there is someone."""
    if sys.stderr is None:
        return None
    if sys.stderr.isatty():
        return Onlooker(rows=sys.stdout is not None and sys.stdout.isatty())
    if in_notebook():
        return Onlooker(rows=False)
    return _of_launcher() if _is_pipe(sys.stderr) else None


def in_notebook() -> bool:
    """Whether this is a notebook that can show a bar."""
    kernel = "ipykernel" in sys.modules and sys.modules.get("IPython")
    return bool(kernel and kernel.get_ipython() and importlib.util.find_spec("ipywidgets"))


def _of_launcher() -> Onlooker | None:
    """At the terminal of the launcher that started this process, if one did."""
    process = os.getppid()
    for _ in range(MOST_ANCESTORS):
        name, parent = _name_and_parent(process)
        if name.startswith(LAUNCHERS):
            terminal = _terminal(process, 2)
            return Onlooker(_terminal(process, 1) == terminal, True, _width(terminal)) if terminal else None
        process = parent
    return None


def _is_pipe(stream: Any) -> bool:
    try:
        kind = os.fstat(stream.fileno()).st_mode
    except (OSError, ValueError):  # it is no file of the system
        return False
    return stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind)


def _terminal(process: int, descriptor: int) -> str:
    """The terminal that a descriptor of a process is, if it is one."""
    with suppress(OSError):  # it is not ours to look at
        path = str(Path(f"/proc/{process}/fd/{descriptor}").readlink())
        return path if path.startswith(("/dev/pts/", "/dev/tty")) else ""
    return ""


def _name_and_parent(process: int) -> tuple[str, int]:
    """Of a process; no name where there is none, or no way to know."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "", 0
    head, _, tail = text.rpartition(")")
    return head.partition("(")[2], int(tail.split()[1])


def _width(terminal: str) -> int | None:
    with suppress(OSError):
        descriptor = os.open(terminal, os.O_RDONLY | os.O_NOCTTY)
        try:
            return os.get_terminal_size(descriptor).columns or None
        finally:
            os.close(descriptor)
    return None


Watcher = Callable[[Any, int], AbstractContextManager[None]]
"""Given a simulation and a number of steps, what is around its run."""


def _nobody(simulation: Any, steps: int) -> AbstractContextManager[None]:  # noqa: ARG001  # as others are called
    return nullcontext()


run_watcher: ContextVar[Watcher] = ContextVar("run_watcher", default=_nobody)
"""Who is notified of each run of this task: `motes run script.py` is."""


@contextmanager
def no_progress_bar() -> Iterator[None]:
    """No bars in this task, nor any other signs of life: it is one of many, which have a bar together."""
    before = _silent.set(True)
    try:
        yield
    finally:
        _silent.reset(before)


def steps_until_shown(steps: int, seconds: float) -> int:
    """How many steps it takes until something is worth showing, where so many took so long."""
    return max(1, int(SHOW_EVERY * steps / max(seconds, 1e-9)))


@contextmanager
def compiling(integrator: object, interactions: Sequence[object]) -> Iterator[None]:
    """Within the block one line says so if the compiler has to work for these, where someone looks; that takes long."""
    things = interactions or [integrator]
    names = [_LOCATION.sub("", one if isinstance(one, str) else getattr(one, "name", repr(one))) for one in things]
    what = ", ".join(names)
    if _silent.get() or what in _reported or onlooker() is None:
        yield
        return
    from numba.core import event

    class Announced(event.Listener):
        def on_start(self, _: Any) -> None:
            if what not in _reported:
                _reported.add(what)
                warn(f"compiling {what} ...")

        def on_end(self, _: Any) -> None:
            pass

    with event.install_listener("numba:compile", Announced()):
        yield


@contextmanager
def progress_bar(total: int) -> Iterator[Callable[[int], None]]:
    """A function to call with the number of steps done so far, out of `total`.

    The bar is drawn on standard error if someone looks at it, and vanishes at the end.
    """
    looking = None if _silent.get() else onlooker()
    if looking is None:
        yield show_nothing
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TimeRemainingColumn

    notebook = in_notebook()
    bar = Progress(
        TaskProgressColumn(),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        # rich itself looks no further than this process's own streams
        console=Console(
            stderr=not notebook,
            force_terminal=looking.afar or None,
            force_jupyter=notebook or None,
            width=looking.width,
        ),
        transient=True,
        # What is printed meanwhile belongs above the bar, but a pipe or file must still get it itself.
        redirect_stdout=looking.rows,
        redirect_stderr=not notebook,
    )
    with bar:
        task = bar.add_task("", total=total)

        def advance(done: int) -> None:
            bar.update(task, completed=done)

        yield advance


def show_nothing(done: int) -> None:
    """Show nothing."""
