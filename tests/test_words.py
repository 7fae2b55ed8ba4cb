"""Words that nobody knows here: what was probably meant is said, in one line."""

import pytest

import motes
from motes.core.words import FOREIGN, did_you_mean, known_keywords, nearest

BOX = motes.Box([8.0, 8.0, 8.0])
SOFT = motes.potentials.lennard_jones


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("kT", ["temperature", "friction"], "temperature"),
        ("gamma", ["temperature", "friction"], "friction"),
        ("rcut", ["cutoff", "skin"], "cutoff"),
        ("sigma", ["diameter", "charge"], "diameter"),
        ("frction", ["temperature", "friction"], "friction"),
        ("CutOff", ["cutoff", "skin"], "cutoff"),
        ("kT", ["temperatures"], None),
        ("elephant", ["cutoff", "skin"], None),
    ],
)
def test_the_nearest_word_is_another_word_for_it_or_spelt_alike(word, known, meant):
    assert nearest(word, known) == meant


def test_where_no_word_is_near_all_are_named():
    assert did_you_mean("elephant", ["skin", "cutoff"]) == "known are 'skin', 'cutoff'"
    assert did_you_mean("elephant", []) == "there are none"


def test_no_foreign_word_is_one_of_ours():
    ours = set(FOREIGN) - {"steps", "cells", "potential"}
    twice = {word for words in FOREIGN.values() for word in words.split() if word in ours}
    assert twice <= {"method", "force", "checkpoint"}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: motes.random(9, BOX, seed=1, min_distance=1.0), "random: .*'min_distance'; did you mean 'minimum_d"),
        (lambda: motes.random(9, BOX, seed=1, kT=1.0), "random: .*'kT'; did you mean 'temperature'"),
        (lambda: motes.Particles([[1.0, 1.0, 1.0]], BOX, masses=2.0), "Particles: .*'masses'; did you mean 'mass'"),
        (lambda: motes.Particles([[1.0, 1.0, 1.0]], BOX, velocity=2.0), "did you mean 'velocities'"),
        (lambda: motes.Particles([[1.0, 1.0, 1.0]], BOX, typeid=2.0), "did you mean 'types'"),
        (lambda: motes.fcc(cells=2, rho=0.8), "fcc: .*'rho'; did you mean 'density'"),
        (lambda: motes.Langevin(0.1, kT=1.0, gamma=1.0, seed=1), "Langevin: .*'kT'; did you mean 'temperature'"),
        (lambda: motes.Brownian(0.1, 1.0, gamma=1.0, seed=1), "Brownian: .*'gamma'; did you mean 'friction'"),
        (lambda: motes.Langevin(0.1, 1.0, seed=1), "Langevin: missing a required argument: 'friction'"),
        (lambda: motes.VelocityVerlet(timestep=0.1), "VelocityVerlet: .*'timestep'; did you mean 'dt'"),
        (lambda: motes.VelocityVerlet(0.1, 2), "VelocityVerlet: too many positional arguments"),
        (lambda: motes.Pair(SOFT, rcut=2.5, epsilon=1.0, sigma=1.0), "Pair: .*'rcut'; did you mean 'cutoff'"),
        (lambda: motes.Pair(SOFT, 2.5, eps=1.0, sigma=1.0), "'eps' is not used; did you mean 'epsilon'"),
        (lambda: motes.Box(L=[1.0, 1.0]), "Box: .*'L'; did you mean 'lengths'"),
        (lambda: motes.Box([1.0, 1.0], pbc=True), "Box: .*'pbc'; did you mean 'boundary'"),
        (lambda: motes.Thermo(filename="a.csv"), "Thermo: .*'filename'; did you mean 'path'"),
        (lambda: motes.Flow(lambda x, y: (x, y), timestep=0.1), "Flow: .*'timestep'; did you mean 'dt'"),
        (lambda: motes.sweep(float, {"x": [1]}, n_workers=2), "sweep: .*'n_workers'; did you mean 'workers'"),
        (lambda: motes.resume("a", force_field=[]), "resume: .*'force_field'; did you mean 'interactions'"),
    ],
)
def test_a_keyword_that_is_not_known_is_refused_with_the_one_that_is(call, message):
    with pytest.raises(motes.InputError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_name_of_the_users_own_stays_free():
    particles = motes.Particles([[1.0, 1.0, 1.0]], BOX, charge=2.0, diameter=1.5, gamma=0.5, spin=1.0)
    assert sorted(particles.attributes) == ["charge", "diameter", "gamma", "spin"]
    pair = motes.Pair(lambda r, cut: cut / r, 2.5, cut=1.0)  # the cutoff is given, so this is no other word for it
    assert pair.parameters == {"cut": 1.0}


def test_a_name_that_motes_does_not_have_is_answered_with_the_nearest():
    with pytest.raises(AttributeError, match="did you mean 'Langevin'"):
        motes.Langevn  # noqa: B018  # the question is the test
    with pytest.raises(AttributeError, match="did you mean 'VelocityVerlet'"):
        motes.NVE  # noqa: B018  # as above


def test_the_call_itself_is_not_changed():
    @known_keywords
    def area(width, height=2.0):
        """The product."""
        return width * height

    assert area(3.0) == area(width=3.0) == 6.0
    assert area.__doc__ == "The product."
