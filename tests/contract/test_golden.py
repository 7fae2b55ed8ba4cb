"""Runs give the bits that they gave before: on any threads, ranks and processors, in this version as in the last.

The other tests of bits compare runs of today with each other. How golden.json is written: see golden_systems.py.
"""

from __future__ import annotations

import json
import platform
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
SCRIPT = HERE / "golden_systems.py"
with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(HERE))
    golden: Any = import_module("golden_systems")

FINGERPRINTS: dict[str, str] = json.loads((HERE / "golden.json").read_text(encoding="utf-8"))
QUICK = ("open_plane", "flow")
"""Those whose loops take the compiler only a few seconds."""

pytestmark = pytest.mark.usefixtures("small_parts")


@cache
def here(name: str, threads: int = 1, skin: float = 0.2) -> dict[str, Any]:
    """What a system gives in this process."""
    outcome: dict[str, Any] = golden.outcome(name, threads=threads, skin=skin)
    return outcome


def test_each_system_has_its_fingerprint() -> None:
    assert list(FINGERPRINTS) == list(golden.SYSTEMS)
    assert len(set(FINGERPRINTS.values())) == 10


@pytest.mark.parametrize("name", golden.SYSTEMS)
def test_the_systems_are_worth_comparing(name: str) -> None:
    """All particles move, some from one half of the box to the other, and most meet others in several lists."""
    start, end = golden.SYSTEMS[name](threads=1, skin=0.2), golden.SYSTEMS[name](threads=1, skin=0.2)
    end.run(golden.STEPS)
    assert (start.positions != end.positions).any(axis=1).all()
    middle = start.box.origin + 0.5 * start.box.lengths
    assert ((start.positions > middle) != (end.positions > middle)).any()
    if name != "flow":
        assert end.describe()["list_builds"] > 3
        assert (end.forces != 0).any(axis=1).mean() > 0.9


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("name", golden.SYSTEMS)
def test_threads(name: str, threads: int) -> None:
    found = here(name, threads, 0.2 * threads)
    assert found["fingerprint"] == FINGERPRINTS[name]
    assert found == here(name)


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_ranks(on_ranks: Any, ranks: int) -> None:
    done = on_ranks.run(ranks, SCRIPT, "--details", timeout=300)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outcomes"] == {name: here(name) for name in FINGERPRINTS}


@pytest.mark.parametrize(
    "names", [QUICK, pytest.param(tuple(FINGERPRINTS), marks=pytest.mark.slow)], ids=["two", "all"]
)
def test_processors(on_ranks: Any, names: tuple[str, ...]) -> None:
    """The loops compiled for this processor, for one with 256-bit vectors and fused multiply-add, and for any."""
    if platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip(f"compiling for other processors is tested on x86-64; this is {platform.machine()}")
    instructions = {}
    for processor in ("", "haswell", "x86-64"):
        environment = {"NUMBA_CPU_NAME": processor, "NUMBA_CPU_FEATURES": ""} if processor else {}
        done = on_ranks.run(None, SCRIPT, "--details", "--instructions", *names, environment=environment, timeout=900)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert found["outcomes"] == {name: here(name) for name in names}, processor
        instructions[processor] = found["instructions"]
    # The machine code is another one each time: the comparison above says something.
    assert instructions["haswell"]["ymm"]
    assert instructions["haswell"]["vfmadd"]
    assert not instructions["x86-64"]["ymm"]
    assert not instructions["x86-64"]["vfmadd"]
    assert instructions[""] != instructions["x86-64"]
