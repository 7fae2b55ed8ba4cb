"""Energies of many bodies: each particle in the density that its neighbours make (M. S. Daw and M. I. Baskes, Phys.
Rev. B 29, 6443, 1984; the embedded-atom method).

Algorithm: a first pass over the list of pairs adds up the density of each particle, and what ghosts have gathered goes
home. Every particle then has its energy and the slope of it, which ghosts receive. A second pass is the force of the
pairs, (slope_i density'_ij + slope_j density'_ji).

Invariant: densities are sums of whole numbers, so slopes are the same numbers for a particle and all its ghosts, on any
rank. Their quantum follows the largest of all, and two limbs below it keep 2**-96 of it, since the slope of a root
depends on a small density as much as on a large one: what is 2**-60 of the largest is known to all digits, or to nearly
all between two looks at the range.

Disadvantage: two passes and two more rounds of messages a step. What is below the last limb is 0. Where densities are
not negative, an infinite slope counts as 0 there: a neighbour so near its cutoff that it adds no more has no force
either. Where they may cancel it stays, and ends the run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from motes.core.checks import ByTypes
from motes.core.compiled import ENERGY
from motes.core.errors import InputError, ParticleError
from motes.core.frozen import FrozenMapping, shown
from motes.core.state import ROUND, Floats, PairList, State
from motes.core.threads import Team
from motes.core.words import did_you_mean, known_keywords
from motes.exact.arithmetic import number_of
from motes.exact.sums import SUM_LIMB, whole
from motes.forces.cluster_kernel import OF_FORCES, OF_SUMS, Term
from motes.forces.clusters import ClusterPlan, ClusterSums, plan_clusters
from motes.forces.law import BEFORE, BoundInteraction, Interaction, Plan, Stage, Sums, Surroundings
from motes.forces.moment import Parameters
from motes.forces.oracle import embedded_force
from motes.forces.pair_function import PairFormula, PairFunction, kept_cutoff
from motes.forces.portions import PORTIONS, give_particle
from motes.forces.slots import SlotForces
from motes.forces.verify import require_right_pair
from motes.formulas import verify
from motes.formulas.bind import PREFIX, Bound, Names, bind
from motes.formulas.derive import PairCode, derive_field, evaluate
from motes.formulas.kernel import Kernel
from motes.formulas.lines import ENERGY_UNITS, add_energy, header, indent
from motes.formulas.table import of_coordinate
from motes.formulas.written import Written

RHO = "rho"
SAMPLES = 512
"""Distances at which it is looked whether a density is negative."""

DENSITY, SLOPE = "motes_density{}", "motes_slope{}"
"""The columns of one Embedded of a simulation, by its number."""


@dataclass(frozen=True)
class BoundEmbedded(BoundInteraction):
    """An energy of many bodies with every name resolved.

    Attributes:
        name: of the energy, for messages.
        density: what j adds to the density at i.
        energy: of one particle, as a formula of rho.
    """

    name: str
    density: PairFormula
    energy: Bound

    @property
    def reach(self) -> float:
        """The largest cutoff of any two types."""
        return self.density.reach

    @property
    def horizon(self) -> float:
        """The neighbours of a neighbour make its density."""
        return 2 * self.reach

    def record(self) -> tuple[Any, ...]:
        """Formulas and numbers."""
        return "embedded", self.density.record(), *self.energy.record()

    def at(self, values: Floats) -> BoundEmbedded:
        """With the numbers of a step."""
        return replace(self, density=self.density.at(values), energy=self.energy.at(values))

    def force_on(self, surroundings: Surroundings) -> Floats:
        """From the densities of the particle and of its neighbours."""
        here, around = surroundings.particle, surroundings.around
        columns = {name: np.concatenate([[here[name]], values]) for name, values in around.items() if name in here}
        x = np.concatenate([np.zeros((len(surroundings.position), 1)), surroundings.apart], axis=1)
        return embedded_force(self.density, self.energy, self.cancels, columns, x)

    # Two kernels of pairs, and one of particles

    @property
    def cancels(self) -> bool:
        """Whether what neighbours add may be negative, as far as samples tell; attributes, and what follows the
        steps, may be anything."""
        if self.density.attributes or self.density.followers:
            return True
        tables = (self.density.cutoff, *self.density.tables.values())
        kinds = np.arange(max(len(np.atleast_2d(table)) for table in tables))
        known = self.density.parameters((kinds[:, None], kinds), ({}, {}))
        fractions = np.linspace(0.0, 1.0, SAMPLES + 1)[1:, None, None]
        with np.errstate(all="ignore"):
            return bool(np.any(evaluate(self.density.formula, {**known, "r": fractions * known["cutoff"]}) < 0.0))

    @property
    def both_ways(self) -> bool:
        """Whether what j adds at i is not what i adds at j."""
        used = self.density.formula.symbols
        sides = any({f"{name}_i", f"{name}_j"} & used for name in self.density.attributes)
        tables = [*self.density.tables.values(), *map(np.atleast_2d, self.density.followers.values())]
        return sides or any((table != table.T).any() for table in tables)

    def code(self) -> PairCode:
        """Straight-line code of the density of a pair, and of -density'/r; InputError if it is not what they are."""
        code = self.density.derived()
        require_right_pair(self.name, self.density, None, code)
        return code

    def sums(self) -> Term:
        """What adds up the densities."""
        return self.density.term(self.code, both_ways=self.both_ways, on_j="{j}" if self.both_ways else "{i}")

    def forces(self, number: int) -> Term:
        """The force of a pair, by the slopes of both."""
        slope = SLOPE.format(number)
        both = f"{slope}_i * {{i}} + {slope}_j * {{j}}" if self.both_ways else f"({slope}_i + {slope}_j) * {{i}}"
        attributes = (*self.density.attributes, slope)
        return replace(self.sums(), attributes=attributes, code=self._force_code, on_i=both, on_j=both)

    def _force_code(self) -> PairCode:
        return replace(self.code(), energy="0.0")  # that of the particles is not of any pair

    @classmethod
    def plan(cls, bound: Sequence[BoundEmbedded], names: Names) -> EmbeddedPlan:
        """Kernels for each."""
        return EmbeddedPlan(tuple(_planned(one, number, names) for number, one in enumerate(bound)))

    @classmethod
    def portions(cls, bound: Sequence[BoundEmbedded], names: Names, only: int | None) -> EmbeddedPlan:
        """The energy of a particle is its own; of the virial of two each has half."""
        plans = [_planned(one, number, names, PORTIONS) for number, one in enumerate(bound) if only in (None, number)]
        return EmbeddedPlan(tuple(plans), PORTIONS)


