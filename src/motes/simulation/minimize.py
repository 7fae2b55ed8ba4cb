"""Particles to where they no longer push each other: what rank 0 asks its engines for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from motes.core.interrupts import Interrupt, noted_interrupts
from motes.core.progress import progress_bar, steps_until_shown
from motes.engine.downhill import begin_descent, descend, end_descent
from motes.ranks.conductor import EngineOfAll

STRIDE = 0.1
"""How far a particle may move in a step, against the cutoff, or the distance of neighbours if that is shorter."""

INTERRUPTED = "a minimization was interrupted, so the particles are on their way; call simulation.minimize again"


@dataclass(frozen=True)
class Minimized:
    """How a minimization ended.

    largest_force is the largest component of the force on any particle, but for those that press one onto a reflecting
    wall. potential_energy is infinite if particles still overlap too much for a run.
    """

    converged: bool
    steps: int
    largest_force: float
    potential_energy: float


def minimize(engine: EngineOfAll, length: float, tolerance: float, steps: int) -> tuple[int, float]:
    """Move particles downhill, on a terminal with a bar; the steps it took, and the largest force that is left.

    Args:
        engine: that of the simulation; its quanta must be chosen anew afterwards.
        length: the cutoff, or the distance of neighbours if that is shorter.
        tolerance: no component of a force may be larger.
        steps: at most.
    """
    with noted_interrupts() as interrupt, progress_bar(steps) as show:
        try:
            engine.call(begin_descent, STRIDE * length)
            done = _descend(engine, tolerance, steps, show, interrupt)
        finally:
            engine.call(end_descent)
    interrupt.obey()
    return done


def _descend(
    engine: EngineOfAll, tolerance: float, steps: int, progress: Callable[[int], None], interrupt: Interrupt
) -> tuple[int, float]:
    """In stretches that take a moment each. Where they end changes nothing."""
    done, stretch = 0, 1
    while True:
        started = time.perf_counter()
        taken, largest = engine.call(descend, min(stretch, steps - done), tolerance)
        done += taken
        progress(done)
        if largest <= tolerance or done == steps or interrupt.signal is not None:
            return done, largest
        stretch = steps_until_shown(taken, time.perf_counter() - started)
