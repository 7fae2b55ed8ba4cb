"""What a frame has goes into freud, and freud finds in it what Motes finds."""

from __future__ import annotations

from typing import Any

import gsd.hoomd
import numpy as np
import pytest

import motes

freud = pytest.importorskip("freud")


def test_a_box_is_one_of_freud(fluid: Any) -> None:
    own = fluid.simulation.box
    box = freud.box.Box.from_box(own)
    assert not box.is2D
    assert pytest.approx(own.lengths, rel=1e-7) == box.L
    assert not any((box.xy, box.xz, box.yz))
    flat = freud.box.Box.from_box(motes.Box([3.0, 4.0]))
    assert flat.is2D
    assert flat.L.tolist() == [3.0, 4.0, 0.0]


def test_vectors_are_wrapped_alike(fluid: Any) -> None:
    simulation = fluid.simulation
    near = simulation.neighbors(2.5)
    assert len(near.i) > 1000
    apart = simulation.positions[near.j] - simulation.positions[near.i]
    assert (np.abs(apart) > 3.0).any()  # through a side of the box
    assert freud.box.Box.from_box(simulation.box).wrap(apart) == pytest.approx(near.vector, abs=1e-5)


@pytest.mark.parametrize(("query", "width"), [("AABBQuery", []), ("LinkCell", [2.0])])
def test_pairs_are_those_of_freud(fluid: Any, query: str, width: list[float]) -> None:
    simulation = fluid.simulation
    points = getattr(freud.locality, query)(simulation.box, simulation.positions, *width)
    found = points.query(simulation.positions, {"r_max": 2.0, "exclude_ii": True}).toNeighborList()
    near = simulation.neighbors(2.0)
    pairs = list(zip(near.i.tolist(), near.j.tolist(), strict=True))
    assert sorted(map(tuple, found[:].tolist())) == sorted(pairs + [(j, i) for i, j in pairs])


def test_the_radial_distribution_is_that_of_freud(fluid: Any) -> None:
    simulation = fluid.simulation
    ours = motes.Rdf(bins=25, range=(0.0, 2.5))
    handle = simulation.every(1, ours)
    simulation.run(0)
    handle.remove()
    theirs = freud.density.RDF(bins=25, r_max=2.5).compute((simulation.box, simulation.positions))
    assert (2 * ours.counts).tolist() == theirs.bin_counts.tolist()  # freud counts a pair from each of its ends
    number = len(simulation)
    # freud divides by N**2, as if a particle were its own neighbour; Motes by the N (N - 1) pairs that there are.
    assert ours.g == pytest.approx(theirs.rdf * number / (number - 1), rel=1e-5)


def test_the_same_in_a_plane() -> None:
    particles = motes.random(300, motes.Box([12.0, 9.0]), seed=4)
    simulation, ours = motes.Simulation(particles, motes.VelocityVerlet(0.01)), motes.Rdf(bins=20, range=(0, 4.0))
    simulation.every(1, ours)
    simulation.run(0)
    points = np.pad(simulation.positions, [(0, 0), (0, 1)])  # freud wants a third coordinate, 0
    theirs = freud.density.RDF(bins=20, r_max=4.0).compute((simulation.box, points))
    assert (2 * ours.counts).tolist() == theirs.bin_counts.tolist()
    assert ours.g == pytest.approx(theirs.rdf * 300 / 299, rel=1e-5)


def test_displacements_of_a_trajectory(fluid: Any) -> None:
    with gsd.hoomd.open(fluid.path) as frames:
        positions = np.array([frame.particles.position for frame in frames])
        images = np.array([frame.particles.image for frame in frames])
    lags = slice(1, len(fluid.msd) + 1)
    unwrapped = freud.msd.MSD(fluid.simulation.box, "window").compute(positions, images).msd[lags]
    assert unwrapped == pytest.approx(fluid.msd, rel=3e-5)
    wrapped = freud.msd.MSD(mode="window").compute(positions).msd[lags]
    assert (wrapped > 1.5 * unwrapped).all()  # each particle that leaves jumps back by a whole edge
