"""What a user writes: a function, or a formula as text, of which nothing is executed. A formula is made of either."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from motes.core.errors import InputError
from motes.core.words import shortened
from motes.formulas.bind import Traced, names_of
from motes.formulas.closure import record_with_numbers
from motes.formulas.expression import expression_parameters, parse
from motes.formulas.formula import Expression
from motes.formulas.trace import describe, trace


@dataclass(frozen=True)
class Written:
    """A function or a text, which can travel to another process.

    Attributes:
        name: for messages.
        short: as it is shown.
        needed: the names it takes besides its coordinates, and whether they need a value.
        formulas: a tuple of its one formula, with these expressions for names; the second are names not to be used for
            numbers.
    """

    name: str
    short: str
    needed: Mapping[str, bool]
    formulas: Callable[[Mapping[str, Expression], Collection[str]], Traced]

    @classmethod
    def function(cls, owner: object, function: Any, coordinates: tuple[str, ...] = ()) -> Written:
        """A function that takes these coordinates first; owner: the law that it is of."""
        if isinstance(function, str):
            kind = type(owner).__name__
            raise InputError(f"{kind} takes a function; for the text {function!r} use {kind}.from_expression")
        needed = names_of(function, coordinates)
        short = getattr(function, "__name__", type(function).__name__)
        return cls(describe(function), short, needed, partial(_traced, function, coordinates))

    @classmethod
    def text(cls, text: str, coordinates: tuple[str, ...] = ()) -> Written:
        """A formula of these coordinates and of other names."""
        names, short = expression_parameters(text, coordinates), shortened(text)
        return cls(short, short, dict.fromkeys(names, True), partial(_parsed, text, (*coordinates, *names)))


def _traced(
    function: Callable[..., Any], first: tuple[str, ...], given: Mapping[str, Expression], taken: Collection[str]
) -> Traced:
    return record_with_numbers(function, lambda one: (trace(one, first, given),), given, taken)


def _parsed(text: str, names: tuple[str, ...], given: Mapping[str, Expression], _taken: Collection[str]) -> Traced:
    return (parse(text, names).substitute(given),), {}
