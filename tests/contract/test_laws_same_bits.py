"""Every kind of law has the same bits on any number of threads and ranks, for any skin, order and stop."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import law_systems as laws
import numpy as np
import pytest

import motes
from motes.core.tuples import labels_of
from motes.integrators.fire import Descent

pytestmark = pytest.mark.usefixtures("small_parts")
STEPS = laws.STEPS


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    found = {}
    for name in laws.SYSTEMS:
        sim = laws.simulation(name)
        sim.run(STEPS)
        found[name] = laws.outcome(sim)
    return found


@pytest.mark.filterwarnings("ignore:the particles have .* no interaction is about them")
@pytest.mark.parametrize("name", laws.SYSTEMS)
def test_the_runs_are_worth_comparing(name: str) -> None:
    sim, start = laws.simulation(name), laws.simulation(name)
    sim.run(STEPS)
    assert sim.describe()["list_builds"] > (1 if name == "net" else 3)
    assert np.median(np.abs(sim.positions - start.positions)) > 0.01
    for left_out in range(len(sim.interactions)):
        others = [one for number, one in enumerate(sim.interactions) if number != left_out]
        less = motes.Simulation(laws.SYSTEMS[name]()[0], sim.integrator, others, threads=1)
        assert (less.forces != start.forces).any()  # each law matters


def test_strands_would_tear(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else their minimization proves nothing of steps that are taken back."""
    taken_back = []
    whole = Descent.take_back
    monkeypatch.setattr(Descent, "take_back", lambda *given: taken_back.append(1) or whole(*given))
    laws.simulation("strands")
    assert len(taken_back) > 0


@pytest.mark.parametrize("how", [{"threads": 2}, {"threads": 3}, {"skin": 0.0}, {"skin": 0.7}, {"skin": None}])
@pytest.mark.parametrize("name", laws.SYSTEMS)
def test_any_threads_and_skin(name: str, how: dict[str, Any], expected: dict[str, Any]) -> None:
    sim = laws.simulation(name, **how)
    sim.run(STEPS)
    assert laws.outcome(sim) == expected[name]


@pytest.mark.parametrize("name", laws.SYSTEMS)
def test_any_order_of_the_particles(name: str, expected: dict[str, Any]) -> None:
    own = laws.SYSTEMS[name]()[0]
    order = np.random.default_rng(8).permutation(len(own))
    particles = motes.Particles(
        own.positions[order], own.box, own.velocities[order], own.mass[order],
        np.array(own.type_names)[own.types][order], own.ids[order], own.images[order],
        own.bonds, labels_of(own.topology["bonds"]), own.angles, labels_of(own.topology["angles"]),
        **{word: values[order] for word, values in own.attributes.items()},
    )  # fmt: skip
    sim = laws.simulation(name, particles, threads=2)
    sim.run(STEPS)
    assert laws.outcome(sim) == expected[name]


@pytest.mark.parametrize("name", laws.SYSTEMS)
def test_readings_copies_and_stops_change_nothing(name: str, tmp_path: Path, expected: dict[str, Any]) -> None:
    sim = laws.simulation(name, threads=2)
    sim.every(1, lambda frame: (frame.potential_energy, frame.forces))
    sim.run(STEPS // 3)
    sim = sim.copy()
    _ = sim.virial
    sim.run(STEPS // 3)
    sim = laws.resumed(name, sim.save(tmp_path / "run"), threads=1)
    _ = sim.potential_energy
    sim.run(STEPS - sim.step)
    assert laws.outcome(sim) == expected[name]


@pytest.mark.parametrize("name", ["alloy", "net"])
def test_what_is_reversible_can_be_taken_back(name: str) -> None:
    sim = laws.simulation(name, threads=2)
    positions, velocities, quanta = sim.positions, sim.velocities, sim.describe()["quanta"]
    sim.run(500)
    assert sim.describe()["quanta"] == quanta
    assert (sim.positions != positions).any(axis=1).all()
    sim.velocities = -sim.velocities
    sim.run(500)
    assert (sim.positions == positions).all()
    assert (sim.velocities == -velocities).all()


@pytest.mark.parametrize(("ranks", "threads"), [(1, 1), (2, 2), (4, 1)])
def test_any_ranks(ranks: int, threads: int, on_ranks: Any, tmp_path: Path, expected: dict[str, Any]) -> None:
    for name in laws.SYSTEMS:
        sim = laws.simulation(name)
        sim.run(STEPS // 2 - 4)
        sim.save(tmp_path / name)
    run = on_ranks.run(ranks, laws.__file__, threads, tmp_path, timeout=400)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert found == {name: [outcome] * 3 for name, outcome in expected.items()}
