"""What a failed run says of itself, held against plain NumPy: who, when, where, with which forces, and who was near."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

import motes


def lennard_jones(r, epsilon, sigma):
    return 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)


def lennard_jones_force(r, epsilon=1.0, sigma=1.0):
    return 24 * epsilon * (2 * (sigma / r) ** 12 - (sigma / r) ** 6) / r


def soft(r, height):
    return height * (1 - r / 3.0) ** 2


def shallow(x, depth):
    return depth * np.cos(2 * np.pi * x / 8.0)


def vanishing(r):
    return np.sqrt(r - 1.0)


VERLET, LJ = motes.VelocityVerlet(0.05), motes.Pair(lennard_jones, 2.5, epsilon=1.0, sigma=1.0)


def crossing(velocity, dt, interactions, box=None, **columns):
    """Particle 7 flies at 4, which rests; three more stand around, one of them beyond the edge."""
    dimensions = 3 if box is None else box.dimensions
    box = box or motes.Box([8.0] * 3, origin=[-4.0] * 3)
    positions = np.array([[1.0, 4, 4], [5.0, 4, 4], [5.0, 5.5, 4], [5.0, 2.25, 4.5], [7.9, 4.2, 4]])[:, :dimensions]
    velocities = np.zeros_like(positions)
    velocities[0, 0] = velocity
    particles = motes.Particles(positions + box.origin, box, velocities, ids=[7, 4, 9, 2, 30], **columns)
    return motes.Simulation(particles, motes.VelocityVerlet(dt), interactions, threads=1)


def fluid(dt=0.05):
    particles = motes.fcc(3, 0.8442, temperature=1.44, seed=1)
    return motes.Simulation(particles, motes.VelocityVerlet(dt), [LJ], threads=1)


class Report:
    """A report taken apart, and the simulation that gave it."""

    def __init__(self, simulation, steps=1000):
        with pytest.raises(motes.RunError) as caught:
            simulation.run(steps)
        self.text, self.simulation = str(caught.value), simulation
        self.lines = self.text.split("\n")
        self.facts = dict(line[2:].split(maxsplit=1) for line in self.lines[1:])
        self.step = int(re.match(r"step (\d+): ", self.lines[0])[1])
        self.id = int(re.search(r"particle (\d+) ", self.lines[0])[1])

    def vector(self, name):
        return np.array([float(word) for word in re.search(r"\[(.*?)\]", self.facts[name])[1].split(",")])

    @property
    def neighbors(self):
        return [(int(a), float(b)) for a, b in re.findall(r"(\d+) at ([\d.e+-]+)", self.facts["neighbours"])]


def images(simulation, where, who, cutoff):
    """Ids and distances of all within the cutoff, and the way to them; brute force over all images."""
    box, found = simulation.box, []
    axes = [range(-4, 5) if wraps else [0] for wraps in box.periodic]
    for shift in np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, box.dimensions):
        apart = simulation.positions + shift * box.lengths - where
        distances = np.sqrt((apart**2).sum(axis=1))
        near = (distances < cutoff) & ((simulation.ids != who) | shift.any())
        found += zip(distances[near].tolist(), simulation.ids[near].tolist(), apart[near], strict=True)
    return sorted(found, key=lambda one: one[:2])


def wrapped(simulation, positions):
    box = simulation.box
    return np.where(box.periodic, np.mod(positions - box.origin, box.lengths) + box.origin, positions)


def next_moment(simulation):
    """Positions and velocities halfway through the next step of Verlet's, where forces are computed."""
    half = simulation.velocities + simulation.forces * simulation.integrator.dt / 2 / simulation.mass[:, None]
    return wrapped(simulation, simulation.positions + simulation.integrator.dt * half), half


class Moved:
    """A simulation as it is at the moment of a failure."""

    def __init__(self, simulation):
        self.box, self.ids, self.types = simulation.box, simulation.ids, simulation.types
        self.positions, self.velocities = next_moment(simulation)


