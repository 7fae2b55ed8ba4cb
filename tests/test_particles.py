import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motes.core.box import Box
from motes.core.errors import InputError
from motes.particles.particles import Particles

BOX = Box([4.0, 4.0, 4.0])
OPEN = Box([4.0, 4.0, 4.0], boundary="open", origin=[-2, -2, -2])
TWO = [[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]]


def temperature(particles):
    twice_kinetic = (particles.mass[:, np.newaxis] * particles.velocities**2).sum()
    return twice_kinetic / (particles.box.dimensions * (len(particles) - 1))


def test_defaults():
    particles = Particles(TWO, BOX)
    assert len(particles) == 2
    assert particles.ids.tolist() == [0, 1]
    assert particles.type_names == ("A",)
    assert particles.types.tolist() == [0, 0]
    assert particles.mass.tolist() == [1, 1]
    assert (particles.velocities == 0).all()
    assert particles.attributes == {}
    assert particles.density == 2 / 64


def test_positions_are_wrapped_on_the_grid_and_in_user_coordinates():
    box = Box([4.0, 4.0], boundary=["periodic", "open"], origin=[-2.0, 10.0])
    particles = Particles([[2.5, 14.0], [-2.25, 10.1]], box)
    np.testing.assert_allclose(particles.positions, [[-1.5, 14.0], [1.75, 10.1]], atol=box.spacing)
    assert (particles.positions / box.spacing % 1 == 0).all()


def test_input_order_is_kept_and_input_is_copied():
    positions = np.array(TWO)
    particles = Particles(positions, BOX, ids=[7, 3], charge=[0.5, -0.5], size=2)
    positions[:] = 0
    assert particles.ids.tolist() == [7, 3]
    assert particles.positions.tolist() == TWO
    assert particles.attributes["charge"].tolist() == [0.5, -0.5]
    assert particles.attributes["size"].tolist() == [2.0, 2.0]
    for array in (particles.positions, particles.velocities, particles.mass, particles.ids, particles.types):
        assert not array.flags.writeable


@pytest.mark.parametrize(
    ("types", "names", "codes"),
    [
        (["B", "A"], ("A", "B"), [1, 0]),
        ([10, 9], (9, 10), [1, 0]),
        (np.array(["b", "b"]), ("b",), [0, 0]),
        (np.array(["b", "a"], dtype=object), ("a", "b"), [1, 0]),
        (5, (5,), [0, 0]),
    ],
)
def test_types_become_codes_of_sorted_labels(types, names, codes):
    particles = Particles(TWO, BOX, types=types)
    assert particles.type_names == names
    assert particles.types.tolist() == codes
    assert type(particles.type_names[0]) in {int, str}


def test_velocities_can_be_replaced_and_are_checked():
    particles = Particles(TWO, BOX)
    particles.velocities = [[1, 2, 3], [4, 5, 6]]
    assert particles.velocities.dtype == np.float64
    with pytest.raises(InputError, match="velocities: expected shape"):
        particles.velocities = [[1, 2, 3]]
    with pytest.raises(InputError, match=r"velocities: particle id 1 .*y = nan"):
        particles.velocities = [[1, 2, 3], [4, math.nan, 6]]


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 3), st.integers(2, 40), st.floats(1e-6, 1e6), st.integers(0, 2**32))
def test_thermalize_is_exact_and_depends_on_ids_only(dimensions, count, target, seed):
    random = np.random.default_rng(seed)
    box = Box([4.0] * dimensions)
    positions, mass, ids = (
        random.random((count, dimensions)),
        random.random(count) + 0.1,
        random.permutation(count),
    )
    particles = Particles(positions, box, mass=mass, ids=ids)
    particles.thermalize(target, seed)
    assert temperature(particles) == pytest.approx(target, rel=1e-12)
    momentum = particles.mass @ particles.velocities
    np.testing.assert_allclose(momentum, 0, atol=1e-12 * count * math.sqrt(target))

    order = random.permutation(count)
    shuffled = Particles(positions[order], box, mass=mass[order], ids=ids[order])
    shuffled.thermalize(target, seed)
    np.testing.assert_array_equal(shuffled.velocities, particles.velocities[order])


