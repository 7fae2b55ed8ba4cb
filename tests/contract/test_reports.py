"""A run that fails says the same on any number of ranks, and leaves the same behind; the job goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("failing_on_ranks.py")

START = """
import motes
import numpy as np

box = motes.Box([40.0, 8.0, 8.0], "open")
positions = np.stack([np.arange(1.0, 40.0, 1.5), np.full(26, 4.0), np.full(26, 4.0)], axis=1)
positions[-1] = positions[{same}]
particles = motes.Particles(positions, box, ids=100 - np.arange(26))
verlet, pair = motes.VelocityVerlet(0.01), motes.Pair(lambda r: 1 / r, 2.5)
given = ({arguments},)
try:
    motes.Simulation(particles, *given, threads=1)
except motes.InputError as error:
    print(error)
motes.Simulation(motes.fcc(3, 0.8), verlet, [pair], threads=1).run(2)
print("went on")
motes.Simulation(particles, *given, threads=1)
"""

STARTS = {
    "pair": (24, "verlet, [pair]", "particles 75 and 76 are 0 apart, at [37.0, 4.0, 4.0] and at [37.0, 4.0, 4.0]"),
    "field": (
        25, "verlet, [motes.Field(lambda x: np.sqrt(36.0 - x))]",
        "particle 75 at [38.5, 4.0, 4.0] feels a force or energy of the field",
    ),
    "flow": (
        25, "motes.Flow(lambda x, y, z: (np.sqrt(38.0 - x), 0 * y, 0 * z), dt=0.01)",
        "particle 75 at [38.5, 4.0, 4.0] has a velocity at the start that is not finite: Flow(",
    ),
}  # fmt: skip

FAILING = """
[particles]
lattice = "fcc"
cells = 4
density = 0.8
temperature = 1.5
seed = 1

[[interactions]]
kind = "pair"
name = "lennard-jones"
cutoff = 2.5
epsilon = 1.0
sigma = 1.0

[integrator]
kind = "velocity-verlet"
dt = 0.05

[run]
steps = 1000
"""


@pytest.fixture(scope="module")
def reports(on_ranks: Any, tmp_path_factory: Any) -> dict[int, str]:
    """What the script printed on 1, 2 and 4 ranks."""
    said = {}
    for ranks in (1, 2, 4):
        done = on_ranks.run(ranks, SCRIPT, tmp_path_factory.mktemp("runs"), timeout=120)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        said[ranks] = done.stdout
    return said


@pytest.mark.parametrize("ranks", [2, 4])
def test_the_report_and_the_state_are_the_same_on_all_numbers_of_ranks(reports: Any, ranks: int) -> None:
    assert reports[ranks].splitlines() == reports[1].splitlines()


def test_every_run_failed_and_left_a_checkpoint_of_the_step_before(reports: Any) -> None:
    assert "did not fail" not in reports[1]
    assert reports[1].count("  advice ") == reports[1].count("  position ") == 18
    lines = reports[1].splitlines()
    begins = [int(line.split()[1].rstrip(":")) for line in lines if line.startswith("step ")]
    ends = [line.split() for line in lines if " step-" in line]
    assert [(int(step), name) for step, _, name in ends] == [(begin - 1, f"step-{begin - 1}") for begin in begins]


@pytest.mark.parametrize("ranks", [1, 3])
@pytest.mark.parametrize("kind", STARTS)
def test_what_only_the_last_rank_can_see_at_the_start(on_ranks: Any, tmp_path: Path, kind: str, ranks: int) -> None:
    same, arguments, words = STARTS[kind]
    path = tmp_path / "start.py"
    path.write_text(START.format(same=same, arguments=arguments), encoding="utf-8")
    done = on_ranks.run(ranks, "-m", "motes", "run", "--quiet", path, timeout=60)
    assert done.returncode == 2
    first, second = done.stdout.splitlines()
    assert words in first
    assert second == "went on"
    assert done.stderr == f"motes: error: {path}:17: {first}\n"


def test_the_command_line_fails_with_one_message(on_ranks: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    Path("failing.toml").write_text(FAILING, encoding="utf-8")
    said = []
    for ranks in (None, 2):
        done = on_ranks.run(ranks, "-m", "motes", "run", "failing.toml", "--quiet", "--overwrite", timeout=60)
        assert (done.returncode, done.stdout) == (1, "")
        said.append(done.stderr)
    assert said[0] == said[1]
    assert said[0].startswith("motes: error: step ")
    assert said[0].count("error") == 1
    assert "  the state before that step is in failing.ckpt/step-" in said[0]