def check(report, force_between, cutoff):
    """Hold all numbers of a report against brute force; force_between(r, type) is of the pairs that are felt."""
    simulation = report.simulation
    assert simulation.step == report.step - 1
    moved = Moved(simulation)
    row = simulation.ids.tolist().index(report.id)
    assert report.vector("position") == pytest.approx(moved.positions[row], abs=1e-9)
    around = images(moved, moved.positions[row], report.id, cutoff)
    expected = [(number, distance) for distance, number, _ in around[:5]]
    assert [number for number, _ in report.neighbors] == [number for number, _ in expected]
    assert [distance for _, distance in report.neighbors] == pytest.approx([d for _, d in expected], rel=2e-5)
    assert f"({len(around)} within the cutoff)" in report.facts["neighbours"]
    force = sum(-force_between(distance) * apart / distance for distance, _, apart in around)
    assert report.vector("force") == pytest.approx(force, rel=1e-3, abs=1e-3 * np.abs(force).max())
    # The second half of the step has pushed it already, and it is then that it was found to be too fast.
    velocity = moved.velocities[row] + 0.5 * force * simulation.integrator.dt / simulation.mass[row]
    assert report.vector("velocity") == pytest.approx(velocity, rel=1e-5, abs=1e-5 * np.abs(velocity).max())


def test_a_step_too_long():
    report = Report(fluid())
    check(report, lennard_jones_force, 2.5)
    assert report.facts["particle"] == f"id {report.id}, type A, mass 1"
    assert re.search(r"\], from interaction 1, lennard_jones \(.*test_forensics.py:\d+\)$", report.facts["force"])
    assert "smaller dt" in report.facts["advice"]
    moved = Moved(report.simulation)
    apart = moved.positions[:, None] - moved.positions
    apart -= moved.box.lengths * np.rint(apart / moved.box.lengths)
    distances = np.sqrt((apart**2).sum(axis=2)) + 9.0 * np.eye(len(apart))
    assert report.neighbors[0][1] == pytest.approx(distances.min(), rel=1e-5)  # it is the pair that is to blame


@pytest.mark.parametrize("shift", [None, "energy", "force"])
def test_the_faster_of_two_is_named(shift):
    pair = motes.Pair(lennard_jones, 2.5, shift=shift, epsilon=1.0, sigma=1.0)
    edge = lennard_jones_force(2.5) if shift == "force" else 0.0
    report = Report(crossing(95.0, 0.021, [pair]))
    assert (report.step, report.id) == (2, 4)  # 7 has lost some of its speed
    check(report, lambda r: lennard_jones_force(r) - edge, 2.5)
    assert "use a smaller dt: the particle moves by" in report.facts["advice"]


@pytest.mark.parametrize(
    "box", [motes.Box([8.0, 8.0], origin=[10.0, -20.0]), motes.Box([8.0, 8.0], ["open", "reflecting"])]
)
def test_two_dimensions(box):
    report = Report(crossing(95.0, 0.021, [LJ], box))
    assert (report.step, report.id) == (2, 4)
    check(report, lennard_jones_force, 2.5)


def test_a_box_so_small_that_images_count():
    """Every particle has images of itself among its neighbours."""
    box = motes.Box([1.6, 1.7, 1.5])
    particles = motes.Particles([[0.1, 0.1, 0.1], [0.9, 0.9, 0.9]], box, [[39.0, 39.0, 38.0], [0.0] * 3], ids=[5, 3])
    report = Report(motes.Simulation(particles, motes.VelocityVerlet(0.02), [LJ], threads=1))
    check(report, lennard_jones_force, 2.5)
    assert len(report.neighbors) == 5


def test_the_interaction_with_the_largest_share_is_named():
    interactions = [
        motes.Field(shallow, depth=1.0), motes.Pair(soft, 3.0, height=2.0), LJ, motes.Pair(soft, 2.0, height=0.5),
    ]  # fmt: skip
    report = Report(crossing(95.0, 0.021, interactions))
    assert (report.step, report.id) == (2, 4)
    assert re.search(r"from interaction 3, lennard_jones \(.*test_forensics.py:\d+\)$", report.facts["force"])


