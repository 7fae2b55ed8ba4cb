"""Straight-line source code for SymPy expressions: every operation once, each as early as it can be computed.

What depends on uniform values only goes to a prologue. The rest is written for a loop that must vectorise: one
reciprocal and one square root of each base, powers by multiplication, sums in Horner form by fused multiply-adds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import sympy
from sympy import Add, Expr, Mul, Pow, Rational
from sympy.core.sorting import default_sort_key

from motes.core.errors import InputError
from motes.formulas.algebra import LARGEST_POWER
from motes.formulas.lines import FUNCTIONS
from motes.formulas.opaque import Opaque
from motes.formulas.slope import is_nonnegative

_FUNCTIONS = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "magnitude": "abs"}
_INFIX = {"less": "<", "less_equal": "<=", "equal": "==", "not_equal": "!=", "logical_and": "&", "logical_or": "|"}

# A product of powers with a coefficient that is the same for all pairs.
Term = tuple[Expr, dict[Expr, Expr]]


@dataclass
class Line:
    """One assignment; `level` is 0 where it depends on uniform values only, otherwise 1."""

    text: str
    operands: tuple[str, ...]
    level: int


@dataclass
class Emitter:
    """Collects the lines; equal operations get one line, by whichever expression they are needed.

    Attributes:
        uniform: names that are the same for all pairs.
        taken: names that no line may assign.
    """

    uniform: frozenset[str]
    taken: frozenset[str]
    lines: dict[str, Line] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)
    _memo: dict[Expr, str] = field(default_factory=dict)
    _powers: dict[str, dict[int, str]] = field(default_factory=dict)
    _exponentials: dict[Expr, tuple[Expr, int]] = field(default_factory=dict)

    # ---- operations -------------------------------------------------------------------------------------------

    def level(self, operand: str) -> int:
        """0 for literals, uniform names and lines of the prologue, otherwise 1."""
        if operand in self.lines:
            return self.lines[operand].level
        return int(operand.isidentifier() and operand not in self.uniform)

    def assign(self, pattern: str, *operands: str) -> str:
        """The name of the value that the pattern gives for the operands."""
        text = pattern.format(*operands)
        if text not in self._names:
            name = self._fresh()
            self._names[text] = name
            self.lines[name] = Line(f"{name} = {text}", operands, max(map(self.level, operands), default=0))
        return self._names[text]

    def _fresh(self) -> str:
        number = len(self.lines)
        while f"v{number}" in self.taken or f"v{number}" in self.lines:
            number += 1
        return f"v{number}"

    def multiply(self, a: str, b: str) -> str:
        """a * b, and nothing at all where one of them is 1."""
        if a == "1.0" or b == "1.0":
            return b if a == "1.0" else a
        if a == "-1.0" or b == "-1.0":
            return self.assign("-{}", b if a == "-1.0" else a)
        return self.assign("{} * {}", *sorted((a, b), key=_natural))

    def multiply_add(self, a: str, b: str, c: str) -> str:
        """a * b + c with one rounding."""
        if c == "0.0":
            return self.multiply(a, b)
        for one, other in ((a, b), (b, a)):
            if one == "1.0":
                return self.assign("{} + {}", *sorted((other, c), key=_natural))
            if one == "-1.0":
                return self.assign("{} - {}", c, other)
        a, b = sorted((a, b), key=_natural)
        return self.assign("fma({}, {}, {})", a, b, c)

    def integer_power(self, base: str, exponent: int) -> str:
        """base ** exponent, exponent >= 1, from the powers that exist already, by few multiplications."""
        powers = self._powers.setdefault(base, {1: base})
        if exponent not in powers:
            split = [i for i in sorted(powers) if exponent - i in powers and 2 * i >= exponent]
            high = split[0] if split else (exponent + 1) // 2
            factors = self.integer_power(base, high), self.integer_power(base, exponent - high)
            powers[exponent] = self.multiply(*factors)
        return powers[exponent]

    # ---- expressions ------------------------------------------------------------------------------------------

    def share_exponentials(self, expressions: Iterable[Expr]) -> None:
        """Let exp(2 x) be the square of exp(x) where both occur, so that only one is evaluated."""
        found: set[Expr] = set().union(*(expression.atoms(sympy.exp) for expression in expressions))
        groups: dict[Expr, list[tuple[Expr, Rational]]] = {}
        for item in sorted(found, key=default_sort_key):
            number, rest = _leading(item.args[0])
            groups.setdefault(rest, []).append((item, number))
        for members in groups.values():
            base, smallest = min(members, key=lambda member: abs(member[1]))
            for item, number in members:
                ratio = number / smallest
                if ratio.is_Integer and 1 <= ratio <= 8:
                    self._exponentials[item] = (base, int(ratio))

    def emit(self, expression: Expr) -> str:
        """The operand (a literal or a name) that holds the expression's value."""
        if expression not in self._memo:
            self._memo[expression] = self._emit(expression)
        return self._memo[expression]

    def _emit(self, expression: Expr) -> str:
        if _is_number(expression):
            return _literal(expression)
        if expression.is_Symbol:
            return str(expression.name)
        if expression.is_Add or expression.is_Mul or expression.is_Pow or isinstance(expression, sympy.exp):
            return self._sum(self._terms(expression))
        name = type(expression).__name__
        operands = [self.emit(argument) for argument in expression.args]
        if name == "hold":
            return operands[0]
        if name == "select":
            return self.assign("{1} if {0} else {2}", *operands)
        if name in _INFIX:
            return self.assign("{} " + _INFIX[name] + " {}", *operands)
        if name == "logical_not":
            return self.assign("not {}", *operands)
        function = _FUNCTIONS.get(name, name)
        if function not in ("abs", *FUNCTIONS):
            raise InputError(f"a formula leads to the function {name}, which cannot be computed")
        return self.assign(function + "(" + ", ".join(["{}"] * len(operands)) + ")", *operands)

    def _is_uniform(self, expression: Expr) -> bool:
        return all(symbol.name in self.uniform for symbol in expression.free_symbols)

    # ---- sums of products -------------------------------------------------------------------------------------

    def _terms(self, expression: Expr) -> list[Term]:
        """The expression as a sum of terms; equal products of powers are merged."""
        hoist = not self._is_uniform(expression)
        merged: dict[frozenset[tuple[Expr, Expr]], Term] = {}
        for addend in Add.make_args(expression):
            for coefficient, factors in self._distributed(addend, hoist):
                key = frozenset(factors.items())
                before = merged[key][0] if key in merged else sympy.Integer(0)
                merged[key] = (before + coefficient, factors)
        return [term for term in merged.values() if term[0] != 0]

    def _distributed(self, addend: Expr, hoist: bool) -> list[Term]:
        """The factors of a sum are taken into it where that saves work."""
        coefficient, factors = self._factors(addend, hoist)
        sums = [base for base, exponent in factors.items() if base.is_Add and exponent == 1]
        others = {base: exponent for base, exponent in factors.items() if base not in sums}
        if not hoist or len(sums) != 1 or (coefficient == 1 and not others):
            return [(coefficient, factors)]
        inner = self._terms(sums[0])
        if not _may_distribute(others, inner):
            return [(coefficient, factors)]
        return [(coefficient * number, _times(others, powers)) for number, powers in inner]

    def _factors(self, product: Expr, hoist: bool) -> Term:
        """Coefficient (with `hoist` all that is uniform, otherwise a number) and powers of a product."""
        coefficient: Expr = sympy.Integer(1)
        factors: dict[Expr, Expr] = {}
        for factor in Mul.make_args(product):
            if _is_number(factor) or (hoist and self._is_uniform(factor)):
                coefficient *= factor
                continue
            base, exponent = self._base(factor)
            factors[base] = factors.get(base, sympy.Integer(0)) + exponent
        return coefficient, {base: exponent for base, exponent in factors.items() if exponent != 0}

    def _base(self, factor: Expr) -> tuple[Expr, Expr]:
        if isinstance(factor, sympy.exp):
            base, exponent = self._exponentials.get(factor, (factor, 1))
            return base, sympy.Integer(exponent)
        if _is_plain_power(factor):
            base, inner = self._base(factor.base)
            if factor.exp.q == 1 or inner.p % 2 or base.is_nonnegative:
                return base, inner * factor.exp
            return factor.base, factor.exp  # the root of x**2 is not x where x is negative
        return factor, sympy.Integer(1)

    def _sum(self, terms: list[Term]) -> str:
        """Horner's form: common powers first, then by the base that most terms share."""
        if not terms:
            return "0.0"
        common = _common(terms)
        if common:
            terms = [(coefficient, _times(factors, common, -1)) for coefficient, factors in terms]
        if len(terms) == 1:
            return self._product(self.emit(terms[0][0]), common)
        inner = self._split(terms)
        return self._product(inner, common)

    def _split(self, terms: list[Term]) -> str:
        base, sign = _most_shared(terms)
        group = [term for term in terms if sign * term[1].get(base, 0) > 0]
        rest = [term for term in terms if not sign * term[1].get(base, 0) > 0]
        if len(group) == 1:
            return self._add_up(terms)
        least = {base: sign * min(abs(factors[base]) for _, factors in group)}
        inner = [(coefficient, _times(factors, least, -1)) for coefficient, factors in group]
        return self.multiply_add(self._sum(inner), self._product("1.0", least), self._sum(rest))

    def _add_up(self, terms: list[Term]) -> str:
        """Terms that share nothing, one fused multiply-add each, the simplest first."""
        total = "0.0"
        for coefficient, factors in sorted(terms, key=_simplicity):
            number = self.emit(coefficient)
            operands = self._operands(factors)
            if not operands:
                total = number if total == "0.0" else self.multiply_add("1.0", number, total)
                continue
            first = "1.0"
            for operand in operands[:-1]:
                first = self.multiply(first, operand)
            if len(operands) > 1 and number != "1.0":
                first = self.multiply(number, first)
            total = self.multiply_add(first if len(operands) > 1 else number, operands[-1], total)
        return total

    def _product(self, first: str, factors: dict[Expr, Expr]) -> str:
        operands = self._operands(factors)
        if not operands:
            return first
        product = operands[0]
        for operand in operands[1:]:
            product = self.multiply(product, operand)
        return self.multiply(first, product)

    def _operands(self, factors: dict[Expr, Expr]) -> list[str]:
        return [self._power(base, factors[base]) for base in sorted(factors, key=default_sort_key)]

    # ---- powers -----------------------------------------------------------------------------------------------

    def _power(self, base: Expr, exponent: Expr) -> str:
        """base ** exponent with one reciprocal and one square root of the base, shared by all its powers."""
        if base.is_Pow and not _is_plain_power(base):
            # Only whole powers of negative numbers are numbers.
            plain = is_nonnegative(base.base) or (base.exp.is_Rational and not base.exp.is_Integer)
            function = "power" if plain else "signed_power"
            value = self.assign(function + "({}, {})", self.emit(base.base), self.emit(base.exp))
        elif isinstance(base, sympy.exp):
            value = self.assign("exp({})", self.emit(base.args[0]))
        else:
            value = self.emit(base)
        return self._rational_power(value, Rational(exponent))

    def _rational_power(self, value: str, exponent: Rational) -> str:
        if abs(exponent) > LARGEST_POWER or 4 % exponent.q:
            return self.assign("power({}, {})", value, _literal(exponent))
        if exponent.q == 1 and exponent > 0:
            return self.integer_power(value, int(exponent))
        if exponent.q == 1:
            return self.integer_power(self.assign("1.0 / {}", value), -int(exponent))
        root = self.assign("sqrt({})", value)
        if exponent.q == 4:
            root, rest = self.assign("sqrt({})", root), exponent - Rational(1, 4)
        else:
            rest = exponent - Rational(1, 2)
        if rest <= -1:  # r / s is what a force along r needs most, so let other powers be made of it
            root, rest = self.multiply(root, self._rational_power(value, Rational(-1))), rest + 1
        return root if rest == 0 else self.multiply(root, self._rational_power(value, rest))


