"""Bonds, angles and the pairs between bonded particles: against LAMMPS, by hand, and where they end."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import gsd.hoomd
import numpy as np
import pytest

import motes
from motes.core.tuples import special_pairs

pytestmark = pytest.mark.filterwarnings("ignore:the particles have .* no interaction is about them")

LAMMPS = Path(__file__).parents[1] / "data" / "lammps2"
VERLET = motes.VelocityVerlet(dt=0.005)
WCA = 1.122462048309373


def lennard_jones(r: Any, epsilon: Any, sigma: Any) -> Any:
    return 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)


def fene(r: Any, k: Any, longest: Any) -> Any:
    return -0.5 * k * longest**2 * np.log(1 - (r / longest) ** 2)


def spring(r: Any, k: Any, a: Any) -> Any:
    return k * (r - a) ** 2


def file_of(name: str) -> dict[str, Any]:
    with np.load(LAMMPS / f"{name}.npz") as file:
        data = dict(file)
    return data | {"params": json.loads(str(data["params"]))}


def particles_of(data: dict[str, Any]) -> motes.Particles:
    return motes.Particles(
        data["x"], motes.Box(data["L"]), data["v"], mass=data["mass"], types=data["type"],
        bonds=data["bonds"], bond_types=data["bond_type"],
        **({"angles": data["angles"], "angle_types": data["angle_type"]} if "angles" in data else {}),
    )  # fmt: skip


@pytest.mark.parametrize("name", ["kg_chains", "semiflex_cosine"])
@pytest.mark.parametrize("way", ["excluded", "subtracted"])
def test_chains_go_where_lammps_goes(name: str, way: str) -> None:
    """Two ways to say one model: no pairs between bonded beads and their repulsion in the bond, or pairs everywhere."""
    data = file_of(name)

    def with_repulsion(r: Any, k: Any, longest: Any) -> Any:
        return fene(r, k, longest) + np.where(r < WCA, lennard_jones(r, 1.0, 1.0) + 1.0, 0.0)

    weights = (0, 1, 1) if way == "excluded" else (1, 1, 1)
    laws: list[Any] = [motes.Pair(lennard_jones, WCA, "energy", weights, epsilon=1.0, sigma=1.0)]
    laws.append(motes.Bond(with_repulsion if way == "excluded" else fene, k=30.0, longest=1.5))
    if name == "semiflex_cosine":
        laws.append(motes.Angle(lambda theta, k: k * (1 + np.cos(theta)), k=1.5))
    sim = motes.Simulation(particles_of(data), motes.VelocityVerlet(float(data["dt"])), laws)
    np.testing.assert_allclose(sim.forces, data["f"], rtol=0, atol=1e-10 * np.abs(data["f"]).max())
    assert sim.potential_energy == pytest.approx(float(data["pe"]), rel=1e-12)
    assert sim.virial == pytest.approx(data["virial"][:3].sum(), rel=1e-11)
    for step in (1, 10, 100):
        sim.run(step - sim.step)
        unwrapped = sim.positions + sim.images * sim.box.lengths
        np.testing.assert_allclose(unwrapped, data[f"x_{step}"], rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ["branched_opls_sp005", "branched_morse_charmm", "rings_harmonic"])
def test_molecules_part_by_part(name: str) -> None:
    """Two types of bonds and angles; in rings the shortest way counts. Dihedrals are not known yet."""
    data = file_of(name)
    params, particles = data["params"], particles_of(data)
    styles = params["pair"]["coeff"]
    types = range(int(data["type"].max()) + 1)

    def table(key: str) -> Any:
        return [[styles[f"{min(i, j)}-{max(i, j)}"][key] for j in types] for i in types]

    def by_type(kind: str, key: str) -> Any:
        return dict(enumerate(row[key] for row in params[kind]["coeff"]))

    shift = "energy" if params["pair"].get("shift") else None
    pair = motes.Pair(
        lennard_jones, table("cut"), shift, tuple(params["special"]), epsilon=table("epsilon"), sigma=table("sigma")
    )
    sim = motes.Simulation(particles, VERLET, [pair])
    assert sim.potential_energy == pytest.approx(float(data["e_pair"]), rel=1e-11)
    assert sim.virial == pytest.approx(data["virial_pair"][:3].sum(), rel=1e-10)
    if params["bond"]["style"] == "harmonic":
        bond = motes.Bond(spring, k=by_type("bond", "K"), a=by_type("bond", "r0"))
    else:
        bond = motes.Bond(
            lambda r, d, alpha, a: d * (1 - np.exp(-alpha * (r - a))) ** 2,
            d=by_type("bond", "D"), alpha=by_type("bond", "alpha"), a=by_type("bond", "r0"),
        )  # fmt: skip
    sim = motes.Simulation(particles, VERLET, [bond])
    assert sim.potential_energy == pytest.approx(float(data["e_bond"]), rel=1e-11)
    assert sim.virial == pytest.approx(data["virial_bond"][:3].sum(), rel=1e-10)
    corner = {kind: np.deg2rad(value) for kind, value in by_type("angle", "theta0_deg").items()}
    if params["angle"]["style"] == "harmonic":
        angle = motes.Angle(lambda theta, k, at: k * (theta - at) ** 2, k=by_type("angle", "K"), at=corner)
    else:
        angle = motes.Angle(
            lambda theta, k, at: k * (np.cos(theta) - np.cos(at)) ** 2, k=by_type("angle", "K"), at=corner
        )
    sim = motes.Simulation(particles, VERLET, [angle])
    assert sim.potential_energy == pytest.approx(float(data["e_angle"]), rel=1e-11)
    assert sim.virial == 0.0


@pytest.mark.parametrize("name", ["kg_chains", "branched_opls_sp005", "rings_harmonic"])
def test_special_pairs_along_the_shortest_way(name: str) -> None:
    data = file_of(name)
    found = special_pairs(data["bonds"])
    expected = data.get("specials")
    if expected is None:
        chain = np.arange(1500).reshape(30, 50)
        expected = np.concatenate(
            [np.stack([chain[:, :-n].ravel(), chain[:, n:].ravel(), np.full(30 * (50 - n), n)], 1) for n in (1, 2, 3)]
        )
    assert sorted(map(tuple, found.tolist())) == sorted(map(tuple, expected.tolist()))


# By hand


@pytest.mark.parametrize("dimensions", [2, 3])
def test_angles_of_any_size_by_differences(dimensions: int) -> None:
    generator = np.random.default_rng(1)
    box = motes.Box([5.0, 6.0, 5.5][:dimensions])
    x = generator.random((12, dimensions)) * 1.5 + box.lengths - 0.75  # across the corner of the box
    angles = np.arange(12).reshape(4, 3)
    law = motes.Angle(lambda theta, k: k * (theta - 1.1) ** 2 + np.sin(3 * theta), k=2.0)
    sim = motes.Simulation(motes.Particles(x, box, angles=angles), VERLET, [law])

    def energy(x: Any) -> float:
        a, b = x[angles[:, 0]] - x[angles[:, 1]], x[angles[:, 2]] - x[angles[:, 1]]
        a, b = (d - box.lengths * np.rint(d / box.lengths) for d in (a, b))
        theta = np.arccos((a * b).sum(1) / np.sqrt((a * a).sum(1) * (b * b).sum(1)))
        return float((2 * (theta - 1.1) ** 2 + np.sin(3 * theta)).sum())

    assert sim.potential_energy == pytest.approx(energy(sim.positions), rel=1e-11)
    for i in range(12):
        for axis in range(dimensions):
            step = np.zeros_like(x)
            step[i, axis] = 1e-6
            slope = (energy(sim.positions + step) - energy(sim.positions - step)) / 2e-6
            assert sim.forces[i, axis] == pytest.approx(-slope, rel=1e-5, abs=1e-6)
    assert (np.rint(sim.forces / sim.describe()["quanta"].force).sum(axis=0) == 0).all()


@pytest.mark.parametrize("bend", [0.0, 1e-9, 1e-5, 1e-3])
def test_three_in_a_line_and_nearly_so(bend: float) -> None:
    x = [[1.0, 2.0, 2.0], [2.0, 2.0 + bend, 2.0], [3.0, 2.0, 2.0]]
    law = motes.Angle(lambda theta, k: k * (theta - np.pi) ** 2, k=50.0)
    sim = motes.Simulation(motes.Particles(x, motes.Box([9.0] * 3), angles=[(0, 1, 2)]), VERLET, [law])
    middle = sim.forces[1, 1]
    # U = k (pi - theta)**2 with pi - theta = 2 arctan(bend), so the force is -8 k bend for small bends.
    bent = sim.positions[1, 1] - 2.0
    assert middle == pytest.approx(-8 * 50.0 * bent, rel=1e-5, abs=1e-9)
    assert np.isfinite(sim.forces).all()


def test_a_vibration_has_its_frequency_and_conserves_energy() -> None:
    k, mass = 40.0, 2.0
    omega = np.sqrt(2 * k / (mass / 2))
    particles = motes.Particles([[9.9, 5.0], [1.0, 5.0]], motes.Box([10.0, 10.0]), mass=mass, bonds=[(0, 1)])
    sim = motes.Simulation(particles, motes.VelocityVerlet(2 * np.pi / omega / 1000), [motes.Bond(spring, k=k, a=1.0)])
    seen: list[float] = []

    def look(frame: Any) -> None:
        apart = frame.positions[1, 0] - frame.positions[0, 0]
        seen.append(float(apart - 10.0 * np.rint(apart / 10.0)) - 1.0)

    sim.every(1, look)
    before = sim.conserved_energy
    sim.run(1000)
    np.testing.assert_allclose(seen, 0.1 * np.cos(2 * np.pi * np.arange(1001) / 1000), atol=2e-5)
    assert sim.conserved_energy == pytest.approx(before, rel=1e-4)


@pytest.mark.parametrize("weights", [(0, 0, 0), (0.25, 0.5, 0.75), (1, 0, 1)])
@pytest.mark.parametrize("threads", [1, 2])
def test_weights_by_hand(weights: Any, threads: int) -> None:
    """A ring with a tail in a small periodic box: every pair by its number of bonds."""
    bonds = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 0), (4, 5), (5, 6), (6, 7)]
    generator = np.random.default_rng(2)
    box = motes.Box([5.0, 5.0, 5.0])
    x = 2.5 + generator.normal(size=(12, 3)) * 0.9
    pair = motes.Pair(lambda r, k: k * np.exp(-r), 2.4, special_bonds=weights, k=3.0)
    sim = motes.Simulation(motes.Particles(x, box, bonds=bonds), VERLET, [pair], threads=threads)
    apart = {(i, j): n for i, j, n in special_pairs(np.array(bonds)).tolist()}
    expected = 0.0
    for i in range(12):
        for j in range(i + 1, 12):
            d = sim.positions[i] - sim.positions[j]
            r = np.sqrt(((d - 5 * np.rint(d / 5)) ** 2).sum())
            weight = 1.0 if (i, j) not in apart else weights[apart[i, j] - 1]
            expected += weight * 3 * np.exp(-r) * (r < 2.4)
    assert sim.potential_energy == pytest.approx(expected, rel=1e-11)


def test_bonded_particles_at_one_position_feel_nothing_if_they_are_excluded() -> None:
    """What is left out is never computed: its energy is infinite."""
    x = [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [2.0, 1.0, 1.0]]
    particles = motes.Particles(x, motes.Box([8.0] * 3), bonds=[(0, 1)])
    pair = motes.Pair(lennard_jones, 2.5, special_bonds=(0, 0, 0), epsilon=1.0, sigma=1.0)
    sim = motes.Simulation(particles, VERLET, [pair])
    assert sim.potential_energy == pytest.approx(2 * lennard_jones(1.0, 1.0, 1.0), abs=1e-9)
    with pytest.raises(motes.InputError, match="particles 0 and 1 are 0 apart"):
        motes.Simulation(particles, VERLET, [motes.Pair(lennard_jones, 2.5, epsilon=1.0, sigma=1.0)])


def test_a_bond_reaches_through_half_the_box() -> None:
    box = motes.Box([20.0, 20.0, 20.0])
    particles = motes.Particles([[16.0, 1.0, 1.0], [4.5, 1.0, 1.0]], box, bonds=[(0, 1)])
    sim = motes.Simulation(particles, motes.VelocityVerlet(0.01), [motes.Bond(spring, k=0.5, a=8.0)])
    assert sim.potential_energy == pytest.approx(0.5 * 0.5**2)
    sim.velocities = [[-1.0, 0, 0], [1.0, 0, 0]]
    with pytest.raises(motes.RunError, match=r"bond of 0, 1 .* longer than 0.45 edges"):
        sim.run(1000)
    with pytest.raises(motes.InputError, match=r"particle 0 .* longer than 0.45 edges"):
        motes.Simulation(
            motes.Particles([[0.5] * 3, [10.0] * 3], box, bonds=[(0, 1)]), VERLET, [motes.Bond(spring, k=1.0, a=1.0)]
        )


def test_what_cannot_be_is_refused() -> None:
    box = motes.Box([8.0] * 3)
    x = np.random.default_rng(1).random((5, 3)) * 8
    for given, message in (
        ({"bonds": [(0, 7)]}, "bond 0 has the id 7"),
        ({"bonds": [(0, 1), (2, 2)]}, "bond 1 has a particle twice"),
        ({"bonds": [(0, 1), (1, 0)]}, "is there a second time"),
        ({"bonds": [(0, 1, 2)]}, r"shape \(M, 2\)"),
        ({"bonds": [(0.0, 1.0)]}, "expected ids"),
        ({"bond_types": ["a"]}, "bond_types are given, but no bonds"),
        ({"bonds": [(0, 1)], "bond_types": ["a", "b"]}, "bond_types: expected one label or 1"),
        ({"angles": [(0, 1, 0)]}, "angle 0 has a particle twice"),
        ({"angles": [(0, 1, 2), (2, 1, 0)]}, "is there a second time"),
        ({"bond": 1.0}, "did you mean 'bonds'"),
    ):
        with pytest.raises(motes.InputError, match=message):
            motes.Particles(x, box, **given)
    assert motes.Particles(x, box, angle=1.0).attributes["angle"].tolist() == [1.0] * 5
    particles = motes.Particles(x, box, bonds=[(0, 1), (1, 2)], bond_types=["a", "b"])
    for law, message in (
        (motes.Bond(spring, k={"a": 1.0}, a=1.0), "no value for the bond type 'b'"),
        (motes.Bond(spring, k={"a": 1.0, "c": 2.0}, a=1.0), "bond type 'b'; it has one for 'c', which is unknown"),
        (motes.Bond(spring, k=1.0), "'a' is missing"),
        (motes.Bond(lambda r: (r, 2 * r)), "must return one number, not tuple"),
        (motes.Angle(lambda theta: theta), "have no angles"),
    ):
        with pytest.raises(motes.InputError, match=message):
            motes.Simulation(particles, VERLET, [law])
    with pytest.raises(motes.InputError, match="'kk' is not used"):
        motes.Bond(spring, kk=1.0)
    with pytest.raises(motes.InputError, match="must be a function of r"):
        motes.Bond(lambda x: x)
    with pytest.raises(motes.InputError, match="special_bonds must be three numbers"):
        motes.Pair(lennard_jones, 1.0, special_bonds=(0, 1), epsilon=1.0, sigma=1.0)
    with pytest.raises(motes.InputError, match="at least twice the cutoff"):
        motes.Simulation(
            particles, VERLET, [motes.Pair(lennard_jones, 4.5, special_bonds=(0, 1, 1), epsilon=1.0, sigma=1.0)]
        )
    with pytest.warns(motes.MotesWarning, match="2 bonds, and no interaction is about them"):
        motes.Simulation(particles, VERLET, [motes.Field(lambda x: 0 * x)])


def test_bonds_without_any_interaction_are_told_of_unless_there_can_be_none() -> None:
    particles = motes.Particles([[1.0, 1.0], [2.4, 1.0]], motes.Box([9.0, 9.0]), bonds=[(0, 1)])
    with pytest.warns(motes.MotesWarning, match="1 bonds, and no interaction is about them"):
        simulation = motes.Simulation(particles, VERLET)
    with pytest.warns(motes.MotesWarning, match="1 bonds, and no interaction is about them"):
        simulation.interactions = []
    with warnings.catch_warnings(action="error"):
        simulation.interactions = [motes.Bond(lambda r: r**2)]
        motes.Simulation(particles, motes.Flow(lambda x, y: (y, x), dt=0.01))


@pytest.mark.parametrize("degrees", [109.5, -120, np.float64(180), {"a": 1.9, "b": 109.5}], ids=str)
@pytest.mark.parametrize("name", ["theta0", "theta_0"])
def test_angles_that_look_like_degrees_are_told_of(name: str, degrees: Any) -> None:
    text = f"k*(theta - {name})**2"
    with pytest.warns(motes.MotesWarning, match=rf"{name} is .*, and angles are in radians: numpy\.deg2rad\(") as found:
        motes.Angle.from_expression(text, k=1.0, **{name: degrees})
    assert found[0].filename == __file__
    with warnings.catch_warnings(action="error"):
        motes.Angle.from_expression(text, k=500.0, **{name: 2 * np.pi})
        motes.Angle.from_expression(text, k=500.0, **{name: motes.Ramp(0.0, 3.0, 100)})
        motes.Angle(lambda theta, degrees: (theta - np.deg2rad(degrees)) ** 2, degrees=109.5)


def test_a_failure_names_the_bond() -> None:
    particles = motes.Particles([[1.0, 1.0], [2.4, 1.0]], motes.Box([9.0, 9.0]), [[-9.0, 0], [9.0, 0]], bonds=[(0, 1)])
    sim = motes.Simulation(particles, motes.VelocityVerlet(0.01), [motes.Bond(fene, k=30.0, longest=1.5)])
    with pytest.raises(motes.RunError) as caught:
        sim.run(10)
    assert "is in the bond of 0, 1" in str(caught.value)
    assert "interaction 1, the bond fene" in str(caught.value)


# What comes back


def molecules() -> motes.Particles:
    generator = np.random.default_rng(3)
    ids = generator.permutation(30) * 4 + 1
    x = (np.arange(10)[:, None, None] * [0.9, 0.0, 0.0] + np.arange(3)[None, :, None] * [0.0, 0.9, 0.2] + 0.5).reshape(
        -1, 3
    )
    of = ids.reshape(10, 3)
    particles = motes.Particles(
        x, motes.Box([9.0, 8.0, 7.0]), ids=ids, bonds=np.concatenate([of[:, :2], of[:, 1:]]),
        bond_types=["left"] * 10 + ["right"] * 10, angles=of[:, [2, 1, 0]], angle_types=np.arange(10) % 2,
    )  # fmt: skip
    particles.thermalize(0.5, seed=1)
    return particles


LAWS = [
    motes.Bond(spring, k={"left": 90.0, "right": 60.0}, a=0.95),
    motes.Angle(lambda theta, k: k * (1 + np.cos(theta)), k={0: 0.5, 1: 1.0}),
]


def test_snapshots_and_files_have_bonds_and_angles(tmp_path: Path) -> None:
    sim = motes.Simulation(molecules(), VERLET, LAWS)
    sim.every(10, motes.Trajectory(tmp_path / "a.gsd", precision="double"))
    sim.run(20)
    for again in (sim.snapshot(), motes.read(tmp_path / "a.gsd")):
        assert {tuple(row) for row in again.bonds.tolist()} == {tuple(row) for row in molecules().bonds.tolist()}
        assert (again.bond_type_names, again.angle_type_names) == (("left", "right"), (0, 1))
        assert (again.angles == molecules().angles).all()
        assert (again.angle_types == molecules().angle_types).all()
        assert motes.Simulation(again, VERLET, LAWS).fingerprint == sim.fingerprint
    with gsd.hoomd.open(tmp_path / "a.gsd") as file:
        assert len(file) == 3
        assert file[2].bonds.N == 20
        assert file[0].angles.types == ["0", "1"]


def test_a_checkpoint_has_them_and_knows_when_they_are_damaged(tmp_path: Path) -> None:
    sim = motes.Simulation(molecules(), VERLET, LAWS)
    sim.run(30)
    checkpoint = sim.save(tmp_path / "run")
    again = motes.resume(checkpoint, LAWS)
    assert (again.bonds == sim.bonds).all()
    again.run(30)
    sim.run(30)
    assert again.fingerprint == sim.fingerprint
    whole = (checkpoint / "bonds.npy").read_bytes()
    (checkpoint / "bonds.npy").write_bytes(whole[:-9] + b"\x01" + whole[-8:])
    with pytest.raises(motes.InputError, match=r"bonds.npy is damaged"):
        motes.resume(checkpoint, LAWS)
    (checkpoint / "bonds.npy").unlink()
    with pytest.raises(motes.InputError, match=r"bonds.npy is missing"):
        motes.resume(checkpoint, LAWS)


def test_molecules_can_be_minimized() -> None:
    sim = motes.Simulation(molecules(), VERLET, LAWS)
    assert sim.minimize(1e-3).converged
    assert (np.abs(sim.forces) < 1e-3).all()


def test_as_text() -> None:
    written = motes.Bond.from_expression("k*(r - 0.95)**2", k={"left": 90.0, "right": 60.0})
    assert repr(written) == "Bond(k*(r - 0.95)**2, k={'left': 90.0, 'right': 60.0})"
    corner = motes.Angle.from_expression("k*(1 + cos(theta))", k={0: 0.5, 1: 1.0})
    energies = [motes.Simulation(molecules(), VERLET, laws).potential_energy for laws in ([written, corner], LAWS)]
    assert energies[0] == energies[1]
