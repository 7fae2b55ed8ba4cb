"""External fields: against theory, against differences of the energy, and what bad input gets."""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np
import pytest

import motes
from motes.formulas.derive import derive_field, evaluate
from naming import named

SIZE = 8.0


def particles(dimensions: int = 3, boundary: Any = "open", count: int = 60, **attributes: Any) -> motes.Particles:
    box = motes.Box([SIZE] * dimensions, boundary, origin=[-SIZE / 2] * dimensions)
    generator = np.random.default_rng(3)
    positions = generator.uniform(-1.5, 1.5, (count, dimensions))
    mass = generator.uniform(0.5, 2.0, count)
    return motes.Particles(positions, box, mass=mass, types=np.arange(count) % 2, charge=mass - 1, **attributes)


def at_rest(field: motes.Field, **options: Any) -> motes.Simulation:
    return motes.Simulation(particles(**options), motes.VelocityVerlet(0.01), [field], threads=1)


ENERGIES = {
    "trap": lambda x, y, k=3.0: 0.5 * k * (x**2 + y**2),
    "gravity": lambda y, mass, g=9.81: mass * g * y,
    "charge in a wave": lambda x, charge: charge * np.sin(2.0 * x + 0.3),
    "distance": lambda x, y: np.sqrt(x * x + y * y) + np.sqrt(x**2),
    "angle": lambda x, y: np.cos(3 * np.arctan2(y, x)) * np.exp(-x * x),
    "wall": lambda y: np.where(y > 0.5, (y - 0.5) ** 2.5, 0.0) + np.abs(y) ** 3,
    "ring": lambda x, y: np.log(1 + (np.hypot(x, y) - 1.0) ** 2) + np.tanh(x * y) / (1 + y**2),
}


@pytest.mark.parametrize("energy", ENERGIES.values(), ids=ENERGIES)
@pytest.mark.parametrize("dimensions", [2, 3])
def test_forces_are_minus_the_slopes_of_the_energy(energy: Any, dimensions: int) -> None:
    simulation = at_rest(motes.Field(energy), dimensions=dimensions)
    bound = motes.Field(energy).bind(named((0, 1), {"charge": np.ones(1)}, dimensions)).bound

    def energies(positions: Any) -> Any:
        values = {f"p_{name}": positions[:, a] for a, name in enumerate("xyz"[:dimensions])}
        own = {"p_mass": simulation.mass, "p_charge": simulation.attributes["charge"]}
        own |= {f"p_{name}": number for name, number in bound.numbers.items()}
        with np.errstate(invalid="ignore"):  # a branch that np.where does not choose
            return np.broadcast_to(evaluate(bound.formulas[0], {**values, **own}), len(positions))

    positions, step = simulation.positions, 1e-5
    assert simulation.potential_energy == pytest.approx(energies(positions).sum(), rel=1e-10)
    for a in range(dimensions):
        aside = np.eye(dimensions)[a] * step
        slope = (energies(positions + aside) - energies(positions - aside)) / (2 * step)
        np.testing.assert_allclose(simulation.forces[:, a], -slope, rtol=1e-6, atol=1e-7)
    assert simulation.virial == 0.0
    free = set("xyz"[:dimensions]).difference(inspect.signature(energy).parameters)
    assert simulation.degrees_of_freedom == dimensions * len(simulation) - len(free)


def test_a_trap_swings_as_velocity_verlet_does():
    """x(n) = x0 cos(n phi) with sin(phi / 2) = omega dt / 2."""
    dt, k, steps = 0.02, 2.0, 700
    start = particles(2)
    field = motes.Field(lambda x, y, mass, k: 0.5 * k * mass * (x**2 + y**2), k=k)
    simulation = motes.Simulation(start, motes.VelocityVerlet(dt), [field])
    simulation.run(steps)
    phi = 2 * math.asin(math.sqrt(k) * dt / 2)
    np.testing.assert_allclose(simulation.positions, start.positions * math.cos(steps * phi), atol=1e-9)
    simulation.velocities = -simulation.velocities
    simulation.run(steps)
    assert (simulation.positions == start.positions).all()


