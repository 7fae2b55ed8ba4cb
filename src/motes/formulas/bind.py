"""What the names in a user's function of position and time stand for.

First the coordinates x, y, z and the time t, then what was given by keyword, then what every particle has of its own.
In the formulas each name gets a prefix, so that no name of a user's can hide a word of the generated code.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motes.core.box import Boundary
from motes.core.checks import number, numbers
from motes.core.errors import InputError
from motes.core.schedules import Followers, Following, followed_rows, moved, nowhere
from motes.core.tuples import Topology
from motes.core.words import did_you_mean, warn_of_absent
from motes.formulas.closure import record_with_numbers
from motes.formulas.derive import evaluate
from motes.formulas.formula import Expression, constant, symbol, walk
from motes.formulas.trace import parameters, trace_values

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Label = int | str

PREFIX = "p_"
COORDINATES = ("x", "y", "z", "t")
MASS = "mass"
"""Every particle has one, so its name can be used like that of an attribute."""


@dataclass(frozen=True)
class Names:
    """What a function can be about: the boundary along each axis, the types, attributes, bonds and angles; and whatever
    follows the steps in what was bound to it.

    Of each attribute there are some values at least, among them the smallest and the largest.
    """

    boundary: tuple[Boundary, ...]
    type_names: tuple[Label, ...]
    attributes: Mapping[str, Array]
    topology: Topology = field(default_factory=dict)
    followers: Followers = field(default_factory=Followers)

    @property
    def dimensions(self) -> int:
        """2 or 3."""
        return len(self.boundary)

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Along the axes, and the time."""
        return (*COORDINATES[: self.dimensions], "t")


@dataclass(frozen=True)
class Bound:
    """Formulas with every name resolved; symbols are the names with PREFIX.

    Attributes:
        name: of the function, for messages.
        formulas: what the function returns.
        numbers: what is the same for all particles, by name.
        tables: what depends on the type, shape (T,), by name.
        attributes: the names of what each particle has of its own, sorted.
        followers: of numbers and tables that follow the steps, which follower it is, or 0 (see Followers).
    """

    name: str
    formulas: tuple[Expression, ...]
    numbers: dict[str, float]
    tables: dict[str, Array]
    attributes: tuple[str, ...]
    followers: Following = field(default_factory=dict)

    @property
    def symbols(self) -> frozenset[str]:
        """The names in the formulas, without the prefix."""
        found: frozenset[str] = frozenset().union(*(formula.symbols for formula in self.formulas))
        return frozenset(name.removeprefix(PREFIX) for name in found)

    @property
    def rows(self) -> tuple[Array, Array]:
        """The numbers (n,) and tables (n, T) in the order of their names, as generated code reads them."""
        numbers = [self.numbers[name] for name in sorted(self.numbers)] or [0.0]
        tables = [self.tables[name] for name in sorted(self.tables)] or [np.zeros(1)]
        return np.array(numbers), np.array(tables)

    @property
    def followed(self) -> Integers:
        """Which of the numbers and tables, one after the other as in rows, follow which follower, (n, 2)."""
        numbers, tables = ({name: rows[name] for name in sorted(rows)} for rows in (self.numbers, self.tables))
        return followed_rows(numbers, tables, self.followers)

    def record(self) -> tuple[Any, ...]:
        """What checkpoints compare of it: the formulas, and all numbers that follow nothing."""
        rows = [row.tolist() for row in self.at(nowhere(self.followers)).rows]
        return self.key, rows, *([self.followed.tolist()] if self.followers else [])

    def at(self, values: Array) -> Bound:
        """The same with these values of all followers."""
        return replace(
            self, numbers=moved(self.numbers, self.followers, values), tables=moved(self.tables, self.followers, values)
        )

    @property
    def uniform_lines(self) -> list[str]:
        """Lines of code that read the numbers."""
        return [f"{PREFIX}{name} = numbers[{row}]" for row, name in enumerate(sorted(self.numbers))]

    @property
    def part_lines(self) -> list[str]:
        """Lines that take the part begin .. end of what particles have of their own."""
        kinds = ["kinds = types[begin:end]"] if self.tables else []
        return [*kinds, *(f"column_{row} = attributes[{row}][begin:end]" for row, _ in enumerate(self.attributes))]

    def own_lines(self, index: str) -> list[str]:
        """Lines that read what is of the type, and the attributes, at an index into the part."""
        tables = [f"{PREFIX}{name} = tables[{row}, kinds[{index}]]" for row, name in enumerate(sorted(self.tables))]
        return [*tables, *(f"{PREFIX}{name} = column_{row}[{index}]" for row, name in enumerate(self.attributes))]

    def value(self, coordinates: Mapping[str, Any], kinds: Any, attributes: Mapping[str, Any]) -> Any:
        """The only formula by NumPy, for coordinates by name, a type or several, and attributes."""
        values = {**coordinates, **self.numbers, **{name: table[kinds] for name, table in self.tables.items()}}
        values |= {name: attributes[name] for name in self.attributes}
        return evaluate(self.formulas[0], {PREFIX + name: value for name, value in values.items()})

    @property
    def known(self) -> dict[str, list[float]]:
        """The numbers that symbols stand for, of all types."""
        numbers = {PREFIX + name: [value] for name, value in self.numbers.items()}
        return numbers | {PREFIX + name: list(map(float, table)) for name, table in self.tables.items()}

    @property
    def key(self) -> str:
        """All that generated code may depend on but the values of parameters."""
        names = sorted(self.numbers), sorted(self.tables), self.attributes
        return "\n".join([*(formula.key for formula in self.formulas), repr(names)])