def _natural(operand: str) -> tuple[int, int, str]:
    """Order of operands: literals, names, then lines in the order in which they were made."""
    if operand[0] == "v" and operand[1:].isdigit():
        return 2, int(operand[1:]), operand
    return int(operand.isidentifier()), 0, operand


def _is_plain_power(expression: Expr) -> bool:
    """Whether multiplications and square roots suffice for it."""
    return isinstance(expression, Pow) and bool(expression.exp.is_Rational) and 4 % expression.exp.q == 0


def _is_number(expression: Expr) -> bool:
    return bool(expression.is_number) and not expression.has(Opaque)


def _literal(number: Expr) -> str:
    try:
        value = number.p / number.q if number.is_Rational else float(number.evalf(30))
    except (TypeError, OverflowError):
        raise InputError("a formula contains a number that is not real, or too large for float64.") from None
    if not math.isfinite(value):
        raise InputError("a formula contains a number that is too large for float64.")
    return repr(float(value))


def _leading(argument: Expr) -> tuple[Rational, Expr]:
    """The rational number in front of an exponential's argument, and the rest."""
    number, rest = argument.as_coeff_Mul(rational=True)
    if rest.is_Add:
        inner, rest = rest.primitive()
        number *= inner
        if rest.as_ordered_terms()[0].as_coeff_Mul()[0] < 0:
            number, rest = -number, -rest
    return number, rest


