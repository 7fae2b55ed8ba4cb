"""Another box amid a simulation, into which the particles are scaled or not."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import gsd.hoomd
import numpy as np
import pytest

import motes

PAIR = motes.Pair(lambda r, k: k * (1 - r / 1.8) ** 2, 1.8, k=20.0)


def fluid(**how: Any) -> motes.Simulation:
    particles = motes.fcc(4, 0.8, temperature=1.0, seed=3)
    return motes.Simulation(particles, motes.VelocityVerlet(0.005), [PAIR], **{"threads": 1} | how)


def as_new(simulation: motes.Simulation) -> motes.Simulation:
    return motes.Simulation(simulation.snapshot(), simulation.integrator, simulation.interactions, threads=1)


def test_particles_are_scaled_with_the_box() -> None:
    simulation = fluid()
    simulation.run(30)
    before, images, lengths, time = simulation.positions, simulation.images, simulation.box.lengths, simulation.time
    velocities = simulation.velocities
    edges = lengths * [1.1, 0.95, 1.0]
    simulation.scale(motes.Box(edges, origin=[1.0, 2.0, 3.0]))
    assert simulation.positions == pytest.approx(before * [1.1, 0.95, 1.0] + [1.0, 2.0, 3.0], abs=1e-9)
    assert np.array_equal(simulation.images, images)
    assert np.array_equal(simulation.velocities, velocities)
    assert (simulation.step, simulation.time) == (30, time)
    fresh = as_new(simulation)
    assert simulation.forces == pytest.approx(fresh.forces, abs=1e-9)
    assert simulation.potential_energy == pytest.approx(fresh.potential_energy, rel=1e-12)
    assert simulation.pressure == pytest.approx(fresh.pressure, rel=1e-9)
    simulation.run(30)


def test_particles_stay_where_they_are() -> None:
    simulation = fluid()
    simulation.run(30)
    before, lengths = simulation.positions, simulation.box.lengths
    simulation.box = motes.Box(lengths * 1.2)
    assert simulation.positions == pytest.approx(before, abs=1e-9)  # on the grid of this box
    assert np.array_equal(simulation.box.lengths, motes.Box(lengths * 1.2).lengths)
    assert simulation.forces == pytest.approx(as_new(simulation).forces, abs=1e-9)
    simulation.box = motes.Box(lengths * 1.2, "reflecting")
    simulation.run(100)
    assert simulation.positions.min() >= 0.0
    simulation.box = motes.Box(lengths * 0.9)  # those beyond it go into it
    outside = (before >= lengths * 0.9).any()
    assert outside
    assert (simulation.positions < lengths * 0.9).all()


def test_runs_in_it_have_the_same_bits_after_a_resume(tmp_path: Path) -> None:
    simulation = fluid()
    simulation.run(20)
    simulation.scale(motes.Box(simulation.box.lengths * 1.05))
    resumed = motes.resume(simulation.save(tmp_path / "run"), [PAIR], threads=2, skin=0.3)
    for one in (simulation, resumed):
        one.run(40)
    assert resumed.fingerprint == simulation.fingerprint


def test_observers_are_told_and_see_it(tmp_path: Path) -> None:
    simulation = fluid()
    msd = motes.Msd(lags=2)
    simulation.every(10, msd, motes.Trajectory(tmp_path / "t.gsd"))

    def compress(frame: Any) -> None:
        if frame.step == 20:
            simulation.scale(motes.Box(simulation.box.lengths * 0.98))
            assert np.array_equal(frame.box.lengths, simulation.box.lengths)

    simulation.every(10, compress)
    simulation.run(40)
    assert msd.pairs.tolist() == [3, 1]  # of moments on the same side of the change
    with gsd.hoomd.open(tmp_path / "t.gsd") as frames:
        edges = [frame.configuration.box[0] for frame in frames]
    assert edges[2] > edges[3] == pytest.approx(simulation.box.lengths[0])


def test_what_does_not_fit_is_refused_and_all_stays_as_it_is() -> None:
    simulation, twin = fluid(), fluid()
    lengths = simulation.box.lengths
    for box, words in (
        (motes.Box(lengths * 0.5, "reflecting"), "expected a position within"),
        (motes.Box(lengths[:2]), "box: expected a motes.Box of 3 dimensions"),
        ([5.0] * 3, "box: expected a motes.Box of 3 dimensions"),
        (motes.Box(lengths * 1e-3), "that is too much"),
    ):
        with pytest.raises(motes.InputError, match=words):
            simulation.box = box
        if "position" not in words:
            with pytest.raises(motes.InputError, match=words):
                simulation.scale(box)
    for one in (simulation, twin):
        one.run(20)
    assert simulation.fingerprint == twin.fingerprint


def test_a_warning_that_is_an_error_leaves_all_as_it_is() -> None:
    simulation, twin = fluid(), fluid()
    length = float(simulation.box.lengths[0])
    for one in (simulation, twin):
        one.interactions = [PAIR, motes.Field(lambda x, k: np.cos(k * x), k=2 * np.pi / length)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(motes.MotesWarning, match="another energy at one side"):
            simulation.scale(motes.Box(simulation.box.lengths * 1.1))
        with pytest.raises(motes.MotesWarning, match="another energy at one side"):
            simulation.interactions = [motes.Field(lambda x: x)]
    assert repr(simulation.interactions) == repr(twin.interactions)
    assert simulation.box == twin.box
    for one in (simulation, twin):
        one.run(20)
    assert simulation.fingerprint == twin.fingerprint


def test_a_range_that_was_taken_from_the_box_must_fit_all_along() -> None:
    simulation = fluid()
    simulation.every(10, motes.Rdf(bins=20))
    simulation.every(10, lambda _: simulation.scale(motes.Box(simulation.box.lengths * 0.98)))
    with pytest.raises(motes.InputError, match=r"Rdf: the box has become smaller than twice 3.41.*: say one that fits"):
        simulation.run(40)
