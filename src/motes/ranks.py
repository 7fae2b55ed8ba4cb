"""Rank 0 conducts, the others serve: the few commands there are, sent to all ranks and carried out at the same time.

A program runs on rank 0 alone. When it makes a Simulation, every rank makes an engine; when it asks for something,
all engines are asked. The others leave when rank 0 ends. On one rank an engine is called directly.

A particle that a rank cannot take further stops all ranks at the same point, and the job goes on. Any other error of
one rank ends the job: that rank says what happened, and takes the others with it, since they wait for messages that
will never come.
"""

from __future__ import annotations

import atexit
import itertools
import os
import sys
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from motes.decomposition.single import SingleLink
from motes.engine import Engine, Plan
from motes.errors import InputError, RunError
from motes.failures import StoppedError
from motes.launch import expected_ranks, is_main
from motes.queries import Queries
from motes.starts import Start
from motes.state import State
from motes.threads import available_cores

FAILED, BAD_INPUT = 1, 2


@dataclass(frozen=True)
class Command:
    """Call a method of an engine; without a method, a new engine is meant."""

    number: int
    method: str | None = None
    arguments: tuple[Any, ...] = ()


class Ranks:
    """All ranks of this job, as rank 0 sees them."""

    def __init__(self, channel: Any, link: Any, cores: int) -> None:
        self.cores = cores
        self._channel = channel
        self._link = link
        self._engines: dict[int, Engine] = {}
        self._discarded: list[int] = []
        self._numbers = itertools.count()  # threads of a sweep may build at the same time, and each needs its own
        self._busy = False
        self._torn: set[int] = set()
        if channel is not None:
            atexit.register(self._dismiss)

    @property
    def size(self) -> int:
        """How many ranks there are."""
        return int(self._link.size)

    def build(self, plan: Plan, start: Start) -> EngineOfAll:
        """Make an engine on every rank; the particles are handed to their owners."""
        number = next(self._numbers)
        engine = Engine(plan, start, self._link)  # here first: what it compiles, the others then find in the cache
        if self._channel is not None:
            elsewhere = start.emptied() if isinstance(start, State) else start
            self._channel.tell(Command(number, None, (plan, elsewhere)))
        self._engines[number] = engine
        whole = EngineOfAll(self, number, engine)
        weakref.finalize(whole, self._discarded.append, number)
        return whole

    def call(self, number: int, method: str, arguments: tuple[Any, ...]) -> Any:
        """Call a method of an engine on every rank; the answer is that of rank 0."""
        if self._channel is None:
            self._forget()
            return self._call_here(number, method, arguments)
        if self._busy:
            raise RunError("an earlier command was interrupted half-way, so the ranks are not of one mind any more")
        self._busy = True  # from the first message on: whoever is interrupted amid it cannot go on
        self._channel.tell(Command(number, method, arguments))
        try:
            answer = getattr(self._engines[number], method)(*arguments)
        except StoppedError:  # on all ranks at the same point
            self._busy = False
            raise
        self._busy = False
        self._forget()
        return answer

    def _call_here(self, number: int, method: str, arguments: tuple[Any, ...]) -> Any:
        """Call a method of an engine where there is one rank; one that was interrupted amid its work is not used on."""
        if number in self._torn:
            raise RunError("a step was interrupted half-way, so there is no state to go on from; resume a checkpoint")
        try:
            return getattr(self._engines[number], method)(*arguments)
        except KeyboardInterrupt:
            if not hasattr(Queries, method):
                self._torn.add(number)
            raise

    def _forget(self) -> None:
        """Let engines go whose simulation nobody holds any more."""
        while self._discarded:
            try:
                number = self._discarded.pop()
            except IndexError:  # another thread was here first
                return
            self._engines.pop(number, None)
            if self._channel is not None:
                self._channel.tell(Command(number, "_forgotten"))

    def _dismiss(self) -> None:
        """Rank 0 ends: the others may leave; if they wait amid a command, they must."""
        if self._busy:
            self._channel.abort(FAILED)
        self._channel.dismiss()


class EngineOfAll:
    """The engine of a simulation, on every rank at once."""

    def __init__(self, ranks: Ranks, number: int, engine: Engine) -> None:
        self._ranks = ranks
        self._number = number
        self.here = engine

    def call(self, method: str, *arguments: Any) -> Any:
        """Call a method on every rank; the answer is that of rank 0."""
        return self._ranks.call(self._number, method, arguments)


def serve(channel: Any, link: Any) -> None:
    """Do what rank 0 says, until it ends."""
    engines: dict[int, Engine] = {}
    while True:
        command: Command | None = channel.listen()
        if command is None:
            return
        try:
            _obey(engines, command, link)
        except StoppedError:  # on all ranks at the same point, and rank 0 says why
            continue
        except (InputError, RunError) as error:
            print(f"motes: error: rank {channel.rank}: {error}", file=sys.stderr)
            channel.abort(FAILED)


def _obey(engines: dict[int, Engine], command: Command, link: Any) -> None:
    number = command.number
    if command.method is None:
        plan, start = command.arguments
        engines[number] = Engine(plan, start, link)
    elif command.method == "_forgotten":
        engines.pop(number, None)
    else:
        getattr(engines[number], command.method)(*command.arguments)


_world: list[Ranks] = []


def connected() -> bool:
    """Whether this process has joined the others."""
    return bool(_world)


def world() -> Ranks:
    """The ranks of this job. A rank other than 0 never returns: it serves, and leaves when rank 0 ends."""
    if not _world:
        _world.append(_connect(os.environ))
    return _world[0]


def _connect(environment: Mapping[str, str]) -> Ranks:
    """Join the others, if a launcher started any, and this process is not a worker with a job of its own."""
    cores = available_cores()
    if expected_ranks(environment) is None or not is_main():
        return Ranks(None, SingleLink(), cores)
    from motes.decomposition.mpi import Channel, MpiLink, connect

    world, sharing = connect(expected_ranks(environment))
    if world.size == 1:
        return Ranks(None, SingleLink(), cores)
    channel, link = Channel(world), MpiLink(world)
    cores = max(1, cores // sharing)
    if world.rank > 0:
        serve(channel, link)
        raise SystemExit(0)
    return Ranks(channel, link, cores)
