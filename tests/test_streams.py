"""Standard streams that are closed, full, or read by nobody."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import motes
from motes.core.streams import say, warn

SECONDS = 60
FLUID = """
[particles]
lattice = "fcc"
cells = 3
density = 0.8
[integrator]
kind = "velocity-verlet"
dt = 0.004
[run]
steps = 20
[thermo]
every = 5
"""
SCRIPT = """
import motes
simulation = motes.Simulation(motes.fcc(3, 0.8), motes.VelocityVerlet(0.004), threads=1)
simulation.every(5, motes.Thermo())
simulation.run(20)
open("step", "w").write(str(simulation.step))
"""
COMMANDS = pytest.mark.parametrize("words", [["-m", "motes", "run", "fluid.toml"], ["script.py"]], ids=["TOML", "py"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "fluid.toml").write_text(FLUID)
    (tmp_path / "script.py").write_text(SCRIPT)
    return tmp_path


@COMMANDS
def test_all_of_them_closed(words: list[str], folder: Path) -> None:
    """Nobody hears of it, and it is done."""
    shell = f"exec {sys.executable} {' '.join(words)} <&- >&- 2>&-"
    assert subprocess.run(["/bin/sh", "-c", shell], check=False, cwd=folder, timeout=SECONDS).returncode == 0
    if words == ["script.py"]:
        assert (folder / "step").read_text() == "20"


@COMMANDS
def test_output_that_nobody_reads_any_more(words: list[str], folder: Path) -> None:
    """As with `| head`, when it has read enough."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, *words],
        check=False,
        cwd=folder,
        timeout=SECONDS,
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(write)
    assert (done.stderr, done.returncode) == ("", 141)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full, the disk that is always full")
def test_output_to_a_full_disk(folder: Path) -> None:
    with Path("/dev/full").open("w") as full:
        words = [sys.executable, "-m", "motes", "run", "fluid.toml"]
        done = subprocess.run(
            words, check=False, cwd=folder, timeout=SECONDS, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert (done.stderr, done.returncode) == (
        "motes: error: cannot write to standard output: No space left on device\n",
        1,
    )


@COMMANDS
def test_a_log_has_lines_of_plain_text(words: list[str], folder: Path) -> None:
    with (folder / "log").open("w") as log:
        done = subprocess.run(
            [sys.executable, *words], check=False, cwd=folder, timeout=SECONDS, stdout=log, stderr=subprocess.STDOUT
        )
    text = (folder / "log").read_bytes().decode()
    assert done.returncode == 0
    assert "step       time" in text
    assert not set("\r\x1b\b") & set(text)


def test_in_a_process_that_has_no_streams(monkeypatch: Any) -> None:
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    say("nothing")
    warn("nothing")
    simulation = motes.Simulation(motes.fcc(3, 0.8), motes.VelocityVerlet(0.004), threads=1)
    simulation.every(5, motes.Thermo())
    simulation.run(10)
    assert simulation.step == 10
