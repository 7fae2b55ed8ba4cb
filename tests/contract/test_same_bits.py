"""A trajectory has the same bits however the work is done, in whatever order, and backwards as well."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import motes

pytestmark = pytest.mark.usefixtures("small_parts")


def assert_same(sim: motes.Simulation, other: motes.Simulation, edges: Any = 0) -> None:
    assert sim.step == other.step
    assert sim.fingerprint == other.fingerprint
    # What a fingerprint does not hold, but what follows from it.
    assert (sim.images == other.images + edges).all()
    assert (sim.forces == other.forces).all()
    assert sim.potential_energy == other.potential_energy
    assert sim.kinetic_energy == other.kinetic_energy
    assert sim.virial == other.virial


def test_the_runs_are_worth_comparing(case: Any, whole_run: motes.Simulation) -> None:
    start = case.simulation()
    assert whole_run.describe()["list_builds"] > 3
    assert np.median(np.abs(whole_run.positions - start.positions)) > 0.01
    assert (whole_run.forces != 0).any()
    assert whole_run.fingerprint != start.fingerprint


@pytest.mark.parametrize("threads", [2, 3])
def test_any_number_of_threads(case: Any, whole_run: motes.Simulation, threads: int) -> None:
    sim = case.simulation(threads=threads)
    sim.run(case.steps)
    assert_same(sim, whole_run)


@pytest.mark.parametrize("skin", [0.0, 0.05, None, 0.8])
def test_any_skin(case: Any, whole_run: motes.Simulation, skin: float | None) -> None:
    sim = case.simulation(skin=skin, threads=2)
    sim.run(case.steps)
    assert_same(sim, whole_run)


def rearranged(particles: motes.Particles, order: Any, shift: Any = 0.0) -> motes.Particles:
    names = np.array(particles.type_names)
    return motes.Particles(
        particles.positions[order] + shift,
        particles.box,
        particles.velocities[order],
        mass=particles.mass[order],
        types=names[particles.types][order],
        ids=particles.ids[order],
        **{name: values[order] for name, values in particles.attributes.items()},
    )


def test_any_order_of_the_input(case: Any, whole_run: motes.Simulation) -> None:
    order = np.random.default_rng(8).permutation(len(whole_run))
    sim = case.simulation(rearranged(case.particles, order))
    sim.run(case.steps)
    assert_same(sim, whole_run)


def test_translated_by_lattice_vectors_of_the_box(case: Any, whole_run: motes.Simulation) -> None:
    particles = case.particles
    box = particles.box
    cells = np.random.default_rng(9).integers(-1, 2, particles.positions.shape) * box.periodic
    # Only where the sum is exact: elsewhere the user's own addition has already moved the particle.
    moved = particles.positions + cells * box.lengths
    exact = moved - cells * box.lengths == particles.positions
    sim = case.simulation(rearranged(particles, slice(None), np.where(exact, cells * box.lengths, 0.0)))
    assert (exact & (cells != 0)).any() or not box.periodic.any()
    sim.run(case.steps)
    assert_same(sim, whole_run, edges=np.where(exact, cells, 0)[np.argsort(particles.ids)])


@pytest.mark.parametrize("integrator", ["VelocityVerlet", "Langevin", "Brownian", "Bussi"])
@pytest.mark.parametrize("system", ["melt", "mixture"])
def test_no_position_is_special_where_all_is_periodic(system: str, integrator: str, cases: Any) -> None:
    """Translated by any vector of the grid, every velocity keeps its bits and every position is moved by it."""
    case, whole_run = cases(system, integrator)
    particles, box = case.particles, case.particles.box
    shift = np.rint(np.array([0.3, 0.55, 0.81]) * box.lengths / box.spacing) * box.spacing
    moved = particles.positions + shift
    moved -= np.where(moved < box.lengths, 0.0, box.lengths)
    sim = case.simulation(rearranged(particles, slice(None), moved - particles.positions))
    sim.run(case.steps)
    assert (sim.velocities == whole_run.velocities).all()
    assert (sim.forces == whole_run.forces).all()
    apart = (sim.positions - whole_run.positions - shift) / box.lengths
    assert (apart == np.rint(apart)).all()


def test_two_halves_make_a_whole(case: Any, whole_run: motes.Simulation) -> None:
    sim = case.simulation()
    for part in (case.steps // 2, 0, 1, case.steps - case.steps // 2 - 1):
        sim.run(part)
    assert_same(sim, whole_run)


def test_looking_changes_nothing(case: Any, whole_run: motes.Simulation) -> None:
    sim = case.simulation(threads=2)
    seen: list[float] = []

    def look(frame: Any) -> None:
        seen.extend([frame.potential_energy, frame.virial, frame.kinetic_energy, frame.forces[0, 0]])

    sim.every(3, look)
    sim.run(case.steps)
    assert len(seen) == 4 * (1 + case.steps // 3)
    assert_same(sim, whole_run)


def test_the_total_force_is_exactly_zero(whole_run: motes.Simulation) -> None:
    quanta = np.rint(whole_run.forces / whole_run.describe()["quanta"].force).astype(np.int64)
    assert (quanta != 0).any()
    assert (quanta.sum(axis=0) == 0).all()


@pytest.mark.parametrize("system", ["melt", "plane", "slab"])
def test_a_thousand_steps_can_be_taken_back(system: str, cases: Any) -> None:
    sim = cases(system, "VelocityVerlet")[0].simulation(threads=2)
    positions, velocities = sim.positions, sim.velocities
    sim.run(1000)
    assert (sim.positions != positions).any(axis=1).all()
    sim.velocities = -sim.velocities
    sim.run(1000)
    assert (sim.positions == positions).all()
    assert (sim.velocities == -velocities).all()


def test_a_box_so_far_from_zero_that_its_far_corner_is_the_last_number_of_the_grid() -> None:
    """There, a particle that is beyond the corner until the next list has no exact coordinates of the user's."""
    box = motes.Box([0.78125, 0.9290680585958757, 0.78125], origin=[2.5390625, 3.0194711904365965, 2.5390625])
    assert (box.origin + 1.1 * box.lengths).max() > 2.0**53 * box.spacing
    random = np.random.default_rng(0)
    positions = box.origin + random.random((50, 3)) * box.lengths
    velocities = [0.0, 1.0, 0.0] + 0.01 * random.standard_normal((50, 3))
    found = set()
    for skin in (0.0, 0.3):
        particles = motes.Particles(positions, box, velocities)
        sim = motes.Simulation(particles, motes.VelocityVerlet(dt=0.001), skin=skin, threads=1)
        for _ in range(8):
            sim.run(20)
            found.add((sim.step, sim.fingerprint))
    assert len(found) == 8
