"""Every error that a simulation can give: bad input before a run, and runs that fail."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace

import numpy as np
import pytest

import motes
from motes.observers import Observer
from motes.simulation.admission import warn_of_twins


def lennard_jones(r, epsilon, sigma):
    return 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)


def pair(**changes) -> motes.Pair:
    return motes.Pair(lennard_jones, **({"cutoff": 2.5, "epsilon": 1.0, "sigma": 1.0} | changes))


def fluid(integrator) -> motes.Simulation:
    return motes.Simulation(motes.fcc(3, 0.8442, temperature=1.44, seed=1), integrator, [pair()], threads=1)


def two(apart: float, interactions=None, velocities=None) -> motes.Simulation:
    particles = motes.Particles([[1.0, 2.0, 3.0], [1.0 + apart, 2.0, 3.0]], BOX, velocities, ids=[7, 4])
    return motes.Simulation(particles, VERLET, [pair()] if interactions is None else interactions, threads=1)


class Meter(Observer):
    """Notes potential energies, and that the run has ended."""

    needs_energy = True

    def __init__(self) -> None:
        self.seen: dict[int, float] = {}
        self.ended = False

    def __call__(self, frame) -> None:
        self.seen[frame.step] = frame.potential_energy

    def finish(self) -> None:
        self.ended = True


BOX = motes.Box([10.0] * 3)
ONE = motes.Particles([[1.0, 1.0, 1.0]], BOX)
VERLET = motes.VelocityVerlet(0.005)


# Bad input


def test_two_particles_at_one_position_are_named():
    with pytest.raises(motes.InputError, match=r"not finite: particles [47] and [47] are 0 apart, at \[1\.0, 2\.0"):
        two(0.0)


def test_particles_that_feel_nothing_sharp_may_share_a_position():
    simulation = two(0.0, [motes.Pair(lambda r: np.exp(-(r**2)), cutoff=2.0)])
    simulation.run(2)
    assert simulation.potential_energy == pytest.approx(1.0)
    assert not simulation.forces.any()


def test_overlapping_particles_are_refused():
    with pytest.raises(motes.InputError, match=r"forces at the start .* particles overlap; call simulation.minimize"):
        two(0.1).run(1)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: motes.Particles([[1.0, math.nan, 1.0]], BOX), r"positions: particle id 0 .*finite"),
        (lambda: motes.Particles([[1.0, math.inf, 1.0]], BOX), r"positions: particle id 0 .*finite"),
        (lambda: motes.Particles([[1.0, 1.0]], BOX), r"positions: expected shape \(N, 3\)"),
        (lambda: motes.Particles([[1.0] * 3], BOX, velocities=[[1.0] * 3] * 2), r"velocities: expected shape"),
        (
            lambda: motes.Particles([[11.0] * 2], motes.Box([10.0] * 2, "reflecting")),
            r"id 0 .*within \[0, 10\]",
        ),
        (lambda: motes.Particles([[1.0] * 3], BOX, mass=0.0), r"mass: particle id 0 .*positive"),
        (lambda: motes.Particles([[1.0] * 3], BOX, mass=-1.0), r"mass: particle id 0 .*positive"),
        (lambda: pair(cutoff=0.0), r"cutoff: expected more than 0, got 0"),
        (lambda: pair(cutoff=-2.5), r"cutoff: expected more than 0"),
        (lambda: pair(cutoff=math.nan), r"cutoff: expected a finite number"),
        (lambda: pair(sigmo=1.0), r"'sigmo' is not used; did you mean 'sigma'"),
        (lambda: pair(shift="both"), r"shift must be None, 'energy' or 'force'"),
        (
            lambda: motes.Simulation(ONE, VERLET, [motes.Pair(lennard_jones, cutoff=2.5, epsilon=1.0)]),
            r"lennard_jones .*'sigma' is missing: give sigma=",
        ),
        (lambda: motes.VelocityVerlet(10**400), r"dt: expected a finite number, got 1000"),
        (lambda: motes.VelocityVerlet(0.0), r"dt: expected more than 0, got 0.0"),
        (lambda: motes.VelocityVerlet(-0.005), r"dt: expected more than 0, got -0.005"),
        (lambda: motes.Simulation([[1.0] * 3], VERLET), r"first argument is list; it must be motes.Particles"),
        (lambda: motes.Simulation(ONE, 0.005), r"integrator is float; give for example"),
        (lambda: motes.Simulation(ONE, motes.VelocityVerlet), r"the integrator is .*; give for example"),
        (lambda: motes.Simulation(ONE, VERLET, pair()), r"interactions must be a list"),
        (
            lambda: motes.Simulation(ONE, VERLET, [lennard_jones]),
            r"an interaction is function; it must be one of motes.Pair, ",
        ),
        (lambda: motes.Simulation(ONE, VERLET, threads=0), r"threads: expected a whole number of at least 1, got 0"),
        (lambda: motes.Simulation(ONE, VERLET, threads="all"), r"threads: expected a whole number of at least 1, got "),
        (lambda: motes.Simulation(ONE, VERLET, skin=-0.1), r"skin: expected at least 0, got -0.1"),
        (lambda: motes.Simulation(ONE, VERLET, skin=math.inf), r"skin: expected a finite number, got inf"),
        (lambda: motes.Simulation(ONE, VERLET, skin="0.3"), r"skin: expected a finite number, got '0.3'"),
    ],
)
def test_bad_input_gets_one_clear_line(make, words):
    with pytest.raises(motes.InputError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("steps", [-1, 1.5, "10", None, True, math.inf, 10**30])
def test_a_bad_number_of_steps_is_refused(steps):
    simulation = two(1.5)
    words = r"^steps: expected a whole number of at (least 0|most 1\.4.*e\+14), got "
    with pytest.raises(motes.InputError, match=words):
        simulation.run(steps)
    assert simulation.step == 0


@pytest.mark.parametrize("path", ["", None, 5, b"a", "a\0b"])
@pytest.mark.parametrize(
    "use",
    [
        motes.read, motes.resume, motes.Trajectory, motes.Checkpoint, lambda path: motes.Thermo(path or ""),
        lambda path: two(1.5).save(path), lambda path: motes.sweep(two, {"apart": [1.5]}, path=path or ""),
    ],
)  # fmt: skip
def test_what_is_no_path_is_refused(use, path):
    with pytest.raises(motes.InputError, match=r"^path: (expected the name of a file|the name of a file cannot hold)"):
        use(path)


def test_progress_must_be_a_function():
    with pytest.raises(motes.InputError, match=r"^progress: expected a function of the number of steps done, got 3$"):
        two(1.5).run(1, progress=3)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([[1.0] * 3], r"velocities have shape \(1, 3\); it must be \(2, 3\)"),
        ([[1.0] * 2] * 2, r"velocities have shape \(2, 2\)"),
        ([[math.nan] * 3] * 2, r"velocities: particle id 4 .* expected finite components"),
        ([[math.inf, 0, 0], [0, 0, 0]], r"velocities: particle id 4 .* expected finite components"),
        ([[1e300, 0, 0], [0, 0, 0]], r"velocities: particle id 4 .* expected components up to"),
        ("fast", r"velocities: expected real numbers"),
        ([[1j] * 3] * 2, r"velocities: expected real numbers"),
        ([[1.0] * 3, [1.0]], r"velocities: rows of different lengths"),
    ],
)
def test_bad_velocities_are_refused_and_change_nothing(values, words):
    simulation = two(1.5, velocities=[[1.0, 2.0, 3.0]] * 2)
    with pytest.raises(motes.InputError, match=words):
        simulation.velocities = values
    assert simulation.velocities.tolist() == [[1.0, 2.0, 3.0]] * 2


def test_velocities_too_fast_for_dt_are_refused_with_that_remedy():
    particles = motes.Particles([[1.0] * 3], BOX, velocities=[[1e6, 0.0, 0.0]])
    with pytest.raises(motes.InputError, match=r"a component of 1e\+06, which moves .*smaller dt"):
        motes.Simulation(particles, VERLET)
    simulation = two(1.5)
    before = simulation.fingerprint
    with pytest.raises(motes.InputError, match=r"smaller dt"):
        simulation.velocities = 1e6 * np.ones((2, 3))
    assert simulation.fingerprint == before
    simulation.run(1)


@pytest.mark.parametrize("name", ["forces", "ids", "step", "time", "temperature", "fingerprint"])
def test_nothing_else_can_be_assigned(name):
    with pytest.raises(motes.InputError, match=f"{name} cannot be assigned"):
        setattr(two(1.5), name, 0)


# Runs that fail


@pytest.mark.parametrize(
    "integrator",
    [
        motes.VelocityVerlet(0.1),
        motes.VelocityVerlet(0.5),
        motes.Langevin(0.1, 1.4, 1.0, seed=1),
        motes.Brownian(0.1, 1.4, 1.0, seed=1),
    ],
)
def test_too_long_a_step_ends_in_an_error_that_names_step_and_particles(integrator):
    simulation = fluid(integrator)
    with pytest.raises(motes.RunError, match=r"^step \d+: particle \d+ .*\n(.*\n)*.*smaller dt"):
        simulation.run(1000)
    assert simulation.step < 1000
    assert np.isfinite(simulation.positions).all()
    assert np.isfinite(simulation.velocities).all()


def test_an_energy_far_above_all_others_is_read_as_it_is():
    simulation = two(1.5, [motes.Pair(lambda r: 1e12 + r, cutoff=2.0)])
    assert simulation.potential_energy == pytest.approx(1e12 + 1.5, rel=1e-14)
    simulation.run(1)
    assert simulation.potential_energy == pytest.approx(1e12 + 1.5, rel=1e-14)


def test_a_speed_that_its_grid_cannot_hold_gets_a_coarser_one():
    simulation, undisturbed = fluid(motes.VelocityVerlet(0.002)), fluid(motes.VelocityVerlet(0.002))
    state = simulation._engine.here.state
    state.quanta = replace(state.quanta, velocity=2.0**-52 * np.abs(simulation.velocities).max())
    for each in (simulation, undisturbed):
        each.run(5)
    assert simulation.describe()["quanta"].velocity > state.box.spacing / 2**20
    assert simulation.positions == pytest.approx(undisturbed.positions, abs=1e-10)


@pytest.mark.parametrize("integrator", [motes.VelocityVerlet(0.05), motes.Langevin(0.05, 1.4, 1.0, seed=1)])
def test_after_a_failed_run_all_is_of_the_step_before(integrator):
    simulation, meter = fluid(integrator), Meter()
    simulation.every(1, meter)
    with pytest.raises(motes.RunError) as caught:
        simulation.run(1000)
    assert str(caught.value).startswith(f"step {simulation.step + 1}: ")
    assert max(meter.seen) == simulation.step
    assert simulation.potential_energy == meter.seen[simulation.step]
    again = fluid(integrator)
    again.run(simulation.step)
    assert simulation.fingerprint == again.fingerprint
    assert (simulation.forces == again.forces).all()


@pytest.mark.parametrize("skin", [0.01, None, 0.9])
def test_a_particle_leaves_an_open_box_at_the_same_step_whatever_the_skin(skin):
    box = motes.Box([2.0, 2.0], "open")
    particles = motes.Particles([[1.0, 1.0]], box, velocities=[[9.0, 0.0]], ids=[42])
    simulation = motes.Simulation(particles, motes.VelocityVerlet(0.1), [motes.Pair(lambda r: 1 / r, 1.0)], skin=skin)
    with pytest.raises(motes.RunError, match=r"^step 2224: particle 42 .* than 1000 edges .*\n(.*\n)*.*larger box"):
        simulation.run(3000)
    assert simulation.step == 2223
    assert simulation.positions[0, 0] == pytest.approx(2001.7)


def test_observers_are_told_that_a_run_failed():
    simulation, meter = fluid(motes.VelocityVerlet(0.1)), Meter()
    simulation.every(1, meter)
    with pytest.raises(motes.RunError):
        simulation.run(1000)
    assert meter.ended


@pytest.mark.parametrize(("cells", "density"), [(4, 1e6), (4, 2e4)])
def test_a_crowd_is_refused_before_anything_is_built(cells, density):
    with pytest.raises(motes.InputError, match=r"about .* others within cutoff and skin.*in different units"):
        motes.Simulation(motes.fcc(cells, density), VERLET, [motes.Pair(lambda r: 1 / r, 2.5)], skin=0.4)


def test_a_box_with_too_many_images_is_refused():
    with pytest.raises(motes.InputError, match=r"cutoff and skin reach 3.2, through .* images .* larger box"):
        motes.Simulation(motes.fcc(3, 1e9), motes.VelocityVerlet(0.001), [pair()], threads=1, skin=0.7)


def test_an_assignment_whose_warning_is_an_error_leaves_all_as_it_was():
    sim = motes.Simulation(motes.fcc(4, 0.8442, temperature=1.0, seed=1), VERLET, [pair()], threads=1)
    sim.run(5)
    fingerprint, velocities = sim.fingerprint, sim.velocities
    slow = velocities * 1e-13
    slow[0] = [400.0, 0.0, 0.0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(motes.MotesWarning, match="particles move so slowly"):
            sim.velocities = slow
    assert (sim.velocities == velocities).all()
    assert sim.fingerprint == fingerprint


@pytest.mark.parametrize(
    "other",
    [
        motes.VelocityVerlet(100.0),
        motes.Langevin(100.0, 1e38, 1.0, seed=1),
        motes.Langevin(100.0, 1e6, 1.0, seed=1),
    ],
)
def test_an_integrator_that_is_refused_is_not_in_force(other):
    """Where particles overlap, another integrator is tried at once."""
    sim = two(0.3, velocities=np.ones((2, 3)))
    before = sim.describe()["quanta"]
    with pytest.raises(motes.InputError, match="use a smaller dt"):
        sim.integrator = other
    assert (sim.integrator, sim.dt) == (VERLET, VERLET.dt)
    assert (sim.velocities == 1.0).all()
    assert sim.describe()["quanta"] == before
    with pytest.raises(motes.InputError, match="particles overlap"):
        sim.run(1)
    assert sim.minimize(1e-3).converged
    sim.run(3)
    assert sim.time == 3 * VERLET.dt


@pytest.mark.parametrize("apart", [0.6, 1.5], ids=["overlapping", "apart"])
def test_an_integrator_whose_warning_is_an_error_is_not_in_force(apart):
    sim, usual = (two(apart, velocities=np.ones((2, 3))) for _ in range(2))
    if apart > 1:
        sim.run(7)
        usual.run(7)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(motes.MotesWarning, match="the particles move together, with 100%"):
            sim.integrator = motes.Bussi(1e-4, 1.0, 0.1, seed=1)
    assert (sim.integrator, sim.time) == (VERLET, usual.time)
    if apart < 1:
        with pytest.raises(motes.InputError, match="particles overlap"):
            sim.run(1)
    else:
        sim.run(500)
        usual.run(500)
        assert (sim.fingerprint, sim.time) == (usual.fingerprint, usual.time)


@pytest.mark.parametrize("name", ["positions", "velocities"])
def test_after_a_refused_assignment_forces_that_depend_on_velocities_go_on_as_before(name):
    """They depend on velocities of the middle of a step, which nobody can read or assign."""

    def melt() -> motes.Simulation:
        drag = motes.PairForce(lambda v, r, gamma: -gamma * (2 - r) * v, 2.0, gamma=4.5)
        particles = motes.fcc(3, 0.8, temperature=1.0, seed=1)
        return motes.Simulation(particles, motes.VelocityVerlet(0.004), [pair(), drag], threads=1)

    sim, usual = melt(), melt()
    sim.run(7)
    usual.run(7)
    wrong = {"velocities": usual.velocities * 0 + 1e9, "positions": usual.positions * 0 + 1.0}[name]
    with pytest.raises(motes.InputError):
        setattr(sim, name, wrong)
    assert (sim.forces == usual.forces).all()
    sim.run(20)
    usual.run(20)
    assert sim.fingerprint == usual.fingerprint


def test_particles_at_rest_are_reported_when_a_bath_takes_over():
    sim = two(1.5)
    with pytest.warns(motes.MotesWarning, match="all particles are at rest"):
        sim.integrator = motes.Bussi(1e-3, 1.0, 0.1, seed=1)


def test_laws_whose_records_are_arrays_can_be_compared(recwarn):
    """As those of a law of one's own may be."""
    warn_of_twins([pair(), pair(shift="energy")], [BoundOfArrays(1.0), BoundOfArrays(2.0)])
    assert not recwarn.list
    with pytest.warns(motes.MotesWarning, match="is there more than once, and counts as often"):
        two(1.5, [pair(), pair()])


