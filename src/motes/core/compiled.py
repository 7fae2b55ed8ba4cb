"""Numba's `njit` with a cache of our own: compiled loops are kept under a digest of all that their machine code depends
on, and checked before they are loaded.

Numba's own cache looks at the file of a loop alone, so a loop stays as it was when a function or constant of another
file that it uses has changed; it loads whatever lies in its files; and it needs a folder that it can write. Here the
name of a file is a digest of the loop's byte code, its constants, the functions it calls with theirs, its types, the
processor and the versions. So nothing ever has to be cleared, and an edit compiles no more than what
it changes.
"""

from __future__ import annotations

import hashlib
import pickle
import platform
from collections.abc import Callable, Iterator
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

import llvmlite
import numba
import numpy as np
from llvmlite import ir
from numba.core import config
from numba.core.compiler import CompileResult
from numba.core.dispatcher import Dispatcher
from numba.core.runtime import nrt
from numba.core.serialize import dumps

from motes.core import cache

_settings: Any = config  # the parts of Numba that have no types
if _settings.DISABLE_JIT:
    raise ImportError("Motes cannot run without compiling: unset NUMBA_DISABLE_JIT")

SETTINGS = ("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "BOUNDSCHECK", "DEBUGINFO_DEFAULT")
"""Numba's settings that change machine code."""

_compile_result: Any = CompileResult
_dumps: Any = dumps
_memory: Any = nrt.rtsys

VERSIONS = (platform.python_version(), numba.__version__, llvmlite.__version__, np.__version__)


SPEED, LEAP, FORCE, PUSH, MOVE, STRAY, BEYOND, SUM, ENERGY = (
    "speed", "leap", "force", "push", "move", "stray", "beyond", "sum", "energy"
)  # fmt: skip
"""What the number is that a loop returns: the largest component of a velocity, or of a move in one step where there are
no velocities; the square of a bound of the largest force; the largest component of a force; the square of the farthest
move since lists were built, or since they were pruned; how many particles are beyond a side; the largest number that a
neighbour adds to a sum; the largest energy of a particle."""


def njit(
    *, cache: bool = False, returns: str | None = None, per_particle: bool = False, **options: Any
) -> Callable[[Any], Any]:
    """As Numba's, but with cache=True compiled code is kept in the code cache of Motes (motes.core.cache).

    Args:
        cache: whether it is kept.
        returns: what a loop's result means to those who play it without Python (engine/march.py); one that returns a
            number of which they do not know the meaning is left to the ordinary step.
        per_particle: whether a loop works on one particle after the other, and reads and writes nothing of others.
        **options: Numba's.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        dispatcher: Any = numba.njit(**options)(function)
        dispatcher.returns, dispatcher.per_particle = returns, per_particle
        if cache:
            dispatcher._cache = LoopCache(dispatcher)  # as its own enable_caching() does
        return dispatcher

    return decorate


class LoopCache:
    """What a dispatcher of Numba expects of its cache, for one loop."""

    cache_path = None

    def __init__(self, dispatcher: Dispatcher) -> None:
        name = dispatcher.py_func.__qualname__
        if "<locals>" in name:  # machine code is found by its name, and processes number theirs each from the beginning
            raise TypeError(f"{name} could be taken for another one of this name that another process has compiled")
        self._dispatcher = dispatcher

    def load_overload(self, signature: Any, context: Any) -> Any:
        """The compiled loop for these types, or None if it is to be compiled.

        Numba would first import all that it needs to compile (a quarter of a second, and most of SciPy): to run what
        has been compiled takes its memory of arrays alone. Where something must be compiled, it imports the rest then.
        """
        data = cache.read(self._name(signature, context.codegen()))
        if data is None:
            return None
        _memory.initialize(context)
        return _compile_result._rebuild(context, *pickle.loads(data))  # noqa: S301  # the digest says: it is ours

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep a compiled loop, unless it holds what only this process has."""
        if not result.lifted and not result.library.has_dynamic_globals:
            cache.write(self._name(signature, result.codegen), _dumps(result._reduce()))

    def _name(self, signature: Any, codegen: Any) -> str:
        types = [str(one) for one in getattr(signature, "args", signature)]
        settings = [getattr(config, name) for name in SETTINGS]
        key = (content_of(self._dispatcher), types, codegen.magic_tuple(), VERSIONS, settings)
        return f"motes-{hashlib.sha256(repr(key).encode()).hexdigest()[:40]}.bin"

    def flush(self) -> None:
        """Nothing: a file never becomes wrong."""

    def enable(self) -> None:
        """Nothing: it is always on."""

    def disable(self) -> None:
        """Nothing: it is always on."""


def content_of(dispatcher: Any) -> str:
    """A digest of a compiled function: its code and, wherever they are defined, the functions and values it uses."""
    return hashlib.sha256(repr(list(_contents(dispatcher, []))).encode()).hexdigest()


def _contents(value: Any, seen: list[Any]) -> Iterator[object]:
    """What value stands for, as a row of objects whose repr is the same in every process."""
    if isinstance(value, Dispatcher):
        options = value.targetoptions.items()  # the order of a set is another one in each process
        yield "loop", sorted((name, repr(sorted(one) if isinstance(one, set) else one)) for name, one in options)
        yield from _contents(value.py_func, seen)
    elif hasattr(value, "_defn"):  # an intrinsic: the function that writes its instructions
        yield from _contents(value._defn, seen)
    elif isinstance(value, FunctionType):
        if value in seen:
            yield "seen", seen.index(value)
            return
        seen.append(value)
        yield value.__module__, value.__qualname__, value.__defaults__
        for cell in value.__closure__ or ():
            yield from _contents(cell.cell_contents, seen)
        yield from _code(value.__code__, value.__globals__, seen)
    elif isinstance(value, tuple | list):
        yield type(value).__name__, len(value)
        for item in value:
            yield from _contents(item, seen)
    elif isinstance(value, np.ndarray):
        yield value.dtype.str, value.shape, value.tobytes()
    elif isinstance(value, ModuleType):
        yield "module", value.__name__
    elif isinstance(value, type | BuiltinFunctionType | np.ufunc):
        yield "name", value.__name__
    elif isinstance(value, numba.types.Type | ir.Type):
        yield "type", str(value)
    elif isinstance(value, bool | int | float | complex | str | bytes | np.generic | None):
        yield repr(value)
    else:
        raise TypeError(f"a compiled loop uses {value!r}, of which a digest is not known (motes/core/compiled.py)")


def _code(code: CodeType, names: dict[str, Any], seen: list[Any]) -> Iterator[object]:
    yield code.co_code, code.co_names, code.co_varnames, code.co_freevars
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _code(constant, names, seen)
        else:
            yield repr(constant)
    for name in code.co_names:
        if name in names:
            yield from _contents(names[name], seen)
