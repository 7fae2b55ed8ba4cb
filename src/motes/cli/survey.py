"""How close particles are before a run, and which pairs lie within a distance: by the lists of the engine.

Algorithm: the particles are laid out as those of one region, with ghosts up to the distance; then the list of each
cluster is looked through, its pairs measured against all members.

Disadvantage: all of it is done here, on one rank.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from motes.core.box import Box, sphere
from motes.core.state import CLUSTER, Floats, Integers, PairList, State
from motes.core.threads import Team
from motes.decomposition.domain import Domain
from motes.decomposition.grid import Regions
from motes.decomposition.single import SingleLink
from motes.neighbors.list import NeighborList
from motes.particles.particles import Particles

MOST_PAIRS = 1e9  # that can be listed: more would take gigabytes, and minutes
CLUSTERS_AT_ONCE = 2**14
AT_ONCE = 2**14  # listed partners whose distances to a cluster are worked out in one go


def can_be_counted(count: int, box: Box, reach: float) -> bool:
    """Whether the pairs within reach are so few that they can be listed."""
    around = min(sphere(reach, box.dimensions), math.inf if box.periodic.any() else box.volume)
    return count * count / box.volume * around <= MOST_PAIRS


def mean_and_closest(particles: Particles, reach: float) -> tuple[float, tuple[float, int, int] | None]:
    """How many neighbours a particle has within reach, on average, and of the pair with the smallest distance below
    reach (of two particles, or of one and its own image) that distance and its rows."""
    count, nearest = 0, (math.inf, 0, 0)
    for first, second, squared in near_pairs(particles.positions, particles.box, reach):
        count += len(squared)
        if len(squared):
            k = int(np.argmin(squared))
            nearest = min(nearest, (math.sqrt(squared[k]), int(first[k]), int(second[k])))
    return 2 * count / len(particles), nearest if nearest[0] < math.inf else None


def near_pairs(positions: Floats, box: Box, reach: float) -> Iterator[tuple[Integers, Integers, Floats]]:
    """Rows i (n,) and j (n,) of all pairs less than reach apart, each once, and their squared distances, in parts.

    A particle may meet its own images, and another one several times.
    """
    state, pairs = _listed(positions, box, reach)
    particle = pairs.particle[: pairs.slots]
    row = state.ids[np.maximum(particle, 0)]
    for first in range(0, pairs.clusters, CLUSTERS_AT_ONCE):
        for one, other in _candidates(pairs, first, min(first + CLUSTERS_AT_ONCE, pairs.clusters)):
            squared = ((pairs.positions[:, one] - pairs.positions[:, other]) ** 2).sum(axis=0)
            near = (squared < reach**2) & (particle[one] >= 0) & (particle[other] >= 0)
            yield row[one[near]], row[other[near]], squared[near]


def _listed(positions: Floats, box: Box, reach: float) -> tuple[State, PairList]:
    """A state whose ids are rows, and the list of its pairs."""
    count, team = len(positions), Team(1)
    rows, relative = np.arange(count), box.snap(positions)
    state = State.of(box, rows, np.zeros(count, np.int64), np.ones(count), relative, np.zeros_like(relative), {})
    domain = Domain(Regions.even(box, 1, reach), reach, SingleLink(), team)
    domain.migrate(state)
    domain.build_halo(state)
    neighbors = NeighborList(reach, 0.0, team)
    neighbors.build(state, domain.region())
    return state, neighbors.pairs


def _candidates(pairs: PairList, first: int, last: int) -> Iterator[tuple[Integers, Integers]]:
    """Slots of the pairs that a run of clusters lists, with those within them, in parts."""
    members, begins, counts = np.arange(CLUSTER), pairs.begin[first:last], pairs.count[first:last]
    own = np.arange(first, last)[pairs.axes[first:last] == 0]
    within = np.argwhere(members[:, None] < members)
    inside = CLUSTER * own[:, None, None] + within
    yield inside[..., 0].ravel(), inside[..., 1].ravel()
    clusters = np.repeat(np.arange(first, last), counts)
    listed = np.arange(len(clusters)) + np.repeat(begins - (np.cumsum(counts) - counts), counts)
    for begin in range(0, len(clusters), AT_ONCE):
        part = slice(begin, begin + AT_ONCE)
        one = (CLUSTER * clusters[part, None] + members).ravel()
        yield one, np.repeat(pairs.partners[listed[part]].astype(np.int64), CLUSTER)
