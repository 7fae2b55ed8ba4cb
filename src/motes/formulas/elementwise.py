"""One function over whole arrays, on every core.

The function is recorded and written out as straight-line code in the order of its operations, so sums, products,
quotients and roots have the very bits that NumPy gives; exp, sin, log and so on are those of functions.py, which
become vector code. There are no intermediate arrays: each number is read once and each result written once.

Arrays that lie alike in memory are used where they lie. Others (broadcast, every second element, transposed) are
copied in pieces that fit into the cache.

Disadvantage: what cannot be recorded as a formula (a loop over data, an `if`) cannot be run; np.where can.
"""

from __future__ import annotations

import inspect
import itertools
import math
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motes.core.checks import rectangular, whole_number
from motes.core.errors import InputError
from motes.core.progress import compiling
from motes.core.threads import Team
from motes.core.words import known_keywords
from motes.formulas.bind import PREFIX, Names, Traced, bind, names_of, numbers_as_exponents
from motes.formulas.closure import record_with_numbers
from motes.formulas.formula import Expression, symbol
from motes.formulas.kernel import Kernel
from motes.formulas.lines import header, indent
from motes.formulas.trace import describe, parameters, trace_values
from motes.formulas.verify import require_right
from motes.formulas.write import write_values

Array = NDArray[Any]
Floats = NDArray[np.float64]
Piece = tuple[slice, ...]

PIECE = 2**14
"""Elements of a piece that is copied: three or four such pieces fit into the second-level cache."""

SEVERAL = "one number, or several in a tuple"
DIRECT = {np.dtype(kind) for kind in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8")}
"""Kinds of numbers that the loop reads as they are; others are converted first."""
MOST_WHOLE = 2**53
"""Up to this size float64 has all whole numbers."""


@known_keywords
def elementwise(function: Callable[..., Any], *arrays: ArrayLike, threads: int | None = None) -> Any:
    """What a function of numbers gives for every element of arrays, computed on all cores.

    Args:
        function: of as many numbers as there are arrays, with NumPy functions inside; it is traced, not called for
            each element, so it must be a formula. It returns one number, or several in a tuple.
        *arrays: numbers of any shapes that broadcast by NumPy's rules.
        threads: how many; None takes all cores. It never changes a result.

    Returns:
        An array of float64 of the broadcast shape, or a tuple of such arrays. Sums, products, quotients and roots have
        NumPy's bits; how near the other functions come to the true value, most within 1 unit in the last place, is
        said in motes.exact.functions. `x ** n` with a whole number n written in the function is a product, within n / 2
        units. Beyond that it differs from NumPy as follows:

        - in exp, log and powers, numbers below 2.2e-308 and results below that count as 0;
        - sin, cos and tan lose accuracy for abs(x) > 1e15, where these numbers lie farther apart than 0.1;
        - x % y is NaN where abs(x / y) is 2**52 or more, and x // y is the plain quotient there;
        - of infinite numbers, x // y and x ** a with a fraction a written in the function may be NaN, or inf, where
          NumPy's is not.

    Raises:
        InputError: for arrays that do not broadcast or hold no real numbers, or whole ones beyond 2**53, which float64
            would round; and for a function that cannot be traced.

    >>> elementwise(lambda x, y: np.sqrt(x * x + y * y), [3.0, 5.0], [4.0, 12.0])
    array([ 5., 13.])
    """
    if not arrays:
        raise InputError("elementwise needs at least one array after the function")
    names = _names(function, len(arrays))
    given = [_numbers(name, array) for name, array in zip(names, arrays, strict=True)]
    shape = _shape(names, given)
    symbols = [f"p_{number}" for number in range(len(given))]
    several = False

    def recorded(function: Callable[..., Any]) -> tuple[Expression, ...]:
        nonlocal several
        traced = trace_values(function, symbols, SEVERAL)
        several = not isinstance(traced, Expression)
        return (traced,) if isinstance(traced, Expression) else traced

    formulas, numbers = record_with_numbers(function, recorded, names, ())
    # Parameters that stand in exponents stay numbers.
    formulas = tuple(numbers_as_exponents(formula, numbers) for formula in formulas)
    renamed = {name: f"p_{len(symbols) + number}" for number, name in enumerate(numbers)}
    formulas = tuple(formula.substitute({old: symbol(new) for old, new in renamed.items()}) for formula in formulas)
    held = [np.array(value) for value in numbers.values()]
    work = record(
        formulas, [*symbols, *renamed.values()], [*(array.size == 1 for array in given), *(True for _ in held)]
    )
    with compiling(describe(function), ()):
        results = work.run([*given, *held], shape, _team(_checked_threads(threads), os.getpid()))
    return results if several else results[0]


@dataclass(frozen=True)
class Work:
    """A loop over elements as a kernel, which can travel to another rank; it gives `count` results."""

    kernel: Kernel
    count: int

    def run(self, arrays: Sequence[Array], shape: tuple[int, ...], team: Team) -> tuple[Floats, ...]:
        """The results for arrays that broadcast to a shape."""
        return _run(self.kernel.load().fill, arrays, shape, self.count, team)


def record(formulas: Sequence[Expression], symbols: Sequence[str], single: Sequence[bool]) -> Work:
    """The loop that computes formulas from arrays in the order of these symbols, of which some are single numbers."""
    key = "\n".join([*(formula.key for formula in formulas), f"elementwise {list(symbols)} {list(single)}"])
    return Work(Kernel.made(key, lambda: _source(formulas, symbols, single)), len(formulas))


def record_named(function: Callable[..., Any], given: Names) -> tuple[Work, tuple[str, ...], bool]:
    """The loop for a function of a particle, the names of what it takes, and whether it returns several results."""
    several = False

    def formulas(names: Collection[str], _taken: Collection[str]) -> Traced:
        nonlocal several
        traced = trace_values(function, names, SEVERAL, keywords=True)
        several = not isinstance(traced, Expression)
        return ((traced,) if isinstance(traced, Expression) else traced), {}

    bound = bind(describe(function), names_of(function), formulas, {}, given)
    names = tuple(sorted(bound.symbols))
    work = record(bound.formulas, [PREFIX + name for name in names], [name == "t" for name in names])
    return work, names, several


def _checked_threads(threads: Any) -> int | None:
    return None if threads is None else whole_number("threads", threads, minimum=1)


@lru_cache(maxsize=8)
def _team(threads: int | None, _process: int) -> Team:
    """Threads are kept for the next call; a forked process has none of its parent's."""
    return Team(threads)


def _names(function: Callable[..., Any], count: int) -> list[str]:
    """What the function calls its arguments."""
    if isinstance(function, np.ufunc):
        names = [f"argument {number}" for number in range(1, function.nin + 1)]
        needed = names
    else:
        found = parameters(function)
        names = list(found)
        needed = [name for name, one in found.items() if one.default is inspect.Parameter.empty]
    if not len(needed) <= count <= len(names):
        raise InputError(f"{describe(function)} takes {len(names)} arrays ({', '.join(names)}), but {count} are given")
    return names[:count]


def _numbers(name: str, values: ArrayLike) -> Array:
    array = rectangular(name, values)
    if array.dtype.kind not in "iuf":
        raise InputError(f"{name}: expected real numbers, got an array of {array.dtype}")
    if array.dtype.kind in "iu" and array.dtype.itemsize == 8:
        for extreme in (array.min(initial=0), array.max(initial=0)):
            if abs(int(extreme)) > MOST_WHOLE:
                raise InputError(
                    f"{name}: expected whole numbers up to 2**53, beyond which float64 does not have all, got "
                    f"{extreme}; if they may be rounded, give {name}.astype(float)"
                )
    return array if array.dtype in DIRECT else array.astype(np.float64)


def _shape(names: Sequence[str], arrays: Sequence[Array]) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(*(array.shape for array in arrays))
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in zip(names, arrays, strict=True))
        raise InputError(f"the arrays do not broadcast to one shape: {shapes}") from None


