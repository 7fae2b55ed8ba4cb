"""What a run starts from, and which share of it a rank takes at first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from motes.core.box import Box
from motes.core.state import Floats, Quanta, State, Timeline
from motes.core.tuples import Topology
from motes.decomposition.domain import Link
from motes.formulas.bind import Names
from motes.particles.particles import Particles
from motes.particles.recipes import Recipe
from motes.storage.columns import ColumnFile, read_rows


@dataclass(frozen=True)
class Summary:
    """What is known of the particles besides where they are.

    Attributes:
        box: the box.
        type_names: the names of the types.
        attributes: by name, values among which are the smallest and the largest.
        count: how many particles there are.
        topology: bonds and angles.
    """

    box: Box
    type_names: tuple[int | str, ...]
    attributes: dict[str, Floats]
    count: int
    topology: Topology

    @classmethod
    def of(cls, particles: Particles) -> Summary:
        """What is known of these; where all have the same attributes, they are not spelled out."""
        attributes = (
            dict(particles.attributes)
            if particles.recipe is None
            else {name: np.array([value]) for name, value in particles.recipe.attributes.items()}
        )
        return cls(particles.box, particles.type_names, attributes, len(particles), particles.topology)

    def brief(self) -> Summary:
        """The same, with no more than the smallest and the largest value of each attribute."""
        ends = {name: np.array([values.min(), values.max()]) for name, values in self.attributes.items()}
        return replace(self, attributes=ends)

    @property
    def names(self) -> Names:
        """What functions can be about."""
        return Names(self.box.boundary, self.type_names, self.attributes, self.topology)

    @property
    def density(self) -> float:
        """Particles per volume."""
        return self.count / self.box.volume


@dataclass(frozen=True)
class Saved:
    """Where a run was stopped: the folder of a checkpoint, whose files have been verified."""

    box: Box
    quanta: Quanta
    step: int
    timeline: Timeline
    remembered: dict[str, float]
    attributes: tuple[str, ...]
    force_velocities: bool
    folder: Path
    files: tuple[ColumnFile, ...]

    @property
    def count(self) -> int:
        """Number of particles."""
        return sum(file.particles for file in self.files)

    def share(self, begin: int, end: int) -> State:
        """Particles begin .. end - 1, as they lie in the files."""
        nothing, nowhere = np.zeros(0, np.int64), np.zeros((0, self.box.dimensions))
        columns = {name: np.zeros(0) for name in self.attributes}
        state = State.of(self.box, nothing, nothing.copy(), np.zeros(0), nowhere, nowhere.copy(), columns)
        state.force_velocities = np.zeros((self.box.dimensions if self.force_velocities else 0, 0))
        state.add(read_rows(self.folder, self.files, begin, end))
        state.quanta = self.quanta
        return state


Start = State | Recipe | Saved
"""What a run starts from: particles, how to make them, or where to find them."""


def start_of(particles: Particles) -> Start:
    """The particles in the order of their ids, or how to make them."""
    if particles.recipe is not None:
        return particles.recipe
    order = np.argsort(particles.ids)
    columns = {name: values[order] for name, values in particles.attributes.items()}
    positions = particles.box.snap(particles.positions)[order]
    velocities = particles.velocities[order]
    ids, types, mass = particles.ids[order], particles.types[order], particles.mass[order]
    return State.of(particles.box, ids, types, mass, positions, velocities, columns, particles.images[order])


def own_share(start: Start, link: Link) -> State:
    """An equal share of the particles, wherever they lie: the first migration takes them home."""
    if isinstance(start, State):
        return start
    begin, end = (start.count * rank // link.size for rank in (link.rank, link.rank + 1))
    return start.share(begin, end) if isinstance(start, Saved) else _made(start, begin, end)


def _made(recipe: Recipe, begin: int, end: int) -> State:
    """Particles begin .. end - 1 of a recipe, at rest."""
    ids = np.arange(begin, end)
    columns = {name: np.full(len(ids), value) for name, value in recipe.attributes.items()}
    positions = recipe.positions(ids)
    mass = np.full(len(ids), recipe.mass)
    return State.of(recipe.box, ids, np.zeros(len(ids), np.int64), mass, positions, np.zeros_like(positions), columns)
