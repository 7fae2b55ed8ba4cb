"""Interactions of pairs by their energy, as users write them and with every name resolved to a value.

`Pair` holds what was written. `Pair.bind` looks at the particles' types and attributes and returns a `BoundPair`,
in which the energy is one formula and each of its symbols has a value: one number for all pairs, a table by type, or
attributes of the two particles.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from motes.core.checks import ByTypes, Weights, numbers
from motes.core.errors import InputError
from motes.core.frozen import FrozenMapping, shown
from motes.core.state import Floats, Integers
from motes.core.tuples import special_pairs
from motes.core.words import known_keywords
from motes.forces import oracle
from motes.forces.cluster_kernel import ORDINARY, Term
from motes.forces.law import Interaction
from motes.forces.of_pairs import BoundOfPairs
from motes.forces.pair_function import PairFunction, Rows, kept_cutoff
from motes.forces.verify import require_right_pair
from motes.formulas.bind import Names
from motes.formulas.derive import PairCode
from motes.formulas.table import Table
from motes.formulas.written import Written

Array = NDArray[np.float64]
Shift = Literal["energy", "force"]

SHIFTS = (None, "energy", "force")


@dataclass(frozen=True)
class BoundPair(BoundOfPairs):
    """An energy of pairs with every name resolved.

    Attributes:
        shift: what is subtracted so that the energy ("energy"), or energy and force ("force"), end at 0.
        special: weights of pairs that are 1, 2 and 3 bonds apart.
        bonds: between whom, if that matters.
    """

    shift: Shift | None
    special: tuple[float, float, float] = ORDINARY
    bonds: Integers | None = None

    def record(self) -> tuple[Any, ...]:
        """Formula and numbers, in the order in which checkpoints have always had them."""
        key, (numbers, tables, cutoff, *followers), attributes = self.pair.record()
        special = [] if self.special == ORDINARY else [self.special]
        return "pair", key, (numbers, tables), attributes, cutoff, self.shift, *special, *followers

    def force_between(self, ones: Rows, others: Rows, values: Mapping[str, Any]) -> Floats:
        """Of the energy with its shift; 0 beyond the cutoff."""
        force = oracle.pair_force(self.pair, self.shift, self.pair.parameters_between(ones, others), values["r"])
        return self.weighted(force, *(columns["id"][rows] for columns, rows in (ones, others)))

    @cached_property
    def _weights(self) -> dict[tuple[int, int], float]:
        """Of special pairs, by their ids."""
        pairs = [] if self.bonds is None else special_pairs(self.bonds).tolist()
        return {(min(i, j), max(i, j)): self.special[apart - 1] for i, j, apart in pairs}

    def weighted(self, values: Floats, ones: Any, others: Any) -> Floats:
        """Forces or energies between particles of these ids, of bonded ones as much as they count."""
        ends = zip(np.minimum(ones, others).tolist(), np.maximum(ones, others).tolist(), strict=True)
        weight = np.array([self._weights.get(pair, 1.0) for pair in ends])
        with np.errstate(invalid="ignore"):
            return np.where(weight == 0.0, 0.0, weight * values)

    def code(self) -> PairCode:
        """Straight-line code of force and energy; InputError if it is not what the formula says."""
        code = self.pair.derived(self.shift)
        require_right_pair(self.name, self.pair, self.shift, code)
        return code

    @property
    def term(self) -> Term:
        """What it is in a kernel."""
        term = self.pair.term(self.code, special=self.special)
        return replace(term, key=f"{term.key} shift={self.shift}")


class Pair(Interaction):
    """An interaction between any two particles closer than a cutoff, from the energy as a function of the distance.

    It does not change once made, and can serve in several simulations.

    Args:
        function: energy(r, ...), of the distance and of parameters that are matched by name. NumPy functions work
            inside. It is differentiated and compiled, so it must be a formula.
        cutoff: the distance beyond which the energy is zero: a number, or a table by type.
        special_bonds: weights of pairs that are 1, 2 and 3 bonds apart along the shortest way, as (0, 0, 0.5); all
            are 1 by default.
        shift: None cuts the function off, "energy" subtracts its value at the cutoff, "force" also its slope.
        **parameters_given: a number; a table by type, {("A", "B"): 1.2, ...}, or a square array in the order of the
            particles' type_names; or ``motes.mix(attribute, rule)``. Numbers, in a table by type as well, may follow
            the steps: `motes.Ramp`, `motes.Schedule`. A parameter named cutoff is the cutoff. One that
            is not given and is named like an attribute (or mass) with _i or _j after it, as charge_i and charge_j, is
            that of one of the two particles; then the energy must be the same if the two are exchanged.

    Raises:
        InputError: for a parameter that is missing, unused or not finite, and for a cutoff that is not positive.
    """

    kind = "pair"
    of_pairs = True

    @known_keywords
    def __init__(
        self,
        function: Callable[..., Any],
        cutoff: ByTypes,
        shift: Shift | None = None,
        special_bonds: Weights = ORDINARY,
        **parameters_given: Any,
    ) -> None:
        last = function.last if isinstance(function, Table) else math.inf
        written = Written.function(self, function, ("r",))
        self._set(written, cutoff, shift, special_bonds, parameters_given, last)

    @classmethod
    @known_keywords
    def from_expression(
        cls,
        text: str,
        cutoff: ByTypes,
        shift: Shift | None = None,
        special_bonds: Weights = ORDINARY,
        **parameters_given: Any,
    ) -> Self:
        """The same from text such as "k*(r - a)**2/2", of which nothing is ever executed."""
        return cls._made(Written.text(text, ("r",)), cutoff, shift, special_bonds, parameters_given)

    def __repr__(self) -> str:
        more: dict[str, Any] = {} if self.shift is None else {"shift": self.shift}
        more |= {} if self.special_bonds == ORDINARY else {"special_bonds": self.special_bonds}
        return shown(self, self._function.written.short, cutoff=self.cutoff, **more, **self.parameters)

    def _set(
        self, written: Written, cutoff: Any, shift: Shift | None, special_bonds: Any, given: Mapping[str, Any],
        last: float = math.inf,
    ) -> None:  # fmt: skip
        self.parameters = FrozenMapping(given, self._instead)
        self._function = PairFunction(written, ("r",), self.parameters)
        self.name = written.name
        if not isinstance(shift, str | None) or shift not in SHIFTS:
            raise InputError(f"{self.name}: shift must be None, 'energy' or 'force', not {shift!r}")
        self.cutoff = kept_cutoff(self.name, cutoff)
        self.shift = shift
        self.special_bonds = _weights(self.name, special_bonds)
        self._last = last

    @property
    def topology(self) -> tuple[str, ...]:
        """Bonds, if bonded pairs are not like all others."""
        return () if self.special_bonds == ORDINARY else ("bonds",)

    def bind(self, names: Names) -> BoundPair:
        """The interaction between particles of these types with these attributes."""
        found = self._function.bind(names, self.cutoff)
        if found.reach > self._last:
            raise InputError(f"{self.name}: cutoff {found.reach:g} lies beyond the table's last point, {self._last:g}")
        bonds = names.topology["bonds"].members if "bonds" in names.topology else None
        special = ORDINARY if bonds is None or len(bonds) == 0 else self.special_bonds
        return BoundPair(self.name, found, self.shift, special, bonds)


def _weights(name: str, weights: Any) -> tuple[float, float, float]:
    """Three numbers of at least 0."""
    found = numbers(f"{name}: special_bonds", weights)
    if found.shape != (3,) or not (np.isfinite(found) & (found >= 0)).all():
        wanted = "three numbers of at least 0, such as (0, 0, 0.5)"
        raise InputError(f"{name}: special_bonds must be {wanted}, not {weights!r}")
    first, second, third = found.tolist()
    return first, second, third
