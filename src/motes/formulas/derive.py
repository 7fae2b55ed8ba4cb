"""From traced formulas to straight-line source code: for values, energies and forces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from motes.formulas.formula import COLUMNS, Expression, compute, walk
from motes.formulas.limits import shallow
from motes.formulas.lines import FUNCTIONS


@dataclass(frozen=True)
class PairCode:
    """Assignments that compute what one pair feels.

    Attributes:
        prologue: lines that depend on uniform parameters only; they run once.
        body_force: lines for each pair that lead to the force alone.
        body_both: lines for each pair that lead to force and energy; the force has the same bits either way.
        force: the name (or literal) of the force over the distance: the force is this times the displacement.
        energy: the name (or literal) of the energy.
        functions: names from motes.exact.functions that the lines call (besides sqrt, abs and fma).
    """

    prologue: tuple[str, ...]
    body_force: tuple[str, ...]
    body_both: tuple[str, ...]
    force: str
    energy: str
    functions: tuple[str, ...]


@shallow()
def derive_pair(energy: Expression, uniform: frozenset[str], shift: str | None = None) -> PairCode:
    """Source code for a pair energy U(r) and its force over the distance, -2 dU/ds with s = r**2.

    Args:
        energy: a formula in `r`, `cutoff` and parameters.
        uniform: the parameters (and "cutoff") that are the same for all pairs.
        shift: None, "energy" (zero at the cutoff) or "force" (energy and force zero at the cutoff).

    The lines read `s`, the parameters by name and, where it occurs, `cutoff`.
    """
    from motes.formulas import algebra, emit  # SymPy takes half a second to import, and a warm start needs none of it

    potential = algebra.shifted(algebra.pair_energy(energy), shift)
    slope = algebra.force_over_distance(potential)
    uniform |= {str(node.value) for node in walk(energy) if node.operation == "column"}
    emitter = emit.Emitter(uniform, energy.symbols | {"s", "cutoff"})
    emitter.share_exponentials((potential, slope))
    force, value = emitter.emit(slope), emitter.emit(potential)
    defined = algebra.where_defined(potential)
    if defined is not None:
        force = emitter.assign("{1} if {0} else nan", emitter.emit(defined), force)
    used = _needed(emitter.lines, force, value)
    return PairCode(
        prologue=tuple(line.text for name, line in emitter.lines.items() if name in used and line.level == 0),
        body_force=_body(emitter.lines, _needed(emitter.lines, force)),
        body_both=_body(emitter.lines, used),
        force=force,
        energy=value,
        functions=functions_in([emitter.lines[name].text for name in used]),
    )


@dataclass(frozen=True)
class Code:
    """Assignments that compute several values.

    Attributes:
        lines: the assignments; they read the formulas' symbols by name.
        results: names or literals of the values, one for each formula.
        functions: names from motes.exact.functions that the lines call (besides sqrt, abs and fma).
    """

    lines: tuple[str, ...]
    results: tuple[str, ...]
    functions: tuple[str, ...]


@shallow()
def derive_values(formulas: Sequence[Expression]) -> Code:
    """Source code for the values of formulas, rearranged to be fast."""
    from motes.formulas import algebra

    return _code([algebra.with_selects_outside(algebra.converted(formula, {})) for formula in formulas])


@shallow()
def derive_field(energy: Expression, coordinates: Sequence[str]) -> Code:
    """Source code for an energy and the forces along these coordinates, in this order."""
    from motes.formulas import algebra

    potential = algebra.with_selects_outside(algebra.converted(energy, {}))
    return _code([potential, *(algebra.force_along(potential, name) for name in coordinates)])


def _code(expressions: Sequence[Any]) -> Code:
    from motes.formulas import emit

    symbols = {symbol.name for expression in expressions for symbol in expression.free_symbols}
    emitter = emit.Emitter(frozenset(), frozenset(symbols))
    emitter.share_exponentials(expressions)
    results = tuple(emitter.emit(expression) for expression in expressions)
    used = _needed(emitter.lines, *results)
    lines = tuple(line.text for name, line in emitter.lines.items() if name in used)
    return Code(lines, results, functions_in(lines))


def functions_in(lines: Sequence[str]) -> tuple[str, ...]:
    """The names from motes.exact.functions that lines of code call."""
    return tuple(name for name in FUNCTIONS if any(f" {name}(" in line for line in lines))


def _body(lines: Mapping[str, Any], names: set[str]) -> tuple[str, ...]:
    return tuple(line.text for name, line in lines.items() if name in names and line.level == 1)


def _needed(lines: Mapping[str, Any], *results: str) -> set[str]:
    needed: set[str] = set()
    waiting = list(results)
    while waiting:
        name = waiting.pop()
        if name in lines and name not in needed:
            needed.add(name)
            waiting.extend(lines[name].operands)
    return needed


def evaluate(energy: Expression, values: Mapping[str, Any]) -> Any:
    """The value of a formula for numbers or arrays, by NumPy: slow, and independent of the generated code."""
    made: dict[int, Any] = {}
    for node in walk(energy):
        if node.operation == "constant":
            made[id(node)] = node.value
        elif node.operation == "symbol":
            made[id(node)] = values[str(node.value)]
        elif node.operation == "column":
            made[id(node)] = COLUMNS[str(node.value)]
        else:
            made[id(node)] = compute(node.operation, *(made[id(operand)] for operand in node.operands))
    return made[id(energy)]
