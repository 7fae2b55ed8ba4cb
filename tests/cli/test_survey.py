"""Neighbour counts and smallest distances against a search over all pairs and images."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motes.cli.survey import mean_and_closest
from motes.core.box import Box
from motes.particles.builders import fcc, random
from motes.particles.particles import Particles


def by_all_pairs(particles, reach):
    """Mean number of neighbours within reach and the smallest distance, the slow way."""
    box, positions = particles.box, particles.positions
    copies = [math.ceil(reach / length) + 1 for length in box.lengths]
    shifts = itertools.product(
        *(range(-n, n + 1) if periodic else [0] for n, periodic in zip(copies, box.periodic, strict=True))
    )
    count, smallest = 0, math.inf
    for shift in shifts:
        apart = positions[:, np.newaxis] - positions + np.array(shift) * box.lengths
        distance = np.sqrt((apart**2).sum(axis=2))
        if not any(shift):
            np.fill_diagonal(distance, math.inf)
        count += np.count_nonzero(distance < reach)
        smallest = min(smallest, distance.min())
    return count / len(positions), smallest


@st.composite
def worlds(draw):
    dimensions = draw(st.integers(2, 3))
    lengths = draw(st.lists(st.floats(1.0, 8.0), min_size=dimensions, max_size=dimensions))
    words = st.sampled_from(["periodic", "open", "reflecting"])
    boundary = draw(st.lists(words, min_size=dimensions, max_size=dimensions))
    return random(draw(st.integers(1, 40)), Box(lengths, boundary, origin=lengths), draw(st.integers(0, 1000)))


@settings(deadline=None, max_examples=60)
@given(particles=worlds(), reach=st.floats(0.2, 5.0))
def test_against_all_pairs(particles, reach):
    count, smallest = by_all_pairs(particles, reach)
    mean, found = mean_and_closest(particles, reach)
    assert mean == pytest.approx(count, abs=1e-12)
    if smallest >= reach:
        assert found is None
    else:
        distance, first, second = found
        assert distance == pytest.approx(smallest, abs=1e-12)
        assert first == second or not np.array_equal(*particles.positions[[first, second]])


def test_a_lattice_has_twelve_nearest_neighbours():
    particles = fcc(cells=12, density=math.sqrt(2.0))  # nearest neighbours at distance 1
    mean, found = mean_and_closest(particles, 1.1)
    assert mean == 12
    assert found[0] == pytest.approx(1.0)


def test_far_flung_particles_cost_no_memory():
    positions = np.random.default_rng(1).uniform(0, 1e9, (500, 3))
    particles = Particles(positions, Box([1e9] * 3, "open"))
    assert mean_and_closest(particles, 1.0) == (0.0, None)
