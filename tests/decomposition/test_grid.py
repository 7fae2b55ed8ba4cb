"""Every position has one owner, regions have the least surface, and a halo reaches as far as it must and no further."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import motes
from motes.decomposition.grid import MOST_HOPS, Regions, best_shape, even_borders, factorizations, weighted_borders

BOUNDARIES = ("periodic", "open", "reflecting")


@st.composite
def boxes(draw: st.DrawFn) -> motes.Box:
    dimensions = draw(st.sampled_from([2, 3]))
    lengths = draw(st.lists(st.floats(0.3, 40.0), min_size=dimensions, max_size=dimensions))
    return motes.Box(lengths, draw(st.tuples(*[st.sampled_from(BOUNDARIES)] * dimensions)))


@st.composite
def regions_of(draw: st.DrawFn) -> Regions:
    """Even ones, and uneven ones down to no width at all."""
    box = draw(boxes())
    borders = []
    for axis in range(box.dimensions):
        parts = draw(st.integers(1, 7))
        work = np.array(draw(st.lists(st.sampled_from([0.0, 1.0, 30.0]), min_size=1, max_size=12)))
        thinnest = draw(st.sampled_from([0.0, 0.1, 5.0]))
        even = not work.any() or draw(st.booleans())
        borders.append(even_borders(box, axis, parts) if even else weighted_borders(box, axis, parts, work, thinnest))
    return Regions(box, tuple(borders))


@given(count=st.integers(1, 400), axes=st.sampled_from([1, 2, 3]))
def test_factorizations_are_all_there_is(count: int, axes: int) -> None:
    found = factorizations(count, axes)
    divisors = [n for n in range(1, count + 1) if count % n == 0]
    expected = {shape for shape in itertools.product(divisors, repeat=axes) if math.prod(shape) == count}
    assert len(found) == len(expected)
    assert set(found) == expected


def surface(shape: tuple[int, ...], lengths: tuple[float, ...]) -> float:
    """Of all cuts together, each plane counted once; periodic or not differs by the outermost planes only."""
    return sum(cuts * math.prod(lengths) / length for cuts, length in zip(shape, lengths, strict=True) if cuts > 1)


@given(count=st.integers(1, 200), lengths=st.lists(st.floats(0.5, 50.0), min_size=2, max_size=3).map(tuple))
def test_the_shape_has_the_least_surface(count: int, lengths: tuple[float, ...]) -> None:
    shape = best_shape(count, lengths)
    assert math.prod(shape) == count
    least = min(surface(other, lengths) for other in factorizations(count, len(lengths)))
    assert surface(shape, lengths) <= least * (1 + 1e-6) + 1e-6


@pytest.mark.parametrize(
    ("count", "lengths", "shape"),
    [
        (1, (1, 1, 1), (1, 1, 1)),
        (2, (1, 1, 3), (1, 1, 2)),  # a slab across the longest edge
        (27, (1, 1, 1), (3, 3, 3)),  # blocks
        (6, (10, 10, 1), (3, 2, 1)),  # pencils: never across the thin edge
        (7, (1, 1, 1), (7, 1, 1)),
        (5, (1, 9), (1, 5)),
    ],
)
def test_shapes_that_are_plain_to_see(count: int, lengths: tuple[float, ...], shape: tuple[int, ...]) -> None:
    assert best_shape(count, lengths) == shape


@given(data=st.data(), regions=regions_of())
def test_every_position_has_exactly_one_owner(data: st.DataObject, regions: Regions) -> None:
    """Also on the planes, a step of the grid beside them, and outside the box."""
    box = regions.box
    position = []
    for axis, planes in enumerate(regions.borders):
        length = float(box.lengths[axis])
        beside = [float(plane) + step * box.spacing for plane in planes for step in (-1, 0, 1)]
        x = data.draw(st.sampled_from(beside) | st.floats(0.0, length) | st.floats(-length, 2 * length))
        x = float(np.rint(x / box.spacing) * box.spacing)
        position.append(float(np.mod(x, length)) if box.periodic[axis] else x)
    owner = regions.rank([int(regions.index(axis, np.array([x]))[0]) for axis, x in enumerate(position)])
    owners = [rank for rank in range(regions.count) if owns(regions, rank, position)]
    assert owners == [owner]


def owns(regions: Regions, rank: int, position: list[float]) -> bool:
    """Regions are half open; where the box ends, its outermost ones do not."""
    lower, upper = regions.corners(rank)
    for axis, (i, parts) in enumerate(zip(regions.coordinates(rank), regions.shape, strict=True)):
        first, last = i == 0, i == parts - 1
        if not ((first or lower[axis] <= position[axis]) and (last or position[axis] < upper[axis])):
            return False
    return True


@given(regions=regions_of())
def test_the_regions_fill_the_box(regions: Regions) -> None:
    volumes = []
    for rank in range(regions.count):
        assert regions.rank(regions.coordinates(rank)) == rank
        lower, upper = regions.corners(rank)
        assert (lower <= upper).all()
        volumes.append(np.prod(upper - lower))
    assert math.isclose(sum(volumes), regions.box.volume, rel_tol=1e-9)
    for planes, length in zip(regions.borders, regions.box.lengths, strict=True):
        assert planes[0] == 0.0
        assert planes[-1] == length
        assert (planes == np.rint(planes / regions.box.spacing) * regions.box.spacing).all()


@given(regions=regions_of())
def test_neighbors_are_neighbors_of_each_other(regions: Regions) -> None:
    for rank, axis in itertools.product(range(regions.count), range(len(regions.shape))):
        lower, upper = regions.neighbor(rank, axis, -1), regions.neighbor(rank, axis, 1)
        if upper is not None:
            assert regions.neighbor(upper, axis, -1) == rank
            here, there = regions.corners(rank)[1][axis], regions.corners(upper)[0][axis]
            assert there == (here if here < regions.box.lengths[axis] or there else 0.0)
        first = regions.coordinates(rank)[axis] == 0
        assert (lower is None) == (first and not regions.box.periodic[axis])


def needed_hops(planes: Any, length: float, periodic: bool, halo: float) -> int:
    """How many regions up some region's halo reaches, by going there one by one."""
    most = 0
    parts = len(planes) - 1
    for i in range(parts):
        hops = 0
        while True:
            image, k = divmod(i + hops + 1, parts)
            if (image and not periodic) or not planes[k] + image * length < planes[i + 1] + halo:
                break
            hops += 1
        most = max(most, hops)
    return most


