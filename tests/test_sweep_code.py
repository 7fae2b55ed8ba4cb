"""A sweep knows when its function, or what it reads, is not what it was."""

from __future__ import annotations

import functools
import importlib.util
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

import motes
from motes.sweeps.code import code_digest

WORK = """
import math
import numpy as np
import {helper}

FACTOR = 2.0
TABLE = np.arange(2000.0)

class Scale:
    power = 2
    def of(self, x):
        return x ** self.power

def half(x):
    return x / 2

def measure(x, offset=1.0):
    '''What it gives.'''
    return FACTOR * half(x) + Scale().of(x) + TABLE[3] + {helper}.shift(x) + offset
"""
HELPER = "def shift(x):\n    return x + 1\n"


@pytest.fixture
def digest_of(tmp_path, monkeypatch):
    """The digest of `measure` in WORK after some changes, each in modules of their own, as in another process."""
    monkeypatch.syspath_prepend(tmp_path)
    number = iter(range(100))

    def digest_of(old="", new="", helper=HELPER):
        folder = tmp_path / str(next(number))
        folder.mkdir()
        monkeypatch.syspath_prepend(folder)
        monkeypatch.delitem(sys.modules, "helper", raising=False)
        (folder / "helper.py").write_text(helper)
        text = WORK.format(helper="helper")
        assert old in text
        (folder / "work.py").write_text(text.replace(old, new))
        specification = importlib.util.spec_from_file_location("work", folder / "work.py")
        module = importlib.util.module_from_spec(specification)
        monkeypatch.setitem(sys.modules, "work", module)
        specification.loader.exec_module(module)
        return code_digest(module.measure)

    return digest_of


def test_comments_docstrings_and_lines_do_not_count(digest_of):
    first = digest_of()
    assert digest_of() == first
    assert digest_of("import math", "import math  # for nothing\n\n\n") == first
    assert digest_of("What it gives.", "Another text.") == first


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("FACTOR * half(x)", "FACTOR + half(x)"),
        ("offset=1.0", "offset=1.5"),
        ("FACTOR = 2.0", "FACTOR = 3.0"),
        ("x / 2", "x / 3"),
        ("power = 2", "power = 3"),
        ("x ** self.power", "x * self.power"),
        ("np.arange(2000.0)", "np.where(np.arange(2000.0) == 999.0, 0.0, np.arange(2000.0))"),
    ],
)
def test_what_the_function_is_made_of_counts(digest_of, old, new):
    assert digest_of(old, new) != digest_of()


def test_a_module_of_the_users_counts(digest_of):
    assert digest_of(helper=HELPER.replace("x + 1", "x + 2")) != digest_of()


def test_closures_and_partials_count():
    def by(factor):
        return lambda x: factor * x

    assert code_digest(by(2.0)) == code_digest(by(2.0)) != code_digest(by(3.0))
    power = functools.partial(pow, exp=2)
    assert (
        code_digest(power) == code_digest(functools.partial(pow, exp=2)) != code_digest(functools.partial(pow, exp=3))
    )


@pytest.fixture
def threads():
    """An executor that needs no time to start."""
    with ThreadPoolExecutor(2) as executor:
        yield executor


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_sweep_whose_function_changed_is_refused(threads, tmp_path, suffix):
    def by(factor):
        def measure(x):
            return factor * x

        return measure

    path = tmp_path / f"rows{suffix}"
    rows = motes.sweep(by(2.0), {"x": [1, 2]}, threads, path=path)
    assert motes.sweep(by(2.0), {"x": [1, 2]}, threads, path=path) == rows
    before = path.read_bytes()
    with pytest.raises(
        motes.InputError, match=r"the function .*measure, or something that it reads, has changed since"
    ):
        motes.sweep(by(3.0), {"x": [1, 2]}, threads, path=path)
    assert path.read_bytes() == before
    assert not path.with_name(f"{path.name}.lock").exists()
