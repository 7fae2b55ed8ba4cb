"""What the tests of the command line share: a small fluid, and a way to run commands in this process."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from motes.cli import app

FLUID = """
[particles]
lattice = "fcc"
cells = 3
density = 0.8
temperature = 1.0
seed = 1

[[interactions]]
kind = "pair"
name = "lennard-jones"
cutoff = 2.0
epsilon = 1.0
sigma = 1.0

[integrator]
kind = "velocity-verlet"
dt = 0.002

[run]
steps = 20
threads = 1

[thermo]
every = 10
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def write(folder):
    """Write a text to a file of the folder, the fluid to fluid.toml if nothing else is said."""

    def write(text: str = FLUID, name: str = "fluid.toml") -> Path:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def motes():
    """Call `motes` with these arguments; the result has exit_code, stdout and stderr."""

    def call(*arguments: object):
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return call
