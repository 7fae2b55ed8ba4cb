import copy
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motes.core.box import Box
from motes.core.errors import InputError

edges = st.floats(1e-3, 1e6)
boxes = st.builds(
    lambda lengths, shifts: Box(lengths, origin=np.array(shifts[: len(lengths)]) * max(lengths)),
    st.lists(edges, min_size=2, max_size=3),
    st.tuples(*[st.floats(-3, 3)] * 3),
)


def on_grid(values, box):
    return (np.asarray(values) / box.spacing % 1 == 0).all()


@given(boxes)
def test_spacing_is_the_finest_with_two_edges_below_2_to_the_52(box):
    assert math.frexp(box.spacing)[0] == 0.5  # a power of two
    assert 2**51 - 2 <= 2 * box.lengths.max() / box.spacing < 2**52
    assert on_grid(box.lengths, box)
    assert on_grid(box.origin, box)


@given(boxes)
def test_a_box_of_its_own_lengths_is_the_same_box(box):
    again = Box(box.lengths, boundary=box.boundary, origin=box.origin)
    assert again == box
    assert again.spacing == box.spacing
    assert hash(again) == hash(box)


def test_an_edge_that_rounds_up_to_the_bound_gets_a_coarser_grid():
    box = Box([np.nextafter(8.0, 0), 1.0])
    assert box.lengths[0] == 8.0
    assert 2 * box.lengths.max() / box.spacing < 2**52


@settings(deadline=None)
@given(boxes, st.lists(st.floats(-5, 5), min_size=12, max_size=12))
def test_snap_gives_grid_points_in_the_box_and_user_coordinates_are_exact(box, fractions):
    positions = np.reshape(fractions, (-1, box.dimensions)) * box.lengths.max()
    inside = box.snap(positions)
    assert on_grid(inside, box)
    assert ((inside >= 0) & (inside < box.lengths)).all()
    images = (positions - box.origin - inside) / box.lengths
    np.testing.assert_allclose(images, np.rint(images), atol=1e-6)
    np.testing.assert_array_equal(box.snap(inside + box.origin), inside)
    np.testing.assert_array_equal(inside + box.origin - box.origin, inside)


def test_snap_wraps_periodic_axes_only():
    box = Box([4.0, 4.0], boundary=["periodic", "open"])
    np.testing.assert_array_equal(box.snap([[5.0, 5.0], [-1.0, -1.0], [4.0, 4.0]]), [[1, 5], [3, -1], [0, 4]])


def test_snap_gives_no_negative_zero_and_never_the_upper_edge():
    box = Box([4.0, 4.0], boundary=["periodic", "open"])
    snapped = box.snap([[-0.0, -0.0], [-1e-30, -1e-30]])
    assert not np.signbit(snapped).any()
    assert (snapped == 0).all()


def test_a_far_origin_pays_with_a_coarser_grid_and_stays_exact():
    near, far = Box([10.0, 10.0]), Box([10.0, 10.0], origin=[1e6, 0.0])
    assert far.spacing > near.spacing
    inside = far.snap(np.random.default_rng(1).random((100, 2)) * 10 + [1e6, 0])
    np.testing.assert_array_equal((inside + far.origin) - far.origin, inside)


def test_what_a_box_says_of_itself():
    box = Box([2.0, 3.0, 4.0], boundary=("periodic", "open", "reflecting"), origin=[-1, 0, 1])
    assert (box.dimensions, box.volume) == (3, 24.0)
    assert box.periodic.tolist() == [True, False, False]
    assert box.origin.tolist() == [-1, 0, 1]
    assert copy.deepcopy(box) == box
    assert box != Box([2.0, 3.0, 4.0])
    with pytest.raises(ValueError, match="read-only"):
        box.lengths[0] = 1


@pytest.mark.parametrize(
    ("lengths", "options", "message"),
    [
        ([1.0], {}, "two or three edges"),
        (5.0, {}, "two or three edges"),
        ([1.0, 0.0], {}, "positive finite"),
        ([1.0, -2.0], {}, "positive finite"),
        ([1.0, math.nan], {}, "positive finite"),
        ([1.0, math.inf], {}, "positive finite"),
        ([1e-200, 1e-200], {}, "expected edges between"),
        (["1", "2"], {}, "real numbers"),
        ([[1], [2, 3]], {}, "different lengths"),
        ([1.0, 1e12], {}, "too short to resolve"),
        ([1.0, 1.0], {"origin": [1e15, 0]}, "too short to resolve"),
        ([1.0, 1.0], {"origin": [0, 0, 0]}, "expected 2 numbers"),
        ([1.0, 1.0], {"origin": [0, math.nan]}, "box origin"),
        ([1.0, 1.0], {"boundary": "closed"}, "periodic, open, reflecting"),
        ([1.0, 1.0], {"boundary": ["open"]}, "one per axis"),
        ([1.0, 1.0], {"boundary": ["open", 3]}, "periodic, open, reflecting"),
    ],
)
def test_bad_input_is_named(lengths, options, message):
    with pytest.raises(InputError, match=message):
        Box(lengths, **options)


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e308])
def test_snap_refuses_what_it_cannot_count(value):
    with pytest.raises(InputError, match="finite coordinates"):
        Box([0.1, 0.1]).snap([[value, 0.0]])
