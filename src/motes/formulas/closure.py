"""Numbers that a function holds, in its closure or as defaults, as parameters of its formula.

So a function that is made anew with another number has the same formula, and nothing is compiled again. What needs
the number itself (a loop, an `if`, an index) is recorded with the number instead.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from motes.core.errors import InputError
from motes.formulas.formula import Expression, constant, symbol, walk

Record = Callable[[Callable[..., Any]], tuple[Expression, ...]]


def record_with_numbers(
    function: Callable[..., Any], record: Record, given: Collection[str], taken: Collection[str]
) -> tuple[tuple[Expression, ...], dict[str, float]]:
    """The formulas of a function, and the numbers that some of their symbols stand for.

    Args:
        function: any; only functions written in Python have numbers that can be found.
        record: gives the formulas of a function.
        given: arguments that it is called with, whose defaults do not count.
        taken: names that are no number's.
    """
    plain = record(function)
    for kinds in ((float, int, np.integer), (float,)):  # whole numbers are often counts, and those must stay numbers
        numbers = {name: value for name, value in _numbers(function, given).items() if isinstance(value, kinds)}
        if numbers:
            names = {name: free_name(name, taken) for name in numbers}
            values = {names[name]: float(value) for name, value in numbers.items()}
            try:
                found = record(_replaced(function, {name: symbol(names[name]) for name in numbers}))
            except InputError:
                continue
            # A function may look at what it is given: then its formula is another one with symbols.
            exact = {name: constant(value) for name, value in values.items()}
            if _alike(plain, exact) == _alike(found, exact):
                return found, values
    return plain, {}


def _numbers(function: Callable[..., Any], given: Collection[str]) -> dict[str, Any]:
    if not isinstance(function, types.FunctionType):
        return {}
    found: dict[str, Any] = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # assigned later
            continue
    found |= {name: value for name, value in _defaults(function).items() if name not in given}
    return {name: value for name, value in found.items() if _is_number(value)}


def _is_number(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and abs(int(value)) < 2**53


def _positional(function: types.FunctionType) -> tuple[str, ...]:
    """The names of the arguments that have the function's defaults."""
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    return names[len(names) - len(function.__defaults__ or ()) :]


def _defaults(function: types.FunctionType) -> dict[str, Any]:
    positional = zip(_positional(function), function.__defaults__ or (), strict=True)
    return {**dict(positional), **(function.__kwdefaults__ or {})}


def _replaced(function: Callable[..., Any], values: Mapping[str, Any]) -> types.FunctionType:
    """The same function with other values in its closure and for its defaults."""
    assert isinstance(function, types.FunctionType)  # others have no numbers  # noqa: S101
    code, cells = function.__code__, function.__closure__ or ()
    closure = [
        types.CellType(values[name]) if name in values else cell
        for name, cell in zip(code.co_freevars, cells, strict=True)
    ]
    defaults = [
        values.get(name, value) for name, value in zip(_positional(function), function.__defaults__ or (), strict=True)
    ]
    made = types.FunctionType(code, function.__globals__, function.__name__, tuple(defaults), tuple(closure))
    made.__kwdefaults__ = {name: values.get(name, value) for name, value in (function.__kwdefaults__ or {}).items()}
    return made


def free_name(name: str, taken: Collection[str]) -> str:
    """The name, with underscores after it if it means something else already."""
    while name in taken:
        name += "_"
    return name


def _alike(formulas: tuple[Expression, ...], numbers: Mapping[str, Expression]) -> list[str]:
    """Text that is the same for formulas whose numbers differ by rounding only."""
    texts = []
    for formula in formulas:
        found = formula.substitute(numbers)
        rounded: dict[int, Expression] = {}
        for node in walk(found):
            if node.operation == "constant":
                rounded[id(node)] = constant(float(f"{node.value:.11e}"))
            else:
                operands = tuple(rounded[id(operand)] for operand in node.operands)
                rounded[id(node)] = Expression(node.operation, operands, node.value)
        texts.append(rounded[id(found)].key)
    return texts
