"""Whether someone looks at what is drawn on standard error: at a terminal, a notebook, or the terminal of a launcher.

A rank's own standard error is a pipe to its launcher, whose standard error may be a terminal. Linux tells so of any
ancestor of this process; elsewhere, and on another machine than the launcher's, nobody looks.
"""

from __future__ import annotations

import importlib.util
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motes.core.streams import warn

LAUNCHERS = ("mpiexec", "mpirun", "orterun", "prterun", "srun")
MOST_ANCESTORS = 10

_told: set[str] = set()
"""Of what it has been said that it is compiled: a wait comes in several parts."""


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


@contextmanager
def told_of_compiling(what: str) -> Iterator[None]:
    """Within the block one line says so if the compiler has to work, where someone looks: it may take seconds."""
    if what in _told or onlooker() is None:
        yield
        return
    from numba.core import event

    class Told(event.Listener):
        def on_start(self, _: Any) -> None:
            if what not in _told:
                _told.add(what)
                warn(f"compiling {what} ...")

        def on_end(self, _: Any) -> None:
            pass

    with event.install_listener("numba:compile", Told()):
        yield