def test_thermalize_is_maxwellian_whatever_the_mass():
    mass = np.repeat([1.0, 16.0], 20_000)
    particles = Particles(np.random.default_rng(1).random((40_000, 3)), BOX, mass=mass)
    particles.thermalize(2.0, seed=3)
    light, heavy = particles.velocities[:20_000].ravel(), particles.velocities[20_000:].ravel()
    assert light.var() == pytest.approx(2.0, rel=0.03)
    assert heavy.var() == pytest.approx(2.0 / 16, rel=0.03)
    assert (light**4).mean() / light.var() ** 2 == pytest.approx(3.0, rel=0.05)  # a normal distribution's kurtosis


def test_thermalize_seed_matters_and_zero_is_rest():
    particles = Particles(TWO, BOX)
    particles.thermalize(1.0, seed=1)
    first = particles.velocities
    particles.thermalize(1.0, seed=2)
    assert (particles.velocities != first).all()
    particles.thermalize(0, seed=1)
    assert (particles.velocities == 0).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1.0, 1), "temperature: expected at least 0"),
        ((math.nan, 1), "temperature: expected a finite number"),
        ((1.0, -1), "seed: expected a whole number"),
        ((1.0, 1.5), "seed: expected a whole number"),
    ],
)
def test_thermalize_refuses(arguments, message):
    with pytest.raises(InputError, match=message):
        Particles(TWO, BOX).thermalize(*arguments)


def test_one_particle_has_no_temperature():
    with pytest.raises(InputError, match="one particle"):
        Particles(TWO[:1], BOX).thermalize(1.0, seed=1)


@pytest.mark.parametrize(
    ("positions", "options", "message"),
    [
        ([[1, 1, 1], [1, math.nan, 1]], {}, r"particle id 1 \(row 1\) has .*y = nan"),
        ([[1, 1, 1], [1, 1, math.inf]], {"ids": [5, 9]}, "particle id 9"),
        ([[1, 1]], {}, r"expected shape \(N, 3\)"),
        ([1, 1, 1], {}, r"expected shape \(N, 3\)"),
        (np.zeros((0, 3)), {}, "at least one particle"),
        ([["a", "b", "c"]], {}, "real numbers"),
        (TWO, {"velocities": [[1, 1, 1]]}, "velocities: expected shape"),
        (TWO, {"mass": 0}, "mass: particle id 0"),
        (TWO, {"mass": [1, -1]}, "mass: particle id 1"),
        (TWO, {"mass": [1, math.inf]}, "mass: particle id 1"),
        (TWO, {"mass": [1, 1, 1]}, "mass: expected one number or 2"),
        (TWO, {"ids": [1, 1]}, "1 occurs more than once"),
        (TWO, {"ids": [1, -1]}, "ids: expected integers from 0"),
        (TWO, {"ids": [1.0, 2.0]}, "ids: expected 2 integers"),
        (TWO, {"ids": [1]}, "ids: expected 2 integers"),
        (TWO, {"types": [1, "A"]}, "all integers or all text"),
        (TWO, {"types": [2**63, 1]}, r"integers below 2\*\*63, got 9223372036854775808"),
        (TWO, {"types": np.array([2**63, 1], np.uint64)}, r"integers below 2\*\*63"),
        (TWO, {"types": [1, True]}, "all integers or all text"),
        (TWO, {"types": ["a\0", "a"]}, "text that can be printed"),
        (TWO, {"types": np.array(["a", "\ud800"])}, "text that can be printed"),
        (TWO, {"bonds": [(0, 1), (1,)]}, "bonds: rows of different lengths"),
        (TWO, {"bonds": [(0, 1)], "bond_types": [-(2**63) - 1]}, "bond_types: expected text"),
        (TWO, {"types": [1.5, 2]}, "all integers or all text"),
        (TWO, {"types": ["A"]}, "types: expected one label or 2"),
        (TWO, {"charge": [1, 2, 3]}, "charge: expected one number or 2"),
        (TWO, {"charge": [1, math.nan]}, "charge: particle id 1"),
        (TWO, {"x": 1}, "this name is taken"),
        (TWO, {"type": 1}, "did you mean .types."),
        (TWO, {"a b": 1}, "name that Python accepts"),
        (TWO, {"lambda": 1}, "name that Python accepts"),
    ],
)
def test_bad_input_is_named(positions, options, message):
    with pytest.raises(InputError, match=message):
        Particles(positions, BOX, **options)


