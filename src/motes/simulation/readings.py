"""What can be read of a simulation between two steps: arrays in the order of particle ids, and numbers."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, NamedTuple, Never

import numpy as np
from numpy.typing import NDArray

from motes.core.box import Box
from motes.core.checks import number, whole_number
from motes.core.compiled import njit
from motes.core.errors import InputError, RunError
from motes.core.frozen import absence, read_only
from motes.core.state import Array, Floats, Integers
from motes.core.tuples import Topology
from motes.core.words import did_you_mean
from motes.engine import commands, queries
from motes.engine.clock import PHASES
from motes.engine.failing import StoppedError
from motes.engine.starts import Summary
from motes.engine.step import Engine
from motes.exact.waves import QUANTUM, rows_within, vectors_in
from motes.forces import Interaction
from motes.forces.portions import tensor, values_of
from motes.formulas.elementwise import record_named
from motes.integrators import Integrator
from motes.observers.frame import elsewhere
from motes.particles.particles import Particles
from motes.ranks.conductor import Answer, EngineOfAll, Given, ranks_of
from motes.simulation.course import Course
from motes.simulation.noise_trail import leave_mark, noise_of
from motes.simulation.parts import Parts
from motes.simulation.sample import sample


@njit(cache=True, nogil=True)
def wrap_rows(
    begin: int, end: int, relative: Floats, order: Integers, edges: Floats, origin: Floats, positions: Floats
) -> None:  # fmt: skip
    """Positions (N, d) in this order, inside the box along axes whose edges are finite, of those relative to its
    origin, (d, N). They are wrapped before the origin is added: beyond the far corner that sum may be off the grid."""
    for a in range(len(edges)):
        edge = edges[a]
        for i in range(begin, end):
            x = relative[a, order[i]]
            if not 0.0 <= x < edge and edge < np.inf:  # then seldom by more than an edge
                x = x + edge if -edge <= x < 0.0 else (x - edge if edge <= x < 2.0 * edge else x % edge)
            positions[i, a] = x + origin[a]


MOST_ROUNDED = 3
"""Particles whose energies are rounded otherwise, so that all together are the total."""


class Neighbors(NamedTuple):
    """Pairs of particles; see Simulation.neighbors."""

    i: Integers
    j: Integers
    vector: Floats
    r: Floats


class Modes(NamedTuple):
    """Fourier components of the density; see Simulation.density_modes."""

    vectors: Integers
    values: NDArray[np.complex128]


def of_one_step(read: Callable[[Any], Answer]) -> Callable[[Any], Answer]:
    """A reading of several numbers, between which no other thread takes a step."""

    @wraps(read)
    def within_a_turn(simulation: Readings) -> Answer:
        with simulation._engine.turn():
            return read(simulation)

    return within_a_turn


class Readings:
    """What a simulation knows of itself: it only answers. All arrays are read-only.

    Args:
        course: where it is, and what it is made of.
    """

    def __init__(self, course: Course) -> None:
        self._course = course
        self._order: tuple[Engine, int, Integers] | None = None  # with the engine and the layout of which it is
        self._noises = noise_of(course.parts.integrator, *course.parts.interactions)

    def _take(self, parts: Parts) -> None:
        """Be made of these from now on."""
        self._course.take(parts)
        self._noises |= noise_of(parts.integrator, *parts.interactions)

    @property
    def _parts(self) -> Parts:
        return self._course.parts

    @property
    def _summary(self) -> Summary:
        return self._parts.summary

    @property
    def _engine(self) -> EngineOfAll:
        return self._parts.engine

    if not TYPE_CHECKING:  # which would take any name for an attribute

        def __getattr__(self, name: str) -> Never:
            made = "_course" in vars(self) and not name.startswith("_")
            raise absence(self, name, elsewhere(self._summary.attributes if made else ()))

    # The state, in the order of particle ids

    def __len__(self) -> int:
        """Number of particles."""
        return self._summary.count

    def __repr__(self) -> str:
        return f"Simulation({len(self)} particles, {self._parts.integrator!r}, step {self.step})"

    @property
    def step(self) -> int:
        """Steps taken."""
        return self._course.step

    @property
    def steps_left(self) -> int:
        """Steps that the last run, of this simulation or of the one it goes on with, has not taken: it was stopped."""
        return max(0, self._course.end - self._course.step)

    @property
    def time(self) -> float:
        """Time passed, counted step by step: it goes on when the integrator changes."""
        return self._engine.here.state.time

    @property
    def changes(self) -> int:
        """How often something was assigned, or the particles moved otherwise than by a step."""
        return self._course.changes

    @property
    def dt(self) -> float:
        """Time step of the integrator."""
        return self._parts.integrator.dt

    @property
    def box(self) -> Box:
        """The box."""
        return self._summary.box

    @property
    def integrator(self) -> Integrator:
        """How the particles move."""
        return self._parts.integrator

    @property
    def interactions(self) -> tuple[Interaction, ...]:
        """What the particles feel."""
        return self._parts.interactions

    @property
    def has_velocities(self) -> bool:
        """Whether velocities carry the particles; under Brownian motion and flows they mean nothing."""
        return self._parts.integrator.has_velocities

    @property
    def threads(self) -> int:
        """Threads that work on each rank."""
        return self._parts.plan.threads

    @property
    def skin(self) -> float:
        """Width beyond the cutoff up to which neighbours are listed."""
        return self._parts.plan.skin

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
        return self._summary.type_names

    @property
    def topology(self) -> Topology:
        """Bonds and angles, their types and the labels of these, by their kind."""
        return self._summary.topology

    @property
    def bonds(self) -> Integers:
        """Pairs of ids, (B, 2)."""
        return self._summary.topology["bonds"].members

    @property
    def angles(self) -> Integers:
        """Ids, (A, 3), the corner in the middle."""
        return self._summary.topology["angles"].members

    @property
    @of_one_step
    def unwrapped(self) -> Floats:
        """Positions, (N, d), as if the box were not periodic: where particles have gone, not the image inside. Along
        open and reflecting axes they are the positions."""
        return read_only(self._wrapped() + self.images * self._summary.box.lengths)

    def _wrapped(self) -> Floats:
        """Positions, (N, d), wrapped into the box along periodic axes."""
        box = self._summary.box
        with self._engine.turn():  # the values and their order are of one step
            relative = self._engine.ask(queries.gather, "positions")
            positions = np.empty(relative.shape[::-1])
            edges = np.where(box.periodic, box.lengths, np.inf)
            wrap_rows(0, len(positions), relative, self._ranking(), edges, box.origin, positions)
        read_only(positions)
        if self.step > 0:
            leave_mark(self._noises, positions, self.step, self.time)
        return positions

    @property
    @of_one_step
    def images(self) -> Integers:
        """Edges of the box left behind, (N, d): unwrapped, particles are at positions + images * box.lengths."""
        box, periodic = self._summary.box, self._summary.box.periodic
        relative, lengths = self._sorted("positions")[:, periodic], box.lengths[periodic]
        images: Integers = self._sorted("images").astype(np.int64)  # counted when positions were wrapped last
        images[:, periodic] += np.floor_divide(relative, lengths).astype(np.int64)
        return read_only(images)

    @property
    def forces(self) -> Floats:
        """Forces, (N, d)."""
        return read_only(self._course.quanta.force * self._sorted("forces"))

    def elementwise(self, function: Callable[..., Any]) -> Any:
        """What a function of one particle gives for each: (N,), or a tuple of such arrays, in the order of ids.

        The function takes any of x, y, z, t, the attributes and the mass by name, as that of a Field does. Every rank
        computes it for its own particles; only the results are gathered.
        """
        work, names, several = record_named(function, self._summary.names)
        with self._engine.turn():
            results = self._engine.ask(queries.evaluate, work, names)[:, self._ranking()]
        return tuple(results) if several else results[0]

    def neighbors(self, distance: float) -> Neighbors:
        """All pairs of particles closer than a distance, by their nearest images.

        Args:
            distance: up to half the shortest periodic edge of the box.

        Returns:
            i and j, (n,): ids, i < j, rising; vector, (n, d): the way from i to j; r, (n,): how long it is.
        """
        distance = self._within_box("neighbors: distance", number("neighbors: distance", distance, above=0.0))
        one, other, apart = self._engine.ask(queries.pairs_within, distance)
        forward = one < other
        i, j, apart = np.where(forward, one, other), np.where(forward, other, one), np.where(forward, apart, -apart)
        order = np.lexsort((j, i))
        vector = np.ascontiguousarray(apart[:, order].T)
        lengths = np.sqrt((vector**2).sum(axis=1))
        return Neighbors(*map(read_only, (i[order], j[order], vector, lengths)))

    def count_pairs(
        self, bins: int, bounds: tuple[float, float], types: tuple[Any, Any] | None = None
    ) -> Integers:  # fmt: skip
        """How many pairs there are at distances in bins of equal widths, (bins,), by their nearest images; of particles
        of two types, or of all. Each rank counts its share. See `motes.Rdf`."""
        bins = whole_number("bins", bins, minimum=1)
        first, last = (number("the range of distances", bound, minimum=0.0) for bound in bounds)
        if not first < last:
            raise InputError(f"the range of distances: expected one and a larger one, got {bounds!r}")
        self._within_box("the range of distances", last)
        wanted = np.ones((len(self.type_names),) * 2, np.int64)
        if types is not None:
            a, b = map(self._type, types)
            wanted[:] = 0
            wanted[a, b] = wanted[b, a] = 1
        return read_only(self._engine.ask(queries.count_pairs, wanted, (first, last), bins))

    def sample(self, number: int) -> Particles:
        """So many particles, or all, to look at a part of a large system: picked by their ids alone, so the same at any
        step and on any ranks, and those of a smaller sample are among them. Only they are gathered. Bonds and angles
        are left out."""
        return sample(self._engine, self._summary, whole_number("sample: number", number, minimum=1))

    def density_modes(self, q: float, type: Any = None) -> Modes:  # noqa: A002  # the field's word
        """Fourier components of the density, sum of exp(i k.r) over particles, at the reciprocal vectors of the box.

        Args:
            q: the largest wave number |k|.
            type: of particles of one type only; None is all.

        Returns:
            vectors, (V, d): whole numbers n, with k = 2 pi n / box.lengths, of k and -k one, without 0; values, (V,):
            complex, with r from the origin of the box. Every rank adds up its own particles, each to 2**-39, in whole
            numbers.

        Raises:
            InputError: for a box that is not periodic along all axes, and for a q with no or too many vectors.
        """
        rows = rows_within(self.box, number("q", q, above=0.0))
        kind = None if type is None else self._type(type)
        sums = QUANTUM * self._engine.ask(queries.density_modes, rows, kind)
        values = sums.view(np.complex128)[:, 0]
        return Modes(read_only(vectors_in(rows, self.box.dimensions)), read_only(values))

    def _type(self, label: Any) -> int:
        """The number of a type."""
        if label not in self.type_names:
            hint = did_you_mean(str(label), map(str, self.type_names))
            raise InputError(f"there is no type {label!r}; {hint}")
        return self.type_names.index(label)

    def _within_box(self, name: str, distance: float) -> float:
        edges = self._summary.box.lengths[self._summary.box.periodic]
        if distance > 0.5 * edges.min(initial=math.inf):
            raise InputError(
                f"{name}: expected at most {0.5 * edges.min():.6g}, half the shortest periodic edge of the box, got "
                f"{distance:g}: farther away a particle has several images"
            )
        return distance

    def _energies(self) -> tuple[float, float]:
        """Energy and virial."""
        self._course.require_forces()  # of particles that overlap there are none
        return self._call(commands.energies)

    def _call(
        self, function: Callable[Concatenate[Engine, Given], Answer], *arguments: Given.args, **named: Given.kwargs
    ) -> Answer:
        """Call a function of all engines that may find a particle which it cannot work with."""
        try:
            return self._engine.call(function, *arguments, **named)
        except StoppedError as stopped:
            raise RunError(self._parts.reporter.report(stopped.failure)) from None

    def _ranking(self) -> Integers:
        """Where the particles lie in the state, in the order of their ids; to be asked within a turn."""
        engine = self._engine.here
        if self._order is None or self._order[0] is not engine or self._order[1] != engine.layouts:
            self._order = engine, engine.layouts, np.argsort(self._engine.ask(queries.gather, "ids"))
        return self._order[2]

    def _sorted(self, name: str) -> Array:
        with self._engine.turn():  # the values and their order are of one step
            return read_only(np.ascontiguousarray(self._engine.ask(queries.gather, name)[..., self._ranking()].T))

    # Numbers

    @property
    def potential_energy(self) -> float:
        """Energy of all interactions."""
        return self._energies()[0]

    @property
    def virial(self) -> float:
        """Sum over pairs, bonds and many-body energies of distance times force along it; fields have no part in it."""
        return self._energies()[1]

    @property
    @of_one_step
    def energies(self) -> Floats:
        """What each particle has of the potential energy, (N,): half of a pair's or a bond's, a third of an angle's,
        all of a field's and of its embedding. `math.fsum` of them is exactly the potential energy, unless they cancel
        to less than the rounding of the largest."""
        energies, total = self._portions()[0], self.potential_energy
        for index in np.argsort(-np.abs(energies), kind="stable")[:MOST_ROUNDED]:  # of equals that of the lowest id
            if math.fsum(energies) == total:
                break
            energies[index] += math.fsum([total, *(-energies)])  # what rounding to float64 has left
        return read_only(energies)

    @property
    @of_one_step
    def stress(self) -> Floats:
        """The stress of each particle times its volume, (N, d, d): -m v v, and minus half of r f of each pair or bond,
        a third of an angle's (Thompson, Plimpton and Mattson, J. Chem. Phys. 131, 154107 (2009)). Divided by the volume
        of the box, their sum is minus `pressure_tensor`. Particles without velocities have no kinetic part."""
        found = -tensor(self._portions()[1:], self.box.dimensions)
        if self.has_velocities:
            velocities = self._sorted("velocities")
            found -= self._sorted("mass")[:, None, None] * velocities[:, :, None] * velocities[:, None, :]
        return read_only(found)

    @property
    @of_one_step
    def pressure_tensor(self) -> Floats:
        """The sum of m v v, and of r f over pairs, bonds and angles, over the volume of the box, (d, d); its trace over
        d is the pressure. Under Brownian motion the kinetic part is the mean in the bath."""
        self._course.require_forces()
        virial = tensor(
            self._call(commands.whole_portions, self._parts.portion_plans(self.step))[1:], self.box.dimensions
        )
        if self.has_velocities:
            kinetic = self._engine.ask(queries.kinetic_tensor)
        else:
            kinetic = np.eye(self.box.dimensions) * (2 * self.kinetic_energy / self.box.dimensions)
        return read_only((virial + kinetic) / self.box.volume)

    @property
    @of_one_step
    def potential_energies(self) -> tuple[float, ...]:
        """The potential energy of each interaction, in their order."""
        self._course.require_forces()
        return tuple(
            float(self._call(commands.whole_portions, self._parts.portion_plans(self.step, number))[0])
            for number in range(len(self.interactions))
        )

    def _portions(self) -> Floats:
        """Energy and components of the virial of each particle, (k, N) by rising ids."""
        with self._engine.turn():  # the values and their order are of one step
            self._course.require_forces()
            rows, unit = self._call(commands.portions, self._parts.portion_plans(self.step))
            return values_of(rows[:, self._ranking()], unit)

    @property
    def kinetic_energy(self) -> float:
        """Sum of m v**2 / 2. Under Brownian motion, the mean in its bath, d N T / 2; under a flow none: NaN."""
        if self.has_velocities:
            return self._engine.ask(queries.kinetic_energy)
        here = self._engine.here
        bath = (
            math.nan
            if self._parts.integrator.independent
            else float(here.integrator.number(here.state, "temperature")[0])
        )
        return 0.5 * self.degrees_of_freedom * bath

    @property
    def degrees_of_freedom(self) -> int:
        """d for each particle that is not frozen, less one for each axis along which the total momentum is conserved:
        neither a wall, nor a field that depends on that coordinate, nor a bath or a force that is not mutual, nor a
        frozen particle changes it."""
        return self._parts.plan.freedom

    @property
    @of_one_step
    def conserved_energy(self) -> float:
        """Potential and kinetic energy, less the heat that a bath has given since it took over.

        It tells the error of the integration. NaN where nobody counts heat or work: Langevin, Brownian motion, flows,
        forces without an energy (PairForce), and interactions that follow a schedule.
        """
        energy = all(one.has_energy for one in self._parts.interactions)
        if not (self._parts.integrator.conserves_energy and energy) or self._parts.laws.followers:
            return math.nan
        heat = self._parts.integrator.exchanged(self._engine.here.state.remembered)
        return self.potential_energy + self.kinetic_energy - heat

    @property
    @of_one_step
    def temperature(self) -> float:
        """Twice the kinetic energy for each degree of freedom (the Boltzmann constant is 1).

        Under Brownian motion, that of the bath; under a flow, NaN.
        """
        return 2 * self.kinetic_energy / self.degrees_of_freedom if self.degrees_of_freedom > 0 else 0.0

    @property
    @of_one_step
    def pressure(self) -> float:
        """(2 kinetic energy + virial) / (d volume), so that its ideal part is N T / V, also under Brownian motion, or
        (N - 1) T / V where total momentum is conserved along all axes.

        The volume is that of the box, which says little where sides are open, and so does a pressure.
        """
        return (2 * self.kinetic_energy + self.virial) / (self._summary.box.dimensions * self._summary.box.volume)

    @property
    @of_one_step
    def fingerprint(self) -> str:
        """A digest of box, ids, types, positions and velocities, the same for the same bits."""
        digest = hashlib.sha256()
        for values in (
            self._summary.box.lengths,
            self.ids,
            self.types,
            self._wrapped(),
            self._sorted("velocities") + 0.0,
        ):
            little = values.dtype.newbyteorder("<")
            digest.update(np.ascontiguousarray(values, little).tobytes())
        return digest.hexdigest()[:32]

    @property
    def timings(self) -> dict[str, float]:
        """Seconds per phase since the start, the mean over ranks; output is that of rank 0."""
        ranks = self.timings_by_rank
        return {phase: sum(rank[phase] for rank in ranks) / len(ranks) for phase in PHASES} | {
            "output": self._course.output
        }

    @property
    def timings_by_rank(self) -> list[dict[str, float]]:
        """Seconds per phase for each rank, and the messages and bytes it sent."""
        return self._engine.ask(queries.timings)

    @property
    def idleness(self) -> float:
        """The part of their time for which threads waited for each other, in steps that they share without Python; NaN
        where they share none."""
        return self._engine.ask(queries.idleness)

    @property
    def imbalance(self) -> list[float]:
        """Largest over mean work of the ranks, each time it was measured; empty on one rank."""
        return list(self._engine.ask(queries.imbalance))

    def describe(self) -> dict[str, Any]:
        """What runs where, for headers."""
        present, builds, listed = self._engine.ask(queries.lists)
        return {
            "particles": present,
            "types": self._summary.type_names,
            "box": self._summary.box,
            "density": len(self) / self._summary.box.volume,
            "interactions": self._parts.interactions,
            "integrator": self._parts.integrator,
            "ranks": ranks_of(self._parts.settings.communicator).size,
            "regions": self._engine.here.domain.regions.shape,
            "threads": self.threads,
            "cutoff": self._parts.plan.cutoff,
            "skin": self._parts.plan.skin,
            "quanta": None if self._course.refusal else self._course.quanta,
            "list_builds": builds,
            "listed_pairs": listed,
        }
