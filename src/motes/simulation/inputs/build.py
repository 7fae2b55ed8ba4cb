"""From the input file to the objects of a run.

Inputs (`read`, `function`) are found relative to the input file, so that a folder can be moved; outputs go to
the current folder, as with any command.
"""

from __future__ import annotations

import importlib.util
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from motes.core.box import Boundary, Box
from motes.core.errors import InputError
from motes.core.progress import no_progress_bar
from motes.core.words import did_you_mean
from motes.engine.starts import Summary
from motes.forces import BoundInteraction, Interaction
from motes.forces.parameters import mix
from motes.forces.potentials import BUILT_IN
from motes.integrators import KINDS
from motes.particles.builders import fcc
from motes.particles.builders import random as random_particles
from motes.particles.particles import Particles
from motes.particles.readers import read
from motes.simulation.inputs.config import (
    RESULTS,
    BoxTable,
    Config,
    InteractionTable,
    LatticeParticles,
    Mix,
    RandomParticles,
    ReadParticles,
    read_tables,
    validated,
)
from motes.simulation.minimize import Minimized
from motes.simulation.simulation import Simulation

READ_OPTIONS = ("format", "style", "mass", "dimensions", "frame", "bonds")


@dataclass
class Job:
    """An input file and what it describes, but for where the particles are."""

    path: Path
    tables: dict[str, Any]
    config: Config
    summary: Summary
    interactions: list[Interaction] = field(default_factory=list)
    bound: list[BoundInteraction] = field(default_factory=list)
    """The same with all their names resolved."""
    minimized: Minimized | None = None
    """How the minimization before the run ended, if there was one."""

    def add_interactions(self) -> None:
        """Build those of the file."""
        for number, table in enumerate(self.config.interactions):
            with blame(self.path, f"[[interactions]] number {number + 1}"):
                self.interactions.append(build_interaction(self, table))


@dataclass
class NewJob(Job):
    """A run that begins with the particles of the file. Building one writes nothing."""

    particles: Particles = field(kw_only=True)

    def simulation(self, threads: int | None = None, show: bool = False) -> Simulation:
        """A simulation of it, minimized if the file says so, with a bar if `show`; `threads` goes before the file's."""
        run, integrator = self.config.run, build_integrator(self)
        with blame(self.path):
            simulation = Simulation(
                self.particles,
                integrator,
                self.interactions,
                threads=threads or run.threads,
                skin=run.skin,
            )
        wish = self.config.minimize
        if wish is not None:
            with blame(self.path, "[minimize]"), nullcontext() if show else no_progress_bar():
                self.minimized = simulation.minimize(wish.force_tolerance, wish.steps)
        simulation.made_from(self.path, self.tables)
        return simulation


def read_job(path: Path, settings: tuple[str, ...] = (), changes: Mapping[str, Any] | None = None) -> NewJob:
    """Read an input file and all it names. Raises InputError that begins with the file's name."""
    tables = read_tables(path, settings, changes)
    config = validated(path, tables)
    with blame(path, "[particles]"):
        particles = build_particles(config, path.parent)
    job = NewJob(path, tables, config, Summary.of(particles), particles=particles)
    job.add_interactions()
    return job


@contextmanager
def blame(path: Path, table: str = "") -> Iterator[None]:
    """Put the file and the table in front of complaints from inside."""
    try:
        yield
    except InputError as error:
        raise InputError(": ".join(filter(None, [str(path), table, str(error)]))) from error


def build_particles(config: Config, folder: Path) -> Particles:
    """The particles of [particles], in the box of [box]."""
    table = config.particles
    if isinstance(table, ReadParticles):
        particles = _read(table, config.box, folder)
    elif isinstance(table, LatticeParticles):
        particles = _lattice(table, config.box)
    else:
        particles = _random(table, config.box)
    if table.temperature is not None and table.seed is not None:
        particles.thermalize(table.temperature, table.seed)
    return particles


def _read(table: ReadParticles, box: BoxTable, folder: Path) -> Particles:
    """Particles and box of a file; [box] lengths, or only boundary, go before the file's own."""
    options = {name: getattr(table, name) for name in READ_OPTIONS}
    options = {name: value for name, value in options.items() if value is not None}
    if box.lengths is not None:
        return read(folder / Path(table.read).expanduser(), Box(box.lengths, _boundary(box), box.origin), **options)
    if box.origin is not None:
        raise InputError("[box] origin needs lengths beside it")
    if box.boundary is not None:
        options["boundary"] = _boundary(box)
    return read(folder / Path(table.read).expanduser(), **options)


def _lattice(table: LatticeParticles, box: BoxTable) -> Particles:
    if box.lengths is not None or box.origin is not None:
        raise InputError("a lattice makes its own box: leave [box] lengths and origin out")
    x, y, z = table.cells
    particles = fcc((x, y, z), table.density, mass=table.mass)
    if box.boundary is None:
        return particles
    return Particles(particles.positions, Box(particles.box.lengths, _boundary(box)), mass=particles.mass)


def _random(table: RandomParticles, box: BoxTable) -> Particles:
    lengths = box.lengths
    if lengths is None and table.density is not None:
        lengths = [(table.random / table.density) ** (1 / 3)] * 3
    elif lengths is None or table.density is not None:
        raise InputError("random particles need a density (of a cube) or [box] lengths, one of the two")
    return random_particles(
        table.random,
        Box(lengths, _boundary(box), box.origin),
        table.seed,
        minimum_distance=table.minimum_distance,
        mass=table.mass,
    )


