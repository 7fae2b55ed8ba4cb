"""Whatever goes wrong on whichever rank, the job ends soon, with a status other than 0 and one readable message."""

from __future__ import annotations

import os
import re
import signal
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SECONDS = 60
"""For a job of a few steps, on a busy machine, kernels compiled anew."""

SOON = 20
"""After a rank is gone."""

BLAST = """
import motes
import numpy as np

def lennard_jones(r, epsilon, sigma):
    return 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)

box = motes.Box([40.0, 8.0, 8.0], "open")
positions = np.stack([np.arange(1.0, 40.0, 1.5), np.full(26, 4.0), np.full(26, 4.0)], axis=1)
velocities = np.zeros((26, 3))
velocities[{fast}, 0] = 40.0  # into its neighbour, 1.5 away: with dt = 0.035 the two nearly coincide after a step
sim = motes.Simulation(
    motes.Particles(positions, box, velocities), motes.VelocityVerlet(0.035),
    [motes.Pair(lennard_jones, cutoff=2.5, epsilon=1.0, sigma=1.0)], threads=1,
)
print("begin", flush=True)
sim.run(200)
print("end")
"""

FAULTY = """
import motes
from mpi4py import MPI

class Faulty(motes.VelocityVerlet):
    def first_half(self, state, team):
        if state.step == 3 and MPI.COMM_WORLD.rank == {rank}:
            raise ZeroDivisionError("a fault of the program")
        super().first_half(state, team)
"""

FAULTY_SCRIPT = """
import motes
from faulty import Faulty

particles = motes.fcc(cells=4, density=0.8, temperature=1.0, seed=1)
sim = motes.Simulation(particles, Faulty(0.001), [], threads=1)
print("begin", flush=True)
sim.run(10)
print("end")
"""

ENDLESS = """
import motes

particles = motes.fcc(cells=4, density=0.8, temperature=1.0, seed=1)
sim = motes.Simulation(particles, motes.VelocityVerlet(0.001), [motes.Pair(lambda r: 1 / r, 2.0)], threads=1)
print("begin", flush=True)
sim.run(10**9)
"""

FLUID = """
[particles]
lattice = "fcc"
cells = 4
density = 0.8
temperature = 1.0
seed = 1

[[interactions]]
kind = "pair"
name = "lennard-jones"
cutoff = {cutoff}
epsilon = 1.0
sigma = 1.0

[integrator]
kind = "velocity-verlet"
dt = 0.002

[run]
steps = 20
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: Any) -> Callable[[str, str], Path]:
    """Write a file into the folder in which everything runs."""
    monkeypatch.chdir(tmp_path)

    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    return write


def messages(errors: str) -> list[str]:
    """The lines that name an error, be it by a traceback's last line or on their own."""
    return re.findall(r"^(?:motes: error|[\w.]*(?:Error|Exception)):? .*$", errors, re.MULTILINE)


@pytest.mark.parametrize("fast", [1, 23], ids=["first rank", "last rank"])
def test_particles_blow_up_on_one_rank(on_ranks: Any, write: Any, fast: int) -> None:
    done = on_ranks.run(4, write("blast.py", BLAST.format(fast=fast)), timeout=SECONDS)
    assert (done.returncode, done.stdout) == (1, "begin\n")
    assert len(messages(done.stderr)) == 1, done.stderr
    assert re.search(rf"motes.RunError: step \d+: particle {fast + 1} moves by [\d.e+]+ in one", done.stderr)
    assert "  advice     use a smaller dt" in done.stderr
    assert "abort" not in done.stderr.lower()


@pytest.mark.parametrize("rank", [0, 2])
def test_an_exception_on_one_rank(on_ranks: Any, write: Any, rank: int) -> None:
    write("faulty.py", FAULTY.format(rank=rank))
    done = on_ranks.run(3, write("script.py", FAULTY_SCRIPT), timeout=SECONDS)
    assert done.returncode != 0
    assert done.stdout.split()[:1] == ["begin"]  # mpiexec may have added that a rank ended badly
    assert "end" not in done.stdout.split("\n")
    assert messages(done.stderr) == ["ZeroDivisionError: a fault of the program"]


@pytest.mark.parametrize("rank", [0, 2])
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are found the way Linux shows them")
def test_one_rank_is_killed(on_ranks: Any, write: Any, rank: int) -> None:
    with on_ranks.start(3, write("endless.py", ENDLESS)) as job:
        on_ranks.wait_for("begin\n", job, SECONDS)
        time.sleep(0.2)  # amid its steps
        alive = on_ranks.ranks_alive()
        assert set(alive) == {0, 1, 2}
        os.kill(alive[rank], signal.SIGKILL)
        done = on_ranks.end_of(job, SOON)
    assert done.returncode != 0
    assert "killed" in (done.stdout + done.stderr).lower()  # it is mpiexec that says so, and some on standard output


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are found the way Linux shows them")
def test_the_job_is_told_to_stop(on_ranks: Any, write: Any) -> None:
    with on_ranks.start(3, write("endless.py", ENDLESS)) as job:
        on_ranks.wait_for("begin\n", job, SECONDS)
        job.send_signal(signal.SIGINT)
        done = on_ranks.end_of(job, SOON)
    assert done.returncode != 0