@given(regions=regions_of(), share=st.sampled_from([0.0, 0.01, 0.3, 0.5, 1.0, 1.7]))
def test_a_halo_reaches_as_far_as_it_must_and_no_further(regions: Regions, share: float) -> None:
    for axis, planes in enumerate(regions.borders):
        length = float(regions.box.lengths[axis])
        expected = needed_hops(planes, length, bool(regions.box.periodic[axis]), share * length) if share else 0
        assert regions.hops(axis, share * length) == expected


@given(data=st.data(), regions=regions_of(), share=st.floats(0.01, 1.5))
def test_the_region_of_the_lower_one_of_a_pair_sees_the_upper_one(
    data: st.DataObject, regions: Regions, share: float
) -> None:
    for axis, planes in enumerate(regions.borders):
        length, parts = float(regions.box.lengths[axis]), len(planes) - 1
        halo, periodic = share * length, bool(regions.box.periodic[axis])
        x = data.draw(st.floats(0.0, 1.0, exclude_max=True)) * length
        y = x + data.draw(st.floats(0.0, 1.0, exclude_max=True)) * halo
        images = math.floor(y / length) if periodic else 0
        owner, other = regions.index(axis, np.array([x, y - images * length])).tolist()
        assert other + images * parts - owner <= regions.hops(axis, halo)


@given(
    box=boxes(),
    parts=st.integers(1, 9),
    work=st.lists(st.floats(0.01, 10.0), min_size=1, max_size=40),
    thinnest=st.sampled_from([0.0, 0.2, 50.0]),
)
def test_borders_that_even_out_the_work(box: motes.Box, parts: int, work: list[float], thinnest: float) -> None:
    length = float(box.lengths[0])
    planes = weighted_borders(box, 0, parts, np.array(work), thinnest)
    widths = np.diff(planes)
    assert (widths >= min(thinnest, length / parts) - 4 * box.spacing - 1e-12 * length).all()
    if thinnest == 0.0:
        before = np.concatenate([[0.0], np.cumsum(work)])
        shares = np.diff(np.interp(planes, np.linspace(0.0, length, len(before)), before))
        assert np.allclose(shares, sum(work) / parts, rtol=1e-6, atol=1e-9)


def test_too_many_ranks_for_the_box_are_refused() -> None:
    box = motes.Box([10.0, 1.0, 1.0])
    assert Regions.even(box, MOST_HOPS, 10.0 - 1.0).shape == (MOST_HOPS, 1, 1)
    with pytest.raises(motes.InputError, match=r"at most 8 fit there: use fewer ranks"):
        Regions.even(box, 30, 10.0)
