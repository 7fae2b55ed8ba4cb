"""Record what a user's function computes, as a small immutable expression tree.

The function is called once with `Expression` objects in place of numbers. They accept Python's operators and NumPy's
functions and remember them, so what comes back is the formula itself, ready to be differentiated and compiled.

The disadvantage: only what is a formula can be recorded. A loop over data, ``math.exp`` or an ``if`` on a traced
value cannot; each of these ends in an `InputError` that says where and what to write instead.
"""

from __future__ import annotations

import inspect
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from motes.errors import InputError

UNARY = ("negative", "absolute", "exp", "log", "sqrt", "sin", "cos", "tanh", "sinh", "cosh", "arctan", "erf", "erfc")
BINARY = ("add", "subtract", "multiply", "divide", "power", "minimum", "maximum")
HOLD = "hold"
"""The identity, kept as one value: what is inside is computed as written, never merged with what is around it."""
CONDITIONS = ("less", "less_equal", "equal", "not_equal", "logical_and", "logical_or", "logical_not")

# What a message recommends: the functions of NumPy that can be traced, by the names that users write.
SUPPORTED = (
    "abs, arctan, cbrt, clip, cos, cosh, erf, erfc, exp, exp2, expm1, hypot, log, log10, log1p, log2, logical_and, "
    "logical_not, logical_or, maximum, minimum, power, reciprocal, sign, sin, sinh, sqrt, square, tan, tanh, where"
)


class Expression:
    """One node of a formula: an operation and its operands, a constant, or a symbol.

    Attributes:
        operation: "constant", "symbol", or the NumPy name of the operation ("add", "exp", "where", "less", ...).
        operands: the expressions it applies to.
        value: the number of a constant (float) or the name of a symbol (str), otherwise None.

    Comparing two expressions with ``==`` makes a new expression, as in NumPy; compare their `key` to know whether
    they are the same formula.
    """

    __slots__ = ("operands", "operation", "value")

    operation: str
    operands: tuple[Expression, ...]
    value: float | str | None

    def __init__(
        self, operation: str, operands: tuple[Expression, ...] = (), value: float | str | None = None
    ) -> None:
        object.__setattr__(self, "operation", operation)
        object.__setattr__(self, "operands", operands)
        object.__setattr__(self, "value", value)

    def __setattr__(self, name: str, value: Any) -> None:
        raise InputError(f"{_place()}a traced value cannot be changed: setting {name!r} on it has no meaning.")

    __hash__ = object.__hash__

    @property
    def key(self) -> str:
        """Canonical text of the formula: equal for equal formulas, on every machine and in every process."""
        numbers: dict[int, int] = {}
        lines: dict[str, int] = {}
        for node in walk(self):
            inner = " ".join(str(numbers[id(operand)]) for operand in node.operands)
            line = f"{node.operation} {inner}" if node.operands else f"{node.operation} {node.value!r}"
            numbers[id(node)] = lines.setdefault(line, len(lines))
        return "; ".join(lines)

    @property
    def symbols(self) -> frozenset[str]:
        """The names of all symbols in the formula."""
        return frozenset(str(node.value) for node in walk(self) if node.operation == "symbol")

    def substitute(self, replacements: Mapping[str, Expression]) -> Expression:
        """The same formula with symbols replaced by expressions; what has become constant is folded."""
        made: dict[int, Expression] = {}
        for node in walk(self):
            if node.operation == "symbol":
                made[id(node)] = replacements.get(str(node.value), node)
            elif node.operands:
                made[id(node)] = apply(node.operation, *(made[id(operand)] for operand in node.operands))
            else:
                made[id(node)] = node
        return made[id(self)]

    def __repr__(self) -> str:
        if not self.operands:
            return str(self.value)
        return f"{self.operation}({', '.join(map(repr, self.operands))})"

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Expression:
        name = ufunc.__name__
        if method != "__call__" or options:
            raise InputError(f"{_place()}np.{name} of a traced value takes no options and no .{method}.")
        return call(name, *inputs)

    def __array_function__(self, function: Any, kinds: Any, inputs: Any, options: Any) -> Expression:
        if options and function.__name__ != "clip":
            raise InputError(f"{_place()}np.{function.__name__} of a traced value takes no options.")
        return call(function.__name__, *inputs, *options.values())

    def __array__(self, *arguments: Any, **options: Any) -> Any:
        raise InputError(f"{_place()}a traced value cannot become an array: write the formula for one number.")

    def __float__(self) -> float:
        raise InputError(
            f"{_place()}a traced value was converted to a number, as math.exp(r) or float(r) do: "
            "write np.exp(r) and so on instead."
        )

    __int__ = __index__ = __complex__ = __float__  # type: ignore[assignment]

    def __bool__(self) -> bool:
        raise InputError(
            f"{_place()}`if`, `and`, `or`, `not`, min() and max() need to know a traced value: write "
            "np.where(condition, this, otherwise), np.logical_and, np.logical_or, np.minimum or np.maximum instead."
        )

    def __iter__(self) -> Iterator[Any]:
        raise InputError(f"{_place()}a traced value is one number: it cannot be looped over, indexed or unpacked.")

    def __getitem__(self, index: Any) -> Any:
        return self.__iter__()

    def __len__(self) -> int:
        self.__iter__()
        return 0

    def __add__(self, other: Any) -> Expression:
        return call("add", self, other)

    def __radd__(self, other: Any) -> Expression:
        return call("add", other, self)

    def __sub__(self, other: Any) -> Expression:
        return call("subtract", self, other)

    def __rsub__(self, other: Any) -> Expression:
        return call("subtract", other, self)

    def __mul__(self, other: Any) -> Expression:
        return call("multiply", self, other)

    def __rmul__(self, other: Any) -> Expression:
        return call("multiply", other, self)

    def __truediv__(self, other: Any) -> Expression:
        return call("divide", self, other)

    def __rtruediv__(self, other: Any) -> Expression:
        return call("divide", other, self)

    def __pow__(self, other: Any) -> Expression:
        return call("power", self, other)

    def __rpow__(self, other: Any) -> Expression:
        return call("power", other, self)

    def __neg__(self) -> Expression:
        return call("negative", self)

    def __pos__(self) -> Expression:
        return self

    def __abs__(self) -> Expression:
        return call("absolute", self)

    def __lt__(self, other: Any) -> Expression:
        return call("less", self, other)

    def __le__(self, other: Any) -> Expression:
        return call("less_equal", self, other)

    def __gt__(self, other: Any) -> Expression:
        return call("greater", self, other)

    def __ge__(self, other: Any) -> Expression:
        return call("greater_equal", self, other)

    def __eq__(self, other: object) -> Expression:  # type: ignore[override]
        return call("equal", self, other)

    def __ne__(self, other: object) -> Expression:  # type: ignore[override]
        return call("not_equal", self, other)

    def __and__(self, other: Any) -> Expression:
        return call("logical_and", self, other)

    def __rand__(self, other: Any) -> Expression:
        return call("logical_and", other, self)

    def __or__(self, other: Any) -> Expression:
        return call("logical_or", self, other)

    def __ror__(self, other: Any) -> Expression:
        return call("logical_or", other, self)

    def __invert__(self) -> Expression:
        return call("logical_not", self)


