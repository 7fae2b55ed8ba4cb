"""What users hold: it checks what was asked for, sets an engine up, runs it, and answers questions about the state."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from threading import Lock, get_ident
from typing import Any, Never

import numpy as np
from numpy.typing import ArrayLike

from motes.core.checks import file_path, number, whole_number
from motes.core.cores import warn_of_more
from motes.core.errors import InputError, MotesWarning, RunError
from motes.core.frozen import check_assignable
from motes.core.interrupts import Interrupt, noted_interrupts
from motes.core.progress import compiling, progress_bar, run_watcher, steps_until_shown
from motes.core.schedules import Follower, Followers
from motes.core.state import Array, Floats, Integers, State, Timeline
from motes.core.streams import warn
from motes.core.threads import Team
from motes.core.tuples import Topology, labels_of, special_pairs
from motes.core.words import known_keywords
from motes.decomposition.grid import check_images
from motes.engine import commands, queries
from motes.engine.failing import Failure, StoppedError
from motes.engine.plan import Extremes, Plan
from motes.engine.starts import Saved, Start, Summary, start_of
from motes.engine.step import Engine
from motes.forces import Interaction, plans_of
from motes.forces.clusters import NOT_FINITE
from motes.integrators import Integrator
from motes.neighbors.inner import MOST_PRUNED
from motes.observers.checkpoint import Checkpoint
from motes.observers.frame import Frame
from motes.observers.roster import Handle, Observer, Roster
from motes.particles.particles import Particles
from motes.ranks.conductor import Ranks, check_travels, ranks_of
from motes.simulation.admission import (
    ASKED,
    FIRST_MOVE,
    BoundLaws,
    check_crowd,
    check_plans,
    check_special,
    check_speed,
    check_types,
    chosen_skin,
    first_moment,
    overlap,
    warn_of_bath,
    warn_of_faint,
    warn_of_jumps,
    warn_of_slow,
    warn_of_twins,
    warn_of_unused_topology,
)
from motes.simulation.assignment import Attributes, checked_columns, thermal, without_drift
from motes.simulation.forensics import Reporter
from motes.simulation.look_ahead import LookAhead, values_at
from motes.simulation.minimize import INTERRUPTED, Minimized, minimize
from motes.simulation.noise_trail import noise_of
from motes.simulation.population import added, checked_ids, without
from motes.simulation.readings import Parts, Readings, degrees_of_freedom
from motes.simulation.records import own_version, record_of_integrator, records_of
from motes.simulation.rescue import Rescue
from motes.storage.columns import ColumnFile, file_name, write_tuples
from motes.storage.folder import checkpoint_path, new_checkpoint
from motes.storage.manifest import (
    BoxRecord,
    FollowerRecord,
    InputRecord,
    InteractionRecord,
    Manifest,
    TuplesRecord,
    write_manifest,
)

ASSIGNABLE = (
    "what can be assigned are integrator, interactions, positions, velocities, mass and attributes[name], each as a "
    "whole"
)
MOST_STEPS = 2**47
"""Noise counts 2**48 steps: a run that begins here or before has more left than anyone can take."""

THE_INTEGRATORS = (
    "it is that of the integrator, or of the velocities: go on with another one, simulation.integrator = ..., or "
    "assign velocities"
)


class Simulation(Readings):
    """Particles, how they move, and what they feel.

    Args:
        particles: where they start; they are copied.
        integrator: for example VelocityVerlet(dt=0.005).
        interactions: Pair, PairForce, Embedded, Bond, Angle and Field objects; none means free particles.
        threads: how many; None takes all cores.
        skin: width beyond the cutoff up to which neighbours are listed; it changes the speed, never a result.
        first_step: where steps, time (in steps of dt) and noise begin to count, to go on with what an earlier
            simulation ended with: noise is a function of seed, step and particle. Without it a snapshot goes on where
            it was taken; so do, with a warning, arrays to which the same noise has led before. All else begins at 0.
        communicator: None takes all ranks that were started; MPI.COMM_SELF of mpi4py, this one alone.

    Raises:
        InputError: for anything that cannot be run, before a step is taken.
    """

    @known_keywords
    def __init__(
        self,
        particles: Particles,
        integrator: Integrator,
        interactions: Sequence[Interaction] = (),
        threads: int | None = None,
        skin: float | None = None,
        first_step: int | None = None,
        communicator: Any = None,
    ) -> None:
        if not isinstance(particles, Particles):
            raise InputError(f"the first argument is {type(particles).__name__}; it must be motes.Particles")
        check_types(integrator, interactions)
        if first_step is None:
            step, begun = first_moment(particles, integrator, interactions)
        else:
            step = whole_number("first_step", first_step, minimum=0, maximum=MOST_STEPS)
            begun = step * integrator.dt
        integrator = integrator.since(step)
        timeline, start, ranks = Timeline(integrator.dt, step, begun), start_of(particles), ranks_of(communicator)
        self._communicator = communicator
        warn_of_unused_topology(particles.topology, interactions, integrator)
        with compiling(integrator, interactions):
            self._set_up(
                Summary.of(particles), integrator, interactions, threads, skin, start, step, timeline, {}, ranks
            )
            warn_of_twins(interactions, self._reporter.interactions)
            warn_of_jumps(self._reporter.interactions, self.box, self._reporter.summary.attributes)
            self._begin()

    @classmethod
    def going_on(
        cls, saved: Saved | State, summary: Summary, integrator: Integrator, interactions: Sequence[Interaction],
        threads: int | None, skin: float | None, communicator: Any = None, bound: BoundLaws | None = None,
        begins: Sequence[int | None] = (),
    ) -> Simulation:  # fmt: skip
        """From where another one is, or was stopped; `copy` and `motes.resume` are the ways to call it."""
        simulation = cls.__new__(cls)
        check_types(integrator, interactions)
        simulation._communicator, ranks = communicator, ranks_of(communicator)
        step = saved.step
        with compiling(integrator, interactions):
            simulation._set_up(
                summary, integrator.since(step), interactions, threads, skin, saved, step, saved.timeline,
                saved.remembered, ranks, bound, begins,
            )  # fmt: skip
            simulation._call(commands.go_on)
        return simulation

    def __setattr__(self, name: str, value: Any) -> None:
        check_assignable(self, name, THE_INTEGRATORS if hasattr(vars(self).get("_integrator"), name) else ASSIGNABLE)
        super().__setattr__(name, value)

    def _set_up(
        self, summary: Summary, integrator: Integrator, interactions: Sequence[Interaction], threads: int | None,
        skin: float | None, start: Start, step: int, timeline: Timeline, memory: dict[str, float], ranks: Ranks,
        bound: BoundLaws | None = None, begins: Sequence[int | None] = (),
    ) -> None:  # fmt: skip
        """All that a new simulation has."""
        parts = self._build(
            summary, integrator, interactions, threads, skin, start, step, timeline, memory, ranks, bound, begins
        )
        super().__init__(parts, ranks.size, step)
        self._skin_given = skin
        self._foresee(parts.followers, step)
        self._roster = Roster()
        self._stopping = False
        self._running = Lock()
        self._input: tuple[Path, dict[str, Any]] | None = None

    def _foresee(self, followers: Sequence[Follower], step: int) -> None:
        """Tell the engines from this step on what follows, and begin anew to keep copies."""
        self._look_ahead = LookAhead(self._engine, followers, step)
        self._look_ahead.horizon = max(self._end, step)
        self._rescue = Rescue(self._engine, self._look_ahead)

    @staticmethod
    def _build(
        summary: Summary, integrator: Integrator, interactions: Sequence[Interaction], threads: int | None,
        skin: float | None, start: Start, step: int, timeline: Timeline, memory: dict[str, float], ranks: Ranks,
        bound: BoundLaws | None = None, begins: Sequence[int | None] = (), before: BoundLaws | None = None,
    ) -> Parts:  # fmt: skip
        """Resolve all names, compile, and hand the particles to their owners."""
        bound = bound or BoundLaws.of(interactions, replace(summary.names, followers=Followers(step, begins)), before)
        names = bound.names(summary, step)
        laws = plans_of(bound.interactions, names)
        velocities = any(one.needs_velocities for one in interactions)
        check_plans(laws, velocities)
        cutoff = max((one.cutoff for one in laws), default=0.0)
        threads = Team(threads, ranks.cores).threads
        may_prune = summary.count <= MOST_PRUNED * ranks.size
        width = chosen_skin(skin, cutoff, summary.box, summary.count / (ranks.size * threads), may_prune)
        check_images(summary.box, cutoff + width if cutoff else 0.0, summary.count)
        check_crowd(summary.box, cutoff + width if cutoff else 0.0, summary.count)
        bonds = summary.topology["bonds"].members
        specials = None
        if any(law.special for law in laws):
            check_special(summary.box, cutoff)
            specials = special_pairs(bonds)
        if threads > ranks.cores:
            warn_of_more(f"{threads} threads of a rank", ranks.cores, "fewer threads are faster")
        plan = Plan(
            summary.box, integrator.bind(names), laws, specials, velocities, width, may_prune, threads,
            step, timeline, memory, degrees_of_freedom(summary, integrator, interactions),
            values_at(names.followers.found, step, step)[0],
        )  # fmt: skip
        engine, known = ranks.build(plan, start), summary.brief()
        reporter = Reporter(engine, known, bound.interactions)
        return Parts(known, integrator, tuple(interactions), plan, engine, reporter, bound, names.followers.found)

    def _begin(self, anew: bool = True) -> None:
        """The first forces, with quanta chosen anew, or as they are if they still fit.

        Overlaps are refused only when someone needs the forces.
        """
        try:
            extremes = self._engine.call(commands.begin, anew, FIRST_MOVE * self._length)
        except StoppedError as stopped:
            raise InputError(self._unfit(stopped.failure)) from None
        check_speed(extremes.speed, self._integrator, self._plan.stride)
        downhill = all(one.has_energy for one in self._interactions)
        self._refusal = overlap(extremes, self._integrator.dt, self._plan.cutoff, self._length, downhill)
        if self._refusal is None:  # else forces are far larger than those of a run
            self._warn_of_lost(extremes)
            self._warn_of_bath()

    def _warn_of_bath(self) -> None:
        if self._integrator.coupled:
            conserved = self.degrees_of_freedom < self.box.dimensions * self._summary.count
            warn_of_bath(self._integrator, *self._engine.ask(queries.drift), conserved)

    def _warn_of_lost(self, extremes: Extremes) -> None:
        """Say what the grids cannot tell beside what is far larger."""
        warn_of_slow(extremes, self._quanta.velocity)
        if self._interactions:
            ids = self._engine.ask(queries.faint, ASKED).tolist()
            warn_of_faint(self._reporter.strongest_on(ids), extremes, self._quanta.force)

    @property
    def _length(self) -> float:
        """The cutoff, or without one the mean distance of particles."""
        return self._plan.cutoff or float(self._summary.density ** (-1 / self.box.dimensions))

    def _unfit(self, failure: Failure) -> str:
        """What to say of particles that cannot begin."""
        if failure.cause != NOT_FINITE:
            return self._reporter.complaint(failure)
        return (
            f"a force or an energy at the start is not finite{self._blamed(failure)}; "
            "particles need positions of their own, and the function must be finite at that distance"
        )

    def _blamed(self, failure: Failure) -> str:
        """The pair of particles with the largest force, as the ending of a message."""
        if not failure.pairs:
            return ""
        return f": {self._reporter.describe_pair(self._reporter.worst_pair(failure.pairs))}"

    def minimize(self, force_tolerance: float, max_steps: int = 10_000) -> Minimized:
        """Move the particles downhill until no component of a force is above force_tolerance, by FIRE (see fire.py).

        Velocities, step and time stay, and observers see nothing of it. What presses a particle onto a reflecting wall
        does not count. Not to come that far in max_steps is no error. The timings begin anew.
        """
        tolerance = number("force_tolerance", force_tolerance, above=0.0)
        steps = whole_number("max_steps", max_steps, minimum=0)
        if not self._interactions:
            raise InputError("without interactions there is nothing to minimize")
        for one in self._interactions:
            if not one.has_energy:
                raise InputError(f"{one!r} has no energy, so there is no way downhill: minimize without it, and go on")
        with self._alone():
            return self._minimize(tolerance, steps)

    def _minimize(self, tolerance: float, steps: int) -> Minimized:
        self._forget_moments()
        self._tell_displaced()
        self._begin()
        self._refusal = INTERRUPTED
        length = min(self._length, self._summary.density ** (-1 / self.box.dimensions))
        try:
            taken, largest = minimize(self._engine, length, tolerance, steps)
        except StoppedError as stopped:
            failure = stopped.failure
            raise RunError(f"on the way downhill a particle {failure.cause}{self._blamed(failure)}") from None
        self._begin()
        energy = self.potential_energy if self._refusal is None else math.inf
        return Minimized(largest <= tolerance, taken, largest, energy)

    # Running

    @known_keywords
    def run(self, steps: int, progress: Callable[[int], None] | None = None) -> None:
        """Take steps. On a terminal a bar shows how far it is; progress, if given, is called with the steps done."""
        steps = whole_number("steps", steps, minimum=0, maximum=MOST_STEPS)
        if progress is not None and not callable(progress):
            raise InputError(f"progress: expected a function of the number of steps done, got {progress!r}")
        showing = progress_bar(steps) if progress is None else nullcontext(progress)
        with self._alone():
            _ = self._quanta  # overlaps are refused before a file is written
            self._end = self._look_ahead.horizon = self.step + steps
            try:
                with run_watcher.get()(self, steps), compiling(self._integrator, self._interactions):
                    self._roster.start(Frame(self))
                    with noted_interrupts() as interrupt, showing as show:
                        self._run(interrupt, show)
            finally:
                self._roster.finish()

    @contextmanager
    def _alone(self) -> Iterator[None]:
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

    def _between_steps(self) -> None:
        """Raise an InputError in a thread that cannot know whether a step is being taken."""
        if self._running.locked() and self._runner != get_ident():
            raise InputError("another thread runs this simulation: assign to it in an observer, or after the run")

    def made_from(self, path: Path, tables: dict[str, Any]) -> None:
        """Note the input file of this run in its checkpoints, so that `motes resume` needs nothing else."""
        self._input = path.absolute(), tables

    def _run(self, interrupt: Interrupt, progress: Callable[[int], None]) -> None:
        begin = self.step
        self._stopping = False
        self._observe()
        if self._stopping:
            self._end = self.step
        chunk = 1
        while self.step < self._end:
            due = self._roster.next_due(self.step)
            stop = min(self._end, self.step + min(chunk, self._look_ahead.longest), self._end if due is None else due)
            self._rescue.keep_now_and_then(self.step)
            started, before = time.perf_counter(), self.step
            self._advance(stop)
            chunk = steps_until_shown(stop - before, time.perf_counter() - started)
            self._observe()
            progress(self.step - begin)
            if interrupt.signal is not None and self.step < self._end:
                break
            if self._stopping:
                self._end = self.step
        if interrupt.signal is not None:
            self._stop(interrupt)

    def _advance(self, stop: int) -> None:
        """To this step; if a step cannot be done, to the one before it, with an error that says why."""
        energy = self._roster.needs_energy(stop)
        _ = self._quanta  # an observer may have made particles overlap
        while self._step < stop:
            self._look_ahead.tell(self._step, stop)
            try:
                self._engine.call(Engine.run, stop - self.step, energy)
                self._step = stop
            except StoppedError as stopped:
                if not stopped.failure.outgrown:
                    raise self._lost(stopped.failure, energy, stop) from None
                self._step = self._rescue.widen(stopped.failure)

    def _lost(self, failure: Failure, energy: bool, stop: int) -> RunError:
        """The error of a step that cannot be done, with the simulation at the step before it."""
        try:
            report = self._reporter.report(self._rescue.repeat(failure, energy, stop))
        finally:
            self._step = self._rescue.return_to_before()
        return RunError(f"{report}\n  {self._saved()}")

    def _stop(self, interrupt: Interrupt) -> None:
        """End the run as a signal asks for."""
        name = interrupt.signal.name if interrupt.signal else ""
        warn(f"stopped by {name} at step {self.step} of {self._end}; {self._how_to_go_on()}")
        interrupt.obey()

    def _write_checkpoint(self) -> Path | None:
        """A checkpoint of this moment, if there is an observer for it."""
        for observer in self._roster.observers:
            if isinstance(observer, Checkpoint):
                observer.write(Frame(self))
                return observer.path
        return None

    def _forget_moments(self) -> None:
        """The particles are changed: what was kept or saved of this step is not of them."""
        self._changes += 1
        self._rescue.forget()
        for observer in self._roster.observers:
            if isinstance(observer, Checkpoint):
                observer.forget()

    def _tell_displaced(self) -> None:
        for observer in self._roster.observers:
            if isinstance(observer, Observer):
                observer.displaced()

    def _how_to_go_on(self) -> str:
        """Write a checkpoint, if there is an observer for it, and say how to go on from there."""
        try:
            where = self._write_checkpoint()
        except (InputError, RunError) as error:  # the program is to end all the same
            return f"nothing was saved: {error}"
        if where is None:
            return "nothing was saved: a motes.Checkpoint among the observers would have done so"
        path = os.path.relpath(where)
        command = f"motes resume {path}" if self._input else f"motes.resume({path!r}, interactions=[...])"
        return f"go on with {command}"

    def _saved(self) -> str:
        """Save the state before a step that failed, if there is an observer for it, and say where it is."""
        try:
            where = self._write_checkpoint()
        except (InputError, RunError) as error:  # the report of the failure is worth more than this
            return f"the state before that step could not be saved: {error}"
        if where is None:
            return f"the simulation is at step {self.step}, before that step; it can be looked at, or saved"
        return f"the state before that step is in {os.path.relpath(checkpoint_path(where, self.step))}"

    def _observe(self) -> None:
        if self._roster.due(self.step):
            begun = time.perf_counter()
            self._roster.show(Frame(self))
            self._output += time.perf_counter() - begun

    def save(self, path: str | Path) -> Path:
        """Write a checkpoint of this moment into a folder, as path/step-N, and return where it is.

        Raises:
            InputError: for a path where there can be none.
            RunError: if the disk refuses; then there is no part of it, and those before it are as they were.
        """
        folder = file_path("path", path).absolute()
        with new_checkpoint(folder, self.step) as unfinished:
            answers = self._engine.ask(queries.save, unfinished)
            for rank, (wrong, *_) in enumerate(answers):
                if wrong:
                    raise OSError(wrong, f"{os.strerror(wrong)} ({file_name(rank)})")
            topology = {
                kind: TuplesRecord(file=write_tuples(unfinished, kind, tuples), names=tuples.names)
                for kind, tuples in self._summary.topology.items()
                if len(tuples)
            }
            files = tuple(ColumnFile(file_name(rank), *answer[1:]) for rank, answer in enumerate(answers))
            write_manifest(unfinished, self._manifest(folder, files, topology))
        return checkpoint_path(folder, self.step)

    @cached_property
    def _records(self) -> tuple[dict[str, Any], tuple[InteractionRecord, ...]]:
        """How the particles move and what they feel, as checkpoints keep it."""
        return record_of_integrator(self._integrator, self._summary), records_of(
            self._interactions, self._reporter.interactions
        )

    def _manifest(self, folder: Path, files: tuple[ColumnFile, ...], topology: dict[str, TuplesRecord]) -> Manifest:
        summary = self._summary
        return Manifest(
            version=own_version(),
            step=self.step,
            timeline=self._engine.here.state.timeline,
            memory=self._engine.here.state.remembered,
            end=max(self._end, self.step),
            particles=len(self),
            box=BoxRecord.of(summary.box),
            quanta=self._quanta,
            type_names=summary.type_names,
            attributes={name: (float(values[0]), float(values[-1])) for name, values in summary.attributes.items()},
            columns=tuple(self._engine.here.state.column_names),
            topology=topology,
            integrator=self._records[0],
            followers=tuple(FollowerRecord.of(one, self.step) for one in self._look_ahead.followers),
            interactions=self._records[1],
            skin=self._skin_given,
            shown=self._roster.has_shown(self.step),
            observers=self._roster.remember(folder, self.step),
            input=self._input and InputRecord(path=os.path.relpath(self._input[0], folder), tables=self._input[1]),
            files=files,
        )

    def bring_back(self, memory: dict[str, Any], observer: Observer) -> None:
        """Add an observer out of the checkpoint with which this simulation begins; `motes.resume` does so."""
        self._roster.bring_back(memory, observer, self.step)

    def every(self, interval: int, *observers: Callable[[Frame], Any]) -> Handle:
        """Show the observers a frame at every step that is a multiple of interval.

        A frame has what the simulation has by the same names (positions, velocities, images, forces, ids, types, mass,
        attributes, bonds, angles, box, step, time, temperature, pressure, kinetic_energy, potential_energy, virial,
        conserved_energy and others, as dir(frame) lists them), read-only. The total energy is kinetic_energy +
        potential_energy.

        The handle that is returned can be removed. An observer that is given again, as by a cell of a notebook that is
        run again, replaces itself: the same function at the same interval, or one of the same kind and path.
        """
        return self._roster.add(interval, *observers)

    @property
    def observers(self) -> tuple[Handle, ...]:
        """Who is shown the state, in the order in which they were added: a handle for each, which can be removed."""
        return self._roster.handles

    def stop(self) -> None:
        """End the run that is going on, after the step it is at: for an observer, or another thread.

        All observers that are due at this step are shown it; the run then ends as if no more steps had been asked for.
        """
        if not self._running.locked():
            raise InputError("there is no run to stop: call stop in an observer, or from another thread")
        self._stopping = True

    @property
    def integrator(self) -> Integrator:
        """How the particles move. Another one moves them from this step on, on all ranks: all else goes on."""
        return self._integrator

    @integrator.setter
    def integrator(self, integrator: Integrator) -> None:
        self._between_steps()
        check_types(integrator, self._interactions)
        integrator, names = integrator.since(self.step), self._laws.names(self._summary, self.step)
        bound, followers = integrator.bind(names), names.followers.found
        if self._ranks > 1:
            check_travels("integrator", bound)
        state, refusal, now = self._engine.here.state, self._refusal, self._engine.here.state.timeline
        before = self._integrator, self._plan.integrator, state.remembered, now, self._look_ahead.followers
        begins = refusal not in (None, INTERRUPTED)  # perhaps dt was too long for these forces
        kept = self._copies(["velocities"]) if begins else {}
        timeline = now if integrator.dt == now.dt else now.going_on(self.step, integrator.dt)
        self._go_on_with(integrator, bound, {}, timeline, followers)
        try:
            if begins:
                self._engine.call(commands.assign, self.ids, {})  # which keeps the quanta of before
                self._begin(anew=False)
            else:
                self._warn_of_bath()
        except (InputError, MotesWarning):  # a warning, where someone has made it an error
            self._go_on_with(*before)
            if begins:
                self._engine.call(commands.undo_assignment, self.ids, kept)
            self._refusal = refusal
            raise
        self._noises |= noise_of(integrator)

    def _go_on_with(
        self, integrator: Integrator, bound: Integrator, memory: Mapping[str, float], timeline: Timeline,
        followers: Sequence[Follower],
    ) -> None:  # fmt: skip
        """Take this one, what it remembers, how it counts the time, and what follows the steps; if it cannot start
        here, all stays as it is."""
        try:
            freedom = degrees_of_freedom(self._summary, integrator, self._interactions)
            numbers = values_at(followers, self.step, self.step)[0]
            self._engine.call(commands.change_integrator, bound, freedom, memory, timeline, numbers)
        except StoppedError as stopped:
            raise InputError(self._reporter.complaint(stopped.failure)) from None
        self._integrator = integrator
        self._foresee(followers, self.step)
        self._plan = replace(self._plan, integrator=bound)
        self.__dict__.pop("_records", None)
        self._forget_moments()

    @property
    def interactions(self) -> tuple[Interaction, ...]:
        """What the particles feel. Others can be assigned, all of them at once: they act from this step on, on all
        ranks, and all else goes on, also the ramps of those that stay. The timings begin anew."""
        return self._interactions

    @interactions.setter
    def interactions(self, interactions: Sequence[Interaction]) -> None:
        self._between_steps()
        check_types(self._integrator, interactions)
        warn_of_unused_topology(self._summary.topology, interactions, self._integrator)
        self._change(self._summary, tuple(interactions), self._whole_state())
        warn_of_twins(interactions, self._reporter.interactions)
        warn_of_jumps(self._reporter.interactions, self.box, self._summary.attributes)

    def remove(self, ids: ArrayLike) -> None:
        """Go on without the particles of these ids, on all ranks; bonds and angles that they have go with them."""
        self._between_steps()
        gone = checked_ids("remove", ids, self.ids)
        if len(gone) == len(self):
            raise InputError("remove: these are all particles; a simulation has one at least")
        if len(gone) == 0:
            return
        left = without(self._summary.topology, gone)
        summary = replace(self._summary, count=len(self) - len(gone), topology=left)
        if self._same_tuples(left) and self._refusal is None:
            self._remove(summary, gone)
        else:
            state = self._whole_state()
            state.keep(np.flatnonzero(~np.isin(state.ids[: state.owned], gone)))
            self._change(summary, self._interactions, state)

    def add(self, particles: Particles) -> Integers:
        """Go on with more particles, on all ranks; return their ids, which follow those that are here.

        Args:
            particles: in the same box, with the same attributes; of their ids only the order counts. They may have
                bonds and angles among each other, and types that are new here, if interactions know of them.

        Where they overlap with others, `minimize` parts them.
        """
        self._between_steps()
        new, summary = added(particles, self._summary, int(self.ids[-1]))
        numbers: Integers = new.ids.copy()
        alike = summary.type_names == self._summary.type_names and self._same_tuples(summary.topology)
        if len(self._engine.here.state.force_velocities):
            new.force_velocities = np.zeros_like(new.velocities)
        rows = new.take(np.arange(new.owned))
        if alike and self._refusal is None:
            before = self._summary
            self._engine.call(commands.add, rows, self._now_of(summary))
            try:
                self._begin(anew=False)
            except InputError:
                self._remove(before, numbers)
                raise
        else:
            state = self._whole_state()
            state.add(rows)
            self._change(summary, self._interactions, state)
        return numbers

    def thermalize(self, temperature: float, seed: int) -> None:
        """Draw new velocities, with exactly this temperature and no total momentum, as Particles.thermalize does."""
        freedom = self.degrees_of_freedom
        self.velocities = thermal(self.positions, self.box, self.mass, temperature, seed, freedom, self.ids)

    def zero_momentum(self) -> None:
        """Take the velocity of the centre of mass off all velocities."""
        self.velocities = without_drift(self.velocities, self.mass)

    def _same_tuples(self, topology: Topology) -> bool:
        """Whether bonds and angles are those that the engines know."""
        return all(len(topology[kind]) == len(tuples) for kind, tuples in self._summary.topology.items())

    def _whole_state(self) -> State:
        """All particles, on this rank."""
        state = self._engine.here.state.emptied()
        state.add(self._engine.ask(queries.find, self.ids))
        return state

    def _remove(self, summary: Summary, gone: Integers) -> None:
        """Let the engines go on without these, of whom there is nothing else to forget."""
        try:
            self._engine.call(commands.remove, gone, self._now_of(summary))
        except StoppedError as stopped:
            if not stopped.failure.outgrown:
                raise RunError(self._reporter.report(stopped.failure)) from None
            self._begin(anew=False)  # a force of theirs had taken another one away

    def _now_of(self, summary: Summary) -> int:
        """Others are here from now on; return their degrees of freedom."""
        freedom = degrees_of_freedom(summary, self._integrator, self._interactions)
        self._forget_moments()
        self._plan = replace(self._plan, freedom=freedom)
        self._summary = summary
        self._reporter = replace(self._reporter, summary=summary)
        return freedom

    def _change(self, summary: Summary, interactions: tuple[Interaction, ...], state: State) -> None:
        """Go on with other interactions or particles, by other engines; if they do not fit, all stays as it is."""
        here, refusal = self._engine.here.state, self._refusal
        before = Parts(
            self._summary, self._integrator, self._interactions, self._plan, self._engine, self._reporter, self._laws,
            self._look_ahead.followers,
        )  # fmt: skip
        with compiling(self._integrator, interactions):
            parts = self._build(
                summary, self._integrator, interactions, self.threads, self._skin_given, state, self.step,
                here.timeline, here.remembered, ranks_of(self._communicator), before=self._laws,
            )  # fmt: skip
            self._hold(parts)
            self._foresee(parts.followers, self.step)
            try:
                self._begin(anew=False)
            except (InputError, MotesWarning):  # a warning, where someone has made it an error
                self._hold(before)
                self._foresee(before.followers, self.step)
                self._refusal = refusal
                raise
        self.__dict__.pop("_records", None)
        self._forget_moments()

    @property
    def positions(self) -> Floats:
        """Positions, (N, d), wrapped into the box along periodic axes."""
        return self._wrapped()

    @positions.setter
    def positions(self, values: ArrayLike) -> None:
        self._assign("positions", values)

    @property
    def velocities(self) -> Floats:
        """Velocities, (N, d). Values given are rounded to the velocity grid of the run."""
        return self._sorted("velocities")

    @velocities.setter
    def velocities(self, values: ArrayLike) -> None:
        self._assign("velocities", values)

    @property
    def mass(self) -> Floats:
        """Masses, (N,)."""
        return self._sorted("mass")

    @mass.setter
    def mass(self, values: ArrayLike) -> None:
        self._assign("mass", values)

    @property
    def attributes(self) -> Attributes:
        """Per-particle attributes by name, each (N,); to assign one as a whole: simulation.attributes["charge"] = q."""
        return Attributes(tuple(self._summary.attributes), self._sorted, self._assign)

    def _assign(self, name: str, values: ArrayLike) -> None:
        """A whole array, on all ranks; if it does not fit, all stays as it was."""
        self._between_steps()
        ids = self.ids
        columns = checked_columns(name, values, self.box, ids, self.images)
        summary = self._summary
        if name in summary.attributes:
            summary = replace(summary, attributes={**summary.attributes, name: columns[name]})
            for one in self._interactions:
                one.bind(replace(summary.names, followers=Followers(self.step)))  # a rule may not like these values
        refusal = self._refusal
        before = self._copies(columns)
        try:
            self._take_over(ids, columns)
        except (InputError, MotesWarning):  # a warning, where someone has made it an error
            self._engine.call(commands.undo_assignment, ids, before)
            self._refusal = refusal
            raise
        if name == "positions":
            self._tell_displaced()
        elif refusal == INTERRUPTED:
            self._refusal = refusal
        self._summary = summary.brief()
        self._reporter = replace(self._reporter, summary=self._summary)

    def _copies(self, names: Iterable[str]) -> dict[str, Array]:
        """What the particles have in these columns, (..., N) by rising ids, and in those that begin writes over."""
        memory = ["force_velocities"] if len(self._engine.here.state.force_velocities) else []
        return {name: np.ascontiguousarray(self._sorted(name).T) for name in (*names, *memory)}

    def _take_over(self, ids: Integers, columns: dict[str, Array]) -> None:
        """Forces of what is assigned, with the quanta in force, if they still fit."""
        self._forget_moments()
        self._engine.call(commands.assign, ids, columns)
        self._begin(anew=False)

    # Simulations of their own

    def snapshot(self) -> Particles:
        """The particles as they are, to make another simulation of, which goes on from this step and time.

        Its grids are chosen anew, so it goes on to other bits than this one; `copy` and a checkpoint go on to the same.
        """
        types = np.array(self.type_names)[self.types]
        particles = Particles(
            self.positions, self.box, self.velocities, self.mass, types, self.ids, self.images,
            bonds=self.bonds, bond_types=labels_of(self._summary.topology["bonds"]),
            angles=self.angles, angle_types=labels_of(self._summary.topology["angles"]), **self.attributes,
        )  # fmt: skip
        particles.step, particles.time = self.step, self.time
        return particles

    def copy(self) -> Simulation:
        """Another simulation in the same state, to the bit. It has no observers: their files are this one's."""
        _ = self._quanta  # there is no state of particles that overlap
        return Simulation.going_on(
            self._whole_state(), self._summary, self._integrator, self._interactions, self.threads, self._skin_given,
            self._communicator, self._laws,
        )  # fmt: skip

    __copy__ = copy

    def __deepcopy__(self, memo: dict[int, Any]) -> Simulation:
        return self.copy()

    def __reduce__(self) -> Never:
        raise InputError("a simulation cannot be pickled: simulation.save(path) and motes.resume(path) keep one")
