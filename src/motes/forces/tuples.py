"""Energies of tuples of particles that are named by their ids: what all kinds share, and the stage that runs them.

The tuples of a region come with every list (neighbors/tuples.py). The force on the particle that is left over makes
the total zero, so that momentum is conserved to the last bit.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, ClassVar, Self

import numpy as np

from motes.core.errors import InputError, ParticleError
from motes.core.frozen import FrozenMapping, shown
from motes.core.state import ROUND, Floats, Integers, PairList, State
from motes.core.threads import Team
from motes.core.tuples import Tuples
from motes.core.words import did_you_mean, known_keywords
from motes.exact.arithmetic import number_of
from motes.exact.sums import whole
from motes.forces.law import BoundInteraction, Interaction, Plan, Stage, Sums, Surroundings
from motes.forces.moment import Parameters
from motes.forces.oracle import tuple_force
from motes.forces.portions import PORTIONS, chosen
from motes.forces.tuple_kernel import LONGEST, TOO_LONG, Body, tuple_source
from motes.formulas.bind import Bound, Names, bind
from motes.formulas.kernel import Kernel
from motes.formulas.table import of_coordinate
from motes.formulas.written import Written


@dataclass(frozen=True, eq=False)
class TuplePlan:
    """One energy of tuples as a kernel and ids, which can travel to another rank."""

    one: str
    name: str
    kernel: Kernel
    members: Integers
    kinds: Integers


@dataclass(frozen=True, eq=False)
class TuplesPlan(Plan):
    """All of one kind, and the rows to which they add."""

    plans: tuple[TuplePlan, ...]
    rows: str = "forces"

    def stages(self, slots: Any, team: Team) -> Sequence[Stage]:
        """One for each."""
        return [TupleForces(plan, self.rows, team) for plan in self.plans]


class TupleForces(Stage):
    """The forces within the tuples of a region, or what each member has of energy and virial."""

    marches = True

    def __init__(self, plan: TuplePlan, rows: str, team: Team) -> None:
        self.team = team
        self._rows = rows
        self.members = plan.members
        self._plan = plan
        self._module = plan.kernel.load()
        self._parameters = Parameters(plan.kernel, team)
        self._parts: Integers = np.zeros((0, 0, 0), np.int64)

    def compute(self, state: State, pairs: PairList, energy: float | None) -> Sums:
        """Add the forces to those of particles and ghosts."""
        tuples = self.tuples
        assert tuples is not None  # they come with the list  # noqa: S101
        count = len(tuples.numbers)
        sums = state.column(self._rows)
        shape = len(tuples.indices), len(sums), count
        if self._parts.shape != shape:
            self._parts = np.empty(shape, np.int64)
        self._parameters.come(state)
        rows = self._apply(state, energy, 0, count)
        if max(row[-1] for row in rows) > LONGEST:
            raise self._first(state, lambda row: bool(row[-1] > LONGEST), TOO_LONG)
        self.team.split(self._module.gather, state.total, tuples.starts, tuples.uses, max(1, count), self._parts, sums)
        table = list(zip(*rows, strict=True))
        force, height = (number_of(max(column)) for column in table[:2])
        if energy is None:  # which is worked out all the same: of a bond that is torn, the force may be finite
            return Sums(None, None, force, force, height)
        energies, virials = (whole(*map(sum, limbs)) for limbs in (table[2:5], table[5:8]))
        return Sums(energies, virials, force, force, height)

    def _apply(self, state: State, energy: float | None, begin: int, end: int) -> list[tuple[Any, ...]]:
        """What the kernel says of tuples begin .. end - 1."""
        plan, tuples, parameters = self._plan, self.tuples, self._parameters
        assert tuples is not None  # they come with the list  # noqa: S101
        what = (
            state.positions, tuples.indices, plan.kinds[tuples.numbers], parameters.numbers, parameters.tables,
            state.box.lengths, ROUND * state.quanta.force, ROUND * (energy or 1.0), self._parts,
        )  # fmt: skip
        if begin:
            return [self._module.apply(begin, end, *what)]
        return self.team.split(self._module.apply, end, *what)

    def blame(self, state: State, pairs: PairList, sums: Sums) -> ParticleError:
        """The first tuple, by its number, that is not finite."""

        def bad(row: tuple[Any, ...]) -> bool:
            return not all(math.isfinite(number_of(bits)) for bits in row[:2])

        return self._first(state, bad, "whose force or energy is not finite")

    def _first(self, state: State, bad: Callable[[tuple[Any, ...]], bool], what: str) -> ParticleError:
        """The first tuple of which the kernel says what is bad."""
        assert self.tuples is not None  # they come with the list  # noqa: S101
        # That of the particle with the lowest id, as among ranks.
        count = len(self.tuples.numbers)
        rows = np.flatnonzero([bad(self._apply(state, 1.0, t, t + 1)[0]) for t in range(count)])
        first = rows[np.lexsort((self.tuples.numbers[rows], state.ids[self.tuples.indices[0, rows]]))[0]]
        indices = self.tuples.indices[:, first]
        ids = ", ".join(str(state.ids[index]) for index in indices)
        cause = f"is in the {self._plan.one} of {ids} ({self._plan.name}) {what}"
        return ParticleError(cause, int(indices[0]), size=np.inf)


@dataclass(frozen=True, eq=False)
class BoundTuples(BoundInteraction):
    """An energy of tuples with every name resolved.

    Attributes:
        name: of the function, for messages.
        energy: the formula, in the coordinate of the kind.
        tuples: those it is of.
    """

    name: str
    energy: Bound
    tuples: Tuples

    one: ClassVar[str]
    """A word for one of them."""

    @property
    def label(self) -> str:
        """So that nobody takes it for an interaction of any two."""
        return f"the {self.one} {self.name}"

    @property
    def reach(self) -> float:
        """Only those who are named feel each other."""
        return 0.0

    def record(self) -> tuple[Any, ...]:
        """Formula and numbers; the tuples themselves are in the checkpoint."""
        return self.one, *self.energy.record()

    def at(self, values: Floats) -> Self:
        """With the numbers of a step."""
        return replace(self, energy=self.energy.at(values))

    @abstractmethod
    def body(self, dimensions: int) -> Body:
        """What happens to one tuple; InputError if the code is not what the formula says."""

    @abstractmethod
    def measure(self, points: Floats) -> Floats:
        """The coordinate of tuples at points (k, d, n)."""

    @cached_property
    def _uses(self) -> dict[int, list[int]]:
        """Of each id the numbers of its tuples."""
        uses: dict[int, list[int]] = {}
        for number, members in enumerate(self.tuples.members.tolist()):
            for one in members:
                uses.setdefault(one, []).append(number)
        return uses

    def partners(self, number: int) -> set[int]:
        """All members of the particle's tuples."""
        return {one for row in self._uses.get(number, []) for one in self.tuples.members[row].tolist()} - {number}

    def force_on(self, surroundings: Surroundings) -> Floats:
        """By differences of the energies of the particle's tuples."""
        mine, around = int(surroundings.particle["id"]), surroundings.around
        apart = surroundings.apart
        nearest: dict[int, Floats] = {mine: np.zeros(len(apart))}
        for k in np.argsort(-(apart**2).sum(axis=0)):
            if around["id"][k] != mine:  # in a small box its own images are around it
                nearest[int(around["id"][k])] = apart[:, k]
        force = np.zeros(len(apart))
        for row in self._uses.get(mine, []):
            members = self.tuples.members[row].tolist()
            points = np.array([nearest[one] for one in members])
            for k in range(1, len(points)):  # from member to member, as a tuple is resolved
                points[k] = points[k - 1] + surroundings.nearest(points[k] - points[k - 1])
            force += tuple_force(partial(self._energy_at, row), points, members.index(mine))
        return force

    def _energy_at(self, row: int, points: Floats) -> Floats:
        """Of one tuple with its members at points, (k, d)."""
        coordinate = {self.coordinate: self.measure(points[:, :, None])}
        with np.errstate(all="ignore"):
            return np.asarray(self.energy.value(coordinate, self.tuples.types[row], {}), float).reshape(())

    coordinate: ClassVar[str]

    @classmethod
    def plan(cls, bound: Sequence[BoundTuples], names: Names) -> TuplesPlan:
        """A kernel for each."""
        return TuplesPlan(tuple(_planned(one, names) for one in bound))

    @classmethod
    def portions(cls, bound: Sequence[BoundTuples], names: Names, only: int | None) -> TuplesPlan:
        """Equal parts for all members."""
        return TuplesPlan(tuple(_planned(one, names, True) for one in chosen(bound, only)), PORTIONS)


