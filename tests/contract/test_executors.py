"""The same rows, bit for bit, whoever does the runs of a sweep and in whatever order they end."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

import motes

TESTS = Path(__file__).parents[1]
SCRIPT = Path(__file__).with_name("sweep_on_ranks.py")
LIMIT = 120.0  # seconds for all runs of one executor; they take a few


@pytest.fixture(scope="module")
def expected(work: Any) -> list[dict[str, Any]]:
    """The rows of a plain loop."""
    rows: list[dict[str, Any]] = work.plain_loop()
    assert len({row["fingerprint"] for row in rows}) == len(rows) == 12
    return rows


class Backwards(Executor):
    """Does nothing until all is submitted, and then the last first."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._calls: list[tuple[Future[Any], Callable[..., Any], Any]] = []

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:  # noqa: ARG002
        future: Future[Any] = Future()
        self._calls.append((future, function, arguments))
        if len(self._calls) == self._count:
            for waiting, call, given in reversed(self._calls):
                waiting.set_result(call(*given))
        return future


@contextmanager
def dask_executor(processes: bool) -> Iterator[Executor]:
    distributed = pytest.importorskip("distributed")
    with (
        patch.dict(os.environ),  # where a cluster leaves variables for its workers, OMP_NUM_THREADS among them
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=processes, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
        client.get_executor() as executor,
    ):
        yield executor


@contextmanager
def loky_executor() -> Iterator[Executor]:
    loky = pytest.importorskip("loky")
    executor = loky.get_reusable_executor(max_workers=2)
    yield executor
    executor.shutdown(wait=True)


EXECUTORS: dict[str, Callable[[], Any]] = {
    "backwards": lambda: Backwards(12),
    "dask processes": lambda: dask_executor(processes=True),
    "dask threads": lambda: dask_executor(processes=False),
    "loky": loky_executor,
    "processes": lambda: ProcessPoolExecutor(2, multiprocessing.get_context("spawn")),
    "threads": lambda: ThreadPoolExecutor(3),
}


@pytest.mark.parametrize("kind", EXECUTORS)
def test_any_executor(kind: str, work: Any, expected: Any, time_limit: Any) -> None:
    with time_limit(LIMIT), EXECUTORS[kind]() as executor:
        assert motes.sweep(work.measure, work.GRID, executor, repeats=work.REPEATS, seed=5) == expected


@pytest.mark.parametrize("options", [{}, {"workers": 1, "threads": 2}])
def test_the_default(options: Any, work: Any, expected: Any, time_limit: Any) -> None:
    with time_limit(LIMIT):
        assert motes.sweep(work.measure, work.GRID, repeats=work.REPEATS, seed=5, **options) == expected


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_the_file_is_the_same_whoever_was_faster(
    ending: str, work: Any, expected: Any, tmp_path: Path, time_limit: Any
) -> None:
    files = [tmp_path / f"{name}.{ending}" for name in ("backwards", "threads")]
    with time_limit(LIMIT):
        for path, executor in zip(files, (Backwards(12), ThreadPoolExecutor(2)), strict=True):
            assert motes.sweep(work.measure, work.GRID, executor, repeats=work.REPEATS, seed=5, path=path) == expected
            again = motes.sweep(work.measure, work.GRID, Backwards(0), repeats=work.REPEATS, seed=5, path=path)
            assert again == expected  # read from the file
    assert files[0].read_bytes() == files[1].read_bytes()


def paths() -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join([str(Path(motes.__file__).parents[1]), str(TESTS)])}


def test_ranks_of_mpi(on_ranks: Any, expected: Any) -> None:
    done = on_ranks.run(3, "-m", "mpi4py.futures", SCRIPT, "mpi", timeout=LIMIT, environment=paths())
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == expected


def test_ranks_without_an_executor_for_them_are_told_what_to_do(on_ranks: Any) -> None:
    done = on_ranks.run(2, SCRIPT, timeout=LIMIT, environment=paths())
    assert done.returncode != 0
    assert "python -m mpi4py.futures" in done.stderr
    assert done.stdout == ""


def test_lambdas_where_the_executor_can_send_them(time_limit: Any) -> None:
    loky = pytest.importorskip("loky")
    with time_limit(LIMIT):
        rows = motes.sweep(lambda x: x + 1, {"x": [1, 2]}, loky.get_reusable_executor(max_workers=1))
    assert [row["result"] for row in rows] == [2, 3]