def _times(factors: dict[Expr, Expr], others: dict[Expr, Expr], sign: int = 1) -> dict[Expr, Expr]:
    product = dict(factors)
    for base, exponent in others.items():
        product[base] = product.get(base, sympy.Integer(0)) + sign * exponent
    return {base: exponent for base, exponent in product.items() if exponent != 0}


def _may_distribute(others: dict[Expr, Expr], inner: list[Term]) -> bool:
    """Whether Horner's form finds the factors again, and numbers merge: not for k * (r - a), which must stay exact."""
    if any(exponent * powers.get(base, 0) < 0 for base, exponent in others.items() for _, powers in inner):
        return False
    return all(powers for _, powers in inner) or any(base in powers for base in others for _, powers in inner)


def _common(terms: list[Term]) -> dict[Expr, Expr]:
    """The powers that every term contains."""
    common: dict[Expr, Expr] = {}
    for base in terms[0][1]:
        exponents = [factors.get(base, sympy.Integer(0)) for _, factors in terms]
        if all(exponent > 0 for exponent in exponents):
            common[base] = min(exponents)
        elif all(exponent < 0 for exponent in exponents):
            common[base] = max(exponents)
    return common


def _most_shared(terms: list[Term]) -> tuple[Expr, int]:
    counts: dict[tuple[Expr, int], int] = {}
    for _, factors in terms:
        for base, exponent in factors.items():
            key = (base, 1 if exponent > 0 else -1)
            counts[key] = counts.get(key, 0) + 1
    return max(sorted(counts, key=lambda key: (default_sort_key(key[0]), key[1])), key=lambda p: counts[p])


def _simplicity(term: Term) -> tuple[int, Any]:
    coefficient, factors = term
    return len(factors), default_sort_key(Mul(coefficient, *(base**power for base, power in factors.items())))
