"""Profiles along an axis, against NumPy's histograms of the same moments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import motes
from motes.observers.profile import places_of, sums_in_bins


def slab(observer: Any, lengths: Any = (4.0, 5.0, 6.0)) -> motes.Simulation:
    """A gas of particles of many masses in a box that begins somewhere; `heat` is an attribute."""
    box = motes.Box(lengths, ["periodic", "open", "reflecting"], origin=[-1.0, 2.0, 0.5])
    random = np.random.default_rng(3)
    particles = motes.Particles(
        random.random((500, 3)) * box.lengths + box.origin, box, random.normal(size=(500, 3)), ids=np.arange(500)[::-1],
        mass=random.uniform(0.5, 3.0, 500), heat=random.normal(size=500) * 10.0 ** random.uniform(-6, 6, 500),
    )  # fmt: skip
    simulation = motes.Simulation(particles, motes.VelocityVerlet(0.01), threads=1)
    if observer is not None:
        simulation.every(10, observer)
    return simulation


def expected(axis: int, what: str, steps: int) -> tuple[Any, Any, Any]:
    """Counts, sums and who is outside, over the moments of a run, by NumPy."""
    simulation, moments = slab(None), []
    simulation.every(10, lambda frame: moments.append((frame.positions.copy(), frame.velocities.copy(), frame.mass)))
    simulation.run(steps)
    box, heat = simulation.box, simulation.attributes["heat"]
    edges = np.linspace(box.origin[axis], box.origin[axis] + box.lengths[axis], 8)
    counts, sums, outside = np.zeros(7, np.int64), np.zeros((3, 7)), 0
    for x, v, mass in moments:
        weights = {
            "density": [], "mass": [mass], "temperature": [mass * (v**2).sum(axis=1)], "velocity": v.T, "heat": [heat],
        }[what]  # fmt: skip
        here = np.histogram(x[:, axis], edges)[0]
        counts += here
        outside += len(x) - here.sum()
        for k, weight in enumerate(weights):
            sums[k] += np.histogram(x[:, axis], edges, weights=weight)[0]
    return counts, sums, outside


@pytest.mark.parametrize("axis", ["x", "y", "z"])
@pytest.mark.parametrize("what", ["density", "mass", "temperature", "velocity", "heat"])
def test_it_is_what_numpy_finds(axis: str, what: str) -> None:
    profile = motes.Profile(axis, 7, what)
    simulation = slab(profile)
    simulation.run(50)
    counts, sums, outside = expected("xyz".index(axis), what, 50)
    assert profile.counts.tolist() == counts.tolist()
    assert profile.frames == 6
    assert profile.outside == outside
    assert (outside > 0) == (axis == "y")
    slices = 6 * simulation.box.volume / 7
    values = {
        "density": counts / slices, "mass": sums[0] / slices, "temperature": sums[0] / (3 * counts),
        "velocity": (sums / counts).T, "heat": sums[0] / counts,
    }[what]  # fmt: skip
    assert profile.values == pytest.approx(values, rel=1e-10)
    first = simulation.box.origin["xyz".index(axis)]
    assert profile.edges[0] == first
    assert profile.edges[-1] == pytest.approx(first + simulation.box.lengths["xyz".index(axis)])
    assert profile.centres[0] == pytest.approx((profile.edges[0] + profile.edges[1]) / 2)


def test_a_gas_at_rest_in_its_bath_has_one_density_and_the_temperature() -> None:
    particles = motes.random(5000, motes.Box([10.0, 10.0, 10.0]), seed=1, temperature=1.5)
    simulation = motes.Simulation(particles, motes.VelocityVerlet(0.01))
    density, temperature = motes.Profile("x", 5), motes.Profile("x", 5, "temperature")
    simulation.every(5, density, temperature)
    simulation.run(20)
    assert density.values == pytest.approx(5.0, rel=0.1)
    assert density.values.mean() == pytest.approx(5.0, rel=1e-12)
    assert temperature.values == pytest.approx(1.5, rel=0.1)
    assert density.frames == temperature.frames == 5  # without files, one does not take the place of the other


def test_in_two_dimensions_and_where_nobody_is() -> None:
    box = motes.Box([4.0, 2.0])
    particles = motes.Particles([[0.5, 1.0], [0.6, 0.5], [3.5, 1.5]], box, [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    simulation = motes.Simulation(particles, motes.VelocityVerlet(0.01))
    kinds = {what: motes.Profile("x", 4, what) for what in ("density", "velocity", "temperature")}
    simulation.every(1, *kinds.values())
    assert np.isnan(kinds["density"].values).all()
    simulation.run(0)
    assert kinds["density"].values.tolist() == [1.0, 0.0, 0.0, 0.5]
    assert kinds["velocity"].values == pytest.approx(
        np.array([[2.0, 3.0], [np.nan] * 2, [np.nan] * 2, [5.0, 6.0]]), nan_ok=True
    )
    assert kinds["temperature"].values == pytest.approx([(5 + 25) / 4, np.nan, np.nan, 61 / 2], nan_ok=True)
    assert list(kinds["velocity"].columns) == ["centres", "counts", "vx", "vy"]


@pytest.mark.parametrize("seed", range(20))
def test_bins_are_those_of_their_edges(seed: int) -> None:
    generator = np.random.default_rng(seed)
    first = generator.normal() * 10.0 ** generator.integers(-3, 4)
    edges = np.linspace(first, first + generator.uniform(0.1, 100), int(generator.integers(2, 300)))
    x = np.concatenate([edges, np.nextafter(edges, -np.inf), np.nextafter(edges, np.inf), generator.choice(edges, 50)])
    places = places_of(x, edges)
    right = np.searchsorted(edges, x, "right") - 1
    right[x == edges[-1]] = len(edges) - 2
    assert places.tolist() == np.where((x < edges[0]) | (x > edges[-1]), -1, right).tolist()


def test_sums_depend_on_no_order() -> None:
    generator = np.random.default_rng(1)
    values, places = (
        generator.normal(size=2000) * 10.0 ** generator.uniform(-9, 9, 2000),
        generator.integers(-1, 4, 2000),
    )
    order = generator.permutation(2000)
    sums = sums_in_bins(values, places, 4)
    assert sums.tolist() == sums_in_bins(values[order], places[order], 4).tolist()
    assert sums == pytest.approx([values[places == k].sum() for k in range(4)], rel=1e-12)


@pytest.mark.parametrize("what", ["mass", "velocity"])
def test_a_run_that_is_resumed_has_the_same(what: str, tmp_path: Path) -> None:
    whole, half = motes.Profile("y", 10, what), motes.Profile("y", 10, what, tmp_path / "y.csv")
    slab(whole).run(100)
    simulation = slab(half)
    simulation.run(45)
    resumed = motes.resume(simulation.save(tmp_path / "run"))
    again = resumed.observers[0].observers[0]
    resumed.run(55)
    assert again.values.tolist() == whole.values.tolist()
    assert again.counts.tolist() == whole.counts.tolist()
    assert (again.frames, again.outside) == (whole.frames, whole.outside)
    assert whole.frames == 11
    assert whole.outside > 0
    rows = np.genfromtxt(tmp_path / "y.csv", delimiter=",", names=True)
    names = ["mass"] if what == "mass" else ["vx", "vy", "vz"]
    assert rows.dtype.names == ("centres", "counts", *names)
    assert np.stack([rows[name] for name in names], axis=-1).squeeze().tolist() == whole.values.tolist()


def test_another_box_is_refused_and_the_same_again_is_not() -> None:
    profile = motes.Profile("x", 4)
    slab(profile).run(10)
    slab(profile).run(10)
    assert profile.frames == 4
    with pytest.raises(motes.InputError, match="the box is another one"):
        slab(profile, lengths=[4.0, 5.0, 6.5]).run(1)


def brownian(observer: Any) -> None:
    bath = motes.Brownian(0.01, 1.0, 1.0, seed=1)
    simulation = motes.Simulation(motes.random(50, motes.Box([5.0, 5.0]), seed=1), bath)
    simulation.every(1, observer)
    simulation.run(1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: motes.Profile("w"), "Profile: axis: expected 'x', 'y' or 'z', got 'w'"),
        (lambda: motes.Profile("xy"), "Profile: axis: expected 'x', 'y' or 'z', got 'xy'"),
        (lambda: motes.Profile(), "missing a required argument: 'axis'"),
        (lambda: motes.Profile("x", 0), "Profile: bins: expected a whole number of at least 1"),
        (lambda: motes.Profile("x", what=3), "Profile: what: expected density, mass, temperature, velocity or the"),
        (lambda: motes.Profile("x", what="counts"), "counts is another column of the result"),
        (lambda: motes.Profile("x", path="x.gsd"), "a table is a CSV file"),
        (lambda: slab(motes.Profile("x", what="heart")).run(1), "no attribute 'heart'; did you mean 'heat'?"),
        (lambda: slab(motes.Profile("x", what="speed")).run(1), "known are 'density', 'mass', 'temperature'"),
        (lambda: brownian(motes.Profile("z")), "expected 'x' or 'y', as the box has two dimensions, got 'z'"),
        (lambda: brownian(motes.Profile("x", what="temperature")), "there is no temperature under this integrator"),
        (lambda: brownian(motes.Profile("x", what="velocity")), "there is no velocity under this integrator"),
    ],
)
def test_what_there_is_not_is_refused(make: Any, message: str) -> None:
    with pytest.raises(motes.InputError) as refused:
        make()
    assert message in str(refused.value)


def test_it_is_drawn() -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    profile = motes.Profile("x", 5, "velocity")
    slab(profile).run(10)
    axes = profile.plot(pyplot.subplots()[1])
    assert [line.get_ydata().tolist() for line in axes.lines] == profile.values.T.tolist()
    assert axes.get_xlabel() == "x"
