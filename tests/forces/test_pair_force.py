"""Forces without an energy, against LAMMPS, a sum over all pairs by hand, and statistics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import motes
from motes.exact.noise import PAIRS, draw_for_pairs, key_of_step
from motes.forces.law import Surroundings
from naming import named

LAMMPS = Path(__file__).parents[1] / "data" / "lammps2"
VERLET = motes.VelocityVerlet(dt=0.01)


def dpd(r: Any, v: Any, a: Any, gamma: Any, cutoff: Any) -> Any:
    w = 1 - r / cutoff
    return a * w - gamma * w * w * v


@pytest.fixture(scope="module")
def dissipative() -> Any:
    """Two types, friction and no noise: a run of LAMMPS."""
    with np.load(LAMMPS / "dpd_two_types.npz") as file:
        return dict(file)


def of_lammps(data: Any, **options: Any) -> motes.Simulation:
    names = np.array(["a", "b"])
    coefficients = json.loads(str(data["params"]))["pair"]["coeff"]
    tables = {
        key: {(names[int(types[0])], names[int(types[2])]): row[key] for types, row in coefficients.items()}
        for key in ("a", "gamma", "cut")
    }
    particles = motes.Particles(
        data["x"], motes.Box(data["L"]), data["v"], mass=data["mass"], types=names[data["type"]]
    )
    force = motes.PairForce(dpd, cutoff=tables["cut"], a=tables["a"], gamma=tables["gamma"])
    return motes.Simulation(particles, motes.VelocityVerlet(float(data["dt"])), [force], **options)


def test_forces_and_pressure_are_those_of_lammps(dissipative: Any) -> None:
    sim = of_lammps(dissipative)
    np.testing.assert_allclose(sim.forces, dissipative["f"], rtol=0, atol=1e-10 * np.abs(dissipative["f"]).max())
    assert sim.pressure == pytest.approx(float(dissipative["press"]), rel=1e-11)
    assert sim.virial == pytest.approx(dissipative["virial"][:3].sum(), rel=1e-11)
    assert sim.potential_energy == 0.0
    assert np.isnan(sim.conserved_energy)


def test_a_run_goes_where_lammps_goes(dissipative: Any) -> None:
    """With the velocities in the middle of the step, not those at its end."""
    sim = of_lammps(dissipative)
    for step, tolerance in ((1, 1e-12), (10, 1e-11), (100, 1e-9)):
        sim.run(step - sim.step)
        unwrapped = sim.positions + sim.images * sim.box.lengths
        np.testing.assert_allclose(unwrapped, dissipative[f"x_{step}"], rtol=0, atol=tolerance)
    np.testing.assert_allclose(sim.velocities, dissipative["v_100"], rtol=0, atol=1e-8)


# By hand


def few(count: int = 40, dimensions: int = 3) -> motes.Particles:
    generator = np.random.default_rng(1)
    lengths = np.array([3.0, 4.0, 3.5])[:dimensions]
    return motes.Particles(
        generator.random((count, dimensions)) * lengths, motes.Box(lengths),
        generator.normal(size=(count, dimensions)), charge=generator.uniform(0.5, 2.0, count),
        types=np.where(np.arange(count) % 3, "A", "B"), ids=generator.permutation(count) * 3 + 1,
    )  # fmt: skip


def by_hand(particles: motes.Particles, force: Any, cutoff: float) -> tuple[Any, float]:
    """What force(r, v, i, j) on i from j makes, with i and j rows in the order of ids; and the virial."""
    order = np.argsort(particles.ids)
    x, v = particles.positions[order], particles.velocities[order]
    lengths = particles.box.lengths
    total, virial = np.zeros_like(x), 0.0
    for i in range(len(x)):
        for j in range(len(x)):
            apart = x[i] - x[j]
            apart -= lengths * np.rint(apart / lengths)
            r = np.sqrt((apart**2).sum())
            if i != j and r < cutoff:
                size = force(r, apart @ (v[i] - v[j]) / r, i, j)
                total[i] += size * apart / r
                virial += 0.5 * size * r
    return total, virial


@pytest.mark.parametrize("dimensions", [2, 3])
def test_all_names_of_a_pair(dimensions: int) -> None:
    particles = few(dimensions=dimensions)
    charge, ids = particles.attributes["charge"][np.argsort(particles.ids)], np.sort(particles.ids)

    def pull(r: Any, v: Any, noise: Any, t: Any, charge_i: Any, charge_j: Any, k: Any) -> Any:
        return k * charge_i * charge_j / r + v * (1 + t) + 0.3 * noise

    force = motes.PairForce(pull, cutoff=1.4, seed=9, k=1.7)
    sim = motes.Simulation(particles, VERLET, [force], first_step=500)
    key = key_of_step(9, PAIRS, 500)

    def hand(r: float, v: float, i: int, j: int) -> float:
        noise = draw_for_pairs(key, ids[i], ids[j : j + 1])[0]
        return 1.7 * charge[i] * charge[j] / r + v * 6.0 + 0.3 * noise

    expected, virial = by_hand(particles, hand, 1.4)
    np.testing.assert_allclose(sim.forces, expected, rtol=0, atol=1e-9 * np.abs(expected).max())
    assert sim.virial == pytest.approx(virial, rel=1e-9)
    assert (np.rint(sim.forces / sim.describe()["quanta"].force).sum(axis=0) == 0).all()


def test_a_force_knows_the_time_step_of_the_moment(tmp_path: Any) -> None:
    def kick(r: Any, noise: Any, dt: Any) -> Any:
        return noise * (1 - r) / np.sqrt(dt)

    sim = motes.Simulation(few(), VERLET, [motes.PairForce(kick, 1.0, seed=3)])
    sim.run(5)
    before = sim.forces
    sim.integrator = motes.VelocityVerlet(dt=0.0025)
    np.testing.assert_allclose(sim.forces, 2.0 * before, rtol=1e-9, atol=1e-9)
    saved = sim.save(tmp_path / "kicks")
    sim.run(5)
    resumed = motes.resume(saved, [motes.PairForce(kick, 1.0, seed=3)])
    resumed.run(5)
    assert resumed.fingerprint == sim.fingerprint
    with pytest.raises(motes.InputError, match="'dt' is not a parameter: Motes gives it"):
        motes.PairForce(kick, 1.0, seed=3, dt=0.01)


def test_a_function_may_take_v_and_do_without_it() -> None:
    particles = motes.fcc(3, 0.8, temperature=1.0, seed=1)
    functions = (lambda r, v: 1 - r), (lambda r: 1 - r)  # noqa: ARG005  # that is what is tried
    forces = [motes.PairForce(function, cutoff=1.5) for function in functions]
    sims = [motes.Simulation(particles, VERLET, [force]) for force in forces]
    for sim in sims:
        sim.run(5)
    np.testing.assert_array_equal(*(sim.positions for sim in sims))


def test_numpy_takes_the_cutoff_of_the_types_as_the_kernel_does() -> None:
    x = np.array([[1.0, 1.0], [2.0, 1.0], [2.5, 1.5]])
    types = {("a", "a"): 1.0, ("a", "b"): 2.0, ("b", "b"): 1.5}
    force = motes.PairForce(lambda r, cutoff: 1 - r / cutoff, cutoff=types)
    sim = motes.Simulation(motes.Particles(x, motes.Box([9.0, 9.0]), types=["a", "b", "b"]), VERLET, [force])
    around = {"id": np.array([1, 2]), "type": np.array([1, 1]), "x": x[1:, 0] - x[0, 0], "y": x[1:, 1] - x[0, 1]}
    here = Surroundings({"id": 0, "type": 0}, around, {"x": 1.0, "y": 1.0}, 0.0, 0.01, 0, [9.0, 9.0], [True, True])
    np.testing.assert_allclose(force.bind(named(("a", "b"))).force_on(here), sim.forces[0], rtol=1e-9)


def test_two_forces_do_not_draw_the_same_noise() -> None:
    def kick(noise: Any) -> Any:
        return noise

    forces = [motes.PairForce(kick, 1.0, seed=seed) for seed in (3, 4, 3)]
    motes.Simulation(few(), VERLET, forces[:2])
    with pytest.raises(motes.InputError, match="would draw the same noise: give one of them another seed"):
        motes.Simulation(few(), VERLET, forces)


@pytest.mark.parametrize("threads", [1, 2])
def test_what_i_feels_need_not_be_what_j_feels(threads: int) -> None:
    particles = few(dimensions=2)
    charge = particles.attributes["charge"][np.argsort(particles.ids)]
    kinds = particles.types[np.argsort(particles.ids)]
    strength = np.array([[1.0, -2.0], [3.0, 0.25]])

    def follow(r: Any, charge_i: Any, charge_j: Any, strength: Any) -> Any:
        return strength * np.exp(-r) * charge_i / charge_j

    table = {("A", "A"): 1.0, ("A", "B"): -2.0, ("B", "A"): 3.0, ("B", "B"): 0.25}
    force = motes.PairForce(follow, cutoff=1.4, mutual=False, strength=table)
    sim = motes.Simulation(particles, VERLET, [force], threads=threads)
    expected, virial = by_hand(
        particles, lambda r, _v, i, j: strength[kinds[i], kinds[j]] * np.exp(-r) * charge[i] / charge[j], 1.4
    )
    np.testing.assert_allclose(sim.forces, expected, rtol=0, atol=1e-9 * np.abs(expected).max())
    assert sim.virial == pytest.approx(virial, rel=1e-9)
    assert sim.degrees_of_freedom == 2 * len(sim)


def test_many_types_are_looked_up() -> None:
    generator = np.random.default_rng(3)
    kinds = np.arange(40) % 6
    strength = generator.normal(size=(6, 6))
    particles = motes.Particles(generator.random((40, 3)) * 3, motes.Box([3.0, 3.0, 3.0]), types=kinds)
    force = motes.PairForce(lambda r, strength: strength / r, cutoff=1.3, mutual=False, strength=strength)
    sim = motes.Simulation(particles, VERLET, [force])
    expected, _ = by_hand(particles, lambda r, _v, i, j: strength[kinds[i], kinds[j]] / r, 1.3)
    np.testing.assert_allclose(sim.forces, expected, rtol=0, atol=1e-9 * np.abs(expected).max())


# The noise


def test_noise_is_normal_and_the_same_for_both() -> None:
    numbers = np.concatenate([draw_for_pairs(key_of_step(7, PAIRS, step), 5, np.arange(6, 2006)) for step in range(50)])
    assert abs(numbers.mean()) < 4 / np.sqrt(len(numbers))
    assert abs((numbers**2).mean() - 1) < 4 * np.sqrt(2 / len(numbers))
    assert len(np.unique(numbers)) == len(numbers)
    key = key_of_step(7, PAIRS, 3)
    assert draw_for_pairs(key, 2**40 + 1, np.array([4])) == draw_for_pairs(key, 4, np.array([2**40 + 1]))
    assert draw_for_pairs(key, 1, np.array([2])) != draw_for_pairs(key_of_step(8, PAIRS, 3), 1, np.array([2]))


def test_a_dissipative_fluid_has_the_temperature_and_pressure_of_the_reference() -> None:
    """T, U and P of a fluid at density 3 (a = 25, gamma = 4.5), whose errors at dt = 0.01 LAMMPS has as well."""
    with np.load(LAMMPS / "stats_dpd.npz") as file:
        reference = json.loads(str(file["params"]))["runs"]
    results = reference["dpd"]["results"]
    dt = 0.01

    def force(r: Any, v: Any, noise: Any, a: Any, gamma: Any, sigma: Any) -> Any:
        return a * (1 - r) - gamma * (1 - r) ** 2 * v + sigma * (1 - r) * noise

    box = motes.Box([7.0, 7.0, 7.0])
    particles = motes.random(1029, box, seed=1, temperature=1.0)
    law = motes.PairForce(force, cutoff=1.0, seed=2, a=25.0, gamma=4.5, sigma=np.sqrt(2 * 4.5 / dt))
    sim = motes.Simulation(particles, motes.VelocityVerlet(dt), [law])
    sim.run(500)
    seen = []
    sim.every(5, lambda frame: seen.append((frame.temperature, frame.pressure)))
    sim.run(3000)
    blocks = np.array(seen[: len(seen) // 20 * 20]).reshape(20, -1, 2).mean(axis=1)
    mean, error = blocks.mean(axis=0), blocks.std(axis=0, ddof=1) / np.sqrt(20)
    assert abs(mean[0] - results["T"][0]) < 4 * np.hypot(error[0], results["T"][1])
    assert abs(mean[1] - results["P"][0]) < 4 * np.hypot(error[1], results["P"][1])
    assert (np.abs(sim.velocities.T @ sim.mass) < 1e-9).all()


# What cannot be


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: motes.PairForce(lambda noise: noise, 1.0), "draws noise, so give a seed"),
        (lambda: motes.PairForce(lambda r: r, 1.0, seed=1), "no argument named noise"),
        (lambda: motes.PairForce(lambda r, k: k * r, 1.0, v=1.0), "'v' is not a parameter"),
        (lambda: motes.PairForce(lambda r, k: k * r, 1.0, kk=1.0), "the parameter 'kk' is not used"),
        (lambda: motes.PairForce(lambda r: r, 1.0, mutual=1), "mutual is 1"),
        (lambda: motes.PairForce(lambda r: r, -1.0), "cutoff"),
        (lambda: motes.PairForce("r", 1.0), "use PairForce.from_expression"),
    ],
)
def test_what_cannot_be_is_refused(make: Any, message: str) -> None:
    with pytest.raises(motes.InputError, match=message):
        make()


def test_what_does_not_fit_a_simulation_is_refused() -> None:
    particles = few()
    friction = motes.PairForce(lambda v, gamma: -gamma * v, 1.0, gamma=1.0)
    with pytest.raises(motes.InputError, match="depends on velocities"):
        motes.Simulation(particles, motes.Brownian(0.01, temperature=1.0, friction=1.0, seed=1), [friction])
    sim = motes.Simulation(particles, VERLET, [friction])
    with pytest.raises(motes.InputError, match="has no energy"):
        sim.minimize(1.0)
    with pytest.raises(motes.InputError, match="depends on velocities"):
        sim.integrator = motes.Brownian(0.01, temperature=1.0, friction=1.0, seed=1)
    lopsided = motes.PairForce(lambda charge_i, charge_j: charge_i - charge_j, 1.0)
    with pytest.raises(motes.InputError, match="must be the same if the two particles are exchanged"):
        motes.Simulation(particles, VERLET, [lopsided])
    with pytest.raises(motes.InputError, match="is not symmetric"):
        motes.Simulation(particles, VERLET, [motes.PairForce(lambda k: k, 1.0, k=[[1.0, 2.0], [3.0, 1.0]])])
    with pytest.raises(motes.InputError, match="'gama' is missing"):
        motes.Simulation(particles, VERLET, [motes.PairForce(lambda v, gama: -gama * v, 1.0)])


def test_a_failure_names_its_particle_and_what_it_feels() -> None:
    particles = few()
    law = motes.PairForce(lambda r, v, noise: np.where(r > 0.05, 60 * v + noise, 0.0), 1.0, seed=4)
    sim = motes.Simulation(particles, motes.VelocityVerlet(0.01), [law])
    with pytest.raises(motes.RunError) as caught:
        sim.run(100)
    assert "from interaction 1, <lambda>" in str(caught.value)
    assert "smaller dt" in str(caught.value)


def test_a_seed_and_an_integrator_can_change_in_mid_run() -> None:
    friction = motes.PairForce(lambda v, gamma: -gamma * v, 1.0, gamma=1.0)
    sim = motes.Simulation(few(), VERLET, [friction])
    sim.run(10)
    sim.velocities = -sim.velocities
    fresh = motes.Simulation(sim.snapshot(), VERLET, [friction])
    np.testing.assert_allclose(sim.forces, fresh.forces, atol=1e-12)  # those of the velocities that were given
    sim.run(10)
    assert sim.kinetic_energy < fresh.kinetic_energy


def test_as_text() -> None:
    written = motes.PairForce.from_expression("a*(1 - r) - gamma*v", 1.0, a=2.0, gamma=1.0)
    function = motes.PairForce(lambda r, v, a, gamma: a * (1 - r) - gamma * v, 1.0, a=2.0, gamma=1.0)
    assert repr(written) == "PairForce(a*(1 - r) - gamma*v, cutoff=1.0, a=2.0, gamma=1.0)"
    sims = [motes.Simulation(few(), VERLET, [law]) for law in (written, function)]
    for sim in sims:
        sim.run(5)
    assert sims[0].fingerprint == sims[1].fingerprint
