"""What a sweep runs: a function, or an input file."""

from __future__ import annotations

import hashlib
import inspect
import os
from collections.abc import Callable, Sequence
from inspect import Parameter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motes.core.checks import file_path
from motes.core.errors import InputError
from motes.core.words import did_you_mean
from motes.sweeps.code import code_digest
from motes.sweeps.executors import name_of
from motes.sweeps.runs import Row, Run

if TYPE_CHECKING:
    from motes.simulation.inputs.config import Config

OUTPUTS = ("thermo", "trajectory", "checkpoint")


class Function:
    """A function of keyword arguments; if it has one called seed, that is given the seed of the run."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self._arguments = _arguments_of(function)

    def check(self, runs: Sequence[Run]) -> None:
        """Raise InputError, before anything runs, unless all that has no default is given, and nothing unknown."""
        if self._arguments is None:
            return
        known = {name for name, one in self._arguments.items() if one.kind is not Parameter.VAR_KEYWORD}
        open_ended = len(known) < len(self._arguments)
        needed = {name for name in known if self._arguments[name].default is Parameter.empty}
        for names in dict.fromkeys(tuple(run.parameters) for run in runs):
            self._check_names(names, known, needed, open_ended)

    def _check_names(self, names: Sequence[str], known: set[str], needed: set[str], open_ended: bool) -> None:
        called = name_of(self.function)
        for name in [] if open_ended else names:
            if name not in known:
                raise InputError(
                    f"{called} has no parameter {name}; {did_you_mean(name, sorted(known - {'seed'}), '{}')}"
                )
        missing = sorted(needed - {*names, "seed"})
        if missing:
            raise InputError(f"{called} needs {', '.join(missing)} as well: give its values, or a default")

    def arguments(self, run: Run) -> Row:
        """What a worker calls the function with: the parameters, and the seed if it takes one."""
        takes_seed = self._arguments is not None and "seed" in self._arguments
        return {**run.parameters, "seed": run.seed} if takes_seed else run.parameters

    def identity(self) -> str:
        """What tells it from others, the same as long as the same is meant: its name."""
        return name_of(self.function)

    def contents(self) -> str:
        """A digest of its code and what it reads, which changes when that is edited."""
        return code_digest(self.function)

    @property
    def parts(self) -> str:
        """What contents is about, in words."""
        return f"the function {name_of(self.function)}, or something that it reads"


def _arguments_of(function: Callable[..., Any]) -> dict[str, Parameter] | None:
    """Those that can be given by name; None where Python does not know."""
    try:
        parameters = inspect.signature(function).parameters
    except ValueError:  # some functions that were not written in Python
        return None
    without = [name for name, one in parameters.items() if one.kind is Parameter.POSITIONAL_ONLY]
    if without:
        raise InputError(f"{name_of(function)} takes {without[0]} by position only; a sweep gives parameters by name")
    return {name: one for name, one in parameters.items() if one.kind is not Parameter.VAR_POSITIONAL}


def files_of(config: Config, folder: Path) -> set[Path]:
    """The files of particles and functions that an input file names."""
    read = getattr(config.particles, "read", None)
    functions = [one.function.rpartition(":")[0] for one in config.interactions if one.function is not None]
    return {folder / name for name in [read, *functions] if name is not None}


class InputFile:
    """A TOML file whose keys are varied as by `--set`.

    Its outputs are left out: the row of a run holds its last line of thermo, the change of total energy since step 0,
    and the fingerprint. Each `seed` that the file has, and that is not a parameter itself, becomes the seed of the run.

    Args:
        path: the file.
        settings: `key=value` for all runs.
    """

    def __init__(self, path: Path, settings: tuple[str, ...] = ()) -> None:
        from motes.sweeps.measure import measure

        self.function = measure
        self.path = path
        self.settings = settings
        self._files: set[Path] = set()

    def check(self, runs: Sequence[Run]) -> None:
        """Raise InputError, before anything runs, for an unknown key, or a value that the file could not have."""
        from motes.simulation.inputs.config import load

        if self.path.suffix == ".py":
            raise InputError(f"{self.path}: a sweep is over a TOML file or a function, not over a script")
        for run in runs:
            for name in run.parameters:
                table = name.partition(".")[0]
                if table in OUTPUTS:
                    raise InputError(f"{name} cannot be varied: a sweep writes rows, and leaves [{table}] out")
            self._files |= files_of(load(self.path, self.settings, run.parameters), self.path.parent)

    def arguments(self, run: Run) -> Row:
        """What a worker calls measure with: where the file is, and what this run changes in it."""
        return {
            "path": str(self.path.resolve()),
            "settings": self.settings,
            "parameters": run.parameters,
            "seed": run.seed,
        }

    def identity(self) -> str:
        """A digest of what the file says with its settings; comments and outputs may change."""
        from motes.simulation.inputs.config import load

        tables = dict(load(self.path, self.settings))
        return hashlib.sha256(repr({key: tables[key] for key in tables if key not in OUTPUTS}).encode()).hexdigest()

    def contents(self) -> str:
        """A digest of the files that it names."""
        digest = hashlib.sha256()
        for file in sorted(self._files):
            digest.update(file.read_bytes() if file.is_file() else b"")
        return digest.hexdigest()[:8]

    @property
    def parts(self) -> str:
        """What contents is about, in words."""
        return f"a file that {self.path} names ({', '.join(file.name for file in sorted(self._files))})"

    def has_seed(self, run: Run) -> bool:
        """Whether runs differ by their seed at all."""
        from motes.simulation.inputs.config import load
        from motes.sweeps.measure import seeds

        return bool(seeds(load(self.path, self.settings, run.parameters), run.parameters))


Subject = Function | InputFile
"""Something that can be run with parameters and a seed."""


def subject_of(function_or_file: Any) -> Subject:
    """The function or file that a sweep was given."""
    if isinstance(function_or_file, str | os.PathLike):
        return InputFile(file_path("the file of a sweep", function_or_file))
    if callable(function_or_file):
        return Function(function_or_file)
    raise InputError(f"a sweep is over a function or a TOML file, not over {type(function_or_file).__name__}")
