"""The quanta follow the run: in any system of units, forces are as exact as float64 sums, and no number wraps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

import motes
from motes.core.state import FINEST
from motes.exact.quanta import FORCES, LOOK_EVERY, SPEEDS, energy_quantum, power_above
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
    positions = []
    for units in (Units(1.0, 1.0, 1.0), Units(2.0**-30, 2.0**-70, 2.0**-80)):
        particles = fluid(Units(1.0, 1.0, 1.0), 3)
        box = motes.Box(particles.box.lengths * units.length)
        speed = units.length / units.time
        scaled = motes.Particles(particles.positions * units.length, box, particles.velocities * speed, mass=units.mass)
        pair = motes.Pair(lennard_jones, 2.5 * units.length, epsilon=units.energy, sigma=units.length)
        simulation = motes.Simulation(scaled, motes.VelocityVerlet(2.0**-8 * units.time), [pair], threads=1)
        simulation.run(50)
        positions.append(simulation.positions / units.length)
    assert np.array_equal(positions[0], positions[1])


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
    positions = np.array([[10.0, 10, 10], [11.05, 10, 10], [30.0, 30, 30], [30.0, 31.05, 30]])
    particles = motes.Particles(positions, box, types=["A", "A", "B", "B"])
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


@pytest.mark.parametrize("kind", [FORCES, SPEEDS], ids=["forces", "speeds"])
def test_a_quantum_fits_with_room_and_follows_only_what_leaves_it(kind):
    quantum = kind.fit(3.0)
    assert quantum == power_above(quantum)
    limit = kind.limit(quantum)
    assert kind.room * 3.0 <= limit < 2 * kind.room * 3.0
    for look in (False, True):
        assert kind.follow(quantum, 3.0, look) == quantum
        assert kind.follow(quantum, limit / 9, look) == quantum
        assert kind.follow(quantum, limit, look) == kind.fit(limit) > quantum
        assert kind.follow(quantum, 0.0, look) == quantum
    assert kind.follow(quantum, limit / 5, look=False) == quantum < kind.follow(quantum, limit / 5, look=True)
    low, lost = limit / 2.0**25, limit / 2.0**33
    assert kind.follow(quantum, low, look=False) == quantum > kind.follow(quantum, low, look=True)
    assert kind.follow(quantum, lost, look=False) == kind.follow(quantum, lost, look=True) < quantum
    assert kind.fit(0.0) == FINEST


@pytest.mark.parametrize("kind", [FORCES, SPEEDS], ids=["forces", "speeds"])
@pytest.mark.parametrize("look", [False, True])
def test_a_bound_decides_only_what_the_number_itself_would(kind, look):
    quantum = kind.fit(1.0)
    for most in np.geomspace(1e-9, 1e5, 200):
        for largest in np.linspace(most / np.sqrt(8), most, 5):
            if kind.decided(quantum, most / np.sqrt(8), most, look):
                assert kind.follow(quantum, largest, look) == kind.follow(quantum, most, look) == quantum


def test_the_quantum_of_energy_depends_on_the_largest_alone_and_leaves_room_for_sums():
    for largest in (1.0, 0.7, 1e-30, 3e12, 15.9, 16.1):
        quantum = energy_quantum(largest)
        assert 2.0**39 <= largest / quantum <= 2.0**44
        assert quantum == power_above(quantum)


def test_the_largest_force_of_a_start_is_within_the_limit():
    simulation = motes.Simulation(
        fluid(UNITS["reduced"], 3, distance=0.8), motes.VelocityVerlet(0.001),
        [motes.Pair(lennard_jones, 2.5, epsilon=1.0, sigma=1.0)], threads=1,
    )  # fmt: skip
    quanta = simulation.describe()["quanta"]
    assert np.abs(simulation.forces).max() < FORCES.limit(quanta.force)
    assert quanta.force == power_above(quanta.force)


def test_a_strong_pair_that_never_meets_drowns_nothing():
    """Types B and B would feel each other 1e12 times as strongly, but they are far apart."""
    particles = motes.random(102, motes.Box([18.0] * 3), seed=1, minimum_distance=1.1, types=["A"] * 100 + ["B"] * 2)
    forces = []
    for strength in (1.0, 1e12):
        table = {("A", "A"): 1.0, ("A", "B"): 1.0, ("B", "B"): strength}
        pair = motes.Pair(lennard_jones, 2.5, epsilon=table, sigma=1.0)
        forces.append(motes.Simulation(particles, motes.VelocityVerlet(0.002), [pair], threads=1).forces)
    assert np.abs(forces[0]).max() > 1
    assert np.array_equal(*forces)


@pytest.mark.parametrize("heavy", [1e12, 1e14])
def test_heavy_particles_beside_light_ones_do_not_freeze_the_thermometer(heavy):
    particles = motes.random(200, motes.Box([20.0] * 3), seed=1, mass=np.where(np.arange(200) < 3, heavy, 1.0))
    particles.thermalize(0.98, seed=2)
    simulation = motes.Simulation(particles, motes.VelocityVerlet(1e-3), threads=1)
    assert simulation.temperature == pytest.approx(0.98, rel=1e-6)


def test_a_start_with_overlaps_is_refused_with_a_remedy():
    particles = motes.Particles([[1.0, 1, 1], [1.05, 1, 1], [5.0, 5, 5]], motes.Box([9.0] * 3))
    pair = motes.Pair(lennard_jones, 2.5, epsilon=1.0, sigma=1.0)
    simulation = motes.Simulation(particles, motes.VelocityVerlet(0.001), [pair], threads=1)
    with pytest.raises(motes.InputError, match=r"particles overlap; .*minimize.*minimum_distance"):
        simulation.run(1)


def wall(z, k):
    return 0.5 * k * np.maximum(2.0 - z, 0.0) ** 2  # zero above z = 2


@pytest.mark.parametrize("length", [10.0, 20.0])
def test_a_particle_thrown_at_a_soft_wall_comes_back(length):
    """Nothing is felt at the start, so the first force outgrows its quantum in one step."""
    box = motes.Box([length] * 3, boundary=["periodic", "periodic", "open"])
    start = motes.Particles([[length / 2] * 3], box, velocities=[[0, 0, -1.0]])
    simulation = motes.Simulation(start, motes.VelocityVerlet(2e-3), [motes.Field(wall, k=1000.0)], threads=1)
    simulation.run(int(1.5 * length / 2e-3))
    assert simulation.kinetic_energy + simulation.potential_energy == pytest.approx(0.5, rel=2e-3)
    assert simulation.velocities[0, 2] > 0.99


def gravity(r, g):
    return -g / r


def orbit(eccentricity: float, cutoff: float, dt: float) -> motes.Simulation:
    """Two bodies on a Kepler orbit of period 2 pi, beginning where they are farthest apart."""
    box = motes.Box([400.0] * 3, boundary="open")
    far, speed = 1 + eccentricity, np.sqrt((1 - eccentricity) / (1 + eccentricity))
    positions, speeds = [[200, 200, 200], [200 + far, 200, 200]], [[0, -speed / 2, 0], [0, speed / 2, 0]]
    start = motes.Particles(positions, box, velocities=speeds, mass=0.5)
    return motes.Simulation(start, motes.VelocityVerlet(dt), [motes.Pair(gravity, cutoff=cutoff, g=0.25)], threads=1)


@pytest.mark.parametrize("cutoff", [4.8, 200.0])
@pytest.mark.parametrize(
    ("eccentricity", "dt", "tolerance"), [(0.0, 1e-3, 1e-6), (0.6, 1e-3, 1e-5), (0.9, 5e-4, 1e-3), (0.99, 2e-4, 0.05)]
)
def test_a_kepler_orbit_of_any_eccentricity_runs(eccentricity, cutoff, dt, tolerance):
    """The error of velocity Verlet is of order dt**2, and largest where the bodies are closest."""
    simulation = orbit(eccentricity, cutoff, dt)
    before = simulation.kinetic_energy + simulation.potential_energy
    assert before == pytest.approx(-0.125, rel=1e-9)
    simulation.run(int(2 * np.pi / dt))
    after = simulation.kinetic_energy + simulation.potential_energy
    assert after == pytest.approx(before, rel=tolerance)


def test_a_pulse_out_of_nothing_is_followed():
    """A field that is 0 and then, from one step to the next, is strong: also the velocity outgrows its quantum."""
    box = motes.Box([1000.0] * 3, boundary="open")
    start = motes.Particles([[500.0] * 3, [300.0, 500.0, 500.0]], box, velocities=[[1e-9, 0, 0], [0, 0, 0]])
    pulse = motes.Field(lambda x, t, f: np.where((t > 0.1) & (t < 0.2), -f * x, 0.0), f=1e6)
    simulation = motes.Simulation(start, motes.VelocityVerlet(1e-3), [pulse], threads=1)
    with pytest.raises(motes.RunError, match="moves by"):  # 1e6 * 0.1 * 0.001 = 100 in a step is all right, 1e9 is not
        motes.Simulation(start, motes.VelocityVerlet(1e-3), [motes.Field(lambda x, t: 1e9 * x * t)], threads=1).run(300)
    simulation.run(205)
    assert simulation.velocities[:, 0] == pytest.approx([1e5] * 2, rel=0.02)
    assert simulation.velocities[0, 0] - simulation.velocities[1, 0] == pytest.approx(1e-9, abs=1e-7)


def test_forces_that_have_fallen_get_a_finer_quantum():
    """A hard push at the start must not leave a coarse grid for the weak forces that follow."""
    box = motes.Box([60.0] * 3, boundary="open")
    start = motes.Particles([[30.0] * 3, [30.4, 30, 30]], box)
    pair = motes.Pair(lambda r: 1e-3 * (0.9 / r) ** 12 + 1e-9 / r, cutoff=40.0)
    simulation = motes.Simulation(start, motes.VelocityVerlet(1e-3), [pair], threads=1)
    before = simulation.describe()["quanta"].force
    simulation.run(100 * LOOK_EVERY)
    assert simulation.describe()["quanta"].force < before / 1000
    r = np.linalg.norm(np.diff(simulation.positions, axis=0))
    force = 12e-3 * 0.9**12 / r**13 + 1e-9 / r**2
    assert np.abs(simulation.forces).max() == pytest.approx(force, rel=1e-6)


def spring(r, k):
    return k * (r - 1.0) ** 2 / 2


def kick(x, t, strength, begin, end):
    return np.where((t > begin) & (t < end), strength * x, 0.0)


@pytest.mark.parametrize("at", [63, 64, 65, 100])
def test_what_was_widened_for_one_step_is_narrowed_after_it(at):
    """A hard kick on one particle takes what others feel in its step and the next, and nothing afterwards."""
    dt = 0.01

    def energies(strength):
        positions, mass = [[4, 4, 4], [5.2, 4, 4], [8, 8, 8]], [1, 1, 1e18]
        particles = motes.Particles(positions, motes.Box([12.0] * 3), mass=mass, types=["A", "A", "B"])
        pulse = motes.Field(kick, strength={"A": 0.0, "B": strength}, begin=(at - 0.5) * dt, end=(at + 0.5) * dt)
        simulation = motes.Simulation(
            particles, motes.VelocityVerlet(dt), [motes.Pair(spring, 2.5, k=1.0), pulse], threads=1
        )
        found = []
        for _ in range(at + 200):
            simulation.run(1)
            pair = simulation.velocities[:2]
            found.append(simulation.potential_energy + 0.5 * float((pair**2).sum()))
        return np.array(found)

    kicked = energies(1e12)
    after = kicked[at + 1 :]
    assert np.ptp(energies(0.0)) < 2e-6
    assert np.ptp(after) < 3e-6
    # Two half kicks without a force of 0.2 at speeds of 0.2, of an energy of 0.02.
    assert abs(after[0] - kicked[at - 3]) < 2 * dt * 0.2 * 0.2 * 1.5


def test_a_run_that_was_given_up_goes_on_as_its_checkpoint_and_its_copy_do(tmp_path):
    """After a step that needed wider ranges and failed all the same, at a step of a look."""
    dt, rng = 0.01, np.random.default_rng(1)
    particles = motes.Particles(2 + 4 * rng.random((20, 3)), motes.Box([8.0] * 3), 0.1 * rng.normal(size=(20, 3)))
    field = motes.Field(
        lambda x, t, begin, end: np.where((t > begin) & (t < end), 1e14, 1e-3) * x,
        begin=(LOOK_EVERY + 0.5) * dt,
        end=(LOOK_EVERY + 1.5) * dt,
    )
    simulation = motes.Simulation(particles, motes.VelocityVerlet(dt), [field], threads=1)
    for _ in range(2):  # the same run again fails in the same way
        with pytest.raises(motes.RunError, match=f"step {LOOK_EVERY + 1}: particle .* moves by"):
            simulation.run(100)
    assert simulation.step == LOOK_EVERY
    simulation.save(tmp_path / "run.ckpt")
    ways = [simulation, simulation.copy(), motes.resume(tmp_path / "run.ckpt", [field], threads=1)]
    for way in ways:
        way.integrator = motes.VelocityVerlet(1e-6)
        way.run(20)
    assert len({way.fingerprint for way in ways}) == 1


@pytest.mark.parametrize(
    "integrator", [motes.VelocityVerlet(0.01), motes.Brownian(10.0, temperature=0.0, friction=0.1, seed=1)], ids=repr
)
def test_of_particles_that_move_equally_far_the_lowest_id_is_named(integrator):
    positions = np.array([[2.0, 2, 2], [4, 4, 4], [6, 6, 6]])
    strong = [
        motes.Field(lambda x, t: -1e9 * x * t),
        motes.Pair(lambda r: 0.0 * r, 1.0),
    ]  # laid out as they lie in space
    for ids in ([7, 4, 9], [4, 9, 7], [9, 7, 4]):
        particles = motes.Particles(positions, motes.Box([8.0] * 3, boundary="open"), ids=ids)
        with pytest.raises(motes.RunError, match=r"particle 4 moves by"):
            motes.Simulation(particles, integrator, strong, threads=1).run(100)


# What is weak beside something far stronger

STRENGTHS = {"A": 1e14, "B": -1e14, "C": 1.0}
POSITIONS = np.array([[2.0, 2, 2], [2.0, 12, 12], [12.0, 2, 12]])
ALONG, ACROSS = np.array([1.5, 0, 0]), np.array([1.5, 1.5, 0])
BOX = motes.Box([20.0] * 3, boundary="open")


def of_pairs(kinds):
    positions = np.concatenate([POSITIONS, POSITIONS + ALONG])
    table = {(a, b): STRENGTHS[a] if a == b else 0.0 for a in STRENGTHS for b in STRENGTHS}
    return motes.Particles(positions, BOX, types=[*kinds] * 2), motes.Pair(spring, 2.0, k=table), 0.125


def of_bonds(kinds):
    positions = np.concatenate([POSITIONS, POSITIONS + ALONG])
    particles = motes.Particles(positions, BOX, bonds=[(0, 3), (1, 4), (2, 5)], bond_types=[*kinds])
    return particles, motes.Bond(spring, k=STRENGTHS), 0.125


def of_angles(kinds):
    positions = np.concatenate([POSITIONS, POSITIONS + ALONG, POSITIONS + ACROSS])
    particles = motes.Particles(positions, BOX, angles=[(0, 3, 6), (1, 4, 7), (2, 5, 8)], angle_types=[*kinds])
    return particles, motes.Angle(lambda theta, k: k * theta**2, k=STRENGTHS), (np.pi / 2) ** 2


def of_a_field(kinds):
    particles = motes.Particles(POSITIONS, BOX, types=[*kinds])
    return particles, motes.Field(lambda x, k: k * np.where(x < 5.0, x - 1.75, x - 11.75) ** 2, k=STRENGTHS), 0.0625


def of_densities(kinds):
    positions = np.concatenate([POSITIONS, POSITIONS + ALONG])
    particles = motes.Particles(positions, BOX, types=[*kinds] * 2)
    embedded = motes.Embedded(lambda r: 1.0 / r**2, lambda rho, k: k * (rho - 0.5) ** 2, 2.0, k=STRENGTHS)
    return particles, embedded, 2 * (1.5**-2 - 0.5) ** 2


@pytest.mark.filterwarnings("ignore:.*of which much or all is lost")
@pytest.mark.parametrize("made", [of_pairs, of_bonds, of_angles, of_a_field, of_densities])
@pytest.mark.parametrize("kinds", ["ABC", "CAB", "BCA"])
def test_an_energy_is_not_lost_in_the_sum_with_far_larger_ones(made, kinds):
    """Two that are 1e14 times as large cancel; what is left is the third one, to the rounding of the large ones."""
    particles, law, energy = made(kinds)
    simulation = motes.Simulation(particles, motes.VelocityVerlet(1e-12), [law], threads=1)
    assert simulation.potential_energy == pytest.approx(energy, rel=1e-6)


def test_a_virial_is_not_lost_in_the_sum_with_far_larger_ones():
    particles, law, _ = of_pairs("ABC")
    with pytest.warns(motes.MotesWarning, match="forces are multiples of"):
        simulation = motes.Simulation(particles, motes.VelocityVerlet(1e-12), [law], threads=1)
    assert simulation.virial == pytest.approx(-0.75, rel=1e-7)


def test_forces_that_are_lost_beside_far_stronger_ones_are_reported():
    message = (
        "particles 2, 3 feel no force above 1, of which much or all is lost: forces are multiples of 4, since the "
        "largest is 1e+12 (README, The price of the same bits)"
    )
    with pytest.warns(motes.MotesWarning, match="feel") as seen:
        motes.Simulation(*strong_and_weak(1e12), threads=1)
    assert [str(one.message) for one in seen] == [message]
    assert seen[0].filename == __file__


def strong_and_weak(strength):
    particles = motes.Particles(
        [[1.0, 1, 1], [2.0, 1, 1], [1.0, 9, 1], [2.0, 9, 1]], BOX, types=list("AABB"), mass=[1e12, 1e12, 1, 1]
    )
    table = {("A", "A"): strength, ("B", "B"): 1.0, ("A", "B"): 0.0}
    return particles, motes.VelocityVerlet(1e-3), [motes.Pair(lambda r, k: k / r, 1.5, k=table)]


@pytest.mark.filterwarnings("error")
def test_nothing_is_reported_of_forces_that_act_or_that_cancel():
    motes.Simulation(*strong_and_weak(1e8), threads=1)
    pair = motes.Pair(lennard_jones, 2.5, epsilon=1.0, sigma=1.0)
    for particles in (
        motes.fcc(cells=4, density=0.8442, temperature=1.0, seed=1),
        motes.fcc(cells=5, density=1.1),  # at rest, where all forces cancel
        motes.random(100, motes.Box([60.0] * 3), seed=1, minimum_distance=1.0),  # many of which feel no one
    ):
        motes.Simulation(particles, motes.VelocityVerlet(0.005), [pair], threads=1)


@pytest.mark.filterwarnings("error")
def test_nothing_is_reported_where_sums_of_forces_cancel_or_particles_only_pass_each_other():
    verlet = motes.VelocityVerlet(0.001)
    crystal = motes.fcc(cells=3, density=0.8)
    many = motes.Embedded(lambda r: (1 - r / 2) ** 3, lambda rho: -np.sqrt(rho), 2.0)
    motes.Simulation(crystal, verlet, [many], threads=1)
    positions = np.arange(20)[:, None] * np.array([1.3, 0, 0]) + 2.0
    chain = motes.Particles(positions, motes.Box([40.0] * 3), bonds=[(i, i + 1) for i in range(19)])
    motes.Simulation(chain, verlet, [motes.Bond(spring, k=10.0)], threads=1)
    passing = motes.Particles([[4.0, 5, 5], [6.9, 5, 5]], BOX, [[1.0, 0, 0], [-1.0, 0, 0]])
    motes.Simulation(passing, verlet, [motes.Pair(lambda r: np.exp(-12 * (r - 1)), 3.0)], threads=1)


@pytest.mark.parametrize(("fast", "reported"), [(1e3, False), (1e6, True)])
def test_velocities_that_are_lost_beside_far_larger_ones_are_reported(fast, reported, recwarn):
    start = motes.Particles([[1.0, 1, 1], [9.0, 9, 9]], BOX, velocities=[[1e-5, 0, 0], [fast, 0, 0]])
    simulation = motes.Simulation(start, motes.VelocityVerlet(1e-6), threads=1)
    simulation.velocities = start.velocities
    message = (
        "1 particle moves so slowly that much of that is lost: velocities are multiples of 2.38e-07, since the largest "
        "component is 1e+06 (README, The price of the same bits)"
    )
    assert [str(one.message) for one in recwarn] == [message] * (2 if reported else 0)


def test_a_push_that_hardly_changes_a_velocity_is_reported():
    start = motes.Particles([[1.0, 1, 1], [2.5, 1, 1]], BOX, velocities=[[1.0, 0, 0], [0, 0, 0]], mass=[1.0, 1e14])
    with pytest.warns(motes.MotesWarning, match="1 particle is so heavy, or pushed so weakly, that much of"):
        motes.Simulation(start, motes.VelocityVerlet(1e-3), [motes.Pair(spring, 2.0, k=1.0)], threads=1)
