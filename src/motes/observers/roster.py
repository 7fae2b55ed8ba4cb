"""Which observers are due at which step.

An observer of interval n is due at every step that is a multiple of n, the one a run starts from included,
and never twice at the same step: two halves of a run report what one whole run would. So does a run that is
resumed from a checkpoint: all who were due at the step of a checkpoint were shown it before, so at that step
nobody is due again.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from inspect import signature
from itertools import zip_longest
from pathlib import Path
from types import FunctionType, MethodType
from typing import Any, ClassVar

from motes.core.checks import whole_number
from motes.core.errors import InputError
from motes.core.frozen import shown
from motes.observers.frame import Frame

__all__ = ["Frame", "Handle", "Observer", "Roster"]


class Observer(ABC):
    """Something that is shown the state now and then. Any function of a :class:`Frame` will do as well."""

    needs_energy: bool = False
    """Whether it reads energies, pressure or virial: they are then computed along with its steps' forces."""

    shown_last: ClassVar[bool] = False
    """Whether it is shown a step after all others, so that it sees what they have done."""

    def check(self) -> None:  # noqa: B027  # empty on purpose: most can always be added
        """Called when it is added to a simulation, unless it goes on from another one. InputError if it cannot work."""

    def replaces(self, other: object) -> bool:
        """Whether it is another one given again, as by a cell of a notebook that is run again: of its kind and path."""
        return hasattr(self, "path") and type(other) is type(self) and getattr(other, "path", None) == self.path

    def go_on_from(self, other: Any) -> None:  # noqa: B027  # empty on purpose: most remember nothing
        """Called when it replaces another one of its kind and path: what that has written stays."""

    def start(self, frame: Frame) -> None:  # noqa: B027  # empty on purpose: most observers need no preparation
        """Called once, before the first step of the first run it takes part in."""

    @abstractmethod
    def __call__(self, frame: Frame) -> None:
        """Called at each step at which it is due."""

    def displaced(self) -> None:  # noqa: B027  # empty on purpose, as above
        """Called when particles have been put elsewhere than steps would have taken them."""

    def finish(self) -> None:  # noqa: B027  # empty on purpose, as above
        """Called whenever a run ends, also when it ends by an error."""

    def remember(self, beside: Path) -> dict[str, Any] | None:  # noqa: ARG002  # most have nothing to remember
        """Called when a checkpoint is written: what is needed to go on from here, as values that JSON knows.

        What was written so far is on the disk when this returns. `kind` says which class can make an observer of it
        again (`from_memory`); paths are as seen from the folder `beside`. None: it cannot be brought back.
        """
        return None

    def __repr__(self) -> str:
        return shown(
            self, **{name: vars(self)[name] for name in signature(type(self)).parameters if name in vars(self)}
        )

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {name: None for name in FILES if name in vars(self)}


FILES = ("_file", "_held", "_hold")
"""What an observer has open. It stays in this process; a copy opens the file itself, once it can have it."""


@dataclass(eq=False)
class _Entry:
    interval: int
    observer: Callable[[Frame], Any]
    started: bool = False
    last_step: int | None = None  # the step it was last shown

    def is_for(self, interval: int, observer: Callable[[Frame], Any]) -> bool:
        """Whether this is an observer that is given again, as by a cell of a notebook that is run again."""
        if isinstance(observer, Observer) and observer.replaces(self.observer):
            return True
        return self.interval == interval and (self.observer is observer or _same_code(self.observer, observer))

    def start(self, frame: Frame) -> None:
        if not self.started and isinstance(self.observer, Observer):
            self.observer.start(frame)
        self.started = True

    def due(self, step: int) -> bool:
        return step % self.interval == 0 and self.last_step != step

    @property
    def needs_energy(self) -> bool:
        return bool(getattr(self.observer, "needs_energy", False))

    @property
    def shown_last(self) -> bool:
        return isinstance(self.observer, Observer) and self.observer.shown_last

    def remember(self, beside: Path, step: int) -> dict[str, Any]:
        memory = self.observer.remember(beside) if isinstance(self.observer, Observer) else None
        if memory is None:
            name = getattr(self.observer, "__qualname__", type(self.observer).__qualname__)
            memory = {"kind": "function", "name": name}
        return {"every": self.interval, "shown": self.last_step == step, **memory}