@dataclass(frozen=True)
class EmbeddingPlan:
    """One of them as kernels, which can travel to another rank."""

    name: str
    density: ClusterPlan
    embedding: Kernel
    force: ClusterPlan
    number: int
    """By which its columns are called."""


@dataclass(frozen=True)
class EmbeddedPlan(Plan):
    """All of a run, for forces or for portions."""

    embedded: tuple[EmbeddingPlan, ...]
    purpose: str = OF_FORCES

    @property
    def cutoff(self) -> float:
        """The largest."""
        return max(one.density.cutoff for one in self.embedded)

    def stages(self, slots: SlotForces, team: Team) -> Sequence[Stage]:
        """Three for each; of portions two, which find densities and slopes as the others left them."""
        stages: list[Stage] = []
        for one in self.embedded:
            if self.purpose == PORTIONS:
                stages.append(EmbeddingPortions(one, team))
            else:
                column = DENSITY.format(one.number)
                stages += [ClusterSums(one.density, column, one.number, slots, team), Embedding(one, team)]
            stages += one.force.stages(slots, team)
        return stages


def _planned(one: BoundEmbedded, number: int, names: Names, purpose: str = OF_FORCES) -> EmbeddingPlan:
    force = plan_clusters([one.forces(number)], names, purpose)
    energy, key = one.energy, f"{one.energy.key}\nembedding"
    cancels = one.cancels
    key += f" {cancels} {purpose}"
    embedding = Kernel.made(
        key,
        lambda: embedding_source(energy, cancels, purpose == PORTIONS),
        energy.rows,
        energy.attributes,
        energy.followed,
    )
    density = plan_clusters([one.sums()], names, OF_SUMS)
    return EmbeddingPlan(one.name, density, embedding, replace(force, live=frozenset({SLOPE.format(number)})), number)


EMBED = "begin, end, density, unit, numbers, tables, types, attributes, energy_magic"