def symbol(name: str) -> Expression:
    """The named unknown of a formula."""
    return Expression("symbol", (), name)


def constant(value: float) -> Expression:
    """A number in a formula."""
    return Expression("constant", (), float(value))


def walk(expression: Expression) -> list[Expression]:
    """Every distinct node once, operands before what uses them. Works without recursion, so depth does not matter."""
    order: list[Expression] = []
    seen: set[int] = set()
    stack: list[tuple[Expression, bool]] = [(expression, False)]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack.extend((operand, False) for operand in reversed(node.operands))
    return order


def is_condition(expression: Expression) -> bool:
    """Whether the expression is true or false rather than a number."""
    return expression.operation in CONDITIONS


def apply(operation: str, *operands: Expression) -> Expression:
    """One operation on expressions; constants are folded in floating point, so nothing can grow out of bounds."""
    _check_kinds(operation, operands)
    if operation == "where" and operands[1].operation == operands[2].operation == "constant" and (
        operands[1].value == operands[2].value
    ):
        return operands[1]
    if operation in CONDITIONS or operation == "where":
        return Expression(operation, operands)
    if all(operand.operation == "constant" for operand in operands):
        return constant(_fold(operation, [float(operand.value) for operand in operands]))  # type: ignore[arg-type]
    return Expression(operation, operands)


