"""What every interaction answers, so that nobody who runs one needs to know which it is.

What a user writes is an `Interaction`. It is bound to the particles of a run: every name becomes a value. Those of one
kind together make a `Plan`, source and numbers that can travel to other ranks, and a rank makes `Stage`s of it, which
the engine runs one after the other in every step.

A further kind is one file with these classes, and its entry in `LAWS` (forces/__init__.py).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, Protocol, Self

import numpy as np

from motes.core.box import AXES, Box
from motes.core.errors import InputError, ParticleError
from motes.core.frozen import Frozen
from motes.core.state import Array, Floats, Integers, PairList, State, TupleList
from motes.core.threads import Team
from motes.formulas.bind import Names

INSTEAD = (
    "an interaction does not change once made; make a new one, and go on with it: "
    "motes.Simulation(simulation.snapshot(), ...)"
)


class Sums(NamedTuple):
    """What a stage found: energy and virial, None where they were not asked for, and the largest numbers.

    Energy and virial are counted in the limb below a quantum (exact/sums.py).

    The largest force lies between least_force and most_force: without energies a pair kernel knows only a bound.
    largest_energy is that of an energy or virial of one pair, or an energy in one field; largest_sum is the largest
    number that one neighbour adds to a sum for a particle.
    """

    energy: int | None
    virial: int | None
    least_force: float = 0.0
    most_force: float = 0.0
    largest_energy: float = 0.0
    largest_sum: float = 0.0

    @classmethod
    def none(cls, energy: bool) -> Sums:
        """Of nothing at all."""
        return NO_SUMS if energy else NOT_ASKED

    @property
    def finite(self) -> bool:
        """Whether all of it are numbers."""
        # Each by itself, since a NaN is not less than anything.
        return self.most_force < np.inf and self.largest_energy < np.inf and self.largest_sum < np.inf

    def plus(self, other: Sums) -> Sums:
        """Of both together."""
        if self is NO_SUMS or self is NOT_ASKED:
            return other
        if other is NO_SUMS or other is NOT_ASKED:
            return self
        return Sums(
            None if self.energy is None or other.energy is None else self.energy + other.energy,
            None if self.virial is None or other.virial is None else self.virial + other.virial,
            max(self.least_force, other.least_force),
            max(self.most_force, other.most_force),
            max(self.largest_energy, other.largest_energy),
            max(self.largest_sum, other.largest_sum),
        )


NO_SUMS, NOT_ASKED = Sums(0, 0), Sums(None, None)

BEFORE, IN_SLOTS, HOME, AFTER = range(4)
"""When a stage comes: before any forces; while they are added up in slots; as their way home; or after that."""


class Stage(ABC):
    """A part of a law that a rank can do without a message. It adds to the forces of particles and ghosts, or to a
    column of its own."""

    when: ClassVar[int] = AFTER
    columns: Mapping[str, Array] = MappingProxyType({})
    """The scratch columns it needs, as they are without a particle: (0,), or (k, 0) for k numbers a particle."""
    fold: str | None = None
    """The column of which ghosts gathered something that must go home afterwards."""
    refresh: tuple[str, ...] = ()
    """The columns that ghosts must know afterwards."""
    members: Integers | None = None
    """Tuples of ids whose indices it must know, (M, k)."""
    tuples: TupleList | None = None
    """Those of this region, found with every list."""
    sum: int | None = None
    """The number of the quantum of what it adds up for each particle, if it does so."""
    marches = False
    """Whether it has loops only, which get the same from step to step."""
    stepped = False
    """Whether its loops get the number of the step, by which alone they differ from one to the next."""
    outside: ClassVar[bool] = False
    """Whether it pulls from outside, so that its forces say nothing of particles that overlap."""

    def follow(self, state: State, pairs: PairList) -> None:  # noqa: B027  # most have nothing to bring
        """A new list: bring what stays the same until the next one to where it is needed."""

    @abstractmethod
    def compute(self, state: State, pairs: PairList, energy: float | None) -> Sums:
        """Add the forces; energy and virial only if a quantum for them is given.

        A number that is not finite is said by the sums. Raises a ParticleError for a particle that cannot be taken
        further.
        """

    @abstractmethod
    def blame(self, state: State, pairs: PairList, sums: Sums) -> ParticleError:
        """Who it is of whom these sums are not finite. Slow, and the forces are overwritten."""


class Plan(Protocol):
    """All interactions of one kind as source and numbers, which can travel to another rank."""

    @property
    def cutoff(self) -> float:
        """Within which distance two particles must see each other; 0 if they need not."""
        return 0.0

    @property
    def special(self) -> bool:
        """Whether pairs that are a few bonds apart are not like all others."""
        return False

    @abstractmethod
    def stages(self, slots: Any, team: Team) -> Sequence[Stage]:
        """What a rank does of it, in this order."""


@dataclass(frozen=True)
class Surroundings:
    """A particle and who is around it, for the slow evaluation by NumPy.

    Attributes:
        particle: its columns by name: id, type, mass, attributes, x, y, z.
        around: those of its neighbours, arrays; their positions are relative to the particle.
        position: of the particle inside the box, by axis.
        time: of the moment.
        dt: time step of the integrator.
        step: that has been taken.
        edges: of the box.
        periodic: whether it is that along each axis.
    """

    particle: Mapping[str, Any]
    around: Mapping[str, Array]
    position: Mapping[str, float]
    time: float
    dt: float
    step: int
    edges: Sequence[float]
    periodic: Sequence[bool]

    @property
    def apart(self) -> Floats:
        """From the particle to its neighbours, (d, n)."""
        apart: Floats = np.array([self.around[axis] for axis in self.position], float)
        return apart

    def nearest(self, step: Floats) -> Floats:
        """The way from a particle to the nearest image of another, (d,), from the way to any of its images."""
        edges = np.array(self.edges)
        with np.errstate(invalid="ignore"):
            return np.where(self.periodic, step - edges * np.rint(step / edges), step)


class BoundInteraction(ABC):
    """An interaction with every name resolved."""

    name: str

    @property
    def label(self) -> str:
        """Its name in a report."""
        return self.name

    def at(self, values: Floats) -> BoundInteraction:  # what follows no steps stays as it is
        """The same with these values of all followers of the run, those of a step, for the slow evaluation by NumPy."""
        return self

    @property
    @abstractmethod
    def reach(self) -> float:
        """The largest distance of two particles that feel each other; 0 if none do."""

    def partners(self, _number: int) -> set[int]:
        """The ids of those whom a particle feels wherever they are."""
        return set()

    @property
    def horizon(self) -> float:
        """How far around a particle its force depends on others."""
        return self.reach

    @abstractmethod
    def record(self) -> tuple[Any, ...]:
        """What checkpoints compare, to know it again: the formula and all numbers in it."""

    @abstractmethod
    def force_on(self, surroundings: Surroundings) -> Floats:
        """The force on a particle, (d,), from the formula alone (see oracle.py)."""

    def jumps(self, box: Box, attributes: Mapping[str, Floats]) -> tuple[list[str], list[str]]:
        """The periodic axes at whose sides a particle has another energy on either side, and those at which only the
        force on it is another."""
        return [], []

    def forces_between(self, rows: Mapping[str, Array], one: Integers, other: Integers, distances: Floats) -> Floats:
        """How strong the force between particles of these rows is, for those that feel each other in pairs."""
        return np.zeros(len(distances))

    @classmethod
    @abstractmethod
    def plan(cls, bound: Sequence[Self], names: Names) -> Plan:
        """All of this kind together, compiled."""

    @classmethod
    def portions(cls, bound: Sequence[Self], names: Names, only: int | None) -> Plan:  # noqa: ARG003  # as its kinds have it
        """Likewise of all, or of one by its number, with stages that say what each particle has of energy and virial,
        instead of forces (portions.py); InputError for a kind that does not know."""
        raise InputError(f"{bound[0].name}: {cls.__name__} does not say what each particle has of its energy")


class Interaction(Frozen):
    """What a user writes. It does not change once made."""

    _instead: ClassVar[str] = INSTEAD
    kind: ClassVar[str]
    """Its word in an input file."""
    formula: ClassVar[str] = "energy"
    """What its function gives, which is the key of a formula in an input file."""
    of_pairs: ClassVar[bool] = False
    """Whether parameters may be tables by two types, and mixing rules."""
    tuples: ClassVar[str] = ""
    """The kind of tuples whose types tables are by; of particles unless there is one."""
    of_one_function: ClassVar[bool] = True
    """Whether an input file may name its function; otherwise it has formulas only."""
    name: str
    from_expression: ClassVar[Callable[..., Any]]
    """Makes one from a formula as text, of which nothing is ever executed."""
    _set: Callable[..., None]
    """Takes what was written and given."""
    seed: int | None = None
    """Of its noise, if it has any."""
    has_energy: ClassVar[bool] = True
    """Whether its forces are those of an energy."""
    conserves_momentum: bool = True
    """Whether it cannot change the total momentum along any axis."""
    needs_velocities: bool = False
    """Whether its forces depend on velocities, so that ghosts must know them at every step."""

    @property
    def pushes(self) -> frozenset[str]:
        """The axes along which it may change the total momentum."""
        return frozenset() if self.conserves_momentum else frozenset(AXES)

    @property
    def topology(self) -> tuple[str, ...]:
        """The kinds of tuples it is about: bonds, angles."""
        return (self.tuples,) if self.tuples else ()

    @classmethod
    def _made(cls, *written: Any) -> Self:
        """One of what __init__ does not take, a formula as text."""
        made = cls.__new__(cls)
        made._set(*written)
        made._seal()
        return made

    def bind(self, names: Names) -> BoundInteraction:
        """The interaction between particles of these types with these attributes.

        Raises:
            InputError: for a name that nothing is known of, or a parameter that does not fit the particles.
        """
        raise NotImplementedError
