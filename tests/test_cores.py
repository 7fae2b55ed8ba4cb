"""Cores: those to which a process is bound, what a container's quota leaves, and what variables say."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import motes
from motes.core import cores
from motes.core.threads import Team, share_of_threads, usual_cores
from motes.ranks import launch


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Control groups as said, in /proc/self/cgroup and files below /sys/fs/cgroup, on a machine of 8 cores."""

    def make(own: str, **files: str) -> None:
        (tmp_path / "own").write_text(own, encoding="utf-8")
        for name, text in files.items():
            path = tmp_path / "groups" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n", encoding="utf-8")

    monkeypatch.setattr(cores, "OWN_GROUPS", tmp_path / "own")
    monkeypatch.setattr(cores, "CGROUPS", tmp_path / "groups")
    monkeypatch.setattr(cores, "usable_cores", lambda: frozenset(range(8)))
    return make


@pytest.mark.parametrize(
    ("own", "files", "quota", "available"),
    [
        ("0::/\n", {}, None, 8),
        ("0::/\n", {"cpu.max": "max 100000"}, None, 8),
        ("0::/\n", {"cpu.max": "300000 100000"}, 3.0, 3),
        ("0::/\n", {"cpu.max": "250000 100000"}, 2.5, 2),
        ("0::/\n", {"cpu.max": "50000 100000"}, 0.5, 1),
        ("0::/\n", {"cpu.max": "1600000 100000"}, 16.0, 8),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000", "a/cpu.max": "400000 100000"}, 4.0, 4),
        ("0::/a/b\n", {"a/b/cpu.max": "200000 100000", "a/cpu.max": "400000 100000"}, 2.0, 2),
        ("0::/not/visible/in/the/container\n", {"cpu.max": "200000 100000"}, 2.0, 2),
        ("0::/\n", {"cpu.max": "what is this"}, None, 8),
        ("4:cpu,cpuacct:/d\n0::/\n", {"cpu/d/cpu.cfs_quota_us": "200000", "cpu/d/cpu.cfs_period_us": "100000"}, 2.0, 2),
        ("4:cpu,cpuacct:/d\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None, 8),
        ("3:memory:/x\n", {"cpu/x/cpu.cfs_quota_us": "200000", "cpu/x/cpu.cfs_period_us": "100000"}, None, 8),
    ],
)
def test_the_quota_of_a_container(groups: Any, own: str, files: Any, quota: float | None, available: int) -> None:
    groups(own, **files)
    assert cores.quota() == quota
    assert cores.available_cores() == available


def test_a_quota_is_shared_by_the_ranks(groups: Any) -> None:
    groups("0::/\n", **{"cpu.max": "400000 100000"})
    everywhere = [frozenset(range(8))] * 2
    assert [cores.share_of(everywhere, rank) for rank in range(2)] == [2, 2]
    assert cores.cores_of(everywhere) == 4
    assert cores.decided_by() == "a quota of 4 cores"


@pytest.mark.parametrize(
    ("masks", "shares"),
    [
        ([range(8)], [8]),
        ([range(8)] * 2, [4, 4]),
        ([range(8)] * 3, [2, 2, 2]),
        ([range(2)] * 4, [1, 1, 1, 1]),
        ([range(4), range(4, 8)], [4, 4]),  # each bound to cores of its own
        ([range(4), range(4), range(4, 8), range(4, 8)], [2, 2, 2, 2]),  # two to a socket
        ([range(3), range(2, 8)], [2, 5]),
        ([{0}, {0}, {1}], [1, 1, 1]),
        ([range(49)] * 49, [1] * 49),
    ],
)
def test_a_core_is_divided_among_those_that_are_bound_to_it(groups: Any, masks: Any, shares: list[int]) -> None:
    groups("")
    sets = [frozenset(mask) for mask in masks]
    assert [cores.share_of(sets, rank) for rank in range(len(sets))] == shares


@pytest.mark.parametrize(
    ("environment", "threads", "decided"),
    [
        ({}, 8, "all cores"),
        ({"MOTES_THREADS": "3", "OMP_NUM_THREADS": "2"}, 3, "MOTES_THREADS"),
        ({"MOTES_THREADS": "12"}, 12, "MOTES_THREADS"),
        ({"MOTES_THREADS": ""}, 8, "all cores"),
        ({"OMP_NUM_THREADS": "2", "SLURM_CPUS_PER_TASK": "4"}, 2, "OMP_NUM_THREADS"),
        ({"OMP_NUM_THREADS": "2,4"}, 2, "OMP_NUM_THREADS"),
        ({"SLURM_CPUS_PER_TASK": "4"}, 4, "SLURM_CPUS_PER_TASK"),
        ({"SLURM_CPUS_PER_TASK": "64"}, 8, "all cores"),  # never more than there are
        ({"OMP_NUM_THREADS": "what"}, 8, "all cores"),
    ],
)
def test_what_decides(
    groups: Any, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], threads: int, decided: str
) -> None:
    groups("")
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert cores.usual_threads(8, environment) == (threads, decided)


@pytest.mark.parametrize("value", ["many", "0", "-1", "1.5", "²"])
def test_a_variable_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("MOTES_THREADS", value)
    with pytest.raises(motes.InputError, match=r"MOTES_THREADS is .*; it must be a whole number of at least 1"):
        Team()
    assert Team(2).threads == 2


def test_openmp_says_nothing_of_how_many_runs_there_are(groups: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    groups("")
    monkeypatch.delenv("MOTES_THREADS", raising=False)
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert usual_cores() == 8
    assert Team().threads == 1
    with share_of_threads(2):
        assert usual_cores() == Team().threads == 2


def test_a_server_has_the_cores_of_its_launch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MOTES_SERVING", raising=False)
    assert launch.bound_cores() == cores.usable_cores()
    monkeypatch.setenv("MOTES_SERVING", "4,5,6,7")
    assert launch.bound_cores() == {4, 5, 6, 7}


def test_more_than_there_are_is_said_once(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(cores, "_said", [])
    most = len(cores.usable_cores()) + 50
    for threads in (1, most, most):
        motes.Simulation(
            motes.Particles([[0.5, 0.5]], motes.Box([1.0, 1.0])), motes.VelocityVerlet(0.01), threads=threads
        )
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith(f"motes: {most} threads")
