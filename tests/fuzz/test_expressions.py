"""Formulas made to explode: refused, or derived within a moment. Nothing is compiled here."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import motes
from motes.formulas.expression import FUNCTIONS
from motes.formulas.limits import MOST_BITS, MOST_OPERATIONS
from naming import named


def nest(function: str, depth: int, inner: str = "r") -> str:
    return f"{function}(" * depth + inner + ")" * depth


DIGITS = f"more than {MOST_BITS} binary digits"
TOO_LARGE = [
    ("9**9**9", "no finite value"),
    ("10**10**10*r", "no finite value"),
    ("(((2*r)**200)**200)**200", DIGITS),
    (nest("square", 30, "1.1*r"), "operations"),
    ("exp(1e15*log(1.1*r))", DIGITS),
    ("exp(log(1.1*r)/1e-15)", DIGITS),
    (nest("tan", 12), "operations"),
    (nest("abs", 20), "operations"),
    (nest("abs", 90), "operations"),
    ("max(" * 15 + "r" + ",1.5)" * 15, "operations"),
    ("clip(" * 10 + "r" + ",0.5,1.5)" * 10, "operations"),
    ("hypot(" * 40 + "r" + ",r)" * 40, "operations"),
    ("**".join("r" * 90), "inside one another"),
    ("where(" + " and ".join(f"r<{i}" for i in range(200)) + ",r,1)", "more than 100 conditions in a row"),
    ("where(" + "r<" * 200 + "r,r,1)", "more than 100 conditions in a row"),
    ("r # comment", "'#' has no meaning"),
    ("r.__class__", "not allowed"),
    ("().__class__.__bases__[0].__subclasses__()", "not a function"),
    ("exp.__globals__", "not allowed"),
    (nest("log", 20, "r/r*5"), "no finite value|not a real"),
    (nest("exp", 5, "r - r + 7"), "no finite value"),
    ("1e308*r**2*1e308", "too large"),
]
MANAGEABLE = [
    "r**1000000",
    "((r + 1)**250)**250",
    "exp(300*log(1.1*r))",
    "where(r<1," * 20 + "r" + ",r**2)" * 20,
    nest("sin", 30, "r + 1"),
    "sqrt(" * 40 + "r" + "+1)" * 40,
    "+".join(f"(1.1*r)**{i}" for i in range(100, 190)),
    "+".join(f"sin({i}.1*r)*exp(-{i}*r)" for i in range(1, 50)),
    "where(" + " and ".join(f"r<{i}" for i in range(90)) + ",r,1)",
    nest("sin", 40, "1e300 + r*0"),
]


def derive(judge, text: str) -> str:
    """What comes of a formula: accepted, or its message."""
    messages: list[str] = []

    def examine() -> None:
        try:
            judge.derive(text)
        except motes.InputError as error:
            messages.append(str(error))
            raise

    with judge.memory_limit(512 << 20):
        verdict = judge.outcome(examine, "")
    assert verdict in ("accepted", "refused"), (text, verdict)
    return messages[0] if messages else verdict


@pytest.mark.parametrize(("text", "message"), TOO_LARGE)
def test_what_would_explode_is_refused(judge, text, message):
    with pytest.raises(motes.InputError, match=message):
        raise motes.InputError(derive(judge, text))


@pytest.mark.parametrize("text", MANAGEABLE)
def test_what_only_looks_large_is_derived(judge, text):
    assert derive(judge, text) == "accepted"


def test_limits_hold_for_python_functions_too(judge):
    def doubled(r):
        for _ in range(40):
            r = r * r + r
        return r

    bound = motes.Pair(doubled, 2.0).bind(named())
    with judge.time_limit(), pytest.raises(motes.InputError, match=f"{MOST_OPERATIONS} are allowed"):
        judge.cluster_source([bound.term], 1, 3, "forces")


NUMBERS = st.sampled_from(["0", "1", "2", "0.5", "1.1", "12", "200", "1e-300", "1e300", "-3", "pi"])
ARGUMENTS = {
    "arctan2": 2,
    "heaviside": 2,
    "hypot": 2,
    "mod": 2,
    "maximum": 2,
    "minimum": 2,
    "max": 2,
    "min": 2,
    "pow": 2,
    "clip": 3,
}


def _calls(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    names = sorted(set(FUNCTIONS) - {"where"})
    call = st.sampled_from(names).flatmap(
        lambda name: st.tuples(*[inner] * ARGUMENTS.get(name, 1)).map(lambda given: f"{name}({', '.join(given)})")
    )
    operators = st.sampled_from(["+", "-", "*", "/", "**"])
    binary = st.tuples(inner, operators, inner).map(lambda three: "({}{}{})".format(*three))
    choice = st.tuples(inner, inner, inner, inner).map(lambda four: "where({} < {}, {}, {})".format(*four))
    return call | binary | choice


@settings(max_examples=150)
@given(text=st.recursive(st.just("r") | NUMBERS, _calls, max_leaves=30))
def test_any_formula_is_derived_or_refused(judge, text):
    derive(judge, text)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: motes.fcc(10**30, 1.0), "fcc: 1e.20 or more particles need about"),
        (lambda: motes.fcc(10**5000, 1.0), "GB of memory"),
        (lambda: motes.fcc(3, 10**400), "density: expected a finite number"),
        (lambda: motes.fcc(3, 1e-320), "density: expected a number from"),
        (lambda: motes.fcc("3", 1.0), "cells"),
        (lambda: motes.random(10**15, motes.Box([1, 1, 1]), 1), r"random: 1e.15 particles need about 5e.08 GB"),
        (lambda: motes.random(10**5000, motes.Box([1, 1, 1]), 1), "GB of memory"),
        (lambda: motes.random(5, motes.Box([1, 1]), 10**5000), "seed: expected a whole number below"),
        (lambda: motes.random(2000, motes.Box([12.7] * 3), 1, minimum_distance=1.0), r"\d+ of 2000 particles fit"),
        (lambda: motes.random(5000, motes.Box([12.7] * 3), 1, minimum_distance=1.0), "densest packing"),
        (lambda: motes.random(3, motes.Box([1, 1, 1], "open"), 1, minimum_distance=1e74), "particles fit|densest"),
    ],
)
def test_no_count_is_too_large_to_be_refused(judge, make, message):
    with judge.time_limit(20), judge.memory_limit(), pytest.raises(motes.InputError, match=message):
        make()


def test_a_tiny_distance_takes_no_cells(judge):
    with judge.time_limit(), judge.memory_limit():
        assert len(motes.random(50, motes.Box([1e6] * 3), 1, minimum_distance=1e-70)) == 50


def test_ranks_may_have_a_machine_each(monkeypatch):
    most = 2 * motes.core.checks.os.sysconf("SC_PHYS_PAGES") * motes.core.checks.os.sysconf("SC_PAGE_SIZE") // 500
    with pytest.raises(motes.InputError, match="GB of memory"):
        motes.random(most - 1000, motes.Box([1, 1, 1]), 1)
    monkeypatch.setenv("PMI_SIZE", "2")
    assert len(motes.random(most - 1000, motes.Box([1, 1, 1]), 1)) == most - 1000


def test_a_message_is_one_line_that_a_terminal_can_show():
    assert str(motes.InputError("a\nb\x1b[2J\0")) == r"a\nb\x1b[2J\x00"
    assert len(str(motes.InputError("x" * 10**6))) < 1100
    assert not np.any([word in str(motes.InputError("ü Å")) for word in "\\"])