class Handle:
    """Observers that were added together: what `Simulation.every` returns."""

    def __init__(self, roster: Roster, entries: Sequence[_Entry]) -> None:
        self._roster = roster
        self._entries = tuple(entries)

    def __repr__(self) -> str:
        return f"<every {self.interval} steps: {', '.join(map(_name_of, self.observers))}>"

    @property
    def interval(self) -> int:
        """Steps from one time to the next."""
        return self._entries[0].interval

    @property
    def observers(self) -> tuple[Callable[[Frame], Any], ...]:
        """Who is shown the state."""
        return tuple(entry.observer for entry in self._entries)

    def remove(self) -> None:
        """Show them nothing more, also amid a run; a second time changes nothing."""
        self._roster.remove(self._entries)


class Roster:
    """The observers of one simulation, in the order in which they were added."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._past = -1  # the last step that is over for everyone

    @property
    def observers(self) -> list[Callable[[Frame], Any]]:
        """All of them, in this order."""
        return [entry.observer for entry in self._entries]

    @property
    def handles(self) -> tuple[Handle, ...]:
        """One for each observer, in this order."""
        return tuple(Handle(self, [entry]) for entry in self._entries)

    def add(self, interval: int, *observers: Callable[[Frame], Any]) -> Handle:
        """Show each observer the state at every multiple of `interval` steps.

        One that is there already is replaced: the same function at the same interval, or an observer of
        the same kind and path, which goes on from the other one.

        Raises InputError for an interval that is no positive integer, for none and for something uncallable.
        """
        interval = _checked_interval(interval)
        if not observers:
            raise InputError(f"every({interval}): no observer given; e.g. every({interval}, motes.Thermo())")
        for observer in observers:
            _check_observer(observer)
        return Handle(self, [self._entry(interval, observer) for observer in observers])

    def _entry(self, interval: int, observer: Callable[[Frame], Any]) -> _Entry:
        """That of an observer, a new one or the one it has."""
        entry = next((entry for entry in self._entries if entry.is_for(interval, observer)), None)
        if entry is not None and entry.observer is not observer and isinstance(observer, Observer):
            if getattr(observer, "overwrite", False):
                self.remove([entry])
                entry = None
            else:
                observer.go_on_from(entry.observer)
        if entry is None:
            if isinstance(observer, Observer):
                observer.check()
            entry = _Entry(interval, observer)
            self._entries.append(entry)
        entry.interval, entry.observer = interval, observer
        return entry

    def remove(self, entries: Sequence[_Entry]) -> None:
        """Show these nothing more."""
        for entry in [entry for entry in entries if entry in self._entries]:
            self._entries.remove(entry)
            if entry.started and isinstance(entry.observer, Observer):
                entry.observer.finish()

    def due(self, step: int) -> list[Callable[[Frame], Any]]:
        """The observers that want to see this step and have not seen it yet."""
        return [entry.observer for entry in self._due(step)]

    def has_shown(self, step: int) -> bool:
        """Whether all who were due at this step have been shown it, but for those who are shown it last."""
        return all(entry.shown_last for entry in self._due(step))

    def next_due(self, step: int) -> int | None:
        """The first step after `step` at which someone is due, None if no one ever is."""
        after = max(step, self._past)
        return min((_next_multiple(entry.interval, after) for entry in self._entries), default=None)

    def needs_energy(self, step: int) -> bool:
        """Whether someone due at this step reads energies, pressure or virial."""
        return any(entry.needs_energy for entry in self._due(step))

    def resume_at(self, step: int) -> None:
        """Go on from a checkpoint of this step: at it nobody is due any more, nor is who will be added later."""
        self._past = step

    def remember(self, beside: Path, step: int) -> list[dict[str, Any]]:
        """What each observer remembers (see :meth:`Observer.remember`), with its interval as `every`, in order, and
        whether it has been shown this step.

        Those that cannot be brought back, such as functions, are of the kind "function" and have a `name`.
        """
        return [entry.remember(beside, step) for entry in self._entries]

    def bring_back(self, memory: Mapping[str, Any], observer: Observer, step: int) -> None:
        """Add an observer made of what was remembered of it at this step; it is not shown the step again."""
        self.add(memory["every"], observer)
        if memory.get("shown"):
            self._entries[-1].last_step = step

    def start(self, frame: Frame) -> None:
        """Prepare those observers that take part in their first run."""
        for entry in sorted(self._entries, key=lambda entry: entry.shown_last):
            entry.start(frame)

    def show(self, frame: Frame) -> None:
        """Call every observer due at the frame's step, in the order in which they were added."""
        for entry in sorted(self._due(frame.step), key=lambda entry: entry.shown_last):
            if entry in self._entries:  # nobody before has removed it
                entry.start(frame)  # if it was added amid the run
                entry.last_step = frame.step
                entry.observer(frame)

    def finish(self) -> None:
        """Tell those that were started that the run is over; each is called, also if another one fails."""
        with ExitStack() as stack:
            for entry in self._entries:
                if entry.started and isinstance(entry.observer, Observer):
                    stack.callback(entry.observer.finish)

    def _due(self, step: int) -> list[_Entry]:
        return [entry for entry in self._entries if step > self._past and entry.due(step)]