@pytest.mark.parametrize(
    ("cutoff", "complaint"),
    [("-2.5", "cutoff"), ("'far'", "cutoff"), ("2.0\nskin = 3", "skin")],
    ids=["value", "type", "unknown key"],
)
def test_bad_input(on_ranks: Any, write: Any, cutoff: str, complaint: str) -> None:
    path = write("fluid.toml", FLUID.format(cutoff=cutoff))
    done = on_ranks.run(3, "-m", "motes", "run", path, timeout=SECONDS)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(messages(done.stderr)) == 1, done.stderr
    assert complaint in messages(done.stderr)[0]


def test_more_ranks_than_regions_can_serve(on_ranks: Any, write: Any) -> None:
    path = write("fluid.toml", FLUID.format(cutoff=12.0).replace("cells = 4", "cells = 1"))
    done = on_ranks.run(2, "-m", "motes", "run", path, timeout=SECONDS)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(messages(done.stderr)) == 1, done.stderr
    assert "fewer ranks" in messages(done.stderr)[0]


def test_a_good_input_has_no_message(on_ranks: Any, write: Any) -> None:
    done = on_ranks.run(2, "-m", "motes", "run", write("fluid.toml", FLUID.format(cutoff=2.5)), timeout=SECONDS)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("fingerprint") == 1


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"__init__.py": "raise ImportError('no module named mpi4py')"}, "several ranks need mpi4py"),
        (
            {"__init__.py": "class rc: pass", "MPI.py": "raise RuntimeError('cannot load MPI library')"},
            "no MPI library",
        ),
    ],
    ids=["no mpi4py", "no MPI library"],
)
def test_without_mpi(on_ranks: Any, write: Any, tmp_path: Path, files: dict[str, str], message: str) -> None:
    for name, text in files.items():
        write(f"mpi4py/{name}", text)
    search = os.pathsep.join([str(tmp_path), str(on_ranks.source), os.environ.get("PYTHONPATH", "")])
    done = on_ranks.run(
        3, "-m", "motes", "run", write("fluid.toml", FLUID.format(cutoff=2.5)),
        timeout=SECONDS, environment={"PYTHONPATH": search},
    )  # fmt: skip
    assert done.returncode == 2
    assert len(messages(done.stderr)) == 1, done.stderr
    assert message in messages(done.stderr)[0]
    assert "motes[mpi]" in messages(done.stderr)[0]


def test_the_wrong_mpiexec(on_ranks: Any, write: Any) -> None:
    """That of another library starts processes which do not find each other: each is a world of its own, and says so,
    since it may also be the only one, with variables of another job."""
    path = write("fluid.toml", FLUID.format(cutoff=2.5))
    said = []
    for rank in range(3):
        environment = {"OMPI_COMM_WORLD_RANK": str(rank), "OMPI_COMM_WORLD_SIZE": "3"}
        done = on_ranks.run(None, "-m", "motes", "run", path, timeout=SECONDS, environment=environment)
        assert done.returncode == 2
        assert done.stdout == ""
        said += messages(done.stderr)
    assert len(said) == 3
    for rank, line in enumerate(said):
        assert f"3 ranks, as the environment says (OMPI_COMM_WORLD_RANK={rank} OMPI_COMM_WORLD_SIZE=3)" in line
        assert line.endswith("unset OMPI_COMM_WORLD_RANK, OMPI_COMM_WORLD_SIZE")


@pytest.mark.parametrize(
    "left",
    [
        {"SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "4"},
        {"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "4"},
        {"PALS_RANKID": "1", "PALS_SIZE": "2"},
        {"MV2_COMM_WORLD_RANK": "1", "MV2_COMM_WORLD_SIZE": "2"},
        {"MOTES_RANKS": "4"},
    ],
    ids=lambda left: " ".join(left),
)
def test_variables_that_are_left_of_another_job_are_named(on_ranks: Any, write: Any, left: dict[str, str]) -> None:
    path = write("fluid.toml", FLUID.format(cutoff=2.5))
    done = on_ranks.run(None, "-m", "motes", "run", path, timeout=SECONDS, environment=left)
    assert (done.returncode, done.stdout) == (2, "")
    said = messages(done.stderr)
    assert len(said) == 1, done.stderr
    assert said[0].endswith(f"unset {', '.join(left)}")


def test_not_as_many_ranks_as_were_asked_for(on_ranks: Any, write: Any) -> None:
    """What `motes run --ranks 4` asks for, by an mpiexec that starts two."""
    path = write("fluid.toml", FLUID.format(cutoff=2.5))
    done = on_ranks.run(2, "-m", "motes", "run", path, timeout=SECONDS, environment={"MOTES_RANKS": "4"})
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(messages(done.stderr)) == 1, done.stderr
    assert "4 ranks" in messages(done.stderr)[0]


def test_ranks_were_asked_for_but_no_launcher_speaks(on_ranks: Any, write: Any) -> None:
    """Every process would otherwise run the whole input by itself, and write over the others' files."""
    path = write("fluid.toml", FLUID.format(cutoff=2.5))
    done = on_ranks.run(None, "-m", "motes", "run", path, timeout=SECONDS, environment={"MOTES_RANKS": "3"})
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(messages(done.stderr)) == 1, done.stderr
