"""What users hold: it checks what was asked for, sets an engine up, runs it, and answers questions about the state."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from motes.arrays import record_named
from motes.box import Box
from motes.checks import numbers
from motes.decomposition.grid import check_images
from motes.engine import PHASES, Extremes, Plan, Start
from motes.errors import InputError
from motes.forces.field import Field
from motes.forces.interaction import BoundPair, Pair
from motes.forces.plan import plan_pairs
from motes.formulas.bind import Bound, World
from motes.integrators import Integrator
from motes.observers.frame import Frame
from motes.observers.schedule import Schedule
from motes.particles import Particles
from motes.progress import progress_bar
from motes.quanta import choose_quanta
from motes.ranks import world
from motes.state import Array, Floats, Integers, Quanta, State
from motes.threads import Team

SKIN = 0.14
"""The skin in cutoffs, unless it is given."""

SHOW_EVERY = 0.2
"""Seconds between two signs of progress."""


class Simulation:
    """Particles, how they move, and what they feel.

    Args:
        particles: where they start; they are copied.
        integrator: for example VelocityVerlet(dt=0.005).
        interactions: Pair and Field objects; none means free particles.
        threads: how many; None takes all cores.
        skin: width beyond the cutoff up to which neighbours are listed; it changes the speed, never a result.

    Raises:
        InputError: for anything that cannot be run, before a step is taken.
    """

    def __init__(
        self,
        particles: Particles,
        integrator: Integrator,
        interactions: Sequence[Pair | Field] = (),
        threads: int | None = None,
        skin: float | None = None,
    ) -> None:
        _check_types(particles, integrator, interactions)
        self._box = particles.box
        self._type_names = particles.type_names
        self._integrator = integrator
        self._interactions = tuple(interactions)
        self._count = len(particles)
        self._step = 0
        ranks = world()
        pairs = [one for one in interactions if isinstance(one, Pair)]
        bound = [pair.bind(particles.type_names, _samples(particles)) for pair in pairs]
        forces = plan_pairs(bound, max(1, len(particles.type_names)), self._box.dimensions)
        self._skin = _skin(skin, forces.cutoff, self._box)
        check_images(self._box, forces.cutoff + self._skin if forces.cutoff else 0.0, len(particles))
        self._threads = Team(threads, ranks.cores).threads
        around = World(self._box.boundary, particles.type_names, tuple(_samples(particles)))
        fields = [one.bind(around) for one in interactions if isinstance(one, Field)]
        plans = tuple(field.plan for field in fields)
        plan = Plan(self._box, integrator.bind(around), forces, plans, self._skin, self._threads)
        self._ranks = ranks.size
        self._cutoff = forces.cutoff
        self._engine = ranks.build(plan, _start(particles))
        self._quanta = self._begin(bound, [field.bound for field in fields], particles.velocities)
        self._order: Integers | None = None
        self._attribute_names = tuple(_samples(particles))
        self._schedule = Schedule()
        self._output = 0.0

    def _begin(self, pairs: Sequence[BoundPair], fields: Sequence[Bound], velocities: Floats) -> Quanta:
        """Neighbours, then the quanta that fit what the particles feel, then the first forces."""
        extremes: Extremes = self._engine.call("extremes")
        if not (math.isfinite(extremes.force) and math.isfinite(extremes.energy)):
            raise InputError(
                f"a force or an energy at the start is not finite: {self._engine.here.closest_pair()}; "
                "give particles places of their own, and a function that is finite there"
            )
        quanta = choose_quanta(self._box, pairs, fields, self._integrator, extremes)
        _check_speeds(velocities, quanta.velocity)
        self._engine.call("begin", quanta)
        return quanta

    # Running

    def run(self, steps: int, progress: Callable[[int], None] | None = None) -> None:
        """Take steps. On a terminal a bar shows how far it is; progress, if given, is called with the steps done."""
        if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)) or steps < 0:
            raise InputError(f"steps is {steps!r}; it must be a whole number of at least 0")
        try:
            self._schedule.start(Frame(self))
            if progress is not None:
                self._run(int(steps), progress)
            else:
                with progress_bar(int(steps)) as show:
                    self._run(int(steps), show)
        finally:
            self._schedule.finish()

    def _run(self, steps: int, progress: Callable[[int], None]) -> None:
        begin, end = self.step, self.step + steps
        self._observe()
        chunk = 1
        while self.step < end:
            due = self._schedule.next_due(self.step)
            stop = min(end, self.step + chunk, due if due is not None else end)
            started, before = time.perf_counter(), self.step
            self._order = None
            try:
                self._engine.call("run", stop - self.step, self._schedule.needs_energy(stop))
            finally:
                self._step = self._engine.here.state.step  # not stop, if a step fails before
            pace = (time.perf_counter() - started) / (self.step - before)
            chunk = max(1, int(SHOW_EVERY / max(pace, 1e-9)))
            self._observe()
            progress(self.step - begin)

    def _observe(self) -> None:
        if self._schedule.due(self.step):
            begun = time.perf_counter()
            self._schedule.show(Frame(self))
            self._output += time.perf_counter() - begun

    def every(self, interval: int, *observers: Callable[[Frame], Any]) -> None:
        """Show the observers a frame at every step that is a multiple of interval."""
        self._schedule.add(interval, *observers)

    # The state, in the order of particle ids

    def __len__(self) -> int:
        """Number of particles."""
        return self._count

    def __repr__(self) -> str:
        return f"Simulation({len(self)} particles, {self._integrator!r}, step {self.step})"

    @property
    def step(self) -> int:
        """Steps taken."""
        return self._step

    @property
    def time(self) -> float:
        """Time passed since step 0."""
        return self.step * self._integrator.dt

    @property
    def box(self) -> Box:
        """The box."""
        return self._box

    @property
    def integrator(self) -> Integrator:
        """How the particles move."""
        return self._integrator

    @property
    def interactions(self) -> tuple[Pair | Field, ...]:
        """What the particles feel."""
        return self._interactions

    @property
    def threads(self) -> int:
        """Threads that work on each rank."""
        return self._threads

    @property
    def skin(self) -> float:
        """Width beyond the cutoff up to which neighbours are listed."""
        return self._skin

    @property
    def ids(self) -> Integers:
        """Ids, (N,), rising."""
        return self._sorted("ids")

    @property
    def types(self) -> Integers:
        """Types as numbers into type_names, (N,)."""
        return self._sorted("types")

    @property
    def type_names(self) -> tuple[Any, ...]:
        """The names of the types."""
        return self._type_names

    @property
    def mass(self) -> Floats:
        """Masses, (N,)."""
        return self._sorted("mass")

    @property
    def attributes(self) -> dict[str, Floats]:
        """Per-particle attributes, each (N,)."""
        return {name: self._sorted(name) for name in self._attribute_names}

    @property
    def positions(self) -> Floats:
        """Positions, (N, d), wrapped into the box along periodic axes."""
        # Wrapped before the origin is added: beyond the far corner that sum may be off the grid.
        relative, periodic = self._sorted("positions"), self._box.periodic
        relative[:, periodic] = np.mod(relative[:, periodic], self._box.lengths[periodic])
        return relative + self._box.origin

    @property
    def velocities(self) -> Floats:
        """Velocities, (N, d). Values given are rounded to the velocity grid of the run."""
        return self._sorted("velocities")

    @velocities.setter
    def velocities(self, values: Floats) -> None:
        given = numbers("velocities", values)
        if given.shape != (len(self), self._box.dimensions):
            raise InputError(f"velocities have shape {given.shape}; it must be {(len(self), self._box.dimensions)}")
        quantum = self._quanta.velocity
        _check_speeds(given, quantum)
        snapped = np.rint(given / quantum) * quantum + 0.0
        self._engine.call("set_velocities", self.ids, np.ascontiguousarray(snapped.T))

    @property
    def forces(self) -> Floats:
        """Forces, (N, d)."""
        return self._sorted("forces") * self._quanta.force

    def elementwise(self, function: Callable[..., Any]) -> Any:
        """What a function of one particle gives for each: (N,), or a tuple of such arrays, in the order of ids.

        The function takes any of x, y, z, t, the attributes and the mass by name, as that of a Field does. Every rank
        computes it for its own particles; only the results are gathered.
        """
        world = World(self._box.boundary, self._type_names, self._attribute_names)
        work, names, several = record_named(function, world)
        results = self._engine.call("evaluate", work, names)[:, self._ranking()]
        return tuple(results) if several else results[0]

    def _ranking(self) -> Integers:
        """Where the particles lie in the state, in the order of their ids."""
        if self._order is None:
            self._order = np.argsort(self._engine.call("gather", "ids"))
        return self._order

    def _sorted(self, name: str) -> Array:
        return np.ascontiguousarray(self._engine.call("gather", name)[..., self._ranking()].T)

    # Numbers

    @property
    def potential_energy(self) -> float:
        """Energy of all interactions."""
        return float(self._engine.call("energy_quanta")[0] * self._quanta.energy)

    @property
    def virial(self) -> float:
        """Sum over pairs of distance times force along it."""
        return float(self._engine.call("energy_quanta")[1] * self._quanta.energy)

    @property
    def kinetic_energy(self) -> float:
        """Sum of m v**2 / 2."""
        return float(self._engine.call("kinetic_quanta") * self._quanta.kinetic)

    @property
    def degrees_of_freedom(self) -> int:
        """d (N - 1) where total momentum is conserved, d N elsewhere."""
        outside = "reflecting" in self._box.boundary or any(isinstance(one, Field) for one in self._interactions)
        conserved = self._integrator.conserves_momentum and not outside
        return self._box.dimensions * (len(self) - conserved)

    @property
    def temperature(self) -> float:
        """Twice the kinetic energy for each degree of freedom (the Boltzmann constant is 1)."""
        return 2 * self.kinetic_energy / self.degrees_of_freedom if self.degrees_of_freedom > 0 else 0.0

    @property
    def pressure(self) -> float:
        """(2 kinetic energy + virial) / (d volume)."""
        return (2 * self.kinetic_energy + self.virial) / (self._box.dimensions * self._box.volume)

    @property
    def fingerprint(self) -> str:
        """A digest of box, ids, types, positions and velocities, the same for the same bits."""
        digest = hashlib.sha256()
        for values in (self._box.lengths, self.ids, self.types, self.positions, self.velocities + 0.0):
            little = values.dtype.newbyteorder("<")
            digest.update(np.ascontiguousarray(values, little).tobytes())
        return digest.hexdigest()[:32]

    @property
    def timings(self) -> dict[str, float]:
        """Seconds per phase since the start, the mean over ranks; output is that of rank 0."""
        ranks = self.timings_by_rank
        return {phase: sum(rank[phase] for rank in ranks) / len(ranks) for phase in PHASES} | {"output": self._output}

    @property
    def timings_by_rank(self) -> list[dict[str, float]]:
        """Seconds per phase for each rank, and the messages and bytes it sent."""
        ranks: list[dict[str, float]] = self._engine.call("timings")
        return ranks

    @property
    def imbalance(self) -> list[float]:
        """Largest over mean work of the ranks, each time it was measured; empty on one rank."""
        return list(self._engine.call("imbalance"))

    def describe(self) -> dict[str, Any]:
        """What runs where, for headers."""
        builds, listed = self._engine.call("lists")
        return {
            "particles": len(self),
            "types": self._type_names,
            "box": self._box,
            "density": len(self) / self._box.volume,
            "interactions": self._interactions,
            "integrator": self._integrator,
            "ranks": self._ranks,
            "regions": self._engine.here.domain.regions.shape,
            "threads": self.threads,
            "cutoff": self._cutoff,
            "skin": self._skin,
            "quanta": self._quanta,
            "list_builds": builds,
            "listed_pairs": listed,
        }


def _check_types(particles: object, integrator: object, interactions: object) -> None:
    if not isinstance(particles, Particles):
        raise InputError(f"the first argument is {type(particles).__name__}; it must be motes.Particles")
    if not isinstance(integrator, Integrator):
        raise InputError(
            f"the integrator is {type(integrator).__name__}; give for example motes.VelocityVerlet(dt=0.005)"
        )
    if isinstance(interactions, Pair | Field) or not isinstance(interactions, Sequence):
        raise InputError("interactions must be a list, for example [motes.Pair(...)]")
    for interaction in interactions:
        if not isinstance(interaction, Pair | Field):
            raise InputError(f"an interaction is {type(interaction).__name__}; it must be motes.Pair or motes.Field")
    if integrator.independent and interactions:
        raise InputError(
            f"{integrator!r} moves particles that never meet, so interactions would be without effect: leave them out, "
            "or take an integrator that follows forces"
        )


def _check_speeds(velocities: Floats, quantum: float) -> None:
    limit = 2.0**50 * quantum
    if not np.abs(velocities).max(initial=0.0) < limit:
        raise InputError(
            f"a velocity is not finite, or beyond {limit:g}, the largest this simulation can hold; "
            "use a smaller dt, or start a new simulation from these velocities"
        )


def _skin(skin: float | None, cutoff: float, box: Box) -> float:
    if skin is None:
        return SKIN * cutoff if cutoff else float(box.lengths.min()) / 2
    if isinstance(skin, bool) or not isinstance(skin, (int, float)) or not (math.isfinite(skin) and skin >= 0):
        raise InputError(f"skin is {skin!r}; it must be a number of at least 0")
    return float(skin)


def _samples(particles: Particles) -> dict[str, Floats]:
    """Attributes by name: of all particles, or, where all have the same, of one."""
    if particles.recipe is not None:
        return {name: np.array([value]) for name, value in particles.recipe.attributes.items()}
    return particles.attributes


def _start(particles: Particles) -> Start:
    """The particles in the order of their ids, or how to make them."""
    if particles.recipe is not None:
        return particles.recipe
    order = np.argsort(particles.ids)
    columns = {name: values[order] for name, values in particles.attributes.items()}
    positions = particles.box.snap(particles.positions)[order]
    velocities = particles.velocities[order]
    ids, types, mass = particles.ids[order], particles.types[order], particles.mass[order]
    return State.of(particles.box, ids, types, mass, positions, velocities, columns)