def _fold(operation: str, values: list[float]) -> float:
    with np.errstate(all="ignore"):
        result = float(compute(operation, *map(np.float64, values)))
    if not math.isfinite(result):
        inner = ", ".join(f"{value:.6g}" for value in values)
        raise InputError(f"{_place()}{operation}({inner}) has no finite value.")
    return result


def _check_kinds(operation: str, operands: tuple[Expression, ...]) -> None:
    logical = operation.startswith("logical_")
    for place, operand in enumerate(operands):
        wanted = logical or (operation == "where" and place == 0)
        if is_condition(operand) != wanted:
            kind = "a condition such as r < 1" if wanted else "a number, not a condition"
            hint = "" if wanted else " (write np.where(condition, 1.0, 0.0))"
            raise InputError(f"{_place()}np.{operation} needs {kind} as argument {place + 1}{hint}.")


def compute(operation: str, *values: Any) -> Any:
    """One operation on numbers or arrays, by NumPy."""
    if operation == HOLD:
        return values[0]
    if operation in ("erf", "erfc"):
        return _ERROR_FUNCTIONS[operation](*values)
    return getattr(np, operation)(*values)


# Only for checks and for users' own arrays; the compiled kernels use motes.functions.
_ERROR_FUNCTIONS = {
    "erf": np.vectorize(math.erf, otypes=[np.float64]),
    "erfc": np.vectorize(math.erfc, otypes=[np.float64]),
}


def _where(condition: Any, this: Any, otherwise: Any) -> Any:
    return apply("where", condition, this, otherwise)


# NumPy functions that are said in terms of the operations above.
_REWRITTEN: dict[str, Callable[..., Any]] = {
    "greater": lambda a, b: apply("less", b, a),
    "greater_equal": lambda a, b: apply("less_equal", b, a),
    "bitwise_and": lambda a, b: apply("logical_and", a, b),
    "bitwise_or": lambda a, b: apply("logical_or", a, b),
    "invert": lambda a: apply("logical_not", a),
    "positive": lambda a: a,
    "fabs": lambda a: apply("absolute", a),
    "square": lambda a: a * a,
    "reciprocal": lambda a: 1.0 / a,
    "float_power": lambda a, b: a**b,
    "fmin": lambda a, b: apply("minimum", a, b),
    "fmax": lambda a, b: apply("maximum", a, b),
    "clip": lambda a, low, high: apply("minimum", apply("maximum", a, low), high),
    "hypot": lambda a, b: apply("sqrt", a * a + b * b),
    "tan": lambda a: apply("sin", a) / apply("cos", a),
    "cbrt": lambda a: a ** (1.0 / 3.0),
    "exp2": lambda a: apply("exp", a * math.log(2.0)),
    "expm1": lambda a: apply("exp", a) - 1.0,
    "log1p": lambda a: apply("log", 1.0 + a),
    "log2": lambda a: apply("log", a) * (1.0 / math.log(2.0)),
    "log10": lambda a: apply("log", a) * (1.0 / math.log(10.0)),
    "sign": lambda a: _where(a > 0.0, constant(1.0), _where(a < 0.0, constant(-1.0), constant(0.0))),
    "where": _where,
}

_ARITY = dict.fromkeys((*UNARY, "logical_not"), 1) | dict.fromkeys((*BINARY, "less", "less_equal", "equal", "not_equal", "logical_and", "logical_or"), 2)


def call(name: str, *inputs: Any) -> Expression:
    """Apply the NumPy function of this name to traced values and numbers, or say that it cannot be traced."""
    operands = [_operand(value) for value in inputs]
    if name in _REWRITTEN:
        rule = _REWRITTEN[name]
        if len(operands) != rule.__code__.co_argcount:
            raise InputError(f"{_place()}np.{name} needs {rule.__code__.co_argcount} arguments, not {len(operands)}.")
        return rule(*operands)  # type: ignore[no-any-return]
    if name not in _ARITY:
        raise InputError(f"{_place()}np.{name} cannot be traced; these can: {SUPPORTED}.")
    if len(operands) != _ARITY[name]:
        raise InputError(f"{_place()}np.{name} needs {_ARITY[name]} arguments, not {len(operands)}.")
    return apply(name, *operands)


