"""Motes against numbers that others computed: LAMMPS and NIST. What each number is: tests/data/README.md."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import motes
from motes.forces import potentials

Read = Callable[[str], dict[str, Any]]
VERLET = motes.VelocityVerlet(dt=0.005)
DATA = Path(__file__).parent / "data"
NIST = json.loads((DATA / "nist" / "nist_lj_tables.json").read_text())["configs"]
EXPECTED = json.loads((DATA / "lammps" / "melt-expected.json").read_text())


def lennard_jones(r: Any, epsilon: Any, sigma: Any) -> Any:
    """As a user writes it."""
    return 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)


def lammps_gauss(r: Any, amplitude: Any, b: Any) -> Any:
    """LAMMPS, pair_style gauss: -A exp(-B r^2)."""
    return -amplitude * np.exp(-b * r * r)


def lj(cutoff: Any = 2.5, shift: Any = None, **parameters: Any) -> motes.Pair:
    return motes.Pair(lennard_jones, cutoff, shift, **({"epsilon": 1.0, "sigma": 1.0} | parameters))


# Melts: the trajectory of LAMMPS


@cache
def melt(name: str) -> motes.Simulation:
    path = DATA / "lammps" / {"melt-4000": "melt-4000.data", "melt-32000": "melt-32000.data.gz"}[name]
    return motes.Simulation(motes.read(path), VERLET, [lj()], skin=0.35)


@pytest.mark.parametrize("name", ["melt-4000", "melt-32000"])
def test_melt_follows_lammps(name: str) -> None:
    sim = melt(name)
    for step, tolerance in {0: 1e-9, 1: 1e-9, 10: 1e-9, 100: 1e-8}.items():
        expected = EXPECTED[name]["steps"][str(step)]
        sim.run(step - sim.step)
        assert sim.potential_energy == pytest.approx(expected["pe"], rel=tolerance, abs=0)
        assert sim.pressure == pytest.approx(expected["press"], rel=tolerance, abs=0)
        assert sim.temperature == pytest.approx(expected["temp"], rel=tolerance, abs=0)
        assert sim.kinetic_energy == pytest.approx(expected["ke"], rel=tolerance, abs=0)
    assert sim.describe()["list_builds"] > 3  # else the run would say nothing of the neighbour list


def test_every_atom_of_the_melt_follows_lammps(read_lammps: Read) -> None:
    expected = read_lammps("lj4k_in_lj")
    particles = motes.Particles(expected["x_0"], expected["box"], velocities=expected["v_0"])
    sim = motes.Simulation(particles, VERLET, [lj()])
    # Two trajectories part exponentially, from differences in the last place: tenfold about every 50 steps here.
    for step, tolerance in {0: 1e-13, 1: 1e-13, 10: 5e-12, 100: 1e-10, 200: 1e-9}.items():
        sim.run(step - sim.step)
        apart = sim.positions - expected[f"x_{step}"]
        apart -= sim.box.lengths * np.rint(apart / sim.box.lengths)
        assert np.abs(apart).max() <= tolerance
        assert np.abs(sim.velocities - expected[f"v_{step}"]).max() <= max(1e-11, 10 * tolerance)
        # Rounding the forces of some 56 neighbours to quanta, and the slope of these forces.
        rounding = 56 / 2 * sim.describe()["quanta"].force
        assert np.abs(sim.forces - expected[f"f_{step}"]).max() <= rounding + 300 * tolerance


# Forces and energies of one configuration under many pair styles of LAMMPS

KOB_ANDERSEN = lj(
    cutoff={("A", "A"): 2.5, ("A", "B"): 2.0, ("B", "B"): 2.2},
    shift="energy",
    epsilon={("A", "A"): 1.0, ("A", "B"): 1.5, ("B", "B"): 0.5},
    sigma={("A", "A"): 1.0, ("A", "B"): 0.8, ("B", "B"): 0.88},
)
WCA_CUTOFF = 1.122462048309373
STYLES: dict[str, list[motes.Pair]] = {
    "liq4k_lj_cut": [lj()],
    "liq4k_wca": [lj(WCA_CUTOFF, "energy")],
    "liq4k_morse": [motes.Pair(potentials.morse, 2.5, depth=1.0, alpha=5.0, r0=1.1)],
    "liq4k_yukawa": [motes.Pair(potentials.yukawa, 2.5, epsilon=10.0, kappa=2.0)],
    "liq4k_gauss": [motes.Pair(lammps_gauss, 2.5, amplitude=1.0, b=2.0)],
    "liq4k_binary_ka": [KOB_ANDERSEN],
    "drop_open_lj_cut": [lj()],
}
BUILT_IN_STYLES: dict[str, list[motes.Pair]] = {
    "liq4k_lj_cut": [motes.Pair(potentials.lennard_jones, 2.5, epsilon=1.0, sigma=1.0)],
    "liq4k_wca": [motes.Pair(potentials.weeks_chandler_andersen, WCA_CUTOFF, epsilon=1.0, sigma=1.0)],
    # exp(-2 r^2) = exp(-(r/0.5)^2/2)
    "liq4k_gauss": [motes.Pair(potentials.gaussian, 2.5, epsilon=-1.0, sigma=0.5)],
}
CASES = [
    pytest.param(name, pairs, id=f"{name}-{source}")
    for source, styles in (("script", STYLES), ("built-in", BUILT_IN_STYLES))
    for name, pairs in styles.items()
]


@pytest.mark.parametrize(("name", "pairs"), CASES)
def test_forces_and_energies_are_those_of_lammps(name: str, pairs: list[motes.Pair], read_lammps: Read) -> None:
    expected = read_lammps(name)
    types = np.array(["", "A", "B"])[expected["type"]]
    # The file does not tell masses; that of B follows from its kinetic energy, and is 1.7.
    mass = np.where(types == "B", 1.7, 1.0)
    particles = motes.Particles(expected["x"], expected["box"], velocities=expected["v"], types=types, mass=mass)
    sim = motes.Simulation(particles, VERLET, pairs)
    thermo = expected["thermo"]
    largest = np.abs(expected["f"]).max()
    assert np.abs(sim.forces - expected["f"]).max() <= 1e-10 * largest
    # LAMMPS adds some 10^5 terms in float64, Motes rounds each to 2^-48 of the largest it allows for.
    assert sim.potential_energy == pytest.approx(thermo["pe"], rel=1e-11, abs=0)
    assert sim.kinetic_energy == pytest.approx(thermo["ke"], rel=1e-12, abs=0)
    assert sim.temperature == pytest.approx(thermo["temp"], rel=1e-12, abs=0)
    if expected["box"].boundary == ("periodic",) * 3:
        assert sim.pressure == pytest.approx(thermo["press"], rel=1e-10, abs=0)
        assert sim.virial == pytest.approx(3 * thermo["vol"] * thermo["press"] - 2 * thermo["ke"], rel=1e-10, abs=0)


def test_every_file_of_lammps_is_used() -> None:
    files = {path.stem for path in (DATA / "lammps").glob("*.npz")}
    assert files == {*STYLES, "lj4k_in_lj"}


# NIST's configurations: energies and virials as printed, without the analytic tails, which Motes does not add

SCHEMES = {"LRC3": (3.0, None), "LRC4": (4.0, None), "LFS3": (3.0, "force")}


@cache
def nist_particles(config: str) -> motes.Particles:
    path = DATA / "nist" / f"lj_sample_config_periodic{config}.txt"
    edges = [float(word) for word in path.read_text().splitlines()[0].split()]
    positions = np.loadtxt(path, skiprows=2, usecols=(1, 2, 3))
    assert len(positions) == NIST[config]["N"]
    return motes.Particles(positions, motes.Box(edges, origin=-np.array(edges) / 2))


def half_of_last_digit(printed: float, digits: int = 5) -> float:
    """The table gives five significant digits."""
    return 0.5 * 10.0 ** (np.floor(np.log10(abs(printed))) - digits + 1)


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
@pytest.mark.parametrize("config", sorted(NIST))
def test_energy_and_virial_are_those_of_nist(config: str, scheme: str) -> None:
    cutoff, shift = SCHEMES[scheme]
    sim = motes.Simulation(nist_particles(config), VERLET, [lj(cutoff, shift)])
    energy, virial, _ = NIST[config][scheme]
    assert abs(sim.potential_energy - energy) <= half_of_last_digit(energy) * 1.0001
    assert abs(sim.virial - virial) <= half_of_last_digit(virial) * 1.0001


def test_one_energy_of_nist_to_twelve_digits() -> None:
    tables = json.loads((DATA / "nist" / "nist_lj_tables.json").read_text())
    sim = motes.Simulation(nist_particles("4"), VERLET, [lj(3.0)])
    assert sim.potential_energy == pytest.approx(tables["feasst_more_digits"]["config4_rc3_U"], rel=1e-12, abs=0)
