"""A kernel: generated source, and the numbers it reads. All that a rank needs of a user's function, and none of it.

The source is kept in the code cache, under a digest of all that it is generated from. Its module is named by the source
itself; the loops in it are compiled and kept by motes.core.compiled. The module must stand in sys.modules before it is
executed: compiled code that comes from the cache looks for it there.
"""

from __future__ import annotations

import hashlib
import linecache
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from motes.core.cache import read, write
from motes.core.compiled import VERSIONS
from motes.core.frozen import kept

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

NOTHING: Integers = np.zeros((0, 2), np.int64)

_one_at_a_time = threading.RLock()
"""Else another thread could find a module in sys.modules that is not complete yet."""

_loaded: dict[str, ModuleType] = {}
"""The modules that have been asked for, by the names of their files."""

_sources: dict[str, str] = {}
"""The source of each module here, by its name."""


@dataclass(frozen=True, eq=False)
class Kernel:
    """Source that was generated, or found in the cache, and compiled; it can travel to another rank.

    Attributes:
        key: all that the source depends on.
        source: of a module.
        numbers: in the order in which the source reads them, (n,); one at least.
        tables: numbers by type, (n, T) or (n, T, T).
        attributes: the columns that the source reads, in this order.
        followed: which of the numbers and tables, one after the other, follow which follower of the run, (m, 2).
    """

    key: str
    source: str
    numbers: Array = field(default_factory=lambda: np.zeros(1))
    tables: Array = field(default_factory=lambda: np.zeros((1, 1)))
    attributes: tuple[str, ...] = ()
    followed: Integers = field(default_factory=lambda: NOTHING)

    @classmethod
    def made(
        cls, key: str, generate: Callable[[], str], rows: tuple[Array, Array] | None = None,
        attributes: tuple[str, ...] = (), followed: Integers = NOTHING,
    ) -> Kernel:  # fmt: skip
        """The kernel for a key; its source is generated only if it is not in the cache. rows: numbers and tables."""
        source = _sources[load(key, generate).__name__]
        if rows is None:
            return cls(key, source)
        return cls(key, source, kept(rows[0]), kept(rows[1]), attributes, followed)

    def load(self) -> ModuleType:
        """The module, compiled."""
        return load(self.key, lambda: self.source)


@cache
def _generators() -> bytes:
    """A digest of all of Motes, whose parts generate sources together, and of what it generates them with."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256(repr((VERSIONS, version("sympy"))).encode())
    for file in sorted(package.rglob("*.py")):
        digest.update(f"{file.relative_to(package)} {file.stat().st_size}\n".encode() + file.read_bytes())
    return digest.digest()


def load(key: str, generate: Callable[[], str]) -> ModuleType:
    """The module for key, compiled functions and all; its source is generated only if it is not in the cache.

    Args:
        key: all that the source depends on, besides Motes itself.
        generate: gives the source.
    """
    name = f"motes-{hashlib.sha256(key.encode() + _generators()).hexdigest()[:40]}.py"
    with _one_at_a_time:
        if name not in _loaded:  # once a process: the folder is on a disk
            found = read(name)
            source = generate() if found is None else found.decode()
            if found is None:
                write(name, source.encode())
            _loaded[name] = _module(source)
        return _loaded[name]


def _module(source: str) -> ModuleType:
    name = f"motes_generated_{hashlib.sha256(source.encode()).hexdigest()[:24]}"
    if name in _sources:
        return sys.modules[name]
    module = ModuleType(name)
    file = f"<{name}>"
    linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file  # for tracebacks
    sys.modules[name] = module
    try:
        exec(compile(source, file, "exec"), vars(module))  # noqa: S102  # generated, or read as what was generated
    except BaseException:
        del sys.modules[name]
        raise
    _sources[name] = source
    return module
