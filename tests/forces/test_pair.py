"""Forces, energy and virial of whole systems against a sum over all pairs of brute force, with formulas by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import motes
import motes.forces.slots
from motes.core.state import PairList
from motes.forces.slots import even_edges
from motes.formulas.derive import evaluate
from motes.neighbors.brute import brute_pairs
from naming import named

pytestmark = pytest.mark.usefixtures("small_parts")

VERLET = motes.VelocityVerlet(dt=0.001)
ALPHABET = np.array(list("ABCDE"))


# Energies that stay finite where particles overlap, and what each gives for U and F / r.


def gaussian(r: Any, epsilon: Any, width: Any) -> Any:
    return epsilon * np.exp(-((r / width) ** 2))


def cubed(r: Any, strength: Any, cutoff: Any) -> Any:
    return strength * (1 - (r / cutoff) ** 2) ** 3


def gaussian_by_hand(s: Any, epsilon: Any, width: Any) -> tuple[Any, Any]:
    energy = epsilon * np.exp(-s / width**2)
    return energy, 2 * energy / width**2


def cubed_by_hand(s: Any, strength: Any, cutoff: Any) -> tuple[Any, Any]:
    rest = 1 - s / cutoff**2
    return strength * rest**3, 6 * strength / cutoff**2 * rest**2


def table(types: int, low: float, high: float) -> Any:
    """Symmetric, and different for every pair of types."""
    rows, columns = np.triu_indices(types)
    values = np.zeros((types, types))
    values[rows, columns] = values[columns, rows] = np.linspace(low, high, len(rows))
    return values


@dataclass
class Model:
    """Pairs for Motes, and the same by hand: a cutoff and a function of (s, i, j) for each."""

    pairs: list[motes.Pair]
    by_hand: list[tuple[Any, Callable[[Any, Any, Any], tuple[Any, Any]]]]


def model(kind: str, types: Any, size: Any, charge: Any) -> Model:
    if kind == "plain":
        pair = motes.Pair(gaussian, 0.8, epsilon=1.5, width=0.4)
        return Model([pair], [(0.8, lambda s, *_: gaussian_by_hand(s, 1.5, 0.4))])
    if kind.startswith("tables"):
        count = len(np.unique(types))
        epsilon, width, cutoff = table(count, -1, 2), table(count, 0.2, 0.6), table(count, 0.9, 0.3)
        pair = motes.Pair(gaussian, cutoff, epsilon=epsilon, width=width)
        at = (cutoff, lambda s, i, j: gaussian_by_hand(s, epsilon[types[i], types[j]], width[types[i], types[j]]))
        return Model([pair], [at])
    mixed = motes.Pair(
        gaussian, 0.7, epsilon=motes.mix("charge", lambda a, b: a * b), width=motes.mix("size", "arithmetic")
    )
    if kind == "mixed":
        by_hand = (0.7, lambda s, i, j: gaussian_by_hand(s, charge[i] * charge[j], (size[i] + size[j]) / 2))
        return Model([mixed], [by_hand])
    one, other = motes.Pair(gaussian, 0.5, epsilon=-2.0, width=0.3), motes.Pair(cubed, 0.9, strength=0.7)
    by_hands = [
        (0.5, lambda s, *_: gaussian_by_hand(s, -2.0, 0.3)),
        (0.9, lambda s, *_: cubed_by_hand(s, 0.7, 0.9)),
    ]
    return Model([one, other], by_hands)


def brute_sums(positions: Any, box: motes.Box, model: Model, types: Any) -> tuple[Any, float, float, Any, float]:
    """Forces, energy, virial, and how many pairs each particle and the system have."""
    forces, energy, virial = np.zeros_like(positions), 0.0, 0.0
    neighbours, pairs = np.zeros(len(positions)), 0
    for cutoff, function in model.by_hand:
        i, j, apart = brute_pairs(positions, box, float(np.max(cutoff)))
        s = (apart**2).sum(axis=1)
        limit = cutoff if np.ndim(cutoff) == 0 else cutoff[types[i], types[j]]
        u, f = (np.where(s < limit**2, value, 0.0) for value in function(s, i, j))
        np.add.at(forces, i, f[:, None] * apart)
        np.add.at(forces, j, -f[:, None] * apart)
        np.add.at(neighbours, np.concatenate([i, j]), 1)
        energy, virial, pairs = energy + u.sum(), virial + (f * s).sum(), pairs + len(i)
    return forces, float(energy), float(virial), neighbours, pairs


def assert_sums(sim: motes.Simulation, expected: tuple[Any, float, float, Any, float]) -> None:
    forces, energy, virial, neighbours, pairs = expected
    quanta, energy_quantum = sim.describe()["quanta"], sim._engine.here.energy_quantum
    # Each term is rounded to a quantum; each formula, of either side, to a few units in the last place.
    assert (np.abs(sim.forces - forces) <= (neighbours * (0.5 * quanta.force + 1e-13))[:, None]).all()
    assert abs(sim.potential_energy - energy) <= pairs * (0.5 * energy_quantum + 1e-13)
    assert abs(sim.virial - virial) <= pairs * (0.5 * energy_quantum + 1e-13)
    counted = np.rint(sim.forces / quanta.force).astype(np.int64)
    assert (counted * quanta.force == sim.forces).all()
    assert (counted.sum(axis=0) == 0).all()


KINDS = ["plain", "tables of 2", "tables of 5", "mixed", "two at once"]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60)
@given(data=st.data())
def test_forces_energy_and_virial_are_those_of_brute_force(
    kind: str, systems: Callable[..., Any], data: st.DataObject
) -> None:
    system = data.draw(systems())
    random, count = system.random, len(system)
    types = random.integers(5 if kind == "tables of 5" else 2, size=count)
    types = np.unique(types, return_inverse=True)[1]  # those that occur
    size, charge = random.uniform(0.2, 0.5, count), random.uniform(-1, 1, count)
    particles = motes.Particles(
        system.positions, system.box, velocities=random.standard_normal(system.positions.shape),
        types=ALPHABET[types], size=size, charge=charge,
    )  # fmt: skip
    chosen = model(kind, types, size, charge)
    threads = data.draw(st.integers(1, 3))
    skin = data.draw(st.sampled_from([None, 0.0, 0.4]))
    sim = motes.Simulation(particles, VERLET, chosen.pairs, threads=threads, skin=skin)
    assert_sums(sim, brute_sums(system.positions, system.box, chosen, types))
    sim.run(2)
    assert_sums(sim, brute_sums(sim.positions, unbounded(system.box), chosen, types))


def unbounded(box: motes.Box) -> motes.Box:
    """Particles may have left an open box by now."""
    return motes.Box(box.lengths, np.where(box.periodic, "periodic", "open").tolist(), box.origin)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_many_particles_in_many_chunks(kind: str, threads: int) -> None:
    random = np.random.default_rng(5)
    box = motes.Box([6.0, 5.0, 7.0], ["periodic", "reflecting", "periodic"])
    positions = box.snap(random.random((900, 3)) * box.lengths)
    types = np.arange(900) % (5 if kind == "tables of 5" else 2)
    size, charge = random.uniform(0.2, 0.5, 900), random.uniform(-1, 1, 900)
    chosen = model(kind, types, size, charge)
    particles = motes.Particles(positions, box, types=ALPHABET[types], size=size, charge=charge)
    sim = motes.Simulation(particles, VERLET, chosen.pairs, threads=threads)
    assert_sums(sim, brute_sums(positions, box, chosen, types))


@pytest.mark.parametrize("shift", [None, "energy", "force"])
def test_the_formula_of_a_pair_agrees_with_the_sum(shift: Any) -> None:
    """The energy as NumPy evaluates the traced formula, and its shifts by definition."""
    random, cutoff = np.random.default_rng(7), 0.8
    box = motes.Box([2.0, 0.5, 2.5])
    positions = box.snap(random.random((40, 3)) * box.lengths)
    pair = motes.Pair(gaussian, cutoff, shift, epsilon=1.5, width=0.4)
    sim = motes.Simulation(motes.Particles(positions, box), VERLET, [pair])
    formula = pair.bind(named()).pair.formula
    _, _, apart = brute_pairs(positions, box, cutoff)
    r = np.sqrt((apart**2).sum(axis=1))

    def energy(r: Any) -> Any:
        return evaluate(formula, {"r": r, "epsilon": 1.5, "width": 0.4})

    end, slope = energy(cutoff), (energy(cutoff + 1e-5) - energy(cutoff - 1e-5)) / 2e-5
    expected = {None: energy(r), "energy": energy(r) - end, "force": energy(r) - end - (r - cutoff) * slope}[shift]
    assert sim.potential_energy == pytest.approx(expected.sum(), rel=1e-9, abs=1e-9)


def test_without_interactions_nothing_is_felt() -> None:
    particles = motes.random(10, motes.Box([3, 3]), seed=1)
    sim = motes.Simulation(particles, VERLET)
    assert (sim.forces == 0).all()
    assert (sim.potential_energy, sim.virial) == (0, 0)


def test_beyond_the_cutoff_nothing_is_felt_and_at_it_neither() -> None:
    box = motes.Box([8, 8, 8])
    pair = motes.Pair(gaussian, 0.75, epsilon=1.0, width=0.5)
    for distance, interacts in ((0.75 - box.spacing, True), (0.75, False), (0.75 + box.spacing, False)):
        sim = motes.Simulation(motes.Particles([[1, 1, 1], [1 + distance, 1, 1]], box), VERLET, [pair], skin=0.0)
        assert (sim.potential_energy > 0) == interacts
        assert (sim.forces != 0).any() == interacts


@pytest.mark.parametrize("threads", [2, 3, 5])
def test_overlaps_are_handed_on_through_threads_that_meet_no_one(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a thin box most clusters are ghosts, which meet no one: their threads only pass on what others felt."""

    def as_many_clusters_each(pairs: PairList, threads: int) -> list[int]:
        return np.unique(np.linspace(0, pairs.clusters, threads + 1).astype(int)).tolist()

    monkeypatch.setattr(motes.forces.slots, "even_edges", as_many_clusters_each)
    box = motes.Box([0.25, 2.0], ["periodic", "open"])
    positions = box.snap(np.random.default_rng(4).random((150, 2)) * box.lengths)
    types = np.zeros(150, np.int64)
    chosen = model("plain", types, types, types)
    sim = motes.Simulation(motes.Particles(positions, box), VERLET, chosen.pairs, threads=threads, skin=0.4)
    assert_sums(sim, brute_sums(positions, box, chosen, types))


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_shares_are_even_and_none_is_empty(threads: int) -> None:
    count = np.random.default_rng(threads).integers(0, 400, 99)
    edges = even_edges(PairList(clusters=99, count=count), threads)
    assert (edges[0], edges[-1], len(edges)) == (0, 99, threads + 1)
    costs = [int(count[a:b].sum()) + 8 * (b - a) for a, b in pairwise(edges)]
    assert max(costs) <= sum(costs) / threads + 800
    assert even_edges(PairList(), threads) == []
    assert even_edges(PairList(clusters=2, count=np.array([8, 8])), 7) == [0, 1, 2]


@pytest.mark.parametrize("threads", [1, 2])
def test_forces_are_out_of_range_from_the_very_limit_on(threads: int) -> None:
    """Without energies the kernel finds only a bound, which depends on who shares a cluster; the limit must not."""
    particles = motes.fcc(5, 0.9, temperature=1.0, seed=2)
    pair = motes.Pair(motes.potentials.lennard_jones, cutoff=2.5, epsilon=1.0, sigma=1.0)
    engine = motes.Simulation(particles, motes.VelocityVerlet(0.001), [pair], threads=threads)._engine.here
    engine.run(20, energy=False)
    compute = engine.stages[0].compute
    exact = compute(engine.state, engine.neighbors.pairs, energy=1.0)
    bound = compute(engine.state, engine.neighbors.pairs, energy=None)
    assert exact.least_force == exact.most_force
    assert bound.least_force <= exact.most_force < 0.99 * bound.most_force < 3 * exact.most_force
    for factor, failed in ((1 + 1e-12, False), (1 - 1e-12, True)):
        engine.state.quanta = replace(engine.state.quanta, force=factor * exact.most_force * 2.0**-50)
        engine.compute_forces(energy=False)
        assert engine.attempts.failed == failed
