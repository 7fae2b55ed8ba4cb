"""The energy of the melt stays where it is.

What is measured: 4,000 particles of the melt are equilibrated for 500 steps; then the total energy is read every
10 steps over 10,000 steps of dt = 0.002. The drift is the change of the straight line fitted to it, over all the
steps; the means of the first and the last fifth must tell the same.

Which energy: the forces of a truncated potential conserve the one that is shifted to zero at the cutoff. The plain
truncated energy jumps by U(cutoff) with each of thousands of pairs that cross the cutoff, so it also shows how their
number fluctuates, which is no drift. Both runs have the same forces; the test holds the shifted one to the limit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import motes
from motes.forces.potentials import lennard_jones

STEPS = 10_000
LIMIT = 1e-5


def energies(start: motes.Particles, steps: int) -> Any:
    """Total energy every 10 steps."""
    pair = motes.Pair(lennard_jones, 2.5, "energy", epsilon=1.0, sigma=1.0)
    sim = motes.Simulation(start, motes.VelocityVerlet(dt=0.002), [pair])
    sim.run(500)
    found: list[float] = []
    sim.every(10, lambda frame: found.append(frame.potential_energy + frame.kinetic_energy))
    sim.run(steps)
    return np.array(found)


def drift(energy: Any) -> tuple[float, float]:
    """Change over the whole run, of |E|: by a line through all values, and by the means of first and last fifth."""
    time = np.linspace(0.0, 1.0, len(energy))
    slope = np.polyfit(time, energy - energy[0], 1)[0]
    fifth = len(energy) // 5
    means = (energy[-fifth:].mean() - energy[:fifth].mean()) / 0.8
    return float(slope / abs(energy.mean())), float(means / abs(energy.mean()))


@pytest.mark.slow
def test_energy_drifts_less_than_a_hundred_thousandth_in_ten_thousand_steps(data: Path) -> None:
    energy = energies(motes.read(data / "lammps" / "melt-4000.data"), STEPS)
    assert len(energy) == 1 + STEPS // 10
    by_line, by_means = drift(energy)
    assert abs(by_line) < LIMIT
    assert abs(by_means) < LIMIT
    assert energy.std() / abs(energy.mean()) < LIMIT


def test_energy_of_the_melt_stays_within_a_few_hundred_thousandths(data: Path) -> None:
    """The same over a twentieth of the steps, each time the tests run."""
    energy = energies(motes.read(data / "lammps" / "melt-4000.data"), STEPS // 20)
    assert np.ptp(energy) / abs(energy.mean()) < 3 * LIMIT
