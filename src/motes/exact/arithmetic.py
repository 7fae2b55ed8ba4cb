"""Arithmetic whose bits no compiler decides: fused multiply-add, bit casts, rounding to a grid.

Floating-point sums depend on their order, and a compiler may contract ``a * b + c`` or not. So Motes writes every
fused multiply-add out, and adds only integers: a number is rounded to a multiple of a power of two by adding
``1.5 * 2**52`` of these multiples, after which the low bits of the sum *are* that integer. The rounding is to
nearest, ties to even, hence symmetric in sign; it vectorises on every instruction set.

The disadvantage: a number of 2**51 multiples or more leaves the grid, so whoever rounds must know a bound.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from motes.core.compiled import njit


def number_of(bits: Any) -> float:
    """The float64 with these bits, outside of compiled code."""
    return float(np.int64(bits).view(np.float64))


def bits_of(number: float) -> int:
    """The bits of a float64, outside of compiled code."""
    return int(np.float64(number).view(np.int64))


def _fused(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """a * b + c with one rounding."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float64(types.float64, types.float64, types.float64), generate


def _bits_of(typing_context: Any, value: Any) -> Any:
    """The bits of a float64, as an int64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.int64(types.float64), generate


def _number_of(typing_context: Any, value: Any) -> Any:
    """The float64 with the bits of an int64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.int64), generate


def _widest(typing_context: Any) -> Any:
    """Mark the function in which this stands."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        # A set of strings that are printed as they are; its own add() knows no attributes with values.
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.void(), generate


_emitted: Any = intrinsic  # what it returns is typed below, as compiled loops call it

fma: Callable[[float, float, float], float] = _emitted(_fused)
"""a * b + c with one rounding (IEEE 754 fusedMultiplyAdd)."""

to_bits: Callable[[float], int] = _emitted(_bits_of)
"""The 64 bits of a float64 as an int64."""

wide_vectors: Callable[[], None] = _emitted(_widest)
"""Have the function in which this stands use 512-bit vectors where the processor has them.

LLVM halves them for most of Intel's, since on the first that had them a few such instructions slowed all other work
down. Loops that are dense in arithmetic are faster with them; a call between other work may not be."""

from_bits: Callable[[int], float] = _emitted(_number_of)
"""The float64 whose 64 bits are those of an int64."""


@njit(inline="always")
def round_with(value: float, magic: float) -> float:
    """The multiple of a quantum nearest to value, where magic is ROUND quanta."""
    return (value + magic) - magic
