"""The default: local processes, one run at a time each, by Pebble.

If a process of its pool is killed, exactly its own run is lost and known; a pool of concurrent.futures would break as a
whole, with every run that was in it. Processes are spawned, not forked: a fork of a process that has threads may hang.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Generator
from concurrent.futures import Future, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for_process
from threading import Thread
from typing import Any

from pebble import ProcessExpired, ProcessPool

from motes.core.cores import THREADS
from motes.errors import InputError, RunError
from motes.sweeps.executors import Calls, check_pickle, dumps, in_main_without_file, name_of, outcome_of
from motes.sweeps.task import Outcome, perform_pickled

LOST = "its worker process was killed, or ran out of memory; start the sweep again to repeat this run"


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


def crew_outcomes(
    workers: int, threads: int, function: Callable[..., Any], calls: Calls
) -> Generator[tuple[int, Outcome]]:
    """What came of each run, in the order in which they end, of so many workers with so many threads each. No worker
    outlives this."""
    called = dumps(function, name_of(function))
    pool: Any = ProcessPool(
        workers, initializer=prepare, initargs=(threads,), context=multiprocessing.get_context("spawn")
    )
    try:
        futures: dict[Future[Outcome], int] = {}
        for index, arguments in calls.items():
            futures[pool.schedule(perform_pickled, (called, dumps(arguments, "a parameter"), threads))] = index
        for future in as_completed(futures):
            yield futures[future], _outcome(future)
        pool.close()
    finally:
        if pool.active:
            pool.stop()
        pool.join()


def _outcome(future: Future[Outcome]) -> Outcome:
    error = future.exception()
    if isinstance(error, BrokenProcessPool):
        raise RunError(
            "worker processes end before they begin; what they said is above. A script must call motes.sweep "
            "below `if __name__ == '__main__':`, since each worker imports the script"
        ) from error
    return ({}, LOST) if isinstance(error, ProcessExpired) else outcome_of(future)
