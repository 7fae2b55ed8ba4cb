"""What a run starts from, and which share of it a rank takes at first."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from motes.core.box import Box
from motes.core.state import FROZEN, Floats, State, Timeline
from motes.core.tuples import Topology
from motes.decomposition.domain import Link
from motes.formulas.bind import Names
from motes.particles.particles import Particles
from motes.particles.recipes import Recipe
from motes.storage.columns import read_rows
from motes.storage.manifest import Manifest


@dataclass(frozen=True)
class Summary:
    """What is known of the particles besides where they are.

    Attributes:
        box: the box.
        type_names: the names of the types.
        attributes: by name, values among which are the smallest and the largest.
        count: how many particles there are.
        topology: bonds and angles.
        frozen: how many of the particles never move.
    """

    box: Box
    type_names: tuple[int | str, ...]
    attributes: dict[str, Floats]
    count: int
    topology: Topology
    frozen: int = 0

    @classmethod
    def of(cls, particles: Particles) -> Summary:
        """What is known of these; where all have the same attributes, they are not spelled out."""
        attributes = (
            dict(particles.attributes)
            if particles.recipe is None
            else {name: np.array([value]) for name, value in particles.recipe.attributes.items()}
        )
        frozen = 0 if FROZEN not in attributes else len(particles) - int(np.count_nonzero(particles.mobile))
        return cls(particles.box, particles.type_names, attributes, len(particles), particles.topology, frozen)

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


class Start(ABC):
    """What a run starts from, at which step and time."""

    step: int
    timeline: Timeline

    @property
    def remembered(self) -> dict[str, float]:
        """What the integrator knows of the steps before."""
        return {}

    @abstractmethod
    def share(self, link: Link) -> State:
        """Those particles that a rank has at first, wherever they lie: the first migration takes them home."""

    def draw_velocities(self, state: State, link: Link) -> None:  # noqa: B027  # most have them
        """Give this rank's particles their velocities, if they have none yet: that takes all ranks at once."""

    @property
    def elsewhere(self) -> Start:
        """What ranks other than 0 start from."""
        return self


@dataclass
class Here(Start):
    """Particles that rank 0 has, all of them."""

    state: State

    def __post_init__(self) -> None:
        self.step, self.timeline = self.state.step, self.state.timeline

    @property
    def remembered(self) -> dict[str, float]:
        """As the state remembers it."""
        return self.state.remembered

    def share(self, link: Link) -> State:  # noqa: ARG002  # as the base class has it
        """All, on rank 0; `elsewhere` has none."""
        return self.state

    @property
    def elsewhere(self) -> Here:
        """No particles, but the same columns."""
        return Here(self.state.emptied())


@dataclass
class Made(Start):
    """Particles that every rank makes by a recipe."""

    recipe: Recipe
    step: int
    timeline: Timeline

    def share(self, link: Link) -> State:
        """An equal number for each rank, at rest."""
        begin, end = _part(self.recipe.count, link)
        ids, recipe = np.arange(begin, end), self.recipe
        columns = {name: np.full(len(ids), value) for name, value in recipe.attributes.items()}
        positions = recipe.positions(ids)
        types, mass = np.zeros(len(ids), np.int64), np.full(len(ids), recipe.mass)
        state = State.of(recipe.box, ids, types, mass, positions, np.zeros_like(positions), columns)
        state.step, state.timeline = self.step, self.timeline
        return state

    def draw_velocities(self, state: State, link: Link) -> None:
        """By the recipe."""
        state.velocities[:] = self.recipe.velocities(state.ids, link.sum).T


@dataclass
class Saved(Start):
    """Where a run was stopped: the folder of a checkpoint, whose files have been verified."""

    box: Box
    manifest: Manifest
    folder: Path

    def __post_init__(self) -> None:
        self.step, self.timeline = self.manifest.step, self.manifest.timeline

    @property
    def remembered(self) -> dict[str, float]:
        """As the manifest has it."""
        return self.manifest.memory

    def share(self, link: Link) -> State:
        """An equal number for each rank, as they lie in the files."""
        files, axes = self.manifest.files, self.box.dimensions
        begin, end = _part(sum(file.particles for file in files), link)
        nothing, nowhere = np.zeros(0, np.int64), np.zeros((0, axes))
        columns = {name: np.zeros(0) for name in self.manifest.attributes}
        state = State.of(self.box, nothing, nothing.copy(), np.zeros(0), nowhere, nowhere.copy(), columns)
        state.force_velocities = np.zeros((axes if self.manifest.force_velocities else 0, 0))
        state.add(read_rows(self.folder, files, begin, end))
        state.quanta, state.step, state.timeline = self.manifest.quanta, self.step, self.timeline
        state.remember(self.remembered)
        return state


def _part(count: int, link: Link) -> tuple[int, int]:
    begin, end = (count * rank // link.size for rank in (link.rank, link.rank + 1))
    return begin, end


def state_of(particles: Particles) -> State:
    """The particles in the order of their ids, at step 0."""
    order = np.argsort(particles.ids)
    columns = {name: values[order] for name, values in particles.attributes.items()}
    positions = particles.box.snap(particles.positions)[order]
    velocities = particles.velocities[order]
    ids, types, mass = particles.ids[order], particles.types[order], particles.mass[order]
    return State.of(particles.box, ids, types, mass, positions, velocities, columns, particles.images[order])


def start_of(particles: Particles, step: int, timeline: Timeline) -> Start:
    """From these particles, or from how to make them."""
    if particles.recipe is not None:
        return Made(particles.recipe, step, timeline)
    state = state_of(particles)
    state.step, state.timeline = step, timeline
    return Here(state)
