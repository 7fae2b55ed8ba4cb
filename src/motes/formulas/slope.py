"""Slopes of SymPy's expressions that stay finite where the formula's own slope is.

The chain rule multiplies the slope of a function by that of its argument. Where the first is infinite and the second
0, as for the root of a number that is held at 0, or of x**2 at 0, a computer's product is no number. There the slope
is 0: what does not move has no slope, whatever is made of it. So each such product becomes a select, and only where
the argument may be still; everything else is left to SymPy.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import sympy
from sympy import Add, Dummy, Expr, Integer, Symbol

from motes.formulas.opaque import Condition, arctan2, cbrt, equal, expm1, hold, less, log1p, magnitude, power, select

_STEEP = (sympy.asin, sympy.acos, cbrt, arctan2)
_FLAT_AT_INFINITY = (sympy.exp, expm1, sympy.tanh, sympy.erf, sympy.erfc)
"""Functions whose slope vanishes faster than that of any pole of their argument grows."""


def slope(expression: Expr, variable: Symbol) -> Expr:
    """The derivative, with selects where a product of 0 and infinity could arise."""
    if not any(_is_steep(node, variable) for node in sympy.preorder_traversal(expression)):
        return sympy.diff(expression, variable)
    return _Slopes(variable).of(expression)


def is_positive(expression: Expr) -> bool:
    """Whether the expression is more than 0 for any real numbers."""
    return bool(_real(expression).is_positive)


def is_nonnegative(expression: Expr) -> bool:
    """Whether the expression is never below 0 for real numbers."""
    return bool(_real(expression).is_nonnegative) or isinstance(expression, magnitude)


def _real(expression: Expr) -> Expr:
    unknown = sorted((symbol for symbol in expression.free_symbols if symbol.is_real is None), key=str)
    return expression.xreplace({symbol: Dummy(symbol.name, real=True) for symbol in unknown})


def _is_steep(node: Any, variable: Symbol) -> bool:
    """Whether the slope of a function by its argument may be infinite."""
    if not node.args or variable not in node.args[0].free_symbols:
        return isinstance(node, arctan2) and variable in node.free_symbols
    if node.is_Pow or isinstance(node, power):
        base, exponent = node.args
        return not (exponent.is_Rational and exponent >= 1) and _may_vanish(base, variable)
    if isinstance(node, log1p):
        return _may_vanish(1 + node.args[0], variable)
    return isinstance(node, _STEEP) or (isinstance(node, sympy.log) and _may_vanish(node.args[0], variable))


def _may_vanish(base: Expr, variable: Symbol) -> bool:
    """Whether the base may be 0 somewhere, not merely everywhere, as a / r is where a is 0."""
    if is_positive(base):
        return False
    relative = _real(sympy.diff(base, variable) / base)
    return not (relative.is_positive or relative.is_negative)


def _has_pole(expression: Expr, variable: Symbol) -> bool:
    return any(
        node.is_Pow and _is_steep(node, variable) and node.exp.is_Rational and node.exp < 0
        for node in sympy.preorder_traversal(expression)
    )


@dataclass
class _Slopes:
    """Slopes by one variable; each part of an expression is looked at once."""

    variable: Symbol
    _memo: dict[Expr, Expr] = field(default_factory=dict)

    def of(self, expression: Expr) -> Expr:
        if expression not in self._memo:
            self._memo[expression] = self._of(expression)
        return self._memo[expression]

    def _of(self, expression: Expr) -> Expr:
        if expression == self.variable:
            return Integer(1)
        if self.variable not in expression.free_symbols or isinstance(expression, Condition | hold):
            return Integer(0)
        arguments = expression.args
        if expression.is_Add:
            return Add(*map(self.of, arguments))
        if expression.is_Mul:
            return Add(*(self.of(factor) * expression.func(*_without(arguments, factor)) for factor in arguments))
        if isinstance(expression, select):
            return select(arguments[0], self.of(arguments[1]), self.of(arguments[2]))
        if isinstance(expression, magnitude):
            inner = self.of(arguments[0])
            return select(less(arguments[0], 0), -inner, inner)
        return Add(*(self._chain(expression, number) for number in range(len(arguments))))

    def _chain(self, function: Expr, number: int) -> Expr:
        """The slope of a function by one argument, times that of the argument."""
        inner = self.of(function.args[number])
        if inner == 0:
            return Integer(0)
        outer = _partial(function, number)
        if _is_steep(function, self.variable) and _real(inner).is_zero is not False:
            return select(equal(inner, 0), 0, outer * inner)
        if isinstance(function, _FLAT_AT_INFINITY) and _has_pole(function.args[0], self.variable):
            return select(equal(outer, 0), 0, outer * inner)
        return outer * inner


def _without(factors: tuple[Expr, ...], left_out: Expr) -> list[Expr]:
    return [factor for factor in factors if factor is not left_out]


def _partial(function: Expr, number: int) -> Expr:
    if function.is_Pow:
        base, exponent = function.args
        return exponent * base ** (exponent - 1) if number == 0 else function * sympy.log(base)
    return function.fdiff(number + 1)
