"""What is at the ends of a heat bath, no friction and no heat, and friction that differs from particle to particle."""

from __future__ import annotations

import math

import numpy as np
import pytest

import motes

BOX = motes.Box([100.0, 100.0, 100.0], boundary="open")
POSITIONS = np.random.default_rng(1).random((6, 3)) * 90 + 5
VELOCITIES = np.random.default_rng(2).normal(size=(6, 3))
TYPES = ["A", "B", "A", "C", "B", "A"]
BY_TYPE = {"A": 0.5, "B": 2.0, "C": 8.0}
FRICTION = np.array([BY_TYPE[label] for label in TYPES])


def free(integrator, **attributes):
    """Six particles that feel no forces."""
    particles = motes.Particles(POSITIONS, BOX, VELOCITIES, types=TYPES, drag=FRICTION, mass=2.0, **attributes)
    return motes.Simulation(particles, integrator, threads=1)


def spring(integrator):
    """Two particles on a spring, and in a plane that pulls nothing."""
    box = motes.Box([20.0, 20.0, 20.0])
    pair = motes.Pair(lambda r, k: k * (r - 1.0) ** 2 / 2, cutoff=3.0, k=4.0)
    particles = motes.Particles([[9.0, 10.0, 10.0], [10.3, 10.0, 10.0]], box, [[0.1, 0.2, 0.0], [0.3, 0.0, 0.1]])
    return motes.Simulation(particles, integrator, [pair], threads=1)


def test_langevin_without_friction_is_velocity_verlet():
    bath, verlet = spring(motes.Langevin(0.01, 1.0, friction=0.0, seed=1)), spring(motes.VelocityVerlet(0.01))
    bath.run(500)
    verlet.run(500)
    assert bath.positions == pytest.approx(verlet.positions, abs=1e-10)  # a drift is rounded once, or in two halves
    assert bath.degrees_of_freedom == verlet.degrees_of_freedom == 3


def test_langevin_without_heat_only_slows_down():
    simulation = free(motes.Langevin(0.1, 0.0, friction=0.7, seed=1))
    simulation.run(30)
    assert simulation.velocities == pytest.approx(VELOCITIES * math.exp(-0.7 * 3.0), rel=1e-9, abs=1e-12)
    assert simulation.degrees_of_freedom == 18


def test_brownian_motion_without_heat_follows_the_forces_alone():
    box = motes.Box([10.0, 10.0], boundary="open")
    particles = motes.Particles([[2.0, 5.0]], box, mass=2.0)
    fall = motes.Field(lambda x, f: -f * x, f=3.0)
    simulation = motes.Simulation(particles, motes.Brownian(0.01, 0.0, friction=5.0, seed=1), [fall])
    simulation.run(100)
    assert simulation.positions == pytest.approx(np.array([[2.0 + 3.0 / (2.0 * 5.0), 5.0]]), abs=1e-9)


def test_brownian_motion_needs_friction():
    for wrong in (0.0, {"A": 1.0, "B": 0.0, "C": 1.0}):
        with pytest.raises(motes.InputError, match=r"friction.*: expected more than 0"):
            motes.Brownian(0.1, 1.0, friction=wrong, seed=1)
    with pytest.raises(motes.InputError, match=r"particle 3 at .* has drag 0, and a friction must be above 0"):
        motes.Simulation(
            motes.Particles(POSITIONS, BOX, drag=[1, 1, 1, 0, 1, 1]), motes.Brownian(0.1, 1.0, friction="drag", seed=1)
        )


@pytest.mark.parametrize("friction", [BY_TYPE, "drag"])
def test_friction_by_type_or_attribute_slows_each_particle_by_its_own(friction):
    simulation = free(motes.Langevin(0.05, 0.0, friction=friction, seed=1))
    simulation.run(20)
    assert simulation.velocities == pytest.approx(VELOCITIES * np.exp(-FRICTION)[:, None], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("kind", [motes.Langevin, motes.Brownian])
def test_friction_by_type_and_by_attribute_are_the_same_and_that_of_one_number_where_it_is_one(kind):
    runs = [free(kind(0.05, 1.0, friction=friction, seed=1)) for friction in (BY_TYPE, "drag", 2.0)]
    for run in runs:
        run.run(10)
    assert runs[0].fingerprint == runs[1].fingerprint != runs[2].fingerprint
    some = FRICTION == 2.0
    assert np.array_equal(runs[0].positions[some], runs[2].positions[some])


def test_brownian_friction_by_type_spreads_each_type_by_its_own():
    count = 4000
    types = np.repeat(["A", "B"], count // 2)
    particles = motes.Particles(np.full((count, 3), 50.0), BOX, types=types)
    simulation = motes.Simulation(particles, motes.Brownian(0.1, 1.0, {"A": 1.0, "B": 10.0}, seed=4), threads=1)
    simulation.run(10)
    for label, friction in (("A", 1.0), ("B", 10.0)):
        moves = simulation.positions[types == label] - 50.0
        assert moves.var() / (2 / friction) == pytest.approx(1.0, abs=4 * math.sqrt(2 / moves.size))


@pytest.mark.parametrize(
    ("friction", "words"),
    [
        ("darg", "no attribute 'darg'; did you mean 'drag'?"),
        ({"A": 1.0, "B": 1.0, "D": 1.0}, "friction: .*no value for the type 'C'; it has one for 'D', which is unknown"),
        ({"A": 1.0, "B": 1.0}, "friction: the table has no value for the type 'C'"),
        (np.array([1.0, 2.0, 3.0]), "friction: expected .* numbers by type .* for one for each particle"),
        ([1.0, 2.0, 3.0], "friction: expected .* numbers by type .* for one for each particle"),
    ],
)
def test_friction_that_does_not_fit_the_particles_is_refused(friction, words):
    with pytest.raises(motes.InputError, match=words):
        free(motes.Langevin(0.1, 1.0, friction, seed=1))


def test_a_checkpoint_keeps_friction_by_type(tmp_path):
    particles = motes.Particles(POSITIONS, BOX, VELOCITIES, types=[2, 1, 2, 3, 1, 2])
    integrator = motes.Langevin(0.05, 1.0, {2: 0.5, 1: 2.0, 3: 8.0}, seed=1)
    whole = motes.Simulation(particles, integrator)
    whole.run(5)
    whole.save(tmp_path / "a.ckpt")
    again = motes.resume(tmp_path / "a.ckpt")
    assert again.integrator.friction == integrator.friction
    motes.resume(tmp_path / "a.ckpt", integrator=integrator)
    for one in (whole, again):
        one.run(5)
    assert whole.fingerprint == again.fingerprint
