"""Energies of many bodies, against LAMMPS (eam/alloy and eam/fs), by hand, and where they end."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import motes
from motes.engine import queries

LAMMPS = Path(__file__).parents[1] / "data" / "lammps2"
VERLET = motes.VelocityVerlet(dt=0.005)


def radial(r: Any, A: Any, a: Any, n: Any, rc: Any) -> Any:  # noqa: N803  # as the reference calls them
    """The form of all functions of the reference."""
    return np.where(r < rc, A * (a / r) ** n * (1 - (r / rc) ** 2) ** 4, 0.0)


def root(rho: Any, C: Any) -> Any:  # noqa: N803
    return -C * np.sqrt(rho)


def of_lammps(name: str, **options: Any) -> tuple[motes.Simulation, dict[str, Any]]:
    with np.load(LAMMPS / f"{name}.npz") as file:
        data = dict(file)
    style = json.loads(str(data["params"]))["pair"]
    elements = style["elements"]
    count = range(len(elements))

    def table(key: str) -> Any:
        return [[style["phi"][f"{min(i, j)}-{max(i, j)}"][key] for j in count] for i in count]

    def made(key: str) -> Any:
        """The density at an atom of the first element, made by one of the second."""
        psi = style["psi"]
        return {(elements[i], elements[j]): psi.get(f"{i}<-{j}", psi.get(str(j)))[key] for i in count for j in count}

    keys = ("A", "a", "n", "rc")
    pair = motes.Pair(radial, style["cut"], **{key: table(key) for key in keys})
    strengths = {element: style["embed"][str(i)]["C"] for i, element in enumerate(elements)}
    embedded = motes.Embedded(radial, root, style["cut"], C=strengths, **{key: made(key) for key in keys})
    particles = motes.Particles(
        data["x"], motes.Box(data["L"]), data["v"], mass=data["mass"], types=np.array(elements)[data["type"]]
    )
    dt = float(data.get("dt", 0.005))
    return motes.Simulation(particles, motes.VelocityVerlet(dt), [pair, embedded], **options), data


@pytest.mark.parametrize("name", ["eam_fs500", "eam_alloy500", "eam_fs_alloy500"])
def test_forces_energy_and_virial_are_those_of_the_reference(name: str) -> None:
    sim, data = of_lammps(name)
    expected = data["f_analytic"]
    np.testing.assert_allclose(sim.forces, expected, rtol=0, atol=4e-10 * np.abs(expected).max())
    assert sim.potential_energy == pytest.approx(float(data["pe_analytic"]), rel=1e-11)
    assert sim.virial == pytest.approx(data["virial_analytic"][:3].sum(), rel=1e-10)
    virial = sim.pressure_tensor * sim.box.volume - np.einsum("i,ia,ib", sim.mass, sim.velocities, sim.velocities)
    found = [virial[place] for place in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))]
    np.testing.assert_allclose(found, data["virial_analytic"], rtol=0, atol=1e-9 * np.abs(found).max())
    assert math.fsum(sim.energies) == sim.potential_energy
    assert (np.rint(sim.forces / sim.describe()["quanta"].force).sum(axis=0) == 0).all()


@pytest.mark.parametrize("name", ["eam_fs500", "eam_fs_alloy500"])
def test_a_run_goes_where_lammps_goes(name: str) -> None:
    sim, data = of_lammps(name)
    for step in (1, 10, 100):
        sim.run(step - sim.step)
        unwrapped = sim.positions + sim.images * sim.box.lengths
        np.testing.assert_allclose(unwrapped, data[f"x_{step}"], rtol=0, atol=1e-8)
    np.testing.assert_allclose(sim.velocities, data["v_100"], rtol=0, atol=1e-7)


def test_energy_is_conserved_and_the_run_can_be_taken_back() -> None:
    sim, _ = of_lammps("eam_fs_alloy500", threads=2)
    positions, velocities, before = sim.positions, sim.velocities, sim.conserved_energy
    sim.run(300)
    assert abs(sim.conserved_energy - before) < 2e-5 * abs(before)
    sim.velocities = -sim.velocities
    sim.run(300)
    assert (sim.positions == positions).all()
    assert (sim.velocities == -velocities).all()


def test_a_density_of_any_kind_in_two_dimensions() -> None:
    """Sides and types in the density, an attribute in the energy; by hand, with differences for the forces."""
    generator = np.random.default_rng(1)
    size = generator.uniform(0.5, 1.5, 20)
    box = motes.Box([3.0, 3.5])
    kinds = np.arange(20) % 2
    weight = np.array([[1.0, 2.0], [0.5, 1.5]])
    x = generator.random((20, 2)) * box.lengths
    density = motes.Embedded(
        lambda r, w, size_i, size_j: w * size_j * np.exp(-size_i * r * r), lambda rho, size: size * np.log1p(rho), 1.4,
        w=weight,
    )  # fmt: skip

    def energy(x: Any) -> float:
        apart = x[:, None] - x[None]
        apart -= box.lengths * np.rint(apart / box.lengths)
        s = (apart**2).sum(axis=2)
        near = (s < 1.4**2) & ~np.eye(20, dtype=bool)
        rho = np.where(near, weight[kinds[:, None], kinds] * size * np.exp(-size[:, None] * s), 0).sum(axis=1)
        return float((size * np.log1p(rho)).sum())

    sim = motes.Simulation(motes.Particles(x, box, types=kinds, size=size), VERLET, [density])
    assert sim.potential_energy == pytest.approx(energy(sim.positions), rel=1e-11)
    for i, axis in ((0, 0), (7, 1), (13, 0)):
        step = np.zeros_like(x)
        step[i, axis] = 1e-6
        slope = (energy(sim.positions + step) - energy(sim.positions - step)) / 2e-6
        assert sim.forces[i, axis] == pytest.approx(-slope, rel=1e-6)


def thin(r: Any) -> Any:
    """A density that is much smaller near its cutoff than within."""
    return r**-6 * (1 - (r / 2.4) ** 2) ** 4


def beside_a_dense_pair(r: float) -> motes.Particles:
    """Two particles so far apart, and two far from them that have much larger densities."""
    pair = [[5.0, 5, 5], [5 + r, 5, 5], [20, 20, 20], [20, 20, 20.8]]
    return motes.Particles(pair, motes.Box([40.0] * 3, "open"))


@pytest.mark.parametrize("r", [2.0, 2.37, 2.39, 2.395, 2.397, 2.3999, 2.399999])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_small_density_beside_a_large_one_is_known_as_well(r: float, threads: int) -> None:
    """The slope of a root is the larger the smaller the density is, so a rounded one gives a wrong force."""
    law = motes.Embedded(thin, lambda rho: -np.sqrt(rho), 2.4)
    sim = motes.Simulation(beside_a_dense_pair(r), VERLET, [law], threads=threads)
    r = sim.positions[1, 0] - sim.positions[0, 0]
    inside = 1 - (r / 2.4) ** 2
    # d/dr of 2 sqrt(rho(r)), of which the root is r^-3 inside^2
    expected = -2 * (-3 * r**-4 * inside**2 - 4 * inside * r**-2 / 2.4**2)
    quantum = sim.describe()["quanta"].force
    assert sim.forces[0, 0] == pytest.approx(expected, rel=1e-13 / inside, abs=quantum)
    assert sim.forces[0, 0] == -sim.forces[1, 0]


def test_a_pair_that_drifts_apart_goes_through_all_densities() -> None:
    """Down to none, where the slope is infinite and nobody is left to feel it."""
    law = motes.Embedded(thin, lambda rho: -1e-3 * np.sqrt(rho), 2.4)
    bound = motes.Embedded(lambda r: np.exp(1 / (r - 2.4)), lambda rho: -1e-3 * np.sqrt(rho), 2.4)
    particles = beside_a_dense_pair(2.399)
    velocities = np.zeros((4, 3))
    velocities[1, 0] = 1e-4
    particles = motes.Particles(particles.positions, particles.box, velocities)
    sim = motes.Simulation(particles, motes.VelocityVerlet(dt=0.01), [law, bound])
    sim.run(2000)
    assert sim.positions[1, 0] - sim.positions[0, 0] > 2.4
    assert sim.forces[0, 0] == 0


def test_where_densities_may_cancel_an_infinite_slope_ends_the_run() -> None:
    """It is felt: only where nothing at all is added does it count as none."""
    particles = beside_a_dense_pair(2.0)
    law = motes.Embedded(lambda r: 2.0 - r, lambda rho: -np.sqrt(np.abs(rho)), 2.5)
    with pytest.raises(motes.InputError, match="not finite"):
        _ = motes.Simulation(particles, VERLET, [law]).forces


def test_no_density_has_the_slope_of_its_energy_also_in_reports() -> None:
    """Two neighbours whose densities cancel; each of them feels the slope at the one between."""
    particles = motes.Particles([[5.0, 5, 5], [6.0, 5, 5], [8.0, 5, 5]], motes.Box([20.0] * 3, "open"))
    law = motes.Embedded(lambda r: 1.5 - r, lambda rho: -3.0 * rho, 2.5)
    sim = motes.Simulation(particles, VERLET, [law])
    reporter: Any = sim._parts.reporter
    for row in range(3):
        found = reporter._columns(sim._engine.ask(queries.find, [row]))
        particle = {word: values[0] for word, values in found.items()}
        forces = reporter._forces_on(particle, reporter._around(particle), sim.step)
        np.testing.assert_allclose(sum(forces.values()), sim.forces[row], atol=1e-6)


def test_a_particle_by_itself_has_the_energy_of_no_density() -> None:
    """The slope of a root is infinite there, but nobody feels it."""
    particles = motes.Particles([[1.0, 1.0, 1.0], [8.0, 8.0, 8.0], [8.0, 8.0, 9.0]], motes.Box([16.0] * 3, "open"))
    law = motes.Embedded(lambda r: (1 - (r / 2.0) ** 2) ** 4, lambda rho, c: -c * np.sqrt(rho), 2.0, c=3.0)
    sim = motes.Simulation(particles, VERLET, [law])
    assert (sim.forces[0] == 0).all()
    assert sim.potential_energy == pytest.approx(-6.0 * 0.75**2, rel=1e-12)
    sim.run(10)
    assert np.isfinite(sim.positions).all()


def test_densities_that_grow_a_thousandfold_in_a_run() -> None:
    """The quantum of the density follows: two particles meet whose density is nearly nothing at first."""
    particles = motes.Particles(
        [[4.0, 5.0, 5.0], [6.9, 5.0, 5.0]], motes.Box([12.0] * 3, "open"), [[1.0, 0, 0], [-1.0, 0, 0]]
    )
    law = motes.Embedded(lambda r: np.exp(-12 * (r - 1)), lambda rho, k: k * rho, 3.0, k=0.05)
    sim = motes.Simulation(particles, motes.VelocityVerlet(0.001), [law])
    begun, before = sim.describe()["quanta"].sums, sim.conserved_energy
    sim.run(1500)
    assert sim.describe()["quanta"].sums[0] > 2**20 * begun[0]
    assert sim.conserved_energy == pytest.approx(before, rel=1e-5)


def test_overlaps_can_be_minimized() -> None:
    sim, _ = of_lammps("eam_fs500")
    shaken = sim.snapshot()
    moved = motes.Particles(
        shaken.positions + np.random.default_rng(1).normal(size=shaken.positions.shape) * 0.15, shaken.box,
        types=np.array(shaken.type_names)[shaken.types],
    )  # fmt: skip
    other = motes.Simulation(moved, VERLET, sim.interactions)
    assert other.minimize(1e-4).converged
    assert other.potential_energy < sim.potential_energy


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: motes.Embedded(lambda r: r, lambda rho: rho, 1.0, k=1), "'k' is not used by either"),
        (lambda: motes.Embedded(lambda r: r, lambda x: x, 1.0), "rho"),
        (lambda: motes.Embedded("r", lambda rho: rho, 1.0), "use Embedded.from_expression"),
        (lambda: motes.Embedded(lambda r: r, lambda rho: rho, 0.0), "cutoff"),
    ],
)
def test_what_cannot_be_is_refused(make: Any, message: str) -> None:
    with pytest.raises(motes.InputError, match=message):
        make()


def test_what_does_not_fit_the_particles_is_refused() -> None:
    particles = motes.fcc(3, 0.8)
    for law, message in (
        (motes.Embedded(lambda r, k: k * r, lambda rho: rho, 1.0), "'k' is missing"),
        (motes.Embedded(lambda r: r, lambda rho, c: c * rho, 1.0), "unknown name 'c'"),
        (motes.Embedded(lambda r: 1 - r / 2, lambda rho: np.log(rho - 100.0), 2.0), "has a density at which"),
        (motes.Embedded(lambda r: np.log(r - 1.5), lambda rho: rho, 2.0), "not finite"),
    ):
        with pytest.raises(motes.InputError, match=message):
            motes.Simulation(particles, VERLET, [law])


def test_as_text() -> None:
    written = motes.Embedded.from_expression("-c*sqrt(rho)", "exp(-a*r)", 2.0, a=1.0, c=2.0)
    function = motes.Embedded(lambda r, a: np.exp(-a * r), lambda rho, c: -c * np.sqrt(rho), 2.0, a=1.0, c=2.0)
    assert repr(written) == "Embedded(exp(-a*r), -c*sqrt(rho), cutoff=2.0, a=1.0, c=2.0)"
    energies = [motes.Simulation(motes.fcc(3, 0.8), VERLET, [law]).potential_energy for law in (written, function)]
    assert energies[0] == energies[1]


def constant(r: Any) -> Any:  # noqa: ARG001  # a density takes it
    return 1.0


def test_a_density_that_is_the_same_everywhere_counts_neighbours() -> None:
    sim = motes.Simulation(
        motes.Particles([[1.0, 1, 1], [2.0, 1, 1], [3.5, 1, 1]], motes.Box([9.0] * 3)), motes.VelocityVerlet(0.01),
        [motes.Embedded(constant, lambda rho: -np.sqrt(rho), cutoff=2.0)],
    )  # fmt: skip
    assert sim.potential_energy == pytest.approx(-2 - np.sqrt(2))


def test_a_density_that_is_not_finite_is_blamed_on_the_pair_that_adds_it() -> None:
    """Not on whoever feels what comes of it."""
    positions = np.stack(np.meshgrid(*[np.arange(4)] * 3), -1).reshape(-1, 3) * 1.2 + 0.3
    velocities = np.zeros((64, 3))
    apart = np.argsort(((positions - positions[20]) ** 2).sum(axis=1))
    near = int(apart[1])
    velocities[20] = positions[near] - positions[20]
    law = motes.Embedded(lambda r: np.sqrt(r - 0.55), lambda rho: 0.001 * rho**2, cutoff=1.5)
    particles = motes.Particles(positions, motes.Box([4.8] * 3), velocities)
    simulation = motes.Simulation(particles, motes.VelocityVerlet(0.01), [law])
    with pytest.raises(motes.RunError) as failed:
        simulation.run(200)
    assert re.search(rf"particle (20|{near}) is in a pair whose force or energy is not finite", str(failed.value))
