"""The source of a pair kernel: straight-line code for the members of a cluster against their packed partners.

Algorithm: the partners of a cluster are packed into small arrays that stay in the first-level cache, the cluster's
own particles first. One loop over them, which LLVM vectorises, meets PASS members at a time: their sums stay in
registers, the partners' in a packed buffer that is scattered at the end.

Invariant: every force component is rounded to a whole number of quanta as the low bits of ``f * d + magic`` and
summed as an int64, with the bits of magic counted and taken off at the end (all modulo 2**64). No sum depends on its
order, so neither clusters, lists, threads nor the width of vectors can be seen in the result.

Disadvantage: a number beyond 2**51 quanta would be a wrong one. So the square of the largest force is returned with
every call, and the largest energy or virial of a pair, and the caller chooses another quantum when they are out of
range. Without energies, the square is a bound that takes two operations a pair instead of three: a sum over members.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from motes.core.state import CLUSTER
from motes.forces.interaction import BoundPair
from motes.forces.verify import require_right_pair
from motes.formulas.derive import FUNCTIONS, PairCode, derive_pair
from motes.formulas.lookup import definitions, is_column

SELECTED_TYPES = 4
"""Up to so many types a table's value is selected; beyond, it is looked up, which costs a gather."""

PASS = 8
"""Members that meet a partner in one turn of the loop."""

KEPT = {"s", "fma", "sqrt", "abs", "if", "else", "and", "or", "not", "inf", "nan", *FUNCTIONS}
IMPORTS = """from math import inf, nan, sqrt

from motes.core.compiled import njit
import numpy as np

from motes.exact.arithmetic import fma, to_bits
from motes.exact.functions import {functions}
"""
ARGUMENTS = (
    "first, last, positions, axes, filler, begin, count, partners, room, magic, energy_magic, numbers, tables, "
    "types, attributes, forces"
)


@dataclass(frozen=True)
class Layout:
    """Where a kernel finds its parameters: rows of numbers, of tables and of attributes, by their names."""

    numbers: tuple[str, ...]
    tables: tuple[str, ...]
    attributes: tuple[str, ...]


def layout(pairs: Sequence[BoundPair]) -> Layout:
    """The rows of all parameters of these interactions, in a fixed order."""
    numbers: list[str] = []
    tables: list[str] = []
    attributes: set[str] = set()
    for index, pair in enumerate(pairs):
        cutoffs = ["cutoff", "cutoff_squared"]
        uniform = cutoffs if isinstance(pair.cutoff, float) else []
        numbers += [f"p{index}_{name}" for name in [*sorted(pair.uniform), *uniform]]
        tables += [f"p{index}_{name}" for name in [*sorted(pair.tables), *([] if uniform else cutoffs)]]
        attributes |= set(pair.attributes)
    return Layout(tuple(numbers), tuple(tables), tuple(sorted(attributes)))


def pair_key(pairs: Sequence[BoundPair], types: int, dimensions: int) -> str:
    """What the source depends on: to be known without deriving anything."""
    rows = layout(pairs)
    energies = [f"{pair.energy.key} shift={pair.shift}" for pair in pairs]
    return "\n".join([*energies, repr(rows), f"types={types} dimensions={dimensions}"])


def pair_source(pairs: Sequence[BoundPair], types: int, dimensions: int) -> str:
    """Source of a module with two functions, force and both: without and with energy and virial."""
    codes = []
    for pair in pairs:
        uniform = frozenset(pair.uniform) | ({"cutoff"} if isinstance(pair.cutoff, float) else frozenset())
        codes.append(derive_pair(pair.energy, uniform, pair.shift))
        require_right_pair(pair, codes[-1])
    functions = sorted({"exp"} | {name for code in codes for name in code.functions})
    columns = definitions(line for code in codes for line in (*code.prologue, *code.body_both))
    parts = [IMPORTS.format(functions=", ".join(functions)) + (f"\n{columns}" if columns else "")]
    for name, energy in (("force", False), ("both", True)):
        writer = _Writer(pairs, codes, layout(pairs), types, dimensions, energy)
        parts.append("\n".join(writer.function(name)))
    return "\n\n".join(parts) + "\n"


