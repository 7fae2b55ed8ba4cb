"""A run that is killed again and again, at any moment, comes to the same end; nothing before a checkpoint is lost."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parent))
    jobs = import_module("jobs_to_stop")
    import_module("systems_to_resume")  # which the other one needs when the path is as it was

NO_PROC = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="ranks are found the way Linux shows them")

Moment = Callable[[Any], None]
"""Waits, as long as a process runs, until it is to be killed."""


class Victim:
    """A run in a folder that is killed and gone on with until it ends by itself, and what happened to it."""

    def __init__(self, folder: Path, **numbers: int) -> None:
        self.folder = folder
        self.saved = folder / "run.ckpt"
        self.story: list[str] = []
        self.kills = self.amid = 0
        (folder / "fluid.toml").write_text((jobs.FLUID + jobs.CHECKPOINT).format(**numbers))

    def arguments(self, *options: Any) -> list[Any]:
        """How to go on, or to begin (anew) if there is no checkpoint yet."""
        if jobs.newest(self.saved) < 0:
            return ["run", "fluid.toml", "--overwrite", *options]
        return ["resume", "run.ckpt", *options]

    def live_until(self, moment: Moment, *options: Any) -> None:
        """Start the run, or go on with it, and kill it at a moment."""
        before, left = jobs.newest(self.saved), self.unfinished()
        with jobs.started(self.folder, *jobs.command(*self.arguments(*options))) as process:
            moment(process)
            assert process.poll() is None, f"it had ended: {(self.folder / 'complained').read_text()}"
            process.kill()
            process.wait(timeout=jobs.SECONDS)
        self.kills += 1
        self.amid += bool(self.unfinished() - left)
        self.check(before)

    def unfinished(self) -> set[int]:
        """Checkpoints without their name: which folders, by number, since the next may be of the same step."""
        return {path.stat().st_ino for path in self.saved.glob("step-*.tmp")}

    def end(self, *options: Any) -> dict[str, Any]:
        """Go on to the end, and say what came out."""
        before = jobs.newest(self.saved)
        said = jobs.finished(self.folder, *jobs.command(*self.arguments(*options)))
        self.check(before)
        assert not [path.name for path in self.saved.iterdir() if path.suffix in (".tmp", ".old")]
        outcome: dict[str, Any] = jobs.outcome(self.folder, said)
        return outcome

    def check(self, before: int) -> None:
        """The process that has just ended began at the last checkpoint there was, and it never goes back."""
        begun, now = jobs.first_step((self.folder / "said").read_text()), jobs.newest(self.saved)
        self.story.append(f"from {begun} (last checkpoint {before}) to {now}")
        assert begun is None or begun == max(before, 0)  # None: killed before it had said anything
        assert now >= before


@contextmanager
def told(victim: Victim, generator: random.Random, seed: int) -> Iterator[random.Random]:
    """If something goes wrong, the story of the kills is in the report."""
    try:
        yield generator
    except BaseException:
        print(f"seed {seed}, {victim.kills} kills, {victim.amid} of them amid a checkpoint:", *victim.story, sep="\n")
        raise


def unbroken(folder: Path, **numbers: int) -> dict[str, Any]:
    """What the run comes to if nothing happens, and it writes no checkpoints."""
    (folder / "fluid.toml").write_text(jobs.FLUID.format(**numbers))
    outcome: dict[str, Any] = jobs.outcome(folder, jobs.finished(folder, *jobs.command("run", "fluid.toml")))
    return outcome


def after(seconds: float) -> Moment:
    """Most likely while it imports, reads and compiles."""

    def wait(_: Any) -> None:
        time.sleep(seconds)

    return wait


def beyond(victim: Victim, steps: int, seconds: float) -> Moment:
    """Amid whatever it does then."""
    target = jobs.newest(victim.saved) + steps

    def wait(process: Any) -> None:
        jobs.wait_until(lambda: jobs.newest(victim.saved) >= target, process)
        time.sleep(seconds)

    return wait


def amid_a_checkpoint(victim: Victim, steps: int) -> Moment:
    """While there is one that does not have its name yet."""
    target = jobs.newest(victim.saved) + steps

    def wait(process: Any) -> None:
        jobs.wait_until(lambda: jobs.newest(victim.saved) >= target, process)
        jobs.wait_until(lambda: any(victim.saved.glob("step-*.tmp")), process, pause=0)

    return wait


def test_killed_at_any_moment(tmp_path: Path) -> None:
    """Thirty times, on one and two threads in turn; some kills come before the first checkpoint."""
    numbers, seed = {"cells": 5, "steps": 4000, "every": 20}, 20
    (tmp_path / "whole").mkdir()
    victim = Victim(tmp_path, **numbers)
    with told(victim, random.Random(seed), seed) as generator:
        victim.live_until(after(0.1), "--threads", 1)
        assert jobs.newest(victim.saved) < 0
        for number in range(29):
            moment = {
                0: lambda: after(generator.uniform(0.2, 0.8)),
                1: lambda: amid_a_checkpoint(victim, 20),
            }.get(number % 5, lambda: beyond(victim, 20 * generator.randrange(5), generator.uniform(0, 0.01)))
            victim.live_until(moment(), "--threads", 1 + number % 2)
        assert victim.kills == 30
        assert victim.amid > 0
        assert victim.end() == unbroken(tmp_path / "whole", **numbers)


def test_killed_amid_a_checkpoint(tmp_path: Path) -> None:
    """Again and again, with so many particles that writing them takes a while."""
    numbers, seed = {"cells": 12, "steps": 90, "every": 3}, 0
    (tmp_path / "whole").mkdir()
    victim = Victim(tmp_path, **numbers)
    with told(victim, random.Random(seed), seed):
        while victim.amid < 4:
            assert victim.kills < 12, "it was always too late"
            victim.live_until(amid_a_checkpoint(victim, 3 * (victim.kills > 0)), "--threads", 1 + victim.kills % 2)
        assert victim.end() == unbroken(tmp_path / "whole", **numbers)


@NO_PROC
def test_one_rank_of_many_is_killed(on_ranks: Any, tmp_path: Path, monkeypatch: Any) -> None:
    """Each of four, one of two in between; three take the last part."""
    monkeypatch.chdir(tmp_path)
    numbers, seed = {"cells": 5, "steps": 1000, "every": 20}, 3
    (tmp_path / "whole").mkdir()
    victim = Victim(tmp_path, **numbers)
    with told(victim, random.Random(seed), seed) as generator:
        for ranks, rank in ((4, 0), (4, 1), (2, 1), (4, 2), (4, 3)):
            before = jobs.newest(victim.saved)
            arguments = victim.arguments("--threads", 1, "--quiet")
            with on_ranks.start(ranks, "-m", "motes", *arguments) as job:
                beyond(victim, 20 * generator.randrange(1, 3), generator.uniform(0, 0.05))(job)
                alive = on_ranks.ranks_alive()
                assert set(alive) == set(range(ranks))
                os.kill(alive[rank], signal.SIGKILL)
                done = on_ranks.end_of(job, jobs.SECONDS)
            victim.kills += 1
            victim.story.append(f"rank {rank} of {ranks}, from {before} to {jobs.newest(victim.saved)}")
            assert done.returncode != 0
            assert "Traceback" not in done.stderr
            assert jobs.newest(victim.saved) > before
        assert victim.end("--ranks", 3, "--threads", 1) == unbroken(tmp_path / "whole", **numbers)
