"""What users hold: it checks what was asked for, sets an engine up, runs it, and answers questions about the state."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Never

import numpy as np
from numpy.typing import ArrayLike

from motes.core.box import Box
from motes.core.checks import number, whole_number
from motes.core.errors import InputError, RunError
from motes.core.frozen import check_assignable
from motes.core.progress import compiling, progress_bar, run_watcher
from motes.core.schedules import Followers
from motes.core.state import FROZEN, Floats, Integers, State, Timeline
from motes.core.tuples import Topology, labels_of
from motes.core.words import known_keywords
from motes.engine import commands, queries
from motes.engine.failing import StoppedError
from motes.engine.starts import Here, Start, Summary, start_of
from motes.forces import Interaction
from motes.integrators import Integrator
from motes.observers.frame import Frame
from motes.observers.roster import Handle, Observer
from motes.particles.particles import Particles
from motes.ranks.conductor import check_travels, ranks_of
from motes.simulation.admission import (
    check_frozen,
    check_types,
    first_moment,
    warn_of_jumps,
    warn_of_twins,
    warn_of_unused_topology,
)
from motes.simulation.assignment import Attributes, checked_columns, thermal, without_drift
from motes.simulation.beginning import begin, look_at_bath
from motes.simulation.changes import all_or_nothing, begin_again
from motes.simulation.course import Course
from motes.simulation.look_ahead import values_at
from motes.simulation.minimize import INTERRUPTED, Minimized, minimize
from motes.simulation.parts import BoundLaws, Parts, Settings, build, degrees_of_freedom
from motes.simulation.population import added, checked_ids, without
from motes.simulation.readings import Readings, of_one_step
from motes.simulation.saving import save

ASSIGNABLE = (
    "what can be assigned are integrator, interactions, box, positions, velocities, mass and attributes[name], each as "
    "a whole"
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
        warn_of_unused_topology(particles.topology, interactions, integrator)
        start = start_of(particles, step, Timeline(integrator.dt, step, begun))
        summary, settings = Summary.of(particles), Settings(threads, skin, communicator)
        with compiling(integrator, interactions):
            laws = BoundLaws.of(interactions, replace(summary.names, followers=Followers(step)))
            self._begin_with(build(summary, integrator.since(step), laws, settings, start), step)
            self._warn_of_interactions()
            self._course.refusal = begin(self._parts)

    @classmethod
    def going_on(
        cls, start: Start, summary: Summary, integrator: Integrator, laws: BoundLaws, settings: Settings, end: int = 0,
        shown: bool = False,
    ) -> Simulation:  # fmt: skip
        """From where another one is, or was stopped; `copy` and `motes.resume` are the ways to call it.

        Args:
            start: where the particles are, at which step.
            summary: what is known of them.
            integrator: how they move.
            laws: what they feel.
            settings: how it is computed.
            end: the step at which the run was to end.
            shown: whether its observers have seen this step.
        """
        simulation = cls.__new__(cls)
        with compiling(integrator, laws.given):
            simulation._begin_with(build(summary, integrator.since(start.step), laws, settings, start), start.step)
            simulation._call(commands.go_on)
        simulation._course.end = max(end, start.step)
        if shown:
            simulation._course.roster.resume_at(start.step)
        return simulation

    def _begin_with(self, parts: Parts, step: int) -> None:
        super().__init__(Course(parts, step))

    def __setattr__(self, name: str, value: Any) -> None:
        course = vars(self).get("_course")
        of_integrator = course is not None and hasattr(course.parts.integrator, name)
        check_assignable(self, name, THE_INTEGRATORS if of_integrator else ASSIGNABLE)
        super().__setattr__(name, value)

    def _warn_of_interactions(self) -> None:
        bound = self._parts.reporter.interactions
        warn_of_twins(self.interactions, bound)
        warn_of_jumps(bound, self.box, self._summary.attributes)

    def minimize(self, force_tolerance: float, max_steps: int = 10_000) -> Minimized:
        """Move the particles downhill until no component of a force is above force_tolerance, by FIRE (see fire.py).

        Velocities, step and time stay, and observers see nothing of it. What presses a particle onto a reflecting wall
        does not count. Not to come that far in max_steps is no error. The timings begin anew.
        """
        tolerance = number("force_tolerance", force_tolerance, above=0.0)
        steps = whole_number("max_steps", max_steps, minimum=0)
        if not self.interactions:
            raise InputError("without interactions there is nothing to minimize")
        for one in self.interactions:
            if not one.has_energy:
                raise InputError(f"{one!r} has no energy, so there is no way downhill: minimize without it, and go on")
        with self._course.alone():
            return self._minimize(tolerance, steps)

    def _minimize(self, tolerance: float, steps: int) -> Minimized:
        course, parts = self._course, self._parts
        course.forget_moments()
        course.tell_displaced()
        refusal, course.refusal = course.refusal, INTERRUPTED  # wherever a signal comes from here on
        try:
            begin(parts)
        except InputError:
            course.refusal = refusal
            raise
        try:
            taken, largest = minimize(parts.engine, min(parts.length, parts.spacing), tolerance, steps)
        except StoppedError as stopped:
            failure = stopped.failure
            why = f"{failure.cause}{parts.reporter.blamed(failure)}"
            raise RunError(f"on the way downhill a particle {why}") from None
        course.refusal = begin(parts)
        energy = self.potential_energy if course.refusal is None else math.inf
        return Minimized(largest <= tolerance, taken, largest, energy)

    # Running

    @known_keywords
    def run(self, steps: int, progress: Callable[[int], None] | None = None) -> None:
        """Take steps. On a terminal a bar shows how far it is; progress, if given, is called with the steps done."""
        steps = whole_number("steps", steps, minimum=0, maximum=MOST_STEPS)
        if progress is not None and not callable(progress):
            raise InputError(f"progress: expected a function of the number of steps done, got {progress!r}")
        showing = progress_bar(steps) if progress is None else nullcontext(progress)
        with self._course.alone():
            self._course.set_out(steps)
            try:
                with run_watcher.get()(self, steps), compiling(self.integrator, self.interactions):
                    self._course.run(partial(Frame, self), showing)
            finally:
                self._course.roster.finish()

    def stop(self) -> None:
        """End the run that is going on, after the step it is at: for an observer, or another thread.

        All observers that are due at this step are shown it; the run then ends as if no more steps had been asked for.
        """
        self._course.stop()

    def save(self, path: str | Path) -> Path:
        """Write a checkpoint of this moment into a folder, as path/step-N, and return where it is.

        Raises:
            InputError: for a path where there can be none.
            RunError: if the disk refuses; then there is no part of it, and those before it are as they were.
        """
        return save(path, self._course)

    def made_from(self, path: Path, tables: dict[str, Any]) -> None:
        """Note the input file of this run in its checkpoints, so that `motes resume` needs nothing else."""
        self._course.input = path.absolute(), tables

    def bring_back(self, memory: dict[str, Any], observer: Observer) -> None:
        """Add an observer out of the checkpoint with which this simulation begins; `motes.resume` does so."""
        self._course.roster.bring_back(memory, observer, self.step)

    def every(self, interval: int, *observers: Callable[[Frame], Any]) -> Handle:
        """Show the observers a frame at every step that is a multiple of interval.

        A frame has what the simulation has by the same names (positions, velocities, images, forces, ids, types, mass,
        attributes, bonds, angles, box, step, time, temperature, pressure, kinetic_energy, potential_energy, virial,
        conserved_energy and others, as dir(frame) lists them), read-only. The total energy is kinetic_energy +
        potential_energy.

        The handle that is returned can be removed. An observer that is given again, as by a cell of a notebook that is
        run again, replaces itself: the same function at the same interval, or one of the same kind and path.
        """
        return self._course.roster.add(interval, *observers)

    @property
    def observers(self) -> tuple[Handle, ...]:
        """Who is shown the state, in the order in which they were added: a handle for each, which can be removed."""
        return self._course.roster.handles

    # Changing

    @property
    def integrator(self) -> Integrator:
        """How the particles move. Another one moves them from this step on, on all ranks: all else goes on."""
        return self._parts.integrator

    @integrator.setter
    def integrator(self, integrator: Integrator) -> None:
        self._course.between_steps()
        check_types(integrator, self.interactions)
        check_frozen(integrator, self._summary.frozen)
        parts, course, now = self._parts, self._course, self._engine.here.state.timeline
        integrator, names = integrator.since(self.step), parts.laws.names(self._summary, self.step)
        bound, followers = integrator.bind(names), names.followers.found
        if ranks_of(parts.settings.communicator).size > 1:
            check_travels("integrator", bound)
        freedom = degrees_of_freedom(self._summary, integrator, self.interactions)
        numbers = values_at(followers, self.step, self.step)[0]
        plan = replace(parts.plan, integrator=bound, freedom=freedom, numbers=numbers)
        timeline = now.going_on(self.step, integrator.dt)
        with all_or_nothing(course):
            try:
                self._engine.call(commands.change_integrator, bound, freedom, {}, timeline, numbers)
            except StoppedError as stopped:
                raise InputError(parts.reporter.complaint(stopped.failure)) from None
            self._take(replace(parts, integrator=integrator, plan=plan, followers=followers))
            if course.refusal in (None, INTERRUPTED):
                look_at_bath(self._parts)
            else:  # perhaps dt was too long for these forces
                begin_again(course)

    @property
    def interactions(self) -> tuple[Interaction, ...]:
        """What the particles feel. Others can be assigned, all of them at once: they act from this step on, on all
        ranks, and all else goes on, also the ramps of those that stay. The timings begin anew."""
        return self._parts.interactions

    @interactions.setter
    def interactions(self, interactions: Sequence[Interaction]) -> None:
        self._course.between_steps()
        check_types(self.integrator, interactions)
        warn_of_unused_topology(self._summary.topology, interactions, self.integrator)
        self._change(self._summary, tuple(interactions), self._whole_state())

    def remove(self, ids: ArrayLike) -> None:
        """Go on without the particles of these ids, on all ranks; bonds and angles that they have go with them."""
        self._course.between_steps()
        gone = checked_ids("remove", ids, self.ids)
        if len(gone) == len(self):
            raise InputError("remove: these are all particles; a simulation has one at least")
        if len(gone) == 0:
            return
        left = without(self._summary.topology, gone)
        still = self._frozen.get(FROZEN, np.zeros(len(self)))[~np.isin(self.ids, gone)]
        frozen = int(np.count_nonzero(still))
        summary = replace(self._summary, count=len(self) - len(gone), topology=left, frozen=frozen)
        if self._same_tuples(left) and self._course.refusal is None:
            self._remove(summary, gone)
        else:
            state = self._whole_state()
            state.keep(np.flatnonzero(~np.isin(state.ids[: state.owned], gone)))
            self._change(summary, self.interactions, state)

    def add(self, particles: Particles) -> Integers:
        """Go on with more particles, on all ranks; return their ids, which follow those that are here.

        Args:
            particles: in the same box, with the same attributes; of their ids only the order counts. They may have
                bonds and angles among each other, and types that are new here, if interactions know of them.

        Where they overlap with others, `minimize` parts them.
        """
        self._course.between_steps()
        if isinstance(particles, Particles) and FROZEN in particles.attributes and not self._frozen:
            self._take_frozen(np.zeros(len(self)))
        new, summary = added(particles, self._summary, int(self.ids[-1]))
        check_frozen(self.integrator, summary.frozen)
        numbers: Integers = new.ids.copy()
        alike = summary.type_names == self._summary.type_names and self._same_tuples(summary.topology)
        if len(self._engine.here.state.force_velocities):
            new.force_velocities = np.zeros_like(new.velocities)
        rows = new.take(np.arange(new.owned))
        if alike and self._course.refusal is None:
            with all_or_nothing(self._course):
                self._engine.call(commands.add, rows, self._know(summary))
                begin_again(self._course)
        else:
            state = self._whole_state()
            state.add(rows)
            self._change(summary, self.interactions, state)
        return numbers

    def thermalize(self, temperature: float, seed: int) -> None:
        """Draw new velocities, with exactly this temperature and no total momentum, as Particles.thermalize does."""
        self.velocities = thermal(self._bare_particles(), temperature, seed, self.degrees_of_freedom)

    def zero_momentum(self) -> None:
        """Take the velocity of the centre of mass off all velocities; frozen particles do not count."""
        mobile, velocities = self._bare_particles().mobile, self.velocities.copy()
        velocities[mobile] = without_drift(velocities[mobile], self.mass[mobile])
        self.velocities = velocities

    def _bare_particles(self) -> Particles:
        """At rest, with nothing but what they need to be drawn velocities."""
        return Particles(self.positions, self.box, mass=self.mass, ids=self.ids, **self._frozen)

    @property
    def _frozen(self) -> dict[str, Floats]:
        """The attribute that says who never moves, if there is one."""
        return {name: self.attributes[name] for name in self.attributes if name == FROZEN}

    def freeze(self, ids: ArrayLike) -> None:
        """Hold the particles of these ids where they are from this step on, on all ranks: others feel them, and they
        have no velocity and no degree of freedom. Their attribute `frozen` is 1, and 0 for all others."""
        self._course.between_steps()
        self._hold_still(checked_ids("freeze", ids, self.ids), 1.0)

    def thaw(self, ids: ArrayLike) -> None:
        """Let frozen particles of these ids move again; they are at rest."""
        self._course.between_steps()
        self._hold_still(checked_ids("thaw", ids, self.ids), 0.0)

    def _hold_still(self, ids: Integers, frozen: float) -> None:
        before = self._frozen.get(FROZEN, np.zeros(len(self)))
        self._take_frozen(np.where(np.isin(self.ids, ids), frozen, before))

    def _take_frozen(self, frozen: Floats) -> None:
        """Go on with those frozen for which this is 1, (N,) by rising ids."""
        attributes = {**self._summary.attributes, FROZEN: frozen}
        summary = replace(self._summary, attributes=attributes, frozen=int(np.count_nonzero(frozen)))
        check_frozen(self.integrator, summary.frozen)
        with all_or_nothing(self._course):
            self._engine.call(commands.freeze, self.ids, frozen, self._know(summary.brief()))
            begin_again(self._course)

    @property
    def box(self) -> Box:
        """The box. In another one that is assigned the particles stay where they are, wrapped into it along periodic
        axes; `scale` takes them along. The timings begin anew. It takes as long as to make a simulation."""
        return self._summary.box

    @box.setter
    def box(self, box: Box) -> None:
        self._go_into(box, self.positions)

    def scale(self, box: Box) -> None:
        """Go on in another box, with all positions scaled from this one into it, axis by axis. It takes as long as to
        make a simulation of these particles."""
        self._go_into(box, None)

    def _go_into(self, box: Box, positions: Floats | None) -> None:
        """Go on in a box with these positions, (N, d) by rising ids, or with those of now scaled."""
        self._course.between_steps()
        before = self.box
        if not isinstance(box, Box) or box.dimensions != before.dimensions:
            raise InputError(f"box: expected a motes.Box of {before.dimensions} dimensions, got {box!r}")
        if positions is None:
            positions = (self.positions - before.origin) / before.lengths * box.lengths + box.origin
        state, ids, images = self._whole_state(), self.ids, np.where(box.periodic, self.images, 0)
        order = np.searchsorted(ids, state.ids[: state.owned])
        for name, values in checked_columns("positions", positions, box, ids, {"images": images}).items():
            state.column(name)[:, : state.owned] = values[:, order]
        state.box, state.quanta = box, replace(state.quanta, position=(box.spacing,) * box.dimensions)
        self._change(replace(self._summary, box=box), self.interactions, state)
        self._course.tell_displaced()

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
        with all_or_nothing(self._course):
            try:
                self._engine.call(commands.remove, gone, self._know(summary))
            except StoppedError as stopped:
                if not stopped.failure.outgrown:
                    raise RunError(self._parts.reporter.report(stopped.failure)) from None
                begin_again(self._course)  # a force of theirs had taken another one away

    def _know(self, summary: Summary) -> int:
        """This is known of the particles from now on; return their degrees of freedom."""
        freedom = degrees_of_freedom(summary, self.integrator, self.interactions)
        self._course.parts = replace(self._parts, summary=summary, plan=replace(self._parts.plan, freedom=freedom))
        return freedom

    def _change(self, summary: Summary, interactions: tuple[Interaction, ...], state: State) -> None:
        """Go on with other interactions or particles, by other engines."""
        before = self._parts
        check_frozen(self.integrator, summary.frozen)
        with compiling(self.integrator, interactions), all_or_nothing(self._course):
            names = replace(summary.names, followers=Followers(self.step))
            laws = BoundLaws.of(interactions, names, before.laws)
            self._take(build(summary, self.integrator, laws, before.settings, Here(state)))
            if interactions != before.interactions or summary.box != before.summary.box:
                self._warn_of_interactions()
            begin_again(self._course)

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
        course = self._course
        course.between_steps()
        ids = self.ids
        columns = checked_columns(name, values, self.box, ids, {"images": self.images, **self._frozen})
        if name == FROZEN:
            self._take_frozen(columns[name])
            return
        summary = self._summary
        if name in summary.attributes:
            summary = replace(summary, attributes={**summary.attributes, name: columns[name]})
            for one in self.interactions:
                one.bind(replace(summary.names, followers=Followers(self.step)))  # a rule may not like these values
        with all_or_nothing(course):
            self._engine.call(commands.assign, ids, columns)
            if name == "positions":
                course.refusal = None  # also where a minimization was interrupted
            self._know(summary.brief())
            begin_again(course)
        if name == "positions":
            course.tell_displaced()

    # Simulations of their own

    @of_one_step
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

    @of_one_step
    def copy(self) -> Simulation:
        """Another simulation in the same state, to the bit. It has no observers: their files are this one's."""
        self._course.require_forces()  # there is no state of particles that overlap
        parts = self._parts
        start = Here(self._whole_state())
        return Simulation.going_on(start, parts.summary, parts.integrator, parts.laws, parts.settings)

    __copy__ = copy

    def __deepcopy__(self, memo: dict[int, Any]) -> Simulation:
        return self.copy()

    def __reduce__(self) -> Never:
        raise InputError("a simulation cannot be pickled: simulation.save(path) and motes.resume(path) keep one")
