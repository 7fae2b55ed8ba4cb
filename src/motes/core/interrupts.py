"""Signals that ask a run to end: noted, so that a step can be finished.

Besides Ctrl-C and SIGTERM these are what batch systems send some time before they kill (SIGUSR1, SIGUSR2, or SIGXCPU
where processor time is limited), and SIGHUP of a terminal that is closed.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

WATCHED: dict[signal.Signals, Any] = {
    signal.SIGINT: signal.default_int_handler,
    **{
        getattr(signal, name): signal.SIG_DFL
        for name in ("SIGTERM", "SIGUSR1", "SIGUSR2", "SIGHUP", "SIGXCPU")
        if hasattr(signal, name)  # not every system has all of them
    },
}
"""With what Python does unless a program has said otherwise; what a program has said stays."""

ECHO = 1.0
"""Seconds within which a second signal is taken for the same: a launcher may pass on what all processes got."""


class Interrupt:
    """The first signal that came, if one did; whoever insists is obeyed at once."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self._when = 0.0

    def note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  # as Python calls it
        """Called by Python when a signal comes."""
        if self.signal is None:
            self.signal, self._when = signal.Signals(number), time.monotonic()
        elif time.monotonic() - self._when > ECHO:
            if number == signal.SIGINT:
                raise KeyboardInterrupt
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    def obey(self) -> None:
        """End the program, if a signal came, as shells and batch systems know it: with status 128 + its number."""
        if self.signal == signal.SIGINT:
            raise KeyboardInterrupt
        if self.signal is not None:
            raise SystemExit(128 + self.signal)


@contextmanager
def noted_interrupts() -> Iterator[Interrupt]:
    """Within the block signals are noted. Only a main thread can do so; elsewhere all stays as it is."""
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    usual = [number for number, handler in WATCHED.items() if signal.getsignal(number) is handler]
    for number in usual:
        signal.signal(number, interrupt.note)
    try:
        yield interrupt
    finally:
        for number in usual:
            signal.signal(number, WATCHED[number])


@contextmanager
def held_interrupts() -> Iterator[None]:
    """Within the block signals are noted; what has come is obeyed at its end.

    For what all ranks must do together: whoever left half-way would let the others wait for ever. Blocking the signals
    would not do: another thread of the process, as libraries have, would take them, and Python tell the main thread.
    """
    with noted_interrupts() as interrupt:
        yield
    interrupt.obey()


def ignore_interrupts() -> None:
    """For a rank that serves: it ends when rank 0 does, and not before."""
    for number in WATCHED:
        signal.signal(number, signal.SIG_IGN)
