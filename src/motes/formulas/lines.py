"""What generated modules have in common: their imports, and lines that are indented or renamed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from motes.formulas.lookup import definitions

FUNCTIONS = (
    "exp", "log", "power", "sin", "cos", "tanh", "sinh", "cosh", "arctan", "erf", "erfc", "arccos", "arcsin", "arctan2",
    "cbrt", "ceil", "exp2", "expm1", "floor", "fmax", "fmin", "heaviside", "hypot", "log10", "log1p", "log2",
    "lookup", "remainder", "rint", "sign", "signed_power", "tan", "trunc",
)  # fmt: skip
"""Of motes.exact.functions, besides sqrt and abs."""

HEADER = """from math import inf, nan, sqrt

import numpy as np
from motes.core.compiled import njit

from motes.exact.arithmetic import fma, from_bits, to_bits
"""


def header(functions: Sequence[str], lines: Iterable[str]) -> str:
    """The imports of a module that calls these of motes.exact.functions, and the columns that its lines read."""
    imports = f"from motes.exact.functions import {', '.join(sorted(functions))}\n" if functions else ""
    columns = definitions(lines)
    return HEADER + imports + (f"\n{columns}" if columns else "")


def indent(levels: int, lines: Iterable[str]) -> list[str]:
    """The lines, so many levels deeper."""
    return [" " * 4 * levels + line for line in lines]
