"""Interactions as users write them, and as the engine needs them: with every name resolved to a value.

`Pair` holds what was written. `Pair.bind` looks at the particles' types and attributes and returns a `BoundPair`,
in which the energy is one formula and each of its symbols has a place: one number for all pairs, a table by type, or
attributes of the two particles.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal, cast

import numpy as np
from numpy.typing import NDArray

from motes.core.checks import number, numbers
from motes.core.frozen import Frozen, FrozenMapping, kept, shown
from motes.core.words import did_you_mean, known_keywords, shortened
from motes.errors import InputError
from motes.forces.sides import in_order
from motes.formulas.bind import MASS, Traced, numbers_as_exponents
from motes.formulas.closure import free_name, record_with_numbers
from motes.formulas.derive import FUNCTIONS, evaluate
from motes.formulas.expression import expression_parameters, parse
from motes.formulas.formula import HOLD, Expression, apply, symbol
from motes.formulas.table import Table
from motes.formulas.trace import describe, parameters, trace

Array = NDArray[np.float64]
Shift = Literal["energy", "force"]
Label = int | str

INSTEAD = (
    "an interaction does not change once made; make a new one, and go on with it: "
    "motes.Simulation(simulation.snapshot(), ...)"
)


SHIFTS = (None, "energy", "force")
# Words of the generated code, which a parameter of the same name must not hide.
RESERVED = frozenset({"r", "s", "cutoff", "cutoff_squared", "fma", "sqrt", "abs", "inf", "nan", *FUNCTIONS})


# Rules whose bits are the same for (a, b) and (b, a) as they stand.
_SUM, _PRODUCT = (symbol("a") + symbol("b")).key, (symbol("a") * symbol("b")).key


@dataclass(frozen=True)
class Mix:
    """A parameter of a pair that is made of an attribute of its two particles. See `mix`."""

    attribute: str
    rule: str | Callable[[Any, Any], Any]

    def expression(self) -> Expression:
        """The formula in ``<attribute>_i`` and ``<attribute>_j``; its bits do not depend on which particle is i."""
        i, j = symbol(f"{self.attribute}_i"), symbol(f"{self.attribute}_j")
        if self.rule == "arithmetic":
            return apply(HOLD, 0.5 * (i + j))
        if self.rule == "geometric":
            return apply(HOLD, apply("sqrt", i * j))
        traced = self._traced()
        if traced.key in (_SUM, _PRODUCT):
            return apply(HOLD, traced.substitute({"a": i, "b": j}))
        # Rounding may make rule(a, b) differ from rule(b, a), but never if the smaller value always comes first.
        ordered = {"a": apply("minimum", i, j), "b": apply("maximum", i, j)}
        return apply(HOLD, traced.substitute(ordered))

    def check(self, values: Array) -> None:
        """Raise an InputError if the rule has no value for these attributes or depends on the order of the two."""
        if self.rule == "geometric" and np.any(values < 0):
            raise InputError(f"mix({self.attribute!r}, 'geometric') of the negative value {values[values < 0][0]}")
        if isinstance(self.rule, str):
            return
        traced, few = self._traced(), np.unique(values)
        a, b = np.meshgrid(few[:: 1 + len(few) // 50], few[:: 1 + len(few) // 50])
        with np.errstate(all="ignore"):
            one, other = evaluate(traced, {"a": a, "b": b}), evaluate(traced, {"a": b, "b": a})
            right = np.isfinite(one) & np.isclose(one, other, rtol=1e-9, atol=0.0)
        wrong = ~np.broadcast_to(right, a.shape)
        if np.any(wrong):
            raise InputError(
                f"the rule of mix({self.attribute!r}, ...) must be finite and the same for (a, b) as for (b, a), "
                f"but is not for {a[wrong][0]:g} and {b[wrong][0]:g}"
            )

    def _traced(self) -> Expression:
        rule = cast("Callable[..., Any]", self.rule)

        def ordered(a: Any, b: Any) -> Any:
            return rule(a, b)  # whatever the names of its arguments are

        return trace(ordered, ("a", "b"), {})


def mix(attribute: str, rule: str | Callable[[Any, Any], Any]) -> Mix:
    """A parameter of a pair from an attribute of its two particles.

    Args:
        attribute: the name of a per-particle attribute.
        rule: "arithmetic" for (a + b) / 2, "geometric" for sqrt(a b), or a symmetric function of two values.
    """
    if not isinstance(attribute, str) or not attribute.isidentifier():
        raise InputError(f"mix: the attribute must be a name, not {attribute!r}")
    if isinstance(rule, str) and rule not in ("arithmetic", "geometric"):
        raise InputError(f"mix({attribute!r}): unknown rule {rule!r}; known are 'arithmetic' and 'geometric'")
    if not isinstance(rule, str) and not callable(rule):
        raise InputError(f"mix({attribute!r}): the rule must be 'arithmetic', 'geometric' or a function, not {rule!r}")
    return Mix(attribute, rule)


SOME_MASSES = np.array([0.5, 1.0, 1.7, 3.0, 40.0])
"""What rules for masses are tried with: they are not looked at before a run."""


@dataclass(frozen=True)
class BoundPair:
    """A pair interaction with every name resolved.

    Attributes:
        name: of the function, for messages.
        energy: the formula in r and the symbols below.
        uniform: the symbols that are one number for all pairs.
        tables: the symbols that depend on the two types, shape (T, T), symmetric.
        attributes: the particle attributes a whose values a_i and a_j occur, sorted.
        cutoff: one number, or a table of shape (T, T).
        shift: what is subtracted so that the energy ("energy"), or energy and force ("force"), end at 0.
    """

    name: str
    energy: Expression
    uniform: dict[str, float]
    tables: dict[str, Array]
    attributes: tuple[str, ...]
    cutoff: float | Array
    shift: Shift | None

    @property
    def max_cutoff(self) -> float:
        """The largest cutoff of any two types."""
        return float(np.max(self.cutoff))


class Pair(Frozen):
    """An interaction between any two particles closer than a cutoff, from the energy as a function of the distance.

    It does not change once made, and can serve in several simulations.

    Args:
        function: energy(r, ...), of the distance and of parameters that are matched by name. NumPy functions work
            inside. It is differentiated and compiled, so it must be a formula.
        cutoff: the distance beyond which the energy is zero: a number, or a table by type.
        shift: None cuts the function off, "energy" subtracts its value at the cutoff, "force" also its slope.
        **parameters_given: a number; a table by type, {("A", "B"): 1.2, ...}, or a square array in the order of the
            particles' type_names; or ``motes.mix(attribute, rule)``. A parameter named cutoff is the cutoff. One that
            is not given and is named like an attribute (or mass) with _i or _j after it, as charge_i and charge_j, is
            that of one of the two particles; then the energy must be the same if the two change places.

    Raises:
        InputError: for a parameter that is missing, unused or not finite, and for a cutoff that is not positive.
    """

    _instead: ClassVar[str] = INSTEAD

    @known_keywords
    def __init__(
        self, function: Callable[..., Any], cutoff: Any, shift: Shift | None = None, **parameters_given: Any
    ) -> None:
        if isinstance(function, str):
            raise InputError(f"Pair takes a function; for the text {function!r} use Pair.from_expression")
        needed = {
            name: parameter.default is inspect.Parameter.empty
            for name, parameter in parameters(function, ("r",)).items()
        }
        self.name = describe(function)
        self._short = getattr(function, "__name__", type(function).__name__)
        self._trace: Callable[[Mapping[str, Expression], Collection[str]], Traced] = partial(_traced, function)
        self._last = function.last if isinstance(function, Table) else math.inf
        self._set(needed, cutoff, shift, parameters_given)

    @classmethod
    @known_keywords
    def from_expression(cls, text: str, cutoff: Any, shift: Shift | None = None, **parameters_given: Any) -> Pair:
        """The same from text such as "k*(r - a)**2/2", of which nothing is ever executed."""
        pair = cls.__new__(cls)
        names = expression_parameters(text)
        pair.name = pair._short = shortened(text)
        pair._trace = partial(_parsed, text, names)
        pair._last = math.inf
        pair._set(dict.fromkeys(names, True), cutoff, shift, parameters_given)
        pair._seal()
        return pair

    def __repr__(self) -> str:
        shift = {} if self.shift is None else {"shift": self.shift}
        return shown(self, self._short, cutoff=self.cutoff, **shift, **self.parameters)

    def _set(self, needed: Mapping[str, bool], cutoff: Any, shift: Shift | None, given: dict[str, Any]) -> None:
        if shift not in SHIFTS:
            raise InputError(f"{self.name}: shift must be None, 'energy' or 'force', not {shift!r}")
        for name in given:
            if name not in needed:
                raise InputError(f"{self.name}: the parameter {name!r} is not used; {did_you_mean(name, needed)}")
        self.cutoff = kept(cutoff)
        self.shift = shift
        self.parameters = FrozenMapping(given, self._instead)
        self._wants_cutoff = "cutoff" in needed
        self._missing = [name for name, needs in needed.items() if needs and name not in (*given, "cutoff")]
        if not isinstance(cutoff, Mapping) and np.ndim(cutoff) == 0:
            number(f"{self.name}: cutoff", cutoff, above=0.0)

    def bind(self, type_names: Sequence[Label], attributes: Mapping[str, Array]) -> BoundPair:
        """The interaction between particles of these types with these attributes."""
        attributes = {MASS: SOME_MASSES, **attributes}
        sides = self._sides(attributes)
        self._require_all([name for name in self._missing if name not in sides], attributes)
        cutoff = _by_type(f"{self.name}: cutoff", self.cutoff, type_names)
        if np.min(cutoff) <= 0:
            raise InputError(f"{self.name}: cutoff: expected more than 0 for all types, got {np.min(cutoff)}")
        if np.max(cutoff) > self._last:
            raise InputError(
                f"{self.name}: cutoff {np.max(cutoff):g} lies beyond the table's last point, {self._last:g}"
            )
        for extreme in (np.min(cutoff), np.max(cutoff)):
            number(f"{self.name}: cutoff", float(extreme), above=0.0)
        symbols: dict[str, Expression] = {name: symbol(name) for name in sides}
        symbols |= {"cutoff": symbol("cutoff")} if self._wants_cutoff else {}
        values: dict[str, float | Array] = {}
        taken = RESERVED | {f"{name}_{side}" for name in attributes for side in "ij"}
        for name, value in self.parameters.items():
            if isinstance(value, Mix):
                symbols[name] = self._mixed(name, value, attributes)
                continue
            variable = free_name(name, taken | (set(self.parameters) - {name}))
            symbols[name] = symbol(variable)
            values[variable] = _by_type(f"{self.name}: {name}", value, type_names)
        (energy,), held = self._trace(symbols, taken | set(values))
        values |= held
        single = {name: value for name, value in values.items() if isinstance(value, float)}
        energy = numbers_as_exponents(energy, single)
        if sides:
            energy = in_order(self.name, energy, sorted(set(sides.values())), attributes, values, float(np.max(cutoff)))
        return self._resolved(energy, values, attributes, cutoff)

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

    def _resolved(
        self,
        energy: Expression,
        values: Mapping[str, float | Array],
        attributes: Mapping[str, Array],
        cutoff: float | Array,
    ) -> BoundPair:
        used = energy.symbols
        return BoundPair(
            name=self.name,
            energy=energy,
            uniform={name: value for name, value in values.items() if isinstance(value, float) and name in used},
            tables={name: value for name, value in values.items() if not isinstance(value, float) and name in used},
            attributes=tuple(sorted(name for name in attributes if {f"{name}_i", f"{name}_j"} & used)),
            cutoff=cutoff,
            shift=self.shift,
        )


def _traced(function: Callable[..., Any], given: Mapping[str, Expression], taken: Collection[str]) -> Traced:
    return record_with_numbers(function, lambda one: (trace(one, ("r",), given),), given, taken)


def _parsed(text: str, names: tuple[str, ...], given: Mapping[str, Expression], _taken: Collection[str]) -> Traced:
    return (parse(text, ("r", *names)).substitute(given),), {}


def _by_type(name: str, value: Any, type_names: Sequence[Label]) -> float | Array:
    """A number, or a symmetric table of shape (T, T); a table that is the same everywhere is a number."""
    if isinstance(value, Mapping):
        table = _from_pairs(name, value, type_names)
    elif np.ndim(value) == 0:
        return number(name, value)
    else:
        table = numbers(name, value)
        if table.shape != (len(type_names), len(type_names)):
            size = len(type_names)
            raise InputError(f"{name}: expected a table of shape ({size}, {size}) by type, got {table.shape}")
    _check_table(name, table, type_names)
    return float(table[0, 0]) if np.all(table == table[0, 0]) else table


def _from_pairs(name: str, pairs: Mapping[Any, Any], type_names: Sequence[Label]) -> Array:
    places = {label: place for place, label in enumerate(type_names)}
    table = np.full((len(places), len(places)), np.nan)
    for key, value in pairs.items():
        if not isinstance(key, tuple) or len(key) != 2:
            raise InputError(f"{name}: the keys of a table are pairs of types such as ('A', 'B'), not {key!r}")
        for label in key:
            if label not in places:
                known = ", ".join(map(repr, type_names))
                raise InputError(f"{name}: unknown type {label!r} in {key!r}; the particles have {known}")
        a, b = places[key[0]], places[key[1]]
        entry = number(f"{name} of {key!r}", value)
        if key[::-1] in pairs and pairs[key[::-1]] != value:
            raise InputError(f"{name}: {key!r} and {key[::-1]!r} have different values")
        table[a, b] = table[b, a] = entry
    missing = np.argwhere(np.isnan(table))
    if len(missing):
        a, b = (type_names[place] for place in missing[0])
        raise InputError(f"{name}: the table has no value for the types ({a!r}, {b!r})")
    return table


def _check_table(name: str, table: Array, type_names: Sequence[Label]) -> None:
    for wrong, what in ((~np.isfinite(table), "is not finite"), (table != table.T, "is not symmetric")):
        if np.any(wrong):
            a, b = np.argwhere(wrong)[0]
            raise InputError(f"{name}: the table {what} for the types ({type_names[a]!r}, {type_names[b]!r})")