def _source(formulas: Sequence[Expression], symbols: Sequence[str], single: Sequence[bool]) -> str:
    """Source of a module with the function fill, which takes the arrays (flat) or numbers, then the results."""
    code = write_values(formulas)
    require_right("elementwise", formulas, code.lines, code.results, {})
    many = [name for name, alone in zip(symbols, single, strict=True) if not alone]
    results = [f"o_{number}" for number in range(len(formulas))]
    lines = [
        header(code.functions, code.lines),
        "",
        '@njit(cache=True, nogil=True, error_model="numpy")',
        f"def fill(begin, end, {', '.join([*(f'{name}s' if name in many else name for name in symbols), *results])}):",
        "    wide_vectors()",
        *(f"    {name}s = {name}s[begin:end]" for name in many),
        *(f"    {name} = {name}[begin:end]" for name in results),
        f"    for i in range(len({results[0]})):",
        *(f"        {name} = float({name}s[i])" for name in many),
        *indent(2, code.lines),
        *(f"        {name}[i] = {value}" for name, value in zip(results, code.results, strict=True)),
    ]
    return "\n".join(lines) + "\n"


def _run(fill: Any, arrays: Sequence[Array], shape: tuple[int, ...], count: int, team: Team) -> tuple[Floats, ...]:
    many = [array for array in arrays if array.size != 1]
    alike = all(array.shape == shape for array in many)
    in_rows = alike and all(array.flags.c_contiguous for array in many)
    if alike and not in_rows and all(array.flags.f_contiguous for array in many):
        return tuple(result.T for result in _run(fill, [array.T for array in arrays], shape[::-1], count, team))
    results = tuple(np.empty(shape) for _ in range(count))
    if in_rows:
        team.split(fill, math.prod(shape), *map(_flat, arrays), *(result.reshape(-1) for result in results))
    else:
        views = [array if array.size == 1 else np.broadcast_to(array, shape) for array in arrays]
        team.call(_fill_piece, [(fill, piece, views, results) for piece in _pieces(shape)])
    return results


def _flat(array: Array) -> Any:
    """One number as a float, many as one row; copied only if they do not lie in order."""
    return float(array.reshape(())) if array.size == 1 else np.ascontiguousarray(array).reshape(-1)


def _fill_piece(fill: Any, piece: Piece, views: Sequence[Array], results: Sequence[Floats]) -> None:
    parts = [_flat(view) if view.size == 1 else np.ascontiguousarray(view[piece]).reshape(-1) for view in views]
    targets = [result[piece].reshape(-1) for result in results]
    fill(0, len(targets[0]), *parts, *targets)


def _pieces(shape: tuple[int, ...]) -> Iterator[Piece]:
    """Parts of an array of about PIECE elements each, which lie in one stretch of memory."""
    axis, inner = len(shape), 1
    while axis > 0 and inner * shape[axis - 1] <= PIECE:
        axis -= 1
        inner *= shape[axis]
    if axis == 0:
        yield ()
        return
    length = max(1, PIECE // inner)
    for index in itertools.product(*map(range, shape[: axis - 1])):
        for begin in range(0, shape[axis - 1], length):
            yield (*(slice(i, i + 1) for i in index), slice(begin, begin + length))
