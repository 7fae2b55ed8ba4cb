"""Many regions in one process, without MPI, against brute force: owners, ghosts, and what ghosts feel.

Each region runs in a thread of its own; a link of queues and a barrier stands in for messages.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import motes
from motes.core.errors import OutgrownError, ParticleError
from motes.core.state import Quanta, State
from motes.core.threads import Team
from motes.decomposition.domain import Domain
from motes.decomposition.grid import Regions, weighted_borders
from motes.exact.sums import total_of
from motes.neighbors.brute import brute_pairs

pytestmark = pytest.mark.usefixtures("small_parts")

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parents[1]))
    Town, TownLink = attrgetter("Town", "TownLink")(import_module("town"))

SHAPES_2D = [(1, 1), (2, 1), (1, 3), (3, 2), (8, 8), (5, 13)]
SHAPES_3D = [(1, 1, 1), (1, 2, 1), (3, 1, 2), (2, 2, 2), (4, 4, 4), (2, 3, 11)]

Key = tuple[int, int, tuple[float, ...]]


def state_of(box: motes.Box, ids: Any, positions: Any) -> State:
    """Particles whose every number follows from their ids; positions (N, d) are relative to the origin."""
    count, dimensions = len(ids), box.dimensions
    return State(
        box=box,
        quanta=Quanta((box.spacing,) * box.dimensions, 1.0, 1.0),
        step=0,
        owned=count,
        ids=ids.copy(),
        types=ids % 3,
        mass=ids + 0.5,
        positions=np.ascontiguousarray(positions.T),
        images=np.zeros((dimensions, count), np.int32),
        velocities=np.tile(-ids.astype(float), (dimensions, 1)),
        forces=np.zeros((dimensions, count), np.int64),
        ghost_axes=np.zeros(count, np.int8),
        attributes={"charge": ids * 0.25},
        force_velocities=np.zeros((0, count)),
    )


@dataclass
class Region:
    """What one rank holds."""

    domain: Domain
    state: State

    def pairs(self, distance: float) -> list[tuple[int, int, Any]]:
        """Indices of all pairs that this region sees by the eighth-shell rule, and where they lie apart."""
        state = self.state
        x, axes = state.positions[:, : state.total], state.ghost_axes[: state.total]
        apart = x[:, :, None] - x[:, None, :]
        near = ((apart**2).sum(axis=0) < distance**2) & ((axes[:, None] & axes[None, :]) == 0)
        return [(i, j, apart[:, i, j]) for i, j in np.argwhere(np.triu(near, 1)).tolist()]


def key_of(first: int, second: int, apart: Any) -> Key:
    """A pair's ids and displacement, the same from either end."""
    forth, back = (first, second, tuple(apart.tolist())), (second, first, tuple((-apart + 0.0).tolist()))
    return min(forth, back)


class Regional:
    """A box of particles divided among regions, and verbs that all regions carry out at once."""

    def __init__(self, regions: Regions, halo: float, positions: Any, threads: int = 1) -> None:
        self.box = regions.box
        self.threads = ThreadPoolExecutor(regions.count)
        self.town = Town(regions.count)
        ids = np.arange(len(positions)) * 5 + 2
        at_first = np.random.default_rng(7).integers(regions.count, size=len(ids))
        team = Team(threads)
        self.regions = [
            Region(
                Domain(regions, halo, TownLink(self.town, rank), team),
                state_of(self.box, ids[at_first == rank], positions[at_first == rank]),
            )
            for rank in range(regions.count)
        ]

    def all(self, work: Callable[[Region], Any]) -> list[Any]:
        """Let every region do its work; an error of one ends it for all."""

        def guarded(region: Region) -> Any:
            try:
                return work(region)
            except Exception:
                self.town.barrier.abort()
                raise

        futures = [self.threads.submit(guarded, region) for region in self.regions]
        errors = [error for error in (future.exception() for future in futures) if error is not None]
        for error in sorted(errors, key=lambda error: isinstance(error, threading.BrokenBarrierError)):
            raise error
        return [future.result() for future in futures]

    def build(self) -> None:
        def build(region: Region) -> None:
            region.domain.migrate(region.state)
            region.domain.build_halo(region.state)

        self.all(build)

    def positions(self) -> tuple[Any, Any]:
        """Rising ids, and where their particles are, (N, d)."""
        ids = np.concatenate([r.state.ids[: r.state.owned] for r in self.regions])
        positions = np.concatenate([r.state.positions[:, : r.state.owned].T for r in self.regions])
        return np.sort(ids), positions[np.argsort(ids)]

    def seen(self, distance: float) -> Counter[Key]:
        return Counter(
            key_of(*region.state.ids[[i, j]].tolist(), apart)
            for region in self.regions for i, j, apart in region.pairs(distance)
        )  # fmt: skip

    def there_are(self, distance: float) -> Counter[Key]:
        ids, positions = self.positions()
        i, j, apart = brute_pairs(positions + self.box.origin, self.box, distance)
        return Counter(map(key_of, ids[i].tolist(), ids[j].tolist(), apart))

    def close(self) -> None:
        self.threads.shutdown()


