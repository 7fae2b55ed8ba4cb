"""Who does the runs: any executor of concurrent.futures (threads, processes, MPI ranks, a cluster), or a crew.

A crew, which is the default, is of local processes, one run at a time each, by Pebble. If a process of its pool is
killed, exactly its own run is lost and known; a pool of concurrent.futures would break as a whole, with every run that
was in it. Processes are spawned, not forked: a fork of a process that has threads may hang.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import signal
import sys
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import CancelledError, Executor, Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for_process
from threading import Thread
from typing import Any

from pebble import ProcessExpired, ProcessPool

from motes.core.cores import THREADS
from motes.core.errors import InputError, RunError
from motes.core.progress import no_progress_bar
from motes.core.threads import share_of_threads
from motes.core.words import shortened
from motes.sweeps.runs import Row, plain

Outcome = tuple[Row, str | None]
"""The results, and the error if there was one."""

LONGEST = 500  # characters of an error that a row keeps


def perform(function: Callable[..., Any], arguments: Row, threads: int) -> Outcome:
    """Call the function; a simulation in it has so many threads, and draws no progress bar."""
    with share_of_threads(threads), no_progress_bar():
        try:
            return results_of(function(**arguments)), None
        except Exception as error:  # noqa: BLE001  # whatever a run raises belongs into its row; the others go on
            return {}, one_line(error)


def perform_pickled(function: bytes, arguments: bytes, threads: int) -> Outcome:
    """The same, where nobody else could report that the function or an argument cannot be loaded here."""
    return perform(_load_and_call, {"function": function, "arguments": arguments}, threads)


def _load_and_call(function: bytes, arguments: bytes) -> Any:
    return pickle.loads(function)(**pickle.loads(arguments))  # noqa: S301  # pickled by the process that asks


def results_of(value: Any) -> Row:
    """The results by name: a number alone is called "result", and no value at all gives none."""
    value = plain(value)
    named = value if isinstance(value, Mapping) else {} if value is None else {"result": value}
    for name, result in named.items():
        if not isinstance(name, str) or not _writable(result):
            raise InputError(
                f"the function returned {name!r}: {type(result).__name__}; "
                "it must return a number, or numbers, text or lists of them by name"
            )
        if not name or not name.isprintable():
            raise InputError(f"the function returned a result of the name {name!r}; a name is a line of text")
        try:
            json.dumps(result, ensure_ascii=False).encode()
        except (
            ValueError,
            RecursionError,
        ) as error:  # numbers of thousands of digits, halves of letters, endless lists
            raise InputError(f"the result {name} cannot be written to a file: {error}") from error
    return dict(named)


def _writable(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_writable, value))
    return value is None or isinstance(value, bool | int | float | str)


def one_line(error: BaseException) -> str:
    """Kind and message of an error, without line breaks, or whatever else a terminal or a file could not take."""
    try:
        message = str(error)
    except Exception:  # noqa: BLE001  # an error that cannot tell what it is shall not end the sweep
        message = ""
    text = " ".join(f"{type(error).__name__}: {message}".split()).removesuffix(":")
    text = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
    return shortened(text, LONGEST)


Calls = Mapping[int, Row]
"""The arguments of each run that is to be done, by the run's index."""


def check_executor(executor: Any, function: Callable[..., Any], calls: Calls) -> None:
    """Raise InputError for something that is no executor, or that cannot pass the function on."""
    if not isinstance(executor, Executor):
        raise InputError(
            f"executor is {type(executor).__name__}; it must be a concurrent.futures.Executor, "
            "for example ThreadPoolExecutor(), or client.get_executor() of dask"
        )
    # loky and dask pickle functions that these two cannot
    if isinstance(executor, ProcessPoolExecutor) or type(executor).__module__.startswith("mpi4py."):
        check_pickle(function, calls)


def check_pickle(function: Callable[..., Any], calls: Calls) -> None:
    """Raise InputError unless the function and its arguments can be sent to another process."""
    dumps(function, f"the function {name_of(function)}")
    for arguments in calls.values():
        dumps(arguments, f"the parameters {arguments!r}")


def dumps(something: Any, called: str) -> bytes:
    """Pickle it, or raise an InputError that says what to do instead."""
    try:
        return pickle.dumps(something)
    except (pickle.PicklingError, AttributeError, TypeError) as error:  # it may be any of the three
        raise InputError(
            f"{called} cannot be sent to another process ({one_line(error)}); "
            "define the function at the top level of a module, or use executor=ThreadPoolExecutor()"
        ) from error


def name_of(function: Any) -> str:
    """What a person would call this function."""
    inner = getattr(function, "func", function)  # of a functools.partial
    return str(getattr(inner, "__qualname__", type(inner).__qualname__))


def outcomes_of(
    executor: Executor, function: Callable[..., Any], calls: Calls, threads: int
) -> Generator[tuple[int, Outcome]]:
    """What came of each run, in the order in which they end; runs not begun are cancelled when nobody listens."""
    futures: dict[Future[Outcome], int] = {}
    try:
        for index, arguments in calls.items():
            try:
                futures[executor.submit(perform, function, arguments, threads)] = index
            except RuntimeError as error:  # it has been shut down, or a worker's death broke it
                if not futures:
                    raise InputError(f"the executor takes no work: {one_line(error)}") from error
                yield index, ({}, one_line(error))
        for future in as_completed(futures):
            yield futures[future], outcome_of(future)
    finally:
        for future in futures:
            future.cancel()


def outcome_of(future: Future[Outcome]) -> Outcome:
    """What came of a run that ended; what the executor itself has to say against it is an error like others."""
    if future.cancelled():
        return {}, one_line(CancelledError("the executor dropped this run"))
    error = future.exception()
    return future.result() if error is None else ({}, one_line(error))


def in_main_without_file(function: Any) -> bool:
    """Whether a function was defined at a prompt or in a notebook, where a new process cannot import it from."""
    inner = getattr(function, "func", function)
    return getattr(inner, "__module__", "") == "__main__" and not hasattr(sys.modules["__main__"], "__file__")


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