def _name_of(observer: Any) -> str:
    """A function by its name, anything else by its kind and, where it writes to a file, the file."""
    path = getattr(observer, "path", None)
    kind = getattr(observer, "__qualname__", type(observer).__qualname__)
    return f"{kind} to {os.path.relpath(path)}" if path is not None else kind


def _same_code(one: object, other: object) -> bool:
    """Whether two functions are the same text, read twice, and stand for the same: nothing around them differs."""
    if isinstance(one, MethodType) and isinstance(other, MethodType):
        return one.__self__ is other.__self__ and one.__func__ is other.__func__
    return (
        isinstance(one, FunctionType)
        and isinstance(other, FunctionType)
        and (one.__module__, one.__qualname__, one.__code__) == (other.__module__, other.__qualname__, other.__code__)
        and not (one.__closure__ or other.__closure__)
        and _same_objects(one.__defaults__ or (), other.__defaults__ or ())
        and list(one.__kwdefaults__ or ()) == list(other.__kwdefaults__ or ())
        and _same_objects((one.__kwdefaults__ or {}).values(), (other.__kwdefaults__ or {}).values())
    )


def _same_objects(ones: Iterable[object], others: Iterable[object]) -> bool:
    """Whether these are one and the same, one by one; numbers and texts may be equal instead."""
    pairs = list(zip_longest(ones, others))
    plain = (int, float, str, type(None))
    return all(a is b or (isinstance(a, plain) and type(a) is type(b) and a == b) for a, b in pairs)


def _next_multiple(interval: int, step: int) -> int:
    return (step // interval + 1) * interval


def _checked_interval(interval: int) -> int:
    return whole_number("the interval of an observer, in steps", interval, minimum=1)


def _check_observer(observer: object) -> None:
    if isinstance(observer, type):
        raise InputError(f"{observer.__name__} is a class: give an observer, {observer.__name__}(...)")
    if not callable(observer):
        raise InputError(f"an observer is a function of a frame, not {observer!r}")
    try:
        signature(observer).bind(None)
    except ValueError:  # one of Python's own says nothing of its arguments
        return
    except TypeError as error:
        raise InputError(f"an observer is called with one frame, and {_name_of(observer)} is not: {error}") from None
