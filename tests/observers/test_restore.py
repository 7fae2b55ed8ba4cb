"""Output files of a run that was killed and is resumed: what is in them at the end is what an unbroken run writes."""

import errno
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import gsd.hoomd
import numpy as np
import pytest

from motes.core.errors import InputError, RunError
from motes.observers import Frame, Thermo, Trajectory, restore
from motes.observers.extent import ENTRY, HEADER_SIZE, Blocks
from motes.observers.memory import bytes_in
from motes.observers.output import hold

LAST = 240  # steps: the index of a trajectory, 128 entries at first, is moved three times on the way
MOMENTS = [0, 1, 7, 41, 42, 43, 90, 200]  # the index is full, or nearly so, after 42 snapshots

MAKE = {"thermo": Thermo, "trajectory": Trajectory}
kinds = pytest.mark.parametrize("kind", list(MAKE))
moments = pytest.mark.parametrize("moment", MOMENTS)


def show(observer, simulation, steps):
    """The states of these steps, each the same whenever it is shown."""
    for step in steps:
        generator = np.random.default_rng(step)
        positions, velocities = generator.random((2, 3, 3))
        energy = math.nan if step == 5 else generator.normal()
        simulation.step = step
        simulation.set(positions=positions, velocities=velocities, potential_energy=energy)
        observer(Frame(simulation))


def begin(kind, path, simulation, steps):
    observer = MAKE[kind](path)
    observer.start(Frame(simulation))
    show(observer, simulation, steps)
    return observer


def remembered(observer, beside):
    """As it comes out of a checkpoint."""
    return json.loads(json.dumps(observer.remember(beside), allow_nan=False))


def steps_in(path):
    with gsd.hoomd.open(path) as frames:
        return [int(frame.configuration.step) for frame in frames]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """The files of a run that nothing happened to, by kind."""
    folder = tmp_path_factory.mktemp("unbroken")
    return SimpleNamespace(folder=folder, files={})


def whole(unbroken, kind, simulation):
    if kind not in unbroken.files:
        path = unbroken.folder / kind
        begin(kind, path, simulation, range(LAST)).finish()
        unbroken.files[kind] = path.read_bytes()
    return unbroken.files[kind]


def stop_at(kind, moment, tmp_path, simulation, further):
    """A run that was remembered at a moment, then wrote `further` more: its memory, and the file at that moment."""
    path = tmp_path / kind
    observer = begin(kind, path, simulation, range(moment))
    memory = remembered(observer, tmp_path)
    content = path.read_bytes()
    show(observer, simulation, range(moment, moment + further))
    observer.finish()
    return memory, content


def garble(path, memory, generator):
    """What a kill could leave, and worse: all that may have been changed since is noise, and the end is anywhere."""
    extent = memory.get("extent", memory)
    with path.open("r+b") as file:
        for start, end in changeable(extent) if "used" in extent else []:
            file.seek(start)
            file.write(generator.bytes(end - start))
        size = file.seek(0, 2)
        file.truncate(int(generator.integers(extent["length"], size + 1)))
        file.seek(0, 2)
        file.write(generator.bytes(int(generator.integers(0, 500))))


def changeable(extent):
    """Which parts of a gsd file may be written to again: header, names, the unused entries of the index."""
    blocks = Blocks.of(bytes_in(extent, "header", HEADER_SIZE))
    used = blocks.index + extent["used"] * ENTRY.size
    yield 0, HEADER_SIZE
    yield blocks.names, blocks.names + blocks.names_size
    yield used, blocks.index + blocks.entries * ENTRY.size


@kinds
@moments
@pytest.mark.parametrize("further", [0, 1, LAST])
def test_goes_on_as_if_nothing_had_happened(kind, moment, further, tmp_path, simulation, unbroken):
    expected = whole(unbroken, kind, simulation)
    memory, content = stop_at(kind, moment, tmp_path, simulation, further)
    path = tmp_path / kind
    garble(path, memory, np.random.default_rng([moment, further]))
    observer = restore(memory, tmp_path)
    observer.start(Frame(simulation))
    assert path.read_bytes() == content
    show(observer, simulation, range(moment, LAST))
    observer.finish()
    assert path.read_bytes() == expected
    if kind == "trajectory":
        assert steps_in(path) == list(range(LAST))


