"""Noting a step down: the team is asked to do each loop of it, and what it is asked goes on a tape instead.

Algorithm: a range is shared among the threads, a list of works goes to its thread; threads wait for each other where
one reads what another has written, and that is between any two loops except those that work on each particle by itself.
What loops return is numbered by what it means (core/compiled.py), and a guard looks at all that was returned since the
last one.

Invariant: between a loop and another that reads what it wrote stands a barrier, or both work on each particle by itself
and go over the same particles in the same parts.

Disadvantage: a loop must say what it returns and whether it is per particle; of one that says nothing the worst
is assumed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from motes.core.compiled import BEYOND, ENERGY, FORCE, LEAP, MOVE, PUSH, SPEED, STRAY, SUM
from motes.core.tape import LARGER, LARGER_SQUARE, SET, SET_SQUARE, Block, Tape
from motes.core.threads import Work

MOST_SUMS = 4
"""More densities than a simulation has; one that has more does not march."""


def sum_of(number: int) -> str:
    """What a loop returns that adds to this sum of the run."""
    return f"{SUM}{number}"


MEANINGS = SPEED, LEAP, FORCE, MOVE, STRAY, BEYOND, ENERGY, *map(sum_of, range(MOST_SUMS))

NOTHING = -1
"""The number of a result that there is not."""

SMALLEST_PART = 256
"""Items below which another thread costs more than it brings, while it is there anyway."""


class UnmarchableError(Exception):
    """A loop returns a number of which nobody knows here within which bounds there is nothing to decide."""


class Noted:
    """Puts on a tape what a team is asked to do."""

    def __init__(self, threads: int, before: Tape | None = None, ranks: int = 1) -> None:
        self.tape = Tape(threads, before)
        self._ranks = ranks
        self.results: dict[int, list[int]] = {}
        """For the code of each guard, the numbers of the results before it that the engine must see."""
        self.sums: dict[int, int] = {}
        """For each sum of the run, the number of its result."""
        self.sum: int | None = None
        """Which of them is noted down."""
        self._seen: dict[str, list[int]] = {}
        self._guarded: dict[str, int] = {}  # for each meaning, the last result that a guard has seen
        self._before = 0  # over how many particles, one after the other, the last loop went, or 0
        self._shared = False  # whether several threads have worked since they last waited for each other

    def split(self, kernel: Any, count: int, arguments: tuple[Any, ...], parts: Any = None) -> list[Any]:
        """A range, shared among the threads."""
        threads = max(1, min(self.tape.threads, count // SMALLEST_PART))
        own = [()] if parts is None else [(part,) for part in parts[:threads]]
        blocks = [self.tape.block(kernel, (*part, *arguments)) for part in own]
        block = blocks[0]
        number, how = self._result(kernel, block)
        if how == SET_SQUARE:  # the first of the forces that the engine sees together: each thread begins its own
            threads = self.tape.threads
        per_particle = getattr(kernel, "per_particle", False)  # one that is not Motes' own says nothing
        if not per_particle or self._before != count:  # else each thread goes on with its own particles
            self._meet(threads)
        self._before = count if per_particle else 0
        edges = [count * part // threads for part in range(threads + 1)]
        for thread, (begin, end) in enumerate(pairwise(edges)):
            self.tape.call(thread, blocks[min(thread, len(blocks) - 1)], begin, end, number, how)
        return [] if block.compiled.nothing is None else [block.compiled.nothing]

    def each(self, lists: Sequence[Sequence[Work]]) -> list[Any]:
        """A list for each thread; of the loops in it, no more than one returns anything."""
        self._meet(len(lists))
        self._before = 0
        number, how, nothing = NOTHING, SET, []
        for thread, works in enumerate(lists):
            for loop, (begin, end, *arguments) in works:
                block = self.tape.block(loop, arguments)
                kept = NOTHING
                if block.compiled.nothing is not None:
                    number, how = self._result(loop, block) if number == NOTHING else (number, how)
                    nothing.append(block.compiled.nothing)
                    kept = number
                self.tape.call(thread, block, begin, end, kept, how)
        return nothing

    def middle(self) -> None:
        """A round may begin here."""
        self._meet(self.tape.threads)
        self.tape.mark()

    def meet(self) -> None:
        """All ranks wait for each other."""
        self.tape.meet()
        self._before, self._shared = 0, False

    def _meet(self, threads: int) -> None:
        """Let threads wait for each other before so many go on; the first one alone need not wait for itself."""
        if threads > 1 or self._shared:
            self.tape.barrier()
        self._shared = threads > 1

    def _result(self, loop: Any, block: Block) -> tuple[int, int]:
        """A number for what a loop returns, and what becomes of it there.

        Of forces of all kinds the largest counts: none of them needs to be large by itself.
        """
        if block.compiled.nothing is None:
            return NOTHING, SET
        meaning = getattr(loop, "returns", None)
        if meaning is None:
            raise UnmarchableError
        square, meaning = meaning == PUSH, FORCE if meaning == PUSH else meaning
        if meaning == SUM:
            meaning = sum_of(self.sum or 0)
        if meaning == FORCE and FORCE in self._seen:
            return self._seen[FORCE][0], LARGER_SQUARE if square else LARGER
        number = self.tape.result()
        self._seen.setdefault(meaning, []).append(number)
        return number, SET_SQUARE if square else SET

    def guard(self, code: int, bounds: Mapping[str, tuple[int, int]]) -> None:
        """Leave the step here where one of the results since the last guard is beyond the bounds of what it means."""
        self._meet(self.tape.threads)
        self.results[code] = self._seen.get(SPEED) or self._seen.get(LEAP) or self._seen.get(FORCE, [])
        self.sums |= {k: self._seen[sum_of(k)][0] for k in range(MOST_SUMS) if sum_of(k) in self._seen}
        if not self._seen.keys() <= bounds.keys():
            raise UnmarchableError
        if self._ranks > 1:
            self._guard_all(code, bounds)
        else:
            for meaning, numbers in self._seen.items():
                for number in numbers:
                    self.tape.guard(number, *bounds[meaning], code)
        self._guarded |= {meaning: numbers[-1] for meaning, numbers in self._seen.items()}
        self._seen = {}

    @contextmanager
    def where(self, meaning: str, code: int, above: int) -> Iterator[None]:
        """What follows is done only where the last result with a meaning is larger, as the guard with a code saw it."""
        if self._ranks > 1:
            marks = self.tape.unless_published(self._column(code, meaning), above)
        else:
            marks = self.tape.unless(self._guarded[meaning], above)
        yield
        self.tape.land(marks)
        self._before, self._shared = 0, True  # as it may have been before, where nothing is done

    def _guard_all(self, code: int, bounds: Mapping[str, tuple[int, int]]) -> None:
        """All ranks leave the step where one does; what a rank has no loop for is nothing."""
        for meaning in bounds:
            *earlier, last = self._seen.get(meaning, [NOTHING])
            column = self._column(code, meaning)
            self.tape.publish(last, column, more=False)
            for index, number in enumerate(earlier or [NOTHING]):
                self.tape.publish(number, column + 1, more=index > 0)
        self.meet()
        for meaning, (lowest, highest) in bounds.items():
            column = self._column(code, meaning)
            self.tape.guard_published(column, lowest, highest, code)
            self.tape.guard_published(column + 1, 0, highest, code)

    def _column(self, code: int, meaning: str) -> int:
        """In which column the last result with a meaning is published; the next one is of those before it."""
        return 2 * ((code - 1) * len(MEANINGS) + MEANINGS.index(meaning))
