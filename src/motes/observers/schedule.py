"""Which observers are due at which step.

An observer of interval n is due at every step that is a multiple of n, the one a run starts from included,
and never twice at the same step: two halves of a run report what one whole run would. So does a run that is
resumed from a checkpoint: all who were due at the step of a checkpoint were shown it before, so at that step
nobody is due again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from motes.errors import InputError
from motes.observers.frame import Frame

__all__ = ["Frame", "Observer", "Schedule"]


class Observer(ABC):
    """Something that is shown the state now and then. Any function of a :class:`Frame` will do as well."""

    needs_energy: bool = False
    """Whether it reads energies, pressure or virial: they are then computed along with its steps' forces."""

    shown_last: ClassVar[bool] = False
    """Whether it is shown a step after all others, so that it sees what they have done."""

    def start(self, frame: Frame) -> None:  # noqa: B027  # empty on purpose: most observers need no preparation
        """Called once, before the first step of the first run it takes part in."""

    @abstractmethod
    def __call__(self, frame: Frame) -> None:
        """Called at each step at which it is due."""

    def finish(self) -> None:  # noqa: B027  # empty on purpose, as above
        """Called whenever a run ends, also when it ends by an error."""

    def remember(self, beside: Path) -> dict[str, Any] | None:  # noqa: ARG002  # most have nothing to remember
        """Called when a checkpoint is written: what is needed to go on from here, as values that JSON knows.

        What was written so far is on the disk when this returns. `kind` says which class can make an observer of it
        again (`recall`); paths are as seen from the folder `beside`. None: it cannot be brought back.
        """
        return None


@dataclass
class _Entry:
    interval: int
    observer: Callable[[Frame], Any]
    started: bool = False
    last_step: int | None = None  # the step it was last shown

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


class Schedule:
    """The observers of one simulation, in the order in which they were added."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._past = -1  # the last step that is over for everyone

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def observers(self) -> list[Callable[[Frame], Any]]:
        """All of them, in this order."""
        return [entry.observer for entry in self._entries]

    def add(self, interval: int, *observers: Callable[[Frame], Any]) -> None:
        """Show each observer the state at every multiple of `interval` steps.

        Raises InputError for an interval that is no positive integer, for none and for something uncallable.
        """
        interval = _checked_interval(interval)
        if not observers:
            raise InputError(f"every({interval}): no observer given; e.g. every({interval}, motes.Thermo())")
        for observer in observers:
            _check_observer(observer)
        self._entries += [_Entry(interval, observer) for observer in observers]

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
            if not entry.started:
                if isinstance(entry.observer, Observer):
                    entry.observer.start(frame)
                entry.started = True

    def show(self, frame: Frame) -> None:
        """Call every observer due at the frame's step, in the order in which they were added."""
        for entry in sorted(self._due(frame.step), key=lambda entry: entry.shown_last):
            entry.last_step = frame.step
            entry.observer(frame)

    def finish(self) -> None:
        """Tell those that were started that the run is over; each is told, also if another one fails."""
        with ExitStack() as stack:
            for entry in self._entries:
                if entry.started and isinstance(entry.observer, Observer):
                    stack.callback(entry.observer.finish)

    def _due(self, step: int) -> list[_Entry]:
        return [entry for entry in self._entries if step > self._past and entry.due(step)]


def _next_multiple(interval: int, step: int) -> int:
    return (step // interval + 1) * interval


def _checked_interval(interval: int) -> int:
    # bool is an int to Python, and numpy's integers are not: __index__ is what all integers share
    if isinstance(interval, bool) or not hasattr(interval, "__index__"):
        raise InputError(f"the interval of an observer is a whole number of steps, not {interval!r}")
    if interval < 1:
        raise InputError(f"the interval of an observer is at least 1 step, not {interval}")
    return int(interval)


def _check_observer(observer: object) -> None:
    if isinstance(observer, type):
        raise InputError(f"{observer.__name__} is a class: give an observer, {observer.__name__}(...)")
    if not callable(observer):
        raise InputError(f"an observer is a function of a frame, not {observer!r}")
