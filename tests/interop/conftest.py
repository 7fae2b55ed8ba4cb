"""A fluid whose particles have gone around the box, and what was seen of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import motes

LAGS = 12


@dataclass(frozen=True)
class Run:
    """A simulation at its end, its trajectory in single precision, and what it has found of itself meanwhile."""

    simulation: motes.Simulation
    path: Path
    msd: np.ndarray


@pytest.fixture(scope="session")
def fluid(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Weeks', Chandler's and Andersen's fluid; the box is far from zero, and no edge is like another."""
    positions = motes.fcc(3, 0.6).positions * [1.0, 1.1, 1.2] + [5.0, -20.0, 100.0]
    box = motes.Box(motes.fcc(3, 0.6).box.lengths * [1.0, 1.1, 1.2], origin=[5.0, -20.0, 100.0])
    particles = motes.Particles(positions, box)
    particles.thermalize(2.0, seed=3)
    pair = motes.Pair(motes.potentials.weeks_chandler_andersen, 2 ** (1 / 6), epsilon=1.0, sigma=1.0)
    simulation = motes.Simulation(particles, motes.VelocityVerlet(0.004), [pair], threads=1)
    path, msd = tmp_path_factory.mktemp("fluid") / "fluid.gsd", motes.Msd(lags=LAGS)
    simulation.every(50, motes.Trajectory(path), msd)
    simulation.run(1500)
    assert simulation.images.any(axis=1).mean() > 0.3  # or the tests would not see what wrapping does
    return Run(simulation, path, msd.msd)
