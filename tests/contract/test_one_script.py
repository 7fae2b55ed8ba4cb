"""One script, any machine: what it prints and how it ends is the same on four ranks as on one."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

SECONDS = 60

START = """
import motes
import numpy as np

def bump(r, cutoff):
    return 5.0 * (1 - (r / cutoff) ** 2) ** 3

def simulation(count=60):
    box = motes.Box([6.0, 5.0, 4.0])
    drawn = np.random.default_rng().random((count, 3)) * box.lengths  # without a seed: other numbers in each process
    particles = motes.Particles(drawn, box)
    particles.thermalize(1.0, seed=1)
    return drawn, motes.Simulation(particles, motes.VelocityVerlet(0.01), [motes.Pair(bump, 1.0)], threads=1)
"""


@pytest.fixture
def both(on_ranks: Any, tmp_path: Path) -> Callable[..., tuple[CompletedProcess[str], CompletedProcess[str]]]:
    """Run the same lines, after START, on one rank without MPI and on four."""

    def run(lines: str, *arguments: object) -> tuple[CompletedProcess[str], CompletedProcess[str]]:
        script = tmp_path / "script.py"
        script.write_text(START + textwrap.dedent(lines), encoding="utf-8")
        alone = on_ranks.run(None, script, *arguments, timeout=SECONDS)
        together = on_ranks.run(4, script, *arguments, timeout=SECONDS)
        return alone, together

    return run


def test_whatever_a_script_does_it_does_once(both: Any) -> None:
    """Choices, random numbers, errors that it handles, several simulations in turn, some of them let go."""
    alone, together = both(
        """
        import gc, sys
        print("begin", sys.argv[1:], __name__)
        drawn, first = simulation()
        print("as drawn", np.abs(first.positions - drawn).max() < 1e-10, len(first))
        first.run(5)
        if first.temperature > 1e-3:
            first.run(7)
            print("ran on to", first.step)
        if np.random.default_rng().random() < 0.5:  # not the same choice in each process
            first.potential_energy, first.forces
        try:
            motes.Simulation(motes.Particles(drawn, motes.Box([1.0, 1.0])), motes.VelocityVerlet(0.01))
        except motes.InputError as error:
            print("refused", error)
        try:
            together = motes.Box([6.0, 5.0, 4.0])
            positions = np.zeros((2, 3))
            motes.Simulation(
                motes.Particles(positions, together), motes.VelocityVerlet(0.01),
                [motes.Pair(motes.potentials.lennard_jones, 2.0, epsilon=1.0, sigma=1.0)],
            )
        except motes.InputError as error:
            print("refused two at one position:", str(error)[:40])
        try:
            first.run(-1)
        except motes.InputError as error:
            print("refused", error)
        drawn, second = simulation(80)
        for turn in range(3):
            first.run(2)
            second.run(3)
            print(first.step, second.step, len(first), len(second), first.ids[-1], second.ids[-1])
        last = second.fingerprint
        del first
        gc.collect()
        second.run(0)
        print("the other stays", second.fingerprint == last)
        third = simulation(10)[1]
        second.velocities = -second.velocities
        second.run(9)
        third.run(4)
        print("there and back", (np.abs(second.positions - second.box.snap(drawn)) == 0).all())
        """,
        "some", "--arguments",
    )  # fmt: skip
    assert (alone.returncode, alone.stderr) == (0, "")
    assert "ran on to 12" in alone.stdout
    assert alone.stdout.count("refused") == 3
    assert alone.stdout.count("True") == 3
    assert (together.stdout, together.stderr, together.returncode) == (alone.stdout, "", 0)


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("raise ValueError('half-way')", 1),
        ("sim.run(-3)", 1),  # an InputError that nobody catches
        ("raise SystemExit(7)", 7),
    ],
    ids=["exception", "input error", "exit status"],
)
def test_a_script_may_end_half_way(both: Any, end: str, status: int) -> None:
    alone, together = both(
        f"sim = simulation()[1]\nsim.run(3)\nprint('half', sim.step, flush=True)\n{end}\nprint('whole')"
    )
    assert (alone.returncode, alone.stdout) == (status, "half 3\n")
    assert (together.returncode, together.stdout) == (status, "half 3\n")
    assert together.stderr.count("Traceback") == alone.stderr.count("Traceback")
    assert together.stderr.startswith(alone.stderr)


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ("print('nothing to simulate')", 0),
        ("raise ValueError('before there is a simulation')", 1),
        ("motes.Box([-1.0, 1.0])", 1),
    ],
    ids=["none", "exception", "input error"],
)
def test_a_script_need_not_simulate_at_all(both: Any, lines: str, status: int) -> None:
    alone, together = both(lines)
    assert alone.returncode == status
    assert (together.returncode, together.stdout) == (status, alone.stdout)
    assert together.stderr.startswith(alone.stderr)


def test_other_processes_of_a_script_keep_to_themselves(both: Any) -> None:
    """Workers that simulate on their own, while the ranks serve the script."""
    alone, together = both(
        """
        import subprocess, sys
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        def measure(count):
            sim = simulation(count)[1]
            sim.run(2)
            return len(sim), sim.describe()["ranks"]

        if __name__ == "__main__":
            sim = simulation()[1]
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                print(list(pool.map(measure, [20, 30])))
            sim.run(2)
            child = "import motes; print(motes.Simulation(motes.fcc(2, 1.0), motes.VelocityVerlet(0.01)))"
            done = subprocess.run([sys.executable, "-c", child], capture_output=True)
            print(sim.step, done.stdout, done.stderr)
        """
    )
    assert (alone.returncode, alone.stderr) == (0, "")
    assert alone.stdout == "[(20, 1), (30, 1)]\n2 b'Simulation(32 particles, VelocityVerlet(dt=0.01), step 0)\\n' b''\n"
    assert (together.stdout, together.stderr, together.returncode) == (alone.stdout, "", 0)