def test_shares_are_of_forces():
    """A light particle, just not too fast until it is pushed: all forces are small, and their parts are known."""
    pairs = [motes.Pair(soft, 3.0, height=2.0), motes.Pair(soft, 3.0, height=6.0)]
    report = Report(crossing(290.0, 0.01, pairs, mass=[1e-3, 1, 1, 1, 1]))
    assert (report.step, report.id) == (1, 7)
    assert re.search(r"moves by 3.\d+ in one step, where 3 is the most that makes sense$", report.lines[0])
    assert re.search(r"\], 75.0% of it from interaction 2, soft \(.*test_forensics.py:\d+\)$", report.facts["force"])


def test_tables_of_types():
    sigma, epsilon = {("A", "A"): 1.0, ("A", "B"): 0.5, ("B", "B"): 0.8}, [[1.0, 3.0], [3.0, 2.0]]
    cutoff = [[2.5, 1.75], [1.75, 2.0]]
    pair = motes.Pair(lennard_jones, cutoff, epsilon=epsilon, sigma=sigma)
    types = {7: "B", 4: "A", 9: "A", 2: "B", 30: "A"}
    report = Report(crossing(95.0, 0.021, [pair], types=list(types.values())))
    assert "id 4, type A, mass 1" in report.facts["particle"]
    moved = Moved(report.simulation)
    row = moved.ids.tolist().index(4)
    force = np.zeros(3)
    for r, number, apart in images(moved, moved.positions[row], 4, 2.5):
        one, other = sorted(["A", types[number]])
        if r < (1.75 if (one, other) == ("A", "B") else 2.5):
            e = 3.0 if (one, other) == ("A", "B") else 1.0
            force -= lennard_jones_force(r, e, sigma[one, other]) * apart / r
    assert report.vector("force") == pytest.approx(force, rel=1e-3, abs=1e-3 * np.abs(force).max())


def test_attributes_that_are_mixed():
    sizes = {7: 0.8, 4: 1.0, 9: 0.9, 2: 1.1, 30: 1.2}
    pair = motes.Pair(lennard_jones, 2.5, epsilon=1.0, sigma=motes.mix("size", "arithmetic"))
    report = Report(crossing(95.0, 0.021, [pair], size=list(sizes.values()), mass=[1.0, 1, 1, 2.5, 1]))
    assert report.facts["particle"] == "id 4, type A, mass 1, size 1"
    moved = Moved(report.simulation)
    row = moved.ids.tolist().index(4)
    around = images(moved, moved.positions[row], 4, 2.5)
    force = sum(-lennard_jones_force(r, 1.0, (1.0 + sizes[k]) / 2) * apart / r for r, k, apart in around)
    assert report.vector("force") == pytest.approx(force, rel=1e-3, abs=1e-3 * np.abs(force).max())


def test_a_function_that_is_nowhere_below_a_distance():
    report = Report(crossing(50.0, 0.01, [motes.Pair(vanishing, 2.5)]))
    assert (report.id, report.step) == (7, 7)
    assert re.match(r"interaction 1, vanishing \(.*py:\d+\), is not finite here: use ", report.facts["advice"])
    assert report.neighbors[0][0] == 4
    assert report.neighbors[0][1] < 1.0


def test_a_field_that_is_not_finite():
    box = motes.Box([8.0, 8.0])
    particles = motes.Particles([[1.0, 2.0], [6.0, 2.0]], box, [[0.5, 0.0], [0.0, 0.0]], ids=[12, 3])
    wall = motes.Field(lambda x, t: np.sqrt(1.0 - t + 0 * x) * x)
    report = Report(motes.Simulation(particles, motes.VelocityVerlet(0.01), [wall], threads=1))
    assert (report.step, report.id) == (101, 3)  # both feel it at once: the lower id is named
    assert report.lines[0].endswith("that is not finite")
    assert report.facts["neighbours"] == "do not matter: there is no interaction of pairs"
    assert "is not finite here" in report.facts["advice"]
    assert report.simulation.step == 100


