"""The differentiation of traced formulas, by SymPy. Import this module only where a formula must be derived.

A pair energy is written in s = r**2, so that even powers of r never take a square root, and the force over the
distance is -2 dU/ds. Numbers become exact fractions: SymPy then combines powers exactly, and a number is rounded
only once, when it is written into the source.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from typing import Any

import sympy
from sympy import Add, Expr, Integer, Mul, Rational, Symbol

from motes.core.errors import InputError
from motes.formulas.formula import Expression, apply, constant, walk
from motes.formulas.limits import require_few_digits, require_manageable
from motes.formulas.opaque import (
    CONDITION_CLASSES,
    STEPS,
    arctan2,
    cbrt,
    expm1,
    hold,
    less,
    less_equal,
    log1p,
    lookup,
    magnitude,
    power,
    remainder,
    select,
)
from motes.formulas.slope import slope

# Powers beyond this are left to motes.exact.functions.power: chains of multiplications grow, exact fractions explode.
LARGEST_POWER = 256

SQUARE = Symbol("s", positive=True)
CUTOFF = Symbol("cutoff", positive=True)


_and, _or, _not = (CONDITION_CLASSES[name] for name in ("logical_and", "logical_or", "logical_not"))

_FUNCTIONS = {
    name: getattr(sympy, name) for name in ("exp", "log", "sqrt", "sin", "cos", "tanh", "sinh", "cosh", "erf", "erfc")
} | {"arcsin": sympy.asin, "arccos": sympy.acos, "arctan": sympy.atan, "absolute": magnitude, "hold": hold}
_FUNCTIONS |= {"expm1": expm1, "log1p": log1p, "cbrt": cbrt, "arctan2": arctan2, "lookup": lookup}
_FUNCTIONS |= {"remainder": remainder, **STEPS}


def _where(condition: Expression, this: Expression | float, otherwise: Expression | float) -> Expression:
    this, otherwise = (constant(x) if isinstance(x, float) else x for x in (this, otherwise))
    return apply("where", condition, this, otherwise)


# What is written as it stands (formulas.write) needs none of this: there each function is as exact as its name says.
_EXPANSIONS: dict[str, Callable[..., Expression]] = {
    "hypot": lambda a, b: apply("sqrt", a * a + b * b),
    "tan": lambda a: apply("sin", a) / apply("cos", a),
    "exp2": lambda a: apply("exp", a * math.log(2.0)),
    "log2": lambda a: apply("log", a) * (1.0 / math.log(2.0)),
    "log10": lambda a: apply("log", a) * (1.0 / math.log(10.0)),
    "sign": lambda a: _where(a > 0.0, 1.0, _where(a < 0.0, -1.0, 0.0)),
    "heaviside": lambda a, there: _where(a > 0.0, 1.0, _where(a < 0.0, 0.0, there)),
    "fmin": lambda a, b: _where((b < a) | (a != a), b, a),
    "fmax": lambda a, b: _where((a < b) | (a != a), b, a),
}


def _expanded(formula: Expression) -> Expression:
    """The same formula, with functions said in terms of simpler ones, where that helps to derive it and to be fast."""
    made: dict[int, Expression] = {}
    for node in walk(formula):
        operands = [made[id(operand)] for operand in node.operands]
        if node.operation in _EXPANSIONS:
            made[id(node)] = _EXPANSIONS[node.operation](*operands)
        elif all(new is old for new, old in zip(operands, node.operands, strict=True)):
            made[id(node)] = node
        else:
            made[id(node)] = apply(node.operation, *operands)
    return made[id(formula)]


def pair_energy(energy: Expression) -> Expr:
    """The energy of a pair as SymPy's expression in SQUARE, CUTOFF and the parameters' symbols."""
    return converted(energy, {"r": sympy.sqrt(SQUARE), "cutoff": CUTOFF})


def converted(formula: Expression, meanings: Mapping[str, Expr]) -> Expr:
    """The formula as SymPy's expression; symbols without another meaning stand for themselves."""
    formula = _expanded(formula)
    require_manageable(formula)
    made: dict[int, Any] = {}
    for node in walk(formula):
        if node.operation == "symbol":
            name = str(node.value)
            made[id(node)] = meanings[name] if name in meanings else Symbol(name)
        elif node.operation == "column":
            made[id(node)] = Symbol(str(node.value))
        else:
            made[id(node)] = _in_our_words(_convert(node, [made[id(operand)] for operand in node.operands]))
            require_few_digits(_bits(made[id(node)]))
    return _defined(made[id(formula)])


