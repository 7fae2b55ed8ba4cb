"""What a signal does to a run in this very process; tests/contract/test_signals.py has whole programs and ranks."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import motes
from motes.core.interrupts import WATCHED

STEPS = 30


def crystal(integrator: Any = None) -> motes.Simulation:
    pair = motes.Pair(motes.potentials.lennard_jones, cutoff=2.0, epsilon=1.0, sigma=1.0)
    particles = motes.fcc(3, 0.8, temperature=1.0, seed=1)
    return motes.Simulation(particles, integrator or motes.VelocityVerlet(0.002), [pair], threads=1)


@pytest.fixture(autouse=True)
def nobody_ignores_hangups() -> Iterator[None]:
    """As under nohup, where these tests may run as well."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("step", [0, 10, STEPS])
@pytest.mark.parametrize("number", WATCHED)
def test_a_signal_counts_whenever_it_comes(tmp_path: Path, step: int, number: int, capsys: Any) -> None:
    """Also amid the last stretch of steps, and at the last step: the program must not go on to its next run."""
    simulation = crystal()
    simulation.every(1000, motes.Checkpoint(tmp_path / "run.ckpt"))
    simulation.every(10, lambda frame: os.kill(os.getpid(), number) if frame.step == step else None)
    with pytest.raises((SystemExit, KeyboardInterrupt)) as caught:
        simulation.run(STEPS)
    if number == signal.SIGINT:
        assert isinstance(caught.value, KeyboardInterrupt)
    else:
        assert caught.value.code == 128 + number
    assert (
        f"stopped by {signal.Signals(number).name} at step {simulation.step} of {STEPS}; go on"
        in capsys.readouterr().err
    )
    assert motes.resume(tmp_path / "run.ckpt", simulation.interactions).fingerprint == simulation.fingerprint


def test_batch_systems_and_terminals_are_heard() -> None:
    assert set(WATCHED) == {getattr(signal, f"SIG{name}") for name in ("INT", "TERM", "USR1", "USR2", "HUP", "XCPU")}


@pytest.mark.parametrize("chosen", [signal.SIG_IGN, lambda *_: None], ids=["nohup", "a handler of the program"])
def test_what_a_program_has_said_of_a_signal_stays(chosen: Any) -> None:
    before = signal.signal(signal.SIGHUP, chosen)
    try:
        simulation = crystal()
        simulation.every(10, lambda frame: os.kill(os.getpid(), signal.SIGHUP) if frame.step == 10 else None)
        simulation.run(STEPS)
        assert simulation.step == STEPS
        assert signal.getsignal(signal.SIGHUP) is chosen
    finally:
        signal.signal(signal.SIGHUP, before)


class Interrupted(motes.VelocityVerlet):
    """Someone insists, amid a step."""

    insist = False

    def second_half(self, state: Any, team: Any) -> None:
        if self.insist:
            raise KeyboardInterrupt
        super().second_half(state, team)


def test_half_a_step_is_not_gone_on_from(monkeypatch: Any) -> None:
    simulation = crystal(Interrupted(0.002))
    simulation.run(3)
    monkeypatch.setattr(Interrupted, "insist", True)
    with pytest.raises(KeyboardInterrupt):
        simulation.run(3)
    monkeypatch.undo()
    with pytest.raises(motes.RunError, match="interrupted half-way"):
        simulation.run(3)
    with pytest.raises(motes.RunError, match="interrupted half-way"):
        _ = simulation.potential_energy


def test_of_a_row_the_disk_refuses_nothing_stays(tmp_path: Path, monkeypatch: Any) -> None:
    simulation, thermo = crystal(), motes.Thermo(tmp_path / "a.csv")
    simulation.every(10, thermo)
    simulation.run(10)
    before, last = (tmp_path / "a.csv").read_text(), thermo.last
    write = os.write
    full: list[bool] = []

    def nearly_full(descriptor: int, data: Any) -> int:
        """Takes a part, and then nothing more."""
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        full.append(True)
        return write(descriptor, data[:7])

    monkeypatch.setattr(os, "write", nearly_full)
    with pytest.raises(motes.RunError, match=r"a\.csv at step 20: No space left"):
        simulation.run(10)
    monkeypatch.undo()
    assert full
    assert ((tmp_path / "a.csv").read_text(), thermo.last) == (before, last)
