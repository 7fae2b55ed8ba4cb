"""Downhill: known minima, forces by hand, an independent minimizer, starts that overlap, and what must not change."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize as scipy_minimize

import motes
from motes.core.state import State
from motes.core.threads import Team
from motes.integrators.fire import Descent
from motes.neighbors.brute import brute_pairs

VERLET = motes.VelocityVerlet(0.005)
CUTOFF = 2.5


def lennard_jones(r, epsilon, sigma):
    return 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)


def pair(**options) -> motes.Pair:
    return motes.Pair(lennard_jones, CUTOFF, epsilon=1.0, sigma=1.0, **options)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that grows with every step that is taken back."""
    found: list[int] = []
    whole = Descent.take_back

    def take_back(descent: Descent, *given: Any) -> bool:
        found.append(1)
        return whole(descent, *given)

    monkeypatch.setattr(Descent, "take_back", take_back)
    return found


def overlapping(count: int = 500, density: float = 0.8442, integrator=VERLET, **options) -> motes.Simulation:
    box = motes.Box([(count / density) ** (1 / 3)] * 3)
    particles = motes.random(count, box, seed=1)
    particles.thermalize(1.0, seed=2)
    return motes.Simulation(particles, integrator, [pair()], **({"threads": 1} | options))


def by_hand(positions, box, shift_force: bool = False) -> tuple[float, np.ndarray]:
    """Energy and forces of Lennard-Jones from all pairs, in float64."""
    i, j, apart = brute_pairs(positions, box, CUTOFF)
    r = np.sqrt((apart**2).sum(axis=1))
    energy, push = 4 * (r**-12 - r**-6), 24 * (2 * r**-13 - r**-7)
    if shift_force:
        edge = 24 * (2 * CUTOFF**-13 - CUTOFF**-7)
        energy += edge * (r - CUTOFF) - 4 * (CUTOFF**-12 - CUTOFF**-6)
        push -= edge
    along = (push / r)[:, None] * apart
    forces = np.zeros_like(positions)
    np.add.at(forces, i, along)
    np.subtract.at(forces, j, along)
    return float(energy.sum()), forces


@pytest.mark.parametrize("apart", [0.01, 0.5, 1.0, 1.5])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_two_particles_end_where_their_energy_is_least(apart, dimensions):
    positions = np.full((2, dimensions), 0.2)  # across a face
    positions[1, 0] = (0.2 - apart) % 8.0
    sim = motes.Simulation(motes.Particles(positions, motes.Box([8.0] * dimensions)), VERLET, [pair()], threads=1)
    done = sim.minimize(1e-9)
    assert done.converged
    assert done.largest_force <= 1e-9
    assert done.potential_energy == pytest.approx(-1.0)
    r = sim.positions[0] - sim.positions[1]
    assert np.linalg.norm(r - 8.0 * np.rint(r / 8.0)) == pytest.approx(2 ** (1 / 6), abs=1e-10)


@pytest.mark.parametrize("boundary", ["periodic", "open", "reflecting"])
def test_a_harmonic_field_ends_at_its_minimum(boundary):
    particles = motes.random(50, motes.Box([4.0, 6.0], boundary, origin=[-1.0, 2.0]), seed=3)
    field = motes.Field(lambda x, y, k: k * ((x - 1.25) ** 2 + 3 * (y - 4.5) ** 2) / 2, k=1000.0)
    sim = motes.Simulation(particles, VERLET, [field])
    done = sim.minimize(1e-7)
    assert done.converged
    assert np.abs(sim.positions - [1.25, 4.5]).max() < 1e-9
    assert np.abs(sim.forces).max() == pytest.approx(done.largest_force)


