"""What the tests of integrators share: many pairs of particles, each bound by a spring, far from all other pairs."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pytest

import motes
from motes.integrators import Integrator


@dataclass(frozen=True)
class Springs:
    """Pairs bound by U = stiffness r**2 / 2, with light and heavy ends; pair p has ids 2 p and 2 p + 1."""

    dimensions: int
    stiffness: float = 50.0
    masses: tuple[float, float] = (1.0, 3.0)
    per_axis: int = 13
    room: float = 16.0
    cutoff: float = 2.0

    @property
    def pairs(self) -> int:
        return self.per_axis**self.dimensions

    @property
    def reduced_mass(self) -> float:
        return self.masses[0] * self.masses[1] / sum(self.masses)

    def simulation(self, integrator: Integrator) -> motes.Simulation:
        """All pairs at rest at positions of their own, stretched a little."""
        lattice = np.array(list(itertools.product(range(self.per_axis), repeat=self.dimensions)))
        ends = np.repeat((lattice + 0.5) * self.room, 2, axis=0)
        ends[1::2, 0] += 0.05
        box = motes.Box([self.per_axis * self.room] * self.dimensions)
        particles = motes.Particles(ends, box, mass=np.tile(self.masses, self.pairs))
        spring = motes.Pair(lambda r, k: k * r**2 / 2, cutoff=self.cutoff, k=self.stiffness)
        return motes.Simulation(particles, integrator, [spring], threads=1)

    def energy(self, simulation: motes.Simulation) -> float:
        """Mean energy of a spring, from the positions alone; every spring must still hold."""
        positions, lengths = simulation.positions, simulation.box.lengths
        apart = positions[1::2] - positions[::2]
        apart -= np.rint(apart / lengths) * lengths
        squared = (apart**2).sum(axis=1)
        assert squared.max() < self.cutoff**2
        return float(self.stiffness / 2 * squared.mean())

    def relative_kinetic_energy(self, simulation: motes.Simulation) -> float:
        """Mean energy of the relative motion of a pair."""
        relative = simulation.velocities[1::2] - simulation.velocities[::2]
        return float(self.reduced_mass / 2 * (relative**2).sum(axis=1).mean())


@pytest.fixture
def springs() -> type[Springs]:
    """The class Springs."""
    return Springs
