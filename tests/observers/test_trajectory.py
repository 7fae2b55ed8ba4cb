"""gsd trajectories: what readers of the format will see, and care on the disk."""

import subprocess
import sys
import textwrap

import gsd.hoomd
import numpy as np
import pytest

import motes
from motes.core.errors import InputError
from motes.observers import Frame, Trajectory


def write(path, simulation, steps, **options):
    trajectory = Trajectory(path, **options)
    trajectory.start(Frame(simulation))
    for step in steps:
        simulation.step = step
        trajectory(Frame(simulation))
    trajectory.finish()
    return trajectory


def test_snapshots_hold_the_state(simulation, tmp_path):
    path = tmp_path / "melt.gsd"
    write(path, simulation, [0, 100])
    with gsd.hoomd.open(path) as frames:
        assert [frame.configuration.step for frame in frames] == [0, 100]
        last = frames[-1]
    assert last.configuration.dimensions == 3
    np.testing.assert_array_equal(last.configuration.box, [10, 8, 6, 0, 0, 0])
    particles = last.particles
    assert particles.N == 3
    assert particles.types == ["A", "B"]
    np.testing.assert_array_equal(particles.typeid, [0, 1, 0])
    np.testing.assert_array_equal(particles.mass, [1, 2, 1])
    np.testing.assert_array_equal(particles.charge, np.float32([0.5, -1.0, 0.5]))
    np.testing.assert_array_equal(particles.velocity, simulation.velocities)


def test_positions_are_relative_to_the_centre_of_the_box(simulation, tmp_path):
    path = tmp_path / "melt.gsd"
    write(path, simulation, [0])
    with gsd.hoomd.open(path) as frames:
        position = frames[0].particles.position
    np.testing.assert_array_equal(position, [[-5, -4, -3], [0, 0, 0], [2.5, 2, 1.5]])


def test_two_dimensions(flat_simulation, tmp_path):
    path = tmp_path / "flat.gsd"
    write(path, flat_simulation, [0])
    with gsd.hoomd.open(path) as frames:
        frame = frames[0]
    assert frame.configuration.dimensions == 2
    np.testing.assert_array_equal(frame.configuration.box, [10, 8, 0, 0, 0, 0])
    np.testing.assert_array_equal(frame.particles.position[:, 2], 0)
    np.testing.assert_array_equal(frame.particles.velocity[:, :2], flat_simulation.velocities)


def test_without_charges(simulation, tmp_path):
    simulation.attributes.clear()
    path = tmp_path / "melt.gsd"
    write(path, simulation, [0])
    with gsd.hoomd.open(path) as frames:
        np.testing.assert_array_equal(frames[0].particles.charge, 0)


def test_a_later_run_appends(simulation, tmp_path):
    path = tmp_path / "melt.gsd"
    trajectory = write(path, simulation, [0, 10])
    simulation.step = 20
    trajectory(Frame(simulation))
    trajectory.finish()
    with gsd.hoomd.open(path) as frames:
        assert [frame.configuration.step for frame in frames] == [0, 10, 20]


def test_each_snapshot_is_on_disk_before_the_run_goes_on(simulation, tmp_path):
    path = tmp_path / "melt.gsd"
    trajectory = Trajectory(path)
    trajectory.start(Frame(simulation))
    trajectory(Frame(simulation))
    with gsd.hoomd.open(path) as frames:
        assert len(frames) == 1
    trajectory.finish()


def test_existing_file_is_kept_under_another_name_unless_it_may_be_written_over(simulation, tmp_path):
    path = tmp_path / "melt.gsd"
    path.write_text("precious")
    write(path, simulation, [0])
    assert (tmp_path / "melt.1.gsd").read_text() == "precious"
    write(path, simulation, [0], overwrite=True)
    assert not (tmp_path / "melt.2.gsd").exists()
    with gsd.hoomd.open(path) as frames:
        assert len(frames) == 1


def test_missing_folder(tmp_path):
    with pytest.raises(InputError, match=r"the folder .*nowhere does not exist"):
        Trajectory(tmp_path / "nowhere" / "melt.gsd")


def test_gsd_is_loaded_only_by_those_who_write():
    script = "import sys, motes.observers; sys.exit('gsd' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


