"""Parameters of pairs: a number, a table by the types of the two, or a rule for what each of them has of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from motes.core.checks import number, numbers
from motes.core.errors import InputError
from motes.core.words import warn_of_absent
from motes.formulas.derive import evaluate
from motes.formulas.formula import HOLD, Expression, apply, symbol
from motes.formulas.lines import FUNCTIONS
from motes.formulas.trace import trace

Array = NDArray[np.float64]
Label = int | str

# Words of the generated code, which a parameter of the same name must not hide.
OF_THE_PAIR = ("r", "v", "noise", "t", "dt")
"""What code may read of a pair besides s and its own parameters: distance, its rate, a normal number, time and dt."""

RESERVED = frozenset({*OF_THE_PAIR, "s", "cutoff", "cutoff_squared", "fma", "sqrt", "abs", "inf", "nan", *FUNCTIONS})

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
        raise InputError(
            f"mix({attribute!r}): unknown rule {rule!r}; known are 'arithmetic' and 'geometric', "
            "and any function of two values"
        )
    if not isinstance(rule, str) and not callable(rule):
        raise InputError(f"mix({attribute!r}): the rule must be 'arithmetic', 'geometric' or a function, not {rule!r}")
    return Mix(attribute, rule)


SOME_MASSES = np.array([0.5, 1.0, 1.7, 3.0, 40.0])
"""What rules for masses are tried with: they are not looked at before a run."""


def by_types(name: str, value: Any, type_names: Sequence[Label], symmetric: bool = True) -> float | Array:
    """A number, or a table of shape (T, T); one that is the same everywhere is a number.

    Where it must be symmetric, a value for ("A", "B") is that for ("B", "A").
    """
    if isinstance(value, Mapping):
        table = _from_pairs(name, value, type_names, symmetric)
    elif np.ndim(value) == 0:
        return number(name, value)
    else:
        table = numbers(name, value)
        if table.shape != (len(type_names), len(type_names)):
            size = len(type_names)
            raise InputError(f"{name}: expected a table of shape ({size}, {size}) by type, got {table.shape}")
    _check_table(name, table, type_names, symmetric)
    return float(table[0, 0]) if np.all(table == table[0, 0]) else table


def _from_pairs(name: str, pairs: Mapping[Any, Any], type_names: Sequence[Label], symmetric: bool) -> Array:
    indices = {label: index for index, label in enumerate(type_names)}
    table = np.full((len(indices), len(indices)), np.nan)
    absent: list[Any] = []
    for key, value in pairs.items():
        if not isinstance(key, tuple) or len(key) != 2:
            raise InputError(f"{name}: the keys of a table are pairs of types such as ('A', 'B'), not {key!r}")
        entry = number(f"{name} of {key!r}", value)
        if not set(key) <= set(indices):
            absent += [label for label in key if label not in (*indices, *absent)]
            continue
        a, b = indices[key[0]], indices[key[1]]
        table[a, b] = entry
        if symmetric:
            if key[::-1] in pairs and pairs[key[::-1]] != value:
                raise InputError(f"{name}: {key!r} and {key[::-1]!r} have different values")
            table[b, a] = entry
    missing = np.argwhere(np.isnan(table))
    if len(missing):
        a, b = (type_names[index] for index in missing[0])
        unknown = f"; it has one for {', '.join(map(repr, absent))}, which is unknown" if absent else ""
        raise InputError(f"{name}: the table has no value for the types ({a!r}, {b!r}){unknown}")
    warn_of_absent(name, absent)
    return table


def _check_table(name: str, table: Array, type_names: Sequence[Label], symmetric: bool) -> None:
    skew = (table != table.T) & symmetric
    for wrong, what in ((~np.isfinite(table), "is not finite"), (skew, "is not symmetric")):
        if np.any(wrong):
            a, b = np.argwhere(wrong)[0]
            raise InputError(f"{name}: the table {what} for the types ({type_names[a]!r}, {type_names[b]!r})")
