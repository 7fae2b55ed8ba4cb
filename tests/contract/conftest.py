"""The systems whose runs must have the same bits, each with few particles and many neighbours lists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import motes

LAMMPS = Path(__file__).parents[1] / "data" / "lammps"


def lennard_jones(r: Any, epsilon: Any, sigma: Any) -> Any:
    return 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)


def bump(r: Any, height: Any, cutoff: Any) -> Any:
    """Soft spheres."""
    return height * (1 - (r / cutoff) ** 2) ** 3


def melt() -> tuple[motes.Particles, list[motes.Pair]]:
    """LAMMPS's own benchmark, 4,000 particles."""
    return motes.read(LAMMPS / "melt-4000.data"), [motes.Pair(lennard_jones, 2.5, epsilon=1.0, sigma=1.0)]


def mixture() -> tuple[motes.Particles, list[motes.Pair]]:
    """Kob's and Andersen's mixture, with tables of two types and two masses."""
    with np.load(LAMMPS / "liq4k_binary_ka.npz") as file:
        types = np.array(["", "A", "B"])[file["type"]]
        particles = motes.Particles(
            file["x"], motes.Box(file["box"][3:6]), file["v"], mass=np.where(types == "B", 1.7, 1.0), types=types
        )
    pair = motes.Pair(
        lennard_jones, cutoff=[[2.5, 2.0], [2.0, 2.2]], shift="energy",
        epsilon=[[1.0, 1.5], [1.5, 0.5]], sigma=[[1.0, 0.8], [0.8, 0.88]],
    )  # fmt: skip
    return particles, [pair]


def moving(particles: motes.Particles, temperature: float) -> motes.Particles:
    particles.thermalize(temperature, seed=11)
    return particles


def plane() -> tuple[motes.Particles, list[motes.Pair]]:
    """Soft discs of five types in two dimensions, between walls along one axis, far from zero; two interactions."""
    box = motes.Box([14.0, 11.0], ["periodic", "reflecting"], origin=[30.0, -200.0])
    types = np.arange(420) % 5
    height = 4.0 + np.add.outer(np.arange(5), np.arange(5))
    particles = moving(motes.random(420, box, 3, minimum_distance=0.3, types=types), 2.0)
    return particles, [motes.Pair(bump, 1.1, height=height), motes.Pair(bump, 0.6, height=9.0)]


def slab() -> tuple[motes.Particles, list[motes.Pair]]:
    """A box thinner than the cutoff, so that particles meet images of themselves; sizes that are mixed."""
    box = motes.Box([9.0, 8.0, 1.25], ["periodic", "reflecting", "periodic"], origin=[-4.5, -4.0, 0.0])
    generator = np.random.default_rng(2)
    height, places = generator.uniform(1.0, 2.0, 300), generator.random((300, 3)) * box.lengths + box.origin
    particles = moving(motes.Particles(places, box, height=height), 1.0)
    return particles, [motes.Pair(bump, 1.5, height=motes.mix("height", "geometric"))]


def droplet() -> tuple[motes.Particles, list[motes.Pair]]:
    """A liquid in open space."""
    with np.load(LAMMPS / "drop_open_lj_cut.npz") as file:
        low, high = file["box"][:3], file["box"][3:6]
        particles = motes.Particles(file["x"], motes.Box(high - low, "open", low), file["v"])
    return particles, [motes.Pair(lennard_jones, 2.5, epsilon=1.0, sigma=1.0)]


SYSTEMS = {make.__name__: (make, dt) for make, dt in [(melt, 0.005), (mixture, 0.004), (plane, 0.02), (slab, 0.02), (droplet, 0.01)]}
INTEGRATORS: dict[str, Callable[[float], Any]] = {
    "VelocityVerlet": lambda dt: motes.VelocityVerlet(dt),
    "Langevin": lambda dt: motes.Langevin(dt, temperature=1.0, friction=0.7, seed=5),
    "Brownian": lambda dt: motes.Brownian(dt / 50, temperature=1.0, friction=1.0, seed=6),
}


@dataclass(frozen=True)
class Case:
    """One system under one integrator."""

    system: str
    integrator: str

    @property
    def particles(self) -> motes.Particles:
        """The particles at the start; every call makes the same ones."""
        return SYSTEMS[self.system][0]()[0]

    def simulation(self, particles: motes.Particles | None = None, **options: Any) -> motes.Simulation:
        """A simulation of it, on one thread and with a thin skin, hence many lists, unless told otherwise."""
        make, dt = SYSTEMS[self.system]
        own, pairs = make()
        return motes.Simulation(particles or own, INTEGRATORS[self.integrator](dt), pairs, **({"threads": 1, "skin": 0.1} | options))

    @property
    def steps(self) -> int:
        """Enough for several neighbour lists."""
        return 40 if self.system in ("melt", "mixture") else 120


@cache
def reference(case: Case) -> motes.Simulation:
    """The run that all others are held against."""
    sim = case.simulation()
    sim.run(case.steps)
    return sim


@pytest.fixture(params=[Case(s, i) for s in SYSTEMS for i in INTEGRATORS], ids=lambda c: f"{c.system}-{c.integrator}")
def case(request: Any) -> Case:
    """Each system under each integrator."""
    return request.param


@pytest.fixture
def whole_run(case: Case) -> motes.Simulation:
    """The case run on one thread. Not to be changed."""
    return reference(case)


@pytest.fixture(scope="session")
def cases() -> Callable[[str, str], tuple[Case, motes.Simulation]]:
    """A case and its whole run, by the names of its system and integrator."""

    def find(system: str, integrator: str) -> tuple[Case, motes.Simulation]:
        return Case(system, integrator), reference(Case(system, integrator))

    return find
