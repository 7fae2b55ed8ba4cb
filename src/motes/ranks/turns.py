"""Threads that use one thing take turns."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """A lock that threads get in the order in which they ask; the one that has it may take it again.

    A plain lock would not do: a thread that lets it go and asks again at once, as a run does at each stretch of steps,
    gets it before those that have waited all the time.
    """

    def __init__(self) -> None:
        self._make()

    def _make(self) -> None:
        self._process = os.getpid()
        self._waiting, self._working = threading.Lock(), threading.Lock()
        self._owner: int | None = None

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Within the block, no other thread has its turn."""
        if self._process != os.getpid():  # a forked process has none of the threads that might hold the locks
            self._make()
        if self._owner == threading.get_ident():
            yield
            return
        with self._waiting:  # of those that wait, one is next, and whoever had the last turn is behind it
            self._working.acquire()
        self._owner = threading.get_ident()
        try:
            yield
        finally:
            self._owner = None
            self._working.release()
