"""Generated source to a compiled module, once per machine.

The source is written to a file named by the hash of all it depends on, and imported from there, because Numba caches
only what it compiles from a file. The module must stand in sys.modules *before* it is executed; otherwise the cached
code fails to load in the next process. The file is never written twice: Numba drops its cache when the time of the
file changes.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import threading
from collections.abc import Callable
from functools import cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

from motes.errors import InputError


def cache_folder() -> Path:
    """Where generated code is kept: MOTES_CACHE, or the user's cache folder."""
    chosen = os.environ.get("MOTES_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "motes"


EVERY_GENERATOR = (
    "arithmetic",
    "functions",
    "formulas/algebra",
    "formulas/derive",
    "formulas/emit",
    "formulas/expand",
    "formulas/opaque",
    "formulas/slope",
)


@cache
def _code_behind(generator: str) -> bytes:
    """A digest of the code that generates, and of what the generated code calls."""
    package = Path(__file__).parent.parent
    files = [*(package / f"{name}.py" for name in EVERY_GENERATOR), Path(generator)]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).digest()


_one_at_a_time = threading.RLock()
"""Else another thread could find a module in sys.modules that is not complete yet."""


def load(key: str, generate: Callable[[], str], generator: str) -> ModuleType:
    """The module for key, compiled functions and all; its source is generated only if it is not in the cache.

    Args:
        key: all that the source depends on, besides the code that generates it.
        generate: gives the source.
        generator: the file of the module that writes the source; when it changes, the source is generated anew.
    """
    digest = hashlib.sha256(key.encode() + _code_behind(generator))
    name = f"motes_generated_{digest.hexdigest()[:24]}"
    with _one_at_a_time:
        return _module(name, generate)


def _module(name: str, generate: Callable[[], str]) -> ModuleType:
    if name in sys.modules:
        return sys.modules[name]
    path = cache_folder() / f"{name}.py"
    if not path.exists():
        _write(path, generate())
    loader = SourceFileLoader(name, str(path))
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def source_of(module: ModuleType) -> str:
    """The source of a generated module."""
    return Path(str(module.__file__)).read_text(encoding="utf-8")


def _write(path: Path, source: str) -> None:
    """Write whole or not at all, since other processes may do the same at this moment."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(source)
        Path(temporary).replace(path)
    except OSError as error:
        raise InputError(
            f"cannot write generated code to {path.parent}: {error.strerror}; "
            "set MOTES_CACHE to a folder that can be written"
        ) from error
