"""A part of many particles: who is in it, and that all of them are as they are in the whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import motes


def mixture(boundary: Any = "periodic", **how: Any) -> motes.Simulation:
    box = motes.Box([9.0, 8.0, 7.0], boundary, origin=[-3.0, 50.0, 0.0])
    random = np.random.default_rng(1)
    positions = box.origin + random.uniform(0, 1, (400, 3)) * box.lengths
    particles = motes.Particles(
        positions, box, random.normal(size=(400, 3)), mass=random.uniform(1, 2, 400),
        types=np.where(np.arange(400) % 7, "a", "b"), ids=random.permutation(4000)[:400],
        charge=random.normal(size=400),
    )  # fmt: skip
    simulation = motes.Simulation(particles, motes.VelocityVerlet(0.05), **how)
    simulation.run(349)  # at a step after which some have left the box since lists were new
    return simulation


@pytest.mark.parametrize("boundary", ["periodic", ["periodic", "open", "reflecting"]])
def test_they_are_what_they_are_in_the_whole(boundary: Any) -> None:
    simulation = mixture(boundary, threads=2)
    few = simulation.sample(50)
    rows = np.searchsorted(simulation.ids, few.ids)
    assert len(few) == 50
    assert few.ids.tolist() == sorted(set(few.ids.tolist())) == simulation.ids[rows].tolist()
    assert np.array_equal(few.positions, simulation.positions[rows])
    assert np.array_equal(few.images, simulation.images[rows])
    assert few.images.any()
    for name in ("velocities", "mass"):
        assert np.array_equal(getattr(few, name), getattr(simulation, name)[rows])
    assert np.array_equal(np.array(few.type_names)[few.types], np.array(simulation.type_names)[simulation.types][rows])
    assert np.array_equal(few.attributes["charge"], simulation.attributes["charge"][rows])
    assert (few.step, few.time) == (simulation.step, simulation.time)
    assert not few.velocities.flags.writeable


def test_the_same_ones_at_every_step_and_in_a_larger_sample() -> None:
    simulation, seen = mixture(), []
    simulation.every(10, lambda frame: seen.append(frame.sample(30)))
    simulation.run(41)
    assert len(seen) == 5
    assert len({tuple(few.ids.tolist()) for few in seen}) == 1
    assert np.array_equal(seen[-1].positions, simulation.sample(30).positions)
    assert np.isin(seen[0].ids, simulation.sample(60).ids).all()
    assert np.array_equal(simulation.sample(1000).positions, simulation.positions)
    simulation.remove(seen[0].ids[:10])
    assert np.isin(seen[0].ids[10:], simulation.sample(30).ids).all()


def test_no_part_of_the_ids_is_preferred() -> None:
    """Of any type that alternates with any period there are as many as in the whole, and of any stretch of ids."""
    simulation = motes.Simulation(motes.random(60_000, motes.Box([50.0] * 3), seed=1), motes.VelocityVerlet(0.01))
    ids = simulation.sample(6_000).ids
    assert np.histogram(ids, 20, (0, 60_000))[0] == pytest.approx(300, abs=20)
    for period in range(2, 60):
        assert np.bincount(ids % period, minlength=period) == pytest.approx(6_000 / period, rel=0.2)


@pytest.mark.parametrize("number", [0, -1, 1.5, True, "10"])
def test_what_is_no_number_of_particles_is_refused(number: Any) -> None:
    with pytest.raises(motes.InputError, match=r"sample: number: expected a whole number of at least 1"):
        mixture().sample(number)


def test_a_frame_of_the_past_has_none() -> None:
    simulation, frames = mixture(), []
    simulation.every(10, frames.append)
    simulation.run(10)
    simulation.run(10)
    with pytest.raises(motes.RunError, match="ask 'sample' in the observer"):
        frames[0].sample(3)
