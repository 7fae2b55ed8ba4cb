"""Rank 0 conducts, the others serve: the few commands there are, sent to all ranks and carried out at the same time.

A program runs on rank 0 alone. When it makes a Simulation, every rank makes an engine; when it asks for something,
all engines are asked. The others leave when rank 0 ends. On one rank an engine is called directly.

A particle that a rank cannot take further stops all ranks at the same point, and the job goes on. Any other error of
one rank ends the job: that rank says what happened, and takes the others with it, since they wait for messages that
will never come.

Threads of rank 0 take turns: a simulation does one command at a time, and on several ranks all simulations together do,
since all commands go the same way.
"""

from __future__ import annotations

import atexit
import itertools
import os
import pickle
import sys
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, TypeVar

from motes.core.cores import available_cores, cores_of, share_of, warn_of_more
from motes.core.errors import InputError, RunError
from motes.core.interrupts import held_interrupts
from motes.core.streams import warn
from motes.decomposition.single import SingleLink
from motes.engine.failing import StoppedError
from motes.engine.plan import Plan
from motes.engine.starts import Start
from motes.engine.step import Engine
from motes.ranks import launch
from motes.ranks.turns import Turns

FAILED = 1

Given = ParamSpec("Given")
Answer = TypeVar("Answer")

# What rank 0 sends. Engines are numbered.


@dataclass(frozen=True)
class Build:
    """Make a new engine."""

    number: int
    plan: Plan
    start: Start


@dataclass(frozen=True)
class Command:
    """Call a function of an engine, a method or one of `engine/commands.py`, `downhill.py` or `queries.py`: functions
    travel by their names."""

    number: int
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    named: dict[str, Any]

    def obey(self, engines: dict[int, Engine]) -> Any:
        """Do it; the answer counts on rank 0."""
        return self.function(engines[self.number], *self.arguments, **self.named)


@dataclass(frozen=True)
class Forget:
    """Nobody holds the simulation of this engine any more."""

    number: int


@dataclass(frozen=True)
class SearchPath:
    """Where rank 0 finds modules: of one, what it sends next may be a part."""

    entries: list[str]


HALF_DONE = "a step was interrupted half-way, so there is no state to go on from; resume a checkpoint"


class Ranks:
    """All ranks of this job, as rank 0 sees them."""

    def __init__(self, channel: Any, link: Any, cores: int) -> None:
        self.cores = cores
        self._channel = channel
        self._link = link
        self._engines: dict[int, Engine] = {}
        self._discarded: list[int] = []
        self._numbers = itertools.count()  # threads of a sweep may build at the same time, and each needs its own
        self._process = os.getpid()
        self._turns = None if channel is None else Turns()
        self._half_done: set[int] = set()
        self._left = False

    @property
    def size(self) -> int:
        """How many ranks there are."""
        return int(self._link.size)

    @property
    def of_parent(self) -> bool:
        """Whether the other ranks are those of the process that this one was forked from."""
        return self._channel is not None and self._process != os.getpid()

    def build(self, plan: Plan, start: Start) -> EngineOfAll:
        """Make an engine on every rank; the particles are handed to their owners."""
        turns = self._turns or Turns()
        with turns.turn():
            self._check_connection()
            if self._channel is not None and self._half_done:
                raise RunError(HALF_DONE)
            number = next(self._numbers)
            if self._channel is not None:
                check_travels("integrator", plan.integrator)
                for law in plan.laws:
                    check_travels("interaction", law)
                self._tell(SearchPath([entry for entry in sys.path if isinstance(entry, str)]))
            engine = Engine(plan, start, self._link)  # here first: what it compiles, the others then find in the cache
            if self._channel is not None:
                self._tell(Build(number, plan, start.elsewhere))
            self._engines[number] = engine
        whole = EngineOfAll(self, number, engine, turns)
        weakref.finalize(whole, self._discard, number).atexit = False  # other handlers may still use it
        return whole

    def call(self, command: Command, changes: bool) -> Any:
        """Call a function of an engine on every rank, in the turn of this thread; the answer is that of rank 0.

        One that changes the engine and is interrupted leaves a state that nobody can go on from; so does any on several
        ranks, which wait for each other.
        """
        number = command.number
        self._check_connection()
        if number in self._half_done or (self._channel is not None and self._half_done):
            raise RunError(HALF_DONE)
        if self._channel is not None or changes:
            self._half_done.add(number)  # from the first message on
        if self._channel is not None:
            self._channel.tell(command)
        try:
            answer = command.obey(self._engines)
        except StoppedError:  # on all ranks at the same point
            self._half_done.discard(number)
            raise
        self._half_done.discard(number)
        self._forget()
        return answer

    def _tell(self, message: Build | Forget | SearchPath) -> None:
        """Send what others need not answer; half a message would leave them waiting."""
        with held_interrupts():
            self._channel.tell(message)

    def _check_connection(self) -> None:
        if self._left:
            raise RunError(
                "this program ends, and the other ranks have left; "
                "what uses a simulation at exit must be registered after motes is imported"
            )
        if self.of_parent:
            raise RunError(
                f"this process was forked from a program on {self.size} ranks, and they are not its own: "
                "make the simulation here, and it runs on one rank"
            )

    def _discard(self, number: int) -> None:
        """Nobody holds this simulation any more; other ranks are told with the next command."""
        if self._channel is None:
            self._engines.pop(number, None)
        else:
            self._discarded.append(number)

    def _forget(self) -> None:
        """Let engines go whose simulation nobody holds any more."""
        while self._discarded:
            try:
                number = self._discarded.pop()
            except IndexError:  # another thread was here first
                return
            self._engines.pop(number, None)
            if self._channel is not None:
                self._tell(Forget(number))

    def dismiss(self) -> None:
        """Rank 0 ends: the others may leave; if they wait amid a command, they must."""
        if self._channel is None or self.of_parent:
            return
        with held_interrupts():
            if self._half_done:
                self._channel.abort(FAILED)
            self._left = True
            self._channel.dismiss()


