"""Minimizing overlaps away: the same bits for any number of threads, any skin, any order, any stretches."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

import motes
import motes.core.progress

pytestmark = pytest.mark.usefixtures("small_parts")

System = tuple[motes.Particles, list[motes.Pair | motes.Field]]


def lennard_jones(r: Any, epsilon: Any, sigma: Any) -> Any:
    return 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)


def liquid() -> System:
    """One kind of particle, as a recipe."""
    particles = motes.random(600, motes.Box([8.9] * 3), seed=1)
    particles.thermalize(1.0, seed=2)
    return particles, [motes.Pair(lennard_jones, 2.5, epsilon=1.0, sigma=1.0)]


def mixture() -> System:
    """Two types with tables, sizes that are mixed, ids that do not follow the positions, walls, and a field."""
    generator = np.random.default_rng(3)
    box = motes.Box([9.0, 8.0, 7.0], ["periodic", "reflecting", "open"], origin=[-4.0, 30.0, 0.5])
    particles = motes.Particles(
        box.origin + generator.random((400, 3)) * box.lengths, box, types=generator.choice(["A", "B"], 400),
        ids=generator.permutation(400) * 3 + 1, mass=generator.uniform(1, 3, 400), size=generator.uniform(0.8, 1, 400),
    )  # fmt: skip
    particles.thermalize(0.5, seed=4)
    pair = motes.Pair(
        lennard_jones, [[2.2, 1.8], [1.8, 1.5]], shift="force", epsilon=[[1.0, 1.3], [1.3, 0.5]],
        sigma=motes.mix("size", "arithmetic"),
    )  # fmt: skip
    return particles, [pair, motes.Field(lambda y, z, mass: mass * ((y - 33) ** 2 + (z - 4) ** 2) / 10)]


def plane() -> System:
    """Soft discs between walls, in two dimensions."""
    particles = motes.random(300, motes.Box([14.0, 11.0], ["periodic", "reflecting"], origin=[30.0, -200.0]), 5)
    return particles, [motes.Pair(lambda r, k: k * r**-12, 2.0, shift="force", k=1.0)]


SYSTEMS = {make.__name__: make for make in (liquid, mixture, plane)}


def minimized(name: str, particles: motes.Particles | None = None, steps: int = 2000, **options: Any) -> Any:
    own, interactions = SYSTEMS[name]()
    options = {"threads": 1, "skin": 0.2} | options
    sim = motes.Simulation(particles or own, motes.VelocityVerlet(0.001), interactions, **options)
    return sim, sim.minimize(0.5, steps)


def bits(sim: motes.Simulation, done: motes.simulation.minimize.Minimized) -> tuple[Any, ...]:
    sim.run(5)
    return done, sim.describe()["quanta"], sim.fingerprint, sim.forces.tobytes(), sim.potential_energy


@cache
def reference(name: str) -> tuple[Any, ...]:
    sim, done = minimized(name)
    return sim.describe()["list_builds"], bits(sim, done)


@pytest.fixture(params=SYSTEMS)
def name(request: Any) -> Any:
    return request.param


def test_the_minimizations_are_worth_comparing(name: str) -> None:
    own, interactions = SYSTEMS[name]()
    sim = motes.Simulation(own, motes.VelocityVerlet(0.001), interactions)
    with pytest.raises(motes.InputError, match="overlap"):
        sim.run(1)
    builds, (done, *_) = reference(name)
    assert builds > 10
    assert done.converged
    assert done.steps > 50


@pytest.mark.parametrize("threads", [2, 3])
def test_any_number_of_threads(name: str, threads: int) -> None:
    assert bits(*minimized(name, threads=threads)) == reference(name)[1]


@pytest.mark.parametrize("skin", [0.0, None, 0.7])
def test_any_skin(name: str, skin: float | None) -> None:
    assert bits(*minimized(name, skin=skin, threads=2)) == reference(name)[1]


def test_any_order_of_the_input(name: str) -> None:
    own, _ = SYSTEMS[name]()
    order = np.random.default_rng(8).permutation(len(own))
    shuffled = motes.Particles(
        own.positions[order], own.box, own.velocities[order], mass=own.mass[order], ids=own.ids[order],
        types=np.array(own.type_names)[own.types][order],
        **{name: values[order] for name, values in own.attributes.items()},
    )  # fmt: skip
    assert bits(*minimized(name, shuffled)) == reference(name)[1]


@pytest.mark.parametrize("seconds", [0.0, 1e-3, 1e9])
def test_any_stretches(name: str, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(motes.core.progress, "SHOW_EVERY", seconds)
    assert bits(*minimized(name)) == reference(name)[1]


def test_total_force_is_zero() -> None:
    sim, _ = minimized("liquid", threads=2)
    quanta = np.rint(sim.forces / sim.describe()["quanta"].force).astype(np.int64)
    assert (quanta != 0).any()
    assert (quanta.sum(axis=0) == 0).all()
