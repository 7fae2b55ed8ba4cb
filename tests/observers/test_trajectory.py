"""gsd trajectories: what readers of the format will see, and care on the disk."""

import subprocess
import sys
import textwrap

import gsd.hoomd
import numpy as np
import pytest

from motes.errors import InputError
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
from motes.errors import RunError
from motes.observers import Frame, Trajectory

number = 2000
box = SimpleNamespace(dimensions=3, lengths=np.full(3, 9.0), origin=np.zeros(3))
class Simulation(SimpleNamespace):
    def __len__(self):
        return number
simulation = Simulation(
    step=0, changes=0, box=box, types=np.zeros(number, int), type_names=("A",), mass=np.ones(number), attributes={},
    has_velocities=True,
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
