"""Forces along the line between two particles that need no energy: friction, noise, chasing.

A force may depend on the distance r, its rate of change v, a normal random number, the time, and what the two
particles have of their own. It is a term in a kernel of pairs like an energy's, but nothing is differentiated.

Velocities are those in the middle of the step, between the two kicks, of which velocity Verlet has no better ones; so
the temperature of a dissipative fluid errs by the order of dt, as R. D. Groot and P. B. Warren, J. Chem. Phys. 107,
4423 (1997), discuss. State.force_velocities keeps them: forces are a function of what a checkpoint has.

Disadvantage: ghosts must know velocities as well, one message more a step and neighbour; and the noise of a pair costs
about as much as ten Lennard-Jones pairs, also where it lies beyond the cutoff.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from motes.core.checks import ByTypes, Seed
from motes.core.errors import InputError
from motes.core.frozen import FrozenMapping, shown
from motes.core.state import Floats
from motes.core.words import known_keywords
from motes.exact.noise import PAIRS, check_seed, draw_for_pairs, key_of_step
from motes.forces import oracle
from motes.forces.cluster_kernel import Term
from motes.forces.law import Interaction, Surroundings
from motes.forces.of_pairs import BoundOfPairs
from motes.forces.pair_function import PairFunction, Rows, kept_cutoff
from motes.forces.parameters import OF_THE_PAIR
from motes.formulas.bind import Names
from motes.formulas.derive import PairCode, derive_values
from motes.formulas.verify import require_right
from motes.formulas.written import Written


@dataclass(frozen=True)
class BoundPairForce(BoundOfPairs):
    """A force between two particles with every name resolved; it is positive if the two are pushed apart.

    Attributes:
        mutual: whether what i feels from j, j feels from i.
        seed: of the noise.
    """

    mutual: bool
    seed: int

    @property
    def reads(self) -> frozenset[str]:
        """What of the pair the formula depends on."""
        return self.pair.formula.symbols & frozenset(OF_THE_PAIR)

    def record(self) -> tuple[Any, ...]:
        """Formula, numbers and seed."""
        return "pair-force", *self.pair.record(), self.mutual, self.seed

    def seen(self, surroundings: Surroundings, distances: Floats) -> dict[str, Any]:
        """With rates of change and noise, if the formula depends on them."""
        here, around = surroundings.particle, surroundings.around
        values = {"r": distances, "t": surroundings.time, "dt": surroundings.dt}
        if "v" in self.reads:
            rates = [around[f"force_v{axis}"] - here[f"force_v{axis}"] for axis in surroundings.position]
            values["v"] = (surroundings.apart * np.array(rates)).sum(axis=0) / distances
        if "noise" in self.reads:
            key = key_of_step(self.seed, PAIRS, surroundings.step)
            values["noise"] = draw_for_pairs(key, int(here["id"]), around["id"])
        return values

    def force_between(self, ones: Rows, others: Rows, values: Mapping[str, Any]) -> Floats:
        """0 beyond the cutoff."""
        return oracle.pair_value(self.pair, self.pair.parameters_between(ones, others), values)

    def code(self) -> PairCode:
        """Straight-line code; InputError if it is not what the formula says."""
        code = derive_values([self.pair.formula])
        require_right(self.name, [self.pair.formula], code.lines, code.results, self.pair.known)
        return PairCode((), code.lines, code.lines, f"({code.results[0]} / r)", "0.0", code.functions)

    @property
    def term(self) -> Term:
        """What it is in a kernel."""
        on_j = "{i}" if self.mutual else "{j}"
        return self.pair.term(
            self.code, both_ways=not self.mutual, on_j=on_j, reads=self.reads | {"r"}, seed=self.seed
        )  # fmt: skip


class PairForce(Interaction):
    """A force along the line between any two particles closer than a cutoff. It has no energy.

    It does not change once made, and can serve in several simulations.

    Args:
        function: force(...), positive if it pushes the two apart, of any of r, the distance; v = dr/dt, the rate at
            which they part; noise, a standard normal number drawn for each pair and step; t, the time; dt, the time
            step of the integrator; parameters that are given here; and attributes (or the mass) of the two, as charge_i
            and charge_j. NumPy functions work inside. It is compiled, so it must be a formula.
        cutoff: the distance beyond which there is no force: a number, or a table by type.
        mutual: True if j feels the opposite of what i feels from it, as Newton's third law says; the formula must then
            be the same if the two are exchanged. With False, i feels force(..., charge_i, charge_j), and j the
            function with the two exchanged; in a table {("A", "B"): 1.0, ...} the first type is that of who feels it.
        seed: of the noise; needed if there is noise, and only then.
        **parameters_given: as for Pair.

    The noise of a pair depends on the seed, the step and the two ids, so it is the same for both, and on any number of
    ranks. Of a force that stands for a thermal bath the noise must be divided by sqrt(dt) (see examples/dpd.py). The v
    of a step is that of its middle, half a step before the positions, so friction is known to the first order in dt.

    Raises:
        InputError: for a parameter that is missing, unused or not finite, and for a cutoff that is not positive.

    >>> def friction(v, gamma): return -gamma * v
    >>> PairForce(friction, cutoff=1.0, gamma=4.5)
    PairForce(friction, cutoff=1.0, gamma=4.5)
    """

    kind = "pair-force"
    has_energy = False
    formula = "force"
    of_pairs = True

    @known_keywords
    def __init__(
        self,
        function: Callable[..., Any],
        cutoff: ByTypes,
        mutual: bool = True,
        seed: Seed | None = None,
        **parameters_given: Any,
    ) -> None:
        self._set(Written.function(self, function), cutoff, mutual, seed, parameters_given)

    @classmethod
    @known_keywords
    def from_expression(
        cls, text: str, cutoff: ByTypes, mutual: bool = True, seed: Seed | None = None, **parameters_given: Any
    ) -> Self:
        """The same from text such as "-gamma*(1 - r)**2*v", of which nothing is ever executed."""
        return cls._made(Written.text(text), cutoff, mutual, seed, parameters_given)

    def _set(
        self, written: Written, cutoff: Any, mutual: bool, seed: int | None, given: Mapping[str, Any]
    ) -> None:  # fmt: skip
        name, needed = written.name, written.needed
        if not isinstance(mutual, bool):
            raise InputError(f"{name}: mutual is {mutual!r}; it must be True or False")
        for coordinate in OF_THE_PAIR:
            if coordinate in given:
                raise InputError(f"{name}: {coordinate!r} is not a parameter: Motes gives it for every pair")
        if ("noise" in needed) != (seed is not None):
            raise InputError(
                f"{name}: the function draws noise, so give a seed, for example seed=1"
                if seed is None
                else f"{name}: a seed is given, but the function has no argument named noise"
            )
        self.name = name
        self.cutoff = kept_cutoff(name, cutoff)
        self.mutual = self.conserves_momentum = mutual
        self.seed = None if seed is None else check_seed(seed)
        self.parameters = FrozenMapping(given, self._instead)
        self.reads = frozenset(needed) & frozenset(OF_THE_PAIR)
        self.needs_velocities = "v" in self.reads
        self._function = PairFunction(written, tuple(sorted(self.reads)), self.parameters, symmetric=mutual)

    def __repr__(self) -> str:
        more: dict[str, Any] = {} if self.mutual else {"mutual": False}
        more |= {} if self.seed is None else {"seed": self.seed}
        return shown(self, self._function.written.short, cutoff=self.cutoff, **more, **self.parameters)

    def bind(self, names: Names) -> BoundPairForce:
        """The force between particles of these types with these attributes."""
        return BoundPairForce(self.name, self._function.bind(names, self.cutoff), self.mutual, self.seed or 0)
