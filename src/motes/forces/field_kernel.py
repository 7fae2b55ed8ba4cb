"""The source of a field's kernel: what each particle feels where it is, in one straight loop that LLVM vectorises.

As for pairs, every force component and energy is rounded to a whole number of quanta by adding magic and summed as an
int64, so neither threads nor ranks can be seen in the result; the largest of each is returned, so that the caller can
stop the run when it is out of range.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from motes.core.box import Boundary
from motes.core.compiled import PUSH
from motes.exact.arithmetic import bits_of
from motes.forces.portions import give_particle
from motes.formulas import verify
from motes.formulas.bind import COORDINATES, PREFIX, Bound
from motes.formulas.derive import Code, derive_field
from motes.formulas.lines import ENERGY_UNITS, add_energy, header, indent

AXES = COORDINATES[:3]
INFINITE = bits_of(math.inf)
"""So that an energy that is not finite is seen by the first number alone; the bits of a NaN are more."""

ARGUMENTS = "begin, end, positions, origin, lengths, numbers, tables, types, attributes, clock, magic, energy_magic"


def field_key(bound: Bound, boundary: Sequence[Boundary]) -> str:
    """What the source depends on: to be known without deriving anything."""
    return f"{bound.key}\nfield boundary={tuple(boundary)}"


def field_source(bound: Bound, boundary: Sequence[Boundary], portions: bool = False) -> str:
    """Source of a module with the function apply, which adds forces, or portions of the energy."""
    axes = AXES[: len(boundary)]
    code = derive_field(bound.formulas[0], [PREFIX + axis for axis in axes])
    require_right_field(bound, code, axes)
    used = bound.symbols
    parameters = [*sorted(bound.numbers), *sorted(bound.tables), *bound.attributes]
    own = [PREFIX + name for name in parameters if name in used]
    lines = [
        header(code.functions, code.lines),
        "",
        '@njit(error_model="numpy", forceinline=True)',
        f"def energy_and_force({', '.join([*(PREFIX + name for name in (*axes, 't')), *own])}):",
        *indent(1, code.lines),
        f"    return {', '.join(code.results)}",
        "",
        "",
        f'@njit(cache=True, nogil=True, error_model="numpy", returns={PUSH!r}, per_particle=True)',
        f"def apply({ARGUMENTS}, {'portions' if portions else 'forces'}):",
        "    wide_vectors()",
        *indent(1, _before(bound, axes)),
        *indent(1, [] if portions else [f"f{axis}s = forces[{a}, begin:end]" for a, axis in enumerate(axes)]),
        "    for i in range(end - begin):",
        *indent(2, _one(bound, axes, boundary, ", ".join([*axes, "t", *own]))),
        *indent(2, give_particle("u", "begin + i") if portions else _add_force(axes)),
        f"    biggest = biggest_energy if biggest_energy >= {INFINITE} else biggest",
        "    return biggest, biggest_energy, energy_high, energy_low, energy_rest",
    ]
    return "\n".join(lines) + "\n"


def require_right_field(bound: Bound, code: Code, axes: Sequence[str]) -> None:
    """Raise an InputError if energy or forces are not those of the formula."""
    formula, coordinates = bound.formulas[0], [PREFIX + axis for axis in axes]
    points = verify.points({*formula.symbols, *coordinates}, bound.known)
    verify.require_forces(bound.name, formula, coordinates, code, points)


def _before(bound: Bound, axes: Sequence[str]) -> Iterator[str]:
    yield "magic_bits = to_bits(magic)"
    yield "t = clock[0]"
    yield from ENERGY_UNITS
    yield "biggest = biggest_energy = energy_high = energy_low = energy_rest = 0"
    yield from bound.uniform_lines
    for a, axis in enumerate(axes):
        yield f"{axis}s = positions[{a}, begin:end]"
        yield f"edge_{axis}, origin_{axis} = lengths[{a}], origin[{a}]"
    yield from bound.part_lines


def _one(bound: Bound, axes: Sequence[str], boundary: Sequence[Boundary], call: str) -> Iterator[str]:
    for axis, word in zip(axes, boundary, strict=True):
        yield f"{axis} = {axis}s[i]"
        if word == "periodic":  # between two migrations a particle may be a little outside
            yield f"{axis} = {axis} - edge_{axis} if {axis} >= edge_{axis} else {axis}"
            yield f"{axis} = {axis} + edge_{axis} if {axis} < 0.0 else {axis}"
        yield f"{axis} = {axis} + origin_{axis}"
    yield from bound.own_lines("i")
    yield f"u, {', '.join(f'f{axis}' for axis in axes)} = energy_and_force({call})"


def _add_force(axes: Sequence[str]) -> Iterator[str]:
    # One chain of maxima over i alone is what LLVM recognises as a reduction.
    yield "big = 0"
    for axis in axes:
        yield f"bits = to_bits(f{axis}) & 0x7FFFFFFFFFFFFFFF"
        yield "big = bits if bits > big else big"
        yield f"f{axis}s[i] += to_bits(f{axis} + magic) - magic_bits"
    yield "biggest = big if big > biggest else biggest"
    yield "bits = to_bits(u) & 0x7FFFFFFFFFFFFFFF"
    yield "biggest_energy = bits if bits > biggest_energy else biggest_energy"
    yield from add_energy("u", "energy")