def test_walls_bear_what_is_pressed_onto_them():
    """Under their weight, soft discs lie in a heap on the floor: where nothing else holds them, the floor does."""
    particles = motes.random(60, motes.Box([5.0, 20.0], "reflecting"), seed=3)
    soft = motes.Pair(lambda r, cutoff: 50 * (1 - r / cutoff) ** 2, 1.0)
    sim = motes.Simulation(particles, VERLET, [soft, motes.Field(lambda y, mass: mass * y)])
    done = sim.minimize(1e-3)
    assert done.converged
    positions, forces = sim.positions, sim.forces
    pressed = ((positions == 0) & (forces < 0)) | ((positions == [5.0, 20.0]) & (forces > 0))
    assert pressed[:, 1].any()
    assert np.abs(forces[~pressed]).max() <= 1e-3
    # The floor bears the weight of all, and the two walls push as strongly as each other.
    assert (forces * pressed).sum(axis=0) == pytest.approx([0.0, -60.0], abs=0.1)
    assert ((positions >= 0) & (positions <= [5.0, 20.0])).all()
    sim.run(20)


def test_a_random_start_reaches_the_tolerance_and_runs():
    sim = overlapping()
    before, velocities = by_hand(sim.positions, sim.box)[0], sim.velocities
    done = sim.minimize(1.0)
    energy, forces = by_hand(sim.positions, sim.box)
    assert done.converged
    assert done.largest_force == pytest.approx(np.abs(sim.forces).max(), rel=1e-6)
    assert np.abs(sim.forces).max() <= 1.0
    assert np.abs(sim.forces - forces).max() < 1e-9
    assert sim.potential_energy == done.potential_energy == pytest.approx(energy)
    assert before > 1e6
    assert energy < -6.0 * len(sim)
    assert np.abs(sim.velocities - velocities).max() < 1e-9
    assert sim.step == 0
    sim.run(100)
    assert sim.step == 100


@pytest.mark.parametrize("count", [13, 38])
def test_another_minimizer_finds_nothing_lower(count):
    box = motes.Box([12.0] * 3, "open")
    positions = 4.5 + 3.0 * np.random.default_rng(count).random((count, 3))
    sim = motes.Simulation(motes.Particles(positions, box), VERLET, [pair(shift="force")], threads=1)
    done = sim.minimize(1e-7)
    assert done.converged

    def energy_and_slope(x):
        energy, forces = by_hand(x.reshape(-1, 3), box, shift_force=True)
        return energy, -forces.ravel()

    found = scipy_minimize(energy_and_slope, sim.positions.ravel(), jac=True, method="BFGS", options={"gtol": 1e-9})
    assert done.potential_energy == pytest.approx(by_hand(sim.positions, box, shift_force=True)[0], abs=1e-9)
    assert found.fun > done.potential_energy - 1e-6


UNITS = {"SI": (3.4e-10, 1.65e-21, 6.63e-26), "stars": (3e16, 1e40, 2e30), "strong": (1.0, 1e4, 1.0)}


@pytest.mark.parametrize(("length", "energy", "mass"), UNITS.values(), ids=UNITS.keys())
def test_any_units(length, energy, mass):
    particles = motes.random(200, motes.Box([6.2 * length] * 3), seed=4, mass=mass)
    interaction = motes.Pair(lennard_jones, CUTOFF * length, epsilon=energy, sigma=length)
    dt = 0.002 * length * math.sqrt(mass / energy)
    sim = motes.Simulation(particles, motes.VelocityVerlet(dt), [interaction], threads=1)
    done = sim.minimize(0.5 * energy / length, max_steps=3000)
    assert done.converged
    assert done.potential_energy < -5 * 200 * energy
    sim.run(20)


@pytest.mark.parametrize(
    "soft",
    [
        motes.Pair(lennard_jones, 2 ** (1 / 6), shift="energy", epsilon=1.0, sigma=1.0),
        motes.Pair(lambda r, k: k * (1 - r) ** 2 / 2, 1.0, k=100.0),
        motes.Pair(lambda r, k: k * np.exp(-r) / r, 4.0, shift="force", k=10.0),
        motes.Pair(lambda r, k: k * r**-12, 2.5, shift="force", k=1e-3),
    ],
    ids=["WCA", "harmonic", "Yukawa", "inverse power"],
)
def test_particles_that_only_repel(soft):
    sim = motes.Simulation(motes.random(300, motes.Box([7.5] * 3), seed=5), VERLET, [soft], threads=1)
    assert sim.minimize(1e-2, max_steps=3000).converged