def _defined(expression: Expr) -> Expr:
    if _is_undefined(expression):
        raise InputError("a formula is not a real, finite number: it divides by zero or takes the root of one below.")
    return expression


def _is_undefined(expression: Expr) -> bool:
    return bool(expression.has(sympy.zoo, sympy.nan, sympy.oo, -sympy.oo, sympy.I))


def _in_our_words(expression: Expr) -> Expr:
    """Without the sizes that SymPy puts for the roots of squares."""
    return expression.replace(sympy.Abs, magnitude) if expression.has(sympy.Abs) else expression


def _convert(node: Expression, operands: list[Any]) -> Any:
    if node.operation in _FUNCTIONS and all(operand.is_Rational for operand in operands):
        return _folded(node.operation, operands)
    match node.operation:
        case "constant":
            return _exact(float(node.value))  # type: ignore[arg-type]  # constants hold numbers
        case "add":
            return operands[0] + operands[1]
        case "subtract":
            return operands[0] - operands[1]
        case "multiply":
            return operands[0] * operands[1]
        case "divide":
            return operands[0] / operands[1]
        case "negative":
            return -operands[0]
        case "power":
            return _power(*operands)
        case "exp":
            return _exponential(*operands)
        case "minimum" | "maximum":
            return _extreme(node.operation == "minimum", *operands)
        case "where":
            return select(*operands)
        case name if name in CONDITION_CLASSES:
            return CONDITION_CLASSES[name](*operands)
    return _FUNCTIONS[node.operation](*operands)


def _extreme(least: bool, a: Expr, b: Expr) -> Expr:
    """The smaller or larger of two. A number wins where both are equal: what is held at it has no slope there."""
    if a.is_Rational:  # the number last, so that what is not a number stays so
        a, b = b, a
    before = less_equal if b.is_Rational else less
    return select(before(b, a) if least else before(a, b), b, a)


def _power(base: Expr, exponent: Expr) -> Expr:
    if exponent.is_Integer and abs(exponent) > LARGEST_POWER:
        even = power(base if base.is_nonnegative else magnitude(base), exponent - exponent % 2)
        return even * base if exponent % 2 else even
    if exponent.is_Rational and (abs(exponent) > LARGEST_POWER or exponent.q > 4):
        return power(base, exponent)
    if base.is_Rational and not exponent.is_Rational:
        return power(base, exponent)
    if exponent.is_Rational:
        require_few_digits(_bits(base) * float(abs(exponent)))
    return base**exponent


def _folded(function: str, numbers: list[Rational]) -> Rational:
    """A function of what turned out to be a number, as r - r does: SymPy would keep it, and look for its digits."""
    try:
        value = apply(function, *(constant(number.p / number.q) for number in numbers)).value
    except OverflowError:
        raise InputError(f"{function} of a number that is too large for float64.") from None
    return _exact(float(value or 0.0))


def _exact(number: float) -> Rational:
    """A number as the fraction that it is; SymPy would take what is not finite for 0."""
    if not math.isfinite(number):
        raise InputError(f"a formula contains the number {number}; all numbers in it must be finite.")
    return Rational(number)


def _exponential(argument: Expr) -> Expr:
    """exp(argument), which SymPy turns into x**2 where it is exp(2 * log(x))."""
    for term in Add.make_args(argument):
        number, rest = term.as_coeff_Mul(rational=True)
        if isinstance(rest, sympy.log):
            require_few_digits(_bits(rest.args[0]) * min(abs(number.p) / number.q, 1e300))
    return sympy.exp(argument)


def _bits(expression: Expr) -> int:
    """Binary digits of the exact numbers in a product: of its coefficient, and of exponents."""
    coefficient, rest = expression.as_coeff_Mul(rational=True)
    exponents = [power.exp for power in Mul.make_args(rest) if power.is_Pow and power.exp.is_Rational]
    return sum(int(number.p).bit_length() + int(number.q).bit_length() - 2 for number in [coefficient, *exponents])


