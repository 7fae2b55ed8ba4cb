"""The source of a kernel of pairs: straight-line code for the members of a cluster against their packed partners.

Algorithm: the partners of a cluster are packed into small arrays that stay in the first-level cache, the cluster's
own particles first. One loop over them, which LLVM vectorises, meets all members in one turn: their sums stay in
registers, the partners' in a packed buffer that is scattered at the end. Where a pair is much work (noise), and where
energies are asked for, the members take turns instead, so that there is one copy of the code and not eight: that takes
3 % longer to run with energies, and the two functions 40 % less to compile.

Invariant: every force component is rounded to a whole number of quanta as the low bits of ``f * d + magic`` and
summed as an int64, with the bits of magic counted and taken off at the end (all modulo 2**64). No sum depends on its
order, so neither clusters, lists, threads nor the width of vectors can be seen in the result.

Energies are added in limbs (exact/sums.py), since a sum of them must not drown what is small beside the largest.

Disadvantage: a number beyond 2**51 quanta would be a wrong one. So the square of the largest force is returned with
every call, and the largest energy or virial of a pair, and the caller chooses another quantum when they are out of
range. Without energies, the square is a bound that takes two operations a pair instead of three: a sum over members.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from motes.core.compiled import FORCE, SUM
from motes.core.schedules import Following, followed_rows
from motes.core.state import CLUSTER, Floats, Integers
from motes.exact.sums import SUM_LIMB
from motes.forces.parameters import OF_THE_PAIR
from motes.forces.portions import PORTIONS, components
from motes.formulas.derive import PairCode
from motes.formulas.lines import ENERGY_UNITS, FUNCTIONS
from motes.formulas.lookup import definitions, is_column

ORDINARY = (1.0, 1.0, 1.0)
"""The weights of pairs that are bonded, where that makes no difference."""

SELECTED_TYPES = 4
"""Up to so many types a table's value is selected; beyond, it is looked up, which costs a gather."""

KEPT = {"s", "fma", "sqrt", "abs", "if", "else", "and", "or", "not", "inf", "nan", *OF_THE_PAIR, *FUNCTIONS}
IMPORTS = """from math import inf, nan, sqrt

from motes.core.compiled import njit
import numpy as np

from motes.exact.arithmetic import fma, to_bits, wide_vectors
from motes.exact.functions import {functions}
"""
NOISE = "from motes.exact.noise import normal_of_pair\n"
ARGUMENTS = (
    "first, last, positions, axes, filler, begin, count, partners, room, magic, energy_magic, numbers, tables, "
    "types, attributes"
)
REST = "_rest"
"""How the row of what is below a quantum is called."""

LIMBS = {"x": "magic", "y": "middle", "z": "low"}
"""The units of a sum in the rows of forces, each ROUND times that of the limb."""

OPTIONAL = {"v": "velocities", "noise": "ids, keys", "t": "clock", "dt": "dt", "bonds": "own_classes, classes"}
"""Further arguments, in this order, by what needs them: a call is the cheaper the fewer it has."""


@dataclass(frozen=True)
class Term:
    """One interaction in a kernel.

    Attributes:
        key: what its code depends on besides the names of its parameters.
        uniform: parameters that are one number for all pairs.
        tables: parameters by the types of i and j, shape (T, T).
        attributes: columns whose values a_i and a_j the code reads.
        cutoff: one number, or a table of shape (T, T).
        code: derives the code; called only if no kernel is in the cache.
        both_ways: whether the code runs a second time with i and j exchanged.
        on_i: the force on i over the distance, of {i} and {j}, the results of the two; away from j is positive.
        on_j: that on j; where it is the same, what i feels from j, j feels from i.
        reads: which of OF_THE_PAIR the code reads.
        seed: of the noise.
        special: weights of pairs that are 1, 2 and 3 bonds apart.
        followers: of parameters that follow the steps, which follower each number is, or 0.
    """

    key: str
    uniform: dict[str, float]
    tables: dict[str, Floats]
    attributes: tuple[str, ...]
    cutoff: float | Floats
    code: Callable[[], PairCode]
    both_ways: bool = False
    on_i: str = "{i}"
    on_j: str = "{i}"
    reads: frozenset[str] = frozenset()
    seed: int = 0
    special: tuple[float, float, float] = ORDINARY
    followers: Following = field(default_factory=dict)

    @property
    def mutual(self) -> bool:
        """Whether i and j feel the same."""
        return self.on_i == self.on_j

    @property
    def parameters(self) -> dict[str, float | Floats]:
        """All numbers that a kernel reads, by name."""
        cutoffs = {"cutoff": self.cutoff, "cutoff_squared": self.cutoff * self.cutoff}
        return {**dict(sorted(self.uniform.items())), **dict(sorted(self.tables.items())), **cutoffs}


