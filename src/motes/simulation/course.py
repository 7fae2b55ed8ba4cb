"""The way of a simulation through its steps: how a run goes on, whom it shows what, and how it ends.

A run goes from one moment at which someone is to see the particles, or something is to be looked at, to the next; the
engines take all steps between in one call. A step that cannot be done leaves the simulation at the step before it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import Lock, get_ident
from typing import Any

from motes.core.errors import InputError, RunError
from motes.core.interrupts import Interrupt, noted_interrupts
from motes.core.progress import steps_until_shown
from motes.core.state import Quanta
from motes.core.streams import warn
from motes.engine.failing import Failure, StoppedError
from motes.engine.step import Engine
from motes.observers.checkpoint import Checkpoint
from motes.observers.frame import Frame
from motes.observers.roster import Observer, Roster
from motes.simulation.look_ahead import LookAhead
from motes.simulation.parts import Parts
from motes.simulation.rescue import Rescue
from motes.storage.folder import checkpoint_path


class Course:
    """Where a simulation is, with what it goes on, and who watches.

    Args:
        parts: what it is made of.
        step: the first.

    Attributes:
        parts: what it is made of now.
        end: the step at which the run ends.
        changes: how often the particles were changed otherwise than by a step.
        output: seconds that observers took.
        refusal: why there are no forces and energies, if that is so.
        roster: the observers.
        input: the file of this run and its tables, if it has one.
    """

    def __init__(self, parts: Parts, step: int) -> None:
        self.end = step
        self.changes = 0
        self.output = 0.0
        self.refusal: str | None = None
        self.roster = Roster()
        self.input: tuple[Path, dict[str, Any]] | None = None
        self._stopping = False
        self._running = Lock()
        self._runner = 0
        self.take(parts)

    def take(self, parts: Parts) -> None:
        """Be made of these from this step on, of which copies are kept anew."""
        self.parts = parts
        self._look_ahead = LookAhead(parts.engine, parts.followers, self.step)
        self._look_ahead.horizon = max(self.end, self.step)
        self._rescue = Rescue(parts.engine, self._look_ahead)

    @property
    def step(self) -> int:
        """Steps taken: those of the engines, when they are between two stretches."""
        engine = self.parts.engine
        if self._running.locked() and self._runner == get_ident():  # then nobody else takes any
            return engine.here.state.step
        with engine.turn():
            return engine.here.state.step

    @property
    def quanta(self) -> Quanta:
        """The grids of this moment; InputError for particles that no run can follow."""
        self.require_forces()
        return self.parts.engine.here.state.quanta

    def require_forces(self) -> None:
        """Raise an InputError for particles of which there are no forces that a run can follow."""
        if self.refusal is not None:
            raise InputError(self.refusal)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Within the block nobody else moves the particles: no observer of this run, and no other thread."""
        if not self._running.acquire(blocking=False):
            raise InputError(
                f"this simulation is running (at step {self.step}): neither an observer nor another thread can run or "
                "minimize it meanwhile; do so after the run, or with a simulation of its own"
            )
        self._runner = get_ident()
        try:
            yield
        finally:
            self._running.release()

    def between_steps(self) -> None:
        """Raise an InputError in a thread that cannot know whether a step is being taken."""
        if self._running.locked() and self._runner != get_ident():
            raise InputError("another thread runs this simulation: assign to it in an observer, or after the run")

    def set_out(self, steps: int) -> None:
        """Have so many steps before it. Overlaps are refused before a file is written."""
        self.require_forces()
        self.end = self._look_ahead.horizon = self.step + steps

    def stop(self) -> None:
        """End the run that is going on, after the step it is at."""
        if not self._running.locked():
            raise InputError("there is no run to stop: call stop in an observer, or from another thread")
        self._stopping = True

    def run(self, frame: Callable[[], Frame], showing: AbstractContextManager[Callable[[int], None]]) -> None:
        """Take the steps up to the end; frame makes one of each moment, showing tells how many are done."""
        self.roster.start(frame())
        with noted_interrupts() as interrupt, showing as show:
            self._run(frame, interrupt, show)

    def _run(self, frame: Callable[[], Frame], interrupt: Interrupt, show: Callable[[int], None]) -> None:
        begin = self.step
        self._stopping = False
        self._observe(frame)
        if self._stopping:
            self.end = self.step
        chunk, step = 1, self.step
        while step < self.end:
            due = self.roster.next_due(step)
            stop = min(self.end, step + min(chunk, self._look_ahead.longest), self.end if due is None else due)
            self._rescue.keep_now_and_then(step)
            started = time.perf_counter()
            self._advance(stop, frame)
            chunk = steps_until_shown(stop - step, time.perf_counter() - started)
            step = self.step
            self._observe(frame)
            show(step - begin)
            if interrupt.signal is not None and step < self.end:
                break
            if self._stopping:
                self.end = step
        if interrupt.signal is not None:
            name = interrupt.signal.name
            warn(f"stopped by {name} at step {self.step} of {self.end}; {self._how_to_go_on(frame())}")
            interrupt.obey()

    def _observe(self, frame: Callable[[], Frame]) -> None:
        if self.roster.due(self.step):
            begun = time.perf_counter()
            self.roster.show(frame())
            self.output += time.perf_counter() - begun

    def _advance(self, stop: int, frame: Callable[[], Frame]) -> None:
        """To this step; if a step cannot be done, to the one before it, with an error that says why."""
        energy = self.roster.needs_energy(stop)
        self.require_forces()  # an observer may have made particles overlap
        while self.step < stop:
            self._look_ahead.tell(self.step, stop)
            try:
                self.parts.engine.call(Engine.run, stop - self.step, energy)
            except StoppedError as stopped:
                if not stopped.failure.outgrown:
                    report = self._look_into(stopped.failure, energy, stop)
                    raise RunError(f"{report}\n  {self._saved(frame())}") from None
                self._rescue.widen(stopped.failure)

    def _look_into(self, failure: Failure, energy: bool, stop: int) -> str:
        """Why a step cannot be done; from then on the simulation is at the step before it."""
        try:
            return self.parts.reporter.report(self._rescue.repeat(failure, energy, stop))
        finally:
            self._rescue.return_to_before()

    def forget_moments(self) -> None:
        """The particles are changed: what was kept or saved of this step is not of them."""
        self.changes += 1
        self._rescue.forget()
        for observer in self.roster.observers:
            if isinstance(observer, Checkpoint):
                observer.forget()

    def tell_displaced(self) -> None:
        """The particles have been put elsewhere, which observers may want to know."""
        for observer in self.roster.observers:
            if isinstance(observer, Observer):
                observer.displaced()

    def _write_checkpoint(self, frame: Frame) -> Path | None:
        """A checkpoint of this moment, if there is an observer for it."""
        for observer in self.roster.observers:
            if isinstance(observer, Checkpoint):
                observer.write(frame)
                return observer.path
        return None

    def _how_to_go_on(self, frame: Frame) -> str:
        """Write a checkpoint, if there is an observer for it, and say how to go on from there."""
        try:
            where = self._write_checkpoint(frame)
        except (InputError, RunError) as error:  # the program is to end all the same
            return f"nothing was saved: {error}"
        if where is None:
            return "nothing was saved: a motes.Checkpoint among the observers would have done so"
        path = os.path.relpath(where)
        command = f"motes resume {path}" if self.input else f"motes.resume({path!r}, interactions=[...])"
        return f"go on with {command}"

    def _saved(self, frame: Frame) -> str:
        """Save the state before a step that failed, if there is an observer for it, and say where it is."""
        try:
            where = self._write_checkpoint(frame)
        except (InputError, RunError) as error:  # the report of the failure is worth more than this
            return f"the state before that step could not be saved: {error}"
        if where is None:
            return f"the simulation is at step {self.step}, before that step; it can be looked at, or saved"
        return f"the state before that step is in {os.path.relpath(checkpoint_path(where, self.step))}"
