"""A user's function of two particles: which names it takes, and what they stand for in a run.

A name is a coordinate (r, and for forces also v, noise and t), a parameter that was given, the cutoff, or an attribute
of one of the two particles, as charge_i and charge_j.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motes.core.checks import number
from motes.core.errors import InputError
from motes.core.frozen import kept
from motes.core.schedules import Following, moved, nowhere
from motes.core.words import did_you_mean
from motes.forces.cluster_kernel import Term
from motes.forces.parameters import RESERVED, SOME_MASSES, Mix, by_types
from motes.forces.sides import in_order, require_symmetric
from motes.formulas.bind import MASS, Names, numbers_as_exponents
from motes.formulas.closure import free_name
from motes.formulas.derive import PairCode, derive_pair
from motes.formulas.formula import Expression, symbol
from motes.formulas.written import Written

Array = NDArray[np.float64]

Rows = tuple[Mapping[str, Any], Any]
"""Columns of particles by name, and the rows of them that are meant."""


@dataclass(frozen=True)
class PairFormula:
    """A formula of two particles with every name resolved.

    Attributes:
        formula: in the coordinates, "cutoff", and the symbols below.
        uniform: the symbols that are one number for all pairs.
        tables: the symbols that depend on the two types, shape (T, T).
        attributes: the particle attributes a whose values a_i and a_j occur, sorted.
        cutoff: one number, or a table of shape (T, T).
        followers: of symbols that follow the steps, which follower each number is, or 0.
    """

    formula: Expression
    uniform: dict[str, float]
    tables: dict[str, Array]
    attributes: tuple[str, ...]
    cutoff: float | Array
    followers: Following = field(default_factory=dict)

    @property
    def reach(self) -> float:
        """The largest cutoff of any two types."""
        return float(np.max(self.cutoff))

    @property
    def known(self) -> dict[str, list[float]]:
        """The numbers that symbols stand for, of all types."""
        numbers = {name: [value] for name, value in self.uniform.items()}
        return numbers | {name: table.ravel().tolist() for name, table in self.tables.items()}

    def record(self) -> tuple[str, tuple[Any, ...], tuple[str, ...]]:
        """What checkpoints compare: the formula; numbers, tables, the cutoff, and who follows the steps; attributes."""
        still = self.at(nowhere(self.followers))
        tables = sorted((name, table.tolist()) for name, table in still.tables.items())
        followers = sorted((name, np.asarray(which).tolist()) for name, which in self.followers.items())
        numbers = sorted(still.uniform.items()), tables, np.asarray(self.cutoff).tolist()
        return self.formula.key, (*numbers, *([followers] if followers else [])), self.attributes

    def at(self, values: Array) -> PairFormula:
        """The same with these values of all followers."""
        uniform, tables = (moved(rows, self.followers, values) for rows in (self.uniform, self.tables))
        return replace(self, uniform=uniform, tables=tables)

    def parameters(
        self, types: tuple[Any, Any], attributes: tuple[Mapping[str, Any], Mapping[str, Any]]
    ) -> dict[str, Any]:
        """All that the formula depends on but its coordinates, for pairs of particles of these types.

        Args:
            types: the codes of the first and of the second particle, numbers or arrays of one shape.
            attributes: of the first and of the second, by name, of the same shape; one called mass is the mass.
        """
        values: dict[str, Any] = {**self.uniform, "cutoff": self.cutoff}
        if not isinstance(self.cutoff, float):
            values["cutoff"] = self.cutoff[types]
        values |= {name: table[types] for name, table in self.tables.items()}
        for side, known in zip("ij", attributes, strict=True):
            values |= {f"{name}_{side}": known[name] for name in self.attributes}
        return values

    def parameters_between(self, ones: Rows, others: Rows) -> dict[str, Any]:
        """The same between particles in rows of columns, type and attributes among them."""
        ends = [{name: columns[name][rows] for name in self.attributes} for columns, rows in (ones, others)]
        return self.parameters((ones[0]["type"][ones[1]], others[0]["type"][others[1]]), (ends[0], ends[1]))

    def derived(self, shift: str | None = None) -> PairCode:
        """Code of an energy and its force."""
        uniform = frozenset(self.uniform) | ({"cutoff"} if isinstance(self.cutoff, float) else frozenset())
        return derive_pair(self.formula, uniform, shift)

    def term(self, code: Callable[[], PairCode], **more: Any) -> Term:
        """What it is in a kernel."""
        return Term(
            self.formula.key, self.uniform, self.tables, self.attributes, self.cutoff, code, followers=self.followers,
            **more,
        )  # fmt: skip


@dataclass(frozen=True)
class PairFunction:
    """What a user wrote, and what was given for its parameters.

    Attributes:
        written: the function, or the text.
        coordinates: the names that need no value, whether the function takes them first or among the others.
        given: numbers, tables by two types, or mixing rules, by name.
        symmetric: whether it must be the same if the two particles are exchanged.
    """

    written: Written
    coordinates: tuple[str, ...]
    given: Mapping[str, Any]
    symmetric: bool = True

    @property
    def name(self) -> str:
        """For messages."""
        return self.written.name

    @property
    def needed(self) -> dict[str, bool]:
        """The parameters it takes, and whether they need a value."""
        return {name: needs for name, needs in self.written.needed.items() if name not in self.coordinates}

    def __post_init__(self) -> None:
        for name in self.given:
            if name not in self.needed:
                hint = did_you_mean(name, self.needed)
                raise InputError(f"{self.name}: the parameter {name!r} is not used; {hint}")

    def bind(self, names: Names, given_cutoff: Any) -> PairFormula:
        """The formula between particles of these types with these attributes, and its cutoff: a number, or a table."""
        cutoff = _cutoff(self.name, given_cutoff, names)
        attributes = {MASS: SOME_MASSES, **names.attributes}
        sides = self._sides(attributes)
        self._require_all([name for name in self._missing if name not in sides], attributes)
        symbols: dict[str, Expression] = {name: symbol(name) for name in sides}
        symbols |= {"cutoff": symbol("cutoff")} if "cutoff" in self.needed else {}
        symbols |= {name: symbol(name) for name in self.coordinates}
        values: dict[str, float | Array] = {}
        followers: dict[str, float | Array] = {}
        taken = RESERVED | set(self.coordinates) | {f"{name}_{side}" for name in attributes for side in "ij"}
        for name, value in self.given.items():
            if isinstance(value, Mix):
                symbols[name] = self._mixed(name, value, attributes)
                continue
            variable = free_name(name, taken | (set(self.given) - {name}))
            symbols[name] = symbol(variable)
            label = f"{self.name}: {name}"
            resolve = partial(by_types, label, type_names=names.type_names, symmetric=self.symmetric)
            values[variable], which = names.followers.resolved(label, value, resolve)
            followers |= {} if which is None else {variable: which}
        (formula,), held = self.written.formulas(symbols, taken | set(values))
        values |= held
        single = {name: value for name, value in values.items() if isinstance(value, float)}
        still = {name: value for name, value in single.items() if name not in followers}
        formula = numbers_as_exponents(formula, still)
        if sides and self.symmetric:
            of = sorted(set(sides.values()))
            require_symmetric(self.name, formula, of, attributes, values, float(np.max(cutoff)))
            formula = in_order(formula, of)
        used = formula.symbols
        return PairFormula(
            formula=formula,
            uniform={name: value for name, value in single.items() if name in used},
            tables={name: np.asarray(value) for name, value in values.items() if name in used and name not in single},
            attributes=tuple(sorted(name for name in attributes if {f"{name}_i", f"{name}_j"} & used)),
            cutoff=cutoff,
            followers={name: which for name, which in followers.items() if name in used},
        )

    @property
    def _missing(self) -> list[str]:
        return [name for name, needs in self.needed.items() if needs and name not in (*self.given, "cutoff")]

    def _sides(self, attributes: Mapping[str, Array]) -> dict[str, str]:
        """Of the parameters that are named like an attribute of one of the two particles, that attribute."""
        return {name: name[:-2] for name in self._missing if name[-2:] in ("_i", "_j") and name[:-2] in attributes}

    def _require_all(self, missing: Sequence[str], attributes: Mapping[str, Array]) -> None:
        for name in missing:
            hint = f" (motes.mix({name!r}, 'arithmetic') takes the particles' own)" if name in attributes else ""
            if name[-2:] in ("_i", "_j"):
                hint = f", or the particles an attribute {name[:-2]!r}"
            raise InputError(f"{self.name}: the parameter {name!r} is missing: give {name}=...{hint}")

    def _mixed(self, name: str, value: Mix, attributes: Mapping[str, Array]) -> Expression:
        if value.attribute not in attributes:
            raise InputError(
                f"{self.name}: {name}: the particles have no attribute {value.attribute!r}; "
                f"{did_you_mean(value.attribute, attributes)}"
            )
        value.check(attributes[value.attribute])
        return value.expression()


def kept_cutoff(name: str, cutoff: Any) -> Any:
    """A cutoff as it was given, if it can be one; a table is looked at when the types are known."""
    if not isinstance(cutoff, Mapping) and np.ndim(cutoff) == 0:
        number(f"{name}: cutoff", cutoff, above=0.0)
    return kept(cutoff)


def _cutoff(name: str, cutoff: Any, names: Names) -> float | Array:
    """A cutoff above 0, or one for each two types."""
    found = by_types(f"{name}: cutoff", cutoff, names.type_names)
    if np.min(found) <= 0:
        raise InputError(f"{name}: cutoff: expected more than 0 for all types, got {np.min(found)}")
    for extreme in (np.min(found), np.max(found)):
        number(f"{name}: cutoff", float(extreme), above=0.0)
    return found
