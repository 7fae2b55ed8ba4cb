"""What each particle has of energies and virials: half of what is between two, a third of an angle's, all of a field's.

Algorithm: the source of a law's kernel is written once more, with its energy and the components of its virial rounded
into rows for each particle, instead of its forces; such a kernel is compiled when someone asks for it.

Invariant: rows count half quanta of energy, and what is below a quantum in a limb of it, as whole numbers, and an
energy is rounded as in the sum over all: so the energies of all particles add up to exactly the total, on any threads
and ranks.

Disadvantage: a row has no limb above it, so it has room for the energies of 2**14 neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from motes.core.box import AXES
from motes.core.state import Floats, Integers
from motes.exact.sums import LIMB

PORTIONS = "motes_portions"
"""The column of the state. Its rows are two for the energy, and two for each component of the virial: whole quanta, and
the rest."""


def chosen(bound: Sequence[Any], only: int | None) -> Sequence[Any]:
    """All of these, or the one of this number."""
    return bound if only is None else [bound[only]]


def components(axes: str) -> list[str]:
    """Those of a symmetric tensor, in the order of the rows: xx, yy, zz, xy, xz, yz."""
    return [axis + axis for axis in axes] + [a + b for a, b in combinations(axes, 2)]


def tensor(rows: Floats, dimensions: int) -> Floats:
    """The tensors, (..., d, d), of which these are the components, (k, ...)."""
    found = np.empty((*rows.shape[1:], dimensions, dimensions))
    for row, place in zip(rows, components(AXES[:dimensions]), strict=True):
        a, b = map(AXES.index, place)
        found[..., a, b] = found[..., b, a] = row
    return found


def row_count(dimensions: int) -> int:
    """How many rows there are."""
    return 2 + dimensions * (dimensions + 1)


def values_of(rows: Integers, unit: float) -> Floats:
    """Energies and components of the virial, (k, N), of rows (2 k, N) that count this unit."""
    values: Floats = rows[0::2] * unit + rows[1::2] * (unit * LIMB)
    return values


def round_energy(energy: str) -> list[str]:
    """Lines that round an energy: `whole` quanta, and the `rest` in the limb below (formulas/lines.py); and note the
    largest, by which the caller sees whether the quantum fits."""
    return [
        f"value = {energy}",
        "rounded = value + energy_magic",
        "whole = to_bits(rounded) - energy_bits",
        "rest = to_bits(value - (rounded - energy_magic) + rest_magic) - rest_bits",
        "bits = to_bits(value) & 0x7FFFFFFFFFFFFFFF",
        "biggest_energy = bits if bits > biggest_energy else biggest_energy",
    ]


def give_particle(energy: str, index: str) -> list[str]:
    """Lines that give one particle all of an energy."""
    return [*round_energy(energy), f"portions[0, {index}] += 2 * whole", f"portions[1, {index}] += 2 * rest"]


def give_members(values: Sequence[str], width: int) -> list[str]:
    """Lines that divide energy and virial among the members of tuple t: what cannot be divided is the last one's."""
    lines = []
    for number, value in enumerate(values):
        lines += round_energy(value)
        for row, part in ((2 * number, "whole"), (2 * number + 1, "rest")):
            lines.append(f"one = 2 * {part} // {width}")
            lines += [f"parts[{m}, {row}, t] = one" for m in range(width - 1)]
            lines.append(f"parts[{width - 1}, {row}, t] = 2 * {part} - {width - 1} * one")
    return lines