def test_masses_and_integrators_play_no_part():
    start = motes.random(100, motes.Box([5.0] * 3), seed=6)
    found = set()
    for mass, integrator in [
        (1.0, VERLET),
        (7.0, motes.VelocityVerlet(0.1)),
        (1.0, motes.Brownian(1e-5, temperature=2.0, friction=1.0, seed=1)),
    ]:
        particles = motes.Particles(start.positions, start.box, mass=mass)
        sim = motes.Simulation(particles, integrator, [pair()], threads=1)
        done = sim.minimize(0.1)
        found.add((done.steps, done.largest_force, sim.positions.tobytes()))
    assert len(found) == 1


def test_where_it_is_still_it_stays():
    sim = overlapping(200)
    sim.minimize(1e-1)
    positions = sim.positions
    again = sim.minimize(1e-1)
    assert again.converged
    assert again.steps == 0
    assert (sim.positions == positions).all()


def test_a_simulation_that_has_run_can_be_minimized_and_run_on():
    sim = motes.Simulation(motes.fcc(4, 0.8442, temperature=1.44, seed=1), VERLET, [pair()], threads=1)
    seen: list[int] = []
    sim.every(1, lambda frame: seen.append(frame.step))
    sim.run(50)
    hot, velocities = sim.potential_energy, sim.velocities
    done = sim.minimize(0.1)
    assert done.converged
    assert done.potential_energy < hot
    assert np.abs(sim.velocities - velocities).max() < 1e-9
    sim.run(50)
    assert seen == [*range(101)]


def test_the_same_whatever_was_looked_at_before():
    first, second = overlapping(200), overlapping(200)
    second.elementwise(lambda x: x)
    for sim in (first, second):
        sim.minimize(1.0)
        sim.run(10)
    assert first.fingerprint == second.fingerprint


def test_overlaps_are_refused_when_forces_are_needed_and_not_before():
    sim = overlapping(100)
    assert sim.positions.shape == sim.velocities.shape == (100, 3)
    assert sim.describe()["quanta"] is None
    overlap = pytest.raises(motes.InputError, match=r"particles overlap; call simulation.minimize\(force_tolerance\)")
    for ask in (
        lambda: sim.run(1),
        lambda: sim.forces,
        lambda: sim.potential_energy,
        lambda: sim.virial,
        lambda: sim.pressure,
    ):
        with overlap:
            ask()
    done = sim.minimize(1.0, max_steps=0)
    assert not done.converged
    assert done.steps == 0
    assert done.potential_energy == math.inf
    with overlap:
        sim.run(1)
    assert sim.minimize(1.0).converged
    sim.run(1)


def test_nothing_is_left_of_the_descent():
    sim = overlapping(100)
    sim.minimize(1.0)
    assert sim.attributes == {}
    assert sim._engine.here.state.attributes == {}


@pytest.mark.parametrize("threads", [1, 2])
def test_a_step_to_where_there_is_no_force_is_taken_back(threads):
    """Two beads that push each other towards the longest that their bond may be end where the sum is least."""
    particles = motes.Particles([[1.0, 1, 1], [2.4, 1, 1]], motes.Box([10.0] * 3), bonds=[(0, 1)])
    bond = motes.Bond(lambda r: -0.5 * 30.0 * 1.5**2 * np.log(1 - (r / 1.5) ** 2))
    sim = motes.Simulation(
        particles, motes.VelocityVerlet(1e-5), [bond, motes.Pair(lambda r: 1e5 * np.exp(-r), 2.5)], threads
    )
    assert sim.minimize(1e-3).converged
    apart = np.ptp(sim.positions[:, 0])
    assert 30.0 * apart / (1 - (apart / 1.5) ** 2) == pytest.approx(1e5 * np.exp(-apart), rel=1e-6)
    sim.run(10)


