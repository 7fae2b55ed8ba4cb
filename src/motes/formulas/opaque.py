"""Functions that SymPy keeps as they are: selects and conditions, steps, powers of what may be negative.

Each knows its slope, and nothing else about it is ever simplified.
"""

from __future__ import annotations

import types
from typing import Any

import sympy
from sympy import Function, Integer, Rational

from motes.formulas.formula import CONDITIONS


class Opaque(Function):  # type: ignore[misc]  # sympy has no type hints
    """A function that SymPy must neither evaluate nor rewrite."""

    @classmethod
    def eval(cls, *_arguments: Any) -> Any:
        """Nothing simpler."""
        return None


class Condition(Opaque):
    """True or false; where it changes is never differentiated."""

    def _eval_derivative(self, _variable: Any) -> Any:
        return Integer(0)


# One class for each condition, of the same name: {"less": less, ...}.
CONDITION_CLASSES: dict[str, Any] = {name: types.new_class(name, (Condition,)) for name in CONDITIONS}
less, less_equal, equal = (CONDITION_CLASSES[name] for name in ("less", "less_equal", "equal"))


class select(Opaque):  # noqa: N801 - named like the operation it stands for
    """select(condition, this, otherwise): its derivative is the same choice between the derivatives."""

    @classmethod
    def eval(cls, *arguments: Any) -> Any:
        """The branches, where they are equal."""
        _, this, otherwise = arguments
        return this if this == otherwise else None

    def _eval_derivative(self, variable: Any) -> Any:
        condition, this, otherwise = self.args
        return select(condition, this.diff(variable), otherwise.diff(variable))


class magnitude(Opaque):  # noqa: N801 - named like the operation it stands for
    """The absolute value."""

    def _eval_derivative(self, variable: Any) -> Any:
        inner = self.args[0]
        slope = inner.diff(variable)
        return select(less(inner, 0), -slope, slope)


class power(Opaque):  # noqa: N801 - named like the operation it stands for
    """base ** exponent where SymPy's own power would not do."""

    def fdiff(self, argindex: int = 1) -> Any:
        """By the base, or by the exponent."""
        base, exponent = self.args
        return exponent * power(base, exponent - 1) if argindex == 1 else self * sympy.log(base)


class cbrt(Opaque):  # noqa: N801 - named like the operation it stands for
    """The real cube root, of negative numbers too."""

    def fdiff(self, _argindex: int = 1) -> Any:
        """Infinite at 0."""
        return Rational(1, 3) / self**2


class expm1(Opaque):  # noqa: N801 - named like the operation it stands for
    """exp(x) - 1, which as such would lose the digits of a small x."""

    def fdiff(self, _argindex: int = 1) -> Any:
        """That of exp."""
        return sympy.exp(self.args[0])


class log1p(Opaque):  # noqa: N801 - named like the operation it stands for
    """log(1 + x), which as such would lose the digits of a small x."""

    def fdiff(self, _argindex: int = 1) -> Any:
        """Infinite at -1, and a number below, where the logarithm is none."""
        return 1 / (1 + self.args[0])


class arctan2(Opaque):  # noqa: N801 - named like the operation it stands for
    """The angle of the point (x, y), of which y comes first."""

    def fdiff(self, argindex: int = 1) -> Any:
        """By y, or by x."""
        y, x = self.args
        return (x if argindex == 1 else -y) / (x**2 + y**2)


class remainder(Opaque):  # noqa: N801 - named like the operation it stands for
    """a - b floor(a / b); where it jumps is never differentiated."""

    def fdiff(self, argindex: int = 1) -> Any:
        """By a, or by b."""
        a, b = self.args
        return Integer(1) if argindex == 1 else -STEPS["floor"](a / b)


class Step(Opaque):
    """A function that is constant but where it jumps, which is never differentiated."""

    def fdiff(self, _argindex: int = 1) -> Any:
        """It has no slope."""
        return Integer(0)


# One class for each, of the same name.
STEPS: dict[str, Any] = {name: types.new_class(name, (Step,)) for name in ("floor", "ceil", "rint", "trunc")}


class lookup(Step):  # noqa: N801 - named like the operation it stands for
    """The number of a column at an index."""


class hold(Opaque):  # noqa: N801 - named like the operation it stands for
    """A value that is the same at any distance and that nothing around it is merged with."""

    def _eval_derivative(self, _variable: Any) -> Any:
        return Integer(0)
