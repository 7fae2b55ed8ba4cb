"""Whole arrays that are assigned to a simulation: checked as those of Particles are, in the order of particle ids."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from motes.core.box import Box
from motes.core.checks import numbers
from motes.core.errors import InputError
from motes.core.state import FROZEN, Array, Floats, Integers
from motes.core.words import did_you_mean
from motes.engine.starts import state_of
from motes.exact.sums import exact_sum
from motes.particles.particles import Particles


def checked_columns(
    name: str, values: ArrayLike, box: Box, ids: Integers, given: Mapping[str, Array]
) -> dict[str, Array]:  # fmt: skip
    """What is assigned, as a state has it: columns by name, each (..., N) in the order of these rising ids; given: what
    the particles have else that it must go with.

    Positions outside a periodic box go into it, and are counted in the images.

    Raises:
        InputError: for a shape that is not that of the particles, and for values that no particle can have.
    """
    new = numbers(name, np.asarray(values, float) if name == FROZEN and np.asarray(values).dtype == bool else values)
    wanted = (len(ids), box.dimensions) if name in ("positions", "velocities") else (len(ids),)
    if new.shape != wanted:
        raise InputError(f"{name} have shape {new.shape}; it must be {wanted}, that of all particles together")
    corner = np.tile(box.origin, (len(ids), 1))
    columns: dict[str, Any] = {"positions": corner, **given, name: new}
    state = state_of(Particles(box=box, ids=ids, **columns))
    if name == "positions":
        return {"positions": state.positions, "images": state.images}
    return {name: state.attributes[name] if name in state.attributes else getattr(state, name)}


def thermal(particles: Particles, temperature: float, seed: int, freedom: int) -> Floats:
    """Velocities (N, d) drawn by id as Particles.thermalize does, with exactly this temperature for so many degrees of
    freedom."""
    particles.thermalize(temperature, seed)
    usual = particles.box.dimensions * (int(np.count_nonzero(particles.mobile)) - 1)
    velocities: Floats = particles.velocities * math.sqrt(freedom / usual if usual > 0 else 0.0)
    return velocities


def without_drift(velocities: Floats, mass: Floats) -> Floats:
    """Velocities (N, d) less that of the centre of mass."""
    largest = float(np.abs(velocities).max(initial=0.0)) * float(mass.max(initial=0.0))
    if largest == 0.0:
        return velocities
    momentum = [exact_sum(mass * column, largest, _alone) for column in velocities.T]
    return velocities - np.array(momentum) / exact_sum(mass, float(mass.max()), _alone)


def _alone(sums: Integers) -> Integers:
    """There is no other part."""
    return sums


class Attributes(Mapping[str, Floats]):
    """The attributes of a simulation's particles: arrays to be read, and assigned as a whole."""

    def __init__(
        self, names: tuple[str, ...], read: Callable[[str], Floats], assign: Callable[[str, Any], None]
    ) -> None:
        self._names, self._read, self._assign = names, read, assign

    def __getitem__(self, name: str) -> Floats:
        if name not in self._names:
            raise KeyError(f"the particles have no attribute {name!r}; {did_you_mean(str(name), self._names)}")
        return self._read(name)

    def __setitem__(self, name: str, values: ArrayLike) -> None:
        if name not in self._names:
            way = "a new one is given to Particles, before a simulation is made"
            if name == FROZEN:
                way = "simulation.freeze(ids) brings it"
            raise InputError(f"the particles have no attribute {name!r}; {did_you_mean(str(name), self._names)}; {way}")
        self._assign(name, values)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"<attributes: {', '.join(self._names) or 'none'}>"
