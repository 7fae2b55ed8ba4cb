"""How many cores this process may use, and who says so: affinity, quotas of containers, variables of batch systems."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from motes.core.errors import InputError
from motes.core.streams import warn

THREADS = "MOTES_THREADS"
"""Environment variable that stands in for all cores where a program does not say how many threads it wants."""

AT_MOST = ("OMP_NUM_THREADS", "SLURM_CPUS_PER_TASK")
"""Variables of others that say how many threads a process should have at most; the first that is there counts."""

CGROUPS = Path("/sys/fs/cgroup")
OWN_GROUPS = Path("/proc/self/cgroup")


def usable_cores(process: int = 0) -> frozenset[int]:
    """The numbers of the cores to which this (or another) process is bound; all, if it is not."""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(process))
    return frozenset(range(os.cpu_count() or 1))


def available_cores() -> int:
    """Cores this process may use: those it is bound to, or what a quota of its container leaves."""
    return _within(quota(), len(usable_cores()))


def _within(allowed: float | None, cores: int) -> int:
    return cores if allowed is None else max(1, min(cores, int(allowed)))


def quota() -> float | None:
    """Seconds of processor a second that this process may use, by the control groups of Linux; None if all."""
    return min(_quotas(), default=None)


def _quotas() -> Iterator[float]:
    try:
        lines = OWN_GROUPS.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:  # version 2
            for group in _groups(CGROUPS, path):
                yield from _ratio((group / "cpu.max",))
        elif "cpu" in controllers.split(","):  # version 1
            for group in _groups(CGROUPS / "cpu", path):
                yield from _ratio((group / "cpu.cfs_quota_us", group / "cpu.cfs_period_us"))


def _groups(root: Path, path: str) -> list[Path]:
    """A group and all that it is part of; inside a container, the root is what the container may use."""
    folder = root / path.strip("/")
    return [folder, *(parent for parent in folder.parents if parent.is_relative_to(root))]


def _ratio(files: Sequence[Path]) -> Iterator[float]:
    try:
        words = [word for file in files for word in file.read_text(encoding="utf-8").split()]
    except OSError:
        return
    if len(words) == 2 and all(word.isdecimal() for word in words) and int(words[1]):  # not "max", and not -1
        yield int(words[0]) / int(words[1])


def share_of(masks: Sequence[frozenset[int]], rank: int) -> int:
    """How many threads a rank has of the cores of a machine, whose ranks are bound to these.

    A core to which several are bound is divided among them: a rank with cores of its own has all of them.
    """
    share = sum(1 / sum(core in mask for mask in masks) for core in masks[rank])
    return _within(None if (allowed := quota()) is None else allowed / len(masks), max(1, int(share + 1e-9)))


def cores_of(masks: Sequence[frozenset[int]]) -> int:
    """How many cores of this machine its ranks have together."""
    return _within(quota(), len(frozenset[int]().union(*masks)))


def usual_threads(cores: int, environment: Mapping[str, str], at_most: Sequence[str] = AT_MOST) -> tuple[int, str]:
    """Threads for a program that does not say how many it wants, where it has so many cores, and what decided.

    Raises:
        InputError: for a MOTES_THREADS that is no whole number of at least 1.
    """
    chosen = environment.get(THREADS, "").strip()
    if chosen:
        if not (chosen.isdecimal() and int(chosen)):
            raise InputError(f"{THREADS} is {chosen!r}; it must be a whole number of at least 1, or empty")
        return int(chosen), THREADS
    for name in at_most:
        most = environment.get(name, "").split(",")[0].strip()
        if most.isdecimal() and 0 < int(most) <= cores:
            return int(most), name
    return cores, decided_by()


_said: list[str] = []


def warn_of_more(what: str, cores: int, advice: str) -> None:
    """Say that there are more threads or ranks than cores, once a process."""
    if not _said:
        _said.append(f"{what} on {cores} {'core' if cores == 1 else 'cores'}: they wait for each other; {advice}")
        warn(_said[0])


def decided_by() -> str:
    """What decides how many cores there are."""
    allowed, bound = quota(), len(usable_cores())
    if allowed is not None and int(allowed) < bound:
        return f"a quota of {allowed:g} cores"
    return "the cores it is bound to" if bound < (os.cpu_count() or 1) else "all cores"
