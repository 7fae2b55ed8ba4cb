"""What generated modules have in common: their imports, and lines that are indented or renamed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from motes.exact.sums import LIMB
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

from motes.exact.arithmetic import fma, from_bits, to_bits, wide_vectors
"""


def header(functions: Sequence[str], lines: Iterable[str]) -> str:
    """The imports of a module that calls these of motes.exact.functions, and the columns that its lines read."""
    imports = f"from motes.exact.functions import {', '.join(sorted(functions))}\n" if functions else ""
    columns = definitions(lines)
    return HEADER + imports + (f"\n{columns}" if columns else "")


ENERGY_UNITS = (
    "energy_bits = to_bits(energy_magic)",
    f"rest_magic = energy_magic * {LIMB!r}",
    "rest_bits = to_bits(rest_magic)",
)
"""What lines that add energies need: energy_magic is ROUND quanta, and a rest is counted in a limb below them."""


def add_energy(value: str, name: str) -> list[str]:
    """Lines that add an energy of one particle or tuple to the limbs {name}_high, {name}_low and {name}_rest."""
    return [
        f"rounded = {value} + energy_magic",
        "energy = to_bits(rounded) - energy_bits",
        f"{name}_high += energy >> 32",
        f"{name}_low += energy & 0xFFFFFFFF",
        f"{name}_rest += to_bits({value} - (rounded - energy_magic) + rest_magic) - rest_bits",
    ]


def indent(levels: int, lines: Iterable[str]) -> list[str]:
    """The lines, so many levels deeper."""
    return [" " * 4 * levels + line for line in lines]
