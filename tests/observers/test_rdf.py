"""Radial distribution functions, against counts made by others, and pairs against those found by trying every one."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import motes
from motes.core.threads import Team
from motes.neighbors.brute import brute_pairs
from motes.neighbors.nearby import Cells, count_pairs, pairs_within

DATA = np.load(Path(__file__).parents[1] / "data" / "lammps2" / "rdf_liquid.npz")


def liquid(**how: Any) -> motes.Simulation:
    box = motes.Box(DATA["L"])
    particles = motes.Particles(DATA["x"], box, types=np.array(["a", "b"])[DATA["type"]])
    return motes.Simulation(particles, motes.VelocityVerlet(0.001), **how)


@pytest.mark.parametrize(("types", "name"), [(None, ""), (("a", "a"), "_00"), (("a", "b"), "_01"), (("b", "b"), "_11")])
@pytest.mark.parametrize("threads", [1, 3])
def test_counts_are_those_of_others(types: Any, name: str, threads: int) -> None:
    edges = DATA["edges"]
    simulation, rdf = liquid(threads=threads), motes.Rdf(bins=100, range=(edges[0], edges[-1]), types=types)
    simulation.every(1, rdf)
    simulation.run(0)
    assert rdf.counts.tolist() == DATA[f"counts{name}"].tolist()
    assert rdf.edges == pytest.approx(edges)
    if types is None:
        assert rdf.g == pytest.approx(DATA["g"], rel=1e-12)
        assert rdf.g[:50] == pytest.approx(DATA["lammps_g"], abs=1e-4)
        assert rdf.coordination[-1] == pytest.approx(2 * rdf.counts.sum() / 1000)


@pytest.mark.parametrize("seed", range(40))
def test_pairs_are_those_found_by_trying_every_one(seed: int) -> None:
    generator = np.random.default_rng(seed)
    dimensions, number = int(generator.integers(2, 4)), int(generator.integers(1, 150))
    sides = [str(generator.choice(["periodic", "open", "reflecting"])) for _ in range(dimensions)]
    box = motes.Box(generator.uniform(2, 9, dimensions), sides, origin=generator.uniform(-3, 3, dimensions))
    positions = box.origin + generator.uniform(0, 1, (number, dimensions)) * box.lengths
    distance = float(generator.uniform(0.05, 0.5) * box.lengths.min())
    cells = Cells.of(np.ascontiguousarray(box.snap(positions).T), box, distance)
    shares = [pairs_within(cells, distance, Team(2), cells.pieces(rank, 3)) for rank in range(3)]
    i, j, apart = (np.concatenate(parts, axis=-1) for parts in zip(*shares, strict=True))
    one, other, _ = brute_pairs(positions, box, distance)
    assert sorted(map(sorted, zip(i.tolist(), j.tolist(), strict=True))) == sorted(
        map(sorted, zip(one.tolist(), other.tolist(), strict=True))
    )
    ways = (positions[j] - positions[i]).T
    edges = np.where(box.periodic, box.lengths, np.inf)[:, None]
    assert apart[:dimensions] == pytest.approx(ways - np.where(np.isinf(edges), 0, edges * np.rint(ways / edges)))
    kinds = generator.integers(0, 3, number)
    wanted = np.zeros((3, 3), np.int64)
    wanted[0, 2] = wanted[2, 0] = 1
    counted = count_pairs(cells, kinds, wanted, (0.3 * distance, distance), 5, Team(2), cells.pieces(0, 1))
    mixed = {0, 2}
    lengths = [math.hypot(*way) for way, a, b in zip(apart.T, i, j, strict=True) if {kinds[a], kinds[b]} == mixed]
    assert counted.tolist() == np.histogram(lengths, 5, (0.3 * distance, distance))[0].tolist()


def test_neighbors_have_rising_ids_and_the_way_from_one_to_the_other() -> None:
    box = motes.Box([10.0, 10.0, 10.0])
    particles = motes.Particles(
        [[9.5, 1.0, 1.0], [0.5, 1.0, 1.0], [5.0, 5.0, 5.0], [0.5, 2.5, 1.0]], box, ids=[7, 3, 5, 9]
    )
    found = motes.Simulation(particles, motes.VelocityVerlet(0.01)).neighbors(2.0)
    assert found.i.tolist() == [3, 3, 7]
    assert found.j.tolist() == [7, 9, 9]
    assert found.vector == pytest.approx(np.array([[-1.0, 0, 0], [0, 1.5, 0], [1.0, 1.5, 0]]))
    assert found.r == pytest.approx([1.0, 1.5, math.hypot(1.0, 1.5)])


def test_an_ideal_gas_has_one_everywhere() -> None:
    simulation = motes.Simulation(motes.random(3000, motes.Box([12.0, 12.0]), seed=4), motes.VelocityVerlet(0.01))
    rdf = motes.Rdf(bins=20)
    simulation.every(1, rdf)
    simulation.run(3)
    assert rdf.frames == 4
    assert rdf.edges[-1] == 6.0
    assert rdf.g[3:] == pytest.approx(1.0, abs=0.05)
    assert rdf.coordination[-1] == pytest.approx(2999 / 144 * math.pi * 36, rel=0.02)


def melt(rdf: motes.Rdf, **how: Any) -> motes.Simulation:
    pair = motes.Pair(motes.potentials.lennard_jones, 2.5, epsilon=1.0, sigma=1.0)
    particles = motes.fcc(4, 0.8442, temperature=1.44, seed=2)
    simulation = motes.Simulation(particles, motes.VelocityVerlet(0.005), [pair], threads=1, **how)
    simulation.every(5, rdf)
    return simulation


def test_a_run_that_is_resumed_has_the_same(tmp_path: Path) -> None:
    whole, half = motes.Rdf(), motes.Rdf(path=tmp_path / "g.csv")
    melt(whole).run(40)
    simulation = melt(half)
    simulation.run(20)
    resumed = motes.resume(simulation.save(tmp_path / "run"), simulation.interactions)
    again = resumed.observers[0].observers[0]
    resumed.run(20)
    assert again.counts.tolist() == whole.counts.tolist()
    assert again.g.tolist() == whole.g.tolist()
    assert again.frames == 9
    rows = np.genfromtxt(tmp_path / "g.csv", delimiter=",", names=True)
    assert rows["g"].tolist() == whole.g.tolist()
    assert rows["r"].tolist() == whole.r.tolist()


def test_a_file_that_is_there_is_kept(tmp_path: Path) -> None:
    (tmp_path / "g.csv").write_text("mine")
    rdf = motes.Rdf(path=tmp_path / "g.csv")
    melt(rdf).run(5)
    assert (tmp_path / "g.1.csv").read_text() == "mine"
    assert (tmp_path / "g.csv").read_text().startswith("r,g,coordination,counts\n")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["g.1.csv", "g.csv"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: motes.Rdf(0), "Rdf: bins: expected a whole number of at least 1"),
        (lambda: motes.Rdf(range=3.0), "Rdf: range: expected two distances"),
        (lambda: motes.Rdf(range=(2.0, 1.0)), "Rdf: range: expected a distance and a larger one"),
        (lambda: motes.Rdf(types="ab"), "Rdf: types: expected two types"),
        (lambda: motes.Rdf(path="g.gsd"), "a table is a CSV file"),
        (lambda: melt(motes.Rdf(range=(0, 3.5))).run(1), "expected at most 3.35919, half the shortest periodic edge"),
        (lambda: melt(motes.Rdf(types=("A", "b"))).run(1), "there is no type 'b'"),
        (lambda: melt(motes.Rdf()).neighbors(4.0), "neighbors: distance: expected at most 3.35919"),
        (lambda: melt(motes.Rdf()).neighbors(-1.0), "neighbors: distance: expected more than 0"),
    ],
)
def test_what_cannot_be_counted_is_refused(make: Any, message: str) -> None:
    with pytest.raises(motes.InputError) as refused:
        make()
    assert message in str(refused.value)


def test_without_periodic_edges_the_range_must_be_said() -> None:
    simulation = motes.Simulation(motes.random(100, motes.Box([5.0] * 3, "open"), seed=1), motes.VelocityVerlet(0.01))
    simulation.every(1, motes.Rdf())
    with pytest.raises(motes.InputError, match="say the range of distances"):
        simulation.run(1)


def test_two_runs_never_write_to_the_same_table(tmp_path: Path) -> None:
    simulation = melt(motes.Rdf(path=tmp_path / "g.csv"))
    refused: list[str] = []

    def meet(frame: Any) -> None:
        other = melt(motes.Rdf(path=tmp_path / "g.csv", overwrite=frame.step == 5))
        with pytest.raises(motes.InputError) as error:
            other.run(1)
        refused.append(str(error.value))

    simulation.every(5, meet)
    simulation.run(5)
    simulation.run(5)  # which has it again
    assert len(refused) == 3
    assert all("g.csv" in one for one in refused)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["g.csv"]
    assert len((tmp_path / "g.csv").read_text().splitlines()) == 101
