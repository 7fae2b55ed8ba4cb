"""External fields: the energy of each particle from its position, the time, and what it is.

A field pulls at particles from outside, so total momentum is not conserved, and it adds nothing to the virial: the
pressure stays that of the pairs and the motion.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from motes.core.box import AXES, Box
from motes.core.errors import ParticleError
from motes.core.frozen import FrozenMapping, shown
from motes.core.state import ROUND, Floats, Integers, PairList, State
from motes.core.threads import Team
from motes.core.words import known_keywords
from motes.exact.arithmetic import number_of
from motes.exact.sums import whole
from motes.forces.field_kernel import field_key, field_source
from motes.forces.law import BoundInteraction, Interaction, Plan, Stage, Sums, Surroundings
from motes.forces.moment import Moment, Parameters
from motes.forces.oracle import field_energy, field_force
from motes.forces.portions import PORTIONS, chosen
from motes.formulas.bind import COORDINATES, MASS, Bound, Names, bind, check_given
from motes.formulas.kernel import Kernel
from motes.formulas.written import Written

SAMPLES = 8
"""At how many positions between the sides the two sides of a periodic axis are compared."""

SOME_TIME = 0.37
"""When."""

JUMP = 1e-3
"""By so much of the largest force it may differ from one side to the other; slopes are known to less."""


class Field(Interaction):
    """A field that acts on every particle, from its energy as a function of the position. It does not change once made.

    Args:
        function: energy(x, y, ...) of one particle, of any of the coordinates x, y (and z), the time t, the parameters
            given here, and the particles' attributes (and mass), all matched by name. NumPy functions work inside. It
            is differentiated and compiled, so it must be a formula. Along periodic axes it is called with coordinates
            inside the box, and should be as periodic as the box.
        **parameters: numbers, or one number for each type, {"A": 1.0, "B": 2.0}; any may be a `motes.Ramp` or a
            `motes.Schedule`.

    The force is minus the derivative by the position. The virial does not contain it.

    Raises:
        InputError: for a name that is unknown, unused or not finite.

    >>> Field(lambda z, mass, g: mass * g * z, g=9.81)
    Field(<lambda>, g=9.81)
    """

    kind = "field"
    conserves_momentum = False  # it pulls from outside

    @property
    def pushes(self) -> frozenset[str]:
        """Those that its energy depends on."""
        return frozenset(AXES).intersection(self._written.needed)

    @known_keywords
    def __init__(self, function: Callable[..., Any], **parameters: Any) -> None:
        self._set(Written.function(self, function), parameters)

    @classmethod
    def from_expression(cls, text: str, **parameters: Any) -> Self:
        """The same from text such as "k*(x**2 + y**2)/2", of which nothing is ever executed."""
        return cls._made(Written.text(text), parameters)

    def _set(self, written: Written, parameters: Mapping[str, Any]) -> None:
        check_given(written.name, written.needed, parameters)
        self.name = written.name
        self.parameters = FrozenMapping(parameters, self._instead)
        self._written = written

    def __repr__(self) -> str:
        return shown(self, self._written.short, **self.parameters)

    def bind(self, names: Names) -> BoundField:
        """The field with every name resolved."""
        needed, formulas = self._written.needed, self._written.formulas
        return BoundField(self.name, bind(self.name, needed, formulas, self.parameters, names))


@dataclass(frozen=True)
class FieldsPlan(Plan):
    """All fields of a run: their names and kernels, whether the time is in them, and the rows to which they add."""

    fields: tuple[tuple[str, Kernel, bool], ...]
    rows: str = "forces"

    def stages(self, slots: Any, team: Team) -> Sequence[Stage]:
        """One for each."""
        return [FieldForces(*field, self.rows, team) for field in self.fields]


@dataclass(frozen=True)
class BoundField(BoundInteraction):
    """A field with every name resolved."""

    name: str
    bound: Bound

    @property
    def label(self) -> str:
        """So that nobody takes it for an interaction of two."""
        return f"the field {self.name}"

    @property
    def reach(self) -> float:
        """No particle feels another one."""
        return 0.0

    def record(self) -> tuple[Any, ...]:
        """Formula and numbers."""
        return "field", *self.bound.record()

    def force_on(self, surroundings: Surroundings) -> Floats:
        """Where the particle is."""
        particle, position = surroundings.particle, surroundings.position
        return field_force(self.bound, int(particle["type"]), particle, position, surroundings.time, surroundings.edges)

    def at(self, values: Floats) -> BoundField:
        """With the numbers of a step."""
        return replace(self, bound=self.bound.at(values))

    def jumps(self, box: Box, attributes: Mapping[str, Floats]) -> tuple[list[str], list[str]]:
        """The periodic axes at whose sides a particle, of the first type, has another energy on either side, and those
        at which only the force on it is another."""
        known = {name: 1.0 if name == MASS else attributes[name][0] for name in self.bound.attributes}
        axes, edges = COORDINATES[: box.dimensions], box.lengths.tolist()
        positions = box.origin + box.lengths * np.random.default_rng(0).uniform(size=(SAMPLES, box.dimensions))

        def here(position: Floats) -> Floats:
            coordinates = dict(zip(axes, position.tolist(), strict=True))
            energy = field_energy(self.bound, 0, known, coordinates, SOME_TIME)
            return np.array([energy, *field_force(self.bound, 0, known, coordinates, SOME_TIME, edges)])

        largest = max(float(np.abs(here(position)[1:]).max()) for position in positions)
        energies, forces = [], []
        for a in np.flatnonzero(box.periodic):
            along = np.eye(box.dimensions)[a]
            sides = [position + along * (box.origin[a] - position[a]) for position in positions]
            changes = [np.abs(here(side + along * edges[a]) - here(side)) for side in sides]
            if max(change[0] for change in changes) > JUMP * largest * edges[a]:
                energies.append(axes[a])
            elif max(change[1:].max() for change in changes) > JUMP * largest:
                forces.append(axes[a])
        return energies, forces

    @classmethod
    def plan(cls, bound: Sequence[BoundField], names: Names) -> FieldsPlan:
        """A kernel for each."""
        return FieldsPlan(tuple((one.name, _kernel(one.bound, names), "t" in one.bound.symbols) for one in bound))

    @classmethod
    def portions(cls, bound: Sequence[BoundField], names: Names, only: int | None) -> FieldsPlan:
        """All of its energy is the particle's; there is no virial."""
        fields = tuple(
            (one.name, _kernel(one.bound, names, True), "t" in one.bound.symbols) for one in chosen(bound, only)
        )
        return FieldsPlan(fields, PORTIONS)