def test_thermal_particles_fill_a_trap_as_boltzmann_says():
    count = 20_000
    box = motes.Box([20.0, 20.0], "open", origin=[-10.0, -10.0])
    start = motes.Particles(np.zeros((count, 2)), box)
    field = motes.Field.from_expression("0.5*k*(x**2 + 4*y**2)", k=1.0)
    simulation = motes.Simulation(start, motes.Brownian(0.02, 0.5, 1.0, seed=3), [field])
    simulation.run(400)  # Euler's scheme: variance T / k / (1 - k dt / 2)
    for a, stiffness in enumerate((1.0, 4.0)):
        expected = 0.5 / stiffness / (1 - stiffness * 0.01)
        assert simulation.positions[:, a].var() == pytest.approx(expected, rel=4 * math.sqrt(2 / count))


def test_the_time_of_a_force_is_that_of_its_positions():
    """A force cos(w t) from rest: v after n steps is the trapezoidal sum."""
    dt, steps, w = 0.01, 40, 3.0
    simulation = motes.Simulation(
        particles(2), motes.VelocityVerlet(dt), [motes.Field(lambda x, t, w: -x * np.cos(w * t), w=w)]
    )
    simulation.run(steps)
    push = np.cos(w * dt * np.arange(steps + 1))
    expected = dt * (push.sum() - 0.5 * (push[0] + push[-1])) / simulation.mass
    np.testing.assert_allclose(simulation.velocities[:, 0], expected, rtol=1e-9)
    assert simulation.potential_energy == pytest.approx(-(simulation.positions[:, 0] * push[-1]).sum(), rel=1e-9)


def test_fields_and_pairs_add_up():
    start = motes.fcc(cells=4, density=0.8, temperature=1.0, seed=1)
    pair = motes.Pair(lambda r: 4 * (r**-12 - r**-6), 2.0)
    fields = [motes.Field(lambda x: 0.3 * x), motes.Field(lambda y, k: k * np.sin(y), k={"A": 2.0})]
    alone, both = (
        motes.Simulation(start, motes.VelocityVerlet(0.004), given, threads=1) for given in ([pair], [pair, *fields])
    )
    assert both.virial == pytest.approx(alone.virial, rel=1e-9)
    y = both.positions[:, 1]
    extra = np.stack([np.full(len(y), -0.3), -2 * np.cos(y), 0 * y], axis=1)
    np.testing.assert_allclose(both.forces - alone.forces, extra, atol=1e-8)
    energy = (0.3 * both.positions[:, 0] + 2 * np.sin(y)).sum()
    assert both.potential_energy - alone.potential_energy == pytest.approx(energy, rel=1e-8)


def test_a_field_sees_positions_inside_a_periodic_box():
    """Particles that leave are wrapped only now and then, but feel what is felt where they come back."""
    start = particles(2, "periodic")
    start.velocities = np.full((len(start), 2), 2.0)
    field = motes.Field(lambda x, y: 1e-3 * (np.where(x > 0, x, 0.0) + y))
    simulation = motes.Simulation(start, motes.VelocityVerlet(0.05), [field])
    for _ in range(20):
        simulation.run(3)
        expected = np.where(simulation.positions[:, 0] > 0, -1e-3, 0.0)
        np.testing.assert_allclose(simulation.forces[:, 0], expected, atol=1e-12)


@pytest.mark.parametrize("scale", [1e-18, 1.0, 1e15])
def test_quanta_follow_the_units(scale: float) -> None:
    field = motes.Field(lambda x, mass, k: 0.5 * k * mass * x**2, k=scale)
    simulation = motes.Simulation(particles(2), motes.VelocityVerlet(0.01 / math.sqrt(scale)), [field])
    energy = simulation.potential_energy
    simulation.run(100)
    assert simulation.potential_energy + simulation.kinetic_energy == pytest.approx(energy, rel=2e-4)


