"""Pairs: how parameters find their values, and what is said where they do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from motes.core.errors import InputError
from motes.forces.pair import BoundPair, Pair
from motes.forces.parameters import mix
from motes.forces.potentials import lennard_jones, mie, soft_cosine
from motes.formulas.derive import evaluate
from naming import named

TYPES = ("A", "B")
ATTRIBUTES = {"sigma": np.array([1.0, 1.5, 2.0]), "charge": np.array([1.0, -1.0, 2.0])}


def bind(pair: Pair, types: tuple[Any, ...] = TYPES) -> BoundPair:
    return pair.bind(named(types, ATTRIBUTES))


def value(bound: BoundPair, r: float, **values: float) -> float:
    return float(evaluate(bound.pair.formula, bound.pair.uniform | {"r": r, "cutoff": bound.reach} | values))


def test_numbers_are_uniform() -> None:
    bound = bind(Pair(lennard_jones, 2.5, epsilon=2, sigma=np.float64(1.1)))
    assert bound.pair.uniform == {"epsilon": 2.0, "sigma": 1.1}
    assert (bound.pair.tables, bound.pair.attributes, bound.pair.cutoff, bound.reach) == ({}, (), 2.5, 2.5)
    assert bound.name.startswith("lennard_jones (")
    assert value(bound, 1.3) == pytest.approx(lennard_jones(1.3, 2.0, 1.1))


@pytest.mark.parametrize(
    "table",
    [
        {("A", "A"): 1.0, ("A", "B"): 1.2, ("B", "B"): 1.5},
        {("A", "A"): 1.0, ("B", "A"): 1.2, ("A", "B"): 1.2, ("B", "B"): 1.5},
        np.array([[1.0, 1.2], [1.2, 1.5]]),
        [[1, 1.2], [1.2, 1.5]],
    ],
)
def test_tables_by_type(table: Any) -> None:
    bound = bind(Pair(lennard_jones, table, epsilon=1.0, sigma=table))
    np.testing.assert_array_equal(bound.pair.tables["sigma"], [[1.0, 1.2], [1.2, 1.5]])
    np.testing.assert_array_equal(bound.pair.cutoff, [[1.0, 1.2], [1.2, 1.5]])
    assert bound.reach == 1.5
    assert set(bound.pair.uniform) == {"epsilon"}


def test_a_table_that_is_the_same_everywhere_is_a_number() -> None:
    bound = Pair(lennard_jones, [[2.5]], epsilon=1.0, sigma={(1, 1): 1.1}).bind(named((1,)))
    assert bound.pair.uniform == {"epsilon": 1.0, "sigma": 1.1}
    assert bound.pair.cutoff == 2.5


RULES: list[tuple[str | Callable[..., Any], float]] = [
    ("arithmetic", 1.75),
    ("geometric", np.sqrt(3.0)),
    (lambda a, b: a * b, 3.0),
    (lambda a, b: np.maximum(a, b), 2.0),
    (np.minimum, 1.5),
    (lambda a, b: a * b / (a + b), 3.0 / 3.5),
]


@pytest.mark.parametrize(("rule", "expected"), RULES)
def test_attributes_are_mixed(rule: str | Callable[..., Any], expected: float) -> None:
    bound = bind(Pair(lennard_jones, 2.5, epsilon=1.0, sigma=mix("sigma", rule)))
    assert bound.pair.attributes == ("sigma",)
    assert bound.pair.formula.symbols == {"r", "epsilon", "sigma_i", "sigma_j"}
    for one, other in ((1.5, 2.0), (2.0, 1.5)):
        assert value(bound, 1.3, sigma_i=one, sigma_j=other) == pytest.approx(lennard_jones(1.3, 1.0, expected))


def test_numbers_in_exponents_become_part_of_the_formula() -> None:
    bound = bind(Pair(mie, 2.5, epsilon=1.0, sigma=1.0, n=12, m=6))
    assert set(bound.pair.uniform) == {"epsilon", "sigma"}
    assert value(bound, 1.3) == pytest.approx(lennard_jones(1.3, 1.0, 1.0))


def test_a_parameter_named_cutoff_is_the_cutoff() -> None:
    bound = bind(Pair(soft_cosine, 1.5, epsilon=2.0))
    assert value(bound, 1.5) == pytest.approx(0.0, abs=1e-15)
    assert bound.pair.formula.symbols == {"r", "epsilon", "cutoff"}


def test_defaults_of_the_function_count() -> None:
    def energy(r: Any, k: Any, a: float = 2.0) -> Any:
        return k * (r - a) ** 2

    assert value(bind(Pair(energy, 2.5, k=1.0)), 1.0) == 1.0
    assert value(bind(Pair(energy, 2.5, k=1.0, a=4.0)), 1.0) == 9.0


@pytest.mark.parametrize("name", ["s", "exp", "fma", "inf", "sigma_i"])
def test_parameters_may_be_named_like_words_of_the_generated_code(name: str) -> None:
    bound = bind(Pair.from_expression(f"{name}*r**2", 2.5, **{name: 3.0}))
    assert value(bound, 2.0) == 12.0
    assert name not in bound.pair.formula.symbols


def test_an_expression_from_text_is_the_same_interaction() -> None:
    text = "4*epsilon*((sigma/r)**12 - (sigma/r)**6)"
    bound = bind(Pair.from_expression(text, 2.5, "energy", epsilon=2.0, sigma=mix("sigma", "geometric")))
    of_function = bind(Pair(lennard_jones, 2.5, epsilon=2.0, sigma=mix("sigma", "geometric")))
    assert bound.pair.formula.key == of_function.pair.formula.key
    assert (bound.name, bound.shift) == (text, "energy")


def test_unused_parameters_of_a_formula_need_no_value() -> None:
    def energy(r: Any, k: Any, unused: Any) -> Any:  # noqa: ARG001
        return k * r

    assert set(bind(Pair(energy, 1.0, k=1.0, unused=2.0)).pair.uniform) == {"k"}


def lj(cutoff: Any = 2.5, shift: Any = None, **parameters: Any) -> Callable[[], Any]:
    return lambda: bind(Pair(lennard_jones, cutoff, shift, **({"epsilon": 1.0, "sigma": 1.0} | parameters)))


REFUSED: list[tuple[Callable[[], Any], str]] = [
    (lambda: bind(Pair(lennard_jones, 2.5, epsilon=1.0)), r"'sigma' is missing: give sigma=.*mix\('sigma'"),
    (lambda: bind(Pair(lennard_jones, 2.5, sigma=1.0)), r"'epsilon' is missing: give epsilon=\.\.\.$"),
    (lj(sgma=1.0), "'sgma' is not used; did you mean 'sigma'"),
    (lj(charge=1.0), "'charge' is not used"),
    (lj(epsilon=np.nan), "epsilon: expected a finite number"),
    (lj(epsilon=np.inf), "epsilon: expected a finite number"),
    (lj(epsilon="1"), "epsilon: expected a finite number"),
    (lj(epsilon=True), "epsilon: expected a finite number"),
    (lj(epsilon=None), "epsilon: expected a finite number"),
    (lj(epsilon=[1.0, 2.0]), r"epsilon: expected a table of shape \(2, 2\)"),
    (lj(epsilon=np.ones((3, 3))), r"shape \(2, 2\) by type, got \(3, 3\)"),
    (lj(epsilon=[[1.0, 2.0], [3.0, 1.0]]), r"not symmetric for the types \('A', 'B'\)"),
    (lj(epsilon=[[1.0, np.nan], [np.nan, 1.0]]), r"not finite for the types \('A', 'B'\)"),
    (lj(epsilon=[["a", "b"], ["c", "d"]]), "epsilon: expected real numbers"),
    (lj(epsilon={("A", "A"): 1.0, ("B", "B"): 1.0}), r"no value for the types \('A', 'B'\)"),
    (lj(epsilon={}), r"no value for the types \('A', 'A'\)"),
    (lj(epsilon={("A", "C"): 1.0}), r"no value for the types \('A', 'A'\); it has one for 'C', which is unknown"),
    (lj(epsilon={"AB": 1.0}), r"pairs of types such as \('A', 'B'\), not 'AB'"),
    (lj(epsilon={("A", "B"): 1.0, ("B", "A"): 2.0}), "have different values"),
    (lj(epsilon={("A", "B"): np.nan}), "expected a finite number"),
    (lj(epsilon=mix("mass_", "arithmetic")), "no attribute 'mass_'"),
    (lj(epsilon=mix("sigm", "arithmetic")), "no attribute 'sigm'; did you mean 'sigma'"),
    (lj(epsilon=mix("charge", "geometric")), "negative value -1"),
    (lj(epsilon=mix("charge", lambda a, b: a - b)), r"the same for \(a, b\) as for \(b, a\)"),
    (lj(epsilon=mix("charge", lambda a, b: 1 / (a + b))), "must be finite"),
    (lj(epsilon=mix("charge", lambda a: a)), "2 were given"),
    (lambda: mix("charge", "harmonic"), "unknown rule 'harmonic'"),
    (lambda: mix("charge", 3), "rule must be"),  # type: ignore[arg-type]
    (lambda: mix("my charge", "arithmetic"), "must be a name"),
    (lj(cutoff=0), "cutoff: expected more than 0"),
    (lj(cutoff=-1.0), "cutoff: expected more than 0"),
    (lj(cutoff=np.inf), "cutoff: expected a finite number"),
    (lj(cutoff="2.5"), "cutoff: expected a finite number"),
    (lj(cutoff=[[1.0, 0.0], [0.0, 1.0]]), "cutoff: expected more than 0 for all types"),
    (lj(cutoff={("A", "A"): 1.0}), "cutoff: the table has no value"),
    (lj(shift="forces"), "shift must be None, 'energy' or 'force'"),
    (lambda: Pair("4*r", 2.5), "use Pair.from_expression"),  # type: ignore[arg-type]
    (lambda: Pair(3, 2.5), "must be a function"),  # type: ignore[arg-type]
    (lambda: Pair(lambda x: x, 2.5), "must take r first"),
    (lambda: bind(Pair(mie, 2.5, epsilon=1.0, sigma=1.0, n=6, m=6)), "no finite value"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_bad_input_gets_one_clear_message(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_a_missing_parameter_of_an_expression_is_named() -> None:
    with pytest.raises(InputError, match="'epsilon' is missing"):
        bind(Pair.from_expression("4*epsilon*r", 2.5))
