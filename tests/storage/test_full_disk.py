"""A disk that is full in the middle of a run: one message, and the run goes on from the checkpoint before."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import motes

SCRIPT = """
import os
import resource
import sys
import motes.observers

class Last(motes.observers.Observer):
    def __call__(self, frame):
        pass
    def finish(self):
        print("finished")

def fill_the_disk(frame):
    if frame.step == 60:
        room = int(os.environ["ROOM"]) or os.path.getsize(os.environ["FILLED"]) + 150
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))

particles = motes.fcc(2, 0.8, temperature=1.0, seed=1)
sim = motes.Simulation(particles, motes.VelocityVerlet(0.002), [motes.Pair(lambda r: 1 / r**6, 1.5)], threads=1)
sim.every(10, {observer}fill_the_disk, Last())
sim.every(50, motes.Checkpoint("run.ckpt"))
sim.run(200)
print("end")
"""

# What grows until the disk is full, and how large files may then be; 0: a little larger than that one is.
FILES = {
    "thermo.csv": ('motes.Thermo("thermo.csv"), ', 0),
    "run.gsd": ('motes.Trajectory("run.gsd"), ', 0),
    "run.ckpt/step-100": ("", 2000),
}


@pytest.mark.parametrize("name", FILES)
def test_a_full_disk_stops_a_run_cleanly_and_it_can_go_on(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    observer, limit = FILES[name]
    Path("script.py").write_text(SCRIPT.replace("{observer}", observer), encoding="utf-8")
    room = {"ROOM": str(limit), "FILLED": name}
    environment = {**os.environ, **room, "PYTHONPATH": str(Path(motes.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-m", "motes", "run", "--quiet", "script.py"],
        capture_output=True, text=True, env=environment, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "finished\n")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("motes: error: script.py:22: cannot write ")
    assert str(tmp_path / name) in done.stderr
    assert "File too large" in done.stderr
    if "ckpt" in name:
        assert done.stderr.endswith(f"; the last good one is {tmp_path}/run.ckpt/step-50\n")
    assert sorted(path.name for path in Path("run.ckpt").iterdir()) == ["lock", "step-0", "step-50"]

    resumed = motes.resume("run.ckpt", [motes.Pair(lambda r: 1 / r**6, 1.5)], threads=1)
    assert (resumed.step, resumed.steps_left) == (50, 150)
    resumed.run(resumed.steps_left)
    particles = motes.fcc(2, 0.8, temperature=1.0, seed=1)
    pair = motes.Pair(lambda r: 1 / r**6, 1.5)
    fresh = motes.Simulation(particles, motes.VelocityVerlet(0.002), [pair], threads=1)
    if name == "thermo.csv":
        fresh.every(10, motes.Thermo("fresh.csv"))
    fresh.run(200)
    assert resumed.fingerprint == fresh.fingerprint
    if name == "thermo.csv":
        assert Path("thermo.csv").read_bytes() == Path("fresh.csv").read_bytes()