def embedding_source(energy: Bound, cancels: bool, portions: bool = False) -> str:
    """Source of a module with the function embed: the energy of each particle from its density, and the slope of it,
    or its portions."""
    none_here = "False" if cancels else f"{PREFIX}{RHO} == 0.0 and not abs(slope) < inf"
    code = derive_field(energy.formulas[0], [PREFIX + RHO])
    points = verify.points({*energy.formulas[0].symbols, PREFIX + RHO}, energy.known)
    points = [{**point, PREFIX + RHO: abs(point[PREFIX + RHO])} for point in points]
    verify.require_forces(energy.name, energy.formulas[0], [PREFIX + RHO], code, points)
    slope = [f"slope = -({code.results[1]})", f"own_slopes[i] = 0.0 if {none_here} else slope"]
    lines = [
        header(code.functions, code.lines),
        "",
        f'@njit(cache=True, nogil=True, error_model="numpy", returns={ENERGY!r}, per_particle=True)',
        f"def embed({EMBED}, {'portions' if portions else 'slopes'}):",
        *indent(1, ENERGY_UNITS),
        "    biggest_energy = energy_high = energy_low = energy_rest = 0",
        "    high, middle, low = density[0, begin:end], density[1, begin:end], density[2, begin:end]",
        f"    middle_unit, low_unit = unit * {SUM_LIMB!r}, unit * {SUM_LIMB**2!r}",
        *indent(1, [] if portions else ["own_slopes = slopes[begin:end]"]),
        *indent(1, [*energy.uniform_lines, *energy.part_lines]),
        "    for i in range(end - begin):",
        *indent(2, SUM_OF_LIMBS),
        *indent(2, energy.own_lines("i")),
        *indent(2, code.lines),
        f"        u = {code.results[0]}",
        *indent(2, give_particle("u", "begin + i") if portions else slope),
        "        bits = to_bits(u) & 0x7FFFFFFFFFFFFFFF",
        "        biggest_energy = bits if bits > biggest_energy else biggest_energy",
        *indent(2, add_energy("u", "energy")),
        "    return biggest_energy, energy_high, energy_low, energy_rest",
    ]
    return "\n".join(lines) + "\n"


SUM_OF_LIMBS = (
    "carry = (low[i] + (1 << 47)) >> 48",
    "tail = low_unit * (low[i] - (carry << 48))",
    "carry += middle[i]",
    "carried = (carry + (1 << 47)) >> 48",
    f"{PREFIX}{RHO} = unit * (high[i] + carried) + (middle_unit * (carry - (carried << 48)) + tail)",
)
"""The density of a particle. Each limb is brought below half a unit of the one above it, so that the highest that is
not 0 is not cancelled."""


class Embedding(Stage):
    """The energy of each owned particle in its density, and the slope of it."""

    when = BEFORE
    marches = True

    def __init__(self, plan: EmbeddingPlan, team: Team) -> None:
        self.team = team
        self.columns = {SLOPE.format(plan.number): np.zeros(0)}
        self.refresh = (SLOPE.format(plan.number),)
        self._plan = plan
        self._module = plan.embedding.load()
        self._parameters = Parameters(plan.embedding, team)

    def compute(self, state: State, pairs: PairList, energy: float | None) -> Sums:
        """Write the slopes; the virial is that of the pairs."""
        self._parameters.come(state)
        results = self._embed(state, energy or 1.0)
        largest = max((number_of(row[0]) for row in results), default=0.0)
        if energy is None:
            # Nobody has asked for an energy, but one that is no number says that the slope is none as well.
            return Sums(None, None, largest_energy=0.0 if np.isfinite(largest) else largest)
        return Sums(sum(whole(*limbs) for _, *limbs in results), 0, largest_energy=largest)

    def _embed(self, state: State, energy_quantum: float) -> list[Any]:
        return self.team.split(self._module.embed, state.owned, *self._arguments(state, energy_quantum))

    def _arguments(self, state: State, energy_quantum: float) -> tuple[Any, ...]:
        parameters = self._parameters
        attributes = tuple(map(state.column, self._plan.embedding.attributes)) or (state.mass,)
        density, unit = state.column(DENSITY.format(self._plan.number)), state.quanta.sums[self._plan.number]
        numbers = parameters.numbers, parameters.tables, state.types, attributes
        return density, unit, *numbers, ROUND * energy_quantum, state.column(self._written)

    @property
    def _written(self) -> str:
        return SLOPE.format(self._plan.number)

    def blame(self, state: State, pairs: PairList, sums: Sums) -> ParticleError:
        """The particle of the lowest id among those without a finite energy."""
        arguments = self._arguments(state, 1.0)
        found = [
            int(state.ids[i])
            for i in range(state.owned)
            if not math.isfinite(number_of(self._module.embed(i, i + 1, *arguments)[0]))
        ]
        index = int(np.flatnonzero(state.ids[: state.owned] == min(found))[0])
        return ParticleError(f"has a density at which the energy {self._plan.name} is not finite", index, size=np.inf)