FULL_DISK = """
import resource, sys
from types import SimpleNamespace
import numpy as np
from motes.core.box import Box
from motes.core.errors import RunError
from motes.observers import Frame, Trajectory

number = 2000
box = Box([9.0] * 3)
class Simulation(SimpleNamespace):
    topology = {}

    def __len__(self):
        return number
simulation = Simulation(
    step=0, box=box, types=np.zeros(number, int), type_names=("A",), mass=np.ones(number), attributes={},
    changes=0, ids=np.arange(number), images=np.zeros((number, 3), int), time=0.0, has_velocities=True,
)
trajectory = Trajectory(sys.argv[1])
trajectory.start(Frame(simulation))
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))  # a disk that holds 300 kB
try:
    for simulation.step in range(100):
        generator = np.random.default_rng(simulation.step)
        simulation.positions, simulation.velocities = generator.random((2, number, 3))
        trajectory(Frame(simulation))
except RunError as error:
    trajectory.finish()
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the limit on file sizes is POSIX's")
def test_full_disk_stops_the_run_and_what_was_written_stays(tmp_path):
    path = tmp_path / "melt.gsd"
    script = textwrap.dedent(FULL_DISK)
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert f"cannot write {path} at step " in done.stdout
    with gsd.hoomd.open(path) as frames:
        assert [frame.configuration.step for frame in frames] == list(range(len(frames)))
        assert len(frames) >= 2


# What comes back by motes.read


def particles(boundary="periodic", types=("B", "A", "B"), **attributes):
    box = motes.Box([5.1, 6.3, 7.7], boundary, origin=[-1.3, 2.1, 1e3])
    positions = box.origin + box.lengths * np.array([[0.1, 0.2, 0.3], [1 / 3, 0.999, 0.5], [0.7, 0.1, 0.9]])
    return motes.Particles(
        positions, box, velocities=np.array([[0.1, 40.0, -0.3], [1 / 3, 0, 0], [0, 0, -0.5]]),
        mass={"A": 1.1, "B": 2.3},
        types=types, ids=[7, 3, 12], charge=[0.1, 0.2, -0.3], diameter=1.0, angle=[0.1, 1e300, -3.0], **attributes,
    )  # fmt: skip


def test_all_of_a_run_comes_back(tmp_path):
    simulation = motes.Simulation(particles(["periodic", "periodic", "open"]), motes.VelocityVerlet(0.1))
    simulation.every(5, Trajectory(tmp_path / "a.gsd", precision="double"))
    simulation.run(20)
    assert simulation.images.any()
    found = motes.read(tmp_path / "a.gsd")
    assert motes.Simulation(found, motes.VelocityVerlet(0.1)).fingerprint == simulation.fingerprint
    assert found.box == simulation.box
    assert (found.step, found.time) == (20, pytest.approx(2.0))
    np.testing.assert_array_equal(found.ids, [3, 7, 12])
    np.testing.assert_array_equal(found.images, simulation.images)
    np.testing.assert_array_equal(found.mass, simulation.mass)
    assert found.attributes.keys() == {"charge", "diameter", "angle"}
    for name, values in simulation.attributes.items():
        np.testing.assert_array_equal(found.attributes[name], values)
    assert motes.read(tmp_path / "a.gsd", frame=1).step == 5


def test_single_precision_has_all_of_it_too(tmp_path):
    simulation = motes.Simulation(particles(), motes.VelocityVerlet(0.1))
    simulation.every(5, Trajectory(tmp_path / "a.gsd"))
    simulation.run(5)
    found = motes.read(tmp_path / "a.gsd")
    assert found.box == simulation.box
    np.testing.assert_allclose(found.positions, simulation.positions, atol=1e-6)
    np.testing.assert_array_equal(found.attributes["angle"], simulation.attributes["angle"])
    with gsd.hoomd.open(tmp_path / "a.gsd") as frames:
        last = frames[-1]
    assert last.particles.position.dtype == np.float32
    np.testing.assert_array_equal(last.particles.image, simulation.images)
    np.testing.assert_array_equal(last.particles.diameter, 1)
    np.testing.assert_array_equal(last.log["particles/id"], [3, 7, 12])
    assert last.log["time"] == 0.5


@pytest.mark.parametrize("names", [("A", "B"), (1, 2), ("1", "2"), (-3, 10), ("Ä", "氪")])
def test_labels_come_back_as_they_were(tmp_path, names):
    one, other = names
    box = motes.Box([4, 4])
    simulation = motes.Simulation(motes.Particles([[1, 1], [2, 2]], box, types=[other, one]), motes.VelocityVerlet(0.1))
    simulation.every(1, Trajectory(tmp_path / "a.gsd"))
    simulation.run(1)
    found = motes.read(tmp_path / "a.gsd")
    assert [found.type_names[code] for code in found.types] == [other, one]
    with gsd.hoomd.open(tmp_path / "a.gsd") as frames:
        assert frames[1].particles.types == [str(name) for name in simulation.type_names]


def test_what_does_not_change_is_written_once(tmp_path):
    simulation = motes.Simulation(motes.fcc(10, 0.8), motes.VelocityVerlet(0.1))
    simulation.every(1, Trajectory(tmp_path / "a.gsd"))
    simulation.run(1)
    size = (tmp_path / "a.gsd").stat().st_size
    simulation.run(10)
    assert (tmp_path / "a.gsd").stat().st_size < size + 1000 * 10


@pytest.mark.parametrize("name", ["a.xyz", "a.lammpstrj", "a.gsd.gz", "a.csv", "a.XYZ"])
def test_a_name_of_another_format_is_refused(tmp_path, name):
    with pytest.raises(InputError, match=r"a trajectory is a gsd file, and .* means another format; call it a.*\.gsd"):
        Trajectory(tmp_path / name)


@pytest.mark.parametrize("name", ["a", "a.0.5", "a.final", "a.GSD"])
def test_other_names_are_the_users_own(tmp_path, name):
    Trajectory(tmp_path / name)


def test_precision_is_one_of_two():
    with pytest.raises(InputError, match="precision is 'half'; it must be 'single' or 'double'"):
        Trajectory("a.gsd", precision="half")