def test_beyond_an_open_side_particles_may_be_a_thousand_edges_away():
    Particles([[-2, -2, -2], [2, 2, 2]], OPEN)
    far = Particles([[-4002, 0, 0], [0.25, 0, 4002]], OPEN)
    assert far.positions.tolist() == [[-4002, 0, 0], [0.25, 0, 4002]]
    with pytest.raises(InputError, match=r"particle id 1 .*expected a position within \[-4002, 4002\]"):
        Particles([[0, 0, 0], [0, 0, 4002.001]], OPEN)
    half = Box([4.0, 4.0], ["open", ("reflecting", "open")])
    Particles([[-3000, 0], [3000, 3000]], half)
    with pytest.raises(InputError, match=r"particle id 0 .*y = -0.5.*within \[-4000, 4004\] x \[0, 4004\]"):
        Particles([[0, -0.5]], half)


def test_a_list_is_no_box():
    with pytest.raises(InputError, match=r"box: expected a motes\.Box, got list"):
        Particles(TWO, [4.0, 4.0, 4.0])


def test_only_velocities_can_be_assigned():
    particles = Particles([[1.0, 2.0]], Box([4.0, 4.0]), charge=1.0)
    for name, words in (
        ("charges", "Particles has no 'charges'"),
        ("box", "Particles: box cannot be assigned: .* make new ones"),
        ("positions", "Particles: positions cannot be assigned"),
        ("velocity", r"no 'velocity' \(did you mean 'velocities'\?\)"),
    ):
        with pytest.raises(InputError, match=words):
            setattr(particles, name, 1.0)
    with pytest.raises(InputError, match=r"'charg' \(did you mean 'charge'\?\) cannot be assigned"):
        particles.attributes["charg"] = [1.0]
    particles.velocities = [[1.0, 1.0]]


@pytest.mark.parametrize(
    ("types", "mass", "expected"),
    [
        (["B", "A", "B"], {"A": 1.0, "B": 2.5}, [2.5, 1.0, 2.5]),
        ([7, 2, 7], {2: 1, 7: 3}, [3, 1, 3]),
        ([7, 2, 7], {"2": 1, "7": 3}, [3, 1, 3]),
        (["O", "H", "H"], "elements", [15.999, 1.008, 1.008]),
    ],
)
def test_masses_by_type(types, mass, expected):
    assert Particles([[1, 1], [2, 2], [3, 3]], Box([4, 4]), mass=mass, types=types).mass.tolist() == expected


@pytest.mark.parametrize(
    ("mass", "message"),
    [
        ({"A": 1.0}, "mass: none is given for type 'B'"),
        ({"A": 1.0, "C": 1.0}, "mass: none is given for type 'B'.*; there is one for 'C', which is unknown"),
        ({"A": 1.0, "B": "heavy"}, "mass of type 'B': expected a finite number"),
        ({}, "mass: none is given for type 'A'"),
        ("elements", "mass: the type 'A' is no chemical element"),
        ("heavy", 'mass: expected a number, numbers by type, or "elements"'),
    ],
)
def test_masses_by_type_that_do_not_fit(mass, message):
    with pytest.raises(InputError, match=message):
        Particles([[1, 1], [2, 2]], Box([4, 4]), mass=mass, types=["A", "B"])
