"""Runs given to any executor of the kind of concurrent.futures: threads, processes, MPI ranks, a cluster."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import CancelledError, Executor, Future, ProcessPoolExecutor, as_completed
from typing import Any

from motes.errors import InputError
from motes.sweeps.runs import Row
from motes.sweeps.task import Outcome, one_line, perform

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
