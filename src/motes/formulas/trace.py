"""Record what a user's function computes.

The function is called once with `Expression` objects instead of numbers, and what comes back is the formula itself,
ready to be differentiated and compiled.

The disadvantage: only what is a formula can be recorded. A loop over data, ``math.exp`` or an ``if`` on a traced
value cannot; each of these ends in an `InputError` that says where and what to write instead.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from motes.core.errors import InputError
from motes.formulas import location
from motes.formulas.formula import ERROR_FUNCTIONS, Expression, call, is_condition, operand, symbol


def erf(x: Any) -> Any:
    """Error function of a traced value, a number or an array."""
    return call("erf", x) if isinstance(x, Expression) else ERROR_FUNCTIONS["erf"](x)[()]


def erfc(x: Any) -> Any:
    """Complementary error function, 1 - erf(x), of a traced value, a number or an array."""
    return call("erfc", x) if isinstance(x, Expression) else ERROR_FUNCTIONS["erfc"](x)[()]


def trace(
    function: Callable[..., Any], coordinates: tuple[str, ...], symbols: Mapping[str, Expression]
) -> Expression:  # fmt: skip
    """The formula that a function of the coordinates and of named parameters computes.

    Args:
        function: takes the coordinates first, then parameters by name.
        coordinates: the names its first arguments must have, such as ``("r",)``.
        symbols: what each parameter stands for.

    Raises:
        InputError: with file and line, if the function cannot be traced or lacks a parameter.
    """
    given: dict[str, Expression] = {}
    for name, parameter in parameters(function, coordinates).items():
        if name in symbols:
            given[name] = symbols[name]
        elif parameter.default is inspect.Parameter.empty:
            raise InputError(f"{describe(function)} needs a value for {name!r}.")
    expressions = [*map(symbol, coordinates)]
    return _twice(function, lambda: (_result(function, _called(function, expressions, given), "one number"),))[0]


def trace_values(
    function: Callable[..., Any], arguments: Collection[str], wanted: str, keywords: bool = False
) -> Expression | tuple[Expression, ...]:
    """The formula of a function that returns one number, or the formulas of one that returns several in a tuple.

    Args:
        function: of any numbers.
        arguments: the symbols that it is called with: by their names with `keywords`, otherwise in this order.
        wanted: what it should return, for messages: "one number or several".
    """
    symbols = {name: symbol(name) for name in arguments}
    several = True

    def formulas() -> tuple[Expression, ...]:
        nonlocal several
        result = _called(function, (), symbols) if keywords else _called(function, list(symbols.values()), {})
        several = isinstance(result, tuple | list)
        if not several:
            return (_result(function, result, wanted),)
        if not result:
            raise InputError(f"{describe(function)} must return {wanted}, but returns nothing.")
        return tuple(_result(function, value, wanted) for value in result)

    found = _twice(function, formulas)
    return found if several else found[0]


def _twice(function: Callable[..., Any], formulas: Callable[[], tuple[Expression, ...]]) -> tuple[Expression, ...]:
    """What the function gives, if it gives the same when it is called again."""
    once, again = formulas(), formulas()
    if [formula.key for formula in once] != [formula.key for formula in again]:
        raise InputError(
            f"{describe(function)} gives another formula each time it is called: a random number, a clock or anything "
            "else that changes cannot be part of a formula; draw it before, and give it as a parameter or an attribute."
        )
    return once


def _called(function: Callable[..., Any], arguments: Sequence[Expression], given: Mapping[str, Expression]) -> Any:
    try:
        return function(*arguments, **given)
    except InputError:
        raise
    except Exception as error:  # whatever a user's function may raise is the user's to read, with its line
        raise InputError(f"{location.of(error)}{type(error).__name__}: {error}") from error


def parameters(function: Callable[..., Any], coordinates: tuple[str, ...] = ()) -> dict[str, inspect.Parameter]:
    """What a user's function takes after its coordinates, by name."""
    if not callable(function):
        raise InputError(f"this must be a function of {', '.join(coordinates) or 'numbers'}: {function!r}.")
    try:
        found = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as error:  # one of Python's own says nothing of its arguments
        name = describe(function)
        raise InputError(
            f"{name} does not say what it takes; write a function of your own around it, or NumPy's"
        ) from error
    names = tuple(parameter.name for parameter in found)
    if names[: len(coordinates)] != coordinates:
        raise InputError(
            f"{describe(function)} must take {', '.join(coordinates)} first, but takes ({', '.join(names)})."
        )
    for parameter in found:
        if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            raise InputError(f"{describe(function)} must name its parameters: *{parameter.name} cannot be matched.")
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY and parameter.name not in coordinates:
            raise InputError(f"{describe(function)}: {parameter.name!r} cannot be given by name; drop the '/'.")
    return {parameter.name: parameter for parameter in found[len(coordinates) :]}


def describe(function: Callable[..., Any]) -> str:
    """The function's name, with file and line where known."""
    name = getattr(function, "__name__", type(function).__name__)
    code = getattr(function, "__code__", None)
    return f"{name} ({location.short(code.co_filename)}:{code.co_firstlineno})" if code else str(name)


def _result(function: Callable[..., Any], result: Any, what: str) -> Expression:
    wanted = f"{describe(function)} must return {what}"
    if result is None:
        raise InputError(f"{wanted}, but returns nothing: is a `return` missing?")
    if isinstance(result, tuple | list | dict | set | str | bool) or getattr(result, "shape", ()) != ():
        raise InputError(f"{wanted}, not {type(result).__name__} {str(result)[:60]}.")
    expression = operand(result)
    if is_condition(expression):
        raise InputError(f"{wanted}, not a condition: write np.where(condition, this, otherwise).")
    if expression.operation == "constant" and not math.isfinite(float(expression.value)):  # type: ignore[arg-type]  # constants hold numbers
        raise InputError(f"{wanted} that is finite, not {expression.value}.")
    return expression
