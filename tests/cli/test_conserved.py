"""The drift of a run: of the energy that its forces conserve, which jumps at the cutoff are not part of."""

import numpy as np
import pytest

import motes
from motes.cli.conserved import Energy, energy_at_cutoffs
from motes.cli.report import energy_change


def lennard_jones(r, epsilon, sigma):
    return 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)


def fluid(shift=None, integrator=None):
    particles = motes.fcc(4, 0.8442, temperature=1.44, seed=1)
    pair = motes.Pair(lennard_jones, cutoff=1.8, shift=shift, epsilon=1.0, sigma=1.0)
    return motes.Simulation(particles, integrator or motes.VelocityVerlet(0.002), [pair], threads=1)


def test_the_energy_less_that_at_the_cutoffs_is_the_shifted_one():
    bare, shifted = fluid(), fluid("energy")
    first = Energy.of(bare)
    for simulation in (bare, shifted):
        simulation.run(150)
    last, exact = Energy.of(bare), Energy.of(shifted)
    assert (exact.jumps, bare.fingerprint) == (0.0, shifted.fingerprint)
    assert last.total - last.jumps == pytest.approx(exact.total, rel=1e-9)
    change = last.total - first.total
    assert abs(change - (last.jumps - first.jumps)) < abs(change) / 20
    words = energy_change(first, last)
    assert "drift" in words
    assert words.endswith(", but for jumps of pairs at the cutoff")


def test_tables_by_type_and_mixed_attributes_have_their_own_energy_at_each_cutoff():
    rng = np.random.default_rng(1)
    box = motes.Box([6.0, 6.0, 6.0])
    particles = motes.random(60, box, seed=1, types=list("AB" * 30), size=rng.random(60) + 0.5)
    cutoff = {("A", "A"): 1.0, ("A", "B"): 1.5, ("B", "B"): 2.0}
    k = {("A", "A"): 1.0, ("A", "B"): 2.0, ("B", "B"): 3.0}
    soft = {"cutoff": cutoff, "size": motes.mix("size", "arithmetic"), "k": k}
    energies = [
        Energy.of(motes.Simulation(particles, motes.VelocityVerlet(0.01), [pair]))
        for pair in (motes.Pair(bump, shift=shift, **soft) for shift in (None, "energy"))
    ]
    assert energies[0].total - energies[0].jumps == pytest.approx(energies[1].total, rel=1e-9)


def bump(r, size, k):
    return k * (r - 3 * size) ** 2


def test_what_is_no_drift_is_called_change():
    bath = fluid(integrator=motes.Langevin(0.002, 1.0, 1.0, seed=1))
    words = energy_change(Energy.of(bath), Energy.of(bath))
    assert "change" in words
    words = energy_change(Energy(0, -5.0, -1.0), Energy(10, -4.0, -3.0))
    assert words == "-4, change +1.00e+00 (+2.00e-01 of it) from step 0 to 10"
    words = energy_change(Energy(0, -5.0, None, -5.0), Energy(10, -4.0, None, -4.0))
    assert "change" in words
    assert "pairs that cross the cutoff change it by a jump" in words


def test_without_jumps_nothing_is_counted():
    assert energy_at_cutoffs(fluid("force")) == 0.0
