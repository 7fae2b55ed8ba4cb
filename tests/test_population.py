"""Particles that go and come, and other interactions, amid a simulation."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import gsd.hoomd
import numpy as np
import pytest

import motes
from motes.engine import commands

PAIR = motes.Pair(lambda r, k: k * (1 - r / 1.8) ** 2, 1.8, k=20.0)


def fluid(**how: Any) -> motes.Simulation:
    particles = motes.fcc(4, 0.8, temperature=1.0, seed=3)
    return motes.Simulation(particles, motes.VelocityVerlet(0.005), [PAIR], **{"threads": 1} | how)


def chains(**how: Any) -> motes.Simulation:
    start = motes.fcc(4, 0.8, temperature=1.0, seed=3)
    bonds = [(i, i + 1) for i in range(0, 250, 10)]
    particles = motes.Particles(start.positions, start.box, start.velocities, bonds=bonds)
    laws = [PAIR, motes.Bond(lambda r, k: k * (r - 1.1) ** 2, k=20.0)]
    return motes.Simulation(particles, motes.VelocityVerlet(0.005), laws, **{"threads": 1} | how)


def test_who_is_removed_is_gone_and_the_others_feel_nothing_of_them() -> None:
    simulation = fluid()
    simulation.run(20)
    gone = simulation.ids[::5]
    left = np.setdiff1d(simulation.ids, gone)
    positions, velocities = simulation.positions[left], simulation.velocities[left]
    simulation.remove(gone)
    assert simulation.ids.tolist() == left.tolist()
    assert len(simulation) == len(left) == simulation.describe()["particles"]
    assert np.array_equal(simulation.positions, positions)
    alone = motes.Particles(positions, simulation.box, velocities, ids=left)
    fresh = motes.Simulation(alone, motes.VelocityVerlet(0.005), [PAIR], threads=1)
    assert simulation.forces == pytest.approx(fresh.forces, abs=1e-9)
    assert simulation.potential_energy == pytest.approx(fresh.potential_energy, rel=1e-12)
    assert simulation.degrees_of_freedom == 3 * (len(left) - 1)
    assert simulation.temperature == pytest.approx(fresh.temperature)


def test_who_is_added_is_felt_and_has_ids_that_follow() -> None:
    simulation = fluid()
    simulation.run(20)
    simulation.remove([3, 200])
    new = motes.Particles([[0.1, 0.2, 0.3], [3.0, 3.0, 3.0]], simulation.box, [[1.0, 0, 0], [0, 2.0, 0]], ids=[8, 5])
    ids = simulation.add(new)
    assert ids.tolist() == [256, 257]  # in the order of theirs
    assert simulation.ids[-2:].tolist() == [256, 257]
    assert simulation.velocities[-2:].tolist() == [[0.0, 2.0, 0.0], [1.0, 0.0, 0.0]]
    fresh = motes.Simulation(simulation.snapshot(), motes.VelocityVerlet(0.005), [PAIR], threads=1)
    assert simulation.forces == pytest.approx(fresh.forces, abs=1e-9)
    simulation.run(50)
    assert simulation.describe()["particles"] == 256


def test_nothing_is_made_anew_where_it_need_not_be() -> None:
    simulation = chains()
    simulation.run(5)
    engine = simulation._engine
    simulation.remove([3, 4])  # without bonds
    simulation.add(motes.Particles([[0.1, 0.2, 0.3]], simulation.box))
    assert simulation._engine is engine
    simulation.remove([11])
    assert simulation._engine is not engine
    assert [10, 11] not in simulation.bonds.tolist()
    assert len(simulation.bonds) == 24


def test_bonds_and_types_may_be_new() -> None:
    simulation = chains()
    simulation.run(5)
    ids = simulation.add(
        motes.Particles([[0.1, 0.2, 0.3], [1.2, 0.2, 0.3]], simulation.box, ids=[9, 4], bonds=[(9, 4)])
    )
    assert simulation.bonds[-1].tolist() == ids[::-1].tolist()
    fresh = motes.Simulation(simulation.snapshot(), motes.VelocityVerlet(0.005), simulation.interactions, threads=1)
    assert simulation.forces == pytest.approx(fresh.forces, abs=1e-9)
    simulation.run(20)
    typed = fluid()
    with pytest.raises(motes.InputError, match="add: types are"):
        typed.add(motes.Particles([[0.1, 0.2, 0.3]], typed.box, types=[7]))
    typed.add(motes.Particles([[0.1, 0.2, 0.3]], typed.box, types=["x"]))
    assert typed.type_names == ("A", "x")
    assert typed.types[-1] == 1


def test_other_interactions_act_from_this_step_on(tmp_path: Path) -> None:
    simulation = fluid()
    simulation.every(10, motes.Thermo(tmp_path / "t.csv"))
    simulation.run(20)
    other = [motes.Pair(lambda r: 5 * (1 - r / 2) ** 2, 2.0), motes.Field(lambda z: np.cos(2 * np.pi * z / 6.8399))]
    positions, time = simulation.positions, simulation.time
    simulation.interactions = other
    assert simulation.interactions == tuple(other)
    assert np.array_equal(simulation.positions, positions)
    assert (simulation.step, simulation.time) == (20, time)
    fresh = motes.Simulation(simulation.snapshot(), motes.VelocityVerlet(0.005), other, threads=1)
    assert simulation.forces == pytest.approx(fresh.forces, abs=1e-9)
    assert simulation.degrees_of_freedom == 3 * 256 - 2
    simulation.run(20)
    assert len((tmp_path / "t.csv").read_text().splitlines()) == 6
    resumed = motes.resume(simulation.save(tmp_path / "run"), other)
    for one in (simulation, resumed):
        one.run(10)
    assert resumed.fingerprint == simulation.fingerprint


def test_nothing_can_be_felt_for_a_while() -> None:
    simulation = fluid()
    simulation.interactions = []
    velocities = simulation.velocities
    simulation.run(10)
    assert np.array_equal(simulation.velocities, velocities)
    simulation.interactions = [PAIR]
    simulation.run(10)
    assert not np.array_equal(simulation.velocities, velocities)


def test_an_observer_may_change_who_is_there(tmp_path: Path) -> None:
    """A sink and a source; the trajectory has another number in each frame."""
    simulation = chains()

    def pass_through(frame: Any) -> None:
        simulation.remove(frame.ids[frame.positions[:, 2] > 6.4])
        if len(simulation) < 240:
            simulation.add(motes.Particles([[0.5, 0.5, 0.2]], simulation.box, [[0.0, 0.0, 1.0]]))

    simulation.every(5, pass_through)
    simulation.every(5, motes.Trajectory(tmp_path / "t.gsd"))
    simulation.run(30)
    with gsd.hoomd.open(tmp_path / "t.gsd") as frames:
        counts = [frame.particles.N for frame in frames]
    assert len(set(counts)) > 2
    assert counts[-1] == len(simulation)
    read = motes.read(tmp_path / "t.gsd")
    assert read.ids.tolist() == simulation.ids.tolist()


def test_a_frame_without_bonds_has_none_though_the_first_has(tmp_path: Path) -> None:
    simulation = chains()
    simulation.every(5, motes.Trajectory(tmp_path / "t.gsd"))
    simulation.run(5)
    simulation.interactions = [PAIR]
    simulation.remove(np.unique(simulation.bonds))
    simulation.run(5)
    assert len(motes.read(tmp_path / "t.gsd", frame=0).bonds) == 25
    assert len(motes.read(tmp_path / "t.gsd").bonds) == 0


def test_the_mean_velocity_can_be_taken_off_and_velocities_drawn_anew() -> None:
    simulation = fluid()
    simulation.velocities = simulation.velocities + np.array([3.0, -1.0, 0.5])
    simulation.zero_momentum()
    assert simulation.velocities.mean(axis=0) == pytest.approx(0.0, abs=1e-12)
    simulation.thermalize(2.5, seed=4)
    assert simulation.temperature == pytest.approx(2.5, rel=1e-9)
    drawn = simulation.velocities
    simulation.thermalize(2.5, seed=4)
    assert np.array_equal(simulation.velocities, drawn)
    assert math.isclose(
        motes.Simulation(simulation.snapshot(), motes.VelocityVerlet(0.005)).temperature, 2.5, rel_tol=1e-6
    )


def test_unwrapped_positions_go_on_beyond_the_box() -> None:
    box = motes.Box([5.0, 5.0, 5.0], ["periodic", "open", "reflecting"], origin=[1.0, 2.0, 3.0])
    particles = motes.Particles([[1.5, 3.0, 7.0]], box, [[-2.0, 30.0, 1.0]])
    simulation = motes.Simulation(particles, motes.VelocityVerlet(0.01))
    frames: list[Any] = []
    simulation.every(500, lambda frame: frames.append(frame.unwrapped))
    simulation.run(500)
    assert simulation.unwrapped[0, :2] == pytest.approx([1.5 - 10.0, 3.0 + 150.0])
    assert simulation.unwrapped[0, 2] == simulation.positions[0, 2]
    assert np.array_equal(frames[-1], simulation.unwrapped)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.remove([1, 400]), "remove: no particle has the id 400"),
        (lambda s: s.remove([1, 1]), "remove: the id 1 is given twice"),
        (lambda s: s.remove([1.5]), "remove: ids: expected whole numbers, got 1.5"),
        (lambda s: s.remove(["a"]), "remove: ids: expected real numbers"),
        (lambda s: s.remove(s.ids), "remove: these are all particles"),
        (lambda s: s.add([[1.0, 2.0, 3.0]]), "add: expected motes.Particles, got list"),
        (lambda s: s.add(motes.fcc(4, 0.7)), "add: the particles are in another box"),
        (
            lambda s: s.add(motes.Particles([[1.0, 2.0, 3.0]], s.box, drag=[1.0])),
            "add: the particles here have no attribute 'drag'",
        ),
        (
            lambda s: setattr(
                s,
                "interactions",
                [
                    motes.Bond(
                        lambda r: r,
                    )
                ],
            ),
            "the particles have no bonds",
        ),
        (lambda s: setattr(s, "interactions", [PAIR, 3]), "interaction"),
        (lambda s: s.thermalize(-1.0, 2), "temperature: expected at least 0"),
    ],
)
def test_what_cannot_be_is_refused_and_all_stays_as_it_was(change: Any, message: str) -> None:
    simulation, other = fluid(), fluid()
    for one in (simulation, other):
        one.run(10)
    with pytest.raises(motes.InputError) as refused:
        change(simulation)
    assert message in str(refused.value)
    for one in (simulation, other):
        one.run(10)
    assert simulation.fingerprint == other.fingerprint


def test_one_at_the_place_of_another_is_refused_and_goes_again() -> None:
    simulation, other = fluid(), fluid()
    laws = [motes.Pair(lambda r: r**-12, 1.8)]
    for one in (simulation, other):
        one.interactions = laws
    with pytest.raises(motes.InputError, match="not finite"):
        simulation.add(motes.Particles(simulation.positions[:1], simulation.box))
    for one in (simulation, other):
        one.run(10)
    assert simulation.fingerprint == other.fingerprint


def test_a_failing_step_is_told_after_a_change() -> None:
    simulation = fluid()
    simulation.run(5)
    simulation.remove([7])
    simulation.add(motes.Particles([[1.0, 1.0, 1.0]], simulation.box, [[0.0, 0.0, 300.0]]))
    simulation.interactions = [motes.Field(lambda x: -0.5 * 1e7 * x**2)]
    with pytest.raises(motes.RunError, match="particle") as failed:
        simulation.run(50)
    assert "moves by" in str(failed.value)
    assert simulation.step < 55


def test_nobody_who_does_not_run_it_may_change_a_running_simulation() -> None:
    assert commands.remove is not None
    simulation = fluid()
    simulation.every(1, lambda frame: simulation.remove([int(frame.ids[-1])]) if frame.step < 3 else None)
    simulation.run(5)
    assert len(simulation) == 253


def test_ramps_of_interactions_that_stay_go_on() -> None:
    """Also where all is made anew, because bonds go; those of others begin now."""
    growing = motes.Pair(lambda r, k: k * (1 - r / 1.8) ** 2, 1.8, k=motes.Ramp(1.0, 41.0, 40))
    start = motes.fcc(4, 0.8, temperature=1.0, seed=3)
    particles = motes.Particles(start.positions, start.box, start.velocities, bonds=[(0, 1), (50, 51)])
    spring = motes.Bond(lambda r, k: k * (r - 1.1) ** 2, k=motes.Ramp(1.0, 11.0, 10, begin=5))
    simulation = motes.Simulation(particles, motes.VelocityVerlet(0.005), [growing, spring], threads=1)
    simulation.run(10)
    simulation.remove([0])  # and its bond
    assert simulation._engine.here.state.numbers.tolist() == [11.0, 6.0]
    simulation.run(10)
    assert simulation._engine.here.state.numbers.tolist() == [21.0, 11.0]
    field = motes.Field(lambda x, h: h * np.cos(2 * np.pi * x / 6.8399), h=motes.Ramp(0.0, 10.0, 10))
    simulation.interactions = [field, growing]
    assert simulation._engine.here.state.numbers.tolist() == [0.0, 21.0]
    simulation.run(5)
    assert simulation._engine.here.state.numbers.tolist() == [5.0, 26.0]


def test_a_force_that_another_one_balanced_is_felt_when_that_is_gone() -> None:
    positions = [[1.0, 5.0], [2.0, 5.0], [3.0, 5.0], [8.0, 8.0], [8.5, 8.5]]
    strong = motes.Pair(
        lambda r, k: k * (1 - r / 1.5) ** 2, 1.5, k={("a", "a"): 1e12, ("a", "b"): 1e12, ("b", "b"): 1.0}
    )
    particles = motes.Particles(positions, motes.Box([10.0, 10.0]), types=["a", "b", "a", "b", "b"], mass=1e15)
    simulation = motes.Simulation(particles, motes.VelocityVerlet(1e-3), [strong], threads=1)
    simulation.remove([2])
    assert simulation.forces[1, 0] == pytest.approx(2e12 / 1.5 * (1 - 1.0 / 1.5), rel=1e-6)
    simulation.run(2)


def test_the_last_bond_may_go_and_another_one_come() -> None:
    simulation = chains()
    simulation.remove(simulation.bonds.ravel())
    assert len(simulation.bonds) == 0
    assert simulation.potential_energies[1] == 0.0
    simulation.run(5)
    apart = motes.Particles([[0.1, 0.2, 0.3], [1.2, 0.2, 0.3]], simulation.box, bonds=[(0, 1)])
    simulation.add(apart)
    simulation.minimize(10.0)
    simulation.run(5)
    assert len(simulation.bonds) == 1


def test_a_mask_is_told_from_ids() -> None:
    simulation = fluid()
    for change in (simulation.remove, simulation.freeze):
        with pytest.raises(motes.InputError, match=r"ids of some are simulation.ids\[those\]"):
            change(simulation.positions[:, 0] < 1.0)
    with pytest.raises(motes.InputError, match=r"simulation.freeze\(ids\) brings it"):
        simulation.attributes["frozen"] = np.zeros(256)


@pytest.mark.parametrize("wrong", [math.nan, 1e30, 2**63])
def test_an_id_beyond_all_is_none(wrong: Any) -> None:
    with pytest.raises(motes.InputError, match="remove: no particle has the id"):
        fluid().remove([wrong])
