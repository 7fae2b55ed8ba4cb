"""What a checkpoint keeps of the code of a run: how particles move, and how to know again what they feel.

Functions are code, so they are not kept: whoever goes on gives them again, and they must mean the same. What is
compared is the formula, with all numbers in it, so a function may move or be written in another way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from itertools import zip_longest
from typing import Any

from motes.core.errors import InputError
from motes.core.schedules import Follower, Ramp, Schedule
from motes.core.words import shortened
from motes.engine.starts import Summary
from motes.forces import BoundInteraction, Interaction
from motes.integrators import KINDS, Integrator
from motes.integrators.flow import BoundFlow
from motes.storage.manifest import FollowerRecord, InteractionRecord

LONGEST_SHOWN = 200
"""Letters of an interaction that a message may hold twice."""

_BY_NAME = {kind.__name__: kind for kind in KINDS.values()}


@cache
def own_version() -> str:
    """The version of this Motes."""
    return version("motes")


def records_of(interactions: Sequence[Interaction], bound: Sequence[BoundInteraction]) -> tuple[InteractionRecord, ...]:
    """What is kept of interactions, as they were bound: a function may read something that has changed since."""
    return tuple(
        _record(one.name, *one.record()).model_copy(update={"shown": shortened(repr(given), LONGEST_SHOWN)})
        for given, one in zip(interactions, bound, strict=True)
    )


def record_of_integrator(integrator: Integrator, summary: Summary) -> dict[str, Any]:
    """What is kept of an integrator: its parameters, or how to know again that which has a function."""
    bound = integrator.bind(summary.names)
    if isinstance(bound, BoundFlow):
        kernel = bound.kernel
        numbers = kernel.numbers.tolist(), kernel.tables.tolist(), kernel.attributes
        record = _record(bound.name, kernel.key, numbers, bound.dt)
        return {"kind": "Flow", "name": record.name, "key": record.key}
    kind = type(integrator).__name__
    parameters = {name: _plain(value) for name, value in vars(integrator).items()}
    if _BY_NAME.get(kind) is not type(integrator):  # the user's own may hold anything; what JSON knows can be compared
        parameters = {name: value for name, value in parameters.items() if isinstance(value, _PLAIN)}
    return {"kind": kind, **parameters}


def integrator_from(record: Mapping[str, Any]) -> Integrator:
    """The integrator that was kept."""
    kind = record.get("kind")
    parameters = {name: _parameter(value) for name, value in record.items() if name != "kind"}
    if kind not in _BY_NAME:
        raise InputError(f"the checkpoint is of a run with {record.get('name', kind)}: give integrator=... again")
    try:
        return _BY_NAME[kind](**parameters)
    except InputError as error:
        raise InputError(f"the checkpoint's {kind} has other parameters than this Motes knows: {error}") from error


def check_integrator(kept: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Raise an InputError if another integrator was given."""
    if kept != given:
        raise InputError(
            f"the integrator is not that of the checkpoint: that was {_shown(kept)}, and this is {_shown(given)}"
        )


def check_followers(kept: Sequence[FollowerRecord], given: Sequence[Follower], step: int) -> None:
    """Raise an InputError unless as many numbers follow the same schedules."""
    now = [FollowerRecord.of(one, step) for one in given]
    for one, other in zip_longest(kept, now):
        if one is None or other is None or one.model_copy(update={"name": other.name}) != other:
            was, found = ("no schedule" if record is None else _followed(record) for record in (one, other))
            name = next(record.name for record in (one, other) if record is not None)
            raise InputError(f"{name}: in the checkpoint, at step {step}, it has {was}, and now it is given {found}")


def _followed(record: FollowerRecord) -> str:
    kind, *parts = record.schedule
    return f"a {kind}{tuple(parts) if parts else ''} that gives {record.value!r} there"


def check_interactions(kept: Sequence[InteractionRecord], given: Sequence[InteractionRecord]) -> None:
    """Raise an InputError unless the same interactions were given, in the same order."""
    if len(kept) != len(given):
        names = ", ".join(one.name for one in kept) or "none"
        raise InputError(
            f"{len(given)} interactions are given and the checkpoint has {len(kept)} ({names}): give the same again"
        )
    for number, (one, other) in enumerate(zip(kept, given, strict=True), 1):
        if one.key != other.key:
            alike = one.shown == other.shown
            what = f"that was {one.shown}, and this is {other.shown}"
            what = "its formula differs" if alike else f"formula or numbers differ (names do not count): {what}"
            raise InputError(f"interaction {number}, {other.name}, is not that of the checkpoint, {one.name}: {what}")


_PLAIN = (bool, int, float, str, type(None))


def _plain(value: Any) -> Any:
    """A table by type as a list, since the names in JSON are text alone, and those of types need not be; a schedule as
    a table of its own."""
    if isinstance(value, Ramp):
        return {"ramp": [value.start, value.stop], "steps": value.steps, "begin": value.begin}
    if isinstance(value, Schedule):
        return {"schedule": repr(value)}
    return sorted([label, _plain(one)] for label, one in value.items()) if isinstance(value, Mapping) else value


def _parameter(value: Any) -> Any:
    """What was given for a parameter of an integrator, from what was kept."""
    if isinstance(value, list):
        return {label: _parameter(one) for label, one in value}
    if isinstance(value, dict) and "ramp" in value:
        start, stop = value["ramp"]
        return Ramp(start, stop, value["steps"], value["begin"])
    if isinstance(value, dict):
        raise InputError(f"the checkpoint is of a run with {value.get('schedule')}: give integrator=... again")
    return value


def _record(name: str, *parts: Any) -> InteractionRecord:
    return InteractionRecord(name=name, key=hashlib.sha256(repr(parts).encode()).hexdigest())


def _shown(record: Mapping[str, Any]) -> str:
    parameters = ", ".join(f"{name}={value}" for name, value in record.items() if name not in ("kind", "key"))
    return f"{record['kind']}({parameters})"
