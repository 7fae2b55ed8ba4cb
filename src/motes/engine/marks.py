"""What an engine was before something was changed, so that a change that does not fit leaves no trace.

Rank 0 has all engines mark where they are before it changes anything, and go back there if that fails on any of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from motes.core.state import FROZEN, Array, Floats, Quanta, Timeline
from motes.engine.ahead import Ahead
from motes.engine.commands import go_on
from motes.engine.plan import Needs
from motes.engine.step import Engine
from motes.integrators.motion import Integrator


@dataclass(frozen=True)
class Mark:
    """All of an engine that a change between two steps may change; copies of the columns of its particles."""

    columns: list[Array]
    attributes: tuple[str, ...]
    quanta: Quanta
    energy_quantum: float
    needs: Needs
    integrator: Integrator
    remembered: dict[str, float]
    timeline: Timeline
    numbers: Floats
    ahead: Ahead
    freedom: int
    fastest: float


def mark(engine: Engine) -> None:
    """Note what is here now."""
    state = engine.state
    engine.mark = Mark(
        state.copies(), tuple(state.attributes), state.quanta, engine.energy_quantum, engine.needs, engine.integrator,
        state.remembered, state.timeline, state.numbers, engine.ahead, engine.world.freedom, state.fastest,
    )  # fmt: skip


def forget_mark(engine: Engine) -> None:
    """All is well."""
    engine.mark = None


def return_to_mark(engine: Engine) -> None:
    """Be as it was noted, to the bit; only the timings begin anew."""
    state, before = engine.state, engine.mark
    assert isinstance(before, Mark)  # rank 0 had it noted  # noqa: S101
    engine.attempts.forget()
    state.attributes = {name: state.attributes[name] for name in before.attributes}
    if FROZEN not in state.attributes:
        state.forget_frozen()
    state.restore(before.columns)
    state.quanta, engine.energy_quantum, engine.needs = before.quanta, before.energy_quantum, before.needs
    engine.integrator, state.timeline, state.fastest = before.integrator, before.timeline, before.fastest
    state.numbers, engine.ahead, engine.world.freedom = before.numbers, before.ahead, before.freedom
    state.remember(before.remembered)
    engine.domain.recount()
    go_on(engine)
