"""Formulas from text, such as the energies in an input file: ``4*epsilon*((sigma/r)**12 - (sigma/r)**6)``.

The text is parsed by Python's own grammar and then read node by node against a list of what is allowed. Nothing of
it is ever executed, so an input file from anywhere can be run without trusting it.
"""

from __future__ import annotations

import ast
import math
import warnings
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from motes.core.errors import InputError
from motes.core.words import did_you_mean
from motes.formulas.formula import Expression, call, constant, is_condition, symbol

LONGEST_TEXT = 2000
DEEPEST_NESTING = 100
LONGEST_QUOTE = 200

# What may be called, and NumPy's name for it.
FUNCTIONS = {
    name: name
    for name in (
        "arccos", "arcsin", "arctan", "arctan2", "cbrt", "ceil", "clip", "cos", "cosh", "erf", "erfc", "exp", "exp2",
        "expm1", "floor", "heaviside", "hypot", "log", "log10", "log1p", "log2", "maximum", "minimum", "mod", "round",
        "sign", "sin", "sinh", "sqrt", "square", "tan", "tanh", "trunc", "where",
    )
} | {"abs": "absolute", "max": "maximum", "min": "minimum", "pow": "power"}  # fmt: skip

CONSTANTS = {"pi": math.pi}

_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.Pow: "power",
    ast.Mod: "remainder",
    ast.FloorDiv: "floor_divide",
    ast.USub: "negative",
    ast.UAdd: "positive",
    ast.Not: "logical_not",
    ast.And: "logical_and",
    ast.Or: "logical_or",
    ast.BitAnd: "logical_and",
    ast.BitOr: "logical_or",
    ast.Invert: "logical_not",
    ast.Lt: "less",
    ast.LtE: "less_equal",
    ast.Gt: "greater",
    ast.GtE: "greater_equal",
    ast.Eq: "equal",
    ast.NotEq: "not_equal",
}


def parse(text: str, names: Collection[str]) -> Expression:
    """The formula that the text stands for.

    Args:
        text: one expression in Python's notation, with the functions in FUNCTIONS and the constant pi.
        names: the words that may stand in it as symbols, such as r and the parameters.

    Raises:
        InputError: quoting the text, with the position and what would be right.
    """
    expression = _Reader(text, frozenset(names)).read(_tree(text), 0)
    if is_condition(expression):
        raise InputError(f"{quoted(text)} is a condition, not an energy: write where(condition, this, otherwise).")
    return expression


def expression_parameters(text: str, coordinates: Collection[str] = ("r",)) -> tuple[str, ...]:
    """The free names of the text besides the coordinates, sorted: the parameters that must be given."""
    nodes = list(ast.walk(_tree(text)))
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    called |= {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}  # parse tells of np.cos
    found = {node.id for node in nodes if isinstance(node, ast.Name) and id(node) not in called}
    return tuple(sorted(found - {*CONSTANTS, *coordinates}))


