"""Structure factors, against the sum over all particles written out, and what is known of a gas."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.waves import gas, vectors_within

import motes


@pytest.mark.parametrize("lengths", [(5.0, 7.0, 6.0), (8.0, 11.0)])
@pytest.mark.parametrize("types", [None, ("a", "a"), ("a", "b")])
def test_it_is_the_sum_over_all_particles_written_out(lengths: Any, types: Any) -> None:
    factor, q, moments = motes.StructureFactor(5.0, 12, types), 5.0, []
    simulation = gas(lengths=lengths, threads=2)
    simulation.every(10, factor, lambda frame: moments.append(frame.positions.copy()))
    simulation.run(20)
    vectors, k = vectors_within(lengths, q)
    kinds = np.asarray(simulation.type_names)[simulation.types]
    first, other = (np.full(len(kinds), True) if types is None else kinds == label for label in types or (0, 0))
    found = np.zeros(len(vectors))
    for x in moments:
        phases = np.exp(1j * 2 * np.pi * (x / lengths) @ vectors.T)
        found += (phases[first].sum(axis=0) * phases[other].sum(axis=0).conj()).real
    found /= len(moments) * math.sqrt(first.sum() * other.sum())
    edges = np.linspace(0, q, 13)
    counts = np.histogram(k, edges)[0]
    assert factor.frames == 3
    assert (2 * factor.vectors).tolist() == counts.tolist()
    with np.errstate(invalid="ignore"):
        assert factor.s == pytest.approx(np.histogram(k, edges, weights=found)[0] / counts, rel=1e-8, nan_ok=True)
        assert factor.k == pytest.approx(np.histogram(k, edges, weights=k)[0] / counts, rel=1e-12, nan_ok=True)
    assert factor.edges.tolist() == edges.tolist()


def test_an_ideal_gas_has_one() -> None:
    simulation, whole, partial = (
        gas(4000, (12.0, 12.0, 12.0)),
        motes.StructureFactor(6.0, 6),
        motes.StructureFactor(6.0, 6, ("a", "b")),
    )
    simulation.every(100, whole, partial)
    simulation.run(900)
    error = 1 / np.sqrt(whole.vectors * whole.frames)  # |rho|^2 / N is distributed exponentially, of scatter 1
    assert (np.abs(whole.s - 1) < 4 * error).all()
    assert (np.abs(partial.s) < 4 * error).all()


def test_a_run_that_is_resumed_has_the_same(tmp_path: Path) -> None:
    whole, half = (
        motes.StructureFactor(5.0, types=("a", "b")),
        motes.StructureFactor(5.0, types=("a", "b"), path=tmp_path / "s.csv"),
    )
    for factor, steps in ((whole, 40), (half, 15)):
        simulation = gas(threads=1)
        simulation.every(5, factor)
        simulation.run(steps)
    resumed = motes.resume(simulation.save(tmp_path / "run"), threads=2)
    again = resumed.observers[0].observers[0]
    resumed.run(25)
    assert repr(again.s.tolist()) == repr(whole.s.tolist())
    assert again.frames == whole.frames == 9
    rows = np.genfromtxt(tmp_path / "s.csv", delimiter=",", names=True)
    assert rows.dtype.names == ("k", "s", "vectors")
    assert repr(rows["s"].tolist()) == repr(whole.s.tolist())


def watched(observer: Any, box: Any = None) -> motes.Simulation:
    particles = motes.random(100, box or motes.Box([10.0, 10.0, 10.0]), seed=1)
    simulation = motes.Simulation(particles, motes.VelocityVerlet(0.01))
    simulation.every(1, observer)
    simulation.run(1)
    return simulation


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: motes.StructureFactor(), "missing a required argument: 'q'"),
        (lambda: motes.StructureFactor(0.0), "StructureFactor: q: expected more than 0"),
        (lambda: motes.StructureFactor([1.0, 2.0]), "StructureFactor: q: expected a finite number"),
        (lambda: motes.StructureFactor(5.0, 0), "StructureFactor: bins: expected a whole number of at least 1"),
        (lambda: motes.StructureFactor(5.0, types="ab"), "StructureFactor: types: expected two types"),
        (lambda: motes.StructureFactor(5.0, path="s.gsd"), "a table is a CSV file"),
        (
            lambda: watched(motes.StructureFactor(0.5)),
            "q: expected at least 0.628319, the smallest wave number in this box",
        ),
        (lambda: watched(motes.StructureFactor(5.0, types=("A", "b"))), "there is no type 'b'"),
        (
            lambda: watched(motes.StructureFactor(5.0), motes.Box([5.0] * 3, ["periodic", "periodic", "open"])),
            "the box is not periodic along z, so it has no reciprocal vectors",
        ),
        (
            lambda: watched(motes.StructureFactor(100.0)),
            "q: up to 100 there are about 8.4e+06 reciprocal vectors, and at",
        ),
        (lambda: watched(motes.StructureFactor(1e60)), "in this box give up to"),
        (lambda: watched(motes.StructureFactor(5.0), motes.Box([1e5, 1.0])), "or 10_000 along an edge"),
    ],
)
def test_what_cannot_be_counted_is_refused(make: Any, message: str) -> None:
    with pytest.raises(motes.InputError) as refused:
        make()
    assert message in str(refused.value)


def test_another_box_is_refused() -> None:
    factor = motes.StructureFactor(3.0)
    watched(factor)
    watched(factor)
    assert factor.frames == 4
    with pytest.raises(motes.InputError, match="the box is another one"):
        watched(factor, motes.Box([9.0, 10.0, 10.0]))


def test_moments_without_particles_of_a_type_are_not_in_it() -> None:
    factor, simulation = motes.StructureFactor(5.0, types=("b", "b")), gas(30)
    simulation.every(1, factor)
    simulation.run(1)
    simulation.remove(simulation.ids[::3])
    simulation.run(2)
    assert factor.frames == 2


def test_it_is_drawn() -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    factor = motes.StructureFactor(3.0)
    watched(factor)
    axes = factor.plot(pyplot.subplots()[1])
    assert np.isfinite(axes.lines[0].get_ydata()).all()
    assert axes.get_xlabel() == "k"