def _planned(one: BoundTuples, names: Names, portions: bool = False) -> TuplePlan:
    periodic = [word == "periodic" for word in names.boundary]
    key = f"{one.energy.key}\n{one.one} {periodic}" + (f"\n{PORTIONS}" if portions else "")
    kernel = Kernel.made(
        key, lambda: tuple_source(one.energy, one.body(names.dimensions), periodic, portions), one.energy.rows,
        followed=one.energy.followed,
    )  # fmt: skip
    return TuplePlan(one.one, one.name, kernel, one.tuples.members, one.tuples.types)


class TupleInteraction(Interaction):
    """An energy of tuples of one kind, as a user writes it."""

    coordinate: ClassVar[str]
    bound: ClassVar[type[BoundTuples]]

    @known_keywords
    def __init__(self, function: Any, **parameters: Any) -> None:
        self._set(Written.function(self, of_coordinate(function, self.coordinate)), parameters)

    @classmethod
    def from_expression(cls, text: str, **parameters: Any) -> Self:
        """The same from text such as "k*(r - a)**2", of which nothing is ever executed."""
        return cls._made(Written.text(text), parameters)

    def _set(self, written: Written, given: Mapping[str, Any]) -> None:
        name, needed = written.name, written.needed
        if self.coordinate not in needed:
            raise InputError(f"{name} must be a function of {self.coordinate}, and takes {', '.join(needed) or 'none'}")
        others = [word for word in needed if word != self.coordinate]
        for word in given:
            if word not in others:
                raise InputError(f"{name}: the parameter {word!r} is not used; {did_you_mean(word, others)}")
        self.name = name
        self.parameters = FrozenMapping(given, self._instead)
        self._written = written

    def __repr__(self) -> str:
        return shown(self, self._written.short, **self.parameters)

    def bind(self, names: Names) -> BoundTuples:
        """The energy of the particles' own tuples."""
        tuples = names.topology.get(self.tuples)
        if tuples is None or not tuples.names:  # there may have been some, which went with their particles
            give = f"motes.Particles(..., {self.tuples}=[...])"
            raise InputError(f"{self!r}: the particles have no {self.tuples}: {give}")
        for word, needs in self._written.needed.items():
            if needs and word not in (*self.parameters, self.coordinate):
                raise InputError(f"{self.name}: the parameter {word!r} is missing: give {word}=...")
        of_types = replace(names, type_names=tuples.names, attributes={})
        bound = bind(
            self.name, self._written.needed, self._written.formulas, self.parameters, of_types, (self.coordinate,),
            f"{self.bound.one} type",
        )  # fmt: skip
        return self.bound(self.name, bound, tuples)