@st.composite
def divided(draw: st.DrawFn, systems: Any, shapes: Any, most: int) -> tuple[Any, Regions, float]:
    """A system, regions of all widths, and a halo."""
    system = draw(systems(most=most))
    box = system.box
    shape = draw(st.sampled_from(shapes[box.dimensions - 2]))
    work = np.random.default_rng(system.seed).random((box.dimensions, 6)) ** draw(st.sampled_from([0, 3]))
    borders = tuple(weighted_borders(box, axis, parts, work[axis], 0.0) for axis, parts in enumerate(shape))
    return system, Regions(box, borders), draw(st.sampled_from([0.0, 0.25, 0.6, 1.1]))


@pytest.fixture
def regional() -> Any:
    """Make a Regional that is closed after its test."""
    made: list[Regional] = []

    def make(*arguments: Any, **more: Any) -> Regional:
        made.append(Regional(*arguments, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


def check_everything(world: Regional, halo: float, seed: int) -> None:
    """Owners, ghosts, pairs and forces after a build; then again after all particles have moved."""
    random = np.random.default_rng(seed)
    for _ in range(2):
        world.build()
        check_owners(world)
        check_ghosts(world)
        assert world.seen(halo) == world.there_are(halo)
        # A quarter of the halo for each, so that what is within half of it has been seen at the build.
        move(world, random, halo / 4 / np.sqrt(world.box.dimensions))
        check_ghosts(world)
        near = max(0.0, halo / 2 - 4 * world.box.spacing)
        assert world.seen(near) == world.there_are(near)
        check_folding(world, near)


def check_owners(world: Regional) -> None:
    for rank, region in enumerate(world.regions):
        state, regions = region.state, region.domain.regions
        coordinates = [regions.index(axis, x[: state.owned]) for axis, x in enumerate(state.positions)]
        assert (np.ravel_multi_index(coordinates, regions.shape) == rank).all()
        assert (state.ghost_axes[: state.owned] == 0).all()


def check_ghosts(world: Regional) -> None:
    """A ghost is its particle, whole edges away, and knows all it must."""
    ids, positions = world.positions()
    for region in world.regions:
        state = region.state
        here, count = state.ids[: state.total], state.owned
        offset = (state.positions[:, : state.total].T - positions[np.searchsorted(ids, here)]) / world.box.lengths
        assert (offset == np.rint(offset)).all()
        assert (offset[:, ~world.box.periodic] == 0).all()
        assert (state.types[: state.total] == here % 3).all()
        assert (state.attributes["charge"][: state.total] == here * 0.25).all()
        assert (state.mass[:count] == here[:count] + 0.5).all()
        assert (state.velocities[:, :count] == -here[:count]).all()
        assert (state.ghost_axes[count : state.total] > 0).all()


def move(world: Regional, random: Any, longest: float) -> None:
    ids, _ = world.positions()
    spacing = world.box.spacing
    displacements = np.rint(random.uniform(-longest, longest, (world.box.dimensions, len(ids))) / spacing) * spacing

    def move(region: Region) -> None:
        state = region.state
        state.positions[:, : state.owned] += displacements[:, np.searchsorted(ids, state.ids[: state.owned])]
        region.domain.refresh(state)

    world.all(move)


def check_folding(world: Regional, distance: float) -> None:
    """Each pair pushes by its displacement, counted in steps of the grid: the sums are whole and come home."""
    ids, positions = world.positions()
    expected = np.zeros((world.box.dimensions, len(ids)), np.int64)
    i, j, apart = brute_pairs(positions + world.box.origin, world.box, distance)
    push = np.rint(apart / world.box.spacing).astype(np.int64).T
    for axis in range(world.box.dimensions):
        np.add.at(expected[axis], i, push[axis])
        np.add.at(expected[axis], j, -push[axis])

    def feel(region: Region) -> None:
        state = region.state
        state.forces[:] = 0
        for i, j, apart in region.pairs(distance):
            push = np.rint(apart / world.box.spacing).astype(np.int64)
            state.forces[:, i] += push
            state.forces[:, j] -= push
        region.domain.fold(state)

    world.all(feel)
    for region in world.regions:
        state = region.state
        of_mine = expected[:, np.searchsorted(ids, state.ids[: state.owned])]
        assert (state.forces[:, : state.owned] == of_mine).all()


@given(data=st.data())
@settings(max_examples=30)
def test_few_regions(systems: Any, data: st.DataObject) -> None:
    shapes = ([s for s in SHAPES_2D if np.prod(s) < 10], [s for s in SHAPES_3D if np.prod(s) < 10])
    system, regions, halo = data.draw(divided(systems, shapes, most=80))
    check_divided(system, regions, halo, threads=data.draw(st.sampled_from([1, 2])))


@given(data=st.data())
@settings(max_examples=8)
def test_more_regions_than_this_machine_has_cores(systems: Any, data: st.DataObject) -> None:
    shapes = ([s for s in SHAPES_2D if np.prod(s) > 10], [s for s in SHAPES_3D if np.prod(s) > 10])
    system, regions, halo = data.draw(divided(systems, shapes, most=60))
    check_divided(system, regions, halo)


def check_divided(system: Any, regions: Regions, halo: float, threads: int = 1) -> None:
    world = Regional(regions, halo, system.box.snap(system.positions), threads)
    try:
        check_everything(world, halo, system.seed)
    finally:
        world.close()


@pytest.mark.parametrize("boundary", ["periodic", "open"])
def test_eighty_regions_of_a_liquid(regional: Any, boundary: str) -> None:
    lattice = motes.fcc(cells=4, density=1.0)
    box = motes.Box(lattice.box.lengths, boundary)
    shape = (5, 4, 4)
    regions = Regions(box, tuple(weighted_borders(box, a, parts, np.ones(1), 0.0) for a, parts in enumerate(shape)))
    shaken = lattice.positions + np.random.default_rng(1).uniform(0.0, 0.2, lattice.positions.shape)
    check_everything(regional(regions, 1.3, box.snap(shaken)), 1.3, seed=2)


def test_particles_travel_any_number_of_regions(regional: Any) -> None:
    """Also the short way round a periodic box, and back from outside an open one."""
    box = motes.Box([16.0, 16.0], ["periodic", "open"])
    regions = Regions(box, tuple(weighted_borders(box, axis, 8, np.ones(1), 0.0) for axis in range(2)))
    positions = np.random.default_rng(3).random((300, 2)) * box.lengths
    world = regional(regions, 0.0, box.snap(positions))
    for shift in ([0.0, 0.0], [15.0, 14.0], [-7.9, -30.0], [31.0, 31.0]):
        for region in world.regions:
            steps = np.rint(np.array(shift) / box.spacing) * box.spacing
            region.state.positions[:, : region.state.owned] += steps[:, None]
        world.build()
        check_owners(world)
        assert (world.positions()[1][:, 0] < 16.0).all()


def test_a_lost_particle_is_noticed_by_all(regional: Any) -> None:
    box = motes.Box([4.0, 4.0, 4.0])
    world = regional(Regions.even(box, 4, 0.5), 0.5, np.random.default_rng(4).integers(0, 4, (50, 3)).astype(float))
    world.build()
    victim = next(region.state for region in world.regions if region.state.owned)
    victim.keep(np.arange(1, victim.owned))

    def migrate(region: Region) -> str:
        with pytest.raises(motes.RunError, match="49 particles arrived of 50") as caught:
            region.domain.migrate(region.state)
        return str(caught.value)

    assert len(world.all(migrate)) == 4


def test_a_particle_thrown_out_is_named(regional: Any) -> None:
    """First the fine grid ends, and a coarser one goes on; then the coarse one does."""
    box = motes.Box([4.0, 4.0], [("reflecting", "open"), "open"])
    world = regional(Regions.even(box, 1, 0.5), 0.5, np.array([[1.0, 1.0], [2.0, -3999.0], [2.0, 4005.0]]))
    state, domain = world.regions[0].state, world.regions[0].domain
    with pytest.raises(OutgrownError, match="position beyond the range of its grid"):
        domain.check_reach(state)
    state.quanta = replace(state.quanta, position=tuple(box.far_spacing.tolist()))
    with pytest.raises(ParticleError, match="more than 1000 edges of the box beyond its open side") as caught:
        domain.check_reach(state)
    assert caught.value.index == 2
    state.positions[1, 2] = 4004.0
    domain.check_reach(state)


def test_totals_do_not_wrap() -> None:
    """Energies of many ranks may exceed 64 bits."""
    world = Town(3)
    numbers = [2**62 + 5, -(2**80) - 1, 2**63]
    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(lambda rank: total_of(numbers[rank] >> 18, TownLink(world, rank).sum), range(3)))
    assert found == [sum(number >> 18 for number in numbers)] * 3