def test_a_particle_that_leaves_an_open_box():
    box = motes.Box([2.0, 2.0], "open", origin=[5.0, 5.0])
    particles = motes.Particles([[6.0, 6.0], [5.5, 5.5]], box, [[4.0, 0.0], [0.0, 0.0]], ids=[42, 1])
    repulsion = motes.Pair(lambda r: 1 / r, 0.5)
    report = Report(motes.Simulation(particles, motes.VelocityVerlet(0.1), [repulsion], threads=1), 6000)
    assert (report.step, report.id) == (5003, 42)
    assert report.lines[0].endswith("is more than 1000 edges of the box beyond its open side")
    assert report.vector("position") == pytest.approx([2007.2, 6.0])
    assert report.facts["velocity"] == "[4, 0]: 0.4 in one step"
    assert report.facts["force"] == "[0, 0]"
    assert report.facts["neighbours"] == "none within the cutoff"
    assert "larger box" in report.facts["advice"]


def test_a_brownian_step_longer_than_the_box():
    particles = motes.Particles([[1.0, 1.0], [3.0, 1.0]], motes.Box([4.0, 4.0]), mass=[1.0, 1e-6], ids=[8, 6])
    report = Report(motes.Simulation(particles, motes.Brownian(0.01, 1.0, 1.0, seed=1), threads=1))
    assert (report.step, report.id) == (1, 6)
    assert re.search(r"moves by [\d.]+ in one step, where 4 is the most that makes sense$", report.lines[0])
    assert report.facts["particle"] == "id 6, type A, mass 1e-06"
    assert "smaller dt" in report.facts["advice"]


def test_a_particle_lost_in_a_flow():
    particles = motes.Particles([[1.0, 1.0], [3.0, 1.0], [2.0, 2.0]], motes.Box([4.0, 4.0], "open"), ids=[8, 6, 9])
    flow = motes.Flow(lambda x, y: (x, 0 * y), dt=0.1)
    simulation = motes.Simulation(particles, flow, threads=1)
    report = Report(simulation)
    step = math.ceil(math.log(4004.0 / 3.0) / math.log(1.1))
    assert (report.step, report.id) == (step, 6)
    assert simulation.step == step - 1
    assert simulation.positions[:, 0] == pytest.approx(np.array([3.0, 1.0, 2.0]) * 1.1 ** (step - 1))


def test_the_step_before_is_in_memory_and_in_the_checkpoint(tmp_path):
    simulation = fluid()
    simulation.every(5, motes.Checkpoint(tmp_path / "run.ckpt"))
    report = Report(simulation)
    fresh = fluid()
    fresh.run(report.step - 1)
    assert simulation.fingerprint == fresh.fingerprint
    assert report.lines[-1].endswith(f"run.ckpt/step-{report.step - 1}")
    again = motes.resume(tmp_path / "run.ckpt", [LJ], threads=1)
    assert (again.step, again.fingerprint) == (report.step - 1, fresh.fingerprint)
    second = Report(again)
    assert second.lines[:-1] == report.lines[:-1]
    assert again.fingerprint == fresh.fingerprint


@pytest.mark.parametrize("options", [{"threads": 2}, {"skin": 0.05}, {"skin": 0.9}])
def test_the_report_is_the_same_however_it_was_run(options):
    particles = motes.fcc(3, 0.8442, temperature=1.44, seed=1)
    report = Report(motes.Simulation(particles, VERLET, [LJ], **({"threads": 1} | options)))
    assert report.text == Report(fluid()).text


def test_the_report_is_the_same_in_small_runs():
    report, simulation = Report(fluid()), fluid()
    for _ in range(report.step - 1):
        simulation.run(1)
    assert Report(simulation, 1).text == report.text


def test_after_a_failure_one_may_try_again_and_fails_again():
    report = Report(fluid())
    assert Report(report.simulation).text == report.text
    report.simulation.velocities = 0 * report.simulation.velocities
    report.simulation.run(1)
    assert report.simulation.step == report.step


@pytest.mark.parametrize(
    ("integrator", "advice"),
    [
        (motes.Flow(lambda x, y, z: (-np.sqrt(x - 3.0) - 0.01, 0 * y, 0 * z), dt=0.1), "or a velocity that is finite"),
        (motes.Brownian(1.0, 1e6, 1.0, seed=1), "a lower temperature or more friction"),
    ],
)
def test_where_no_force_acts_the_advice_is_not_about_forces(integrator, advice):
    particles = motes.Particles([[5.0, 5.0, 5.0]], motes.Box([10.0, 10.0, 10.0]))
    report = Report(motes.Simulation(particles, integrator, threads=1))
    assert advice in report.text
