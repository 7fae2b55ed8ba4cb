"""The systems whose runs must have the same bits, each with few particles and many neighbours lists; and a way to
start programs on several ranks.
"""

from __future__ import annotations

import importlib.util
import os
import re
import select
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import motes

LAMMPS = Path(__file__).parents[1] / "data" / "lammps"


def lennard_jones(r: Any, epsilon: Any, sigma: Any) -> Any:
    return 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)


def bump(r: Any, height: Any, cutoff: Any) -> Any:
    """Soft spheres."""
    return height * (1 - (r / cutoff) ** 2) ** 3


def melt() -> tuple[motes.Particles, list[motes.Pair]]:
    """LAMMPS's own benchmark, 4,000 particles."""
    return motes.read(LAMMPS / "melt-4000.data"), [motes.Pair(lennard_jones, 2.5, epsilon=1.0, sigma=1.0)]


def mixture() -> tuple[motes.Particles, list[motes.Pair]]:
    """Kob's and Andersen's mixture, with tables of two types and two masses."""
    with np.load(LAMMPS / "liq4k_binary_ka.npz") as file:
        types = np.array(["", "A", "B"])[file["type"]]
        particles = motes.Particles(
            file["x"], motes.Box(file["box"][3:6]), file["v"], mass=np.where(types == "B", 1.7, 1.0), types=types
        )
    pair = motes.Pair(
        lennard_jones, cutoff=[[2.5, 2.0], [2.0, 2.2]], shift="energy",
        epsilon=[[1.0, 1.5], [1.5, 0.5]], sigma=[[1.0, 0.8], [0.8, 0.88]],
    )  # fmt: skip
    return particles, [pair]


def moving(particles: motes.Particles, temperature: float) -> motes.Particles:
    particles.thermalize(temperature, seed=11)
    return particles


def plane() -> tuple[motes.Particles, list[motes.Pair]]:
    """Soft discs of five types in two dimensions, between walls along one axis, far from zero; two interactions."""
    box = motes.Box([14.0, 11.0], ["periodic", "reflecting"], origin=[30.0, -200.0])
    types = np.arange(420) % 5
    height = 4.0 + np.add.outer(np.arange(5), np.arange(5))
    particles = moving(motes.random(420, box, 3, minimum_distance=0.3, types=types), 2.0)
    return particles, [motes.Pair(bump, 1.1, height=height), motes.Pair(bump, 0.6, height=9.0)]


def slab() -> tuple[motes.Particles, list[motes.Pair]]:
    """A box thinner than the cutoff, so that particles meet images of themselves; sizes that are mixed."""
    box = motes.Box([9.0, 8.0, 1.25], ["periodic", "reflecting", "periodic"], origin=[-4.5, -4.0, 0.0])
    generator = np.random.default_rng(2)
    height, positions = generator.uniform(1.0, 2.0, 300), generator.random((300, 3)) * box.lengths + box.origin
    particles = moving(motes.Particles(positions, box, height=height), 1.0)
    return particles, [motes.Pair(bump, 1.5, height=motes.mix("height", "geometric"))]


def droplet() -> tuple[motes.Particles, list[motes.Pair]]:
    """A liquid in open space."""
    with np.load(LAMMPS / "drop_open_lj_cut.npz") as file:
        low, high = file["box"][:3], file["box"][3:6]
        particles = motes.Particles(file["x"], motes.Box(high - low, "open", low), file["v"])
    return particles, [motes.Pair(lennard_jones, 2.5, epsilon=1.0, sigma=1.0)]


TIME_STEPS = {melt: 0.005, mixture: 0.004, plane: 0.02, slab: 0.02, droplet: 0.01}
SYSTEMS = {make.__name__: (make, dt) for make, dt in TIME_STEPS.items()}
INTEGRATORS: dict[str, Callable[[float], Any]] = {
    "VelocityVerlet": lambda dt: motes.VelocityVerlet(dt),
    "Langevin": lambda dt: motes.Langevin(dt, temperature=1.0, friction=0.7, seed=5),
    "Brownian": lambda dt: motes.Brownian(dt / 50, temperature=1.0, friction=1.0, seed=6),
    "Bussi": lambda dt: motes.Bussi(dt, temperature=1.0, tau=0.3, seed=7),
}


@dataclass(frozen=True)
class Case:
    """One system under one integrator."""

    system: str
    integrator: str

    @property
    def particles(self) -> motes.Particles:
        """The particles at the start; every call makes the same ones."""
        return SYSTEMS[self.system][0]()[0]

    def simulation(self, particles: motes.Particles | None = None, **options: Any) -> motes.Simulation:
        """A simulation of it, on one thread and with a thin skin, hence many lists, by default."""
        make, dt = SYSTEMS[self.system]
        own, pairs = make()
        options = {"threads": 1, "skin": 0.1} | options
        return motes.Simulation(particles or own, INTEGRATORS[self.integrator](dt), pairs, **options)

    @property
    def steps(self) -> int:
        """Enough for several neighbour lists."""
        return 40 if self.system in ("melt", "mixture") else 120


