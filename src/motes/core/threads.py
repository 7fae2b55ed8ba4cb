"""A team of threads that run compiled loops, each over its own part of a range.

The loops release the interpreter's lock, so ordinary threads suffice: nothing global is set, a team works inside
other threads and processes, and a loop needs to be compiled only once, not once more for parallel use. The
disadvantage: handing out work costs about 15 microseconds a stage, so a loop over few particles runs on one thread,
unless many steps are handed out as one (engine/march.py).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from itertools import pairwise
from queue import SimpleQueue
from threading import Thread
from typing import Any, Protocol
from weakref import finalize

from motes.core import cores as machine
from motes.core.checks import whole_number

Work = tuple[Any, tuple[Any, ...]]
"""A loop, and what it is called with."""

MOST_THREADS = 1024
"""No machine has more cores, and each thread takes memory for the slots of all particles."""

SMALLEST_PART = 16384
"""Items below which another thread costs more than it brings."""


_share: ContextVar[int | None] = ContextVar("share", default=None)


@contextmanager
def share_of_threads(threads: int) -> Iterator[None]:
    """For this task alone, so many threads stand in for all cores: other tasks run beside it."""
    before = _share.set(threads)
    try:
        yield
    finally:
        _share.reset(before)


def usual_threads(cores: int | None = None) -> int:
    """How many threads there are for a program that does not say how many it wants."""
    share = _share.get()
    if share is not None:
        return share
    return machine.usual_threads(cores or machine.available_cores(), os.environ)[0]


def usual_cores() -> int:
    """How many cores there are for several runs at once; OMP_NUM_THREADS tells only of the threads of one."""
    share = _share.get()
    if share is not None:
        return share
    return machine.usual_threads(machine.available_cores(), os.environ, machine.AT_MOST[1:])[0]


class Recorder(Protocol):
    """Notes calls down; what it returns says of nothing that it would be unusual."""

    def split(self, kernel: Any, count: int, arguments: tuple[Any, ...], parts: Any = None) -> list[Any]:
        """See Team."""

    def each(self, lists: Sequence[Sequence[Work]]) -> list[Any]:
        """See Team."""


class Helpers:
    """Threads that stay, and work at the same time as whoever calls them.

    A pool of concurrent.futures takes 80 to 120 microseconds to hand out work and to hear that it is done, these 15.
    """

    def __init__(self) -> None:
        self._works: SimpleQueue[tuple[Callable[[], None], SimpleQueue[BaseException | None]] | None] = SimpleQueue()
        self._count = 0
        self.process = os.getpid()
        """A forked one has none of its parent's threads."""

    def muster(self, count: int) -> int:
        """Have so many, or as many as there can be: a system may have a limit, and a program that ends has none."""
        with suppress(RuntimeError):
            while self._count < count:
                Thread(target=_serve, args=(self._works,), name=f"motes-{self._count + 1}", daemon=True).start()
                self._count += 1
        return min(self._count, count)

    def run(self, works: Sequence[Callable[[], None]]) -> None:
        """Do all of these at the same time, the first one here; there must be helpers for the others.

        Nothing runs on when this returns, and what one of them raised is raised here.
        """
        ended: SimpleQueue[BaseException | None] = SimpleQueue()
        given, errors = 0, list[BaseException | None]()
        try:
            for work in works[1:]:
                self._works.put((work, ended))
                given += 1
            works[0]()
        finally:
            while given > 0:
                try:
                    errors.append(ended.get())
                    given -= 1
                except BaseException as raised:  # noqa: BLE001  # of a signal's handler; it is raised when all have ended
                    errors.append(raised)
        for error in errors:
            if error is not None:
                raise error

    def dismiss(self) -> None:
        """Let them end."""
        for _ in range(self._count):
            self._works.put(None)
        self._count = 0


def _serve(works: SimpleQueue[Any]) -> None:
    while (given := works.get()) is not None:
        work, ended = given
        error: BaseException | None = None
        try:
            work()
        except BaseException as raised:  # noqa: BLE001  # whoever gave the work raises it
            error = raised
        ended.put(error)
        del given, work, ended, error  # a thread that waits holds nothing


class Team:
    """threads threads, or as many as there are cores; the calling thread is one of them."""

    def __init__(self, threads: int | None = None, cores: int | None = None) -> None:
        if threads is None:
            threads = usual_threads(cores)
        self.threads = whole_number("threads", threads, minimum=1, maximum=MOST_THREADS)
        self._helpers: Helpers | None = None
        self.recorder: Recorder | None = None
        """Who notes down what would be done, instead of its being done."""

    def call(self, kernel: Callable[..., Any], calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Call kernel once for every tuple of arguments; return the results in their order.

        Each thread takes the next call that waits, so calls of uneven length even out.
        """
        if self.threads == 1 or len(calls) < 2:
            return [kernel(*arguments) for arguments in calls]
        results: list[Any] = [None] * len(calls)
        waiting = iter(range(len(calls)))  # the interpreter's lock makes next() safe

        def work() -> None:
            for index in waiting:
                results[index] = kernel(*calls[index])

        self._with_helpers.run([work] * (1 + self.muster(min(self.threads, len(calls)) - 1)))
        return results

    def together(self, kernel: Callable[..., Any], calls: Sequence[tuple[Any, ...]]) -> Any:
        """Call kernel for all of these at the same time, and return the first result: there must be threads for all."""
        first: list[Any] = []
        works: list[Callable[[], None]] = [partial(kernel, *arguments) for arguments in calls[1:]]
        self._with_helpers.run([lambda: first.append(kernel(*calls[0])), *works])
        return first[0]

    def muster(self, helpers: int) -> int:
        """Have so many threads besides the calling one, or as many as there can be; return how many there are."""
        return self._with_helpers.muster(helpers)

    @property
    def _with_helpers(self) -> Helpers:
        if self._helpers is None or self._helpers.process != os.getpid():
            self._helpers = Helpers()
            finalize(self, self._helpers.dismiss)
        return self._helpers

    def each(self, lists: Sequence[Sequence[Work]], at_once: bool = True) -> list[Any]:
        """Let a thread do all of a list, for each list at once, or this one all of them one after the other; return
        what the loops return, if it is anything."""
        if self.recorder is not None:
            return self.recorder.each(lists)
        results = self.call(_do_all, [(one,) for one in lists]) if at_once else list(map(_do_all, lists))
        return [result for some in results for result in some if result is not None]

    def useful(self, count: int) -> int:
        """How many threads are worth waking for so many items."""
        return max(1, min(self.threads, count // SMALLEST_PART))

    def split(self, kernel: Callable[..., Any], count: int, *arguments: Any, parts: Any = None) -> list[Any]:
        """Call kernel(begin, end, *arguments) for parts of range(count); return the results in order.

        With as many parts as there are threads, kernel(begin, end, part, *arguments): each has one of its own.
        """
        if self.recorder is not None:
            return self.recorder.split(kernel, count, arguments, parts)
        threads = self.useful(count)
        own = [()] * threads if parts is None else [(part,) for part in parts[:threads]]
        if threads == 1:
            return [kernel(0, count, *own[0], *arguments)]
        edges = pairwise([count * part // threads for part in range(threads + 1)])
        return self.call(kernel, [(*edge, *part, *arguments) for edge, part in zip(edges, own, strict=True)])


def _do_all(works: Sequence[Work]) -> list[Any]:
    return [loop(*arguments) for loop, arguments in works]
