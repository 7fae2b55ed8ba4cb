"""An output file is one run's alone, and free again when that run ends, in whatever way."""

import errno
import fcntl
import os
import signal
import subprocess
import sys

import pytest

import motes
from motes.core.errors import InputError, RunError
from motes.observers import Frame, Thermo, Trajectory
from motes.observers.output import Hold, hold, hold_again, hold_folder

HOLDER = """
import sys
from pathlib import Path
from motes.observers.output import hold
held = hold(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder():
    """Starts another process that holds a file until it is killed or its input ends."""
    processes = []

    def start(path):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        processes.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in processes:
        with process:  # closes its pipes, and waits
            process.kill()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "out"
    path.write_bytes(b"precious")
    return path


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, None])
def test_another_process_holds_until_it_ends(file, holder, end):
    process = holder(file)
    with pytest.raises(InputError, match="out is being written by another run; wait until that has ended, or choose"):
        hold(file)
    if end is None:
        process.stdin.close()
    else:
        process.send_signal(end)
    process.wait()
    hold(file).release()


@pytest.mark.parametrize("kind", [Thermo, Trajectory])
def test_overwriting_leaves_alone_what_another_run_writes(file, holder, simulation, kind):
    observer = kind(file, overwrite=True)
    process = holder(file)
    with pytest.raises(InputError, match="being written by another run"):
        observer.start(Frame(simulation))
    assert file.read_bytes() == b"precious"
    process.kill()
    process.wait()
    observer.start(Frame(simulation))
    observer.finish()
    assert not file.read_bytes().startswith(b"precious")


@pytest.mark.parametrize("kind", [Thermo, Trajectory])
def test_two_observers_of_one_run(tmp_path, simulation, kind):
    path = tmp_path / "out"
    first, second = kind(path), kind(path, overwrite=True)
    first.start(Frame(simulation))
    first(Frame(simulation))
    with pytest.raises(InputError, match="being written by another run"):
        second.start(Frame(simulation))
    first.finish()
    second.start(Frame(simulation))
    with pytest.raises(InputError, match="being written by another run"):
        first(Frame(simulation))
    second.finish()


@pytest.mark.parametrize("kind", [Thermo, Trajectory])
def test_a_later_run_holds_the_file_again(tmp_path, simulation, kind):
    path = tmp_path / "out"
    observer = kind(path)
    observer.start(Frame(simulation))
    observer.finish()
    hold(path).release()
    observer(Frame(simulation))
    with pytest.raises(InputError, match="being written by another run"):
        hold(path)
    observer.finish()
    hold(path).release()


@pytest.mark.parametrize("kind", [Thermo, Trajectory])
def test_another_current_folder_is_of_no_matter(tmp_path, simulation, kind, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    observer = kind("out")
    observer.start(Frame(simulation))
    observer.finish()
    size = (tmp_path / "out").stat().st_size
    monkeypatch.chdir(tmp_path / "elsewhere")
    observer(Frame(simulation))
    observer.finish()
    assert (tmp_path / "out").stat().st_size > size
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_file_that_cannot_be_closed_is_released_all_the_same(tmp_path, simulation):
    class Failing:
        def close(self):
            raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "out"
    trajectory = Trajectory(path)
    trajectory.start(Frame(simulation))
    trajectory._file = Failing()
    with pytest.raises(RunError, match="No space left") as caught:
        trajectory.finish()
    hold(path).release()
    del caught  # an error keeps alive what was there when it was raised


def test_released_is_released_and_twice_is_once(file):
    first = hold(file)
    first.release()
    second = hold(file)
    first.release()  # its descriptor's number is the second's now
    with pytest.raises(InputError):
        hold(file)
    second.release()


def test_forgotten_is_released(file):
    hold(file)
    hold(file).release()


def test_a_forked_process_does_not_keep_it(file):
    held = hold(file)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writing)
        os.read(reading, 1)  # until the other end is closed
        os._exit(0)
    os.close(reading)
    try:
        held.release()
        hold(file).release()
    finally:
        os.close(writing)
        os.waitpid(child, 0)


def test_folders_are_held_by_a_file_in_them(tmp_path):
    held = hold_folder(tmp_path)
    with pytest.raises(InputError, match=f"{tmp_path} is being written by another run"):
        hold_folder(tmp_path)
    held.release()
    hold_folder(tmp_path).release()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_where_there_are_no_locks_it_goes_on_without(file, monkeypatch, number):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    held = hold(file)
    assert held.size == 8
    held.release()


def test_other_errors_are_not_hidden(file, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OSError, match="broken"):
        hold(file)


def test_everything_is_written_also_if_the_system_takes_it_bit_by_bit(file, monkeypatch):
    write, pwrite = os.write, os.pwrite
    monkeypatch.setattr(os, "write", lambda where, data: write(where, data[:3]))
    monkeypatch.setattr(os, "pwrite", lambda where, data, start: pwrite(where, data[:3], start))
    held: Hold = hold(file, os.O_WRONLY | os.O_APPEND)
    held.append(b"0123456789")
    held.release()
    held = hold(file)
    held.write(1, b"abcdefgh")
    held.release()
    assert file.read_bytes() == b"pabcdefgh123456789"


def test_missing_and_shorter(file):
    with pytest.raises(InputError, match=r"out is shorter than when the checkpoint was written \(8 bytes, not 9\)"):
        hold_again(file, 9)
    hold_again(file, 8).release()
    file.unlink()
    with pytest.raises(InputError, match="out is missing"):
        hold_again(file, 8)
    assert not file.exists()


# Removed while a run goes on


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (motes.Thermo, "a.csv"), (motes.Trajectory, "a.gsd"), (lambda path: motes.Rdf(path=path), "g.csv"),
        (lambda path: motes.Msd(path=path), "m.csv"),
    ],
    ids=["thermo", "trajectory", "rdf", "msd"],
)  # fmt: skip
@pytest.mark.parametrize("folder", [False, True], ids=["the file", "its folder"])
def test_a_file_that_is_removed_ends_the_run(tmp_path, make, name, folder):
    simulation = motes.Simulation(motes.fcc(3, 0.7, temperature=1.0, seed=1), motes.VelocityVerlet(0.002), threads=1)
    path = tmp_path / "out" / name
    path.parent.mkdir()

    def remove(frame):
        if frame.step == 20:
            path.unlink()
            if folder:
                path.parent.rmdir()

    simulation.every(10, make(path), remove)
    with pytest.raises(motes.RunError, match=rf"^cannot write .*{name} at step [23]0: it has been removed meanwhile$"):
        simulation.run(1000)
    assert simulation.step == 30
    assert not path.exists()


def test_a_file_may_be_renamed_while_it_is_written(tmp_path):
    simulation = motes.Simulation(motes.fcc(3, 0.7, temperature=1.0, seed=1), motes.VelocityVerlet(0.002), threads=1)
    thermo = motes.Thermo(tmp_path / "a.csv")
    simulation.every(10, thermo, lambda frame: frame.step == 20 and thermo.path.rename(tmp_path / "b.csv"))
    simulation.run(50)
    assert len((tmp_path / "b.csv").read_text().splitlines()) == 7
