import math
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from motes.core.box import Box
from motes.core.errors import InputError
from motes.particles.builders import fcc, random
from motes.particles.readers import read

MELT = Path(__file__).parent / "data" / "lammps" / "melt-4000.data"


def smallest_distance(particles):
    """Slow and plain: every pair, every image."""
    lengths = np.where(particles.box.periodic, particles.box.lengths, np.inf)
    smallest = math.inf
    for a, b in combinations(particles.positions, 2):
        delta = np.abs(a - b)
        smallest = min(smallest, np.linalg.norm(np.minimum(delta, np.abs(lengths - delta))))
    return smallest


def test_fcc_is_the_lattice_of_the_melt_in_its_order():
    reference, particles = read(MELT), fcc(10, 0.8442)
    np.testing.assert_allclose(particles.positions, reference.positions, rtol=0, atol=1e-14)
    np.testing.assert_allclose(particles.box.lengths, reference.box.lengths, rtol=0, atol=1e-14)
    assert particles.density == pytest.approx(0.8442, rel=1e-14)


def test_fcc_with_cells_per_axis_has_twelve_nearest_neighbours():
    particles = fcc((3, 4, 5), 1.2, types="X", charge=0.5)
    assert len(particles) == 4 * 60
    edge = (4 / 1.2) ** (1 / 3)
    np.testing.assert_allclose(particles.box.lengths, edge * np.array([3, 4, 5]))
    delta = particles.positions - particles.positions[17]
    delta -= particles.box.lengths * np.rint(delta / particles.box.lengths)
    distance = np.linalg.norm(delta, axis=1)
    assert np.isclose(distance, edge / math.sqrt(2)).sum() == 12
    assert particles.type_names == ("X",)
    assert (particles.attributes["charge"] == 0.5).all()


def test_fcc_with_temperature():
    particles = fcc(2, 1.0, temperature=1.44, seed=87287, mass=2.0)
    assert (2.0 * particles.velocities**2).sum() / (3 * 31) == pytest.approx(1.44)
    np.testing.assert_array_equal(particles.velocities, fcc(2, 1.0, temperature=1.44, seed=87287, mass=2.0).velocities)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cells": 0}, "cells: expected a whole number of at least 1"),
        ({"cells": 1.5}, "cells: expected a whole number"),
        ({"cells": (1, 2)}, "one whole number or three"),
        ({"density": 0}, "density: expected more than 0"),
        ({"density": math.inf}, "density: expected a finite number"),
        ({"temperature": 1.0}, "temperature and seed together"),
        ({"seed": 1}, "temperature and seed together"),
    ],
)
def test_fcc_refuses(arguments, message):
    with pytest.raises(InputError, match=message):
        fcc(**{"cells": 2, "density": 1.0} | arguments)


def test_random_is_even_in_the_box_and_repeats_with_its_seed():
    box = Box([2.0, 4.0], origin=[-1.0, 10.0])
    particles = random(20_000, box, 5, mass=3.0, size=1.5)
    fractions = (particles.positions - box.origin) / box.lengths
    counts, *_ = np.histogram2d(*fractions.T, bins=4, range=[[0, 1], [0, 1]])
    assert counts.sum() == 20_000
    assert abs(counts - 1250).max() < 5 * math.sqrt(1250)
    np.testing.assert_array_equal(particles.positions, random(20_000, box, 5).positions)
    assert (particles.positions != random(20_000, box, 6).positions).any()
    assert particles.mass[0] == 3.0
    assert particles.attributes["size"][0] == 1.5


@pytest.mark.parametrize("boundary", ["periodic", "open", ("open", "periodic", "reflecting")])
@pytest.mark.parametrize("lengths", [(6.0, 6.0, 6.0), (2.5, 3.5, 20.0), (1.1, 90.0)])
def test_random_keeps_the_distance_through_every_side(lengths, boundary):
    box = Box(lengths, boundary=boundary if isinstance(boundary, str) else boundary[: len(lengths)])
    count = int(0.4 * box.volume)
    particles = random(count, box, 3, minimum_distance=1.0)
    assert len(particles) == count
    assert 1.0 - 1e-12 <= smallest_distance(particles) < 1.2  # near the limit, so the limit was at work


def test_random_fills_up_to_the_saturation_of_random_insertion():
    """Disks stop at 54.7 % of the area (Feder, J. Theor. Biol. 87, 1980): less must fit, more must not."""
    box = Box([20.0, 20.0])
    assert len(random(int(0.48 * 400 / (math.pi / 4)), box, 1, minimum_distance=1.0)) == 244
    with pytest.raises(InputError, match=r"\d+ of 305 particles fit"):
        random(int(0.60 * 400 / (math.pi / 4)), box, 1, minimum_distance=1.0)


@pytest.mark.parametrize(
    ("count", "options", "message"),
    [
        (0, {}, "count: expected a whole number of at least 1"),
        (2.0, {}, "count: expected a whole number"),
        (10, {"minimum_distance": 0.0}, "minimum_distance: expected more than 0"),
        (10, {"minimum_distance": 3.5}, "too near to its own image"),
        (1000, {"minimum_distance": 1.0}, "densest packing takes 74%"),
    ],
)
def test_random_refuses(count, options, message):
    with pytest.raises(InputError, match=message):
        random(count, Box([3.0, 3.0, 3.0]), 1, **options)


def test_random_refuses_what_is_no_box_or_seed():
    with pytest.raises(InputError, match=r"box: expected a motes\.Box"):
        random(3, [1.0, 1.0], 1)
    with pytest.raises(InputError, match="seed"):
        random(3, Box([1.0, 1.0]), None)


def test_random_particles_may_have_a_temperature():
    box = Box([8.0, 8.0, 8.0])
    for options in ({}, {"minimum_distance": 0.5}):
        warm = random(50, box, seed=1, temperature=1.5, **options)
        cold = random(50, box, seed=1, **options)
        cold.thermalize(1.5, seed=1)
        assert np.array_equal(warm.velocities, cold.velocities)
        assert (warm.mass[:, None] * warm.velocities**2).sum() == pytest.approx(3 * 49 * 1.5)
