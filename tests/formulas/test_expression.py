"""Formulas from text: what they mean, and that nothing in them is ever executed."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motes.core.errors import InputError
from motes.formulas.derive import evaluate
from motes.formulas.expression import LONGEST_TEXT, expression_parameters, parse
from motes.formulas.formula import Expression

NAMES = ("r", "epsilon", "sigma")
VALUES = {"r": 1.3, "epsilon": 0.7, "sigma": 1.1}

MEANINGS = [
    ("4*epsilon*((sigma/r)**12 - (sigma/r)**6)", 4 * 0.7 * ((1.1 / 1.3) ** 12 - (1.1 / 1.3) ** 6)),
    ("  -r + +2  ", 0.7),
    ("exp(-r)/sqrt(r) + log(r)", np.exp(-1.3) / np.sqrt(1.3) + np.log(1.3)),
    ("where(r < sigma, 1, 2)", 2.0),
    ("1 if r > sigma else 2", 1.0),
    ("where(1 < r <= 1.3, 1, 2)", 1.0),
    ("where(r > 1 and not r > 2 or r == 9, 1, 2)", 1.0),
    ("where((r > 1) & ~(r > 2) | (r >= 9) | (r != 1.3), 1, 2)", 1.0),
    ("min(r, sigma) + max(r, sigma) + abs(-r) + pow(r, 2)", 1.1 + 1.3 + 1.3 + 1.69),
    ("cos(pi*r) + sin(pi) + tanh(r)", np.cos(np.pi * 1.3) + np.tanh(1.3)),
    ("2**-1 + 1e3 + .5", 1001.0),
    ("10*r % 3 + 10*r // 3 + mod(r, 1) + floor(r) + ceil(r) + round(10*r) + trunc(-r)", 1 + 4 + 0.3 + 1 + 2 + 13 - 1),
    ("arcsin(r - 1) + arccos(r - 1) + arctan2(r, 1) + sinh(r) + cosh(r)", np.pi / 2 + np.arctan(1.3) + np.exp(1.3)),
    ("heaviside(r - sigma, 0.5) + 2*heaviside(r - r, 0.5)", 2.0),
]


@pytest.mark.parametrize(("text", "value"), MEANINGS)
def test_meaning(text: str, value: float) -> None:
    assert evaluate(parse(text, NAMES), VALUES) == pytest.approx(value, rel=1e-14)


def test_parameters_are_the_free_names() -> None:
    assert expression_parameters("4*epsilon*exp(-kappa*r)/r + pi*z") == ("epsilon", "kappa", "z")
    assert expression_parameters("k*(x**2 + y**2)", ("x", "y")) == ("k",)


REFUSED = [
    ("__import__('os').system('true')", "is not a function"),
    ("(lambda: 1)()", "is not a function"),
    ("r.real", "not allowed"),
    ("r.__class__.__bases__", "not allowed"),
    ("[r]", "not allowed"),
    ("{r: 1}", "not allowed"),
    ("(r, r)", "not allowed"),
    ("[r for r in r]", "not allowed"),
    ("(r := 2)", "not allowed"),
    ("f'{r}'", "not allowed"),
    ("'a' * r", "not a real number"),
    ("1j*r", "not a real number"),
    ("True", "not a real number"),
    ("...", "not a real number"),
    ("epsilonn*r", "unknown name 'epsilonn'; did you mean 'epsilon'"),
    ("expp(r)", "unknown function 'expp'; did you mean 'exp'"),
    ("eval(r)", "unknown function 'eval'"),
    ("np.exp(r)", r"write exp\(...\) instead of np.exp"),
    ("exp", "is a function"),
    ("exp(r, 2)", "1 arguments, not 2"),
    ("exp(x=r)", "not allowed"),
    ("exp(*r)", "not allowed"),
    ("r^2", r"written \*\*, not \^"),
    ("r is sigma", "not allowed"),
    ("1/0", "no finite value"),
    ("9**9**9", "no finite value"),
    ("10**400", "no finite value"),
    ("9" * 400, "too large"),
    ("1e999", "too large"),
    ("r <", "invalid syntax"),
    ("(r", "never closed"),
    ("", "invalid syntax"),
    ("r; r", "invalid syntax"),
    ("r = 1", "syntax"),
    ("import os", "invalid syntax"),
    ("r\0", "null"),
    ("r < 1", "is a condition"),
    ("(r < 1) + 1", "not a condition"),
    ("where(r, 1, 2)", "condition"),
    ("r if r else 1", "condition"),
    ("r and sigma", "condition"),
    ("-" * 1000 + "r", "deep"),
    ("(" * 500 + "r" + ")" * 500, "nested"),
    ("r+" * 1500 + "r", "characters"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_everything_else_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse(text, NAMES)


def test_the_message_quotes_the_text_and_the_character() -> None:
    with pytest.raises(InputError, match=r"^'  4\*epsilon\*foo' at character 13: "):
        parse("  4*epsilon*foo", NAMES)


def test_only_text_is_parsed() -> None:
    with pytest.raises(InputError, match="must be text"):
        parse(3, NAMES)  # type: ignore[arg-type]


def test_towers_of_powers_take_no_time() -> None:
    begin = time.perf_counter()
    with pytest.raises(InputError):
        parse("9**9**9**9**9**9", NAMES)
    parse("(2**r)**(3**r)**(9**r)", NAMES)
    assert time.perf_counter() - begin < 1.0


@given(st.text(alphabet="r0123456789.+-*/()<>=, expsigma'\"[]{}:_#\\\n", max_size=60))
def test_any_text_gives_a_formula_or_one_error(text: str) -> None:
    try:
        result = parse(text, NAMES)
    except InputError as error:
        assert len(str(error)) < LONGEST_TEXT  # noqa: PT017 - which of the two happens is not what is tested
    else:
        assert isinstance(result, Expression)
