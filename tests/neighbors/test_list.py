"""The list holds every pair once: against brute force, right after it was built and after particles have moved."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import motes
from motes.core.state import CLUSTER, Quanta, State
from motes.core.threads import Team
from motes.decomposition.domain import Domain
from motes.decomposition.grid import Regions
from motes.decomposition.single import SingleLink
from motes.neighbors.brute import brute_pairs
from motes.neighbors.inner import inner_skin
from motes.neighbors.list import BUILD, PRUNE, NeighborList, search

pytestmark = pytest.mark.usefixtures("small_parts")

Key = tuple[int, int, tuple[float, ...]]
TEAMS = {threads: Team(threads) for threads in (1, 2, 3)}


def state_of(box: motes.Box, positions: Any) -> State:
    count, dimensions = len(positions), box.dimensions
    return State(
        box=box,
        quanta=Quanta((box.spacing,) * box.dimensions, 1.0, 1.0),
        step=0,
        owned=count,
        ids=np.arange(count),
        types=np.zeros(count, np.int64),
        mass=np.ones(count),
        positions=np.ascontiguousarray(box.snap(positions).T),
        images=np.zeros((dimensions, count), np.int64),
        velocities=np.zeros((dimensions, count)),
        forces=np.zeros((dimensions, count), np.int64),
        ghost_axes=np.zeros(count, np.int8),
        attributes={},
        force_velocities=np.zeros((0, count)),
    )


class Listed:
    """A state, its halo and its list, as an engine holds them."""

    def __init__(self, box: motes.Box, positions: Any, cutoff: float, skin: float, threads: int = 1) -> None:
        self.state = state_of(box, positions)
        halo = cutoff + skin
        self.domain = Domain(Regions.even(box, 1, halo), halo, SingleLink(), TEAMS[threads])
        self.neighbors = NeighborList(cutoff, skin, TEAMS[threads])
        self.build()

    def build(self) -> None:
        self.neighbors.restore_order(self.state)
        self.domain.migrate(self.state)
        self.domain.build_halo(self.state)
        self.neighbors.build(self.state, self.domain.region())

    def move(self, displacements: Any) -> None:
        """Move the particles, in the order of their ids, and let ghosts and slots follow."""
        state = self.state
        steps = np.rint(displacements / state.box.spacing) * state.box.spacing
        state.positions[:, : state.owned] += steps.T[:, state.ids[: state.owned]]
        self.domain.refresh(state)
        self.neighbors.follow(state)

    def runs(self) -> list[tuple[int, int]]:
        """The clusters of two threads."""
        clusters = self.neighbors.pairs.clusters
        return [(0, clusters // 3), (clusters // 3, clusters)]

    def positions(self) -> Any:
        """Where the particles are now, relative to the lower corner of the box, in the order of their ids."""
        return self.state.positions[:, np.argsort(self.state.ids[: self.state.owned])].T

    def pairs(self, cutoff: float, inner: bool = False) -> Counter[Key]:
        """Every listed pair up to this distance, perhaps of the inner list: ids and displacement, how often."""
        return Counter(key for members, partners in self._lists(inner) for key in self._near(members, partners, cutoff))

    def _lists(self, inner: bool) -> Iterator[tuple[Any, Any]]:
        pairs = self.neighbors.pairs
        for cluster in range(pairs.clusters):
            members = np.arange(CLUSTER * cluster, CLUSTER * (cluster + 1))
            chunk = pairs.chunk(cluster, cluster + 1)
            begin, count, partners = (
                chunk.arrays if inner else (pairs.begin[cluster:], pairs.count[cluster:], pairs.partners)
            )
            yield members, partners[begin[0] : begin[0] + count[0]]
            if pairs.axes[cluster] == 0:
                for m in range(CLUSTER):
                    yield members[m : m + 1], members[m + 1 :]

    def _near(self, members: Any, partners: Any, cutoff: float) -> Iterator[Key]:
        pairs, rows = self.neighbors.pairs, [0, 1, 2] if self.state.dimensions == 3 else [0, 2]
        apart = pairs.positions[rows][:, members, None] - pairs.positions[rows][:, None, partners]
        near = (apart**2).sum(axis=0) < cutoff**2
        near &= (pairs.particle[members] >= 0)[:, None] & (pairs.particle[partners] >= 0)[None, :]
        for m, k in np.argwhere(near):
            i, j = (int(self.state.ids[pairs.particle[slot]]) for slot in (members[m], partners[k]))
            yield canonical(i, j, apart[:, m, k])


def canonical(i: int, j: int, apart: Any) -> Key:
    """The same for a pair seen from either end."""
    one, other = (i, j, tuple((apart + 0.0).tolist())), (j, i, tuple((0.0 - apart).tolist()))
    return min(one, other)


def expected_pairs(positions: Any, box: motes.Box, cutoff: float) -> Counter[Key]:
    i, j, apart = brute_pairs(positions, box, cutoff)
    return Counter(canonical(int(a), int(b), d) for a, b, d in zip(i, j, apart, strict=True))


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


@settings(max_examples=150)
@given(data=st.data())
def test_the_inner_list_stays_complete_while_it_is_pruned(systems: Callable[..., Any], data: st.DataObject) -> None:
    system = data.draw(systems())
    cutoff, skin = data.draw(st.sampled_from([(0.7, 0.3), (1.0, 0.5), (0.4, 0.8)]))
    listed = Listed(system.box, system.positions, cutoff, skin, data.draw(st.integers(1, 3)))
    neighbors, state = listed.neighbors, listed.state
    assert neighbors.inner == 0.25 * skin
    unbounded = np.where(system.box.periodic, "periodic", "open").tolist()
    for _ in range(data.draw(st.integers(1, 12))):
        directions = system.random.standard_normal(system.positions.shape)
        directions /= np.sqrt((directions**2).sum(axis=1, keepdims=True))
        inwards = np.sign(system.box.lengths / 2 - listed.positions())
        directions = np.where(system.box.periodic, directions, inwards * np.abs(directions))
        listed.move(system.random.uniform(0.05, 0.2) * skin * directions)
        wish = neighbors.wish(state)
        if wish == BUILD:
            break
        if wish == PRUNE:
            neighbors.prune(state, listed.runs())
        expected = expected_pairs(listed.positions(), motes.Box(system.box.lengths, unbounded), cutoff)
        assert listed.pairs(cutoff, inner=True) == expected


def test_the_inner_list_leaves_out_what_is_far_away() -> None:
    box = motes.Box([9.0, 7.0, 8.0])
    listed = Listed(box, np.random.default_rng(3).random((2000, 3)) * box.lengths, 0.9, 0.8)
    within = listed.pairs(1.1 * (1 - 1e-12), inner=True)
    assert within == listed.pairs(1.1 * (1 - 1e-12))
    pairs = listed.neighbors.pairs
    assert pairs.near_count[: pairs.clusters].sum() < 0.8 * pairs.count[: pairs.clusters].sum()


@pytest.mark.parametrize(("lasted", "width"), [(0, 0.2), (16, 0.025**0.5), (4, 0.1**0.5), (2, 0.2**0.5), (1, 0.8)])
def test_the_inner_skin_is_that_of_which_the_least_is_lost(lasted: int, width: float) -> None:
    assert inner_skin(cutoff=2.5, skin=0.8, lasted=lasted) == pytest.approx(width)


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
