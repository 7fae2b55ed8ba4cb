"""Which runs a sweep consists of: the parameters of each, and a seed of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from motes.core.checks import whole_number
from motes.core.errors import InputError
from motes.core.words import shortened

Row = dict[str, Any]
"""What is known of a run: index, repeat, seed, its parameters, its results, or its error."""

RESERVED = ("run", "index", "repeat", "seed", "error")
"""Columns of every row; no parameter and no result may have their names."""

EXAMPLE = '{"temperature": [0.8, 1.0, 1.2]}'


@dataclass(frozen=True)
class Run:
    """One run: its index in the sweep, which repeat of its parameters it is, its seed and its parameters."""

    index: int
    repeat: int
    seed: int
    parameters: Row

    @property
    def head(self) -> Row:
        """The part of its row that is known before it begins."""
        return {"index": self.index, "repeat": self.repeat, "seed": self.seed, **self.parameters}


def plan_runs(parameters: Any, repeats: int = 1, seed: int = 0) -> list[Run]:
    """All runs in the order of their parameters; the repeats of one set follow one another.

    Raises InputError for parameters that are neither a grid nor a list of sets, and for an empty sweep.
    """
    repeats = whole_number("repeats", repeats, minimum=1, maximum=2**31)
    seed = whole_number("seed", seed, minimum=0)
    sets = parameter_sets(parameters)
    if not any(sets) and (not sets or repeats == 1):
        raise InputError(f"the sweep is empty: give parameters, for example {EXAMPLE}, or repeats of at least 2")
    pairs = enumerate(product(sets, range(repeats)))
    return [Run(index, repeat, seed_of(seed, index), dict(chosen)) for index, (chosen, repeat) in pairs]


def seed_of(seed: int, index: int) -> int:
    """The seed of a run, from its index in the sweep alone, whoever does it and whenever.

    It has 48 bits, so that programs which know only floating-point numbers keep all of them. (O'Neill's mixing, as
    numpy.random.SeedSequence has it, with the index as the key of a child.)
    """
    (word,) = np.random.SeedSequence(seed, spawn_key=(index,)).generate_state(1, np.uint64)
    return int(word) >> 16


def parameter_sets(parameters: Any) -> list[Row]:
    """The sets of a grid, the last name varying fastest, or those that are given one by one."""
    if isinstance(parameters, Mapping):
        lists = [_values(_name(name), values) for name, values in parameters.items()]
        return [dict(zip(parameters, chosen, strict=True)) for chosen in product(*lists)]
    if isinstance(parameters, list | tuple):
        return [_one_set(number, given) for number, given in enumerate(parameters, start=1)]
    raise InputError(f"parameters is {_brief(parameters)}; it must be lists by name, for example {EXAMPLE}")


def plain(value: Any) -> Any:
    """A value without NumPy's types: what is written to a file and read again is then the same."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return value


def _one_set(number: int, given: Any) -> Row:
    if not isinstance(given, Mapping):
        raise InputError(f'parameter set {number} is {_brief(given)}; it must be like {{"temperature": 0.8}}')
    return {_name(name): plain(value) for name, value in given.items()}


def _values(name: str, values: Any) -> list[Any]:
    if isinstance(values, np.ndarray) and values.ndim == 1:
        values = values.tolist()
    if not isinstance(values, list | tuple | range):
        raise InputError(f"{name} is {_brief(values)}; it must be a list of values, even if there is only one")
    if not values:
        raise InputError(f"{name} has no values, so the sweep is empty; give at least one")
    return [plain(value) for value in values]


def _name(name: Any) -> str:
    if not isinstance(name, str) or not name or not name.isprintable():
        raise InputError(f"{_brief(name)} is no name of a parameter; it must be a string, of one line")
    if name in RESERVED:
        raise InputError(f"{name} cannot be a parameter: rows of a sweep have a column of that name")
    return name


def _brief(value: Any) -> str:
    return shortened(repr(value))