@dataclass(frozen=True)
class Layout:
    """Where a kernel finds its parameters: rows of numbers and of tables, by name, and the columns of attributes; and
    who of the former follow the steps."""

    numbers: dict[str, float]
    tables: dict[str, Floats]
    attributes: tuple[str, ...]
    followers: Following

    @classmethod
    def of(cls, terms: Sequence[Term]) -> Layout:
        """The rows of all parameters of these terms, in a fixed order."""
        named = {
            f"p{index}_{name}": value for index, term in enumerate(terms) for name, value in term.parameters.items()
        }
        return cls(
            {name: float(value) for name, value in named.items() if isinstance(value, float)},
            {name: np.asarray(value) for name, value in named.items() if not isinstance(value, float)},
            tuple(sorted({name for term in terms for name in term.attributes})),
            {f"p{index}_{name}": which for index, term in enumerate(terms) for name, which in term.followers.items()},
        )

    @property
    def followed(self) -> Integers:
        """Which of the numbers and tables, one after the other, follow which follower, (n, 2)."""
        return followed_rows(self.numbers, self.tables, self.followers)

    @property
    def key(self) -> str:
        """The names of all rows."""
        return repr((tuple(self.numbers), tuple(self.tables), self.attributes))


OF_FORCES, OF_SUMS = "forces", "sums"
"""What a module is for: forces, without and with energy and virial; what neighbours add up to for each particle, in
three limbs; or PORTIONS, what each particle has of energy and virial."""

FUNCTIONS_FOR = {OF_FORCES: ("force", "both"), OF_SUMS: ("total",), PORTIONS: ("portions",)}
"""The functions of each."""


def cluster_key(terms: Sequence[Term], types: int, dimensions: int, purpose: str) -> str:
    """What the source depends on: to be known without deriving anything."""
    ways = [(term.key, term.both_ways, term.on_i, term.on_j, sorted(term.reads), term.special) for term in terms]
    return "\n".join([*map(repr, ways), Layout.of(terms).key, f"types={types} dimensions={dimensions} {purpose}"])


def cluster_source(terms: Sequence[Term], types: int, dimensions: int, purpose: str) -> str:
    """Source of a module with the functions for a purpose."""
    codes = [term.code() for term in terms]
    functions = sorted({"exp"} | {name for code in codes for name in code.functions})
    columns = definitions(line for code in codes for line in (*code.prologue, *code.body_both))
    noise = NOISE if any("noise" in term.reads for term in terms) else ""
    parts = [IMPORTS.format(functions=", ".join(functions)) + noise + (f"\n{columns}" if columns else "")]
    for name in FUNCTIONS_FOR[purpose]:
        writer = _Writer(terms, codes, Layout.of(terms), types, dimensions, name)
        parts.append("\n".join(writer.function(returns={"force": FORCE, "total": SUM}.get(name))))
    return "\n\n".join(parts) + "\n"


