"""Compiled loops are kept under a digest of all that they are made of: nothing stale is run, nothing damaged loaded."""

from __future__ import annotations

import json
import os
import pkgutil
import re
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher

import motes
from motes.core import cache
from motes.core.compiled import content_of

LOOPS = """
import numpy as np
from motes.core.compiled import njit
from callees import FACTOR, add, TABLE

@njit(cache=True, nogil=True)
def fill(values):
    for i in range(len(values)):
        values[i] = FACTOR * add(values[i]) + TABLE[1]
"""
CALLEES = """
from motes.core.compiled import njit

FACTOR, TABLE, STEP = {factor}, ({table}, {table}), 1.0

@njit(error_model="{model}")
def inner(x):
    return x + {step}

@njit(inline="{inline}")
def add(x):
    return inner(x)
"""
USUAL = {"factor": 2.0, "table": 5, "model": "python", "step": "STEP", "inline": "never"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own."""
    monkeypatch.setenv("MOTES_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The loop as a new process would have it, its callees as said."""

    def make(**changes: Any) -> Any:
        for name, source in (("callees", CALLEES.format(**USUAL | changes)), ("loops", LOOPS)):
            module = ModuleType(name)
            monkeypatch.setitem(sys.modules, name, module)
            exec(compile(source, f"{name}.py", "exec"), vars(module))  # noqa: S102  # written above
        return sys.modules["loops"].fill

    return make


def called(loop: Any) -> float:
    values = np.array([10.0])
    loop(values)
    return float(values[0])


def hits(loop: Any) -> int:
    return sum(loop.stats.cache_hits.values())


def test_a_loop_is_compiled_once(loop: Any, folder: Path) -> None:
    first, second = loop(), loop()
    assert called(first) == called(second) == 2.0 * 11.0 + 5
    assert (hits(first), hits(second)) == (0, 1)
    assert len(list(folder.glob("motes-*.bin"))) == 1


@pytest.mark.parametrize(
    ("changes", "result"),
    [({"factor": 3.0}, 38), ({"table": 6}, 28), ({"step": "2.0"}, 29), ({"step": "0.5 * STEP"}, 26)],
)
def test_what_a_loop_uses_of_other_files_is_part_of_it(loop: Any, changes: dict[str, Any], result: float) -> None:
    assert called(loop()) == 27
    changed = loop(**changes)
    assert called(changed) == result
    assert hits(changed) == 0
    again = loop()  # and back, as when a branch is changed
    assert called(again) == 27
    assert hits(again) == 1


@pytest.mark.parametrize("changes", [{"model": "numpy"}, {"inline": "always"}])
def test_so_are_the_options_of_what_it_calls(loop: Any, changes: dict[str, Any]) -> None:
    assert content_of(loop()) != content_of(loop(**changes))
    assert content_of(loop()) == content_of(loop())


def test_an_overwritten_file_is_not_loaded(loop: Any, folder: Path) -> None:
    """Numba's own cache ends the process, or runs what is there."""
    called(loop())
    (file,) = folder.glob("motes-*.bin")
    whole = file.read_bytes()
    for damaged in (b"", whole[:-100], whole[:1000] + bytes(1000) + whole[2000:], b"\x80\x04" + whole):
        file.write_bytes(damaged)
        damaged_loop = loop()
        assert called(damaged_loop) == 27
        assert hits(damaged_loop) == 0
        healed = loop()
        assert called(healed) == 27
        assert hits(healed) == 1


def test_without_a_cache_all_goes_on(loop: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(cache, "_said", [])
    folder.mkdir()
    folder.chmod(0o777)
    for _ in range(2):
        assert called(loop()) == 27
    assert capsys.readouterr().err.count("\n") == 1
    assert not list(folder.iterdir())


def test_a_loop_that_uses_what_has_no_digest_is_refused(loop: Any) -> None:
    """Rather than to be kept under a name that does not change with it."""
    fill = loop()
    fill.py_func.__globals__["FACTOR"] = object()
    with pytest.raises(TypeError, match="a digest is not known"):
        content_of(fill)


def test_every_loop_of_motes_has_a_digest_of_its_own_the_same_in_every_process() -> None:
    script = (
        "import sys, json; sys.path[:] = json.loads(sys.argv[1]); import test_compiled as t; print(t.every_digest())"
    )
    here = every_digest()
    assert len(here) > 30
    assert len(set(here.values())) == len(here)
    done = subprocess.run(
        [sys.executable, "-c", script, json.dumps([str(Path(__file__).parent), *sys.path])],
        env=os.environ | {"PYTHONHASHSEED": "7"}, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert done.stdout == f"{here}\n"


def every_digest() -> dict[str, str]:
    """Of each compiled function of Motes, by its name."""
    found = {}
    for one in pkgutil.walk_packages(motes.__path__, "motes."):
        if not one.name.endswith("__main__"):
            for value in vars(import_module(one.name)).values():
                if isinstance(value, Dispatcher) and value.__module__ == one.name:
                    found[f"{one.name}.{value.__name__}"] = content_of(value)
    return found


def test_all_loops_are_kept_in_this_way() -> None:
    package = Path(motes.__file__).parent
    for file in package.rglob("*.py"):
        if file.name != "compiled.py":
            assert not re.search(r"from numba import .*\bn?jit\b|numba\.n?jit\(", file.read_text(encoding="utf-8")), (
                file
            )


RUN = """
import motes, numpy as np
print(motes.elementwise(lambda x: np.exp(x) + 1, np.arange(3.0)).tolist())
"""
RIGHT = "[2.0, 3.718281828459045, 8.38905609893065]\n"


def run(*launcher: str, program: str = RUN, **environment: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join(filter(None, sys.path))
    return subprocess.run(
        [*launcher, sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": paths} | environment,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_damaged_sources_and_loops_change_no_result(folder: Path) -> None:
    assert run().stdout == RIGHT
    files = {file: file.read_bytes() for file in folder.iterdir()}
    assert {file.suffix for file in files} == {".py", ".bin"}
    for file, data in files.items():
        file.write_bytes(data.replace(b"1.0", b"2.0") if file.suffix == ".py" else data[:300] + b"x" * 3000)
    damaged = run()
    assert (damaged.stdout, damaged.stderr) == (RIGHT, "")
    assert all(cache.read(file.name) for file in files)


STEPS = """
import sys, motes
particles = motes.fcc(cells=4, density=0.8, temperature=1.0, seed=1)
pair = motes.Pair.from_expression("4*(1/r**12 - 1/r**6)", cutoff=2.0)
simulation = motes.Simulation(particles, motes.VelocityVerlet(0.004), [pair], threads=2)
simulation.run(30)
print(simulation.fingerprint, "numba.np.linalg" in sys.modules)
"""


def test_a_later_start_imports_nothing_that_only_a_compiler_needs() -> None:
    first, second = run(program=STEPS).stdout.split(), run(program=STEPS).stdout.split()
    assert first[0] == second[0]
    assert (first[1], second[1]) == ("True", "False")


# Another user, who may read what belongs to root (where this Python may lie), but not write to it.
OTHER = ("--reuid=54321", "--regid=54321", "--clear-groups")
READS = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")


def test_another_user_without_a_home_runs_and_reads_what_was_compiled_for_him(folder: Path) -> None:
    """As in a container: docker run --user."""
    setpriv = shutil.which("setpriv")
    if setpriv is None or subprocess.run([setpriv, *OTHER, *READS, "true"], check=False).returncode:
        pytest.skip("only root can become another user, with setpriv")
    launcher = setpriv, *OTHER, *READS
    alone = run(*launcher, HOME="/nonexistent", XDG_CACHE_HOME="", MOTES_CACHE="")
    assert alone.stdout == RIGHT
    assert alone.stderr == (
        "motes: what is compiled is not kept, so every run compiles anew: cannot write to /nonexistent/.cache/motes: "
        "Permission denied; set MOTES_CACHE to a folder that can be written\n"
    )
    assert run().stdout == RIGHT
    names = sorted(file.name for file in folder.iterdir())
    warmed = run(*launcher, HOME="/nonexistent")
    assert (warmed.stdout, warmed.stderr) == (RIGHT, "")  # nothing was to be written
    assert sorted(file.name for file in folder.iterdir()) == names