@cache
def reference(case: Case) -> motes.Simulation:
    """The run that all others are held against."""
    sim = case.simulation()
    sim.run(case.steps)
    return sim


@pytest.fixture(params=[Case(s, i) for s in SYSTEMS for i in INTEGRATORS], ids=lambda c: f"{c.system}-{c.integrator}")
def case(request: Any) -> Case:
    """Each system under each integrator."""
    return request.param


@pytest.fixture
def whole_run(case: Case) -> motes.Simulation:
    """The case run on one thread. Not to be changed."""
    return reference(case)


@pytest.fixture(scope="session")
def cases() -> Callable[[str, str], tuple[Case, motes.Simulation]]:
    """A case and its whole run, by the names of its system and integrator."""

    def find(system: str, integrator: str) -> tuple[Case, motes.Simulation]:
        return Case(system, integrator), reference(Case(system, integrator))

    return find


MARK = "MOTES_TEST_MARK"
MORE_THAN_CORES = re.compile(r"^motes: \d+ (ranks|threads of a rank) on \d+ cores?: they wait .*\n", re.MULTILINE)
"""What is said on machines with few cores, where these tests work as well."""
GRACE = 10.0
"""Seconds in which processes that were told to end must be gone."""


class OnRanks:
    """Starts Python on several ranks, with a time limit, and sees to it that no process outlives its job."""

    def __init__(self, mpiexec: str) -> None:
        self._mpiexec = mpiexec
        self._mark = uuid.uuid4().hex
        self.source = Path(motes.__file__).parents[1]

    @contextmanager
    def start(
        self, ranks: int | None, *arguments: Any, environment: Any = None, **options: Any
    ) -> Iterator[subprocess.Popen[str]]:
        """A running `mpiexec -n ranks python arguments`; without ranks, only `python arguments`."""
        launcher = [] if ranks is None else [self._mpiexec, "-n", str(ranks)]
        paths = os.pathsep.join(filter(None, [str(self.source), os.environ.get("PYTHONPATH")]))
        process = subprocess.Popen(
            [*launcher, sys.executable, *map(str, arguments)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": paths, MARK: self._mark, **(environment or {})},
            **{"stdin": subprocess.DEVNULL, **options},
        )  # fmt: skip
        try:
            yield process
        finally:
            process.terminate()  # mpiexec takes its ranks with it
            process.communicate(timeout=30)

    def run(
        self, ranks: int | None, *arguments: Any, timeout: float, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run to the end, which must come within timeout seconds."""
        with self.start(ranks, *arguments, **options) as process:
            return self.end_of(process, timeout)

    def wait_for(self, line: str, process: subprocess.Popen[str], timeout: float) -> None:
        """The first line that a job prints must be this one, within timeout seconds."""
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], timeout)
        if not ready or process.stdout.readline() != line:
            process.terminate()
            pytest.fail(f"did not print {line!r} within {timeout} s; so far: {process.communicate(timeout=30)}")

    def end_of(self, process: subprocess.Popen[str], timeout: float) -> subprocess.CompletedProcess[str]:
        """Wait for a job to end by itself, leaving no one behind."""
        try:
            output, errors = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.terminate()
            pytest.fail(f"still running after {timeout} s; so far: {process.communicate(timeout=30)}")
        until = time.monotonic() + GRACE
        while self.ranks_alive() and time.monotonic() < until:
            time.sleep(0.1)
        assert not self.ranks_alive()
        return subprocess.CompletedProcess(process.args, process.returncode, output, MORE_THAN_CORES.sub("", errors))

    def ranks_alive(self) -> dict[int, int]:
        """The process of each rank that is running now, by its number, as Linux knows them."""
        found: dict[int, int] = {}
        for process in Path("/proc").glob("[0-9]*"):
            try:
                text = (process / "environ").read_bytes().decode(errors="replace")
            except OSError:  # it has just ended, or is somebody else's
                continue
            variables = dict(pair.split("=", 1) for pair in text.split("\0") if "=" in pair)
            if variables.get(MARK) == self._mark and "PMI_RANK" in variables:
                found[int(variables["PMI_RANK"])] = int(process.name)
        return found


@pytest.fixture(scope="module")
def on_ranks() -> OnRanks:
    """Starts programs on several ranks; skips where mpi4py is not installed."""
    if importlib.util.find_spec("mpi4py") is None:
        pytest.skip("mpi4py is not installed: pip install 'motes[mpi]'")
    beside = Path(sys.executable).with_name("mpiexec")
    mpiexec = str(beside) if beside.exists() else shutil.which("mpiexec")
    assert mpiexec, "mpi4py is installed, but there is no mpiexec"
    return OnRanks(mpiexec)
