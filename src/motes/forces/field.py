"""External fields: the energy of each particle from its place, the time, and what it is.

A field pulls at particles from outside, so total momentum is not conserved, and it adds nothing to the virial: the
pressure stays that of the pairs and the motion.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from motes.core.frozen import Frozen, FrozenMapping, shown
from motes.core.state import ROUND, Floats, Integers, State
from motes.core.threads import Team
from motes.core.words import known_keywords, shortened
from motes.errors import InputError, ParticleError
from motes.exact.sums import whole
from motes.forces.field_kernel import field_key, field_source
from motes.forces.interaction import INSTEAD
from motes.forces.pair import PairSums
from motes.formulas.bind import MASS, Bound, Names, Traced, bind, check_given, names_of, trace_named
from motes.formulas.compile import load, source_of
from motes.formulas.expression import expression_parameters, parse
from motes.formulas.trace import describe


class Field(Frozen):
    """A field that acts on every particle, from its energy as a function of the place. It does not change once made.

    Args:
        function: energy(x, y, ...) of one particle, of any of the coordinates x, y (and z), the time t, the parameters
            given here, and the particles' attributes (and mass), all matched by name. NumPy functions work inside. It
            is differentiated and compiled, so it must be a formula. Along periodic axes it is called with coordinates
            inside the box, and should be as periodic as the box.
        **parameters: numbers, or one number for each type, {"A": 1.0, "B": 2.0}.

    The force is minus the derivative by the place. The virial does not contain it.

    Raises:
        InputError: for a name that is unknown, unused or not finite.

    >>> Field(lambda z, mass, g: mass * g * z, g=9.81)
    Field(<lambda>, g=9.81)
    """

    _instead: ClassVar[str] = INSTEAD

    @known_keywords
    def __init__(self, function: Callable[..., Any], **parameters: Any) -> None:
        if isinstance(function, str):
            raise InputError(f"Field takes a function; for the text {function!r} use Field.from_expression")
        self._set(
            describe(function),
            getattr(function, "__name__", type(function).__name__),
            names_of(function),
            partial(trace_named, function, wanted="one energy"),
            parameters,
        )

    @classmethod
    def from_expression(cls, text: str, **parameters: Any) -> Field:
        """The same from text such as "k*(x**2 + y**2)/2", of which nothing is ever executed."""
        field = cls.__new__(cls)
        names = expression_parameters(text, ())
        short = shortened(text)
        field._set(short, short, dict.fromkeys(names, True), partial(_parsed, text), parameters)
        field._seal()
        return field

    def _set(
        self,
        name: str,
        short: str,
        needed: dict[str, bool],
        formulas: Callable[[Sequence[str], Collection[str]], Traced],
        parameters: dict[str, Any],
    ) -> None:
        check_given(name, needed, parameters)
        self.name = name
        self.parameters = FrozenMapping(parameters, self._instead)
        self._short = short
        self._needed = needed
        self._formulas = formulas

    def __repr__(self) -> str:
        return shown(self, self._short, **self.parameters)

    def bind(self, names: Names) -> BoundField:
        """The field in this names: every name resolved, and compiled."""
        bound = bind(self.name, self._needed, self._formulas, self.parameters, names)
        if len(bound.formulas) != 1:
            raise InputError(f"{self.name} must return one energy, but returns {len(bound.formulas)} numbers")
        key = field_key(bound, names.boundary)
        module = load(key, lambda: field_source(bound, names.boundary))
        plan = FieldPlan(self.name, key, source_of(module), *bound.rows, bound.attributes)
        return BoundField(bound, plan)


def _parsed(text: str, known: Sequence[str], _taken: Collection[str]) -> Traced:
    return (parse(text, known),), {}


@dataclass(frozen=True)
class FieldPlan:
    """A field as source and numbers, which can travel to another rank.

    numbers (n,), tables (n, T) and attributes stand in the order in which the source reads them.
    """

    name: str
    key: str
    source: str
    numbers: Floats
    tables: Floats
    attributes: tuple[str, ...]

    def load(self) -> ModuleType:
        """The module of the kernel."""
        return load(self.key, lambda: self.source)


@dataclass(frozen=True)
class BoundField:
    """A field with every name resolved and what travels."""

    bound: Bound
    plan: FieldPlan


class FieldForces:
    """All fields of a run."""

    def __init__(self, plans: Sequence[FieldPlan], team: Team) -> None:
        self.plans = tuple(plans)
        self.team = team
        self._modules = [plan.load() for plan in plans]

    def add(self, state: State, sums: PairSums, energy: float | None) -> PairSums:
        """Add the forces of the fields to those of the owned particles, and their energies, if there is a quantum for
        them, to the sums."""
        for index in range(len(self.plans)):
            results = self._feel(index, state, state.quanta.force, energy or 1.0)
            force, height = _largest(results)
            if not (force < np.inf and height < np.inf):
                raise ParticleError(self.not_finite_in(index), self._find(index, state))
            sums = replace(
                sums,
                least_force=max(sums.least_force, force),
                most_force=max(sums.most_force, force),
                largest_energy=max(sums.largest_energy, height),
            )
            if energy is not None and sums.energy is not None:
                total = sum(whole(high, low) for _, _, high, low in results)
                sums = replace(sums, energy=sums.energy + total)
        return sums

    def largest(self, state: State) -> tuple[float, float]:
        """The largest force component and energy of any field here, NaN if one is. Overwrites the forces."""
        found = [_largest(self._feel(index, state, 1.0, 1.0)) for index in range(len(self.plans))]
        force, energy = np.max([(0.0, 0.0), *found], axis=0).tolist()
        return force, energy

    def not_finite_in(self, index: int) -> str:
        """What is wrong with a particle of which a field makes no number."""
        return f"feels a force or energy of the field {self.plans[index].name} that is not finite"

    def not_finite(self, state: State) -> list[tuple[int, int]]:
        """Of each field whose force or energy is not finite somewhere, its number and a particle there."""
        found = []
        for index in range(len(self.plans)):
            force, energy = _largest(self._feel(index, state, 1.0, 1.0))
            if not (force < np.inf and energy < np.inf):
                found.append((index, self._find(index, state)))
        return found

    def _feel(
        self, index: int, state: State, quantum: float, energy_quantum: float, only: tuple[int, int] | None = None
    ) -> list[Any]:
        plan, kernel = self.plans[index], self._modules[index].feel
        columns = tuple(state.mass if name == MASS else state.attributes[name] for name in plan.attributes)
        what = (
            state.positions, state.box.origin, state.box.lengths, plan.numbers, plan.tables, state.types,
            columns or (state.mass,), state.time, ROUND * quantum, ROUND * energy_quantum, state.forces,
        )  # fmt: skip
        return [kernel(*only, *what)] if only else self.team.split(kernel, state.owned, *what)

    def _find(self, index: int, state: State) -> int:
        """Of the particles whose force or energy is not finite, that of the lowest id, by halving: so ranks agree."""
        order = np.argsort(state.ids[: state.owned])
        state = _arranged(state, order)
        first, last = 0, len(order)
        while last - first > 1:
            middle = (first + last) // 2
            force, energy = _largest(self._feel(index, state, 1.0, 1.0, (first, middle)))
            finite = force < np.inf and energy < np.inf
            first, last = (middle, last) if finite else (first, middle)
        return int(order[first])


def _arranged(state: State, order: Integers) -> State:
    """A copy of what fields act on, in another order."""
    columns = {name: values[order] for name, values in state.attributes.items()}
    positions, forces = np.ascontiguousarray(state.positions[:, order]), np.zeros((state.dimensions, len(order)), int)
    types, mass = state.types[order], state.mass[order]
    return replace(state, positions=positions, forces=forces, types=types, mass=mass, attributes=columns)


def _largest(results: Sequence[tuple[int, ...]]) -> tuple[float, float]:
    force, energy = (np.int64(max(row[column] for row in results)).view(np.float64) for column in (0, 1))
    return float(force), float(energy)