class EmbeddingPortions(Embedding):
    """The same energy, which is all the particle's."""

    def compute(self, state: State, pairs: PairList, energy: float | None) -> Sums:
        """Add it to the portions."""
        self._parameters.come(state)
        results = self._embed(state, energy or 1.0)
        return Sums(0, 0, largest_energy=number_of(max((row[0] for row in results), default=0)))

    @property
    def _written(self) -> str:
        return PORTIONS


class Embedded(Interaction):
    """The energy of each particle as a function of the density that its neighbours make: sum over i of energy(rho_i).

    It does not change once made, and can serve in several simulations.

    Args:
        density: density(r, ...), what a neighbour at the distance r adds to the density; rho_i is the sum over all j
            within the cutoff. It need not be the same both ways: in a parameter {("A", "B"): 1.0, ...} the first type
            is that of the particle at which the density is, the second that of the one that makes it, and attributes
            may be named by side, charge_i and charge_j.
        energy: energy(rho, ...) of one particle in this density.
        cutoff: the distance beyond which nothing is added: a number, or a table by type.
        **parameters_given: of either function, by name: for the density as for Pair; for the energy numbers, or one for
            each type. A name that both functions have is the same number in both.

    The pairs' own energies are a Pair beside it. Both functions must be formulas, with NumPy functions inside.

    Raises:
        InputError: for a parameter that is missing, unused or not finite, and for a cutoff that is not positive.

    >>> Embedded(lambda r, a: np.exp(-a * r), lambda rho, c: -c * np.sqrt(rho), cutoff=3.0, a=1.2, c=2.0)
    Embedded(<lambda>, <lambda>, cutoff=3.0, a=1.2, c=2.0)
    """

    kind = "embedded"
    of_pairs = True
    of_one_function = False

    @known_keywords
    def __init__(
        self, density: Callable[..., Any], energy: Callable[..., Any], cutoff: ByTypes, **parameters_given: Any
    ) -> None:
        energy = of_coordinate(energy, RHO)
        written = Written.function(self, density, ("r",)), Written.function(self, energy, (RHO,))
        self._set(*written, cutoff, parameters_given)

    @classmethod
    @known_keywords
    def from_expression(cls, text: str, density: str, cutoff: ByTypes, **parameters_given: Any) -> Self:
        """The same from text: the energy, such as "-c*sqrt(rho)", and the density; nothing of them is ever executed."""
        return cls._made(Written.text(density, ("r",)), Written.text(text, (RHO,)), cutoff, parameters_given)

    def _set(self, density: Written, energy: Written, cutoff: Any, given: Mapping[str, Any]) -> None:
        known = {**density.needed, **energy.needed}
        for word in given:
            if word not in known:
                raise InputError(
                    f"{energy.name}: the parameter {word!r} is not used by either function; {did_you_mean(word, known)}"
                )
        self.name = energy.name
        self.cutoff = kept_cutoff(self.name, cutoff)
        self.parameters = FrozenMapping(given, self._instead)
        mine = {word: value for word, value in self.parameters.items() if word in density.needed}
        self._density = PairFunction(density, ("r",), mine, symmetric=False)
        self._energy = energy

    def __repr__(self) -> str:
        return shown(self, self._density.written.short, self._energy.short, cutoff=self.cutoff, **self.parameters)

    def bind(self, names: Names) -> BoundEmbedded:
        """The energy of particles of these types with these attributes."""
        needed = self._energy.needed
        given = {word: value for word, value in self.parameters.items() if word in needed}
        bound = bind(self.name, {RHO: True, **needed}, self._energy.formulas, given, names, coordinates=(RHO,))
        return BoundEmbedded(self.name, self._density.bind(names, self.cutoff), bound)
