"""A progress bar on a terminal, silence everywhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_silent: ContextVar[bool] = ContextVar("silent", default=False)


@contextmanager
def no_progress_bar() -> Iterator[None]:
    """No bars in this task: it is one of many, which have a bar together."""
    before = _silent.set(True)
    try:
        yield
    finally:
        _silent.reset(before)


@contextmanager
def progress_bar(total: int) -> Iterator[Callable[[int], None]]:
    """A function to call with the number of steps done so far, out of `total`.

    The bar is drawn on standard error if that is a terminal, and vanishes at the end.
    """
    if _silent.get() or sys.stderr is None or not sys.stderr.isatty():
        yield _ignore
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TimeRemainingColumn

    bar = Progress(
        TaskProgressColumn(),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        # What is printed meanwhile belongs above the bar, but a pipe or file must still get it itself.
        redirect_stdout=sys.stdout is not None and sys.stdout.isatty(),
    )
    with bar:
        task = bar.add_task("", total=total)

        def advance(done: int) -> None:
            bar.update(task, completed=done)

        yield advance


def _ignore(done: int) -> None:
    """Show nothing."""