class EngineOfAll:
    """The engine of a simulation, on every rank at once."""

    def __init__(self, ranks: Ranks, number: int, engine: Engine, turns: Turns) -> None:
        self._ranks = ranks
        self._number = number
        self._turns = turns
        self.here = engine

    def turn(self) -> AbstractContextManager[None]:
        """Within the block no other thread uses the engine, so what is asked for is all of one moment."""
        return self._turns.turn()

    def call(
        self, function: Callable[Concatenate[Engine, Given], Answer], *arguments: Given.args, **named: Given.kwargs
    ) -> Answer:
        """Call a function of an engine on every rank; the answer is that of rank 0."""
        return self._call(function, arguments, named, changes=True)

    def ask(
        self, query: Callable[Concatenate[Engine, Given], Answer], *arguments: Given.args, **named: Given.kwargs
    ) -> Answer:
        """The same for a function that changes nothing (`engine/queries.py`)."""
        return self._call(query, arguments, named, changes=False)

    def _call(
        self, function: Callable[..., Answer], arguments: tuple[Any, ...], named: dict[str, Any], changes: bool
    ) -> Answer:
        with self.turn():
            answer: Answer = self._ranks.call(Command(self._number, function, arguments, named), changes)
            return answer


def serve(channel: Any, link: Any) -> None:
    """Do what rank 0 says, until it ends."""
    engines: dict[int, Engine] = {}
    while True:
        try:
            message: Build | Command | Forget | SearchPath | None = channel.listen()
        except (ImportError, AttributeError) as error:  # what unpickling raises
            warn(f"error: rank {channel.rank} cannot find what rank 0 sends: {error}")
            channel.abort(FAILED)
            raise
        if message is None:
            return
        try:
            _obey(engines, message, link)
        except StoppedError:  # on all ranks at the same point, and rank 0 says why
            continue
        except (InputError, RunError) as error:
            warn(f"error: rank {channel.rank}: {error}")
            channel.abort(FAILED)


def _obey(engines: dict[int, Engine], message: Build | Command | Forget | SearchPath, link: Any) -> None:
    match message:
        case SearchPath(entries):
            sys.path[:] = entries
        case Build(number, plan, start):
            engines[number] = Engine(plan, start, link)
        case Command():
            message.obey(engines)
        case Forget(number):
            engines.pop(number, None)


def check_travels(what: str, given: object) -> None:
    """Raise InputError for an object of a user's own class that other ranks could not find."""
    kind = type(given)
    if kind.__module__ == "__main__":
        raise InputError(
            f"the {what} {kind.__qualname__} is defined in the program itself, which rank 0 alone has: "
            "put it into a module beside it, and import it from there"
        )
    try:
        pickle.dumps(given)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise InputError(f"the {what} {kind.__qualname__} cannot be sent to other ranks: {error}") from error


_world: list[Ranks] = []


def connected() -> Ranks | None:
    """The ranks that this process has joined, if it has."""
    if _world and _world[0].of_parent:
        _world.clear()
    return _world[0] if _world else None


def world() -> Ranks:
    """The ranks of this job. A rank other than 0 never returns: it serves, and leaves when rank 0 ends."""
    if connected() is None:
        with held_interrupts():
            _world.append(_connect())
    return _world[0]


def ranks_of(communicator: Any) -> Ranks:
    """Those that work on a simulation: all of the job, or with a communicator of one rank, this one alone."""
    if communicator is None:
        return world()
    size = getattr(communicator, "size", None)
    if size != 1:
        given = f"one of {size} ranks" if size is not None else repr(communicator)
        raise InputError(
            f"communicator is {given}; it must be one of one rank, as MPI.COMM_SELF; "
            "without a communicator a simulation has all ranks that were started"
        )
    return _alone()


def _alone() -> Ranks:
    sharing = 1 if launch.is_bound() else launch.processes_here(os.environ)
    return Ranks(None, SingleLink(), max(1, available_cores() // sharing))


def _connect() -> Ranks:
    """Join the others, if a launcher started any to serve this program."""
    expected = launch.expected_ranks()
    if expected is None:
        return _alone()
    if launch.leads() and "mpi4py.MPI" in sys.modules:
        warn(
            f"mpi4py was imported after motes, so this program runs on rank 0 alone, and {expected - 1} other ranks "
            "serve it; import mpi4py before motes to run it on every rank"
        )
    from motes.decomposition.mpi import Channel, MpiLink, connect

    communicator, masks, here = connect(expected, launch.bound_cores(), launch.variables())
    cores = share_of(masks, here)
    if communicator.size == 1:
        return Ranks(None, SingleLink(), cores)
    channel, link = Channel(communicator), MpiLink(communicator, together=len(masks) == communicator.size)
    if communicator.rank > 0:
        serve(channel, link)
        channel.leave()
        raise SystemExit(0)
    ranks = Ranks(channel, link, cores)
    if len(masks) > cores_of(masks):
        warn_of_more(f"{len(masks)} ranks", cores_of(masks), "fewer ranks are faster")
    if not launch.leads():  # then nobody has seen to it yet
        atexit.register(ranks.dismiss)
    return ranks
