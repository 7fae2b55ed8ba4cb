"""Numbers that a function holds are parameters of its formula, unless it needs them as numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import motes
from motes.core.errors import InputError
from motes.forces.cluster_kernel import cluster_key
from motes.forces.pair import Pair
from motes.formulas.bind import Names, bind, names_of, trace_named
from motes.formulas.derive import evaluate
from naming import named


def well(a: float, n: int = 12) -> Callable[..., Any]:
    def energy(r: Any, depth: float = 3.0, *, b: float = 0.5) -> Any:
        return depth * (a / r) ** n + b * np.exp(-a * r)

    return energy


def bound(function: Callable[..., Any], **given: Any) -> Any:
    return Pair(function, 2.5, **given).bind(named())


def value(pair: Any, r: float) -> float:
    return float(evaluate(pair.pair.formula, {"r": r, **pair.pair.uniform}))


def test_numbers_in_a_closure_and_defaults_are_parameters() -> None:
    pair = bound(well(0.9))
    assert pair.pair.uniform == {"a": 0.9, "b": 0.5, "depth": 3.0}
    assert value(pair, 1.3) == pytest.approx(float(well(0.9)(1.3)), rel=1e-15)
    assert cluster_key([pair.term], 1, 3, "forces") == cluster_key([bound(well(1.1)).term], 1, 3, "forces")
    assert cluster_key([pair.term], 1, 3, "forces") == cluster_key([bound(well(0.9), depth=2.0).term], 1, 3, "forces")
    assert bound(well(0.9), depth=2.0).pair.uniform["depth"] == 2.0


def test_numbers_in_exponents_stay_numbers() -> None:
    assert "n" not in bound(well(0.9)).pair.uniform
    assert cluster_key([bound(well(0.9, 12)).term], 1, 3, "forces") != cluster_key(
        [bound(well(0.9, 10)).term], 1, 3, "forces"
    )


def series(terms: int, scale: float) -> Callable[..., Any]:
    return lambda r: sum(scale * r**k / math.factorial(k) for k in range(terms))


def chosen(soft: bool, limit: float) -> Callable[..., Any]:
    return lambda r: np.minimum(r, limit) if soft else (r if limit < 1.0 else 2 * r)


def looks_at_it(a: float) -> Callable[..., Any]:
    return lambda r: r * a if isinstance(a, float) else r + a


@pytest.mark.parametrize(
    ("function", "uniform"),
    [
        (series(4, 0.7), {"scale": 0.7}),
        (chosen(True, 1.5), {"limit": 1.5}),
        (chosen(False, 1.5), {}),
        (chosen(False, 0.5), {}),
        (looks_at_it(2.0), {}),
        (lambda r, a=math.e, b=math.inf: np.where(r < b, a * r, 0.0) if b == math.inf else r, {"a": math.e}),
    ],
)
def test_numbers_that_are_needed_as_numbers_stay_so(function: Any, uniform: dict[str, float]) -> None:
    pair = bound(function)
    assert pair.pair.uniform == uniform
    assert value(pair, 1.3) == pytest.approx(float(function(np.float64(1.3))), rel=1e-15)


def test_names_that_mean_something_else() -> None:
    cutoff, exp, x = 2.0, 3.0, 5.0
    pair = bound(lambda r: exp * r + cutoff)
    assert value(pair, 1.0) == 5.0
    world = Names(("periodic", "periodic"), ("A",), {"mu": np.ones(1)})
    mu = 7.0

    def energy(y: Any) -> Any:
        return x * y + mu

    found = bind("f", names_of(energy), lambda n, t: trace_named(energy, n, t, "one energy"), {}, world)
    assert sorted(found.numbers.values()) == [5.0, 7.0]
    assert found.attributes == ()
    values = {f"p_{name}": number for name, number in found.numbers.items()}
    assert evaluate(found.formulas[0], {**values, "p_y": 2.0}) == 17.0


def test_whole_arrays() -> None:
    def scaled(a: float, n: int) -> Any:
        return motes.elementwise(lambda x: a * x**n, [1.0, 2.0])

    np.testing.assert_array_equal(scaled(3.0, 2), [3.0, 12.0])
    np.testing.assert_array_equal(scaled(5.0, 2), [5.0, 20.0])


def test_what_is_wrong_is_said_of_the_function_itself() -> None:
    limit = 1.0

    def energy(r: Any) -> Any:
        if r < limit:
            return r
        return 0.0

    with pytest.raises(InputError, match=r"test_closure\.py:\d+: .*np\.where"):
        bound(energy)
