"""The same bits on any number of ranks and threads, under a real mpiexec, as on one rank that knows no MPI."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from motes.decomposition.balance import WORTHWHILE

SCRIPT = Path(__file__).with_name("systems_on_ranks.py")
Outcome = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def outcome(on_ranks: Any, tmp_path_factory: Any) -> Callable[[int | None, int], Outcome]:
    """What every system came to on so many ranks and threads; None means without mpiexec."""

    @cache
    def run(ranks: int | None, threads: int) -> Outcome:
        folder = tmp_path_factory.mktemp("outputs")
        done = on_ranks.run(ranks, SCRIPT, threads, folder, timeout=300)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        found: Outcome = json.loads(done.stdout)  # which also means that it was printed once
        for system in found.values():
            assert system["how"]["ranks"] == (ranks or 1)
            assert system["how"]["threads"] == threads
        return found

    return run


def test_the_runs_are_worth_comparing(outcome: Any) -> None:
    for system in outcome(None, 1).values():
        assert system["how"]["list_builds"] > 3
        assert system["forces of any size"]
        assert set(system["sum of forces"]) == {0}
        assert system["ids as given"]
        assert system["thermo"].count("\n") == 1 + 6
    assert outcome(None, 1)["overlaps"]["minimized"].startswith("Minimized(converged=True")


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("ranks", [1, 2, 3, 4, 6])
def test_any_number_of_ranks(outcome: Any, ranks: int, threads: int) -> None:
    """All systems in one process a rank, so one test: starting the ranks takes longer than the runs."""
    expected, found = outcome(None, 1), outcome(ranks, threads)
    assert found.keys() == expected.keys()
    different = {
        system: {key: (found[system][key], value) for key, value in results.items() if found[system][key] != value}
        for system, results in (
            (name, {k: v for k, v in system.items() if k != "how"}) for name, system in expected.items()
        )
    }
    assert not any(different.values()), different
    if ranks == 3:  # the droplet lies in the middle third, so the planes were moved at the first look
        assert found["droplet"]["how"]["imbalance"][0] > WORTHWHILE


def test_two_threads_without_ranks(outcome: Any) -> None:
    for system, results in outcome(None, 1).items():
        assert outcome(None, 2)[system]["fingerprint"] == results["fingerprint"]
