"""An engine's step where it fails: all ranks stop at the same point, whoever owns whom."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import motes
from motes.engine import commands
from motes.engine.failing import StoppedError
from motes.engine.plan import Plan
from motes.engine.starts import Here, state_of
from motes.engine.step import Engine

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parents[1]))
    town = import_module("town")

BOX = motes.Box([20.0, 6.0, 6.0], boundary=["open", "reflecting", "reflecting"])
X = np.arange(1.0, 20.0, 2.0)


def lennard_jones(r: Any, epsilon: Any, sigma: Any) -> Any:
    return 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)


def row(integrator: Any) -> tuple[Plan, Here]:
    """Ten particles in a row, all of which move; the last but one is not too fast, until a force pulls it."""
    velocities = np.zeros((10, 3))
    velocities[:, 1] = 0.1 * np.arange(10)
    velocities[8, 0] = 249.99
    positions = np.stack([X, np.full(10, 3.0), np.full(10, 3.0)], axis=1)
    positions[9, 0] -= 0.7  # where it pulls the fast one on
    particles = motes.Particles(positions, BOX, velocities, mass=np.where(np.arange(10) == 8, 1e-3, 1.0))
    simulation = motes.Simulation(particles, integrator, PAIRS, threads=1)
    return simulation._parts.plan, Here(state_of(particles))


PAIRS = [motes.Pair(lennard_jones, 2.5, epsilon=1.0, sigma=1.0)]


def positions_at_failure(integrator: Any, ranks: int) -> Any:
    """Of all particles by id, after a careful step that fails."""
    plan, start = row(integrator)
    together = town.Town(ranks)

    def rank(number: int) -> tuple[Any, Any]:
        engine = Engine(plan, start if number == 0 else start.elsewhere, town.TownLink(together, number))
        commands.begin(engine, True, 0.25)
        with pytest.raises(StoppedError):
            commands.step_carefully(engine, False)
        owned = engine.state.owned
        return engine.state.ids[:owned].copy(), engine.state.positions[:, :owned].copy()

    with ThreadPoolExecutor(ranks) as threads:
        ids, positions = zip(*threads.map(rank, range(ranks)), strict=True)
    order = np.argsort(np.concatenate(ids))
    return np.concatenate(positions, axis=1)[:, order]


@pytest.mark.parametrize(
    "integrator",
    [
        motes.VelocityVerlet(0.01),
        motes.Langevin(0.01, temperature=1.0, friction=1.0, seed=1),
        motes.Bussi(0.01, temperature=1.0, tau=0.1, seed=1),
        motes.Brownian(10.0, temperature=1e6, friction=0.1, seed=1),
    ],
    ids=lambda one: type(one).__name__,
)
def test_all_ranks_stop_at_the_same_point_within_a_stage(integrator: Any) -> None:
    alone = positions_at_failure(integrator, 1)
    for ranks in (2, 3):
        assert (positions_at_failure(integrator, ranks) == alone).all()
