"""Averages of the readings of a run, and their errors."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import motes


def melt(observer: Any = None, threads: int = 1, integrator: Any = None) -> motes.Simulation:
    pair = motes.Pair(motes.potentials.lennard_jones, 2.5, epsilon=1.0, sigma=1.0)
    particles = motes.fcc(4, 0.8442, temperature=1.44, seed=2)
    integrator = integrator or motes.VelocityVerlet(0.005)
    simulation = motes.Simulation(particles, integrator, [pair], threads=threads)
    if observer is not None:
        simulation.every(2, observer)
    return simulation


def kinetic(frame: Any) -> float:
    return float(0.5 * (frame.mass[:, None] * frame.velocities**2).sum())


def test_readings_of_a_run_are_averaged() -> None:
    names = "temperature", "pressure", "total_energy", "kinetic_energy"
    average, seen = motes.Average((*names, kinetic)), []
    simulation = melt(average)
    simulation.every(2, lambda f: seen.append((f.temperature, f.pressure, f.potential_energy + f.kinetic_energy)))
    simulation.run(400)
    assert average.number == 201
    assert average.mean[:3] == pytest.approx(np.mean(seen, axis=0), rel=1e-12)
    assert average.mean[4] == pytest.approx(average.mean[3], rel=1e-9)
    assert average.names == (*names, "kinetic")
    assert average.mean.shape == average.error.shape == (5,)
    assert average.errors.shape == average.uncertainties.shape == (5, 8)
    alone = motes.Average("temperature")
    melt(alone).run(400)
    assert alone.mean == average.mean[0]
    assert repr(alone.error) == repr(float(average.error[0]))
    assert alone.errors.shape == alone.numbers.shape == (8,)


def test_the_temperature_in_a_bath_is_that_of_the_bath_within_errors() -> None:
    average = motes.Average("temperature")
    simulation = melt(integrator=motes.Langevin(0.005, 1.0, 5.0, seed=3))
    simulation.run(500)
    simulation.every(10, average)
    simulation.run(6000)
    assert 0 < average.error < 0.01
    assert abs(average.mean - 1.0) < 4 * average.error + 0.005  # and that of the time step


def test_the_table_has_all_lengths_of_blocks(tmp_path: Path) -> None:
    average = motes.Average(["temperature", "kinetic_energy"], path=tmp_path / "means.csv", blocks=8)
    simulation = melt(integrator=motes.Langevin(0.005, 1.0, 20.0, seed=3))
    simulation.run(300)
    simulation.every(10, average)
    simulation.run(5110)
    rows = np.genfromtxt(tmp_path / "means.csv", delimiter=",", names=True, dtype=None, encoding="utf-8")
    assert rows.dtype.names == ("reading", "mean", "lengths", "numbers", "errors", "uncertainties", "chosen")
    assert rows["reading"].tolist() == ["temperature"] * 10 + ["kinetic_energy"] * 10
    for k, name in enumerate(average.names):
        mine = rows[rows["reading"] == name]
        assert set(mine["mean"].tolist()) == {average.mean[k]}
        assert repr(mine["errors"].tolist()) == repr(average.errors[k].tolist())
        assert mine["errors"][mine["chosen"] == 1].tolist() == [average.error[k]]


def test_a_run_that_is_resumed_has_the_same(tmp_path: Path) -> None:
    names = ("pressure", "temperature")
    whole, half = motes.Average(names, 2), motes.Average(names, 2, tmp_path / "means.csv")
    melt(whole).run(80)
    simulation = melt(half)
    simulation.run(33)
    resumed = motes.resume(simulation.save(tmp_path / "run"), simulation.interactions, threads=2)
    again = resumed.observers[0].observers[0]
    resumed.run(47)
    assert again.what == names
    assert again.blocks == 2
    assert {name: repr(column.tolist()) for name, column in again.columns.items()} == {
        name: repr(column.tolist()) for name, column in whole.columns.items()
    }


def test_one_of_a_function_is_given_again_after_a_resume(tmp_path: Path) -> None:
    simulation = melt(motes.Average(kinetic))
    simulation.run(4)
    assert len(motes.resume(simulation.save(tmp_path / "run"), simulation.interactions).observers) == 0


def test_energies_are_computed_ahead_only_where_they_are_read() -> None:
    assert motes.Average(("temperature", "pressure")).needs_energy
    assert not motes.Average("temperature").needs_energy
    assert not motes.Average(kinetic).needs_energy


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: motes.Average(), "missing a required argument: 'what'"),
        (lambda: motes.Average("temprature"), "no reading 'temprature'; did you mean 'temperature'?, or a function"),
        (lambda: motes.Average(3), "there is no reading 3; known are temperature"),
        (lambda: motes.Average(()), "expected one or several different readings, got ()"),
        (lambda: motes.Average(("pressure", "pressure")), "expected one or several different readings"),
        (lambda: motes.Average("pressure", blocks=1), "Average: blocks: expected a whole number of at least 2"),
        (lambda: motes.Average("pressure", path="p.gsd"), "a table is a CSV file"),
        (
            lambda: melt(motes.Average("conserved_energy"), integrator=motes.Langevin(0.005, 1.0, 1.0, seed=1)).run(1),
            "Average: conserved_energy is nan at step 0: under this integrator, or with these interactions, it has no",
        ),
    ],
)
def test_what_has_no_value_is_refused(make: Any, message: str) -> None:
    with pytest.raises(motes.InputError) as refused:
        make()
    assert message in str(refused.value)


@pytest.mark.parametrize("returned", [math.nan, None, True, "1.0", np.ones(1), np.ones(3), 1j])
def test_a_function_that_returns_no_number_ends_the_run(returned: Any) -> None:
    with pytest.raises(motes.RunError, match=r"Average: <lambda> returned .* at step 0, which is no finite number"):
        melt(motes.Average(lambda _: returned)).run(1)


def test_it_is_drawn() -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    average = motes.Average(("temperature", "pressure"))
    melt(average).run(20)
    axes = average.plot(pyplot.subplots()[1])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["temperature", "pressure"]
