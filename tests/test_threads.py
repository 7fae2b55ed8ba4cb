"""The team of threads: how it shares work out, and what happens when a part of it fails."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import motes
from motes.core.cores import THREADS, available_cores
from motes.core.threads import SMALLEST_PART, Team


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize("count", [0, 1, SMALLEST_PART - 1, 2 * SMALLEST_PART, 10 * SMALLEST_PART + 7])
def test_parts_cover_the_range_once_and_in_order(threads, count):
    parts = Team(threads).split(lambda begin, end: (begin, end), count)
    assert parts[0][0] == 0
    assert parts[-1][1] == count
    assert all(one[1] == other[0] for one, other in itertools.pairwise(parts))
    assert len(parts) <= threads
    sizes = [end - begin for begin, end in parts]
    assert max(sizes) - min(sizes) <= 1
    assert len(parts) == 1 or min(sizes) >= SMALLEST_PART


def test_enough_work_is_shared_among_all():
    assert len(Team(3).split(lambda *_: None, 3 * SMALLEST_PART)) == 3


def test_arguments_reach_every_part():
    total = np.zeros(5 * SMALLEST_PART)

    def add(begin: int, end: int, target: np.ndarray, amount: float) -> int:
        target[begin:end] += amount
        return end - begin

    assert sum(Team(2).split(add, len(total), total, 2.0)) == len(total)
    assert (total == 2.0).all()


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_results_come_in_the_order_of_the_calls(threads):
    assert Team(threads).call(lambda a, b: a * b, [(n, 2) for n in range(20)]) == [2 * n for n in range(20)]
    assert Team(threads).call(lambda: 1, []) == []


def test_calls_run_at_the_same_time():
    meeting = threading.Barrier(3, timeout=10)
    names = Team(3).call(lambda _: (meeting.wait(), threading.current_thread().name)[1], [(n,) for n in range(3)])
    assert len(set(names)) == 3
    assert threading.current_thread().name in names  # the caller is one of the team


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("bad", [0, 1, 3])
def test_an_exception_in_any_part_reaches_the_caller(threads, bad):
    def fail(n: int) -> int:
        if n == bad:
            raise motes.RunError(f"part {n}")
        return n

    team = Team(threads)
    with pytest.raises(motes.RunError, match=f"^part {bad}$"):
        team.call(fail, [(n,) for n in range(4)])
    assert team.call(lambda n: n, [(n,) for n in range(4)]) == [0, 1, 2, 3]  # and the team lives on


@pytest.mark.parametrize("threads", [0, -1, 1.0, 2.5, "2", True, [2]])
def test_a_bad_number_of_threads_is_refused(threads):
    with pytest.raises(motes.InputError, match=r"threads: expected a whole number of at least 1, got "):
        Team(threads)


def test_no_part_runs_on_after_an_exception():
    """Whoever catches it must find the arrays at rest."""
    meeting, caller, finished = threading.Barrier(2, timeout=10), threading.current_thread(), []

    def work(n: int) -> None:
        meeting.wait()
        if threading.current_thread() is caller:
            raise motes.RunError("at once")
        time.sleep(0.1)
        finished.append(n)

    with pytest.raises(motes.RunError, match="at once"):
        Team(2).call(work, [(0,), (1,)])
    assert len(finished) == 1


@pytest.mark.parametrize(("chosen", "threads"), [("3", 3), ("", None)])
def test_the_default_is_that_of_the_environment_or_all_cores(monkeypatch, chosen, threads):
    monkeypatch.setenv(THREADS, chosen)
    assert Team().threads == (threads or available_cores())
    assert Team(2).threads == 2


def test_all_cores_are_the_default(monkeypatch):
    monkeypatch.delenv(THREADS, raising=False)
    assert Team().threads == available_cores()
    assert 1 <= available_cores() <= (os.cpu_count() or 1)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system cannot bind a process to cores")
def test_only_the_cores_of_this_process_count():
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert available_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)


def _double(team: Team, answer) -> None:
    answer.put(team.call(lambda n: 2 * n, [(n,) for n in range(4)]))


def test_a_forked_process_makes_threads_of_its_own():
    team = Team(2)
    assert team.call(lambda n: n, [(n,) for n in range(4)]) == [0, 1, 2, 3]
    context = multiprocessing.get_context("fork")
    answer = context.SimpleQueue()
    child = context.Process(target=_double, args=(team, answer), daemon=True)
    child.start()
    child.join(20)
    ended = child.exitcode
    child.kill()
    assert ended == 0
    assert answer.get() == [0, 2, 4, 6]


def test_at_the_end_of_a_program_the_caller_does_the_work_alone():
    """Its threads have ended when handlers of atexit are called."""
    program = """
import atexit
from motes.core.threads import Team
team = Team(2)
atexit.register(lambda: print(team.call(lambda n: n, [(n,) for n in range(4)])))
print(team.call(lambda n: n, [(0,), (1,)]))
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("[0, 1]\n[0, 1, 2, 3]\n", "")


@pytest.mark.parametrize("threads", [1025, 10**30])
def test_more_threads_than_any_machine_has_are_refused(threads):
    with pytest.raises(motes.InputError, match=r"threads: expected a whole number of at most 1024, got 1"):
        Team(threads)


def test_a_signal_amid_the_work_is_raised_when_nobody_works_any_more():
    """Whoever catches it must find the arrays at rest."""
    ended = []

    def work(n: int) -> None:
        if threading.current_thread() is not threading.main_thread():
            time.sleep(0.6)  # the signal finds the caller waiting for this one
        ended.append(n)

    def interrupt(*_: object) -> None:
        raise motes.RunError("a signal")

    team = Team(2)
    assert team.muster(1) == 1
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(motes.RunError, match="a signal"):
            team.together(work, [(0,), (1,)])
        assert sorted(ended) == [0, 1]
    finally:
        signal.signal(signal.SIGALRM, before)
