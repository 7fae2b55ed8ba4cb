"""What an engine does to part particles that overlap: forces of any size, and steps downhill.

Commands that rank 0 gives to all engines. They do it at the same time and take the same decisions. The velocities are
those of the descent from its begin to its end.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from motes.decomposition.domain import TOO_FAR
from motes.engine.commands import measure_forces
from motes.engine.failing import Failure, StoppedError
from motes.engine.step import Engine
from motes.exact.quanta import FORCES
from motes.integrators.fire import Descent
from motes.neighbors.list import BUILD, PRUNE


def begin_descent(engine: Engine, length: float) -> None:
    """Make ready to go downhill, with steps of at most this length."""
    state = engine.state
    engine.take(replace(state.quanta, position=tuple(state.box.far_spacing.tolist())))  # particles may go far
    engine.rebuild()
    engine.descent = Descent(length, engine.link.maximum, engine.link.sum)
    engine.descent.begin(state)
    _fit_forces(engine, engine.descent)


def descend(engine: Engine, steps: int, tolerance: float) -> tuple[int, float]:
    """Up to so many steps; how many it took to have no larger force than tolerance, and the largest left."""
    descent = engine.descent
    assert descent is not None  # begin_descent comes first  # noqa: S101
    taken = 0
    largest = descent.largest_force(engine.state, engine.team)
    while taken < steps and largest > tolerance:
        descent.move(engine.state, engine.team)
        _follow(engine)
        _compute_forces(engine, descent)
        largest = descent.largest_force(engine.state, engine.team)
        taken += 1
    return taken, largest


def end_descent(engine: Engine) -> None:
    """The velocities of the run return."""
    if engine.descent is not None:
        engine.descent.end(engine.state)
        engine.descent = None


def _follow(engine: Engine) -> None:
    state, neighbors = engine.state, engine.neighbors
    lower, upper = state.box.limits
    x = state.positions[:, : state.owned]
    beyond = state.box.opened.any() and ((x < lower[:, None]) | (x > upper[:, None])).any()
    if engine.link.most(int(beyond)):
        raise StoppedError(Failure(0, state.step, np.inf, -1, TOO_FAR, []))
    wish = engine.link.most(neighbors.wish(state))
    if wish == BUILD:
        engine.rebuild()
    else:
        engine.domain.refresh(state)
        neighbors.follow(state)
        if wish == PRUNE:
            neighbors.prune(state, engine.slots.runs)


def _compute_forces(engine: Engine, descent: Descent) -> None:
    """The forces of where the last step led, or of where it began if there are none."""
    while True:
        try:
            _fit_forces(engine, descent)
        except StoppedError:
            shorter = descent.take_back(engine.state, engine.team)
            engine.rebuild()  # it may be the list that could not be followed
            if not shorter:
                raise
        else:
            return


def _fit_forces(engine: Engine, descent: Descent) -> None:
    """What every particle feels, on a grid that fits the largest force, however large it is."""
    state = engine.state
    quantum = 0.0
    while quantum != state.quanta.force:
        quantum = state.quanta.force
        descent.strongest = max(measure_forces(engine)[:2])
        state.quanta = replace(state.quanta, force=FORCES.follow(quantum, descent.strongest, look=True))
    engine.domain.fold(state)
    state.forces[:, : state.owned][:, np.isinf(state.inertia[: state.owned])] = 0  # frozen particles stay
