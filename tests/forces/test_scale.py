"""The quanta fit the problem: in any system of units, forces are as exact as float64 sums, and no number wraps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

import motes
from motes.forces.scale import BITS, force_limit, power_above
from motes.neighbors.brute import brute_pairs


@dataclass(frozen=True)
class Units:
    """How long, how strong and how heavy things are."""

    length: float
    energy: float
    mass: float

    @property
    def time(self) -> float:
        return self.length * (self.mass / self.energy) ** 0.5


UNITS = {
    "reduced": Units(1.0, 1.0, 1.0),
    "SI": Units(3.4e-10, 1.65e-21, 6.63e-26),  # argon: forces of 1e-12 to 1e-9
    "real": Units(3.4, 0.238, 39.9),
    "metal": Units(2.3, 4.7e2, 6.4e-3),
    "strong": Units(1.0, 1e4, 1.0),  # forces of 1e4 and more
    "colloid": Units(1e-6, 4e-21, 1e-15),
    "stars": Units(3e16, 1e40, 2e30),
}


def lennard_jones(r, epsilon, sigma):
    return 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)


def lennard_jones_force(r, epsilon, sigma):
    return 24 * epsilon * (2 * (sigma / r) ** 12 - (sigma / r) ** 6) / r


def yukawa(r, charge, kappa):
    return charge * np.exp(-r * kappa) / r


def yukawa_force(r, charge, kappa):
    return charge * np.exp(-r * kappa) * (1 / r + kappa) / r


def soft(r, height, width):
    return height * np.exp(-((r / width) ** 2))


def soft_force(r, height, width):
    return soft(r, height, width) * 2 * r / width**2


def fluid(units: Units, dimensions: int, temperature: float = 1.0, distance: float = 0.9) -> motes.Particles:
    """Particles not far from where a run in equilibrium would have them."""
    box = motes.Box([(7.0 if dimensions == 3 else 14.0) * units.length] * dimensions)
    particles = motes.random(100, box, seed=2, minimum_distance=distance * units.length, mass=units.mass)
    particles.thermalize(temperature * units.energy, seed=3)
    return particles


def by_hand(particles: motes.Particles, force, energy, cutoff: float) -> tuple[np.ndarray, float, float]:
    """Forces, energy and virial from all pairs, in float64."""
    i, j, apart = brute_pairs(particles.positions, particles.box, cutoff)
    r = np.sqrt((apart**2).sum(axis=1))
    along = (force(r) / r)[:, None] * apart
    forces = np.zeros_like(particles.positions)
    np.add.at(forces, i, along)
    np.subtract.at(forces, j, along)
    return forces, float(energy(r).sum()), float((force(r) * r).sum())


def assert_exact(
    simulation: motes.Simulation, expected: tuple[np.ndarray, float, float], tolerance: float = 1e-10
) -> None:
    forces, energy, virial = expected
    largest = np.abs(forces).max()
    assert largest > 0
    assert np.abs(simulation.forces - forces).max() <= tolerance * largest
    assert simulation.potential_energy == pytest.approx(energy, rel=1e-9)
    assert simulation.virial == pytest.approx(virial, rel=1e-9)


@pytest.mark.parametrize("units", UNITS.values(), ids=UNITS.keys())
@pytest.mark.parametrize("dimensions", [2, 3])
def test_lennard_jones_is_exact_in_any_units(units, dimensions):
    particles = fluid(units, dimensions)
    constants = {"epsilon": units.energy, "sigma": units.length}
    cutoff = 2.5 * units.length
    simulation = motes.Simulation(
        particles, motes.VelocityVerlet(0.002 * units.time), [motes.Pair(lennard_jones, cutoff, **constants)], threads=1
    )

    def check() -> None:
        now = motes.Particles(simulation.positions, particles.box)
        assert_exact(
            simulation,
            by_hand(
                now, lambda r: lennard_jones_force(r, **constants), lambda r: lennard_jones(r, **constants), cutoff
            ),
        )

    check()
    start = simulation.potential_energy + simulation.kinetic_energy
    simulation.run(300)
    assert simulation.describe()["list_builds"] > 1
    check()
    drift = simulation.potential_energy + simulation.kinetic_energy - start
    assert abs(drift) < 1e-2 * simulation.kinetic_energy


def test_a_run_in_scaled_units_is_the_same_run():
    """Powers of two scale every number exactly, the quanta included."""
    places = []
    for units in (Units(1.0, 1.0, 1.0), Units(2.0**-30, 2.0**-70, 2.0**-80)):
        particles = fluid(Units(1.0, 1.0, 1.0), 3)
        box = motes.Box(particles.box.lengths * units.length)
        speed = units.length / units.time
        scaled = motes.Particles(particles.positions * units.length, box, particles.velocities * speed, mass=units.mass)
        pair = motes.Pair(lennard_jones, 2.5 * units.length, epsilon=units.energy, sigma=units.length)
        simulation = motes.Simulation(scaled, motes.VelocityVerlet(2.0**-8 * units.time), [pair], threads=1)
        simulation.run(50)
        places.append(simulation.positions / units.length)
    assert np.array_equal(places[0], places[1])


@pytest.mark.parametrize("units", [UNITS["reduced"], UNITS["SI"], UNITS["strong"]], ids=["reduced", "SI", "strong"])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_yukawa_is_exact(units, sign):
    particles = fluid(units, 3)
    constants = {"charge": sign * 3 * units.energy * units.length, "kappa": 1.2 / units.length}
    cutoff = 3.3 * units.length
    simulation = motes.Simulation(
        particles, motes.VelocityVerlet(0.002 * units.time), [motes.Pair(yukawa, cutoff, **constants)], threads=1
    )
    assert_exact(
        simulation,
        by_hand(particles, lambda r: yukawa_force(r, **constants), lambda r: yukawa(r, **constants), cutoff),
        # Its wall is soft: four times the energy at hand leads to forces 100 times those of the start, so the
        # quantum is as much coarser as for a hard wall.
        tolerance=5e-10,
    )


@pytest.mark.parametrize("units", [UNITS["reduced"], UNITS["SI"], UNITS["strong"]], ids=["reduced", "SI", "strong"])
@pytest.mark.parametrize("temperature", [0.0, 1e-6, 1.0, 1e4])
def test_soft_particles_are_exact_hot_and_cold(units, temperature):
    particles = fluid(units, 3, temperature, distance=0.1)
    constants = {"height": 2 * units.energy, "width": 0.8 * units.length}
    cutoff = 2.4 * units.length
    simulation = motes.Simulation(
        particles, motes.VelocityVerlet(1e-5 * units.time), [motes.Pair(soft, cutoff, **constants)], threads=1
    )
    assert_exact(
        simulation, by_hand(particles, lambda r: soft_force(r, **constants), lambda r: soft(r, **constants), cutoff)
    )
    freedom = 3 * (len(particles) - 1)
    # The grid of speeds has room for what the potential energy can do, however cold the start.
    error = 1e-11 * max(temperature, 1.0) * units.energy
    assert simulation.kinetic_energy / freedom == pytest.approx(temperature * units.energy / 2, abs=error)


def test_a_strong_and_a_weak_type_are_both_exact():
    box = motes.Box([40.0] * 3)
    places = np.array([[10.0, 10, 10], [11.05, 10, 10], [30.0, 30, 30], [30.0, 31.05, 30]])
    particles = motes.Particles(places, box, types=["A", "A", "B", "B"])
    table = {("A", "A"): 1.0, ("A", "B"): 1.0, ("B", "B"): 1e-3}
    pair = motes.Pair(lennard_jones, 2.5, epsilon=table, sigma=1.0)
    forces = motes.Simulation(particles, motes.VelocityVerlet(0.005), [pair], threads=1).forces
    strong = lennard_jones_force(1.05, 1.0, 1.0)
    assert forces[1, 0] == pytest.approx(strong, rel=1e-10)
    assert forces[3, 1] == pytest.approx(1e-3 * strong, rel=1e-7)


@pytest.mark.parametrize(
    ("value", "power"), [(1.0, 1.0), (1.5, 2.0), (2.0, 2.0), (2.1, 4.0), (0.5, 0.5), (0.3, 0.5), (3e-13, 2.0**-41)]
)
def test_the_power_above(value, power):
    assert power_above(value) == power


def test_the_limit_leaves_room_above_the_forces_at_hand():
    """What pairs reach with four times the energy at hand lies 16 times below the limit, or up to 32 times."""
    pair = motes.Pair(lennard_jones, 2.5, epsilon=1.0, sigma=1.0).bind(("A",), {})
    r = np.linspace(0.7, 2.5, 100_000)
    for energy in (1.0, 10.0, 100.0):
        reached = lennard_jones_force(r, 1.0, 1.0)[lennard_jones(r, 1.0, 1.0) <= 4 * energy].max()
        assert 15 < force_limit([pair], {}, energy, 0.0) / reached < 32
    assert force_limit([pair], {}, 1.0, 0.0) == force_limit([pair], {}, 0.0, 0.0)  # the well is as deep
    assert force_limit([], {}, 1.0, 0.0) > 0
    assert force_limit([pair], {}, 1.0, 1000.0 / 2.5) >= 4 * 1000  # forces at the start fit as well


def test_the_largest_force_of_a_start_is_within_the_limit():
    simulation = motes.Simulation(
        fluid(UNITS["reduced"], 3, distance=0.8), motes.VelocityVerlet(0.001),
        [motes.Pair(lennard_jones, 2.5, epsilon=1.0, sigma=1.0)], threads=1,
    )  # fmt: skip
    quanta = simulation.describe()["quanta"]
    assert np.abs(simulation.forces).max() < 2.0**BITS * quanta.force
    assert quanta.force == power_above(quanta.force)
    assert quanta.energy == power_above(quanta.energy)


def test_a_start_with_overlaps_is_refused_with_a_remedy():
    particles = motes.Particles([[1.0, 1, 1], [1.05, 1, 1], [5.0, 5, 5]], motes.Box([9.0] * 3))
    pair = motes.Pair(lennard_jones, 2.5, epsilon=1.0, sigma=1.0)
    simulation = motes.Simulation(particles, motes.VelocityVerlet(0.001), [pair], threads=1)
    with pytest.raises(motes.InputError, match=r"particles overlap; .*minimize.*minimum_distance"):
        simulation.run(1)