def names_of(function: Callable[..., Any], coordinates: tuple[str, ...] = ()) -> dict[str, bool]:
    """The names a function takes after its coordinates, and whether it needs them, having no default."""
    found = parameters(function, coordinates).items()
    return {name: parameter.default is inspect.Parameter.empty for name, parameter in found}


def check_given(name: str, needed: Collection[str], given: Iterable[str]) -> None:
    """Raise an InputError for a parameter that is not used, or that is a coordinate."""
    for word in given:
        if word in COORDINATES:
            raise InputError(f"{name}: {word!r} is a coordinate, so it cannot be given as a parameter")
        if word not in needed:
            others = [other for other in needed if other not in COORDINATES]
            raise InputError(f"{name}: the parameter {word!r} is not used; {did_you_mean(word, others)}")


Traced = tuple[tuple[Expression, ...], dict[str, float]]
"""Formulas, and the numbers that some of their symbols stand for."""


def trace_named(function: Callable[..., Any], names: Collection[str], taken: Collection[str], wanted: str) -> Traced:
    """The formulas of a function called by these names; the others have their defaults."""

    def record(function: Callable[..., Any]) -> tuple[Expression, ...]:
        traced = trace_values(function, names, wanted, keywords=True)
        return (traced,) if isinstance(traced, Expression) else traced

    return record_with_numbers(function, record, names, taken)


def bind(
    name: str,
    needed: Mapping[str, bool],
    formulas: Callable[[Mapping[str, Expression], Collection[str]], Traced],
    given: Mapping[str, Any],
    names: Names,
    coordinates: Sequence[str] | None = None,
    types: str = "type",
) -> Bound:
    """Resolve the names of a function.

    Args:
        name: of the function, for messages.
        needed: the names it takes, and whether it needs them.
        formulas: those of the function with these symbols for names; the second are not to be used for others.
        given: numbers, and tables by type, by name.
        names: what else there is.
        coordinates: the names that need no value; those of a position and the time if None.
        types: what messages call the types, of which tables have numbers.
    """
    own, variables = (MASS, *names.attributes), names.coordinates if coordinates is None else coordinates
    known = [word for word in needed if word in given or word in variables or word in own]
    for word, needs in needed.items():
        if needs and word not in known:
            raise InputError(f"{name}: {_unknown(word, names.dimensions, variables, (*variables, *given, *own))}")
    traced, held = formulas({word: symbol(word) for word in known}, {*COORDINATES, *variables, *given, *own})
    values: dict[str, float | Array] = {}
    followers: dict[str, float | Array] = {}
    for word, value in given.items():
        label = f"{name}: {word}"
        resolve = partial(by_type, label, type_names=names.type_names, types=types)
        values[word], which = names.followers.resolved(label, value, resolve)
        followers |= {} if which is None else {word: which}
    values |= held
    single = {word: value for word, value in values.items() if isinstance(value, float)}
    still = {word: value for word, value in single.items() if word not in followers}
    symbols = {word: symbol(PREFIX + word) for word in (*known, *held)}
    # Those that were given go before attributes of the same name.
    left = frozenset().union(*(formula.symbols for formula in traced)) - set(values) - set(variables)
    return Bound(
        name=name,
        formulas=tuple(numbers_as_exponents(formula, still).substitute(symbols) for formula in traced),
        numbers=single,
        tables={word: value for word, value in values.items() if not isinstance(value, float)},
        attributes=tuple(sorted(left)),
        followers=followers,
    )


def _unknown(word: str, dimensions: int, variables: Sequence[str], known: Sequence[str]) -> str:
    if word == "z" and dimensions == 2:
        return "there is no z in two dimensions"
    return (
        f"unknown name {word!r}: it is no coordinate ({', '.join(variables)}), was not given as "
        f"{word}=..., and the particles have no attribute of this name; {did_you_mean(word, known)}"
    )


def by_type(name: str, value: Any, type_names: Sequence[Label], types: str = "type") -> float | Array:
    """A number, or one for each type, shape (T,); if all are the same, a number."""
    if isinstance(value, Mapping):
        absent = [label for label in value if label not in type_names]
        for label in type_names:
            if label not in value:
                unknown = f"; it has one for {_list(absent)}, which is unknown" if absent else ""
                raise InputError(f"{name}: the table has no value for the {types} {label!r}{unknown}")
        warn_of_absent(name, absent, types)
        table = np.array([number(f"{name} of {label!r}", value[label]) for label in type_names])
    elif np.ndim(value) == 0:
        return number(name, value)
    else:
        table = numbers(name, value)
        if table.shape != (len(type_names),):
            raise InputError(
                f"{name}: expected one number, or one for each of the {len(type_names)} {types}s; got shape "
                f"{table.shape} (what differs from particle to particle is an attribute of motes.Particles)"
            )
        if not np.isfinite(table).all():
            raise InputError(f"{name}: expected finite numbers, got {table.tolist()}")
    return float(table[0]) if np.all(table == table[0]) else table


def numbers_as_exponents(formula: Expression, values: Mapping[str, float]) -> Expression:
    """The formula with parameters that stand in exponents replaced by their numbers.

    Then (sigma/r)**n becomes a few multiplications where n is 12, rather than a general power.
    """
    if not values:
        return formula
    exponents = [node.operands[1].symbols for node in walk(formula) if node.operation == "power"]
    names: set[str] = set().union(*(symbols for symbols in exponents if symbols <= set(values)))
    return formula.substitute({name: constant(values[name]) for name in sorted(names)})


def _list(words: Iterable[Label]) -> str:
    return ", ".join(map(repr, words))
