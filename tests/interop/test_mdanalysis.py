"""MDAnalysis opens trajectories of Motes, and finds in them what Motes finds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import motes

MDAnalysis = pytest.importorskip("MDAnalysis")
pytestmark = pytest.mark.filterwarnings("ignore:Reader has no dt information")  # the reader of gsd files has none


def test_molecules_are_those_of_the_run(tmp_path: Path) -> None:
    particles = motes.Particles(
        [[1.0, 1, 1], [2, 1, 1], [3, 1, 1], [5, 5, 5]], motes.Box([10.0, 8.0, 6.0]), ids=[30, 10, 20, 40],
        types=["C", "H", "H", "O"], mass=[12.0, 1.0, 2.0, 16.0], charge=[0.5, -0.25, -0.25, 0.0],
        velocities=[[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]],
        bonds=[(30, 10), (30, 20)], bond_types=["x", "y"], angles=[(10, 30, 20)],
    )  # fmt: skip
    bond, angle = motes.Bond(lambda r: (r - 1) ** 2), motes.Angle(lambda theta: (theta - 2) ** 2)
    simulation = motes.Simulation(particles, motes.VelocityVerlet(0.01), [bond, angle])
    simulation.every(10, motes.Trajectory(tmp_path / "few.gsd"))
    simulation.run(20)

    universe = MDAnalysis.Universe(tmp_path / "few.gsd")
    atoms = universe.atoms
    assert atoms.types.tolist() == ["H", "H", "C", "O"]  # in the order of ids
    assert atoms.masses.tolist() == [1.0, 2.0, 12.0, 16.0]
    assert atoms.charges.tolist() == [-0.25, -0.25, 0.5, 0.0]
    assert sorted(sorted(ends) for ends in universe.bonds.indices.tolist()) == [[0, 2], [1, 2]]
    assert universe.angles.indices.tolist() == [[0, 2, 1]]
    assert len(atoms.fragments) == 2
    assert [moment.data["step"] for moment in universe.trajectory] == [0, 10, 20]
    assert universe.dimensions.tolist() == [10, 8, 6, 90, 90, 90]
    last = universe.trajectory[-1].positions  # from the middle of the box
    assert last == pytest.approx(simulation.positions - simulation.box.lengths / 2, abs=1e-6)


def test_displacements_of_a_trajectory(fluid: Any) -> None:
    from MDAnalysis.analysis.msd import EinsteinMSD
    from MDAnalysis.transformations.nojump import NoJump

    def displacements(universe: Any) -> Any:
        found = EinsteinMSD(universe, fft=False).run().results.timeseries
        return found[1 : len(fluid.msd) + 1]

    universe = MDAnalysis.Universe(fluid.path)
    wrapped = displacements(universe)
    universe.trajectory.add_transformations(NoJump())
    unwrapped = displacements(universe)
    assert unwrapped == pytest.approx(fluid.msd, rel=1e-5)
    assert np.all(wrapped > 1.5 * unwrapped)
