"""Every example runs, from a copy, as the README says."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
def copy(tmp_path):
    return shutil.copytree(EXAMPLES, tmp_path / "examples")


def run(command, folder):
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.py")))
def test_scripts(copy, name):
    assert run([name], copy)


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.toml")))
def test_input_files(copy, name):
    assert "at the cutoff" in run(["-m", "motes", "check", name], copy)
    assert "fingerprint" in run(["-m", "motes", "run", name, "--steps", "100"], copy)


def test_the_file_and_the_script_are_the_same_run(copy):
    printed = run(["-m", "motes", "run", "melt.toml"], copy)
    assert run(["melt.py"], copy).split()[-1] in printed
