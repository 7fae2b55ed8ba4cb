"""A stand-in for a simulation, so that observers are tested by themselves."""

from typing import Any

import numpy as np
import pytest

from motes.core.box import Box


class FakeSimulation:
    """Three particles in a box; `reads` counts how often each quantity was asked for."""

    def __init__(self, dimensions: int = 3) -> None:
        self.step = 0
        self.reads: dict[str, int] = {}
        lengths = np.array([10.0, 8.0, 6.0])[:dimensions]
        origin = np.array([1.0, 2.0, 3.0])[:dimensions]
        box = Box(lengths, "periodic", origin)
        self._values: dict[str, Any] = {
            "box": box,
            "has_velocities": True,
            "ids": np.array([2, 5, 9]),
            "types": np.array([0, 1, 0]),
            "type_names": ("A", "B"),
            "topology": {},
            "mass": np.array([1.0, 2.0, 1.0]),
            "attributes": {"charge": np.array([0.5, -1.0, 0.5])},
            "positions": origin + lengths * np.array([[0.0], [0.5], [0.75]]),
            "images": np.zeros((3, dimensions), int),
            "velocities": np.arange(3.0 * dimensions).reshape(3, dimensions),
            "forces": np.zeros((3, dimensions)),
            "potential_energy": -1.0 / 3.0,
            "kinetic_energy": 1e-7 / 7.0,
            "temperature": 0.1,
            "pressure": -2.0 / 3.0,
            "virial": 0.7,
            "fingerprint": "abc",
        }

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._values:
            raise AttributeError(name)
        self.reads[name] = self.reads.get(name, 0) + 1
        return self._values[name]

    def set(self, **values: Any) -> None:
        self._values.update(values)

    def __len__(self) -> int:
        return 3

    changes = 0

    @property
    def time(self) -> float:
        return self.step * 0.005


@pytest.fixture
def simulation() -> FakeSimulation:
    return FakeSimulation()


@pytest.fixture
def flat_simulation() -> FakeSimulation:
    return FakeSimulation(dimensions=2)
