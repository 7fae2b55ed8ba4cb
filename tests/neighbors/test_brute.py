"""The oracle itself, against cases that can be counted by hand and against a sum over images written out."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import motes
from motes.neighbors.brute import brute_pairs


def counted(positions: Any, box: motes.Box, cutoff: float) -> list[tuple[int, int]]:
    i, j, _ = brute_pairs(np.asarray(positions, float), box, cutoff)
    return sorted((min(a, b), max(a, b)) for a, b in zip(i.tolist(), j.tolist(), strict=True))


def test_two_particles_meet_inside_the_cutoff_only() -> None:
    box = motes.Box([8, 8, 8], "open")
    assert counted([[1, 1, 1], [2, 1, 1]], box, 1.0) == []  # the cutoff itself is outside
    assert counted([[1, 1, 1], [2, 1, 1]], box, 1.0000001) == [(0, 1)]


@pytest.mark.parametrize(("boundary", "expected"), [("periodic", [(0, 1)]), ("open", []), ("reflecting", [])])
def test_two_particles_meet_through_a_periodic_face_only(boundary: str, expected: list[tuple[int, int]]) -> None:
    assert counted([[0.25, 4], [7.75, 4]], motes.Box([8, 8], boundary), 1.0) == expected


def test_displacements_point_from_j_to_i_through_the_face() -> None:
    i, j, apart = brute_pairs(np.array([[0.25, 4.0], [7.75, 4.0]]), motes.Box([8, 8]), 1.0)
    assert abs(apart[0, 0]) == 0.5
    assert (apart[0, 0] > 0) == (i[0] == 0)
    assert {i[0], j[0]} == {0, 1}


@pytest.mark.parametrize(("cutoff", "images"), [(0.9, 0), (1.1, 2), (1.5, 4), (2.1, 6)])
def test_one_particle_meets_its_own_images(cutoff: float, images: int) -> None:
    # In a square of edge 1, images lie at 1 (4 of them), sqrt 2 (4), 2 (4); each pair of opposite ones counts once.
    assert counted([[0.3, 0.3]], motes.Box([1, 1]), cutoff) == [(0, 0)] * images


def test_of_no_particles_there_are_no_pairs() -> None:
    i, j, apart = brute_pairs(np.zeros((0, 3)), motes.Box([1, 1, 1]), 2.0)
    assert (len(i), len(j), apart.shape) == (0, 0, (0, 3))


@given(data=st.data())
def test_pairs_are_those_of_a_sum_over_images(systems: Callable[..., Any], data: st.DataObject) -> None:
    system = data.draw(systems(most=12))
    cutoff = data.draw(st.sampled_from([0.5, 1.0, 1.3]))
    box = system.box
    expected = 0
    reach = [range(-9, 10) if wraps else range(1) for wraps in box.periodic]
    shifts = [np.array(n) * box.lengths for n in itertools.product(*reach)]
    shifts = [shift for shift in shifts if (np.abs(shift) < box.lengths + cutoff).all()]
    points = [box.snap(position) for position in system.positions]
    for a, b in itertools.product(range(len(points)), repeat=2):
        for shift in shifts:
            here_itself = a == b and not shift.any()
            expected += not here_itself and math.dist(points[a], points[b] + shift) < cutoff
    i, _, apart = brute_pairs(system.positions, box, cutoff)
    assert 2 * len(i) == expected  # from either end
    assert (np.sqrt((apart**2).sum(axis=1)) <= cutoff).all()
