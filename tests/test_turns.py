"""Threads that take turns."""

from __future__ import annotations

import multiprocessing
import threading
import time
from typing import Any

from motes.ranks.turns import Turns


def test_whoever_waits_is_next() -> None:
    """Also if the other one asks again at once, as a run does after each stretch of steps."""
    turns, order, begun = Turns(), [], threading.Event()

    def work(name: str) -> None:
        for _ in range(3):
            with turns.turn(), turns.turn():  # the second time it has it already
                order.append(name)
                begun.set()
                time.sleep(0.05)  # so that the other one is waiting by then

    threads = [threading.Thread(target=work, args=(name,), daemon=True) for name in "ab"]
    threads[0].start()
    begun.wait(10)
    threads[1].start()
    for thread in threads:
        thread.join(10)
    assert "".join(order) == "ababab"


def _take(turns: Turns, answer: Any) -> None:
    with turns.turn():
        answer.put("done")


def test_a_forked_process_has_none_of_the_threads_that_held_it() -> None:
    turns, held, release = Turns(), threading.Event(), threading.Event()

    def hold() -> None:
        with turns.turn():
            held.set()
            release.wait(30)

    thread = threading.Thread(target=hold, daemon=True)
    thread.start()
    held.wait(10)
    context = multiprocessing.get_context("fork")
    answer = context.SimpleQueue()
    child = context.Process(target=_take, args=(turns, answer), daemon=True)
    child.start()
    child.join(20)
    ended = child.exitcode
    child.kill()
    release.set()
    thread.join(10)
    assert ended == 0
    assert answer.get() == "done"
