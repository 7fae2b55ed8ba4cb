"""Compiled loops played one after the other: what they get, where threads wait, and what ends the playing."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motes.core.board import LINE, board_words
from motes.core.compiled import njit
from motes.core.state import Floats, Integers
from motes.core.tape import LARGER, LARGER_SQUARE, SET, Tape, block_of, play
from motes.exact.arithmetic import number_of, to_bits


@njit(cache=True, nogil=True)
def add(begin: int, end: int, numbers: Integers, amount: int) -> None:
    for i in range(begin, end):
        numbers[i] += amount


@njit(cache=True, nogil=True)
def scale(begin: int, end: int, rows: Floats, factor: float) -> float:
    largest = 0.0
    for a in range(rows.shape[0]):
        for i in range(begin, end):
            rows[a, i] *= factor
            largest = max(largest, abs(rows[a, i]))
    return largest


@njit(cache=True, nogil=True)
def total(begin: int, end: int, numbers: Integers, sums: Integers, at: int) -> tuple[int, int]:
    sums[at] = 0
    for i in range(len(numbers)):
        sums[at] += numbers[i]
    return sums[at], begin + end


RANKS = 2


class Played:
    """A tape with all that playing it needs."""

    def __init__(self, tape: Tape, advance: Any = (), rank: int = 0, board: Any = None) -> None:
        self.threads = tape.threads
        self.words = tape.words()
        self.tables = [tape.table(t, words) for t, words in enumerate(self.words)]
        self.advance = np.array(advance, np.int64).reshape(-1, 2)
        self.results = np.zeros(LINE * tape.threads * max(1, tape.results), np.int64)
        self.cycles = np.zeros(max(1, len(tape.phases)), np.int64)
        self.sync = np.zeros(2 * LINE, np.int64)
        self.waits = np.zeros(LINE * tape.threads, np.int64)
        self.rank = rank
        self.board = np.zeros(board_words(RANKS), np.int64) if board is None else board

    def __call__(self, rounds: int, first: int = 0) -> list[tuple[int, int]]:
        found: list[Any] = [None] * self.threads

        def one(t: int) -> None:
            found[t] = play(
                t, self.threads, rounds, first, self.tables[t], self.words[t], self.advance, self.sync, self.results,
                self.cycles, self.waits, self.rank, RANKS, self.board,
            )  # fmt: skip

        others = [threading.Thread(target=one, args=(t,)) for t in range(1, self.threads)]
        for other in others:
            other.start()
        one(0)
        for other in others:
            other.join()
        return found


def test_loops_get_what_they_were_given() -> None:
    numbers, rows = np.arange(5), np.ones((2, 8))[:, ::2]
    tape = Tape(1)
    tape.call(0, tape.block(add, (numbers, 3)), 1, 4, -1)
    tape.call(0, tape.block(scale, (rows, 0.5)), 0, 4, tape.result())
    played = Played(tape)
    assert played(3) == [(3, 0)]
    assert numbers.tolist() == [0, 10, 11, 12, 4]
    assert (rows == 0.125).all()
    assert played.results[0] == np.float64(0.125).view(np.int64)


def test_the_first_round_may_begin_in_its_middle() -> None:
    numbers, tape = np.zeros(2, np.int64), Tape(1)
    tape.call(0, tape.block(add, (numbers, 1)), 0, 1, -1)
    tape.mark()
    tape.call(0, tape.block(add, (numbers, 1)), 1, 2, -1)
    assert Played(tape)(3, tape.middles[0]) == [(3, 0)]
    assert numbers.tolist() == [2, 3]


def test_whole_numbers_advance() -> None:
    numbers, tape = np.zeros(2, np.int64), Tape(1)
    tape.call(0, tape.block(add, (numbers, 10)), 0, 2, -1)
    assert Played(tape, [[tape.numbers[0][0], 5]])(3) == [(3, 0)]
    assert numbers.tolist() == [10 + 15 + 20] * 2


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
def test_threads_wait_for_each_other(threads: int) -> None:
    """All numbers are counted by everyone after each round of adding; with more threads than cores, too."""
    numbers, sums = np.zeros(1000 * threads, np.int64), np.zeros(threads * LINE, np.int64)
    tape = Tape(threads)
    adding = tape.block(add, (numbers, 1))
    for t in range(threads):
        tape.call(t, adding, 1000 * t, 1000 * (t + 1), -1)
    tape.barrier()
    tape.barrier()  # says nothing new
    number = tape.result()
    for t in range(threads):
        tape.call(t, tape.block(total, (numbers, sums, LINE * t)), t, 0, number)
    tape.barrier()
    tape.guard(number, 0, 1000 * threads * 199, 7)
    played = Played(tape)
    assert played(1000) == [(199, 7)] * threads  # the 200th round has more than that
    assert sums[::LINE].tolist() == [200 * 1000 * threads] * threads


@pytest.mark.parametrize(("first", "code"), [(0, 0), (1, 4), (5, 0), (9, 4)])
def test_a_guard_looks_at_both_ends_but_not_at_0(first: int, code: int) -> None:
    numbers, sums, tape = np.array([first]), np.zeros(1, np.int64), Tape(1)
    number = tape.result()
    tape.call(0, tape.block(total, (numbers, sums, 0)), 0, 0, number)
    tape.guard(number, 3, 7, 4)
    tape.lap("count")
    assert Played(tape)(2) == [(0 if code else 2, code)]


def test_the_largest_result_of_several_calls_counts() -> None:
    sums, tape = np.zeros(3, np.int64), Tape(1)
    number = tape.result()
    for k, value in enumerate((4, 9, 2)):
        tape.call(0, tape.block(total, (np.array([value]), sums, k)), 0, 0, number, LARGER if k else SET)
    played = Played(tape)
    played(2)
    assert played.results[0] == 9
    assert played.cycles[0] == 0


def test_the_time_of_laps_is_counted() -> None:
    tape = Tape(1)
    for phase in ("one", "two", "one"):
        tape.call(0, tape.block(scale, (np.ones((1, 10_000)), 1.0)), 0, 10_000, -1)
        tape.lap(phase)
    played = Played(tape)
    played(20)
    assert tape.phases == ["one", "two"]
    assert played.cycles[0] > played.cycles[1] > 0


def test_what_is_the_same_is_taken_from_the_block_before() -> None:
    numbers, more = np.zeros(4, np.int64), np.zeros(9, np.int64)
    first = block_of(add, (numbers, 3))
    same, other, flat = (block_of(add, rest, first) for rest in ((numbers, 4), (more, 3), (more[::2], 3)))
    assert same.pieces[0] is first.pieces[0]
    assert same.pieces[1] == (4,)
    assert other.pieces == block_of(add, (more, 3)).pieces
    assert other.compiled is first.compiled
    assert flat.compiled is not first.compiled  # it does not lie in one row
    assert block_of(scale, (np.ones((2, 3)), 0.5), first).loop is scale


@pytest.mark.parametrize(("value", "right"), [(3.0, 9.0), (2.0, 5.0), (1e-200, 5.0), (1e200, np.inf)])
def test_the_square_of_a_number_counts_where_it_is_larger(value: float, right: float) -> None:
    tape = Tape(1)
    number = tape.result()
    tape.call(0, tape.block(bits, (5.0,)), 0, 0, number)
    tape.call(0, tape.block(bits, (value,)), 0, 0, number, LARGER_SQUARE)
    played = Played(tape)
    played(1)
    assert number_of(played.results[0]) == right


def test_the_square_of_a_small_number_is_not_nothing() -> None:
    tape = Tape(1)
    tape.call(0, tape.block(bits, (1e-200,)), 0, 0, tape.result(), LARGER_SQUARE)
    played = Played(tape)
    played(1)
    assert 0.0 < number_of(played.results[0]) < 1e-300


@njit(cache=True, nogil=True)
def bits(begin: int, end: int, value: float) -> int:
    return to_bits(value) + begin + end


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("low", "high", "rounds"), [(0, 50, 6), (14, 900, 0), (0, 900, 20)])
def test_processes_end_where_one_of_them_says_so(threads: int, low: int, high: int, rounds: int) -> None:
    """Each adds a number of its own to what it publishes; the other publishes nothing, or little."""
    board = np.zeros(board_words(RANKS), np.int64)
    counts = [np.zeros(1, np.int64) for _ in range(RANKS)]
    players = []
    for rank, amount in enumerate((8, 0)):
        tape = Tape(threads)
        number = tape.result()
        tape.call(threads - 1, tape.block(grow, (counts[rank], amount)), 0, 0, number)
        tape.barrier()
        tape.publish(number, 3, more=False)
        tape.publish(-1, 4, more=False)
        tape.meet()
        tape.guard_published(3, low, high, 7)
        tape.guard_published(4, 0, 0, 8)
        tape.meet()  # else a fast one would publish its next number before a slow one has seen this
        players.append(Played(tape, rank=rank, board=board))
    with ThreadPoolExecutor(RANKS) as pool:
        found = list(pool.map(lambda player: player(20), players))
    assert found == [[(rounds, 7 if rounds < 20 else 0)] * threads] * RANKS
    assert counts[0] == 8 * min(rounds + 1, 20)


@njit(cache=True, nogil=True)
def grow(begin: int, end: int, count: Integers, amount: int) -> int:
    count[0] += amount
    return count[0] + begin + end


CALLERS = """
import sys
from numba import types
from motes.core.tape import address_of, caller_of

kinds = {name: (types.int64, types.int64, getattr(types, name)) for name in ("float64", "int64")}
callers = [caller_of(types.none, kinds[name]) for name in sys.argv[1:]]
print(*(address_of(caller, (types.int64,) * 4) for caller in callers))
"""


def test_what_processes_have_compiled_each_for_itself_keeps_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each numbers its functions from the beginning; by names alone the second would be found where the first is."""
    monkeypatch.setenv("MOTES_CACHE", str(tmp_path))

    def addresses(*names: str) -> list[str]:
        command = [sys.executable, "-c", CALLERS, *names]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    addresses("float64")
    addresses("int64")
    assert len(set(addresses("float64", "int64"))) == 2
