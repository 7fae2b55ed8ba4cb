"""What is said of attributes that a simulation and a frame do not have."""

from __future__ import annotations

import copy
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import motes
from motes.observers import Frame

TOTAL = "the total energy is kinetic_energy + potential_energy"


def two() -> motes.Simulation:
    particles = motes.Particles([[1.0, 1.0], [2.0, 2.0]], motes.Box([5.0, 5.0]), charge=[1.0, -1.0])
    return motes.Simulation(particles, motes.VelocityVerlet(0.01), threads=1)


@pytest.mark.parametrize("make", [two, lambda: Frame(two())], ids=["simulation", "frame"])
@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("energy", TOTAL),
        ("total_energy", TOTAL),
        ("kinetic", "did you mean 'kinetic_energy'?"),
        ("potential_enrgy", "did you mean 'potential_energy'?"),
        ("velocity", "did you mean 'velocities'?"),
        ("temp", "did you mean 'temperature'?"),
        ("charge", "it is attributes['charge']"),
        ("wavelength", "dir() lists what it has"),
    ],
)
def test_what_was_probably_meant_is_said(make: Any, name: str, hint: str) -> None:
    one = make()
    with pytest.raises(AttributeError) as caught:
        getattr(one, name)
    assert str(caught.value) == f"{type(one).__name__} has no {name!r}: {hint}"
    assert not hasattr(one, name)


def test_python_adds_no_guess_of_its_own() -> None:
    """It would be 'potential_energy' for the total one."""
    script = "import motes; motes.Simulation(motes.fcc(2, 0.5), motes.VelocityVerlet(0.01), threads=1).total_energy"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == f"AttributeError: Simulation has no 'total_energy': {TOTAL}"


def test_copies_are_made_as_ever() -> None:
    simulation = two()
    for twin in (copy.copy(simulation), copy.deepcopy(simulation)):
        assert np.array_equal(twin.positions, simulation.positions)
    frame = Frame(simulation)
    assert np.array_equal(copy.copy(frame).positions, simulation.positions)
    assert "sample" in dir(simulation)
    with pytest.raises(AttributeError, match="_nothing"):
        _ = simulation._nothing  # type: ignore[attr-defined]


def test_what_fails_within_is_told_as_it_is() -> None:
    simulation = two()
    simulation.__dict__["_course"] = None
    with pytest.raises(AttributeError, match="'NoneType' object has no attribute 'parts'"):
        _ = simulation.positions
