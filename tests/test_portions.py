"""What each particle has of energies and stresses: against numbers of LAMMPS, and sums over pairs by NumPy."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import motes

LAMMPS = Path(__file__).parent / "data" / "lammps2"
PLACES = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


def lennard_jones(r: Any, epsilon: Any) -> Any:
    return 4 * epsilon * (r**-12 - r**-6)


def file_of(name: str) -> dict[str, Any]:
    with np.load(LAMMPS / f"{name}.npz") as file:
        return dict(file)


def of_file(data: dict[str, Any], laws: list[Any], **how: Any) -> motes.Simulation:
    more = {"bonds": data["bonds"], "bond_types": data["bond_type"]} if "bonds" in data else {}
    if "angles" in data:
        more |= {"angles": data["angles"], "angle_types": data["angle_type"]}
    particles = motes.Particles(
        data["x"], motes.Box(data["L"]), data["v"], mass=data["mass"], types=data["type"], **more
    )
    return motes.Simulation(particles, motes.VelocityVerlet(float(data["dt"])), laws, **{"threads": 1} | how)


def require_tensor(simulation: motes.Simulation, data: dict[str, Any]) -> None:
    expected = data["press_tensor"]
    found = [simulation.pressure_tensor[place] for place in PLACES]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * np.abs(expected).max())
    by_particle = -simulation.stress.sum(axis=0) / simulation.box.volume
    assert by_particle == pytest.approx(simulation.pressure_tensor, abs=1e-11 * np.abs(expected).max())
    assert np.trace(simulation.pressure_tensor) / 3 == pytest.approx(simulation.pressure, rel=1e-11)


def require_whole(simulation: motes.Simulation) -> None:
    """The energies of all particles, and of all interactions, are the whole."""
    total = simulation.potential_energy
    assert math.fsum(simulation.energies) == total
    assert math.fsum(simulation.potential_energies) == pytest.approx(total, rel=1e-14)


def test_the_pressure_tensor_of_a_liquid() -> None:
    data = file_of("lj_liquid_ortho")
    simulation = of_file(data, [motes.Pair(lennard_jones, 2.5, shift=None, epsilon=1.0)])
    require_tensor(simulation, data)
    require_whole(simulation)


def fene(r: Any, k: Any, longest: Any) -> Any:
    return -0.5 * k * longest**2 * np.log(1 - (r / longest) ** 2)


def test_the_pressure_tensor_of_stiff_chains_and_each_part_of_their_energy() -> None:
    data = file_of("semiflex_cosine")
    laws = [
        motes.Pair(lennard_jones, 1.122462048309373, "energy", epsilon=1.0),
        motes.Bond(fene, k=30.0, longest=1.5),
        motes.Angle(lambda theta, k: k * (1 + np.cos(theta)), k=1.5),
    ]
    simulation = of_file(data, laws, threads=2)
    require_tensor(simulation, data)
    require_whole(simulation)
    pair, bond, angle = simulation.potential_energies
    assert angle == pytest.approx(float(data["e_angle"]), rel=1e-12)
    assert pair == pytest.approx(float(data["e_pair_all_pairs"]), rel=1e-12)
    assert bond == pytest.approx(float(data["e_bond_log"]), rel=1e-11)


def crowd(**how: Any) -> motes.Simulation:
    """Of two types, with everything that there is."""
    start, random = motes.fcc(5, 0.7), np.random.default_rng(4)
    types = np.where(np.arange(500) % 3, "a", "b")
    chain = [(i, i + 1) for i in range(0, 400, 4)]
    corners = [(i + 1, i, i + 2) for i in range(0, 400, 4)]
    particles = motes.Particles(
        start.positions + random.uniform(-0.1, 0.1, (500, 3)), start.box, types=types, bonds=chain, angles=corners,
        charge=random.uniform(-1, 1, 500),
    )  # fmt: skip
    particles.thermalize(1.0, seed=5)
    k = 2 * np.pi / float(start.box.lengths[0])
    laws = [
        motes.Pair(lennard_jones, 2.5, epsilon={("a", "a"): 1.0, ("a", "b"): 0.7, ("b", "b"): 0.4}),
        motes.Pair(lambda r, charge_i, charge_j: charge_i * charge_j * np.exp(-r) / r, 2.0),
        motes.Embedded(lambda r, a: np.exp(-a * r), lambda rho: -np.sqrt(rho), 2.2, a=1.1),
        motes.Embedded(lambda r: (1 - r / 1.9) ** 2, lambda rho, c: c * rho**2, 1.9, c={"a": 0.01, "b": 0.02}),
        motes.Bond(lambda r, k: k * (r - 1.0) ** 2, k=5.0),
        motes.Angle(lambda theta: 2 * (theta - 1.5) ** 2),
        motes.Field(lambda x, t: np.cos(k * x) + 0 * t),
        motes.PairForce(lambda r, v, gamma: -gamma * v * (1 - r / 2), 2.0, gamma=0.3),
    ]
    return motes.Simulation(particles, motes.VelocityVerlet(0.002), laws, **{"threads": 1} | how)


def test_every_law_has_its_part() -> None:
    simulation = crowd()
    simulation.run(10)
    require_whole(simulation)
    parts = simulation.potential_energies
    assert parts[-1] == 0.0
    near = simulation.neighbors(2.2)
    density = np.zeros(500)
    for side in (near.i, near.j):
        np.add.at(density, side, np.exp(-1.1 * near.r))
    assert parts[2] == pytest.approx(-np.sqrt(density).sum(), rel=1e-12)
    field = np.cos(2 * np.pi / simulation.box.lengths[0] * simulation.positions[:, 0])
    assert parts[6] == pytest.approx(field.sum(), rel=1e-12)
    alone = motes.Simulation(simulation.snapshot(), simulation.integrator, [simulation.interactions[6]], threads=1)
    assert alone.energies == pytest.approx(field, abs=1e-12)
    assert np.trace(simulation.pressure_tensor) / 3 == pytest.approx(simulation.pressure, rel=1e-11)
    assert simulation.pressure_tensor == pytest.approx(simulation.pressure_tensor.T, abs=1e-12)


def test_each_particle_has_half_of_its_pairs() -> None:
    simulation = of_file(file_of("lj_liquid_ortho"), [motes.Pair(lennard_jones, 2.5, shift=None, epsilon=1.0)])
    simulation.run(20)
    near, energies, stress = simulation.neighbors(2.5), np.zeros(len(simulation)), np.zeros((len(simulation), 3, 3))
    energy, rate = lennard_jones(near.r, 1.0), 4 * (12 * near.r**-14 - 6 * near.r**-8)
    virial = rate[:, None, None] * near.vector[:, :, None] * near.vector[:, None, :]
    for side in (near.i, near.j):
        np.add.at(energies, side, energy / 2)
        np.add.at(stress, side, -virial / 2)
    velocities = simulation.velocities
    stress -= velocities[:, :, None] * velocities[:, None, :]
    assert simulation.energies == pytest.approx(energies, abs=1e-11)
    assert simulation.stress == pytest.approx(stress, abs=1e-10)


def test_bits_do_not_depend_on_threads_or_lists_and_nothing_is_disturbed() -> None:
    found, ends = [], []
    for how in ({}, {"threads": 2}, {"skin": 0.1}):
        simulation = crowd(**how)
        simulation.run(10)
        found.append([simulation.energies, simulation.stress, simulation.pressure_tensor])
        simulation.run(10)
        ends.append(simulation.fingerprint)
    quiet = crowd()
    quiet.run(20)
    assert {quiet.fingerprint} == set(ends)
    for others in found[1:]:
        assert all(np.array_equal(one, other) for one, other in zip(found[0], others, strict=True))


def test_a_plane_and_open_sides() -> None:
    particles = motes.random(300, motes.Box([20.0, 18.0], ["open", "periodic"]), seed=3, minimum_distance=0.8)
    particles.thermalize(0.5, seed=1)
    simulation = motes.Simulation(
        particles, motes.VelocityVerlet(0.002), [motes.Pair(lennard_jones, 2.5, epsilon=1.0)], threads=1
    )
    simulation.run(10)
    require_whole(simulation)
    assert simulation.stress.shape == (300, 2, 2)
    assert np.trace(simulation.pressure_tensor) / 2 == pytest.approx(simulation.pressure, rel=1e-11)


def test_particles_without_velocities_have_the_pressure_of_their_bath() -> None:
    simulation = motes.Simulation(
        motes.fcc(4, 0.7), motes.Brownian(1e-4, 0.8, 1.0, seed=1), [motes.Pair(lennard_jones, 2.0, epsilon=1.0)],
        threads=1,
    )  # fmt: skip
    simulation.run(5)
    assert np.trace(simulation.pressure_tensor) / 3 == pytest.approx(simulation.pressure, rel=1e-11)
    free = motes.Simulation(motes.fcc(4, 0.7, temperature=1.0, seed=1), motes.VelocityVerlet(0.01), threads=1)
    assert not free.energies.any()
    assert free.potential_energies == ()
    assert np.trace(free.pressure_tensor) / 3 == pytest.approx(free.pressure)


def test_observers_ask_for_them_too() -> None:
    simulation, seen = crowd(), []
    simulation.every(5, lambda frame: seen.append((frame.energies, frame.pressure_tensor, frame.potential_energies)))
    simulation.run(5)
    assert np.array_equal(seen[-1][0], simulation.energies)
    assert np.array_equal(seen[-1][1], simulation.pressure_tensor)
    assert seen[-1][2] == simulation.potential_energies


@pytest.mark.parametrize("off", [1e-2, 1e-4])
def test_an_angle_near_rest_has_its_stress(off: float) -> None:
    """Its virial is nothing as a whole, but its components are far larger than its energy."""
    theta = 1.9 + off
    points = np.array([[5.0, 5, 5], [6.0, 5, 5], [5 + np.cos(theta), 5 + np.sin(theta), 5]])
    particles = motes.Particles(points, motes.Box([20.0] * 3, "open"), angles=[(1, 0, 2)])
    angle = motes.Angle(lambda theta, k, a: k * (theta - a) ** 2, k=5.0, a=1.9)
    simulation = motes.Simulation(particles, motes.VelocityVerlet(1e-3), [angle], threads=1)
    virial = np.einsum("ia,ib->ab", simulation.positions - simulation.positions[0], simulation.forces)
    assert simulation.pressure_tensor * simulation.box.volume == pytest.approx(virial, rel=1e-6, abs=1e-9 * off)
    assert -simulation.stress.sum(axis=0) == pytest.approx(virial, rel=1e-6, abs=1e-9 * off)
    assert math.fsum(simulation.energies) == simulation.potential_energy


def test_energies_that_cancel_are_told_apart() -> None:
    particles = motes.Particles([[5.0, 5, 5], [6.0, 5, 5]], motes.Box([20.0] * 3, "open"))
    laws = [motes.Pair(lambda r, a: a * np.exp(-r), 2.5, shift=None, a=a) for a in (1.0, -(1 - 1e-4))]
    simulation = motes.Simulation(particles, motes.VelocityVerlet(1e-3), laws, threads=1)
    expected = (np.exp(-1.0), -(1 - 1e-4) * np.exp(-1.0))
    assert simulation.potential_energies == pytest.approx(expected, rel=1e-12)


def test_attributes_may_have_any_names() -> None:
    """Also those that columns of the engine might have."""
    names = {name: np.arange(256.0) for name in ("inertia", "portions", "slope", "energies")}
    start = motes.fcc(4, 0.7, temperature=1.0, seed=1)
    particles = motes.Particles(start.positions, start.box, start.velocities, **names)
    law = motes.Pair(lennard_jones, 2.0, epsilon=1.0)
    simulation = motes.Simulation(particles, motes.VelocityVerlet(0.002), [law], threads=1)
    simulation.freeze([3])
    assert math.fsum(simulation.energies) == simulation.potential_energy
    for name, values in names.items():
        assert np.array_equal(simulation.attributes[name], values)
        assert np.array_equal(simulation.elementwise(eval(f"lambda {name}: 2 * {name}")), 2 * values)  # noqa: S307  # names from above


def test_particles_that_overlap_have_none() -> None:
    particles = motes.Particles([[5.0, 5, 5], [5.01, 5, 5]], motes.Box([20.0] * 3))
    law = motes.Pair(lennard_jones, 2.5, epsilon=1.0)
    simulation = motes.Simulation(particles, motes.VelocityVerlet(1e-3), [law], threads=1)
    for name in ("energies", "stress", "pressure_tensor", "potential_energies"):
        with pytest.raises(motes.InputError, match="particles overlap"):
            getattr(simulation, name)