@dataclass(frozen=True)
class _Writer:
    pairs: Sequence[BoundPair]
    codes: Sequence[PairCode]
    layout: Layout
    types: int
    dimensions: int
    energy: bool

    @property
    def axes(self) -> str:
        """The slot axes in use: of a plane the first and the last."""
        return "xyz" if self.dimensions == 3 else "xz"

    def function(self, name: str) -> Iterator[str]:
        yield '@njit(cache=True, nogil=True, error_model="numpy")'
        yield f"def {name}({ARGUMENTS}):"
        yield "    magic_bits = to_bits(magic)"
        yield "    energy_bits = to_bits(energy_magic)"
        yield from _indent(1, self._prologue())
        # The first places are for the cluster's own particles; q and c are views of the places of the others.
        packed = [*self.axes, *(f"a{row}" for row, _ in enumerate(self.layout.attributes))]
        yield from (f"    p{column} = np.empty(room)" for column in packed)
        if self._typed:
            packed.append("type")
            yield "    ptype = np.empty(room, np.int64)"
        yield from (f"    q{column} = p{column}[{CLUSTER}:]" for column in packed)
        for axis in self.axes:
            yield f"    b{axis} = np.empty(room, np.int64)"
            yield f"    c{axis} = b{axis}[{CLUSTER}:]"
        yield "    biggest = 0"
        yield "    biggest_energy = 0"
        yield "    energy_high = energy_low = virial_high = virial_low = 0"
        yield "    for c in range(first, last):"
        yield from _indent(2, self._cluster())
        yield "    return biggest, biggest_energy, energy_high, energy_low, virial_high, virial_low"

    @property
    def _typed(self) -> bool:
        return bool(self.layout.tables)

    def _prologue(self) -> Iterator[str]:
        for row, name in enumerate(self.layout.numbers):
            yield f"{name} = numbers[{row}]"
        for index, code in enumerate(self.codes):
            for line in code.prologue:
                yield _rename(line, index)

    def _cluster(self) -> Iterator[str]:
        yield f"base = c * {CLUSTER}"
        # Ghosts of one cluster belong to another region's pairs, so empty slots stand in for them.
        yield "own = base if axes[c] == 0 else filler"
        yield "listed = begin[c - first]"
        yield f"n = {CLUSTER} + (count[c - first] + {CLUSTER - 1}) // {CLUSTER} * {CLUSTER}"
        yield f"others = partners[listed : listed + n - {CLUSTER}]"
        yield f"for k in range({CLUSTER}):"
        yield "    j = np.uint64(own + k)"
        yield from _indent(1, self._pack("p"))
        yield "for k in range(len(others)):"
        yield "    j = np.uint64(others[k])"
        yield from _indent(1, self._pack("q"))
        if self.energy:
            yield "energy = 0"
            yield "virial = 0"
        for start in range(0, CLUSTER, PASS):
            yield from self._pass(range(start, start + PASS))
        yield f"for k in range({CLUSTER}):"
        yield "    j = np.uint64(own + k)"
        yield from _indent(1, self._unpack("b"))
        yield "for k in range(len(others)):"
        yield "    j = np.uint64(others[k])"
        yield from _indent(1, self._unpack("c"))
        if self.energy:
            for name in ("energy", "virial"):
                yield f"{name} -= n * {CLUSTER} * energy_bits"
                yield f"{name}_high += {name} >> 32"
                yield f"{name}_low += {name} & 0xFFFFFFFF"

    def _pack(self, to: str) -> Iterator[str]:
        for axis in self.axes:
            yield f"{to}{axis}[k] = positions[{'xyz'.index(axis)}, j]"
        if self._typed:
            yield f"{to}type[k] = types[j]"
        for row, _ in enumerate(self.layout.attributes):
            yield f"{to}a{row}[k] = attributes[{row}, j]"

    def _unpack(self, source: str) -> Iterator[str]:
        for axis in self.axes:
            yield f"forces[{'xyz'.index(axis)}, j] += {source}{axis}[k] + {CLUSTER} * magic_bits"

    def _pass(self, members: range) -> Iterator[str]:
        for m in members:
            for axis in self.axes:
                yield f"{axis}{m} = positions[{'xyz'.index(axis)}, base + {m}]"
                yield f"f{axis}{m} = 0"
            yield from self._member_parameters(m)
        yield "for k in range(n):"
        yield from _indent(1, self._partner(members))
        for m in members:
            for axis in self.axes:
                yield f"forces[{'xyz'.index(axis)}, base + {m}] += f{axis}{m} - n * magic_bits"

    def _member_parameters(self, m: int) -> Iterator[str]:
        if self._typed:
            yield f"type{m} = types[base + {m}]"
            if self.types <= SELECTED_TYPES:
                for row, _ in enumerate(self.layout.tables):
                    for other in range(self.types):
                        yield f"t{row}_{m}_{other} = tables[{row}, type{m}, {other}]"
        for row, _ in enumerate(self.layout.attributes):
            yield f"a{row}_{m} = attributes[{row}, base + {m}]"

    def _partner(self, members: range) -> Iterator[str]:
        for axis in self.axes:
            yield f"{axis} = p{axis}[k]"
            yield f"g{axis} = {'0' if members.start == 0 else f'b{axis}[k]'}"
        if self._typed:
            yield "partner_type = ptype[k]"
        for row, _ in enumerate(self.layout.attributes):
            yield f"partner_a{row} = pa{row}[k]"
        # One chain of maxima over k alone is what LLVM recognises as a reduction.
        yield "big = 0" if self.energy else "squares = 0.0"
        yield "big_energy = 0"
        if self.energy:
            yield "energies = 0"
            yield "virials = 0"
        for m in members:
            yield from self._pair(m)
        for axis in self.axes:
            yield f"b{axis}[k] = g{axis}"
        if not self.energy:
            yield "big = to_bits(abs(squares))"  # a NaN may have a sign
        yield "biggest = big if big > biggest else biggest"
        if self.energy:
            yield "biggest_energy = big_energy if big_energy > biggest_energy else biggest_energy"
            yield "energy += energies"
            yield "virial += virials"

    def _pair(self, m: int) -> Iterator[str]:
        for axis in self.axes:
            yield f"d{axis} = {axis}{m} - {axis}"
        if self.dimensions == 3:
            yield "s = fma(dz, dz, fma(dy, dy, dx * dx))"
        else:
            yield "s = fma(dz, dz, dx * dx)"
        for index in range(len(self.pairs)):
            yield from self._interaction(index, m)
        yield "f = " + " + ".join(f"force{index}" for index in range(len(self.pairs)))
        yield "w = f * s"
        if self.energy:
            yield "bits = to_bits(w * f) & 0x7FFFFFFFFFFFFFFF"
            yield "big = bits if bits > big else big"
        else:
            yield "squares = fma(w, f, squares)"
        for axis in self.axes:
            yield f"t = to_bits(fma(f, d{axis}, magic))"
            yield f"f{axis}{m} += t"
            yield f"g{axis} -= t"
        if self.energy:
            yield "u = " + " + ".join(f"energy{index}" for index in range(len(self.pairs)))
            for value in ("u", "w"):
                yield f"bits = to_bits({value}) & 0x7FFFFFFFFFFFFFFF"
                yield "big_energy = bits if bits > big_energy else big_energy"
            yield "energies += to_bits(u + energy_magic)"
            yield "virials += to_bits(w + energy_magic)"

    def _interaction(self, index: int, m: int) -> Iterator[str]:
        mine = f"p{index}_"
        for row, name in enumerate(self.layout.tables):
            if name.startswith(mine):
                yield f"{name} = {self._table_value(row, m)}"
        for row, name in enumerate(self.layout.attributes):
            if name in self.pairs[index].attributes:
                yield f"{mine}{name}_i = a{row}_{m}"
                yield f"{mine}{name}_j = partner_a{row}"
        code = self.codes[index]
        for line in code.body_both if self.energy else code.body_force:
            yield _rename(line, index)
        yield f"near = (s < {mine}cutoff_squared) & (k > {m})"
        yield f"force{index} = {_rename(code.force, index)} if near else 0.0"
        if self.energy:
            yield f"energy{index} = {_rename(code.energy, index)} if near else 0.0"

    def _table_value(self, row: int, m: int) -> str:
        if self.types > SELECTED_TYPES:
            return f"tables[{row}, type{m}, partner_type]"
        value = f"t{row}_{m}_0"
        for other in range(1, self.types):
            value = f"(t{row}_{m}_{other} if partner_type == {other} else {value})"
        return value


def _rename(line: str, index: int) -> str:
    """Give the names of one interaction a prefix of their own, which no other name in the kernel has."""
    return re.sub(r"\b[^\W\d]\w*", lambda word: _renamed(word[0], index), line)


def _renamed(word: str, index: int) -> str:
    return word if word in KEPT or is_column(word) else f"p{index}_{word}"


def _indent(levels: int, lines: Iterator[str]) -> Iterator[str]:
    return (" " * 4 * levels + line for line in lines)
