"""Images count the edges that particles leave behind: with them positions are those of a world without a box."""

import numpy as np
import pytest

import motes
from motes.observers import Frame


def unwrapped(simulation):
    return simulation.positions + simulation.images * simulation.box.lengths


def test_free_particles_are_where_their_velocities_took_them():
    box = motes.Box([4.0, 5.0, 1000.0], ["periodic", "periodic", "open"], origin=[-1.0, 0.0, 0.0])
    generator = np.random.default_rng(5)
    start = generator.uniform([-1, 0, 450], [3, 5, 550], (40, 3))
    velocities = np.rint(generator.normal(0, 30, (40, 3)) * 64) / 64
    particles = motes.Particles(start, box, velocities=velocities, ids=generator.permutation(40))
    simulation = motes.Simulation(particles, motes.VelocityVerlet(2.0**-6))
    order = np.argsort(particles.ids)
    for steps in (1, 7, 120):
        simulation.run(steps)
        gone = velocities[order] * simulation.step * 2.0**-6
        np.testing.assert_allclose(unwrapped(simulation), start[order] + gone, rtol=0, atol=1e-12)
    assert np.abs(simulation.images[:, :2]).max() > 5
    assert not simulation.images[:, 2].any()


@pytest.mark.parametrize("method", ["euler", "rk4"])
def test_a_flow_counts_them_within_its_loop(method):
    particles = motes.random(300, motes.Box([3.0, 2.0], ["periodic", "reflecting"]), seed=3)
    flow = motes.Flow(lambda x, push: (push + 0 * x, 0.1), 2.0**-5, method, push=-8.0)
    simulation = motes.Simulation(particles, flow)
    simulation.run(100)
    np.testing.assert_allclose(unwrapped(simulation)[:, 0], particles.positions[:, 0] - 25.0, rtol=0, atol=1e-12)
    assert not simulation.images[:, 1].any()


def test_they_go_on_after_a_resume_and_are_no_part_of_the_fingerprint(tmp_path):
    pair = motes.Pair(lambda r: (1 - r) ** 2, cutoff=1.0)
    particles = motes.random(200, motes.Box([5.0] * 3), seed=1)
    particles.thermalize(20.0, seed=2)
    simulation = motes.Simulation(particles, motes.VelocityVerlet(0.01), [pair])
    paths, last = np.zeros((200, 3)), simulation.positions

    def follow(frame):
        nonlocal last
        step = frame.positions - last
        paths[:] += step - 5.0 * np.rint(step / 5.0)
        last = frame.positions

    simulation.every(1, follow)
    simulation.run(200)
    assert np.abs(simulation.images).max() >= 2
    np.testing.assert_allclose(unwrapped(simulation), particles.positions + paths, rtol=0, atol=1e-10)
    np.testing.assert_array_equal(Frame(simulation).images, simulation.images)
    resumed = motes.resume(simulation.save(tmp_path / "gas.ckpt"), [pair])
    np.testing.assert_array_equal(resumed.images, simulation.images)
    shifted = motes.Particles(
        simulation.positions, simulation.box, velocities=simulation.velocities, images=simulation.images + 3
    )
    assert motes.Simulation(shifted, motes.VelocityVerlet(0.01)).fingerprint == simulation.fingerprint


def test_particles_given_outside_the_box_stay_there_unwrapped():
    box = motes.Box([4.0, 4.0], origin=[1.0, 0.0])
    given = np.array([[-3.5, 9.0], [1.0, 3.0], [5.0, -4.0]])
    assert motes.Particles(given, box).images.tolist() == [[-2, 2], [0, 0], [1, -1]]
    particles = motes.Particles(given, box, images=[[1, 0], [0, -7], [0, 0]])
    assert particles.images.tolist() == [[-1, 2], [0, -7], [1, -1]]
    assert motes.Simulation(particles, motes.VelocityVerlet(0.1)).images.tolist() == particles.images.tolist()


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([[1, 0]], r"images: expected integers of shape \(2, 2\)"),
        ([[0.5, 0], [0, 0]], "images: expected integers"),
        ([[0, 0], [2**31, 0]], "images: expected integers from"),
        ([[0, 0], [0, 1]], r"images: particle id 1 .*y = 1.*expected 0 where the box is not periodic"),
    ],
)
def test_images_that_are_refused(images, message):
    with pytest.raises(motes.InputError, match=message):
        motes.Particles([[1, 1], [2, 2]], motes.Box([4, 4], ["periodic", "open"]), images=images)


@pytest.mark.parametrize("integrator", [motes.VelocityVerlet(0.5), motes.Flow(lambda x: (0.5 + 0 * x, 0.0), 0.5)])
def test_more_than_can_be_counted_end_a_run(integrator):
    box = motes.Box([1.0, 1.0])
    images = [[0, 0], [2**30 - 2, 0], [-(2**30), 0]]
    start, velocities = [[0.5, 0.5]] * 3, [[0.5, 0.0]] * 3
    simulation = motes.Simulation(motes.Particles(start, box, velocities=velocities, images=images), integrator)
    simulation.run(6)
    assert simulation.images[:, 0].tolist() == [2, 2**30, 2 - 2**30]
    with pytest.raises(motes.RunError, match="particle 1 has gone around the box 1073741824 times"):
        simulation.run(60)
