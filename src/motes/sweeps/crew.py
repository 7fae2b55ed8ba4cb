"""The default: a crew of local processes, one run at a time each.

Each process is a ProcessPoolExecutor of its own with one worker. If a worker is killed, exactly its own run is lost
and known by name; one pool for all would break as a whole, with every run that was in it. A new worker takes the
place of the dead one. The disadvantage: a worker waits about a millisecond between two runs.

Processes are spawned, not forked: a fork of a process that has threads may hang.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing.connection import wait as wait_for_process
from threading import Thread
from typing import Any

from motes.core.cores import THREADS
from motes.errors import InputError, RunError
from motes.sweeps.executors import Calls, check_pickle, dumps, in_main_without_file, name_of, outcome_of
from motes.sweeps.runs import Row
from motes.sweeps.task import Outcome, perform_pickled

LOST = "its worker process was killed, or ran out of memory; start the sweep again to repeat this run"
Waiting = deque[tuple[int, Row]]

PATIENCE = 3
"""Workers that may die one after the other without beginning a run."""


def check_crew(function: Callable[..., Any], calls: Calls) -> None:
    """Raise InputError if other processes could not do these runs."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise InputError("a worker process imports this script: put motes.sweep below `if __name__ == '__main__':`")
    if in_main_without_file(function):
        raise InputError(
            f"{name_of(function)} was defined at a prompt, where worker processes cannot find it; "
            "define it in a module, or use executor=ThreadPoolExecutor()"
        )
    check_pickle(function, calls)


def prepare(threads: int) -> None:
    """What a worker does first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks; it ends its workers
    os.environ[THREADS] = os.environ["OMP_NUM_THREADS"] = str(threads)
    if "numba" not in sys.modules:  # later it could no longer be changed
        os.environ["NUMBA_NUM_THREADS"] = str(threads)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for_process([parent.sentinel])
        os._exit(1)


class Worker:
    """One process. It first tells its number, which shows that it is ready."""

    def __init__(self, threads: int) -> None:
        self._pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), prepare, (threads,))
        self.ready: Future[int] = self._pool.submit(os.getpid)

    def begin(self, function: bytes, arguments: bytes, threads: int) -> Future[Outcome]:
        """Start a run; there must be no other."""
        return self._pool.submit(perform_pickled, function, arguments, threads)

    def end(self, now: bool) -> None:
        """End the process, amid its run if it must be now, and wait until it has ended."""
        if now and self.ready.done() and self.ready.exception() is None:
            with suppress(ProcessLookupError):  # it may have ended by itself
                os.kill(self.ready.result(), signal.SIGTERM)
        self._pool.shutdown(wait=True)


class Crew:
    """So many workers, each with so many threads."""

    def __init__(self, workers: int, threads: int, function: Callable[..., Any]) -> None:
        self._size = workers
        self._threads = threads
        self._function = dumps(function, name_of(function))
        self._failures = 0
        self._anyone_ready = False
        self._busy: dict[Future[Any], tuple[Worker, int | None]] = {}
        self._idle: list[Worker] = []

    def outcomes(self, calls: Calls) -> Generator[tuple[int, Outcome]]:
        """What came of each run, in the order in which they end. No worker outlives this."""
        waiting = deque(calls.items())
        for _ in range(min(self._size, len(waiting))):
            self._hire()
        try:
            while waiting or self._runs_left():
                done, _ = wait(self._busy, return_when=FIRST_COMPLETED)
                for future in done:
                    worker, index = self._busy.pop(future)
                    self._go_on(worker, index, future, waiting)
                    if index is not None:
                        yield index, _outcome(future)
        finally:
            for worker, _ in self._busy.values():
                worker.end(now=True)
            for worker in self._idle:
                worker.end(now=False)

    def _runs_left(self) -> bool:
        return any(index is not None for _, index in self._busy.values())

    def _hire(self) -> None:
        worker = Worker(self._threads)
        self._busy[worker.ready] = worker, None

    def _go_on(self, worker: Worker, index: int | None, future: Future[Any], waiting: Waiting) -> None:
        """Give a worker its next run; a dead one is replaced, and the new one comes in when it is ready."""
        if isinstance(future.exception(), BrokenProcessPool):
            worker.end(now=False)
            if index is None:
                self._complain()
            if waiting:
                self._hire()
            return
        self._failures, self._anyone_ready = 0, True
        if not waiting:
            self._idle.append(worker)
            return
        index, arguments = waiting.popleft()
        data = dumps(arguments, "a parameter")
        self._busy[worker.begin(self._function, data, self._threads)] = worker, index

    def _complain(self) -> None:
        self._failures += 1
        if self._anyone_ready and self._failures < PATIENCE:
            return
        raise RunError(
            "worker processes end before they begin; what they said is above. A script must call motes.sweep "
            "below `if __name__ == '__main__':`, since each worker imports the script"
        )


def _outcome(future: Future[Outcome]) -> Outcome:
    return ({}, LOST) if isinstance(future.exception(), BrokenProcessPool) else outcome_of(future)