@pytest.mark.parametrize("gap", [0.1, 0.03, 0.001, None])
def test_no_particle_moves_farther_than_it_may(gap, monkeypatch):
    """Also where the largest force falls by many orders between a step and the one that leads back, as with a third
    particle in the way of two that overlap."""
    if gap is None:
        sim = overlapping(200, threads=2)
    else:
        line = np.array([[5.0, 5, 5], [5.0 + gap, 5, 5], [4.6, 5, 5]])
        sim = motes.Simulation(motes.Particles(line, motes.Box([20.0] * 3)), VERLET, [pair()], threads=1)
    farthest, back = [], []
    whole = Descent.move

    def move(descent: Descent, state: State, team: Team) -> None:
        before = state.positions[:, : state.owned].copy()
        whole(descent, state, team)
        ways = np.sqrt(((state.positions[:, : state.owned] - before) ** 2).sum(axis=0))
        farthest.append(float(ways.max()) / descent._length)
        back.append(descent._downhill == 0)

    monkeypatch.setattr(Descent, "move", move)
    assert sim.minimize(1e-3).converged
    assert any(back)
    assert max(farthest) <= 1.5 + 1e-6
    assert (np.abs(sim.images) <= 1).all()


@pytest.mark.parametrize("threads", [1, 2])
def test_a_step_is_taken_back_beside_a_wall(threads, monkeypatch):
    """A bead that is pressed onto the wall stays on it, and the other one ends where it would without."""
    taken_back = counted(monkeypatch)
    box = motes.Box([10.0] * 3, ["reflecting", "periodic", "periodic"])
    particles = motes.Particles([[0.05, 1, 1], [1.45, 1, 1]], box, bonds=[(0, 1)])
    bond = motes.Bond(lambda r: -0.5 * 30.0 * 1.5**2 * np.log(1 - (r / 1.5) ** 2))
    push, pressure = motes.Pair(lambda r: 1e5 * np.exp(-r), 2.5), motes.Field(lambda x: 50.0 * x)
    sim = motes.Simulation(particles, motes.VelocityVerlet(1e-5), [bond, push, pressure], threads)
    assert sim.minimize(1e-3).converged
    assert len(taken_back) > 0
    assert sim.positions[0, 0] == 0.0
    apart = sim.positions[1, 0]
    assert 30.0 * apart / (1 - (apart / 1.5) ** 2) + 50.0 == pytest.approx(1e5 * np.exp(-apart), rel=1e-6)


def test_where_even_the_shortest_step_leads_to_no_force_the_bond_is_reported(monkeypatch):
    """Beads at the longest that their bond may be are pushed on, and there is no way to go."""
    longest = 1.5 + 1e-9
    particles = motes.Particles([[1.0, 1, 1], [2.5, 1, 1]], motes.Box([10.0] * 3), bonds=[(0, 1)])
    bond = motes.Bond(lambda r: -r + 1e-30 * (longest - r) ** 1.5)
    sim = motes.Simulation(particles, motes.VelocityVerlet(1e-5), [bond], threads=1)
    before, taken_back = sim.positions, counted(monkeypatch)
    with pytest.raises(motes.RunError, match=r"downhill a particle is in the bond of 0, 1 .* not finite"):
        sim.minimize(1e-3)
    assert len(taken_back) > 10
    assert sim.positions == pytest.approx(before, abs=1e-8)


@pytest.mark.parametrize("seed", range(1, 7))
def test_overlaps_leave_the_velocities_that_were_given(seed):
    """The forces of a start that is minimized first are none of a run, so its velocities need not fit beside them."""
    particles = motes.random(500, motes.Box([8.5] * 3), seed=seed)
    particles.thermalize(1.2, seed=seed)
    sim = motes.Simulation(particles, VERLET, [pair()], threads=1)
    assert sim.velocities == pytest.approx(particles.velocities, abs=1e-12)
    sim.velocities = 2 * particles.velocities
    assert sim.minimize(5.0).converged
    assert sim.velocities == pytest.approx(2 * particles.velocities, abs=1e-7)
    assert sim.temperature == pytest.approx(4 * 1.2, rel=1e-7)


