"""Fourier components of the density, against sums written out, and what is known of a crystal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.waves import gas, vectors_within

import motes
from motes.core.threads import Team
from motes.exact import waves


def test_modes_are_those_of_each_vector_and_of_k_and_minus_k_one() -> None:
    simulation = gas()
    vectors, values = simulation.density_modes(4.0)
    phases = 2 * np.pi * (simulation.positions - simulation.box.origin) / simulation.box.lengths @ vectors.T
    assert np.abs(values - np.exp(1j * phases).sum(axis=0)).max() < 1e-8
    both = [tuple(vector) for vector in [*vectors.tolist(), *(-vectors).tolist()]]
    assert sorted(both) == sorted(map(tuple, vectors_within((5.0, 7.0, 6.0), 4.0)[0].tolist()))
    some = simulation.density_modes(4.0, "b").values
    assert np.abs(some - np.exp(1j * phases[::3]).sum(axis=0)).max() < 1e-8
    assert simulation.density_modes(2 * np.pi / 7).vectors.tolist() == [[0, 1, 0]]  # the end of the range included


def test_a_crystal_has_peaks_as_high_as_there_are_particles() -> None:
    particles, cells = motes.fcc(cells=4, density=1.0), 4
    simulation = motes.Simulation(particles, motes.VelocityVerlet(0.01))
    vectors, values = simulation.density_modes(2 * np.pi / particles.box.lengths[0] * 4 * cells)
    cubic = vectors / cells
    of_cells = (vectors % cells == 0).all(axis=1)
    bragg = of_cells & ((cubic % 2 == 0).all(axis=1) | (cubic % 2 == 1).all(axis=1))
    heights = np.abs(values) ** 2 / len(particles)
    assert heights[bragg] == pytest.approx(len(particles), rel=1e-9)
    assert heights[~bragg].max() < 1e-15
    assert {tuple(sorted(abs(one))) for one in cubic[bragg].astype(int)} >= {(1, 1, 1), (0, 0, 2), (0, 2, 2), (1, 1, 3)}


def test_sums_depend_on_no_order_of_particles_and_on_no_threads() -> None:
    random, box = np.random.default_rng(1), motes.Box([5.0, 6.0, 7.0])
    rows, x = waves.rows_within(box, 6.0), random.random((3, 333))
    sums = waves.sums_over(x, rows, Team(1))
    for threads in (2, 5):
        assert np.array_equal(waves.sums_over(x[:, random.permutation(333)], rows, Team(threads)), sums)
    parts = waves.sums_over(x[:, :100], rows, Team(1)) + waves.sums_over(x[:, 100:], rows, Team(1))
    assert np.array_equal(parts, sums)


def test_vectors_in_a_thin_box_are_those_of_its_plane() -> None:
    disk = np.pi * (60.0 * 200.0 / (2 * np.pi)) ** 2
    with pytest.raises(motes.InputError) as refused:
        waves.rows_within(motes.Box([200.0, 200.0, 0.05]), 60.0)
    assert f"there are about {disk / 2:.2g} reciprocal vectors" in str(refused.value)


@pytest.mark.parametrize("lengths", [[10.0, 10.0, 10.0], [1e5, 1.0], [3.0, 50.0, 90.0]])
def test_what_a_refusal_offers_is_taken(lengths: Any) -> None:
    box = motes.Box(lengths)
    with pytest.raises(motes.InputError) as refused:
        waves.rows_within(box, 300.0)
    offer = float(str(refused.value).split()[-1])
    number = len(waves.vectors_in(waves.rows_within(box, offer), 3))
    assert number <= waves.MOST_VECTORS
    assert number > 0.8 * waves.MOST_VECTORS or offer > 0.9 * waves.MOST_ALONG * 2 * np.pi / max(lengths)
