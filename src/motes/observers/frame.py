"""One moment of a simulation, as an observer sees it: read-only, each quantity worked out at most once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, Never, Self, TypeVar, overload

import numpy as np

from motes.core.box import Box
from motes.core.errors import RunError
from motes.core.frozen import absence, check_assignable
from motes.core.state import Floats, Integers
from motes.core.tuples import Topology
from motes.particles.particles import Particles

T = TypeVar("T")

TOTAL_ENERGY = ("energy", "total_energy")
"""Names under which it is looked for."""


class Reading(Generic[T]):
    """A property of a frame: what its simulation says by the same name, gathered when first asked for."""

    def __init__(self, text: str) -> None:
        self.__doc__ = text

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, frame: None, owner: type) -> Self: ...
    @overload
    def __get__(self, frame: Frame, owner: type) -> T: ...
    def __get__(self, frame: Frame | None, owner: type) -> Self | T:
        if frame is None:
            return self
        value: T = frame.read(self._name)
        return value


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

    if not TYPE_CHECKING:  # which would take any name for an attribute

        def __getattr__(self, name: str) -> Never:
            raise absence(self, name, elsewhere(getattr(vars(self).get("_simulation"), "attributes", ())))

    def __len__(self) -> int:
        """The number of particles."""
        return len(self._simulation)

    def __repr__(self) -> str:
        return f"Frame(step={self._step})"

    def read(self, name: str) -> Any:
        """A reading by its name."""
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
    def step(self) -> int:
        """Steps done since the simulation began."""
        return self._step

    time = Reading[float]("Time passed, counted step by step.")
    has_velocities = Reading[bool]("Whether velocities carry the particles; under Brownian motion and flows not.")
    box = Reading[Box]("The box: lengths, boundary, origin.")
    topology = Reading[Topology]("Bonds and angles, their types and the labels of these, by their kind.")
    bonds = Reading[Integers]("Pairs of ids, (B, 2).")
    angles = Reading[Integers]("Ids, (A, 3), the corner in the middle.")
    ids = Reading[Integers]("(N,) the particles' ids, ascending.")
    types = Reading[Integers]("(N,) indices into `type_names`.")
    type_names = Reading[tuple[str | int, ...]]("The label of each type.")
    mass = Reading[Floats]("(N,) masses.")
    attributes = Reading[Mapping[str, Floats]]("Further per-particle attributes by name, each (N,).")
    positions = Reading[Floats]("(N, d) positions, wrapped into the box on periodic axes.")
    images = Reading[Integers]("(N, d) edges left behind: unwrapped, they are at positions + images * box.lengths.")
    unwrapped = Reading[Floats]("(N, d) positions as if the box were not periodic.")
    velocities = Reading[Floats]("(N, d) velocities.")
    forces = Reading[Floats]("(N, d) the force on each particle.")
    energies = Reading[Floats]("(N,) what each particle has of the potential energy.")
    stress = Reading[Floats]("(N, d, d) the stress of each particle times its volume.")
    pressure_tensor = Reading[Floats]("(d, d) the pressure by axes; its trace over d is the pressure.")
    potential_energies = Reading[tuple[float, ...]]("The potential energy of each interaction, in their order.")
    potential_energy = Reading[float]("The sum of all interactions' energies.")
    kinetic_energy = Reading[float]("Sum of m v^2 / 2.")
    temperature = Reading[float]("2 kinetic energy / degrees of freedom, in units of energy.")
    conserved_energy = Reading[float]("Potential and kinetic energy, less a bath's heat; NaN where nobody counts it.")
    virial = Reading[float]("Sum over pairs of r . F.")
    pressure = Reading[float]("(2 kinetic energy + virial) / (d volume).")
    fingerprint = Reading[str]("Hex digest of the exact state.")

    def neighbors(self, distance: float) -> Any:
        """All pairs of particles closer than a distance: i, j, vector and r; see Simulation.neighbors."""
        return self._ask("neighbors", distance)

    def count_pairs(self, bins: int, bounds: tuple[float, float], types: tuple[Any, Any] | None = None) -> Integers:
        """How many pairs there are in bins of their distance, (bins,); see Simulation.count_pairs."""
        counts: Integers = self._ask("count_pairs", bins, bounds, types)
        return counts

    def sample(self, number: int) -> Particles:
        """So many particles, picked by their ids, without gathering all; see Simulation.sample."""
        particles: Particles = self._ask("sample", number)
        return particles

    def density_modes(self, q: float, type: Any = None) -> Any:  # noqa: A002  # as Simulation has it
        """Fourier components of the density up to a wave number: vectors and values; see Simulation.density_modes."""
        return self._ask("density_modes", q, type)

    def _ask(self, name: str, *arguments: Any) -> Any:
        """What its simulation answers at its step."""
        now = self._simulation.step
        if now != self._step:
            raise RunError(
                f"this frame is of step {self._step}, but the simulation is at step {now}: ask '{name}' in the observer"
            )
        return getattr(self._simulation, name)(*arguments)

    def save(self, path: str | Path) -> Path:
        """Write a checkpoint of this moment into a folder; see Simulation.save."""
        checkpoint: Path = self._ask("save", path)
        return checkpoint


def elsewhere(attributes: Iterable[str]) -> dict[str, str]:
    """Where those find it who look for one of these names in a simulation or a frame."""
    total = "the total energy is kinetic_energy + potential_energy"
    return dict.fromkeys(TOTAL_ENERGY, total) | {name: f"it is attributes[{name!r}]" for name in attributes}


def _frozen(value: Any) -> Any:
    """The same value, through views that cannot be written to."""
    if isinstance(value, np.ndarray):
        view = value.view()
        view.flags.writeable = False
        return view
    if isinstance(value, Mapping):
        return MappingProxyType({key: _frozen(item) for key, item in value.items()})
    return value
