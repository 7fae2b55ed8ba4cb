"""Particles with their halo and their lists of pairs, as an engine holds them, and brute force beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

import motes
from motes.core.state import CLUSTER, Quanta, State
from motes.core.threads import Team
from motes.decomposition.domain import Domain
from motes.decomposition.grid import Regions
from motes.decomposition.single import SingleLink
from motes.neighbors.brute import brute_pairs
from motes.neighbors.list import NeighborList

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
