"""Particles that stay where they are for a while, or for ever."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import motes

PAIR = motes.Pair(lambda r, k: k * (1 - r / 1.8) ** 2, 1.8, k=20.0)
STILL = np.arange(0, 256, 4)
INTEGRATORS = (
    motes.VelocityVerlet(0.005),
    motes.Langevin(0.005, 1.0, 1.0, seed=1),
    motes.Brownian(0.001, 1.0, 5.0, seed=1),
    motes.Bussi(0.005, 1.0, 0.1, seed=1),
)


def fluid(integrator: Any = INTEGRATORS[0], **how: Any) -> motes.Simulation:
    return motes.Simulation(motes.fcc(4, 0.8, temperature=1.0, seed=3), integrator, [PAIR], **{"threads": 1} | how)


@pytest.mark.parametrize("integrator", INTEGRATORS, ids=lambda one: type(one).__name__)
def test_frozen_particles_stay_and_the_others_feel_them(integrator: Any) -> None:
    simulation = fluid(integrator)
    simulation.run(20)
    simulation.freeze(STILL)
    here, others = simulation.unwrapped[STILL], np.setdiff1d(simulation.ids, STILL)
    there = simulation.unwrapped[others]
    simulation.run(100)
    assert np.array_equal(simulation.unwrapped[STILL], here)
    assert (np.abs(simulation.unwrapped[others] - there) > 0.0).all()
    assert not simulation.velocities[STILL].any()
    assert np.abs(simulation.forces[STILL]).max() > 1.0
    assert simulation.degrees_of_freedom == 3 * len(others)
    assert (simulation.attributes["frozen"] == np.isin(simulation.ids, STILL)).all()


def test_they_are_as_particles_of_no_end_of_mass() -> None:
    ends = []
    for frozen in (True, False):
        simulation = fluid()
        simulation.freeze(STILL)
        if not frozen:
            simulation.thaw(STILL)
            simulation.mass = np.where(np.isin(simulation.ids, STILL), 1e14, 1.0)
        simulation.run(100)
        ends.append(simulation.positions)
    assert ends[0] == pytest.approx(ends[1], abs=1e-9)


def test_the_energy_of_the_others_is_conserved_and_runs_go_back() -> None:
    simulation = fluid()
    simulation.freeze(STILL)
    begun, energy = simulation.positions, simulation.conserved_energy
    simulation.run(200)
    assert simulation.conserved_energy == pytest.approx(energy, rel=1e-4)
    simulation.velocities = -simulation.velocities
    simulation.run(200)
    assert np.array_equal(simulation.positions, begun)


def test_velocities_are_drawn_for_those_that_move() -> None:
    simulation = fluid()
    simulation.freeze(STILL)
    simulation.thermalize(0.7, seed=2)
    assert simulation.temperature == pytest.approx(0.7)
    assert simulation.velocities.any(axis=1).sum() == 192
    simulation.velocities = simulation.velocities + np.where(np.isin(simulation.ids, STILL), 0.0, 0.3)[:, None]
    simulation.zero_momentum()
    assert np.abs(simulation.velocities.sum(axis=0)).max() < 1e-9
    particles = motes.Particles(simulation.positions, simulation.box, frozen=np.isin(simulation.ids, STILL))
    particles.thermalize(0.7, seed=2)
    mobile = particles.velocities[particles.mobile]
    assert mobile.sum(axis=0) == pytest.approx(0.0, abs=1e-9)
    assert (mobile**2).sum() == pytest.approx(3 * 191 * 0.7)
    assert not particles.velocities[STILL].any()


def test_none_is_pushed_downhill() -> None:
    box = motes.Box([8.0] * 3)
    start = motes.random(300, box, seed=4)
    particles = motes.Particles(start.positions, box, frozen=np.arange(300) < 30)
    simulation = motes.Simulation(particles, motes.VelocityVerlet(0.005), [PAIR], threads=1)
    here = simulation.positions
    found = simulation.minimize(1e-3, max_steps=3000)
    assert found.converged
    assert np.array_equal(simulation.positions[:30], here[:30])
    assert np.abs(simulation.forces[:30]).max() > 1e-3 > np.abs(simulation.forces[30:]).max()


def test_whoever_is_thawed_moves_on_from_rest() -> None:
    simulation = fluid()
    simulation.freeze(STILL)
    here = simulation.unwrapped
    simulation.thaw(STILL[:10])
    assert not simulation.velocities[STILL].any()
    simulation.run(10)
    moved = (simulation.unwrapped != here).any(axis=1)
    assert moved[STILL].tolist() == [True] * 10 + [False] * 54
    simulation.attributes["frozen"] = np.zeros(256)
    assert simulation.degrees_of_freedom == 3 * 255
    simulation.freeze([])
    simulation.run(10)


def test_who_comes_and_goes() -> None:
    simulation = fluid()
    simulation.freeze(STILL)
    simulation.remove([0, 1, 4])
    assert simulation.degrees_of_freedom == 3 * (253 - 62)
    ids = simulation.add(motes.Particles([[0.1, 0.2, 0.3]], simulation.box))
    assert simulation.attributes["frozen"][simulation.ids == ids[0]] == 0.0
    simulation.add(motes.Particles([[3.1, 0.2, 0.3]], simulation.box, frozen=[1]))
    assert simulation.degrees_of_freedom == 3 * (254 - 62)


def test_checkpoints_and_snapshots_know_of_it(tmp_path: Path) -> None:
    simulation = fluid(motes.Langevin(0.005, 1.0, 1.0, seed=1))
    simulation.freeze(STILL)
    simulation.run(10)
    resumed = motes.resume(simulation.save(tmp_path / "run"), [PAIR], threads=2)
    again = motes.Simulation(simulation.snapshot(), simulation.integrator, [PAIR], threads=1)
    for one in (simulation, resumed, again, simulation.copy()):
        here = one.unwrapped[STILL]
        one.run(10)
        assert np.array_equal(one.unwrapped[STILL], here)
        assert one.degrees_of_freedom == 3 * 192
    assert resumed.fingerprint == simulation.fingerprint


def test_what_cannot_be_is_refused() -> None:
    simulation = fluid()
    simulation.freeze(STILL)
    velocities = simulation.velocities.copy()
    velocities[8] = 1.0
    for wrong, words in (
        (lambda: setattr(simulation, "velocities", velocities), r"velocities: particle id 8 .* since it is frozen"),
        (lambda: simulation.freeze([256]), "freeze: no particle has the id 256"),
        (lambda: simulation.thaw([1, 1]), "thaw: the id 1 is given twice"),
        (lambda: simulation.attributes.__setitem__("frozen", np.full(256, 0.5)), "expected 1 if it never moves"),
    ):
        with pytest.raises(motes.InputError, match=words):
            wrong()
    box = motes.Box([4.0] * 3)
    with pytest.raises(
        motes.InputError, match=r"velocities: particle id 0 .* expected none at all, since it is frozen"
    ):
        motes.Particles([[1.0] * 3], box, [[1.0] * 3], frozen=True)
    held = motes.Particles([[1.0] * 3], box, frozen=True)
    flow = motes.Flow(lambda x, y, z: (y, z, x), dt=0.1)
    with pytest.raises(motes.InputError, match=r"1 particles are frozen, and Flow.* moves all"):
        motes.Simulation(held, flow)
    still = motes.Simulation(held, motes.VelocityVerlet(0.01), threads=1)
    with pytest.raises(motes.InputError, match=r"1 particles are frozen, and Flow.* moves all"):
        still.integrator = flow
    still.run(2)
    assert still.temperature == 0.0


def test_no_way_leads_a_frozen_particle_to_an_integrator_that_moves_it() -> None:
    flow = motes.Flow(lambda x, y, z: (y, z, x), dt=0.1)
    box = motes.Box([4.0] * 3)
    simulation = motes.Simulation(motes.Particles([[1.0] * 3], box, frozen=[0]), flow, threads=1)
    with pytest.raises(motes.InputError, match="1 particles are frozen"):
        simulation.add(motes.Particles([[2.0] * 3], box, frozen=[1]))
    with pytest.raises(motes.InputError, match="1 particles are frozen"):
        simulation.freeze([0])

    class Other(motes.VelocityVerlet):
        """Which may move whomever it likes."""

    with pytest.raises(motes.InputError, match="1 particles are frozen"):
        motes.Simulation(motes.Particles([[1.0] * 3], box, frozen=[1]), Other(0.1), threads=1)


def test_all_of_them() -> None:
    with pytest.raises(motes.InputError, match="all particles are frozen"):
        motes.Particles([[1.0] * 3, [2.0] * 3], motes.Box([4.0] * 3), frozen=1).thermalize(1.0, seed=1)
    simulation = fluid()
    simulation.freeze(simulation.ids)
    assert simulation.temperature == 0.0
    with pytest.raises(motes.InputError, match="all particles are frozen"):
        simulation.thermalize(1.0, seed=1)
    simulation.attributes["frozen"] = simulation.ids < 3
    assert simulation.degrees_of_freedom == 3 * 253


def test_profiles_of_temperature_are_of_those_that_move() -> None:
    simulation = fluid()
    simulation.freeze(STILL)
    profile = motes.Profile("x", bins=1, what="temperature")
    simulation.every(1, profile)
    simulation.run(0)
    assert profile.counts.tolist() == [192]
    assert profile.values[0] == pytest.approx(simulation.temperature)


def test_a_frozen_particle_may_be_the_first_to_come() -> None:
    simulation = fluid()
    ids = simulation.add(motes.Particles([[3.1, 0.2, 0.3]], simulation.box, frozen=[1]))
    assert simulation.attributes["frozen"][simulation.ids == ids[0]] == 1.0
    assert simulation.degrees_of_freedom == 3 * 256
