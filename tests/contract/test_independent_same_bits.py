"""Flows and fields: the same bits for any threads, ranks, skin, order of the input, and split of the run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import motes

pytestmark = pytest.mark.usefixtures("small_parts")
SCRIPT = Path(__file__).with_name("independent_on_ranks.py")


def lennard_jones(r: Any) -> Any:
    return 4 * (r**-12 - r**-6)


def slab(integrator: Any = None, order: Any = slice(None), **options: Any) -> motes.Simulation:
    """A liquid between walls that push, in a wave that depends on each particle's charge and on time."""
    box = motes.Box([8.0, 8.0, 10.0], ["periodic", "periodic", "reflecting"])
    charge = np.where(np.arange(300) % 2, 1.0, -0.5)
    start = motes.random(300, box, 5, minimum_distance=0.8, charge=charge)
    start.thermalize(1.0, seed=4)
    start = motes.Particles(
        start.positions[order], box, start.velocities[order], ids=start.ids[order], charge=charge[order]
    )
    fields = [
        motes.Field(lambda z, k: k * (np.where(z < 1, (1 - z) ** 4, 0.0) + np.where(z > 9, (z - 9) ** 4, 0.0)), k=20.0),
        motes.Field(lambda x, t, charge: charge * np.cos(2 * np.pi * x / 8 - 3 * t)),
    ]
    interactions = [motes.Pair(lennard_jones, 2.0, shift="force"), *fields]
    integrator = integrator or motes.VelocityVerlet(0.004)
    return motes.Simulation(start, integrator, interactions, **{"threads": 1, "skin": 0.3} | options)


def bits(simulation: motes.Simulation) -> tuple[Any, ...]:
    forces = simulation.forces.tobytes()
    return simulation.fingerprint, forces, simulation.potential_energy.hex(), simulation.virial.hex()


@pytest.fixture(scope="module")
def whole() -> tuple[Any, ...]:
    simulation = slab()
    simulation.run(100)
    return bits(simulation)


@pytest.mark.parametrize("options", [{"threads": 2}, {"threads": 3, "skin": 0.1}, {"skin": 1.0}])
def test_threads_and_skin(options: dict[str, Any], whole: Any) -> None:
    simulation = slab(**options)
    simulation.run(100)
    assert bits(simulation) == whole


def test_any_order_of_the_input_and_any_split_of_the_run(whole: Any) -> None:
    simulation = slab(order=np.random.default_rng(1).permutation(300))
    for steps in (1, 49, 0, 50):
        simulation.run(steps)
    assert bits(simulation) == whole


@pytest.mark.parametrize("make", [motes.Langevin, motes.Brownian])
def test_under_noise(make: Any) -> None:
    found = set()
    for threads in (1, 2):
        simulation = slab(make(0.00002, temperature=1.0, friction=1.0, seed=2), threads=threads)
        simulation.run(50)
        found.add(bits(simulation))
    assert len(found) == 1


def test_steps_in_fields_that_do_not_change_can_be_taken_back() -> None:
    box = motes.Box([6.0, 6.0], ["periodic", "reflecting"])
    start = motes.random(100, box, 5, minimum_distance=0.3)
    start.thermalize(1.0, seed=4)
    field = motes.Field(lambda x, y: np.cos(np.pi * x / 3) + 0.2 * (y - 3) ** 2)
    pair = motes.Pair(lambda r, cutoff: 5 * (1 - (r / cutoff) ** 2) ** 3, 1.0)
    simulation = motes.Simulation(start, motes.VelocityVerlet(0.01), [pair, field], threads=2)
    positions = simulation.positions
    simulation.run(500)
    assert (simulation.positions != positions).any(axis=1).all()
    simulation.velocities = -simulation.velocities
    simulation.run(500)
    assert (simulation.positions == positions).all()


def test_ranks(on_ranks: Any) -> None:
    """Flow and field, on one process that knows no MPI and on several ranks."""
    outcomes = []
    for ranks, threads in ((None, 1), (1, 1), (2, 2), (3, 1)):
        done = on_ranks.run(ranks, SCRIPT, threads, timeout=300)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        outcomes.append(json.loads(done.stdout))
    assert all(outcome == outcomes[0] for outcome in outcomes), outcomes