WRONG: list[tuple[Any, dict[str, Any], str]] = [
    (lambda x, q: q * x, {}, "unknown name 'q'"),
    (lambda chrge: chrge, {}, "did you mean 'charge'"),
    (lambda z: z, {}, "there is no z in two dimensions"),
    (lambda x: (x, x), {}, "must return one number, not tuple"),
    (lambda x: x < 1, {}, "not a condition"),
    (lambda x: None, {}, "returns nothing"),  # noqa: ARG005
    (lambda x: math.sin(x), {}, r"np\.exp"),
    (lambda x: x, {"k": 1}, "'k' is not used"),
    (lambda x, k: k * x, {"k": math.inf}, "finite"),
    (lambda x, k: k * x, {"k": {0: 1.0, 2: 1.0}}, "no value for the type 1; it has one for 2, which is unknown"),
    (lambda x: np.sqrt(x), {}, r"particle \d+ at \[-.* feels a force or energy of the field .* that is not finite"),
    (lambda x: 1 / (x - x), {}, "divides by zero"),
    ("x", {}, "Field.from_expression"),
]


@pytest.mark.parametrize(("function", "options", "message"), WRONG)
def test_bad_input_gets_one_clear_message(function: Any, options: Any, message: str) -> None:
    with pytest.raises(motes.InputError, match=message):
        at_rest(motes.Field(function, **options), dimensions=2)


def test_a_force_that_throws_a_particle_out_names_it():
    start = particles(2)
    field = motes.Field(lambda x: np.where(x > 1.6, x * 1e30, -x))
    simulation = motes.Simulation(start, motes.VelocityVerlet(0.01), [field])
    with pytest.raises(motes.RunError, match=r"step \d+: particle \d+ moves by .*\n(.*\n)*  position   \[1\.6"):
        simulation.run(1000)


def test_equal_parts_of_energy_and_forces_are_computed_once():
    bound = motes.Field(lambda x, y: np.exp(-x * x - y * y)).bind(named(dimensions=2)).bound
    code = derive_field(bound.formulas[0], ["p_x", "p_y"])
    assert sum("exp(" in line for line in code.lines) == 1


SIDES = [
    (lambda x, a: a * (x - 3.0) ** 2, ["x"]),  # a trap in the middle, which pulls outwards from the side
    (lambda x, y: 0.1 * x * (1 + 0 * y), ["x energy"]),  # a push that is the same everywhere
    (lambda x, y: 10.0 + x**2 + np.sin(2 * np.pi * y / 6.0), ["x energy"]),
    (lambda x, y: np.where(y < 1.0, (1.0 - y) ** 2, 0.0) + np.cos(2 * np.pi * x / 6.0), ["y energy"]),  # a wall
    (lambda x, y, a: a * np.sin(2 * np.pi * y / 6.0) * np.cos(2 * np.pi * x / 6.0), []),
    (lambda x, t, mass: mass * np.sin(t) * (x - 3.0) ** 2, ["x"]),
    (lambda x, width: width * (x - 3.0) ** 2, ["x"]),
]


@pytest.mark.parametrize(("field", "axes"), SIDES)
@pytest.mark.parametrize("boundary", ["periodic", "open"])
def test_a_field_that_jumps_where_particles_go_around_is_reported(
    field: Any, axes: list[str], boundary: Any, recwarn: Any
) -> None:
    particles = motes.Particles([[1.0, 1.0], [2.0, 4.0]], motes.Box([6.0, 6.0], boundary), width=[1.0, 2.0])
    given = {"a": 2.0} if "a" in inspect.signature(field).parameters else {}
    motes.Simulation(particles, motes.VelocityVerlet(0.01), [motes.Field(field, **given)])
    warnings = [str(one.message) for one in recwarn]
    assert len(warnings) == (len(axes) if boundary == "periodic" else 0), warnings
    for axis, line in zip(axes, warnings, strict=False):
        assert f"one side of the periodic {axis[0]} axis" in line
        assert ("another energy" in line) == (axis != axis[0])
