"""Back to the step before the one that failed.

A run repeats to the bit. So no step needs to be undone: now and then a copy of the state is kept in memory, and when a
step fails, the run is repeated from there up to the step before. The copies are so rare that they cost next to nothing;
their price is the memory of one, and that the repetition may take as long as the time since the last one.
"""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter

from motes.core.errors import RunError
from motes.engine import commands
from motes.engine.failing import Failure, StoppedError
from motes.engine.step import Engine
from motes.ranks.conductor import EngineOfAll
from motes.simulation.look_ahead import LookAhead

RARELY = 500.0
"""A copy is kept when this many times as long has passed as the last one took."""


class Rescue:
    """Keeps copies of a simulation's state, and goes back to them."""

    def __init__(self, engine: EngineOfAll, look_ahead: LookAhead) -> None:
        self._engine = engine
        self._look_ahead = look_ahead
        self._kept = 0  # the step of which there is a copy
        self._next = 0.0
        self._widened: Failure | None = None

    def keep_now_and_then(self, step: int) -> None:
        """Keep a copy of this step, if it is time."""
        begun = perf_counter()
        if begun >= self._next:
            self._keep(step)
            done = perf_counter()
            self._next = done + RARELY * (done - begun)

    def _keep(self, step: int) -> None:
        self._engine.call(commands.keep)
        self._kept = step

    def forget(self) -> None:
        """What was kept does not lead here: someone has changed the particles."""
        self._next = 0.0
        self._widened = None

    def repeat(self, failure: Failure, energy: bool, last: int) -> Failure:
        """Come to the step before the failing one, keep that, and let the next step fail stage by stage.

        Args:
            failure: what happened.
            energy: whether energies were asked for at the last step of the run that failed.
            last: that step.
        """
        step = self._before(failure) + 1
        self._keep(step - 1)
        self._look_ahead.tell(step - 1, step)
        try:
            self._engine.call(commands.step_carefully, energy and step == last)
        except StoppedError as again:
            return again.failure
        raise RunError(
            f"step {step} failed, and did not when it was repeated: this is a fault of Motes; please report it"
        )

    def widen(self, failure: Failure) -> None:
        """Come to the step before the failing one, with a grid for the number that had outgrown its own."""
        if replace(failure, moment=0) == self._widened:
            raise RunError(
                f"step {failure.step}: a particle {failure.cause}, also with a coarser one: this is a fault of Motes; "
                "please report it"
            )
        self._widened = replace(failure, moment=0)
        step = self._before(failure)
        self._engine.call(commands.widen, failure.outgrown, failure.size)
        self._keep(step)

    def _before(self, failure: Failure) -> int:
        """Come to the step before the failing one; return which that is."""
        step, begin = failure.step, self._go_back()
        while begin < step - 1:
            last = min(step - 1, begin + self._look_ahead.longest)
            try:
                self._look_ahead.tell(begin, last)
                self._engine.call(Engine.run, last - begin, False)
                begin = last
            except StoppedError as earlier:  # of particles that never meet, another one is lost even before
                step, begin = earlier.failure.step, self._go_back()
        return step - 1

    def _go_back(self) -> int:
        self._look_ahead.tell(self._kept, self._kept)
        return self._engine.call(commands.go_back)

    def return_to_before(self) -> None:
        """To the step before the failing one, from which the run may go on in another way."""
        self._widened = None
        self._look_ahead.tell(self._kept, self._kept)
        self._engine.call(commands.give_up)
