"""What may come of an input: a valid object, or one InputError of one line that names the file. All else is wrong."""

from __future__ import annotations

import math
import resource
import signal
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import fuzz_mutate
import fuzz_seeds
import numpy as np

import motes
import motes.formulas.kernel
from motes.forces.cluster_kernel import cluster_source
from motes.formulas.expression import LONGEST_TEXT, expression_parameters
from motes.formulas.formula import walk
from motes.simulation.inputs.build import Job, read_job
from motes.simulation.inputs.config import Config, LatticeParticles, RandomParticles, load
from naming import named

SECONDS = 10.0
ROOM = 2 << 30
"""Bytes that may be asked for beyond what the process has."""

MANY = 5_000
"""Particles beyond this are only counted, and of no more than FEW, with images, the first forces are computed."""
FEW = 10_000
LONGEST_MESSAGE = 1200


class TooSlowError(BaseException):
    """Not done in time. No handler of the library may take it for something else."""


class _NotCompiledError(Exception):
    """Source that no seed has was generated, and to compile it would take seconds."""


@contextmanager
def time_limit(seconds: float = SECONDS) -> Iterator[None]:
    """Stop what takes longer."""

    def stop(*_: object) -> None:
        raise TooSlowError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def memory_limit(room: int = ROOM) -> Iterator[None]:
    """Let nothing ask for much more memory than the process has already."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def outcome(examine: Callable[[], None], name: str) -> str:
    """ "accepted", "refused", or what is wrong."""
    try:
        with warnings.catch_warnings(record=True) as warned, time_limit():
            warnings.simplefilter("always")
            examine()
    except motes.InputError as error:
        return _complaint(str(error), name)
    except TooSlowError:
        return f"not done within {SECONDS:g} s"
    except Exception as error:  # noqa: BLE001 - any other is what is looked for
        return f"{type(error).__name__}: {error}"[:300]
    others = [str(one.message) for one in warned if not issubclass(one.category, motes.MotesWarning)]
    return f"warning: {others[0]}" if others else "accepted"


def _complaint(message: str, name: str) -> str:
    for wrong, what in (
        (not message.strip(), "an empty message"),
        (not message.isprintable(), "a message that is not one line"),
        (len(message) > LONGEST_MESSAGE, "a message that is too long"),
        (name not in message, "a message without the file's name"),
    ):
        if wrong:
            return f"{what}: {message[:300]!r}"
    return "refused"


def check_particles(particles: motes.Particles) -> None:
    """What was accepted must be particles, all in the box."""
    box, count = particles.box, len(particles)
    assert count > 0
    assert particles.positions.shape == particles.velocities.shape == (count, box.dimensions)
    for values in (particles.positions, particles.velocities, particles.mass, *particles.attributes.values()):
        assert np.isfinite(values).all()
    inside = particles.positions - box.origin
    assert ((inside >= 0) & (inside <= box.lengths)).all()
    assert (particles.mass > 0).all()
    assert len(np.unique(particles.ids)) == count
    assert particles.types.min() >= 0
    assert particles.types.max() < len(particles.type_names)


class Fuzzer:
    """Feeds inputs of every kind to the library, from files in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        gsd_seeds = fuzz_seeds.gsd_files(folder)
        packed = tuple(map(fuzz_seeds.compressed, fuzz_seeds.LAMMPS))
        text, binary = fuzz_mutate.TEXT, fuzz_mutate.BINARY
        self.kinds: dict[str, Kind] = {
            "toml": Kind("a.toml", fuzz_seeds.TOML, text, self._toml),
            "expression": Kind("", fuzz_seeds.EXPRESSIONS, text, self._expression),
            "lammps": Kind("a.data", fuzz_seeds.LAMMPS, text, self._read),
            "lammps, packed": Kind("a.data.gz", packed, binary, self._read),
            "xyz": Kind("a.xyz", fuzz_seeds.XYZ, text, self._read),
            "gsd": Kind("a.gsd", gsd_seeds, binary, self._read),
        }
        for name, contents in fuzz_seeds.FILES.items():
            (folder / name).write_bytes(contents)
        self._compiled: set[str] = set()

    def verdict(self, kind: str, text: bytes) -> str:
        """ "accepted", "refused", or what is wrong with how an input was treated."""
        what = self.kinds[kind]
        path = self._file(what.name, text) if what.name else Path()
        return outcome(lambda: what.examine(path, text), what.name)

    def mutated(self, kind: str, number: int) -> bytes:
        """The input of this number. Of what is packed, every other one is changed before it is packed."""
        if kind == "lammps, packed" and number % 2:
            return fuzz_seeds.compressed(self.mutated("lammps", number))
        return fuzz_mutate.mutated(number, self.kinds[kind].seeds, self.kinds[kind].mutations)

    def campaign(self, kind: str, numbers: range) -> Report:
        """Try the inputs of these numbers."""
        report = Report()
        if kind == "toml":
            self.compile_seeds()
        with memory_limit():
            for number in numbers:
                report.add(number, self.verdict(kind, self.mutated(kind, number)))
        return report

    def compile_seeds(self) -> None:
        """Compile the kernels of the seeds, so that inputs which differ in numbers only can be simulated."""
        for seed in fuzz_seeds.TOML:
            self._simulate(read_job(self._file("seed.toml", seed)), compile_all=True)

    def _file(self, name: str, text: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(text)
        return path

    def _read(self, path: Path, _text: bytes) -> None:
        check_particles(motes.read(path, bonds="ignore"))

    def _toml(self, path: Path, _text: bytes) -> None:
        if MANY < _count(load(path)) < 1e7:  # more is refused for want of memory, or should be
            return
        job = read_job(path)
        check_particles(job.particles)
        if not FEW < len(job.particles) * _images(job) < 1e12:  # still more are refused, or should be
            self._simulate(job)

    def _simulate(self, job: Job, compile_all: bool = False) -> None:
        """Up to the first forces, where the source of the kernel is one that is compiled already."""

        def compiled(key: str, generate: Callable[[], str]) -> ModuleType:
            if compile_all:
                self._compiled.add(key)
            elif key not in self._compiled:
                generate()
                raise _NotCompiledError
            return load_module(key, generate)

        load_module = motes.formulas.kernel.load
        with (
            mock.patch("motes.formulas.kernel.load", compiled),
            mock.patch("motes.simulation.simulation.minimize", return_value=(0, 0.0)),  # which may take long
        ):
            try:
                job.simulation(threads=1)
            except _NotCompiledError:
                return

    def _expression(self, _path: Path, text: bytes) -> None:
        derive(text.decode("utf-8", "replace"))


def derive(text: str) -> None:
    """From a formula to the source of its kernel, with the energy and the slope taken off at the cutoff."""
    given = dict.fromkeys((name for name in expression_parameters(text) if name != "cutoff"), 1.5)
    bound = motes.Pair.from_expression(text, 2.5, "force", **given).bind(named())
    assert len(walk(bound.pair.formula)) < 20 * LONGEST_TEXT
    compile(cluster_source([bound.term], 1, 3, "forces"), "generated", "exec")


def _count(config: Config) -> float:
    """How many particles an input file asks for, 0 where another file says it."""
    table = config.particles
    if isinstance(table, LatticeParticles):
        return 4.0 * math.prod(map(float, table.cells))
    return float(table.random) if isinstance(table, RandomParticles) else 0.0


def _images(job: Job) -> float:
    """How many images of the box are within the cutoff: a run with very many is slow, but no mistake."""
    box = job.particles.box
    reach = max((one.reach for one in job.bound), default=0.0) + (job.config.run.skin or 0.0)
    return math.prod(reach / edge + 1.0 for edge in box.lengths[box.periodic].tolist())


@dataclass(frozen=True)
class Kind:
    """One kind of input: the name of its file, right ones, how they are changed, and who looks at them."""

    name: str
    seeds: tuple[bytes, ...]
    mutations: tuple[fuzz_mutate.Mutation, ...]
    examine: Callable[[Path, bytes], Any]


@dataclass
class Report:
    """How often each thing came out, and by number what is wrong."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: dict[int, str] = field(default_factory=dict)

    def add(self, number: int, verdict: str) -> None:
        """Count one."""
        good = verdict in ("accepted", "refused")
        self.counts[verdict if good else "failed"] += 1
        if not good:
            self.failures[number] = verdict
