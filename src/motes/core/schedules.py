"""Numbers that follow the steps: a ramp from one value to another, or any function of the step.

Rank 0 works out their values for some steps ahead and sends them to all ranks, so a function of the user's stays where
it is, and a step costs no more than a few numbers copied. The disadvantage: they depend on the step alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from motes.core.checks import number, whole_number
from motes.core.compiled import njit
from motes.core.errors import InputError
from motes.core.frozen import Frozen, FrozenMapping, shown
from motes.core.words import known_keywords, shortened

Steps = NDArray[np.int64]
Values = NDArray[np.float64]

LAST_STEP = 2**47


class Scheduled(Frozen, ABC):
    """A number that follows the steps. It does not change once made, and can serve in several simulations."""

    @abstractmethod
    def at(self, steps: Steps) -> Any:
        """Its values at these steps, (n,)."""

    @abstractmethod
    def check(self, name: str, **bounds: float) -> None:
        """Raise an InputError for values out of bounds, as far as they are known."""

    @abstractmethod
    def since(self, step: int) -> Scheduled:
        """The same, where `now` means this step."""

    begin: int | None = None
    """The step at which it begins, if it knows of one."""

    @property
    @abstractmethod
    def record(self) -> tuple[str | float | None, ...]:
        """What checkpoints compare."""


class Ramp(Scheduled):
    """A number that goes from one value to another in so many steps, evenly.

    Args:
        start: its value until the ramp begins.
        stop: its value when it has ended, and from then on.
        steps: how many it takes.
        begin: the step at which it begins. None means now: the step of the simulation that is given it.

    It can stand for any number of an integrator but dt and seed, and for any parameter of an interaction or number in a
    table of them by type; a value holds for the forces at a step, and for the step that begins there.

    Raises:
        InputError: for numbers that are not finite, and for less than one step.

    >>> Ramp(2.0, 0.5, steps=100_000)
    Ramp(2.0, 0.5, steps=100000)
    >>> Ramp(0.0, 1.0, steps=4, begin=10).at(np.array([0, 10, 11, 14, 100])).tolist()
    [0.0, 0.0, 0.25, 1.0, 1.0]
    """

    @known_keywords
    def __init__(self, start: float, stop: float, steps: int, begin: int | None = None) -> None:
        self.start, self.stop = number("Ramp: start", start), number("Ramp: stop", stop)
        self.steps = whole_number("Ramp: steps", steps, minimum=1, maximum=LAST_STEP)
        self.begin = None if begin is None else whole_number("Ramp: begin", begin, minimum=0, maximum=LAST_STEP)

    def __repr__(self) -> str:
        more = {} if self.begin is None else {"begin": self.begin}
        return shown(self, repr(self.start), repr(self.stop), steps=self.steps, **more)

    def at(self, steps: Steps) -> Values:
        """Its values at these steps, (n,)."""
        done = np.clip((steps - (self.begin or 0)) / self.steps, 0.0, 1.0)
        values: Values = self.start * (1.0 - done) + self.stop * done
        return values

    def check(self, name: str, **bounds: float) -> None:
        """Both ends, and so all between them."""
        number(f"{name}: the start of the ramp", self.start, **bounds)
        number(f"{name}: the stop of the ramp", self.stop, **bounds)

    def since(self, step: int) -> Ramp:
        """The same, with the step at which it begins."""
        return self if self.begin is not None else Ramp(self.start, self.stop, self.steps, step)

    @property
    def record(self) -> tuple[str | float | None, ...]:
        """All of it."""
        return "ramp", self.start, self.stop, float(self.steps), None if self.begin is None else float(self.begin)


class Schedule(Scheduled):
    """A number that is a function of the step.

    Args:
        function: called with an array of steps, (n,), and returns their values, (n,), or one number. It runs on rank 0
            alone, some thousand steps ahead, and must give the same for a step whenever it is asked.

    It can stand where a `Ramp` can.

    >>> Schedule(lambda step: 1.0 + 0.5 * np.sin(2 * np.pi * step / 1000)).at(np.array([0, 250])).tolist()
    [1.0, 1.5]
    """

    @known_keywords
    def __init__(self, function: Callable[[Any], Any]) -> None:
        if not callable(function):
            raise InputError(f"Schedule: expected a function of an array of steps, got {shortened(repr(function))}")
        self.function = function

    def __repr__(self) -> str:
        return shown(self, getattr(self.function, "__name__", type(self.function).__name__))

    def at(self, steps: Steps) -> Any:
        """What the function returns for a copy of these steps."""
        return self.function(steps.copy())

    def check(self, name: str, **bounds: float) -> None:
        """Nothing is known before it is asked."""

    def since(self, step: int) -> Schedule:  # noqa: ARG002  # a function of the step knows no now
        """The same."""
        return self

    @property
    def record(self) -> tuple[str | float | None, ...]:
        """That it is one: a function is code, so what it gives at a step is compared."""
        return ("schedule",)


# What arguments of a constructor may be, as in checks.py.
PositiveOrSchedule = Annotated[float | Scheduled, "above 0"]
NotNegativeOrSchedule = Annotated[float | Scheduled, "at least 0"]


def number_or_schedule(name: str, value: Any, **bounds: float) -> Any:
    """A number within these bounds, as `number` takes them, or a schedule that is not known to leave them."""
    if isinstance(value, Scheduled):
        value.check(name, **bounds)
        return value
    return number(name, value, **bounds)


def since(value: Any, step: int) -> Any:
    """A ramp, or what holds some, where they begin at this step if they are to begin now; else the value."""
    if isinstance(value, Scheduled):
        return value.since(step)
    if isinstance(value, FrozenMapping) and any(isinstance(one, Scheduled) for one in value.values()):
        return FrozenMapping({key: since(one, step) for key, one in value.items()})
    return value


def largest(value: Any, step: int) -> float:
    """The largest that a number or a ramp will be, or what another schedule is at this step."""
    if isinstance(value, Ramp):
        return max(value.start, value.stop)
    return float(np.max(value.at(np.array([step])))) if isinstance(value, Scheduled) else float(value)


def plain(value: Any) -> Any:
    """A number as it is."""
    return float(value) if isinstance(value, int) else value


@dataclass(frozen=True)
class Follower:
    """A number of a run that follows a schedule.

    Attributes:
        name: for messages.
        schedule: where `now` has become a step.
        bounds: of its values, as `number` takes them.
    """

    name: str
    schedule: Scheduled
    bounds: Mapping[str, float]

    def values(self, steps: Steps) -> Values:
        """At these steps, (n,); InputError if one is no number, or out of bounds."""
        try:
            found = np.broadcast_to(np.asarray(self.schedule.at(steps), float), steps.shape)
        except (TypeError, ValueError) as error:
            what = f"for {len(steps)} steps, an array of integers ({len(steps)},), it must give as many numbers, or one"
            raise InputError(f"{self.name}: {self.schedule!r}: {what}: {error}") from error
        finite = np.isfinite(found)
        for index in {int(np.argmin(finite)), int(np.argmin(found)), int(np.argmax(found))}:
            number(f"{self.name}: {self.schedule!r} at step {steps[index]}", float(found[index]), **self.bounds)
        return found


@dataclass
class Followers:
    """Those of a run, as they are found: each has a number, from 1 on.

    Attributes:
        step: that is now.
        begins: at which steps the ramps began that say no step, in this order; those beyond begin now.
    """

    step: int = 0
    begins: Sequence[int | None] = ()
    found: list[Follower] = field(default_factory=list)

    def resolved(
        self, name: str, value: Any, resolve: Callable[[Any], float | Values], **bounds: float
    ) -> tuple[float | Values, float | Values | None]:  # fmt: skip
        """A number, or a table of them, as resolve makes it of what was given, with the numbers of now; and the same of
        the numbers of followers, 0 for those that follow nothing, or None if none does."""
        now, followers = self._split(name, value, bounds)
        values = resolve(now)
        if followers is None:
            return values, None
        numbers = resolve(followers)
        if isinstance(values, float) and isinstance(numbers, float):
            return values, numbers
        both = np.broadcast_arrays(values, numbers)
        return both[0].copy(), both[1].copy()

    def _split(self, name: str, value: Any, bounds: Mapping[str, float]) -> tuple[Any, Any]:
        if isinstance(value, Scheduled):
            return self._follow(name, value, bounds)
        if isinstance(value, Mapping) and any(isinstance(one, Scheduled) for one in value.values()):
            pairs = {
                key: self._follow(f"{name} of {key!r}", one, bounds) if isinstance(one, Scheduled) else (one, 0)
                for key, one in value.items()
            }
            return {key: now for key, (now, _) in pairs.items()}, {key: number for key, (_, number) in pairs.items()}
        return value, None

    def _follow(self, name: str, schedule: Scheduled, bounds: Mapping[str, float]) -> tuple[float, int]:
        """Its value now, and its number."""
        known = self.begins[len(self.found)] if len(self.found) < len(self.begins) else None
        follower = Follower(name, schedule.since(self.step if known is None else known), bounds)
        now = follower.values(np.array([self.step]))
        self.found.append(follower)
        return float(now[0]), len(self.found)


# Who of the rows of numbers and tables that a kernel reads, by name, follow the steps

Following = Mapping[str, float | Values]
"""Of a number, or of each in a table, the number of the follower that it is, or 0."""


def followed_rows(numbers: Mapping[str, Any], tables: Mapping[str, Any], following: Following) -> Steps:
    """Which entries of numbers and tables, one after the other, follow which follower, (n, 2); where there are no
    numbers, one stands for them."""
    rows = {**(numbers or {"": 0.0}), **tables}.items()
    which = np.concatenate([np.broadcast_to(following.get(name, 0.0), np.shape(row)).ravel() for name, row in rows])
    places = np.flatnonzero(which)
    return np.column_stack([places, which[places].astype(np.int64) - 1])


@njit(cache=True, nogil=True)
def follow(begin: int, end: int, followed: Steps, numbers: Values, parameters: Values) -> None:
    """Take over the numbers of the moment into parameters (n,); followed: (m, 2) of where to, and which."""
    for k in range(begin, end):
        parameters[followed[k, 0]] = numbers[followed[k, 1]]


def moved(rows: Mapping[str, Any], following: Following, values: Values) -> dict[str, Any]:
    """These rows with the values of all followers."""
    found = dict(rows)
    for name in following.keys() & rows.keys():
        which = np.asarray(following[name]).astype(np.int64)
        row = np.where(which > 0, values[np.maximum(which - 1, 0)], rows[name])
        found[name] = row if np.ndim(row) else float(row)
    return found


def nowhere(following: Following) -> Values:
    """Values of followers that say nothing of any step."""
    return np.zeros(1 + max((int(np.max(which)) for which in following.values()), default=0))
