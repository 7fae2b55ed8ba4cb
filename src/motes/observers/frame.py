"""One moment of a simulation, as an observer sees it: read-only, each quantity worked out at most once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from motes.core.frozen import check_assignable
from motes.errors import RunError

if TYPE_CHECKING:
    from motes.core.box import Box

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Frame:
    """The state at one step. Arrays are read-only, in the order of particle ids, N particles by d dimensions.

    Quantities are gathered when first asked for and kept, so several observers of one step share the work.
    A frame belongs to its step: asking it for something new after the simulation has moved on is a RunError.
    """

    def __init__(self, simulation: Any) -> None:
        self._simulation = simulation
        self._known: dict[str, Any] = {}
        self._step = int(simulation.step)
        self._changes = int(simulation.changes)

    def __setattr__(self, name: str, value: Any) -> None:
        check_assignable(self, name, "a frame only shows a simulation; assign to that")
        super().__setattr__(name, value)

    def __len__(self) -> int:
        """The number of particles."""
        return len(self._simulation)

    def __repr__(self) -> str:
        return f"Frame(step={self._step})"

    def _read(self, name: str) -> Any:
        if self._changes != self._simulation.changes and self._step == self._simulation.step:
            self._known.clear()  # another observer of this step has assigned something
            self._changes = self._simulation.changes
        if name not in self._known:
            now = self._simulation.step
            if now != self._step:
                raise RunError(
                    f"this frame is of step {self._step}, but the simulation is at step {now}: "
                    f"read '{name}' inside the observer, or copy it there"
                )
            self._known[name] = _frozen(getattr(self._simulation, name))
        return self._known[name]

    @property
    def topology(self) -> Any:
        """Bonds and angles, their types and the labels of these, by their kind."""
        return self._simulation.topology

    @property
    def bonds(self) -> Integers:
        """Pairs of ids, (B, 2)."""
        members: Integers = self._simulation.bonds
        return members

    @property
    def angles(self) -> Integers:
        """Ids, (A, 3), the corner in the middle."""
        members: Integers = self._simulation.angles
        return members

    @property
    def step(self) -> int:
        """Steps done since the simulation began."""
        return self._step

    @property
    def time(self) -> float:
        """Time passed, counted step by step."""
        return float(self._read("time"))

    @property
    def has_velocities(self) -> bool:
        """Whether velocities carry the particles; under Brownian motion and flows they mean nothing."""
        return bool(self._read("has_velocities"))

    @property
    def box(self) -> Box:
        """The box: lengths, boundary, origin."""
        box: Box = self._read("box")
        return box

    @property
    def ids(self) -> Integers:
        """(N,) the particles' ids, ascending."""
        ids: Integers = self._read("ids")
        return ids

    @property
    def types(self) -> Integers:
        """(N,) indices into `type_names`."""
        types: Integers = self._read("types")
        return types

    @property
    def type_names(self) -> tuple[str | int, ...]:
        """The label of each type."""
        return tuple(self._read("type_names"))

    @property
    def mass(self) -> Floats:
        """(N,) masses."""
        mass: Floats = self._read("mass")
        return mass

    @property
    def attributes(self) -> Mapping[str, Floats]:
        """Further per-particle attributes by name, each (N,)."""
        attributes: Mapping[str, Floats] = self._read("attributes")
        return attributes

    @property
    def positions(self) -> Floats:
        """(N, d) places, wrapped into the box on periodic axes."""
        positions: Floats = self._read("positions")
        return positions

    @property
    def images(self) -> Integers:
        """(N, d) edges of the box left behind: unwrapped, particles are at positions + images * box.lengths."""
        images: Integers = self._read("images")
        return images

    @property
    def velocities(self) -> Floats:
        """(N, d) velocities."""
        velocities: Floats = self._read("velocities")
        return velocities

    @property
    def forces(self) -> Floats:
        """(N, d) the force on each particle."""
        forces: Floats = self._read("forces")
        return forces

    @property
    def potential_energy(self) -> float:
        """The sum of all interactions' energies."""
        return float(self._read("potential_energy"))

    @property
    def kinetic_energy(self) -> float:
        """Sum of m v^2 / 2."""
        return float(self._read("kinetic_energy"))

    @property
    def temperature(self) -> float:
        """2 kinetic energy / degrees of freedom, in units of energy."""
        return float(self._read("temperature"))

    @property
    def conserved_energy(self) -> float:
        """Potential and kinetic energy, less the heat from a bath; NaN where nobody counts it."""
        return float(self._read("conserved_energy"))

    @property
    def virial(self) -> float:
        """Sum over pairs of r . F."""
        return float(self._read("virial"))

    @property
    def pressure(self) -> float:
        """(2 kinetic energy + virial) / (d volume)."""
        return float(self._read("pressure"))

    def save(self, path: str | Path) -> Path:
        """Write a checkpoint of this moment into a folder; see Simulation.save."""
        place: Path = self._simulation.save(path)
        return place

    @property
    def fingerprint(self) -> str:
        """Hex digest of the exact state."""
        return str(self._read("fingerprint"))


def _frozen(value: Any) -> Any:
    """The same value, through views that cannot be written to."""
    if isinstance(value, np.ndarray):
        view = value.view()
        view.flags.writeable = False
        return view
    if isinstance(value, Mapping):
        return MappingProxyType({key: _frozen(item) for key, item in value.items()})
    return value
