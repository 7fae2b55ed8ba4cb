"""A progress bar where someone looks, silence everywhere else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

from motes.core.onlookers import in_notebook, onlooker, told_of_compiling

SHOW_EVERY = 0.2
"""Seconds between two signs of progress."""

_PLACE = re.compile(r" \([^()]*:\d+\)$")
"""Where a function stands, at the end of its name."""

_silent: ContextVar[bool] = ContextVar("silent", default=False)

Watcher = Callable[[Any, int], AbstractContextManager[None]]
"""Given a simulation and a number of steps, what is around its run."""


def _nobody(simulation: Any, steps: int) -> AbstractContextManager[None]:  # noqa: ARG001  # as others are called
    return nullcontext()


run_watcher: ContextVar[Watcher] = ContextVar("run_watcher", default=_nobody)
"""Who is told of each run of this task: `motes run script.py` is."""


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
    """Within the block one line says so if the compiler has to work for these, where someone looks."""
    things = interactions or [integrator]
    names = [_PLACE.sub("", one if isinstance(one, str) else getattr(one, "name", repr(one))) for one in things]
    with nullcontext() if _silent.get() else told_of_compiling(", ".join(names)):
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
