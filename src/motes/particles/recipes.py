"""Particles given by a few numbers, so that every rank can make its own part of them, and no one ever holds all.

Invariant: a particle is the same whoever makes it, since its position and its noise depend on its id alone, and the
sums over all particles (momentum, kinetic energy) are sums of integers.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import numpy as np

from motes.core.box import Box
from motes.core.state import Floats, Integers
from motes.exact.noise import POSITIONS, THERMAL, draw_normals, draw_uniforms
from motes.exact.sums import Add, exact_sum

# The four atoms of a face-centred cubic cell, in cell edges.
FCC_BASIS = np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.5]])


@dataclass(frozen=True)
class Recipe(ABC):
    """count particles of one type and mass in a box, with ids 0 .. count - 1."""

    box: Box
    count: int
    mass: float = 1.0
    attributes: dict[str, float] = field(default_factory=dict)
    temperature: float = 0.0
    seed: int = 0

    @abstractmethod
    def coordinates(self, ids: Integers) -> Floats:
        """Internal coordinates (n, d) of particles, not yet on the grid."""

    def positions(self, ids: Integers) -> Floats:
        """Internal coordinates (n, d) of particles, on the grid and in the box."""
        return self.box.snap(self.coordinates(ids) + self.box.origin)

    def velocities(self, ids: Integers, add: Add) -> Floats:
        """Velocities (n, d) of particles; every rank asks for its own at the same time."""
        if self.temperature == 0.0:
            return np.zeros((len(ids), self.box.dimensions))
        mass = np.full(len(ids), self.mass)
        return thermal_velocities(ids, mass, self.box.dimensions, self.temperature, self.seed, add)


@dataclass(frozen=True)
class Lattice(Recipe):
    """A face-centred cubic lattice of cells (x, y, z), in the order in which LAMMPS makes it: x fastest."""

    cells: tuple[int, int, int] = (1, 1, 1)
    edge: float = 1.0

    def coordinates(self, ids: Integers) -> Floats:
        """Corner of the cell and position within."""
        cell, atom = np.divmod(ids, 4)
        rest, x = np.divmod(cell, self.cells[0])
        z, y = np.divmod(rest, self.cells[1])
        coordinates: Floats = (np.stack([x, y, z], axis=1) + FCC_BASIS[atom]) * self.edge
        return coordinates


@dataclass(frozen=True)
class Scatter(Recipe):
    """Positions drawn evenly over the box, each by the particle's id."""

    positions_seed: int = 0

    def coordinates(self, ids: Integers) -> Floats:
        """Uniform numbers times the edges."""
        drawn = np.empty((3, len(ids)))
        draw_uniforms(0, len(ids), self.positions_seed, POSITIONS, ids, drawn)
        coordinates: Floats = drawn[: self.box.dimensions].T * self.box.lengths
        return coordinates


def thermal_velocities(
    ids: Integers, mass: Floats, dimensions: int, temperature: float, seed: int, add: Add
) -> Floats:  # fmt: skip
    """Velocities (n, d) drawn by id from the distribution of Maxwell and Boltzmann, then corrected.

    The mean velocity is taken off and the rest is scaled, so that over all parts the total momentum is zero and the
    sum of m v**2 is d (N - 1) temperature.

    Args:
        ids: of this part, (n,).
        mass: of this part, (n,); the largest is the same in all parts.
        dimensions: d.
        temperature: in units of energy.
        seed: of the noise.
        add: adds integers over all parts.
    """
    noise = np.empty((3, len(ids)))
    draw_normals(0, len(ids), seed, THERMAL, 0, ids, noise)
    velocities = noise[:dimensions] / np.sqrt(mass)
    bound = float(mass.max(initial=0.0))
    count = int(add(np.array([len(ids)]))[0])
    total_mass = exact_sum(mass, bound, add)
    momentum = [exact_sum(mass * component, 8.0 * math.sqrt(bound), add) for component in velocities]
    velocities -= np.array([[p / total_mass] for p in momentum])
    squares = sum(component * component for component in velocities)
    twice_kinetic = exact_sum(mass * squares, 256.0, add)
    if count < 2 or twice_kinetic == 0.0:
        return np.zeros((len(ids), dimensions))
    velocities *= math.sqrt(dimensions * (count - 1) * temperature / twice_kinetic)
    return np.ascontiguousarray(velocities.T)
