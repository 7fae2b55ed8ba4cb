"""What a function is made of: a digest that changes when its code does, or something of the user's that it reads.

The code is what Python compiled, so comments, line numbers and docstrings do not count. To it belong its defaults and
closure, and the global names it reads: the code of functions and classes, the source of other modules, and the values
of anything else. Installed packages are known by name alone. What nobody can see from outside, such as files that a
function opens, is not in it.
"""

from __future__ import annotations

import dis
import functools
import hashlib
import inspect
import re
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def code_digest(function: Any) -> str:
    """Eight letters for all that a function is made of."""
    digest = hashlib.sha256()
    for part in _parts(function, {}):
        digest.update(part.encode("utf-8", "backslashreplace") + b"\0")
    return digest.hexdigest()[:8]


def _parts(value: Any, seen: dict[int, Any]) -> Iterator[str]:
    """Text for each part of a value."""
    if type(value).__module__.partition(".")[0] == "numba" and hasattr(value, "py_func"):
        value = value.py_func
    if isinstance(value, ModuleType):
        yield _source(value)
    elif isinstance(value, np.ndarray):
        yield f"{value.dtype} {value.shape} {hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()}"
    elif isinstance(value, set | frozenset):
        yield repr(sorted(map(repr, value)))
    elif isinstance(value, FunctionType | MethodType | functools.partial | type | dict | list | tuple):
        if id(value) not in seen:
            seen[id(value)] = value  # which keeps it, so that no other gets its id
            yield from _parts_within(value, seen)
    else:
        yield _ADDRESS.sub("", repr(value))
        if hasattr(value, "__dict__") and id(value) not in seen:  # an interaction holds a function, for example
            seen[id(value)] = value
            yield from _parts(dict(vars(value)), seen)
        if callable(value) and not inspect.isbuiltin(value):
            yield from _parts(type(value), seen)


def _parts_within(value: Any, seen: dict[int, Any]) -> Iterator[str]:
    if isinstance(value, FunctionType):
        yield from _parts_of_function(value, seen)
    elif isinstance(value, type):
        yield from _parts_of_class(value, seen)
    elif isinstance(value, functools.partial):
        yield from _parts([value.func, value.args, value.keywords], seen)
    elif isinstance(value, MethodType):
        yield from _parts([value.__func__, value.__self__], seen)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield repr(key)
            yield from _parts(item, seen)
    else:
        for item in value:
            yield from _parts(item, seen)


def _parts_of_function(function: FunctionType, seen: dict[int, Any]) -> Iterator[str]:
    yield function.__qualname__
    if _is_installed(sys.modules.get(function.__module__)):
        yield function.__module__
        return
    yield from _parts_of_code(function.__code__, function.__doc__)
    yield from _parts([function.__defaults__, function.__kwdefaults__], seen)
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # nothing is in it yet
            yield from _parts(cell.cell_contents, seen)
    for name in sorted(set(_globals_of(function.__code__))):
        if name in function.__globals__:
            yield name
            yield from _parts(function.__globals__[name], seen)


def _parts_of_class(kind: type, seen: dict[int, Any]) -> Iterator[str]:
    yield f"{kind.__module__}.{kind.__qualname__}"
    if not _is_installed(sys.modules.get(kind.__module__)):
        for name, member in sorted(vars(kind).items()):
            inner = getattr(member, "fget", None) or getattr(member, "__func__", member)
            if isinstance(inner, FunctionType) or not name.startswith("__"):
                yield name
                yield from _parts(inner, seen)


def _parts_of_code(code: CodeType, docstring: str | None = None) -> Iterator[str]:
    yield code.co_code.hex()
    yield repr((code.co_names, code.co_varnames, code.co_freevars))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _parts_of_code(constant)
        elif docstring is None or constant != docstring:
            yield repr(sorted(map(repr, constant))) if isinstance(constant, frozenset) else repr(constant)


def _globals_of(code: CodeType) -> Iterator[str]:
    """The names that the code, and functions within it, look up outside."""
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield str(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _globals_of(constant)


def _source(module: ModuleType) -> str:
    """A digest of the file of a module of the user's; the name of one that is installed."""
    file = getattr(module, "__file__", None)
    if _is_installed(module) or file is None:
        return module.__name__
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()


@functools.cache
def _is_installed(module: ModuleType | None) -> bool:
    """Whether a module is Python's, Motes's, or one of a package that was installed."""
    file = getattr(module, "__file__", None)
    if module is None or module.__name__ == "__main__":
        return False
    if file is None or module.__name__.partition(".")[0] == "motes":
        return True
    homes = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return any(Path(file).is_relative_to(home) for home in homes)