@kinds
def test_resumed_again_and_again(kind, tmp_path, simulation, unbroken):
    """Each time from a newer checkpoint, or twice from the same one; also one of a resumed run."""
    path = tmp_path / kind
    memory, _ = stop_at(kind, 3, tmp_path, simulation, 20)
    for begins, ends in ((3, 50), (3, 60), (60, 61), (61, 130), (130, 131)):
        observer = restore(memory, tmp_path)
        observer.start(Frame(simulation))
        show(observer, simulation, range(begins, ends))
        if (begins, ends) != (3, 50):
            memory = remembered(observer, tmp_path)
        show(observer, simulation, range(ends, ends + 60))
        observer.finish()
    observer = restore(memory, tmp_path)
    observer.start(Frame(simulation))
    show(observer, simulation, range(131, LAST))
    observer.finish()
    assert path.read_bytes() == whole(unbroken, kind, simulation)


@kinds
def test_remembering_between_runs_and_before_it_goes_on(kind, tmp_path, simulation):
    path = tmp_path / kind
    observer = begin(kind, path, simulation, range(10))
    within = remembered(observer, tmp_path)
    observer.finish()
    assert remembered(observer, tmp_path) == within
    assert remembered(restore(within, tmp_path), tmp_path) == within
    hold(path).release()  # nobody kept it


@kinds
def test_one_that_had_not_begun_begins(kind, tmp_path, simulation):
    path = tmp_path / kind
    memory = remembered(MAKE[kind](path), tmp_path)
    begin(kind, path, simulation, range(5)).finish()
    once = path.read_bytes()
    observer = restore(memory, tmp_path)
    observer.start(Frame(simulation))
    show(observer, simulation, range(5))
    observer.finish()
    assert path.read_bytes() == once


@kinds
def test_nothing_is_touched_before_the_start(kind, tmp_path, simulation):
    memory, content = stop_at(kind, 5, tmp_path, simulation, 5)
    later = (tmp_path / kind).read_bytes()
    restore(memory, tmp_path)
    assert (tmp_path / kind).read_bytes() == later != content


@kinds
def test_the_folder_may_be_moved(kind, tmp_path, simulation, monkeypatch):
    (tmp_path / "old" / "checkpoints").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "old")
    observer = begin(kind, "out", simulation, range(5))
    memory = remembered(observer, Path("checkpoints"))
    observer.finish()
    assert memory["path"] == "../out"
    content = Path("out").read_bytes()
    Path("out").write_bytes(content + b"more")
    shutil.move(tmp_path / "old", tmp_path / "new")
    monkeypatch.chdir(tmp_path)
    observer = restore(memory, Path("new/checkpoints"))
    observer.start(Frame(simulation))
    observer.finish()
    assert (tmp_path / "new" / "out").read_bytes() == content


@kinds
def test_links_on_the_way_do_not_matter(kind, tmp_path, simulation):
    """ ".." is not the way back through a link."""
    (tmp_path / "far" / "away").mkdir(parents=True)
    (tmp_path / "near").symlink_to(tmp_path / "far" / "away")
    (tmp_path / "disk" / "deep").mkdir(parents=True)
    (tmp_path / "out").symlink_to(tmp_path / "disk" / "deep")
    observer = begin(kind, tmp_path / "out" / kind, simulation, range(3))
    memory = remembered(observer, tmp_path / "near")
    observer.finish()
    assert restore(memory, tmp_path / "near").path == tmp_path / "disk" / "deep" / kind
    assert restore(memory, tmp_path / "far" / "away").path == tmp_path / "disk" / "deep" / kind


@kinds
def test_what_is_remembered_is_on_the_disk(kind, tmp_path, simulation, monkeypatch):
    observer = begin(kind, tmp_path / kind, simulation, range(3))
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    observer.remember(tmp_path)
    assert {(tmp_path / kind).stat().st_ino, tmp_path.stat().st_ino} <= set(synced)
    observer.finish()


@kinds
def test_a_disk_that_fails_while_remembering(kind, tmp_path, simulation, monkeypatch):
    def fail(_):
        raise OSError(errno.EIO, "Input/output error")

    observer = begin(kind, tmp_path / kind, simulation, range(3))
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(RunError, match=r"cannot write .* at step 2: Input/output error"):
        observer.remember(tmp_path)
    observer.finish()


@kinds
def test_missing_shorter_held_and_another_file(kind, tmp_path, simulation):
    path = tmp_path / kind
    memory, content = stop_at(kind, 30, tmp_path, simulation, 0)

    def refused(message):
        observer = restore(memory, tmp_path)
        with pytest.raises(InputError, match=message):
            observer.start(Frame(simulation))
        return observer

    holder = hold(path)
    refused("being written by another run")
    holder.release()

    path.write_bytes(content[:-1])
    refused(f"is shorter than when the checkpoint was written.*{len(content) - 1} bytes, not {len(content)}")
    assert path.read_bytes() == content[:-1]

    other = b"someone else's" * len(content)
    path.write_bytes(other)
    observer = refused("is not the file that was being written when the checkpoint was")
    assert path.read_bytes() == other
    hold(path).release()
    del observer  # it was there until now, but did not hold what it had refused

    path.unlink()
    refused("is missing: the run that is to be resumed was writing it")


