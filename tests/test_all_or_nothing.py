"""A change that is refused leaves no bit of it: twins, of which one was asked for something that cannot be."""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import motes
from motes.simulation.beginning import begin
from motes.simulation.minimize import INTERRUPTED

Change = Callable[[motes.Simulation], Any]


def drag(v: Any, dt: Any, r: Any) -> Any:
    """It is no number for one time step."""
    return -v * (1 - r / 1.8) * 0.0025 / (dt - 0.0025)


def fluid(integrator: Any = None, **how: Any) -> motes.Simulation:
    pair = motes.Pair(lambda r, k: k * (1 - r / 1.8) ** 2, 1.8, k=20.0)
    bath = motes.Langevin(0.005, motes.Ramp(1.0, 2.0, 100), 1.0, seed=3)
    particles = motes.fcc(4, 0.8, temperature=1.0, seed=3)
    laws = [pair, motes.PairForce(drag, 1.8)]
    simulation = motes.Simulation(particles, integrator or bath, laws, **{"threads": 1} | how)
    simulation.run(30)
    return simulation


def at(simulation: motes.Simulation, **more: Any) -> motes.Particles:
    """One particle where another one is."""
    return motes.Particles(simulation.positions[:1], simulation.box, **more)


def endless(simulation: motes.Simulation) -> Any:
    velocities = simulation.velocities.copy()
    velocities[0] = 1e7
    return velocities


REFUSED: dict[str, Change] = {
    "added too fast": lambda s: s.add(motes.Particles([[0.1, 0.2, 0.3]], s.box, [[1e5, 0, 0]])),
    "added where another one is": lambda s: s.add(at(s)),
    "added with an attribute": lambda s: s.add(at(s, charge=[1.0])),
    "assigned too fast": lambda s: setattr(s, "velocities", endless(s)),
    "positions in one place": lambda s: setattr(s, "positions", np.ones((256, 3))),
    "an integrator that cannot start": lambda s: setattr(s, "integrator", motes.Langevin(0.0025, 1.0, 1.0, seed=4)),
    "a flow": lambda s: setattr(s, "integrator", motes.Flow(lambda x, y, z: (x, y, z), dt=0.1)),
    "a force that is no number": lambda s: setattr(s, "interactions", [motes.Field(lambda x: 1 / (x - x))]),
    "an unknown id": lambda s: s.remove([4711]),
    "a box that is too small": lambda s: setattr(s, "box", motes.Box(s.box.lengths / 2, "reflecting")),
    "a tiny box": lambda s: s.scale(motes.Box(s.box.lengths * 1e-3)),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("ignore::motes.MotesWarning")
def test_what_is_refused_leaves_no_trace(name: str, tmp_path: Path) -> None:
    simulation, twin = fluid(), fluid()
    with pytest.raises(motes.InputError):
        REFUSED[name](simulation)
    for one in (simulation, twin):
        one.run(30)
    assert simulation.fingerprint == twin.fingerprint
    assert simulation.temperature.hex() == twin.temperature.hex()
    assert len(simulation) == 256
    saved = simulation.save(tmp_path / "run")
    assert motes.resume(saved, simulation.interactions).fingerprint == twin.fingerprint


WARNED: dict[str, Change] = {
    "a field that jumps": lambda s: setattr(s, "interactions", [motes.Field(lambda x: x)]),
    "a law twice": lambda s: setattr(s, "interactions", [*s.interactions[:1], *s.interactions[:1]]),
    "a particle that is lost": lambda s: s.add(motes.Particles([[0.1, 0.2, 0.3]], s.box, mass=1e13)),
    "a bath for all": lambda s: setattr(s, "integrator", motes.Bussi(0.005, 1.0, 0.1, seed=1)),
}


@pytest.mark.parametrize("name", WARNED)
def test_what_is_warned_of_leaves_none_where_warnings_are_errors(name: str) -> None:
    simulation, twin = fluid(), fluid()
    for one in (simulation, twin):
        one.velocities = one.velocities + np.array([0.3, 0.0, 0.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(motes.MotesWarning):
            WARNED[name](simulation)
    for one in (simulation, twin):
        one.run(30)
    assert simulation.fingerprint == twin.fingerprint


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.freeze([]),
        lambda s: setattr(s, "mass", s.mass),
        lambda s: setattr(s, "interactions", list(s.interactions)),
        lambda s: s.scale(s.box),
        lambda s: s.remove([3]),
        lambda s: setattr(s, "integrator", motes.VelocityVerlet(0.001)),
    ],
)
def test_who_is_amid_a_minimization_stays_so(change: Change) -> None:
    simulation = fluid(motes.VelocityVerlet(0.005))
    simulation._course.refusal = INTERRUPTED
    change(simulation)
    with pytest.raises(motes.InputError, match="a minimization was interrupted"):
        simulation.run(1)
    simulation.positions = simulation.positions
    simulation.run(1)


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.freeze([1, 2]),
        lambda s: s.scale(motes.Box(s.box.lengths * 1.02)),
        lambda s: s.add(motes.Particles([[0.1, 0.2, 0.3]], s.box)),
        lambda s: setattr(s, "velocities", 0.5 * s.velocities),
        lambda s: setattr(s, "interactions", list(s.interactions[:1])),
    ],
)
def test_a_signal_amid_a_change_is_obeyed_at_its_end(change: Change, monkeypatch: pytest.MonkeyPatch) -> None:
    simulation, twin = fluid(), fluid()
    change(twin)

    def interrupted(*arguments: Any, **named: Any) -> Any:
        monkeypatch.undo()
        os.kill(os.getpid(), signal.SIGINT)
        return begin(*arguments, **named)

    monkeypatch.setattr("motes.simulation.changes.begin", interrupted)
    with pytest.raises(KeyboardInterrupt):
        change(simulation)
    assert np.array_equal(simulation.forces, twin.forces)
    for one in (simulation, twin):
        one.run(20)
    assert simulation.fingerprint == twin.fingerprint