class BoundOfArrays:
    def __init__(self, number):
        self.number = number

    def record(self):
        return "mine", np.full(3, self.number)


@pytest.mark.parametrize("name", ["positions", "velocities", "mass", "charge", "ids", "types", "images", "bonds"])
@pytest.mark.parametrize("rows", [False, True])
def test_masked_arrays_are_refused(name, rows):
    given = {"positions": np.ones((2, 3)), "velocities": np.ones((2, 3)), "mass": np.ones(2), "charge": np.ones(2),
             "ids": np.arange(2), "types": np.array(["A", "B"]), "images": np.zeros((2, 3), int),
             "bonds": np.array([[0, 1]])}  # fmt: skip
    masked = np.ma.array(given[name], mask=np.zeros_like(given[name], bool))
    masked[-1] = np.ma.masked
    given[name] = list(masked) if rows else masked
    with pytest.raises(motes.InputError, match=f"^{name}: some of it is masked; fill it in, or leave it out$"):
        motes.Particles(given.pop("positions"), BOX, **given)


def test_velocities_stay_where_a_minimization_cannot_begin():
    """Particles so near that the grid of a minimization makes one position of their two."""
    near = [[5.0, 5, 5], [5.0 + 2.0**-45, 5, 5]]
    particles = motes.Particles(near, motes.Box([10.0] * 3, "open"), np.ones((2, 3)))
    sim = motes.Simulation(particles, VERLET, [motes.Pair(lambda r: (1 - r) ** 2, 1.0)], threads=1)
    with pytest.raises(motes.RunError, match="on the way downhill a particle is in a pair"):
        sim.minimize(1e-3)
    assert (sim.velocities == 1.0).all()
    sim.positions = [[5.0, 5, 5], [5.5, 5, 5]]
    assert sim.minimize(1e-3).converged
    assert sim.velocities == pytest.approx(np.ones((2, 3)), abs=1e-9)


def test_a_number_that_is_whole_but_for_its_point_is_told_how_to_be_written():
    sim = motes.Simulation(motes.fcc(3, 0.8442), VERLET, [pair()], threads=1)
    with pytest.raises(
        motes.InputError, match=r"steps: expected a whole number of at least 0, got 1000000.0; write 1_000_000$"
    ):
        sim.run(1e6)
    with pytest.raises(motes.InputError, match=r"got 2.5$"):
        sim.run(2.5)


@pytest.mark.parametrize("name", ["n" * 300, "é" * 200, "n" * 300 + "/within"])
@pytest.mark.parametrize(
    "use",
    [
        motes.Checkpoint, motes.Trajectory, motes.Thermo, lambda name: motes.Msd(path=name), motes.resume, motes.read,
        lambda name: motes.Simulation(ONE, VERLET, threads=1).save(name),
    ],
    ids=["checkpoint", "trajectory", "thermo", "msd", "resume", "read", "save"],
)  # fmt: skip
def test_names_too_long_for_any_disk_are_refused(use, name):
    with pytest.raises(motes.InputError, match=r"a name of more than 255 bytes can be no file or folder, got '[né]"):
        use(name)
