"""A simulation that is running is told to run, and is used in other threads and in forked processes."""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import motes

STEPS = 40
REFUSED = r"is running \(at step \d+\): neither an observer nor another thread"


def crystal(threads: int = 1) -> motes.Simulation:
    pair = motes.Pair(motes.potentials.lennard_jones, cutoff=2.0, epsilon=1.0, sigma=1.0)
    particles = motes.fcc(3, 0.8, temperature=1.0, seed=1)
    return motes.Simulation(particles, motes.VelocityVerlet(0.002), [pair], threads=threads)


@cache
def fingerprints() -> dict[int, str]:
    """By step, of a run that nobody disturbs."""
    simulation, found = crystal(), {}
    simulation.every(1, lambda frame: found.update({frame.step: frame.fingerprint}))
    simulation.run(STEPS + 1)
    return found


ASKED: dict[str, Callable[[motes.Simulation], Any]] = {
    "run": lambda simulation: simulation.run(1),
    "run none": lambda simulation: simulation.run(0),
    "minimize": lambda simulation: simulation.minimize(force_tolerance=1.0),
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_by_an_observer(ask: Callable[[motes.Simulation], Any]) -> None:
    simulation, errors = crystal(), []

    def disturb(_: Any) -> None:
        try:
            ask(simulation)
        except motes.InputError as error:
            errors.append(str(error))

    simulation.every(10, disturb)
    simulation.run(STEPS)
    assert len(errors) == 5
    with pytest.raises(motes.InputError, match=REFUSED):
        raise motes.InputError(errors[0])
    assert (simulation.step, simulation.steps_left) == (STEPS, 0)
    assert simulation.fingerprint == fingerprints()[STEPS]
    simulation.run(1)  # after the run it may
    assert simulation.fingerprint == fingerprints()[STEPS + 1]


def test_an_observer_that_does_not_catch_it_ends_the_run() -> None:
    simulation = crystal()
    simulation.every(10, lambda frame: simulation.run(1) if frame.step == 20 else None)
    with pytest.raises(motes.InputError, match=REFUSED):
        simulation.run(STEPS)
    assert simulation.fingerprint == fingerprints()[20]
    simulation.run(STEPS - 20)
    assert simulation.fingerprint == fingerprints()[STEPS]


@contextlib.contextmanager
def paused(simulation: motes.Simulation, step: int) -> Iterator[None]:
    """Within the block another thread runs it, and is at this step."""
    there, go_on = threading.Event(), threading.Event()

    def wait(frame: Any) -> None:
        if frame.step == step:
            there.set()
            go_on.wait(30)

    simulation.every(1, wait)
    thread = threading.Thread(target=simulation.run, args=(STEPS,), daemon=True)
    thread.start()
    try:
        assert there.wait(30)
        yield
    finally:
        go_on.set()
        thread.join(30)
    assert not thread.is_alive()


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_by_another_thread(ask: Callable[[motes.Simulation], Any]) -> None:
    simulation = crystal()
    with paused(simulation, 7), pytest.raises(motes.InputError, match=REFUSED):
        ask(simulation)
    assert simulation.step == STEPS
    assert simulation.fingerprint == fingerprints()[STEPS]


def test_what_another_thread_reads_is_of_one_moment() -> None:
    """Particles are reordered in memory whenever lists are built, and must not do so between values and order."""
    simulation, seen = crystal(), []
    for _ in range(2):
        thread = threading.Thread(target=simulation.run, args=(STEPS // 2,), daemon=True)
        thread.start()
        while thread.is_alive():
            seen.append((simulation.ids, simulation.potential_energy))
        thread.join(30)
    assert all((ids == range(len(simulation))).all() for ids, _ in seen)
    assert simulation.fingerprint == fingerprints()[STEPS]


def _finish(simulation: motes.Simulation, answer: Any) -> None:
    simulation.run(STEPS - simulation.step)
    answer.put(simulation.fingerprint)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("threads", [1, 2])
def test_in_a_forked_process(threads: int) -> None:
    """Threads do not survive a fork, so it makes its own."""
    simulation = crystal(threads)
    simulation.run(10)
    context = multiprocessing.get_context("fork")
    answer = context.SimpleQueue()
    child = context.Process(target=_finish, args=(simulation, answer), daemon=True)
    child.start()
    child.join(60)
    ended = child.exitcode
    child.kill()
    assert ended == 0
    assert answer.get() == fingerprints()[STEPS]
    simulation.run(STEPS - 10)
    assert simulation.fingerprint == fingerprints()[STEPS]


class Broken(motes.VelocityVerlet):
    """An integrator with a mistake."""

    broken = False

    def second_half(self, state: Any, team: Any) -> None:
        if self.broken:
            raise ValueError("a mistake")
        super().second_half(state, team)


def test_half_a_step_is_not_gone_on_from_whatever_ended_it(monkeypatch: Any) -> None:
    integrator = Broken(0.002)
    simulation = motes.Simulation(motes.fcc(3, 0.8, temperature=1.0, seed=1), integrator, threads=1)
    simulation.run(3)
    monkeypatch.setattr(Broken, "broken", True)
    with pytest.raises(ValueError, match="a mistake"):
        simulation.run(3)
    monkeypatch.undo()
    with pytest.raises(motes.RunError, match="interrupted half-way"):
        simulation.run(3)


def test_what_another_thread_reads_or_saves_is_of_one_step(tmp_path: Path) -> None:
    simulation, done = crystal(), threading.Event()

    def go() -> None:
        with contextlib.suppress(motes.InputError):
            while not done.is_set() and simulation.step < 20_000:
                simulation.run(1)

    runner = threading.Thread(target=go)
    runner.start()
    try:
        for number in range(10):
            saved = motes.resume(simulation.save(tmp_path / str(number)), simulation.interactions, threads=1)
            twin = simulation.copy()
            assert saved.step > 0 or number == 0
            again = crystal()
            again.run(twin.step)
            assert twin.fingerprint == again.fingerprint
    finally:
        done.set()
        runner.join()