def _operand(value: Any) -> Expression:
    if isinstance(value, Expression):
        return value
    if isinstance(value, bool | np.bool_):
        return apply("less", constant(0.0), constant(float(value)))
    if isinstance(value, int | float | np.integer | np.floating) or (
        isinstance(value, np.ndarray) and value.shape == () and value.dtype.kind in "iuf"
    ):
        try:
            return constant(float(value))
        except OverflowError:
            raise InputError(f"{_place()}the integer {str(value)[:20]}... is too large for a float.") from None
    if isinstance(value, np.ndarray):
        raise InputError(f"{_place()}an array of shape {value.shape} meets a traced value, which is one number.")
    raise InputError(f"{_place()}a {type(value).__name__} meets a traced value: only numbers can.")


def erf(x: Any) -> Any:
    """Error function of a traced value, a number or an array."""
    return call("erf", x) if isinstance(x, Expression) else _ERROR_FUNCTIONS["erf"](x)[()]


def erfc(x: Any) -> Any:
    """Complementary error function, 1 - erf(x), of a traced value, a number or an array."""
    return call("erfc", x) if isinstance(x, Expression) else _ERROR_FUNCTIONS["erfc"](x)[()]


def trace(
    function: Callable[..., Any], coordinates: tuple[str, ...], symbols: Mapping[str, Expression | None]
) -> Expression:
    """The formula that a function of the coordinates and of named parameters computes.

    Args:
        function: takes the coordinates first, then parameters by name.
        coordinates: the names its first arguments must have, such as ``("r",)``.
        symbols: what each parameter stands for; None makes it a symbol of its own name.

    Raises:
        InputError: with file and line, if the function cannot be traced or lacks a parameter.
    """
    given: dict[str, Expression] = {}
    for name, parameter in parameters(function, coordinates).items():
        if name in symbols:
            given[name] = _symbol_or(symbols[name], name)
        elif parameter.default is inspect.Parameter.empty:
            raise InputError(f"{describe(function)} needs a value for {name!r}.")
    try:
        result = function(*map(symbol, coordinates), **given)
    except InputError:
        raise
    except Exception as error:  # whatever a user's function may raise is the user's to read, with its place
        raise InputError(f"{_place_of(error)}{type(error).__name__}: {error}") from error
    return _result(function, result)


def _symbol_or(expression: Expression | None, name: str) -> Expression:
    return symbol(name) if expression is None else expression


def parameters(function: Callable[..., Any], coordinates: tuple[str, ...]) -> dict[str, inspect.Parameter]:
    """What a user's function takes after its coordinates, by name."""
    if not callable(function):
        raise InputError(f"an energy must be a function of {', '.join(coordinates)}, not {function!r}.")
    found = list(inspect.signature(function).parameters.values())
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
    return f"{name} ({_short(code.co_filename)}:{code.co_firstlineno})" if code else str(name)


def _result(function: Callable[..., Any], result: Any) -> Expression:
    wanted = f"{describe(function)} must return one energy"
    if result is None:
        raise InputError(f"{wanted}, but returns nothing: is a `return` missing?")
    if isinstance(result, tuple | list | dict | set | str | bool) or getattr(result, "shape", ()) != ():
        raise InputError(f"{wanted}, not {type(result).__name__} {str(result)[:60]}.")
    expression = _operand(result)
    if is_condition(expression):
        raise InputError(f"{wanted}, not a condition: write np.where(condition, this, otherwise).")
    if expression.operation == "constant" and not math.isfinite(float(expression.value)):  # type: ignore[arg-type]
        raise InputError(f"{wanted} that is finite, not {expression.value}.")
    return expression


_OWN_FILES = (__file__, os.path.dirname(np.__file__) + os.sep)


def _place() -> str:
    """File and line of the user's code that is being traced now, as the beginning of a message."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OWN_FILES):
        frame = frame.f_back
    if os.path.dirname(frame.f_code.co_filename) == os.path.dirname(__file__):
        return ""  # an expression from text has no line; its parser says where
    return f"{_short(frame.f_code.co_filename)}:{frame.f_lineno}: "


def _place_of(error: BaseException) -> str:
    """File and line where an exception left the user's code."""
    place = ""
    trail = error.__traceback__
    while trail is not None:
        name = trail.tb_frame.f_code.co_filename
        if not name.startswith(_OWN_FILES):
            place = f"{_short(name)}:{trail.tb_lineno}: "
        trail = trail.tb_next
    return place


def _short(path: str) -> str:
    """The path relative to the working folder if that is shorter."""
    try:
        relative = os.path.relpath(path)
    except ValueError:  # another drive
        return path
    return min(relative, path, key=len)