def _boundary(box: BoxTable) -> Boundary | list[Boundary]:
    """One word stands for all axes."""
    words: list[Boundary] = box.boundary or ["periodic"]
    return words[0] if len(words) == 1 else words


def build_interaction(job: Job, table: InteractionTable) -> Interaction:
    """The interaction of one [[interactions]], whose names must all have a meaning."""
    summary, law = job.summary, cast("Callable[..., Interaction]", table.law)
    labels = summary.topology[table.law.tuples].names if table.law.tuples else summary.type_names
    given: dict[str, Any] = {}
    for name, value in table.parameters.items():
        single = not table.law.of_pairs or (not table.law.of_one_function and _by_one_type(value, labels))
        known = by_label(value, labels) if single else build_parameter(name, value, summary)
        given[_as_python(name)] = known
    given |= {name: build_parameter(name, option, summary) for name, option in table.options.items()}
    if table.text is not None:
        built: Interaction = table.law.from_expression(table.text, **given)
    elif table.function is not None:
        built = law(_function(table.function, job.path.parent), **given)
    else:
        built = law(_built_in(str(getattr(table, "name", None))), **given)
    job.bound.append(built.bind(summary.names))
    return built


def _as_python(name: str) -> str:
    """A name as Python reads it: two letters that look alike, such as the micro sign and mu, are one."""
    return unicodedata.normalize("NFKC", name)


def _by_one_type(value: Any, type_names: Sequence[str | int]) -> bool:
    """Whether a table is by one type, for what is of one particle; types may have dashes themselves."""
    return isinstance(value, dict) and (set(value) <= set(map(str, type_names)) or not any("-" in key for key in value))


def by_label(value: Any, type_names: Sequence[str | int]) -> Any:
    """A table by type with the types as they are, which may be numbers; anything else as it is."""
    labels: dict[str, str | int] = {str(label): label for label in type_names}
    return {labels.get(key, key): number for key, number in value.items()} if isinstance(value, dict) else value


def build_parameter(name: str, value: Any, summary: Summary) -> Any:
    """A parameter of two particles; what is neither a rule nor a table by types, as it is."""
    if isinstance(value, Mix):
        return mix(value.mix, value.rule)
    if isinstance(value, dict):
        return {_types(name, key, summary): number for key, number in value.items()}
    return value


def _types(name: str, key: str, summary: Summary) -> tuple[str | int, str | int]:
    """The two types that a key "A-B" names. Types may have dashes themselves, so every dash is tried."""
    known: dict[str, str | int] = {str(label): label for label in summary.type_names}
    words = key.split("-")
    halves = [("-".join(words[:cut]), "-".join(words[cut:])) for cut in range(1, len(words))]
    pairs = [(known[first], known[second]) for first, second in halves if first in known and second in known]
    if not pairs and len(halves) == 1:  # types that nothing here has, unless values are missing as well
        return known.get(words[0], words[0]), known.get(words[1], words[1])
    if len(pairs) != 1:
        labels = ", ".join(known)
        raise InputError(f'{name}: "{key}" are no two types like "A-B"; the types here are {labels}')
    return pairs[0]


def _built_in(name: str) -> Callable[..., Any]:
    if name not in BUILT_IN:
        raise InputError(f"name = {name!r} is no built-in interaction; {did_you_mean(name, BUILT_IN)}")
    function: Callable[..., Any] = BUILT_IN[name]
    return function


def _function(reference: str, folder: Path) -> Callable[..., Any]:
    """The function that "file.py:name" names."""
    file, colon, name = reference.rpartition(":")
    if not colon or not file.endswith(".py") or not name.isidentifier():
        raise InputError(f'function = {reference!r}: write "file.py:name"')
    namespace = _run_module(folder / Path(file).expanduser())
    if not callable(namespace.get(name)):
        functions = [key for key, value in namespace.items() if callable(value) and not key.startswith("_")]
        hint = did_you_mean(name, functions) if functions else "it defines none"
        raise InputError(f"function = {reference!r}: there is no function {name} in {folder / file}; {hint}")
    function: Callable[..., Any] = namespace[name]
    return function


def _run_module(path: Path) -> dict[str, Any]:
    """What a Python file defines."""
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    specification = importlib.util.spec_from_file_location(f"motes_input_{path.stem}", path)
    if specification is None or specification.loader is None:
        raise InputError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module  # where pickling and dataclasses look a module up
    try:
        specification.loader.exec_module(module)
    except Exception as error:  # whatever a user's file raises is the user's to read
        raise InputError(f"{path} cannot be loaded: {type(error).__name__}: {error}") from error
    return vars(module)


def build_integrator(job: Job) -> Any:
    """The integrator of [integrator]."""
    table = job.config.integrator
    with blame(job.path, "[integrator]"):
        given = {name: by_label(value, job.summary.type_names) for name, value in table.arguments.items()}
        return KINDS[table.kind](**given)


def check_outputs(job: NewJob) -> None:
    """Refuse outputs that would meet one another, or be written over an input."""
    config, folder = job.config, job.path.parent
    outputs = [(name, getattr(config, name)) for name in ("thermo", "trajectory", "checkpoint", *RESULTS)]
    taken = {job.path.resolve(): "the input file"}
    if isinstance(config.particles, ReadParticles):
        taken[(folder / Path(config.particles.read).expanduser()).resolve()] = "the file the particles are read from"
    for name, table in outputs:
        if table is not None and table.path is not None:
            path = Path(table.path).expanduser().resolve()
            if path in taken:
                raise InputError(f"{job.path}: [{name}]: path = {table.path!r} is {taken[path]}")
            taken[path] = f"already the path of [{name}]"
