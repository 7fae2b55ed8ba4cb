"""Formulas as small immutable trees, which accept Python's operators and NumPy's functions.

What each accepts it remembers, so a function that is called with an `Expression` returns the formula that it computes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from motes.core.errors import InputError
from motes.formulas import location

UNARY = (
    "negative", "absolute", "sign", "floor", "ceil", "rint", "trunc", "sqrt", "cbrt", "exp", "exp2", "expm1", "log",
    "log10", "log1p", "log2", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "erf", "erfc",
)  # fmt: skip
BINARY = (
    "add", "subtract", "multiply", "divide", "remainder", "power", "minimum", "maximum", "fmin", "fmax", "hypot",
    "arctan2", "heaviside",
)  # fmt: skip
COLUMNS: dict[str, Any] = {}
"""The arrays that leaves of the operation "column" stand for, by name; names are digests of the numbers."""

HOLD = "hold"
"""The identity, kept as one value: what is inside is computed as written, never merged with what is around it."""
CONDITIONS = ("less", "less_equal", "equal", "not_equal", "logical_and", "logical_or", "logical_not")

# What a message recommends: the functions of NumPy that can be traced, by the names that users write.
SUPPORTED = (
    "abs, arccos, arcsin, arctan, arctan2, cbrt, ceil, clip, cos, cosh, erf, erfc, exp, exp2, expm1, floor, fmax, "
    "fmin, heaviside, hypot, interp, log, log10, log1p, log2, logical_and, logical_not, logical_or, maximum, "
    "minimum, mod, piecewise, power, reciprocal, round, select, sign, sin, sinh, sqrt, square, tan, tanh, trunc, where"
)


def _of_one(name: str) -> Callable[[Any], Expression]:
    """A method of expressions that is the NumPy function of this name."""

    def method(self: Any) -> Expression:
        return call(name, self)

    return method


def _of_two(name: str) -> tuple[Callable[[Any, Any], Expression], Callable[[Any, Any], Expression]]:
    """The same of two operands, and with the two turned round."""

    def method(self: Any, other: Any) -> Expression:
        return call(name, self, other)

    def turned(self: Any, other: Any) -> Expression:
        return call(name, other, self)

    return method, turned


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

    def __init__(self, operation: str, operands: tuple[Expression, ...] = (), value: float | str | None = None) -> None:
        object.__setattr__(self, "operation", operation)
        object.__setattr__(self, "operands", operands)
        object.__setattr__(self, "value", value)

    def __setattr__(self, name: str, value: Any) -> None:
        raise InputError(f"{location.here()}a traced value cannot be changed: setting {name!r} on it has no meaning.")

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
        if not replacements:
            return self
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
            raise InputError(f"{location.here()}np.{name} of a traced value takes no options and no .{method}.")
        return call(name, *inputs)

    def __array_function__(self, function: Any, kinds: Any, inputs: Any, options: Any) -> Expression:
        name = function.__name__
        if name in OF_LISTS:
            try:
                return OF_LISTS[name](*inputs, **options)
            except TypeError as error:
                raise InputError(f"{location.here()}np.{name} of a traced value: {error}.") from None
        if options and name != "clip":
            raise InputError(f"{location.here()}np.{name} of a traced value takes no options.")
        return call(name, *inputs, *options.values())

    def __array__(self, *arguments: Any, **options: Any) -> Any:
        raise InputError(f"{location.here()}a traced value cannot become an array: write the formula for one number.")

    def __float__(self) -> float:
        raise InputError(
            f"{location.here()}a traced value was converted to a number, as math.exp(r) or float(r) do: "
            "write np.exp(r) and so on instead."
        )

    __int__ = __index__ = __complex__ = __float__

    def __bool__(self) -> bool:
        raise InputError(
            f"{location.here()}`if`, `and`, `or`, `not`, min() and max() need to know a traced value: write "
            "np.where(condition, this, otherwise), np.logical_and, np.logical_or, np.minimum or np.maximum instead."
        )

    def __iter__(self) -> Iterator[Any]:
        raise InputError(
            f"{location.here()}a traced value is one number: it cannot be looped over, indexed or unpacked."
        )

    def __getitem__(self, index: Any) -> Any:
        return self.__iter__()

    def __len__(self) -> int:
        self.__iter__()
        return 0

    def __round__(self, digits: int = 0) -> Expression:
        return call("round", self, digits)

    def __pos__(self) -> Expression:
        return self

    __neg__, __abs__, __invert__ = _of_one("negative"), _of_one("absolute"), _of_one("logical_not")
    __floor__, __ceil__, __trunc__ = _of_one("floor"), _of_one("ceil"), _of_one("trunc")
    __add__, __radd__ = _of_two("add")
    __sub__, __rsub__ = _of_two("subtract")
    __mul__, __rmul__ = _of_two("multiply")
    __truediv__, __rtruediv__ = _of_two("divide")
    __floordiv__, __rfloordiv__ = _of_two("floor_divide")
    __mod__, __rmod__ = _of_two("remainder")
    __pow__, __rpow__ = _of_two("power")
    __and__, __rand__ = _of_two("logical_and")
    __or__, __ror__ = _of_two("logical_or")
    # Python turns a comparison round by itself. One of formulas is a formula, as in NumPy.
    __lt__, __le__ = _of_two("less")[0], _of_two("less_equal")[0]
    __gt__, __ge__ = _of_two("greater")[0], _of_two("greater_equal")[0]
    __eq__, __ne__ = _of_two("equal")[0], _of_two("not_equal")[0]  # type: ignore[assignment]


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
    if (
        operation == "where"
        and operands[1].operation == operands[2].operation == "constant"
        and (operands[1].value == operands[2].value)
    ):
        return operands[1]
    if operation in CONDITIONS or operation == "where":
        return Expression(operation, operands)
    if all(operand.operation == "constant" for operand in operands):
        return constant(_fold(operation, [float(operand.value) for operand in operands]))  # type: ignore[arg-type]  # constants hold numbers
    return Expression(operation, operands)


def _fold(operation: str, values: list[float]) -> float:
    with np.errstate(all="ignore"):
        result = float(compute(operation, *map(np.float64, values)))
    if not math.isfinite(result):
        inner = ", ".join(f"{value:.6g}" for value in values)
        raise InputError(f"{location.here()}{operation}({inner}) has no finite value.")
    return result


def _check_kinds(operation: str, operands: tuple[Expression, ...]) -> None:
    logical = operation.startswith("logical_")
    for number, operand in enumerate(operands, start=1):
        wanted = logical or (operation == "where" and number == 1)
        if is_condition(operand) != wanted:
            kind = "a condition such as r < 1" if wanted else "a number, not a condition"
            hint = "" if wanted else " (write np.where(condition, 1.0, 0.0))"
            raise InputError(f"{location.here()}np.{operation} needs {kind} as argument {number}{hint}.")


def compute(operation: str, *values: Any) -> Any:
    """One operation on numbers or arrays, by NumPy."""
    if operation == HOLD:
        return values[0]
    if operation == "lookup":
        return values[0][np.asarray(values[1]).astype(np.int64)]
    if operation in ERROR_FUNCTIONS:
        return ERROR_FUNCTIONS[operation](*values)
    return getattr(np, operation)(*values)


# Only for checks and for users' own arrays; the compiled kernels use motes.exact.functions.
ERROR_FUNCTIONS = {
    "erf": np.vectorize(math.erf, otypes=[np.float64]),
    "erfc": np.vectorize(math.erfc, otypes=[np.float64]),
}


def _where(condition: Any, this: Any, otherwise: Any) -> Any:
    return apply("where", condition, this, otherwise)


def _round(a: Expression, digits: Expression) -> Expression:
    if digits.operation != "constant" or digits.value != 0:
        raise InputError(f"{location.here()}np.round of a traced value rounds to whole numbers only.")
    return apply("rint", a)


def _select(condlist: Any, choicelist: Any, default: Any = 0) -> Expression:
    """np.select: the choice of the first condition that is true."""
    if len(condlist) != len(choicelist):
        raise InputError(f"{location.here()}np.select needs as many choices as conditions.")
    result = operand(default)
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        result = _where(operand(condition), operand(choice), result)
    return result


def _piecewise(x: Any, condlist: Any, funclist: Any, *given: Any, **named: Any) -> Expression:
    """np.piecewise: the function (or number) of the last condition that is true, else the one that is left, or 0."""
    conditions = condlist if isinstance(condlist, list | tuple) else [condlist]
    values = [piece(x, *given, **named) if callable(piece) else piece for piece in funclist]
    if len(values) not in (len(conditions), len(conditions) + 1):
        raise InputError(
            f"{location.here()}np.piecewise needs one function for each of {len(conditions)} conditions, "
            "one more at most."
        )
    result = operand(values[len(conditions)] if len(values) > len(conditions) else 0.0)
    for condition, value in zip(conditions, values, strict=False):
        result = _where(operand(condition), operand(value), result)
    return result


def _floor_divide(a: Expression, b: Expression) -> Expression:
    """By the remainder, which is exact; of what has none, or is of whole numbers anyway, the plain quotient."""
    quotient = a / b
    whole = apply("rint", (a - apply("remainder", a, b)) / b)
    return apply("where", apply("less", apply("absolute", quotient), constant(2.0**52)), whole, quotient)


OF_LISTS: dict[str, Callable[..., Expression]] = {"select": _select, "piecewise": _piecewise}
"""NumPy functions of lists: choices between branches; lookup.py adds what goes through points."""

# NumPy functions that are other ones by another name, with the same bits.
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
    "mod": lambda a, b: apply("remainder", a, b),
    "floor_divide": _floor_divide,
    "clip": lambda a, low, high: apply("minimum", apply("maximum", a, low), high),
    "where": _where,
    "round": _round,
    "around": _round,
}

_ONE_OPERAND = (*UNARY, "logical_not")
_TWO_OPERANDS = (*BINARY, *(name for name in CONDITIONS if name != "logical_not"))


def call(name: str, *inputs: Any) -> Expression:
    """Apply the NumPy function of this name to traced values and numbers, or say that it cannot be traced."""
    operands = [operand(value) for value in inputs]
    if name in ("round", "around") and len(operands) == 1:
        operands.append(constant(0.0))
    if name in _REWRITTEN:
        expected = _REWRITTEN[name].__code__.co_argcount
    elif name in _ONE_OPERAND or name in _TWO_OPERANDS:
        expected = 1 if name in _ONE_OPERAND else 2
    else:
        raise InputError(f"{location.here()}np.{name} cannot be traced; these can: {SUPPORTED}.")
    if len(operands) != expected:
        raise InputError(f"{location.here()}np.{name} needs {expected} arguments, not {len(operands)}.")
    result: Expression = _REWRITTEN[name](*operands) if name in _REWRITTEN else apply(name, *operands)
    return result


def operand(value: Any) -> Expression:
    """A traced value or a number as an expression."""
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
            raise InputError(f"{location.here()}the integer {str(value)[:20]}... is too large for a float.") from None
    if isinstance(value, np.ndarray):
        raise InputError(f"{location.here()}an array of shape {value.shape} meets a traced value, which is one number.")
    raise InputError(f"{location.here()}a {type(value).__name__} meets a traced value: only numbers can.")
