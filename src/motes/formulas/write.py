"""Straight-line source code for formulas as they stand: every operation once, in its own order, nothing rearranged.

So a sum has the bits that NumPy gives it, where `derive` would look for a faster way.
"""

from __future__ import annotations

from collections.abc import Sequence

from motes.formulas.derive import Code, functions_in
from motes.formulas.formula import HOLD, Expression, walk

LONGEST_CHAIN = 64
"""Whole powers up to this are written as multiplications."""

_PATTERNS = {
    "add": "{} + {}",
    "subtract": "{} - {}",
    "multiply": "{} * {}",
    "divide": "{} / {}",
    "negative": "-{}",
    "absolute": "abs({})",
    # As NumPy does it: what is not a number stays so.
    "minimum": "{0} if ({0} < {1}) | ({0} != {0}) else {1}",
    "maximum": "{0} if ({0} > {1}) | ({0} != {0}) else {1}",
    "where": "{1} if {0} else {2}",
    "less": "{} < {}",
    "less_equal": "{} <= {}",
    "equal": "{} == {}",
    "not_equal": "{} != {}",
    "logical_and": "{} & {}",
    "logical_or": "{} | {}",
    "logical_not": "not {}",
    HOLD: "{}",
}


class _Lines:
    """Assignments; equal ones are made once."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._names: dict[str, str] = {}

    def assign(self, text: str) -> str:
        if text not in self._names:
            self._names[text] = f"v{len(self._names)}"
            self.texts.append(f"{self._names[text]} = {text}")
        return self._names[text]

    def whole_power(self, base: str, exponent: int) -> str:
        """base ** exponent by squaring, exponent >= 1."""
        if exponent == 1:
            return base
        half = self.whole_power(base, exponent // 2)
        square = self.assign(f"{half} * {half}")
        return self.assign(f"{square} * {base}") if exponent % 2 else square

    def power(self, base: str, exponent: Expression, name: str) -> str:
        number = float(exponent.value) if exponent.operation == "constant" else None  # type: ignore[arg-type]  # constants hold numbers
        if number == 0.5:
            return self.assign(f"sqrt({base})")
        if number is not None and number % 1:
            return self.assign(f"power({base}, {name})")
        if number is None or abs(number) > LONGEST_CHAIN:
            return self.assign(f"signed_power({base}, {name})")
        if number == 0:
            return "1.0"
        chain = self.whole_power(base, int(abs(number)))
        return chain if number > 0 else self.assign(f"1.0 / {chain}")


def write_values(formulas: Sequence[Expression]) -> Code:
    """Source code for the values of formulas, whose symbols it reads by name; they must not be called v0, v1, ..."""
    lines = _Lines()
    made: dict[int, str] = {}
    for formula in formulas:
        for node in walk(formula):
            if id(node) not in made:
                made[id(node)] = _write(lines, node, [made[id(operand)] for operand in node.operands])
    return Code(tuple(lines.texts), tuple(made[id(formula)] for formula in formulas), functions_in(lines.texts))


def _write(lines: _Lines, node: Expression, operands: list[str]) -> str:
    if not node.operands:
        return repr(node.value) if node.operation == "constant" else str(node.value)
    if node.operation == "power":
        return lines.power(operands[0], node.operands[1], operands[1])
    if node.operation in _PATTERNS:
        return lines.assign(_PATTERNS[node.operation].format(*operands))
    return lines.assign(f"{node.operation}({', '.join(operands)})")
