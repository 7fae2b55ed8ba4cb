"""Functions said in terms of simpler ones, where that helps to derive a formula and to make it fast.

What is written as it stands (`formulas.write`) needs none of this: there each function is as exact as its name says.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from motes.formulas.formula import Expression, apply, constant, walk


def _where(condition: Expression, this: Expression | float, otherwise: Expression | float) -> Expression:
    this, otherwise = (constant(x) if isinstance(x, float) else x for x in (this, otherwise))
    return apply("where", condition, this, otherwise)


_EXPANSIONS: dict[str, Callable[..., Expression]] = {
    "hypot": lambda a, b: apply("sqrt", a * a + b * b),
    "tan": lambda a: apply("sin", a) / apply("cos", a),
    "exp2": lambda a: apply("exp", a * math.log(2.0)),
    "expm1": lambda a: apply("exp", a) - 1.0,
    "log1p": lambda a: apply("log", 1.0 + a),
    "log2": lambda a: apply("log", a) * (1.0 / math.log(2.0)),
    "log10": lambda a: apply("log", a) * (1.0 / math.log(10.0)),
    "sign": lambda a: _where(a > 0.0, 1.0, _where(a < 0.0, -1.0, 0.0)),
    "heaviside": lambda a, there: _where(a > 0.0, 1.0, _where(a < 0.0, 0.0, there)),
    "fmin": lambda a, b: _where((b < a) | (a != a), b, a),
    "fmax": lambda a, b: _where((a < b) | (a != a), b, a),
}


def expanded(formula: Expression) -> Expression:
    """The same formula, without the functions that others stand for."""
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
