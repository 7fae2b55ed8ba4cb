"""The sweep itself: plan, hand out, collect, write."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motes.core.checks import whole_number
from motes.core.errors import InputError
from motes.core.progress import progress_bar
from motes.core.threads import usual_cores
from motes.core.words import known_keywords
from motes.ranks.conductor import world
from motes.sweeps.executors import Calls, Outcome, check_crew, check_executor, crew_outcomes, outcomes_of
from motes.sweeps.ledger import Ledger
from motes.sweeps.runs import RESERVED, Row, Run, plan_runs
from motes.sweeps.subjects import Subject, subject_of

Show = Callable[[int], None]
Outcomes = Generator[tuple[int, Outcome]]


@known_keywords
def sweep(
    function_or_file: Callable[..., Any] | str | Path,
    parameters: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]],
    executor: Executor | None = None,
    *,
    repeats: int = 1,
    seed: int = 0,
    path: str | Path | None = None,
    threads: int | None = None,
    workers: int | None = None,
    progress: Show | None = None,
) -> list[Row]:
    """Run independent runs, one for each set of parameters, and return a row of each, in the order of parameters.

    The rows are the same, bit for bit, whoever does the runs and in whatever order they end.

    Args:
        function_or_file: a function that is called with parameters by name, and with `seed` if it has such a
            parameter; it returns a number, or numbers, text or lists of them by name. Or the path of a TOML file whose
            keys are the parameters (`{"integrator.dt": [0.001, 0.002]}`); its outputs are left out, and its seeds
            become the seed of each run.
        parameters: lists by name, of which all combinations are run, the last name varying fastest; or a list of
            sets, each with values by name.
        executor: any concurrent.futures.Executor, for example of threads, loky, mpi4py.futures or dask; None takes
            processes on this machine, so the function must be at the top level of a module, and a script needs
            `if __name__ == "__main__":`.
        repeats: runs of each set, each with a seed of its own.
        seed: the one from which those of the runs are derived, each from its index in the sweep alone.
        path: a .csv or .jsonl file to which a row is added as a run ends. If it is there, the runs in it are not
            done again, except those that failed. It is refused if the function has changed since.
        threads: threads of each run. None shares the cores among the workers; with an executor it means 1.
        workers: processes of the default executor; None means as many as the cores can serve.
        progress: is called with the number of rows there are; None draws a bar on a terminal.

    Returns:
        Rows with index, repeat, seed, the parameters, and either the results or `error`, in one line: a run that
        fails, or whose process is killed, does not end the sweep.

    Raises:
        InputError: for anything that cannot be run, before a run begins.
        RunError: if no worker can be started, or the file cannot be written.
    """
    subject = subject_of(function_or_file)
    runs = plan_runs(parameters, repeats, seed)
    return conduct(subject, runs, executor, path, Shares(workers, threads), progress)


@dataclass(frozen=True)
class Shares:
    """How many runs there should be at once, and how many threads each of them should have; None: chosen here."""

    workers: int | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        for name in ("workers", "threads"):
            if getattr(self, name) is not None:
                whole_number(name, getattr(self, name), minimum=1)

    def among(self, runs: int) -> tuple[int, int]:
        """Workers and threads of each for so many runs, so that together they have the cores, and no more."""
        cores = usual_cores()
        workers = min(self.workers or max(1, cores // (self.threads or 1)), max(1, runs))
        return workers, self.threads or max(1, cores // workers)


def conduct(
    subject: Subject,
    runs: Sequence[Run],
    executor: Executor | None = None,
    path: str | Path | None = None,
    shares: Shares = Shares(),  # it cannot be changed
    progress: Show | None = None,
) -> list[Row]:
    """Do the runs of a subject that are not in the file yet, and return the rows of all."""
    _refuse_ranks()
    subject.check(runs)
    calls = {run.index: subject.arguments(run) for run in runs}
    if executor is None:
        check_crew(subject.function, calls)
    elif shares.workers is not None:
        raise InputError("workers is for the default executor; one that is given has its own number")
    else:
        check_executor(executor, subject.function, calls)
    with nullcontext() if path is None else closing(Ledger(path, subject, runs)) as ledger:
        rows = {} if ledger is None else ledger.finished
        calls = {index: arguments for index, arguments in calls.items() if index not in rows}
        with _shown(len(runs), progress) as show, closing(_outcomes(subject, calls, executor, shares)) as outcomes:
            show(len(rows))
            for index, outcome in outcomes:
                rows[index] = _row(runs[index], outcome)
                if ledger is not None:
                    ledger.append(rows[index])
                show(len(rows))
        ordered = [rows[run.index] for run in runs]
        if ledger is not None:
            ledger.complete(ordered)
    return ordered


def _outcomes(subject: Subject, calls: Calls, executor: Executor | None, shares: Shares) -> Outcomes:
    """What came of each run, in the order in which they end; a generator, so that it can be closed."""
    if executor is None:
        return crew_outcomes(*shares.among(len(calls)), subject.function, calls)
    return outcomes_of(executor, subject.function, calls, shares.threads or 1)


def _row(run: Run, outcome: Outcome) -> Row:
    """The row of a run that ended."""
    results, error = outcome
    taken = [name for name in results if name in run.parameters or name in RESERVED]
    if taken and error is None:
        error = f"InputError: the result {taken[0]} has the name of a parameter or column; give it another"
    return run.head | (results if error is None else {"error": error})


@contextmanager
def _shown(total: int, progress: Show | None) -> Iterator[Show]:
    if progress is not None:
        yield progress
        return
    with progress_bar(total) as show:
        yield show


def _refuse_ranks() -> None:
    """Independent runs on the ranks of one job are for mpi4py.futures: Motes itself would give all ranks to one run."""
    if world().size == 1:
        return
    raise InputError(
        "on several ranks a sweep needs mpi4py.futures: "
        "mpiexec -n 3 python -m mpi4py.futures script.py, and executor=MPIPoolExecutor() in the script"
    )
