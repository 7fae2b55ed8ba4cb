"""How large a formula may be to be derived: with its derivative written out, and in the digits of its exact numbers.

A short text can stand for a huge formula: each tan(...) around another doubles it, and a few powers of (1.1*r)**200
have more digits than there is memory. The size is counted in a walk over the formula, before any work is done; the
digits are counted before they are computed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from motes.core.errors import InputError
from motes.formulas.formula import CONDITIONS, Expression, walk

MOST_OPERATIONS = 10_000
"""Of a formula and its derivative, with everything written out wherever it occurs."""

MOST_BITS = 2**17
"""Of an exact number: SymPy calculates with fractions of whole numbers."""

_LINEAR = ("add", "subtract", "negative")
"""Operations whose slope needs the operands' slopes alone."""


@dataclass(frozen=True)
class _Measure:
    """Operations in a node and in its derivative."""

    size: int
    slope: int


def require_manageable(formula: Expression) -> None:
    """Raise an InputError for a formula too large to be derived in a moment."""
    made: dict[int, _Measure] = {}
    for node in walk(formula):
        made[id(node)] = _measure(node.operation, [made[id(operand)] for operand in node.operands])
    whole = made[id(formula)]
    total = whole.size + whole.slope
    if total > MOST_OPERATIONS:
        raise InputError(
            f"a formula has {min(total, 10**20):.3g} operations when it and its derivative are written out, and "
            f"{MOST_OPERATIONS} are allowed: put fewer functions inside one another"
        )


def _measure(operation: str, parts: list[_Measure]) -> _Measure:
    """Of one node, from its operands'."""
    # The least of a and b is written as: b if b < a else a; the slope of abs(a) as: -slope if a < 0 else slope.
    copies = 2 if operation in ("minimum", "maximum") else 1
    size = 1 + copies * sum(part.size for part in parts)
    slope = sum(part.slope for part in parts)
    if operation in CONDITIONS:
        return _Measure(size, 0)
    if operation == "where":
        return _Measure(size, 1 + parts[0].size + slope)
    if operation in _LINEAR:
        return _Measure(size, 1 + slope)
    return _Measure(size, size + (2 if operation == "absolute" else 1) * slope)


@contextmanager
def shallow() -> Iterator[None]:
    """Let an InputError stand for what is nested so deeply that Python gives up."""
    try:
        yield
    except RecursionError:
        raise InputError("a formula has too many functions inside one another to be derived") from None


def require_few_digits(bits: float) -> None:
    """Raise an InputError for an exact number of so many bits."""
    if bits > MOST_BITS:
        raise InputError(
            f"a formula contains a power with more than {MOST_BITS} binary digits in an exact number: "
            "use smaller exponents, or numbers of fewer digits"
        )
