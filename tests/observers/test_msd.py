"""Mean-squared displacements, against those of others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import motes
from motes.observers.msd import sum_of_squares

DATA = np.load(Path(__file__).parents[1] / "data" / "lammps2" / "msd_liquid.npz")


class Seen:
    """A frame of unwrapped positions, and nothing else."""

    def __init__(self, number: int, positions: Any) -> None:
        self.step, self.time, self.unwrapped = 20 * number, 0.1 * number, positions
        self.ids, self.box = np.arange(len(positions)), motes.Box(DATA["L"])


def test_it_is_that_of_others() -> None:
    frames, lags = DATA["x_unwrapped"], DATA["lags"]
    msd = motes.Msd(lags=int(lags[-1]))
    for number, positions in enumerate(frames):
        msd(Seen(number, positions))  # type: ignore[arg-type]  # as far as it is asked
    assert msd.msd[lags - 1] == pytest.approx(DATA["msd_all_origins"], rel=1e-12)
    assert msd.by_axis[lags - 1] == pytest.approx(DATA["msd_all_origins_xyz"], rel=1e-12)
    assert msd.pairs.tolist() == [len(frames) - lag for lag in range(1, len(msd.lags) + 1)]
    assert msd.times[0] == pytest.approx(0.1)
    assert msd.lags[:3].tolist() == [20, 40, 60]


def test_sums_depend_on_no_order() -> None:
    generator = np.random.default_rng(1)
    now, then = generator.normal(size=(2, 1000)) * 10.0 ** generator.uniform(-8, 3, 1000)
    order = generator.permutation(1000)
    assert sum_of_squares(now, then) == sum_of_squares(now[order], then[order])
    assert sum_of_squares(now, then) == pytest.approx(((now - then) ** 2).sum(), rel=1e-14)
    assert sum_of_squares(now, now) == 0.0


def gas(**how: Any) -> motes.Simulation:
    particles = motes.random(200, motes.Box([3.0, 4.0, 5.0]), seed=1, temperature=2.0)
    return motes.Simulation(particles, motes.VelocityVerlet(0.01), **how)


def test_free_particles_go_on_beyond_the_box() -> None:
    simulation, msd = gas(), motes.Msd(lags=10)
    simulation.every(50, msd)
    simulation.run(1000)
    mean = (simulation.velocities**2).sum(axis=1).mean()
    assert msd.msd == pytest.approx(mean * msd.times**2, rel=1e-9)
    assert msd.pairs.tolist() == list(range(20, 10, -1))
    assert np.isnan(motes.Msd(5).msd).all()


def test_a_run_that_is_resumed_has_the_same(tmp_path: Path) -> None:
    def melt() -> motes.Simulation:
        pair = motes.Pair(motes.potentials.lennard_jones, 2.5, epsilon=1.0, sigma=1.0)
        start = motes.fcc(4, 0.8442, temperature=1.44, seed=2)
        simulation = motes.Simulation(start, motes.VelocityVerlet(0.005), [pair], threads=1)
        simulation.every(10, motes.Msd(lags=4, path=tmp_path / "msd.csv", overwrite=True))
        return simulation

    whole = melt()
    whole.run(120)
    half = melt()
    half.run(55)
    resumed = motes.resume(half.save(tmp_path / "run"), half.interactions)
    resumed.run(65)
    one, other = (simulation.observers[0].observers[0] for simulation in (whole, resumed))
    assert other.msd.tolist() == one.msd.tolist()
    assert other.pairs.tolist() == one.pairs.tolist() == [12, 11, 10, 9]
    rows = np.genfromtxt(tmp_path / "msd.csv", delimiter=",", names=True)
    assert rows["msd"].tolist() == one.msd.tolist()
    assert rows.dtype.names == ("lags", "times", "msd", "pairs", "x", "y", "z")


def test_origins_are_forgotten_when_particles_are_put_elsewhere_or_others() -> None:
    simulation, msd = gas(), motes.Msd(lags=3)
    simulation.every(10, msd)
    simulation.run(20)
    assert msd.pairs.tolist() == [2, 1, 0]
    simulation.positions = simulation.positions[::-1]
    simulation.run(20)  # the moments of 30 and 40
    assert msd.pairs.tolist() == [3, 1, 0]
    simulation.remove([0])
    simulation.run(20)
    assert msd.pairs.tolist() == [4, 1, 0]


def test_another_time_step_ends_the_run() -> None:
    simulation = gas()
    simulation.every(10, motes.Msd(lags=3))
    simulation.run(20)
    simulation.integrator = motes.VelocityVerlet(0.02)
    with pytest.raises(motes.RunError, match="lags are of equal times"):
        simulation.run(20)
