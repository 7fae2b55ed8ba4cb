"""What rank 0 may ask of the ranks between two steps: nothing here changes what they have."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np

from motes.core.box import AXES
from motes.core.state import Array, Floats, Integers, State
from motes.core.threads import Team
from motes.decomposition.domain import Link
from motes.formulas.bind import MASS
from motes.formulas.elementwise import Work
from motes.storage.columns import file_name, write_columns


class Queries:
    """Answers of one rank; those of all ranks are gathered for rank 0."""

    state: State
    link: Link
    team: Team

    def save(self, folder: Path) -> list[tuple[int, int, int, int]]:
        """Write the particles of each rank into a file; for each rank an error number, or 0, and what it wrote."""
        try:
            file = write_columns(folder / file_name(self.link.rank), self.state.columns())
            said = [0, file.particles, file.bytes, file.checksum]
        except OSError as error:
            said = [error.errno or errno.EIO, 0, 0, 0]
        return [tuple(part[:, 0].tolist()) for part in self.link.gather(np.array([said]).T)]

    def gather(self, name: str) -> Array:
        """An array or attribute over all particles: those of rank 0 first, in the order they lie."""
        attributes = self.state.attributes
        values = attributes[name] if name in attributes else getattr(self.state, name)
        parts = self.link.gather(np.asarray(values[..., : self.state.owned]))
        return np.concatenate(parts, axis=-1) if parts else np.empty(0)

    def evaluate(self, work: Work, names: Sequence[str]) -> Array:
        """Results (k, N) of a function of what the particles have; see gather for their order."""
        own = [self._column(name) for name in names]
        results = work.run(own, (self.state.owned,), self.team)
        parts = self.link.gather(np.stack(results))
        return np.concatenate(parts, axis=-1) if parts else np.empty(0)

    def _column(self, name: str) -> Array:
        """A coordinate inside the box, the time, the mass, or an attribute, of the owned particles."""
        state = self.state
        if name == "t":
            return np.array(state.time)
        if name in AXES:
            axis = AXES.index(name)
            x = state.positions[axis, : state.owned]
            inside: Floats = np.mod(x, state.box.lengths[axis]) if state.box.periodic[axis] else x
            return inside + float(state.box.origin[axis])
        return (state.mass if name == MASS else state.attributes[name])[: state.owned]

    def find(self, ids: Sequence[int]) -> Integers:
        """The columns of particles with these ids, for rank 0."""
        state = self.state
        return self._collect(state.take(np.flatnonzero(np.isin(state.ids[: state.owned], ids))))

    def near(self, position: Sequence[float], radius: float) -> Integers:
        """The columns of all particles, and of their images, that are within the radius of a position inside the box,
        for rank 0; their positions are relative to it."""
        state = self.state
        axes = [index for index, name in enumerate(state.column_names) if name in AXES]
        reach = [int(radius // length) + 3 if periodic else 0 for length, periodic in self._edges()]
        found = []
        for image in product(*(range(-most, most + 1) for most in reach)):
            shift = np.array(image) * state.box.lengths - np.asarray(position)
            apart = state.positions[:, : state.owned] + shift[:, None]
            places = np.flatnonzero((apart**2).sum(axis=0) <= radius**2)
            rows = state.take(places)
            rows[axes] = apart[:, places].view(np.int64)
            found.append(rows)
        return self._collect(np.concatenate(found, axis=1))

    def _edges(self) -> list[tuple[float, bool]]:
        box = self.state.box
        return list(zip(box.lengths.tolist(), box.periodic.tolist(), strict=True))

    def _collect(self, rows: Integers) -> Integers:
        parts = self.link.gather(rows)
        return np.concatenate(parts, axis=1) if parts else rows