def test_one_bad_pair_among_good_ones_leaves_the_velocities():
    good = motes.fcc(5, 0.8442, temperature=1.0, seed=1)
    positions = good.positions.copy()
    positions[1] = positions[0] + [0.01, 0.0, 0.0]
    sim = motes.Simulation(motes.Particles(positions, good.box, good.velocities), VERLET, [pair()], threads=1)
    sim.positions = good.positions
    assert sim.velocities == pytest.approx(good.velocities, abs=1e-7)
    assert sim.temperature == pytest.approx(1.0, rel=1e-7)
    sim.run(10)


def test_an_interrupted_minimization_can_be_taken_up_again(monkeypatch):
    import motes.simulation.minimize

    def interrupt(*_):
        raise KeyboardInterrupt

    sim = overlapping(100)
    velocities = sim.velocities
    with monkeypatch.context() as patch:
        patch.setattr(motes.simulation.minimize, "_descend", interrupt)
        with pytest.raises(KeyboardInterrupt):
            sim.minimize(1.0)
    assert (sim.velocities == velocities).all()
    with pytest.raises(motes.InputError, match=r"was interrupted.* call simulation.minimize again"):
        sim.run(1)
    assert sim.minimize(1.0).converged


def test_the_answer_tells_what_happened():
    positions = [[1.0, 1.0, 1.0], [2.0, 1.0, 1.0]]
    sim = motes.Simulation(motes.Particles(positions, motes.Box([8.0] * 3)), VERLET, [pair()], threads=1)
    assert repr(sim.minimize(30.0)).startswith("Minimized(converged=True, steps=0, largest_force=24.0")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0.0,), "force_tolerance: expected more than 0"),
        ((math.nan,), "force_tolerance: expected a finite number"),
        (("1",), "force_tolerance: expected a finite number"),
        ((1.0, -1), "max_steps: expected a whole number of at least 0"),
        ((1.0, 2.5), "max_steps: expected a whole number of at least 0"),
    ],
)
def test_bad_arguments(arguments, words):
    with pytest.raises(motes.InputError, match=words):
        overlapping(50).minimize(*arguments)


@pytest.mark.parametrize("integrator", [VERLET, motes.Flow(lambda x, y: (y, -x), dt=0.01)])
def test_without_interactions_there_is_nothing_to_do(integrator):
    sim = motes.Simulation(motes.random(5, motes.Box([3.0] * 2), seed=1), integrator)
    with pytest.raises(motes.InputError, match="without interactions there is nothing to minimize"):
        sim.minimize(1.0)


def test_a_crowd_that_cannot_be_added_ends_it(monkeypatch):
    particles = motes.random(300, motes.Box([7.0] * 3), 3)
    sim = motes.Simulation(particles, VERLET, [motes.Pair(lambda r: (1 / r) ** 12, 2.0)])
    with monkeypatch.context() as patch:
        patch.setattr("motes.forces.slots.MOST_PARTNERS", 20)
        with pytest.raises(motes.InputError, match="neighbours, which are the most"):
            sim.minimize(1.0)
    assert sim.minimize(1.0).converged


def test_a_crowd_that_forms_on_the_way_ends_it(monkeypatch):
    """Each list after it is refused as well; none that could not be followed is read."""
    sim = motes.Simulation(
        motes.random(300, motes.Box([9.0] * 3), 3), VERLET, [motes.Pair(lambda r: -((1 - (r / 2.5) ** 2) ** 2), 2.5)],
        skin=0.1,
    )  # fmt: skip
    monkeypatch.setattr("motes.forces.slots.MOST_PARTNERS", 90)
    with pytest.raises(motes.RunError, match="on the way downhill a particle has more than"):
        sim.minimize(1e-3, 300)