def _kernel(bound: Bound, names: Names, portions: bool = False) -> Kernel:
    key = field_key(bound, names.boundary) + (f"\n{PORTIONS}" if portions else "")
    return Kernel.made(
        key, lambda: field_source(bound, names.boundary, portions), bound.rows, bound.attributes, bound.followed
    )


class FieldForces(Stage):
    """A field, on the owned particles: their forces, or portions of the energy."""

    outside = True
    marches = True

    def __init__(self, name: str, kernel: Kernel, timed: bool, rows: str, team: Team) -> None:
        self.team = team
        self._rows = rows
        self.stepped = timed
        self._moment, self._parameters = Moment(team), Parameters(kernel, team)
        self._name = name
        self._kernel = kernel
        self._module = kernel.load()

    def compute(self, state: State, pairs: PairList, energy: float | None) -> Sums:
        """Add the forces to those of the owned particles. It has no virial."""
        if self.stepped:
            self._moment.come(state)
        self._parameters.come(state)
        results = self._apply(state, state.quanta.force, energy or 1.0)
        force, height = _largest(results)
        total = None if energy is None else sum(whole(*limbs) for _, _, *limbs in results)
        return Sums(total, None if energy is None else 0, force, force, height)

    def blame(self, state: State, pairs: PairList, sums: Sums) -> ParticleError:
        """The particle of the lowest id for which it is not finite."""
        cause = f"feels a force or energy of the field {self._name} that is not finite"
        return ParticleError(cause, self._find(state), size=np.inf)

    def _apply(
        self, state: State, quantum: float, energy_quantum: float, only: tuple[int, int] | None = None
    ) -> list[Any]:
        apply, parameters = self._module.apply, self._parameters
        columns, rows = tuple(map(state.column, self._kernel.attributes)), state.column(self._rows)
        what = (
            state.positions, state.box.origin, state.box.lengths, parameters.numbers, parameters.tables, state.types,
            columns or (state.mass,), self._moment.clock, ROUND * quantum, ROUND * energy_quantum, rows,
        )  # fmt: skip
        return [apply(*only, *what)] if only else self.team.split(apply, state.owned, *what)

    def _find(self, state: State) -> int:
        """Of the particles whose force or energy is not finite, that of the lowest id, by halving: so ranks agree."""
        order = np.argsort(state.ids[: state.owned])
        state = _arranged(state, order)
        first, last = 0, len(order)
        while last - first > 1:
            middle = (first + last) // 2
            force, energy = _largest(self._apply(state, 1.0, 1.0, (first, middle)))
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
    """Of the force along an axis, and of the energy."""
    force, energy = (number_of(max(row[column] for row in results)) for column in (0, 1))
    return float(force), float(energy)