def _tree(text: str) -> ast.expr:
    if not isinstance(text, str):
        raise InputError(f"an expression must be text, not {quoted(text)}.")
    if len(text) > LONGEST_TEXT:
        raise InputError(f"the expression {text[:40]!r}... has {len(text)} characters; {LONGEST_TEXT} are allowed.")
    if "#" in text:  # Python would take the rest of the line for a comment
        raise InputError(f"{quoted(text)} at character {text.index('#') + 1}: '#' has no meaning in a formula.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as of 1if, where a space is missing
            return ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise InputError(f"{quoted(text)} at character {error.offset or 1}: {error.msg}.") from None
    except (RecursionError, MemoryError):
        raise InputError(f"{text[:40]!r}... is nested too deeply.") from None
    except ValueError as error:
        raise InputError(f"{quoted(text)}: {error}.") from None


def quoted(text: object) -> str:
    """The text as a message repeats it."""
    shown = repr(text)
    return shown if len(shown) <= LONGEST_QUOTE else f"{shown[:LONGEST_QUOTE]}..."


@dataclass(frozen=True)
class _Reader:
    text: str
    names: frozenset[str]

    def read(self, node: ast.AST, depth: int) -> Expression:
        if depth > DEEPEST_NESTING:
            raise self.error(node, f"nested more than {DEEPEST_NESTING} deep")
        match node:
            case ast.Constant(value=value):
                return self._number(node, value)
            case ast.Name(id=name):
                return self._name(node, name)
            case ast.BinOp(left=left, op=operator, right=right):
                return self._apply(node, operator, [left, right], depth)
            case ast.UnaryOp(op=operator, operand=operand):
                return self._apply(node, operator, [operand], depth)
            case ast.BoolOp(op=operator, values=values):
                return self._chain(node, [self.read(value, depth + 1) for value in values], self._word(node, operator))
            case ast.Compare(left=left, ops=operators, comparators=right):
                return self._compare(node, [left, *right], operators, depth)
            case ast.IfExp(test=test, body=this, orelse=otherwise):
                operands = [self.read(part, depth + 1) for part in (test, this, otherwise)]
                return self._call(node, "where", operands)
            case ast.Call(func=function, args=arguments, keywords=[]):
                name = FUNCTIONS[self._function(function)]
                return self._call(node, name, [self.read(argument, depth + 1) for argument in arguments])
        raise self.error(node, f"{self._source(node)!r} is not allowed: only numbers, names, operators and functions")

    def error(self, node: ast.AST, message: str) -> InputError:
        """The error for a node of the text."""
        column = getattr(node, "col_offset", 0) + 1 + len(self.text) - len(self.text.lstrip())
        return InputError(f"{quoted(self.text)} at character {column}: {message}.")

    def _source(self, node: ast.AST) -> str:
        return (ast.get_source_segment(self.text.strip(), node) or type(node).__name__)[:40]

    def _number(self, node: ast.AST, value: object) -> Expression:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(node, f"{quoted(value)} is not a real number")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self.error(node, f"{self._source(node)} is too large for a number")
        if number == 0.0 and self._source(node).lower().partition("e")[0].strip("0._"):
            raise self.error(node, f"{self._source(node)} is too small for a number")
        return constant(number)

    def _name(self, node: ast.AST, name: str) -> Expression:
        if name in CONSTANTS and name not in self.names:
            return constant(CONSTANTS[name])
        if name in self.names:
            return symbol(name)
        if name in FUNCTIONS:
            raise self.error(node, f"{name} is a function: write {name}(...)")
        raise self.error(node, f"unknown name {name!r}; {did_you_mean(name, sorted([*self.names, *CONSTANTS]))}")

    def _function(self, function: ast.AST) -> str:
        match function:
            case ast.Name(id=name) if name in FUNCTIONS:
                return name
            case ast.Name(id=name):
                raise self.error(function, f"unknown function {name!r}; {did_you_mean(name, sorted(FUNCTIONS))}")
            case ast.Attribute(attr=name) if name in FUNCTIONS:
                raise self.error(function, f"write {name}(...) instead of {self._source(function)}(...)")
        raise self.error(function, f"{self._source(function)!r} is not a function; these are: {', '.join(FUNCTIONS)}")

    def _word(self, node: ast.AST, operator: ast.AST) -> str:
        if isinstance(operator, ast.BitXor):
            raise self.error(node, "a power is written **, not ^")
        if type(operator) not in _OPERATORS:
            raise self.error(node, f"the operator in {self._source(node)!r} is not allowed")
        return _OPERATORS[type(operator)]

    def _apply(self, node: ast.AST, operator: ast.AST, operands: list[ast.expr], depth: int) -> Expression:
        word = self._word(node, operator)
        return self._call(node, word, [self.read(operand, depth + 1) for operand in operands])

    def _compare(self, node: ast.AST, operands: list[ast.expr], operators: Iterable[ast.AST], depth: int) -> Expression:
        values = [self.read(operand, depth + 1) for operand in operands]
        steps = zip(operators, values, values[1:], strict=False)
        return self._chain(node, [self._call(node, self._word(node, o), [a, b]) for o, a, b in steps], "logical_and")

    def _chain(self, node: ast.AST, conditions: list[Expression], word: str) -> Expression:
        if len(conditions) > DEEPEST_NESTING:
            raise self.error(node, f"more than {DEEPEST_NESTING} conditions in a row")
        result = conditions[0]
        for condition in conditions[1:]:
            result = self._call(node, word, [result, condition])
        return result

    def _call(self, node: ast.AST, name: str, operands: list[Expression]) -> Expression:
        try:
            return call(name, *operands)
        except InputError as error:
            raise self.error(node, str(error).replace("np.", "").rstrip(".")) from None