def force_over_distance(energy: Expr) -> Expr:
    """-2 dU/ds, by which the displacement is multiplied to give the force."""
    return with_selects_outside(-2 * slope(energy, SQUARE))


def where_defined(expression: Expr) -> Any:
    """The condition under which all logarithms that count are of positive numbers; None if they always are.

    The slope of a logarithm is a number everywhere, so it does not tell where there is no energy.
    """
    if not expression.has(sympy.log, log1p):
        return None
    if isinstance(expression, select):
        condition, this, otherwise = expression.args
        this, otherwise = where_defined(this), where_defined(otherwise)
        branches = [] if this is None else [_or(_not(condition), this)]
        branches += [] if otherwise is None else [_or(condition, otherwise)]
        return _all([where_defined(condition), *branches])
    return _all([*map(where_defined, expression.args), _has_logarithm(expression)])


def _has_logarithm(expression: Expr) -> Any:
    """The condition under which a logarithm is a number; None if it always is, or if this is none."""
    if not isinstance(expression, sympy.log | log1p):
        return None
    least = 0 if isinstance(expression, sympy.log) else -1
    return None if (expression.args[0] - least).is_positive else less(least, expression.args[0])


def _all(conditions: Iterable[Any]) -> Any:
    found = list(dict.fromkeys(condition for condition in conditions if condition is not None))
    return reduce(_and, found) if found else None


def with_selects_outside(expression: Expr) -> Expr:
    """Factors moved into the branches of a select where that saves work: into one that is 0, or plain numbers.

    So -2 * select(c, 3 * x, 0) * y becomes select(c, -6 * x * y, 0), and an infinite y does no harm where 0 is chosen.
    """
    if not expression.has(select):
        return expression
    expression = expression.func(*map(with_selects_outside, expression.args))
    if expression.is_Pow and _has_zero_branch(expression.base) and expression.exp.is_positive:
        condition, this, otherwise = expression.base.args
        return select(condition, this**expression.exp, otherwise**expression.exp)
    return _select_outside_product(expression)


def _has_zero_branch(expression: Expr) -> bool:
    return isinstance(expression, select) and Integer(0) in expression.args[1:]


def _select_outside_product(product: Expr) -> Expr:
    if not product.is_Mul:
        return product
    _, rest = product.as_coeff_Mul()
    candidates = [factor for factor in product.args if _has_zero_branch(factor)]
    if not candidates and not isinstance(rest, select):
        return product
    chosen = candidates[0] if candidates else rest
    others = product.func(*(factor for factor in product.args if factor is not chosen))
    moved = select(chosen.args[0], *(_moved(chosen, others, branch) for branch in (1, 2)))
    return product if _is_undefined(moved) else moved  # 0 / 0 and the like are left to the numbers


def _moved(chosen: Expr, others: Expr, branch: int) -> Expr:
    """A branch of the select, times the other factors as they are there."""
    if chosen.args[branch] == 0:
        return Integer(0)
    return _select_outside_product(chosen.args[branch] * _given(chosen.args[0], others, branch))


def _given(condition: Expr, expression: Expr, branch: int) -> Expr:
    """The expression where the condition is known, so that selects by the same condition are decided."""
    return expression.replace(
        lambda part: isinstance(part, select) and part.args[0] == condition, lambda part: part.args[branch]
    )


def force_along(energy: Expr, coordinate: str) -> Expr:
    """The force along a coordinate, minus the derivative of the energy."""
    return with_selects_outside(-slope(energy, Symbol(coordinate)))


def shifted(energy: Expr, shift: str | None) -> Expr:
    """The energy made zero at the cutoff ("energy"), and its slope there too ("force")."""
    if shift is not None:
        energy = energy - _at_cutoff(energy) - (_slope_term(energy) if shift == "force" else 0)
    return with_selects_outside(_defined(energy))


def _at_cutoff(expression: Expr) -> Expr:
    return expression.subs(SQUARE, CUTOFF**2)


def _slope_term(energy: Expr) -> Expr:
    """(r - cutoff) dU/dr at the cutoff."""
    return _at_cutoff(2 * CUTOFF * slope(energy, SQUARE)) * (sympy.sqrt(SQUARE) - CUTOFF)