@dataclass(frozen=True)
class _Writer:
    terms: Sequence[Term]
    codes: Sequence[PairCode]
    layout: Layout
    types: int
    dimensions: int
    name: str

    @property
    def energy(self) -> bool:
        """Whether energy and virial are added up over all pairs."""
        return self.name == "both"

    @property
    def sums(self) -> bool:
        """Whether what neighbours add up to is asked for."""
        return self.name == "total"

    @property
    def portions(self) -> bool:
        """Whether each particle is told its part of energy and virial."""
        return self.name == "portions"

    @property
    def axes(self) -> str:
        """The slot axes in use: of a plane the first and the last."""
        return "xyz" if self.dimensions == 3 else "xz"

    @property
    def channels(self) -> dict[str, int]:
        """The rows that are written, by name: the axes, the three limbs of a sum, or whole quanta and the rest of each
        portion."""
        if self.portions:
            names = [name + part for name in ("u", *components(self.axes)) for part in ("", REST)]
            return {name: row for row, name in enumerate(names)}
        return {axis: "xyz".index(axis) for axis in ("xyz" if self.sums else self.axes)}

    def _bits(self, channel: str) -> str:
        """What stands for 0 in a row."""
        if self.portions:
            return "rest_bits" if channel.endswith(REST) else "energy_bits"
        return f"{LIMBS[channel] if self.sums else 'magic'}_bits"

    @property
    def reads(self) -> frozenset[str]:
        """What of a pair is read by any term."""
        return frozenset().union(*(term.reads for term in self.terms))

    @property
    def mutual(self) -> bool:
        """Whether what i feels is what j feels, for all terms."""
        return all(term.mutual for term in self.terms)

    @property
    def special(self) -> bool:
        """Whether bonded pairs are not like all others."""
        return any(term.special != ORDINARY for term in self.terms)

    @property
    def typed(self) -> bool:
        """Whether anything depends on types."""
        return bool(self.layout.tables)

    @property
    def float_columns(self) -> dict[str, str]:
        """What is read of a particle: by its name, where it is for the one in slot {}."""
        rows = {axis: "xyz".index(axis) for axis in self.axes}
        columns = {axis: f"positions[{row}, {{}}]" for axis, row in rows.items()}
        if "v" in self.reads:
            columns |= {f"v{axis}": f"velocities[{row}, {{}}]" for axis, row in rows.items()}
        return columns | {f"a{row}": f"attributes[{row}, {{}}]" for row, _ in enumerate(self.layout.attributes)}

    @property
    def whole_columns(self) -> dict[str, str]:
        """What of that is whole numbers."""
        columns = {"type": "types[{}]"} if self.typed else {}
        return columns | ({"id": "ids[{}]"} if "noise" in self.reads else {})

    @property
    def columns(self) -> dict[str, str]:
        """All that is read of a particle."""
        return self.float_columns | self.whole_columns

    def function(self, returns: str | None) -> Iterator[str]:
        """The whole of it; returns: what its first number means to a march."""
        yield f'@njit(cache=True, nogil=True, error_model="numpy", returns={returns!r})'
        needed = {*self.reads, *(["bonds"] if self.special else [])}
        optional = [words for need, words in OPTIONAL.items() if need in needed]
        yield f"def {self.name}({', '.join([ARGUMENTS, *optional, 'forces'])}):"
        yield "    wide_vectors()"
        yield "    magic_bits = to_bits(magic)"
        if self.sums:
            yield f"    middle, low = magic * {SUM_LIMB!r}, magic * {SUM_LIMB**2!r}"
            yield "    middle_bits, low_bits = to_bits(middle), to_bits(low)"
        yield from _indent(1, iter(ENERGY_UNITS))
        yield from _indent(1, self._prologue())
        # The first entries are for the cluster's own particles; q and c are views of the entries of the others.
        whole = [*self.whole_columns, *(["class"] if self.special else [])]
        yield from (f"    p{column} = np.empty(room)" for column in self.float_columns)
        yield from (f"    p{column} = np.empty(room, np.int64)" for column in whole)
        yield from (f"    q{column} = p{column}[{CLUSTER}:]" for column in [*self.float_columns, *whole])
        for axis in self.channels:
            yield f"    b{axis} = np.empty(room, np.int64)"
            yield f"    c{axis} = b{axis}[{CLUSTER}:]"
        yield "    biggest = 0"
        yield "    biggest_energy = 0"
        yield "    energy_high = energy_low = energy_rest = virial_high = virial_low = virial_rest = 0"
        yield "    for c in range(first, last):"
        yield from _indent(2, self._cluster())
        limbs = "energy_high, energy_low, energy_rest, virial_high, virial_low, virial_rest"
        yield f"    return biggest, biggest_energy, {limbs}"

    def _prologue(self) -> Iterator[str]:
        if "t" in self.reads:
            yield "t = clock[0]"
        for row, name in enumerate(self.layout.numbers):
            yield f"{name} = numbers[{row}]"
        for index, code in enumerate(self.codes):
            for line in code.prologue:
                yield _rename(line, f"p{index}_")

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
        if self.special:
            yield "    pclass[k] = own_classes[own + k]"
        yield "for k in range(len(others)):"
        yield "    j = np.uint64(others[k])"
        yield from _indent(1, self._pack("q"))
        if self.special:
            yield "    qclass[k] = classes[listed + k]"
        if self.energy:
            for name in ("energy", "virial"):
                yield f"{name} = rest_of_{name} = 0"
        turns = "noise" in self.reads or self.energy or self.portions
        yield from self._turns() if turns else self._one_turn()
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
                yield f"{name}_rest += rest_of_{name} - n * {CLUSTER} * rest_bits"

    def _pack(self, to: str) -> Iterator[str]:
        for name, source in self.columns.items():
            yield f"{to}{name}[k] = {source.format('j')}"

    def _unpack(self, source: str) -> Iterator[str]:
        sign = "-" if self.sums or self.portions else "+"
        for name, row in self.channels.items():
            yield f"forces[{row}, j] += {source}{name}[k] {sign} {CLUSTER} * {self._bits(name)}"

    # All members in one turn of the loop over partners, or one after the other

    def _one_turn(self) -> Iterator[str]:
        members = [_Member(str(m), f"base + {m}", str(m)) for m in range(CLUSTER)]
        for member in members:
            yield from self._load(member)
        yield "for k in range(n):"
        yield from _indent(1, self._partner(members))
        for member in members:
            yield from self._store(member)

    def _turns(self) -> Iterator[str]:
        member = _Member("m", "base + m", "m")
        yield "for k in range(n):"
        for axis in self.channels:
            yield f"    b{axis}[k] = 0"
        yield f"for m in range({CLUSTER}):"
        yield from _indent(1, self._load(member))
        yield "    for k in range(n):"
        yield from _indent(2, self._partner([member], adding=True))
        yield from _indent(1, self._store(member))

    def _load(self, member: _Member) -> Iterator[str]:
        m = member.suffix
        for name, source in self.columns.items():
            yield f"{name}_{m} = {source.format(member.slot)}"
        for axis in self.channels:
            yield f"f{axis}{m} = 0"
        if self.typed and self.types <= SELECTED_TYPES:
            yield from self._selected(m)

    def _selected(self, m: str) -> Iterator[str]:
        """The row of each table that a member selects from, and its column where tables are not symmetric."""
        for row, name in enumerate(self.layout.tables):
            for other in range(self.types):
                yield f"t{row}_{m}_{other} = tables[{row}, type_{m}, {other}]"
                if self.terms[_index(name)].both_ways:
                    yield f"u{row}_{m}_{other} = tables[{row}, {other}, type_{m}]"

    def _store(self, member: _Member) -> Iterator[str]:
        for name, row in self.channels.items():
            yield f"forces[{row}, {member.slot}] += f{name}{member.suffix} - n * {self._bits(name)}"

    def _partner(self, members: Sequence[_Member], adding: bool = False) -> Iterator[str]:
        for name in self.columns:
            yield f"partner_{name} = p{name}[k]"
        if self.special:
            yield "partner_class = pclass[k]"
        for axis in self.channels:
            yield f"g{axis} = {f'b{axis}[k]' if adding else '0'}"
        # One chain of maxima over k alone is what LLVM recognises as a reduction.
        yield "squares = 0.0" if self._bounded else "big = 0"
        yield "big_energy = 0"
        if self.energy:
            for name in ("energy", "virial"):
                yield f"sum_of_{name} = rests_of_{name} = 0"
        for member in members:
            yield from self._pair(member)
        for axis in self.channels:
            yield f"b{axis}[k] = g{axis}"
        if self._bounded:
            yield "big = to_bits(abs(squares))"  # a NaN may have a sign
        yield "biggest = big if big > biggest else biggest"
        if self.energy:
            yield "biggest_energy = big_energy if big_energy > biggest_energy else biggest_energy"
            for name in ("energy", "virial"):
                yield f"{name} += sum_of_{name}"
                yield f"rest_of_{name} += rests_of_{name}"

    @property
    def _bounded(self) -> bool:
        """Whether a bound of the largest force will do."""
        return self.name == "force"

    def _pair(self, member: _Member) -> Iterator[str]:
        m = member.suffix
        for axis in self.axes:
            yield f"d{axis} = {axis}_{m} - partner_{axis}"
        if self.dimensions == 3:
            yield "s = fma(dz, dz, fma(dy, dy, dx * dx))"
        else:
            yield "s = fma(dz, dz, dx * dx)"
        if {"r", "v"} & self.reads:
            yield "r = sqrt(s)"
        if "v" in self.reads:
            for axis in self.axes:
                yield f"e{axis} = v{axis}_{m} - partner_v{axis}"
            across = "fma(dy, ey, dx * ex)" if self.dimensions == 3 else "dx * ex"
            yield f"v = fma(dz, ez, {across}) / r"
        if self.special:
            yield f"bonds = partner_class >> (2 * {member.number}) & 3"
        for index in range(len(self.terms)):
            yield from self._term(index, member)
        adders = {"total": self._add_sum, "portions": self._add_portions}
        yield from adders.get(self.name, self._add_force)(m)

    def _add_portions(self, m: str) -> Iterator[str]:
        """Both get what is of the pair, in half quanta."""
        f = self._all("on_i")
        yield f"f = {f}" if self.mutual else f"f = 0.5 * ({f} + {self._all('on_j')})"
        values = {"u": self._all("energy")} | {name: f"f * d{name[0]} * d{name[1]}" for name in components(self.axes)}
        for name, value in values.items():
            yield f"value = {value}"
            yield "bits = to_bits(value) & 0x7FFFFFFFFFFFFFFF"
            yield "big = bits if bits > big else big"
            yield "rounded = value + energy_magic"
            for channel, bits in ((name, "rounded"), (name + REST, "value - (rounded - energy_magic) + rest_magic")):
                yield f"q = to_bits({bits})"
                yield f"f{channel}{m} += q"
                yield f"g{channel} += q"

    def _add_sum(self, m: str) -> Iterator[str]:
        for side, sums in (("i", f"f{{}}{m}"), ("j", "g{}")):
            yield f"f = {self._all(f'on_{side}')}"
            yield "bits = to_bits(f) & 0x7FFFFFFFFFFFFFFF"
            yield "big = bits if bits > big else big"
            for axis, unit in LIMBS.items():
                yield f"rounded = f + {unit}"
                yield f"{sums.format(axis)} += to_bits(rounded)"
                yield f"f -= rounded - {unit}"  # what is left is exact

    def _add_force(self, m: str) -> Iterator[str]:
        yield f"f = {self._all('on_i')}"
        yield "w = f * s"
        yield from self._note_size("w * f")
        if not self.mutual:
            yield f"h = {self._all('on_j')}"
            yield "g = h * s"
            yield from self._note_size("g * h")
        for axis in self.axes:
            yield f"q = to_bits(fma(f, d{axis}, magic))"
            yield f"f{axis}{m} += q"
            if not self.mutual:
                yield f"q = to_bits(fma(h, d{axis}, magic))"
            yield f"g{axis} -= q"
        if self.energy:
            if not self.mutual:
                yield "w = 0.5 * (w + g)"
            yield f"u = {self._all('energy')}"
            for name, value in (("energy", "u"), ("virial", "w")):
                yield f"bits = to_bits({value}) & 0x7FFFFFFFFFFFFFFF"
                yield "big_energy = bits if bits > big_energy else big_energy"
                yield f"rounded = {value} + energy_magic"
                yield f"sum_of_{name} += to_bits(rounded)"
                yield f"rests_of_{name} += to_bits({value} - (rounded - energy_magic) + rest_magic)"

    def _note_size(self, square: str) -> Iterator[str]:
        """Of the square of a force."""
        if self.energy:
            yield f"bits = to_bits({square}) & 0x7FFFFFFFFFFFFFFF"
            yield "big = bits if bits > big else big"
        else:
            one, other = square.split(" * ")
            yield f"squares = fma({one}, {other}, squares)"

    def _all(self, what: str) -> str:
        return " + ".join(f"{what}{index}" for index in range(len(self.terms)))

    def _term(self, index: int, member: _Member) -> Iterator[str]:
        term, code, m = self.terms[index], self.codes[index], member.suffix
        mine, shared = f"p{index}_", self._shared(index)
        if "noise" in term.reads:
            yield f"noise = normal_of_pair(keys[{2 * index}], keys[{2 * index + 1}], id_{m}, partner_id)"
        found = {}
        for way in "ij" if term.both_ways else "i":
            other = mine if way == "i" else f"o{index}_"
            yield from self._read(index, m, way, other)
            for line in code.body_force if self.name == "force" else code.body_both:
                yield _rename(line, other, shared, mine)
            found[way] = _rename(code.energy if self.sums else code.force, other, shared, mine)
        yield f"near = (s < {mine}cutoff_squared) & (k > {member.number}){self._not_excluded(term)}"
        weight = self._weight(term)
        for name, formula in (("on_i", term.on_i), ("on_j", term.on_j)):
            if name == "on_i" or self.sums or not self.mutual:
                text = _rename(formula.replace("{i}", "\0").replace("{j}", "\1"), mine)
                text = text.replace("\0", found["i"]).replace("\1", found.get("j", ""))
                yield f"{name}{index} = {weight}({text}) if near else 0.0"
        if self.energy or self.portions:
            yield f"energy{index} = {weight}{_rename(code.energy, mine)} if near else 0.0"

    def _not_excluded(self, term: Term) -> str:
        """Pairs of no weight are left out, not multiplied by 0: their energy may be infinite."""
        return "".join(f" & (bonds != {number})" for number, weight in enumerate(term.special, 1) if weight == 0)

    def _weight(self, term: Term) -> str:
        weight = "1.0"
        for number, special in enumerate(term.special, 1):
            if special not in (0.0, 1.0):
                weight = f"({special!r} if bonds == {number} else {weight})"
        return "" if weight == "1.0" else f"{weight} * "

    def _shared(self, index: int) -> frozenset[str]:
        """The names of a term that do not depend on who is i and who is j."""
        term = self.terms[index]
        uniform = [name for name, value in term.parameters.items() if isinstance(value, float)]
        return frozenset([*uniform, *(line.split(" = ")[0] for line in self.codes[index].prologue)])

    def _read(self, index: int, m: str, way: str, prefix: str) -> Iterator[str]:
        """The parameters of a pair, as the code sees them from this side."""
        mine = f"p{index}_"
        for row, name in enumerate(self.layout.tables):
            if name.startswith(mine):
                yield f"{prefix}{name.removeprefix(mine)} = {self._table_value(row, m, way)}"
        i, j = "ij" if way == "i" else "ji"
        for row, name in enumerate(self.layout.attributes):
            if name in self.terms[index].attributes:
                yield f"{prefix}{name}_{i} = a{row}_{m}"
                yield f"{prefix}{name}_{j} = partner_a{row}"

    def _table_value(self, row: int, m: str, way: str) -> str:
        if self.types > SELECTED_TYPES:
            types = f"type_{m}, partner_type" if way == "i" else f"partner_type, type_{m}"
            return f"tables[{row}, {types}]"
        letter = "t" if way == "i" else "u"
        value = f"{letter}{row}_{m}_0"
        for other in range(1, self.types):
            value = f"({letter}{row}_{m}_{other} if partner_type == {other} else {value})"
        return value


@dataclass(frozen=True)
class _Member:
    """A member of a cluster: how its names end, where its slot is, and its number among the partners."""

    suffix: str
    slot: str
    number: str


def _index(name: str) -> int:
    """Of the term that a parameter belongs to: p3_epsilon."""
    return int(name[1 : name.index("_")])


def _rename(line: str, prefix: str, shared: frozenset[str] = frozenset(), common: str = "") -> str:
    """Give the names of one term a prefix of their own, which no other name in the kernel has; those that are shared
    by both of its sides a common one."""

    def renamed(word: str) -> str:
        if word in KEPT or is_column(word):
            return word
        return f"{common if word in shared else prefix}{word}"

    return re.sub(r"\b[^\W\d]\w*", lambda word: renamed(word[0]), line)


def _indent(levels: int, lines: Iterator[str]) -> Iterator[str]:
    return (" " * 4 * levels + line for line in lines)
