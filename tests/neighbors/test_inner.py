"""The inner list lacks no pair that comes near before it is pruned anew, leaves out the rest, and shows in no bit."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import motes
import town
from listed import Listed, expected_pairs
from motes.core.state import CLUSTER
from motes.engine import commands
from motes.engine.starts import Here, state_of
from motes.engine.step import Engine
from motes.neighbors.inner import inner_skin, prune
from motes.neighbors.list import BUILD, KEEP, PRUNE, NeighborList

pytestmark = pytest.mark.usefixtures("small_parts")

BOX = motes.Box([9.0, 7.0, 8.0])


def gas(count: int = 600, cutoff: float = 0.9, skin: float = 0.8, threads: int = 1) -> Listed:
    return Listed(BOX, np.random.default_rng(3).random((count, 3)) * BOX.lengths, cutoff, skin, threads)


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


@pytest.mark.parametrize("threads", [1, 3])
def test_it_is_complete_until_a_particle_has_moved_by_half_the_inner_skin(threads: int) -> None:
    """All of them move as far as they may, in all directions; then one a little farther."""
    listed = gas(threads=threads)
    neighbors, generator = listed.neighbors, np.random.default_rng(5)
    for _ in range(3):
        directions = generator.standard_normal((600, 3))
        directions /= np.sqrt((directions**2).sum(axis=1, keepdims=True))
        moves = 0.49999 * neighbors.inner * directions
        listed.move(moves)
        assert neighbors.wish(listed.state) == KEEP
        assert listed.pairs(0.9, inner=True) == expected_pairs(listed.positions(), BOX, 0.9)
        moves[np.arange(600) != 70] = 0.0
        listed.move(moves * 0.001)
        assert neighbors.wish(listed.state) == PRUNE
        listed.build()


def test_the_way_is_counted_from_the_last_pruning() -> None:
    listed = gas()
    neighbors, moves = listed.neighbors, np.zeros((600, 3))
    moves[234, 1] = 0.3 * neighbors.inner
    listed.move(moves)
    assert neighbors.wish(listed.state) == KEEP
    listed.move(moves)
    assert neighbors.wish(listed.state) == PRUNE
    neighbors.prune(listed.state, listed.runs())
    assert neighbors.wish(listed.state) == KEEP
    listed.move(moves)
    assert neighbors.wish(listed.state) == KEEP


@pytest.mark.parametrize("runs", [1, 2, 7])
def test_pruning_keeps_those_within_reach_of_any_member(runs: int) -> None:
    """One after the other, padded to whole clusters, with what belongs to each partner, in memory of the run's own."""
    pairs, reach = gas().neighbors.pairs, 1.1
    classes = 3 * pairs.partners
    begin, count = np.zeros((2, pairs.clusters), np.int64)
    near, near_classes = np.full((2, len(pairs.partners)), -7, np.int32)
    edges = np.linspace(0, pairs.clusters, runs + 1).astype(int).tolist()
    for first, last in pairwise(edges):
        prune(
            first, last, pairs.positions, pairs.begin, pairs.count, pairs.partners, classes, reach**2, pairs.slots,
            begin, count, near, near_classes,
        )  # fmt: skip
        if last < pairs.clusters:
            assert (near[pairs.begin[last] :] == -7).all()  # the next run's
    for c in range(pairs.clusters):
        listed = pairs.partners[pairs.begin[c] : pairs.begin[c] + pairs.count[c]]
        apart = pairs.positions[:, CLUSTER * c : CLUSTER * (c + 1), None] - pairs.positions[:, None, listed]
        kept = listed[((apart**2).sum(axis=0) <= reach**2).any(axis=0)]
        found = slice(begin[c], begin[c] + count[c])
        assert near[found].tolist() == kept.tolist()
        assert near_classes[found].tolist() == (3 * kept).tolist()
        padding = near[begin[c] + count[c] : begin[c] + -(-count[c] // CLUSTER) * CLUSTER]
        assert (padding == pairs.slots).all()
    assert 0 < count.sum() < 0.8 * pairs.count[: pairs.clusters].sum()


def test_the_list_leaves_out_what_is_far_away_and_has_all_that_is_near() -> None:
    listed = gas()
    within = listed.pairs(1.1 * (1 - 1e-12), inner=True)
    assert within == listed.pairs(1.1 * (1 - 1e-12))
    pairs = listed.neighbors.pairs
    assert pairs.near_count[: pairs.clusters].sum() < 0.8 * pairs.count[: pairs.clusters].sum()


@pytest.mark.parametrize(("lasted", "width"), [(0, 0.2), (16, 0.025**0.5), (4, 0.1**0.5), (2, 0.2**0.5), (1, 0.8)])
def test_the_inner_skin_is_that_of_which_the_least_is_lost(lasted: int, width: float) -> None:
    assert inner_skin(cutoff=2.5, skin=0.8, lasted=lasted) == pytest.approx(width)


def test_where_it_is_not_worth_its_while_it_is_the_list_itself_and_back() -> None:
    """A list that lasted for a step, and then one that lasted for sixteen: pruning writes nothing into the list."""
    listed = gas(skin=0.2)
    pairs, state = listed.neighbors.pairs, listed.state
    state.step += 1
    listed.build()
    assert not listed.neighbors.prunes
    assert pairs.near_partners is pairs.partners
    assert pairs.near_begin is pairs.begin
    everything = listed.pairs(1.1 * (1 - 1e-12))
    state.step += 16
    listed.build()
    assert listed.neighbors.prunes
    assert not np.shares_memory(pairs.near_partners, pairs.partners)
    assert not np.shares_memory(pairs.near_begin, pairs.begin)
    assert listed.pairs(1.1 * (1 - 1e-12)) == everything == expected_pairs(listed.positions(), BOX, 1.1 * (1 - 1e-12))


def melt(threads: int = 1, skin: float = 0.7) -> motes.Simulation:
    pair = motes.Pair(motes.potentials.lennard_jones, 2.5, epsilon=1.0, sigma=1.0)
    particles = motes.fcc(6, 0.8442, temperature=1.44, seed=2)
    return motes.Simulation(particles, motes.VelocityVerlet(0.005), [pair], threads=threads, skin=skin)


@pytest.mark.parametrize("threads", [1, 2])
def test_it_shows_in_no_bit(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    prunings: list[int] = []
    do = NeighborList.prune

    def noting(neighbors: NeighborList, *arguments: Any) -> None:
        prunings.append(neighbors.pairs.builds)
        do(neighbors, *arguments)

    monkeypatch.setattr(NeighborList, "prune", noting)
    usual = melt(threads)
    usual.run(80)
    assert len(prunings) > 2
    prunings.clear()
    monkeypatch.setattr("motes.simulation.parts.MOST_PRUNED", 0)
    without = melt(threads)
    without.run(80)
    assert prunings == []
    assert without.skin == usual.skin
    assert without.fingerprint == usual.fingerprint
    assert without.potential_energy == usual.potential_energy


@pytest.mark.parametrize("ranks", [2, 3])
def test_it_shows_in_no_bit_on_ranks(ranks: int) -> None:
    """By messages: each rank prunes where any of them must."""

    def end(may_prune: bool) -> tuple[set[bool], list[Any]]:
        simulation, links = melt(), town.Town(ranks)
        plan, start = replace(simulation._parts.plan, may_prune=may_prune), Here(state_of(simulation.snapshot()))

        def rank(number: int) -> tuple[bool, Any, Any]:
            engine = Engine(plan, start if number == 0 else start.elsewhere, town.TownLink(links, number))
            commands.begin(engine, True, math.inf)
            engine.run(60, energy=True)
            state, owned = engine.state, engine.state.owned
            return engine.neighbors.prunes, state.ids[:owned].copy(), state.positions[:, :owned].copy()

        with ThreadPoolExecutor(ranks) as pool:
            parts = list(pool.map(rank, range(ranks)))
        order = np.argsort(np.concatenate([ids for _, ids, _ in parts]))
        return {part[0] for part in parts}, np.concatenate([part[2] for part in parts], axis=1)[:, order].tolist()

    pruned, plain = end(True), end(False)
    assert (pruned[0], plain[0]) == ({True}, {False})
    assert pruned[1] == plain[1]


def test_so_many_particles_have_one_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    for most, may_prune in ((864, True), (863, False)):
        monkeypatch.setattr("motes.simulation.parts.MOST_PRUNED", most)
        assert melt()._parts.plan.may_prune is may_prune
