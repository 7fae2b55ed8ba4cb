"""The source of a kernel of tuples: what each member of a bond or an angle feels, and the way from there to particles.

Algorithm: a first loop goes through tuples and writes the force on each member, rounded to whole quanta, into an array
of its own; all members but one get theirs by the formula, that one gets what is missing to zero. A second loop goes
through particles, each of which adds up what it feels in the tuples it is a member of.

Invariant: displacements are those of nearest images, exact on the grid of positions, so a tuple is the same wherever it
is computed, and its forces add up to exactly zero.

Disadvantage: positions are gathered one by one, so that the first loop is no vector code.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from motes.core.box import AXES
from motes.core.compiled import PUSH
from motes.exact.arithmetic import bits_of
from motes.forces.portions import components, give_members, row_count
from motes.formulas.bind import Bound
from motes.formulas.lines import ENERGY_UNITS, add_energy, header, indent

LONGEST = 0.45
"""Of an edge of the box: how long a member may be from the one before it, along a periodic axis."""

INFINITE = bits_of(math.inf)
"""The first number of what a kernel returns tells alone that something is wrong with a tuple."""

TOO_LONG = f"that is longer than {LONGEST} edges of the periodic box"


@dataclass(frozen=True)
class Body:
    """What happens to one tuple.

    Attributes:
        lines: read the displacements d0x, d0y, ... of each member from the one before it (d0 of member 1 from 0), and
            the parameters; and write u, the energy, virial, and the forces f{m}{axis} on the members below.
        members: those whose forces the lines write; the other one gets what is missing to zero.
        rest: that one.
        functions: that the lines call, of motes.exact.functions.
    """

    lines: tuple[str, ...]
    members: tuple[int, ...]
    rest: int
    functions: tuple[str, ...]

    @property
    def width(self) -> int:
        """How many members a tuple has."""
        return len(self.members) + 1


def tuple_source(bound: Bound, body: Body, periodic: Sequence[bool], portions: bool = False) -> str:
    """Source of a module with the functions apply, over tuples, and gather, over particles: of forces, or of portions
    of energy and virial."""
    axes = AXES[: len(periodic)]
    rows = row_count(len(axes)) if portions else len(axes)
    lines = [
        header(body.functions, body.lines),
        "",
        f'@njit(cache=True, nogil=True, error_model="numpy", returns={PUSH!r})',
        "def apply(begin, end, positions, indices, kinds, numbers, tables, lengths, magic, energy_magic, parts):",
        "    magic_bits = to_bits(magic)",
        *indent(1, ENERGY_UNITS),
        "    biggest = biggest_energy = 0",
        "    energy_high = energy_low = energy_rest = virial_high = virial_low = virial_rest = 0",
        "    longest = 0.0",
        *indent(1, bound.uniform_lines),
        "    for t in range(begin, end):",
        *(f"        p{m} = indices[{m}, t]" for m in range(body.width)),
        *indent(2, _displacements(axes, periodic, body.width)),
        *indent(2, bound.own_lines("t")),
        *indent(2, body.lines),
        *indent(2, _portions(axes, body) if portions else [*_forces(axes, body), *_sums()]),
        "    limbs = energy_high, energy_low, energy_rest, virial_high, virial_low, virial_rest",
        f"    biggest = biggest_energy if biggest_energy >= {INFINITE} else biggest",
        f"    biggest = biggest if longest <= {LONGEST} else {INFINITE}",
        "    return (biggest, biggest_energy, *limbs, longest)",
        "",
        "",
        "@njit(cache=True, nogil=True)",
        "def gather(begin, end, starts, uses, count, parts, sums):",
        "    for i in range(begin, end):",
        "        for k in range(starts[i], starts[i + 1]):",
        "            m, t = uses[k] // count, uses[k] % count",
        *(f"            sums[{row}, i] += parts[m, {row}, t]" for row in range(rows)),
    ]
    return "\n".join(lines) + "\n"


def _displacements(axes: str, periodic: Sequence[bool], width: int) -> list[str]:
    lines = []
    for m in range(width - 1):
        for a, axis in enumerate(axes):
            name, length = f"d{m}{axis}", f"lengths[{a}]"
            lines.append(f"{name} = positions[{a}, p{m + 1}] - positions[{a}, p{m}]")
            if periodic[a]:
                lines += [
                    f"{name} = {name} - {length} if {name} >= 0.5 * {length} else {name}",
                    f"{name} = {name} + {length} if {name} < -0.5 * {length} else {name}",
                    f"longest = max(longest, abs({name}) / {length})",
                ]
    return lines


def _forces(axes: str, body: Body) -> list[str]:
    lines = ["big = 0"]
    for a, axis in enumerate(axes):
        lines.append("rest = 0")
        for m in body.members:
            lines += [
                f"bits = to_bits(f{m}{axis}) & 0x7FFFFFFFFFFFFFFF",
                "big = bits if bits > big else big",
                f"whole = to_bits(f{m}{axis} + magic) - magic_bits",
                f"parts[{m}, {a}, t] = whole",
                "rest -= whole",
            ]
        lines.append(f"parts[{body.rest}, {a}, t] = rest")
    return [*lines, "biggest = big if big > biggest else biggest"]


def _portions(axes: str, body: Body) -> list[str]:
    """The virial is the sum of r f over the members, with r from the one that gets what is missing to zero."""

    def way(member: int, axis: str) -> str:
        first, last = sorted((member, body.rest))
        sign = "-" if member < body.rest else "+"
        return "".join(f" {sign} d{m}{axis}" for m in range(first, last))

    virial = [" + ".join(f"f{m}{ab[0]} * ({way(m, ab[1])})" for m in body.members) for ab in components(axes)]
    return give_members(["u", *virial], body.width)


def _sums() -> list[str]:
    lines = []
    for value, name in (("u", "energy"), ("virial", "virial")):
        lines += [
            f"bits = to_bits({value}) & 0x7FFFFFFFFFFFFFFF",
            "biggest_energy = bits if bits > biggest_energy else biggest_energy",
            *add_energy(value, name),
        ]
    return lines
