"""Particles that follow a flow: against exact answers of Euler's scheme, the order of Runge's and Kutta's, and
themselves by other ways.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import motes

SIZE = 4.0


def swirl(x: Any, y: Any, speed: Any) -> Any:
    r = np.hypot(x, y)
    return -speed * y / r, speed * x / r


def around(positions: Any, boundary: Any = "open", **attributes: Any) -> motes.Particles:
    dimensions = np.shape(positions)[1]
    box = motes.Box([SIZE] * dimensions, boundary, origin=[-SIZE / 2] * dimensions)
    return motes.Particles(positions, box, **attributes)


def many(dimensions: int, boundary: Any = "open", count: int = 300) -> motes.Particles:
    generator = np.random.default_rng(7)
    positions = generator.uniform(-1.0, 1.0, (count, dimensions))
    return around(positions, boundary, speed=generator.uniform(-3, 3, count), types=np.arange(count) % 3)


def test_the_circling_particles_of_the_textbook():
    particles = around([(0.3, 0.5), (0.0, -0.5), (-0.1, -0.4)], speed=[1.0, -1.0, 3.0])
    simulation = motes.Simulation(particles, motes.Flow(swirl, dt=1e-5), threads=1)
    simulation.run(10_000)
    expected = [(0.210269845, 0.543863579), (-0.099334766, -0.490034289), (0.191358504, -0.365227221)]
    np.testing.assert_allclose(simulation.positions, expected, rtol=0, atol=5e-10)
    assert simulation.time == pytest.approx(0.1)


@pytest.mark.usefixtures("small_parts")
def test_radius_and_angle_grow_as_eulers_steps_along_the_tangent_do():
    """Each step is at a right angle to the radius: r**2 grows by (h v)**2, the angle by atan(h v / r)."""
    particles, h, steps = many(2), 1e-4, 2000
    simulation = motes.Simulation(particles, motes.Flow(swirl, dt=h), threads=2)
    simulation.run(steps)
    x, y = particles.positions.T
    move = h * particles.attributes["speed"]
    squared = (x * x + y * y) + np.arange(steps)[:, None] * move**2
    np.testing.assert_allclose((simulation.positions**2).sum(axis=1), squared[-1] + move**2, rtol=1e-12)
    angle = np.arctan2(y, x) + np.arctan(move / np.sqrt(squared)).sum(axis=0)
    found = np.arctan2(*simulation.positions.T[::-1])
    np.testing.assert_allclose(np.exp(1j * found), np.exp(1j * angle), atol=1e-11)


def test_runge_and_kutta_are_of_fourth_order_also_in_time():
    """dx/dt = y cos t, dy/dt = -x cos t turns by the angle sin t; dz/dt = z turns into an exponential."""

    def turning(x, y, z, t, rate):
        return y * np.cos(t), -x * np.cos(t), rate * z

    errors = []
    for steps in (10, 20):
        particles = around([(0.6, -0.3, 0.5)])
        simulation = motes.Simulation(particles, motes.Flow(turning, dt=1.0 / steps, method="rk4", rate=0.9))
        simulation.run(steps)
        c, s = math.cos(math.sin(1.0)), math.sin(math.sin(1.0))
        exact = np.array([0.6 * c - 0.3 * s, -0.3 * c - 0.6 * s, 0.5 * math.exp(0.9)])
        errors.append(np.abs(simulation.positions[0] - exact).max())
    assert errors[0] < 1e-5
    assert errors[0] / errors[1] == pytest.approx(16, rel=0.15)


def test_numbers_tables_by_type_attributes_mass_and_defaults_are_found_by_name():
    def velocity(y, mass, push, drag, own, x, factor=2.0):
        return push + 0 * x * y, factor * drag * own * mass

    particles = around(np.zeros((3, 2)), types=["a", "b", "a"], mass=[1.0, 2.0, 3.0], own=[0.1, 0.2, 0.3])
    flow = motes.Flow(velocity, dt=0.5, push=0.25, drag={"a": 1.0, "b": -1.0})
    simulation = motes.Simulation(particles, flow)
    simulation.run(1)
    np.testing.assert_allclose(simulation.positions, [[0.125, 0.1], [0.125, -0.4], [0.125, 0.9]], atol=1e-14)
    assert (simulation.velocities == 0).all()
    assert repr(flow) == "Flow(velocity, dt=0.5, method='euler', push=0.25, drag={'a': 1.0, 'b': -1.0})"


@pytest.mark.parametrize("boundary", ["open", "periodic", "reflecting"])
def test_boundaries_are_those_of_a_plain_loop(boundary: str) -> None:
    """Against Python floats, particle by particle."""
    particles, dt, steps = many(2, boundary, 20), 0.05, 150

    def plain(x, y, speed):
        return speed + 0 * x, 0.7 * speed - 0 * y

    # In open space nothing may go farther than twice the longest edge.
    steps = 10 if boundary == "open" else steps
    simulation = motes.Simulation(particles, motes.Flow(plain, dt=dt))
    simulation.run(steps)
    spacing = particles.box.spacing
    positions = particles.positions + SIZE / 2
    speeds = particles.attributes["speed"][:, None] * [1.0, 0.7]
    for _ in range(steps):
        positions = positions + np.rint(speeds * dt / spacing) * spacing
        if boundary == "periodic":
            positions = np.mod(positions, SIZE)
        if boundary == "reflecting":
            positions = np.where(positions < 0, -positions, positions)
            positions = np.where(positions > SIZE, 2 * SIZE - positions, positions)
    if boundary != "reflecting":
        np.testing.assert_allclose(simulation.positions, positions - SIZE / 2, atol=1e-12)
    assert np.abs(simulation.positions).max() <= (SIZE / 2 if boundary != "open" else 2 * SIZE)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("method", ["euler", "rk4"])
@pytest.mark.parametrize("boundary", [("open", "open", "open"), ("periodic", "reflecting", "open")])
def test_no_split_of_the_run_and_no_threads_show_in_the_bits(method: str, boundary: tuple[str, ...]) -> None:
    def stirred(x, y, z, t, speed, rate):
        return speed * np.sin(rate * y + t), np.cos(x - t) * np.exp(-z * z), 0.3 * np.tanh(x * y)

    def run(threads: int, parts: tuple[int, ...]) -> str:
        flow = motes.Flow(stirred, dt=0.01, method=method, rate={0: 2.0, 1: 3.0, 2: 4.0})
        simulation = motes.Simulation(many(3, boundary), flow, threads=threads)
        for steps in parts:
            simulation.run(steps)
        assert simulation.step == 120
        return simulation.fingerprint

    whole = run(1, (120,))
    assert run(2, (120,)) == whole
    assert run(1, (1, 50, 0, 69)) == whole
    assert run(2, tuple([10] * 12)) == whole


def test_observers_see_every_step_they_ask_for():
    seen: list[tuple[int, float]] = []
    simulation = motes.Simulation(many(2), motes.Flow(swirl, dt=1e-3))
    simulation.every(7, lambda frame: seen.append((frame.step, frame.potential_energy)))
    simulation.run(30)
    assert seen == [(step, 0.0) for step in (0, 7, 14, 21, 28)]


UNKNOWN = r"unknown name 'sped'.*did you mean 'speed'"
WRONG: list[tuple[Any, dict[str, Any], str]] = [
    (lambda x, y, sped: (sped * x, y), {}, UNKNOWN),
    (lambda x, y, z: (x, y * z), {}, "there is no z in two dimensions"),
    (lambda x, y: (x, y, x), {}, "must return two velocities, along x and y, but returns 3 numbers"),
    (lambda x, y: x * y, {}, "returns one number"),
    (lambda x, y: None, {}, "returns nothing"),  # noqa: ARG005
    (lambda x, y: (x, y < 1), {}, "not a condition"),
    (lambda x, y: (x, math.exp(y)), {}, r"np\.exp"),
    (lambda x, y: (x, y), {"k": 1.0}, "'k' is not used"),
    (lambda x, y: (x, y), {"x": 1.0}, "'x' is a coordinate"),
    (lambda x, y, k: (x * k, y), {"k": math.nan}, "k: expected a finite number"),
    (lambda x, y, k: (x * k, y), {"k": {0: 1.0}}, "no value for the type 1"),
    (lambda x, y, k: (x * k, y), {"k": [1.0, 2.0]}, "each of the 3 types"),
    (lambda x, y: (x, y), {"method": "midpoint"}, "must be 'euler' or 'rk4'"),
    (lambda x, y: (x, y), {"dt": 0.0}, "dt"),
    (lambda *x: x, {}, "must name its parameters"),
    ("x", {}, "must be a function"),
]


@pytest.mark.parametrize(("function", "options", "message"), WRONG)
def test_bad_input_gets_one_clear_message(function: Any, options: Any, message: str) -> None:
    with pytest.raises(motes.InputError, match=message) as caught:
        motes.Simulation(many(2), motes.Flow(function, **{"dt": 0.01} | options))
    assert "\n" not in str(caught.value)


def test_a_velocity_that_is_not_finite_at_the_start_names_the_particle():
    particles = around([(0.5, 0.5), (0.0, 0.0)], speed=1.0, ids=[4, 9])
    with pytest.raises(motes.InputError, match=r"^particle 9 at \[0\.0, 0\.0\] has a velocity .* not finite"):
        motes.Simulation(particles, motes.Flow(swirl, dt=0.01))


def test_forces_beside_a_flow_are_refused():
    for interaction in (motes.Pair(lambda r: 1 / r, 1.0), motes.Field(lambda x: x)):
        with pytest.raises(motes.InputError, match="never meet"):
            motes.Simulation(many(2), motes.Flow(swirl, dt=0.01), [interaction])


@pytest.mark.parametrize("boundary", ["open", "periodic", "reflecting"])
@pytest.mark.parametrize("parts", [(100,), (3, 97)])
def test_a_particle_that_is_lost_is_named_with_its_step(boundary: str, parts: tuple[int, ...]) -> None:
    """It speeds up without end, so that after a few steps one is too long."""

    def flee(y, t):
        return np.where(y > 0, np.exp(t), 0.0), 0.0

    particles = around([(-1.0, 0.0), (0.125, 1.0)], boundary, ids=[2, 5])
    simulation = motes.Simulation(particles, motes.Flow(flee, dt=1.0))

    def run() -> None:
        for steps in parts:
            simulation.run(steps)

    with pytest.raises(motes.RunError, match=r"step [1-9]: particle 5 moves out of reach"):
        run()


def test_a_stage_that_leaves_the_neighbouring_boxes_ends_the_run() -> None:
    """The function is called inside the box alone, also where the stages of a step cancel each other."""

    def there_and_back(x: Any, y: Any, t: Any) -> Any:
        return np.where(t < 0.004, 300.0, np.where(t > 0.006, -300.0, np.where(x >= 1.0, 6.0, 0.0))) + 0 * y, 0 * x

    particles = motes.Particles(np.random.default_rng(0).random((1000, 2)), motes.Box([1.0, 1.0]))
    simulation = motes.Simulation(particles, motes.Flow(there_and_back, dt=0.01, method="rk4"))
    with pytest.raises(motes.RunError, match="moves out of reach"):
        simulation.run(1)


def test_a_stage_that_is_hardly_below_the_box_is_at_its_lower_side() -> None:
    def outwards(x: Any, y: Any) -> Any:
        return np.where(x >= 1.0, 1e3, -1e-19), 0 * y

    particles = motes.Particles([[0.0, 0.5]], motes.Box([1.0, 1.0]))
    simulation = motes.Simulation(particles, motes.Flow(outwards, dt=0.01, method="rk4"))
    simulation.run(1)
    assert simulation.positions[0, 0] == 0.0
