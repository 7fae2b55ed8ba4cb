"""Generated code against the formula itself: values, slopes, operations, and the same lines every time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from motes.core.errors import InputError
from motes.forces.pair import Pair
from motes.forces.parameters import mix
from motes.formulas.derive import PairCode, derive_pair, evaluate
from motes.formulas.expression import expression_parameters, parse
from motes.formulas.formula import Expression
from naming import named

Run = Callable[..., tuple[float, float]]
ALL = frozenset({"a", "b", "cutoff"})


def derived(text: str, uniform: frozenset[str] = ALL, shift: str | None = None) -> PairCode:
    return derive_pair(parse(text, ("r", *expression_parameters(text))), uniform, shift)


def slope(energy: Expression, values: dict[str, float], step: float) -> float:
    """dU/dr by central differences of fourth order."""
    u = [float(evaluate(energy, values | {"r": values["r"] + k * step})) for k in (-2, -1, 1, 2)]
    return (u[0] - 8 * u[1] + 8 * u[2] - u[3]) / (12 * step)


def texts() -> st.SearchStrategy[str]:
    """Formulas of r, a and b that users might write, and many that they would not."""
    number = st.sampled_from(["0.5", "1", "2", "3.7", "1.5", "0.1"])
    leaf = st.sampled_from(["r", "r", "r", "a", "b"]) | number

    def grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        binary = st.builds("({} {} {})".format, inner, st.sampled_from("+-*/"), inner)
        exponent = st.sampled_from(["2", "-1", "3", "6", "-6", "12", "0.5", "-1.5", "0.25", "2.3", "b"])
        power = st.builds("abs({})**{}".format, inner, exponent)
        names = st.sampled_from(
            ["exp(-{})", "sqrt(abs({}))", "log(1 + abs({}))", "sin({})", "cos({})", "tanh({})", "abs({})", "erf({})",
             "erfc({})", "arctan({})", "-{}", "square({})", "sinh(tanh({}))", "cosh(tanh({}))", "({})**2"]
        )  # fmt: skip
        unary = st.builds(lambda name, x: name.format(x), names, inner)
        choice = st.builds("where({} < {}, {}, {})".format, inner, inner, inner, inner)
        extreme = st.builds("{}({}, {})".format, st.sampled_from(["min", "max"]), inner, inner)
        return binary | binary | power | unary | choice | extreme

    return st.recursive(leaf, grow, max_leaves=9)


@settings(max_examples=150, deadline=None)
@given(texts(), st.integers(0, 999).map(lambda k: 0.6 + 0.0018 * (k + 0.3719)), st.sets(st.sampled_from(["a", "b"])))
@example("4*a*((b/r)**12 - (b/r)**6)", 1.1, {"a", "b"})
@example("a*((1 - exp(-b*(r - 1)))**2 - 1)", 1.3, set())
@example("exp(-2*(r - a)) - 2*exp(-(r - a)) + exp(-4*r + 4*a)", 1.3, {"a"})
@example("where(r < b, a*(b - r)**2.5, 0)", 0.9, {"a", "b"})
@example("1/max(r - b, 0)**6", 1.9, {"a", "b"})
def test_values_and_slopes_of_the_generated_code(run_code: Run, text: str, r: float, uniform: set[str]) -> None:
    values = {"r": r, "a": 0.83, "b": 1.37}
    try:
        energy = parse(text, tuple(values))
        code = derive_pair(energy, frozenset(uniform), None)
    except InputError:  # a constant part of the formula has no finite value
        assume(False)
    with np.errstate(all="ignore"):
        value = float(evaluate(energy, values))
        coarse, fine = slope(energy, values, 2e-3), slope(energy, values, 1e-3)
        around = [float(evaluate(energy, values | {"r": r + k * 1e-3})) for k in (-4, 4)]
    assume(np.all(np.isfinite([value, coarse, fine, *around])) and max(map(abs, around)) < 1e6)
    # Where the two differ, the formula jumps, bends or turns too fast for differences to tell its slope. (A bend in
    # the very middle would go unnoticed; the distances are such that no formula bends there.)
    assume(abs(coarse - fine) < 1e-6 * (1 + abs(fine)))
    force, generated = run_code(code, {"a": 0.83, "b": 1.37}, r)
    assert generated == pytest.approx(value, rel=1e-9, abs=1e-9)
    assert force * r == pytest.approx(-fine, rel=1e-5, abs=1e-5)
    assert run_code(code, {"a": 0.83, "b": 1.37}, r, both=False)[0] == force


def operations(lines: tuple[str, ...], symbol: str) -> int:
    return sum(len(re.findall(re.escape(symbol), line)) for line in lines)


COSTS = [
    # text, lines of the force, divisions, square roots, exponentials in force and energy together
    ("4*a*((b/r)**12 - (b/r)**6)", 6, 1, 0, 0),
    ("4*a*(b/r)**6*((b/r)**6 - 1)", 6, 1, 0, 0),
    ("a*(1 - exp(-b*(r - 1.5)))**2", 9, 1, 1, 1),
    ("a*(exp(-2*b*(r - 1.5)) - 2*exp(-b*(r - 1.5)))", 9, 1, 1, 1),
    ("a*exp(-b*r)/r", 8, 1, 1, 1),
    ("a*exp(-r**2/b)", 3, 0, 0, 1),
    ("a*r**2/2", 0, 0, 0, 0),
    ("a*r**4", 1, 0, 0, 0),
    ("a/r", 5, 1, 1, 0),
]


@pytest.mark.parametrize(("text", "lines", "divisions", "roots", "exponentials"), COSTS)
def test_no_more_operations_than_by_hand(text: str, lines: int, divisions: int, roots: int, exponentials: int) -> None:
    code = derived(text)
    assert len(code.body_force) <= lines
    assert operations(code.body_both, "/") == divisions
    assert operations(code.body_both, "sqrt(") == roots
    assert operations(code.body_both, "exp(") == exponentials


def test_products_that_are_added_are_fused() -> None:
    assert operations(derived("4*a*((b/r)**12 - (b/r)**6)").body_both, "fma(") == 2


def test_what_is_uniform_is_computed_once() -> None:
    code = derived("sqrt(a)*exp(b)*r**2", frozenset({"a", "b"}))
    assert operations(code.prologue, "exp(") == operations(code.prologue, "sqrt(") == 1
    assert operations(code.body_both, "exp(") == 0
    code = derived("sqrt(a)*exp(b)*r**2", frozenset({"a"}))
    assert operations(code.body_both, "exp(") == 1


def test_the_lines_for_the_force_are_among_those_for_both() -> None:
    code = derived("a*erfc(b*r)/r + where(r < a, (r - a)**2, 0)")
    assert set(code.body_force) < set(code.body_both)
    assert code.functions == ("exp", "erfc")


def test_every_line_is_one_assignment_of_known_operations() -> None:
    code = derived("a*erfc(b*r)/r + where((r < a) & ~(r == b), abs(r - a)**2.3, tanh(r)) + arctan(r)")
    name = r"(?:\w+|-?\d+\.\d+(?:e[-+]?\d+)?)"
    right = rf"-?{name}|{name} (?:[-+*/&|]|[<>=!]=?) {name}|{name} if {name} else {name}|\w+\({name}(?:, {name})*\)"
    for line in (*code.prologue, *code.body_both):
        assert re.fullmatch(rf"v\d+ = (?:{right}|not {name})", line)


def test_names_of_lines_stay_clear_of_parameters(run_code: Run) -> None:
    text = "v0*r**2 + v1/r"
    code = derive_pair(parse(text, ("r", "v0", "v1")), frozenset(), None)
    assert not any(line.startswith(("v0 =", "v1 =")) for line in code.body_both)
    force, energy = run_code(code, {"v0": 2.0, "v1": 3.0}, 1.5)
    assert energy == pytest.approx(4.5 + 2.0)
    assert force * 1.5 == pytest.approx(-6.0 + 3.0 / 2.25)


@pytest.mark.parametrize("uniform", [ALL, frozenset()])
def test_shifts_end_at_zero(run_code: Run, uniform: frozenset[str]) -> None:
    text, values = "4*a*((b/r)**12 - (b/r)**6) + a*exp(-r)", {"a": 1.3, "b": 0.9, "cutoff": 2.0}
    plain = run_code(derived(text, uniform), values, 2.0)
    force, energy = run_code(derived(text, uniform, "energy"), values, 2.0)
    assert energy == pytest.approx(0.0, abs=1e-15)
    assert force == pytest.approx(plain[0])
    force, energy = run_code(derived(text, uniform, "force"), values, 2.0)
    assert (force, energy) == pytest.approx((0.0, 0.0), abs=1e-15)
    force, energy = run_code(derived(text, uniform, "force"), values, 1.2)
    whole = run_code(derived(text, uniform), values, 1.2)
    assert force * 1.2 == pytest.approx(whole[0] * 1.2 - plain[0] * 2.0)
    assert energy == pytest.approx(whole[1] - plain[1] + (1.2 - 2.0) * plain[0] * 2.0)


def test_contact_energies_keep_their_small_differences(run_code: Run) -> None:
    force, energy = run_code(derived("a*(b - r)**2/2"), {"a": 1.0, "b": 1.0}, 1.0 - 2.0**-40)
    assert energy == 2.0**-81
    assert force * (1.0 - 2.0**-40) == pytest.approx(2.0**-40, rel=1e-15)


def test_a_branch_that_is_not_chosen_may_be_anything(run_code: Run) -> None:
    force, energy = run_code(derived("where(r < 1, log(1 - r), 0)"), {}, 2.0)
    assert (force, energy) == (0.0, 0.0)


@pytest.mark.parametrize("text", ["1/(r - r)", "sqrt(-2)*r", "log(r - r)", "a*1e308*1e308*r"])
def test_a_formula_without_a_value_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        derived(text)


def test_huge_powers_take_no_time_and_no_chain() -> None:
    code = derived("(3.1*r)**1000 + (2.7*r)**100000.5")
    assert len(code.body_both) < 20


def test_no_energy_at_all_is_no_code() -> None:
    code = derived("0*r")
    assert (code.force, code.energy, code.body_both) == ("0.0", "0.0", ())


PROGRAM = """
from motes.formulas.derive import derive_pair
from motes.formulas.expression import parse
text = "a*erfc(b*r)/r + c*exp(-r/d)*(r - a)**3 + where(r < d, min(a, r)**2.5, 0) + a*b*c*d*cos(r)/r**7"
print(derive_pair(parse(text, "rabcd"), frozenset("ab"), "force"))
"""


def test_every_process_generates_the_same_lines() -> None:
    seen = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(seen) == 1


def test_tracing_and_binding_do_not_import_sympy() -> None:
    program = (
        "import sys; from naming import named; from motes.forces.pair import Pair;"
        "from motes.forces.potentials import BUILT_IN;"
        "Pair(BUILT_IN['yukawa'], 2.5, epsilon=1, kappa=1).bind(named()); print('sympy' in sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    answer = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "False"


def test_force_has_the_same_bits_whichever_particle_is_first(run_code: Run) -> None:
    def energy(r: Any, charge: Any, sigma: Any, depth: Any) -> Any:
        return charge * np.exp(-r / sigma) / r + depth * (sigma / r) ** 12

    rules: list[str | Callable[..., Any]] = [
        "arithmetic",
        "geometric",
        lambda a, b: a * b,
        lambda a, b: a * b / (a + b),
    ]
    generator = np.random.default_rng(5)
    for rule in rules:
        pair = Pair(energy, 2.5, charge=mix("q", rule), sigma=mix("d", rule), depth=mix("e", lambda a, b: a + b))
        bound = pair.bind(named(("A",), {name: np.array([0.5, 1.5]) for name in "qde"}))
        code = derive_pair(bound.pair.formula, frozenset(bound.pair.uniform), "force")
        for _ in range(20):
            x = {f"{name}_{side}": float(generator.uniform(0.5, 1.5)) for name in "qde" for side in "ij"}
            swapped = {f"{name}_{side}": x[f"{name}_{other}"] for name in "qde" for side, other in ("ij", "ji")}
            assert run_code(code, x | {"cutoff": 2.5}, 1.3) == run_code(code, swapped | {"cutoff": 2.5}, 1.3)
