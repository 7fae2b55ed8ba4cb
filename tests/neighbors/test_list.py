"""The list holds every pair once: against brute force, right after it was built and after particles have moved."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import motes
from listed import Listed, expected_pairs
from motes.core.state import CLUSTER
from motes.core.threads import Team
from motes.neighbors.list import search

pytestmark = pytest.mark.usefixtures("small_parts")


@settings(max_examples=300)
@given(data=st.data())
def test_every_pair_is_listed_once(systems: Callable[..., Any], data: st.DataObject) -> None:
    system = data.draw(systems())
    cutoff = data.draw(st.sampled_from([0.3, 0.7, 1.0]))
    skin = data.draw(st.sampled_from([0.0, 0.1, 0.5]))
    listed = Listed(system.box, system.positions, cutoff, skin, data.draw(st.integers(1, 3)))
    # Whether a pair at the very rim is listed is left to rounding: without a margin only within the cutoff.
    radius = (cutoff + skin) * (1 - 1e-12)
    assert listed.pairs(radius) == expected_pairs(system.positions, system.box, radius)


@settings(max_examples=150)
@given(data=st.data())
def test_the_list_stays_complete_until_it_says_otherwise(systems: Callable[..., Any], data: st.DataObject) -> None:
    system = data.draw(systems())
    cutoff, skin = data.draw(st.sampled_from([(0.7, 0.3), (1.0, 0.1), (0.4, 0.8)]))
    listed = Listed(system.box, system.positions, cutoff, skin, data.draw(st.integers(1, 3)))
    for _ in range(3):
        directions = system.random.standard_normal(system.positions.shape)
        directions /= np.sqrt((directions**2).sum(axis=1, keepdims=True))
        inwards = np.sign(system.box.lengths / 2 - listed.positions())
        directions = np.where(system.box.periodic, directions, inwards * np.abs(directions))
        listed.move(0.49999 * skin * directions)
        assert not listed.neighbors.moved_too_far(listed.state)
        found = listed.pairs(cutoff)
        # Particles may be outside by now: periodic images do not mind, and an open box holds them all.
        unbounded = np.where(system.box.periodic, "periodic", "open").tolist()
        assert found == expected_pairs(listed.positions(), motes.Box(system.box.lengths, unbounded), cutoff)
        listed.build()


def test_a_particle_that_moved_half_the_skin_calls_for_a_new_list() -> None:
    box = motes.Box([8, 8, 8])
    for move, expected in ((0.24, False), (0.26, True)):
        for particle in range(20):
            listed = Listed(box, np.full((20, 3), 4.0), 1.0, 0.5, threads=3)
            moves = np.zeros((20, 3))
            moves[particle, particle % 3] = -move
            listed.move(moves)
            assert listed.neighbors.moved_too_far(listed.state) == expected
            assert listed.neighbors.strayed(listed.state)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("boundary", ["periodic", "open", ["periodic", "open", "reflecting"]])
def test_many_particles_in_many_parts(boundary: Any, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[int] = []
    call = Team.call

    def noting(team: Team, kernel: Any, calls: Any) -> list[Any]:
        searched.extend([len(calls)] * (kernel is search))
        return call(team, kernel, calls)

    monkeypatch.setattr(Team, "call", noting)
    box = motes.Box([9.0, 7.0, 8.0], boundary)
    positions = np.random.default_rng(3).random((500, 3)) * box.lengths
    listed = Listed(box, positions, 0.9, 0.2, threads)
    assert max(searched) == 1 if threads == 1 else max(searched) > 2 * threads
    assert listed.pairs(1.1) == expected_pairs(positions, box, 1.1)


@pytest.mark.parametrize("cutoff", [math.sqrt(2), math.sqrt(3), math.sqrt(5), 2.0])
def test_a_lattice_with_neighbours_at_the_cutoff_itself(cutoff: float) -> None:
    grid = np.stack(np.meshgrid(*[np.arange(6.0)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    listed = Listed(motes.Box([6, 6, 6]), grid + 0.5, cutoff, 0.25)
    assert listed.pairs(cutoff) == expected_pairs(grid + 0.5, motes.Box([6, 6, 6]), cutoff)


@pytest.mark.parametrize("z", [0.0, 0.5, 1.0], ids=["lower face", "middle", "upper face"])
@pytest.mark.parametrize("x", [0.0, 0.5, 1.0], ids=["lower face", "middle", "upper face"])
def test_one_particle_and_its_images(x: float, z: float) -> None:
    box = motes.Box([1, 1, 1])
    position = np.array([[x, 0.5, z]]) * (1 - box.spacing)  # the last position of the grid inside the box
    assert (position < 1).all()
    listed = Listed(box, position, 2.3, 0.1)
    assert listed.pairs(2.3) == expected_pairs(position, box, 2.3)
    assert listed.neighbors.pairs.slots < 20_000


@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_layer_of_particles_just_below_the_upper_face(dimensions: int) -> None:
    """Their extent is one grid step: no measure for anything."""
    box = motes.Box([4.0, 4.0, 3.0][-dimensions:])
    positions = np.random.default_rng(1).random((200, dimensions)) * box.lengths
    positions[:, -1] = box.lengths[-1] - box.spacing * np.random.default_rng(2).integers(1, 3, 200)
    listed = Listed(box, positions, 0.5, 0.1)
    assert listed.pairs(0.5) == expected_pairs(positions, box, 0.5)


@pytest.mark.parametrize("boundary", ["periodic", "open", "reflecting"])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_no_particles_have_no_pairs(boundary: str, dimensions: int) -> None:
    listed = Listed(motes.Box([2.0] * dimensions, boundary), np.zeros((0, dimensions)), 1.0, 0.1)
    assert listed.pairs(1.1) == Counter()


def test_a_cloud_in_a_vast_empty_box_takes_little_memory() -> None:
    box = motes.Box([1e4, 1e4, 1e4], "open")
    positions = 5e3 + np.random.default_rng(1).random((300, 3))
    positions[0], positions[1] = 0.0, 1e4  # two far away, in opposite corners
    listed = Listed(box, positions, 0.3, 0.05)
    assert listed.pairs(0.35) == expected_pairs(positions, box, 0.35)
    assert listed.neighbors.pairs.slots < 50 * 300


def test_room_grows_where_it_must_and_is_used_again_otherwise() -> None:
    box = motes.Box([9.0, 7.0, 8.0])
    positions = np.random.default_rng(3).random((500, 3)) * box.lengths
    listed = Listed(box, positions, 0.9, 0.2, threads=2)
    neighbors, expected = listed.neighbors, listed.pairs(1.1)
    room = neighbors.pairs.partners
    neighbors.build(listed.state, listed.domain.region())
    assert neighbors.pairs.partners is room
    neighbors.pairs.partners, neighbors._per_cluster = room[:0], 0.5
    neighbors.build(listed.state, listed.domain.region())
    assert neighbors._per_cluster > 1.0
    assert listed.pairs(1.1) == expected


@pytest.mark.parametrize("parts", [1, 2, 5])
def test_a_run_of_clusters_has_their_lists_and_reaches_as_far(parts: int) -> None:
    box = motes.Box([9.0, 7.0, 8.0])
    pairs = Listed(box, np.random.default_rng(3).random((500, 3)) * box.lengths, 0.9, 0.2, threads=2).neighbors.pairs
    edges = np.linspace(0, pairs.clusters, parts + 1).astype(int).tolist()
    for first, last in pairwise(edges):
        chunk = pairs.chunk(first, last)
        begins, counts = pairs.begin[first:last], pairs.count[first:last]
        lists = [pairs.partners[b : b + n] for b, n in zip(begins, counts, strict=True)]
        assert chunk.reach == max(CLUSTER * last, *(int(some.max()) + 1 for some in lists if len(some)))
        assert all((np.diff(some) > 0).all() for some in lists)