def test_first_and_last_row_come_back_exactly(tmp_path, simulation):
    thermo = begin("thermo", tmp_path / "thermo", simulation, [5, 6])
    simulation.set(pressure=math.inf)
    show(thermo, simulation, [7])
    again = restore(remembered(thermo, tmp_path), tmp_path)
    thermo.finish()
    assert math.isnan(again.first.potential)
    assert (again.first.step, again.last) == (5, thermo.last)
    assert repr(again.first) == repr(thermo.first)


def test_printed_tables_go_on(tmp_path, simulation, capsys):
    thermo = Thermo()
    thermo.start(Frame(simulation))
    show(thermo, simulation, [0, 1])
    again = restore(remembered(thermo, tmp_path), tmp_path)
    again.start(Frame(simulation))
    show(again, simulation, [2])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["step", "0", "1", "step", "2"]
    assert (again.first, again.last.step) == (thermo.first, 2)


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="a device to write to")
def test_tables_to_a_device_cannot_be_brought_back(tmp_path, simulation):
    thermo = Thermo("/dev/null", overwrite=True)
    thermo.start(Frame(simulation))
    assert thermo.remember(tmp_path) is None
    thermo.finish()


def test_a_name_list_that_was_moved(tmp_path, simulation):
    """More names than there was room for: then the list is written anew at the end, and the header changed."""
    memory, content = stop_at("trajectory", 10, tmp_path, simulation, 1)
    path = tmp_path / "trajectory"
    with gsd.hoomd.open(path, "r+") as frames:
        frame = frames[0]
        frame.log = {f"quantity{number:060d}": np.array([1.0]) for number in range(60)}
        frames.append(frame)
    before, after = Blocks.of(content), Blocks.of(path.read_bytes())
    assert before.names != after.names
    observer = restore(memory, tmp_path)
    observer.start(Frame(simulation))
    observer.finish()
    assert path.read_bytes() == content


def test_memories_stay_small(tmp_path, simulation):
    trajectory = begin("trajectory", tmp_path / "trajectory", simulation, range(LAST))
    assert len(json.dumps(trajectory.remember(tmp_path))) < 1000
    trajectory.finish()


def test_a_layout_that_is_not_known(tmp_path, simulation):
    path = tmp_path / "trajectory"
    trajectory = begin("trajectory", path, simulation, range(3))
    trajectory.finish()
    with path.open("r+b") as file:
        file.seek(44)
        file.write((3 << 16).to_bytes(4, sys.byteorder))
    with pytest.raises(RunError, match=r"cannot be part of a checkpoint.*version 2"):
        trajectory.remember(tmp_path)


RUN = """
import json, os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from conftest import FakeSimulation
from test_restore import begin, show
from motes.observers import Frame
from motes.observers import restore

folder, last = Path(sys.argv[2]), int(sys.argv[3])
checkpoint = folder / "checkpoint"
simulation = FakeSimulation()
if checkpoint.exists():
    step, memories = json.loads(checkpoint.read_text())
    observers = [restore(memory, folder) for memory in memories]
    for observer in observers:
        observer.start(Frame(simulation))
else:
    step, observers = 0, [begin(kind, folder / kind, simulation, []) for kind in ("thermo", "trajectory")]
while step < last:
    for observer in observers:
        show(observer, simulation, [step])
    step += 1
    if step % 7 == 0:
        text = json.dumps([step, [observer.remember(folder) for observer in observers]])
        (folder / "new").write_text(text)
        os.replace(folder / "new", checkpoint)
    print(step, flush=True)
for observer in observers:
    observer.finish()
"""


def test_killed_at_any_moment(tmp_path, simulation, unbroken):
    command = [sys.executable, "-c", RUN, str(Path(__file__).parent), str(tmp_path), str(LAST)]
    generator = np.random.default_rng(3)
    for stop in (20, 50, 95, 180):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        while int(process.stdout.readline()) < stop:
            pass
        time.sleep(generator.uniform(0, 0.01))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    for kind in MAKE:
        assert (tmp_path / kind).read_bytes() == whole(unbroken, kind, simulation)
