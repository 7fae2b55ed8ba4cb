"""A tape: compiled loops played one after the other by threads that stay, without a word of Python.

Algorithm: a call of a compiled loop is kept as an address and a block of words that holds its arguments as machine code
takes them. A small function for each signature, compiled once for all loops that have it, reads a block and calls an
address. A tape is a table of such calls, of barriers at which threads wait for each other, of guards that end the
playing when a loop has returned a number out of bounds, of rows that are left out unless one has, and of laps for the
clock; one compiled loop plays it round after round. Processes play their tapes together if they share memory: each
publishes its numbers there, all meet, and then each reduces the numbers of all.

Invariant: a barrier stands between a loop and the guard that looks at its results, and all threads look at the results
of all, so they stop at the same guard. So do processes, if their tapes publish, meet and reduce in the same order, and
meet once more before something is published anew: else a slow one would read what a fast one publishes in the next
round.

Disadvantage: loops get what they got when they were put on the tape. Only whole numbers may advance from round to
round, always by the same amount.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from struct import Struct
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from motes.core.board import LINE, ROW
from motes.core.compiled import njit
from motes.core.state import Integers

CALL, BARRIER, GUARD, LAP, PUBLISH, MEET, GUARD_PUBLISHED, UNLESS, UNLESS_PUBLISHED = range(9)
"""Kinds of rows: a loop is called; threads wait for each other; the playing may end, by a result; a lap ends; a result
is written on the board; ranks wait for each other; the playing may end, by what all ranks have published; rows may be
left out, by a result, or by what all have published."""

SET, LARGER, SET_SQUARE, LARGER_SQUARE = range(4)
"""What becomes of a number that a loop returns: it is the result, or that is the larger of it and what was there; or
the same of the square of the float64 whose bits it is."""

WIDTH = 8
"""Numbers in a row of a tape: its kind, and then those that `Tape` writes."""

SPIN = 1000
"""Looks at a barrier before a thread lets others have its core: some microseconds."""

_WORD = ir.IntType(64)

cgutils: Any = numba.core.cgutils  # these have no types
typeof: Any = numba.typeof


def _width(kind: Any) -> int:
    """Words that an argument of this type takes."""
    if isinstance(kind, types.BaseTuple):
        parts: Any = kind
        return sum(map(_width, parts), 0)
    return 5 + 2 * kind.ndim if isinstance(kind, types.Array) else 1


def _first_number(builder: Any, value: Any, kind: Any) -> Any:
    """The bits of what a loop returned, or of the first part of it."""
    if isinstance(kind, types.BaseTuple):
        value, kind = builder.extract_value(value, 0), kind[0]  # type: ignore[index]  # a tuple of types
    if kind == types.none:
        return ir.Constant(_WORD, 0)
    return builder.bitcast(value, _WORD) if kind == types.float64 else value


def _call(context: Any, builder: Any, address: Any, result: Any, kinds: Any, values: Any) -> Any:
    """Call what lies at an address as Numba calls its functions."""
    function = context.call_conv.get_function_type(result, kinds)
    pointer = builder.inttoptr(address, function.as_pointer())
    return context.call_conv.call_function(builder, pointer, result, kinds, values)[1]


@cache
def caller_of(result: Any, kinds: tuple[Any, ...]) -> Any:
    """The function (loop, begin, end, block) that calls a loop of these types with what is in a block."""

    def call_loop(_typing: Any, _loop: Any, _begin: Any, _end: Any, _block: Any) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            loop, begin, end, block = arguments
            values, at = [begin, end], 0
            for kind in kinds[2:]:
                address = builder.add(block, ir.Constant(_WORD, 8 * at))
                values.append(builder.load(builder.inttoptr(address, context.get_value_type(kind).as_pointer())))
                at += _width(kind)
            found = _call(context, builder, loop, result, kinds, values)
            return _first_number(builder, found, result)

        return types.int64(types.int64, types.int64, types.int64, types.int64), generate

    emitted: Any = intrinsic(call_loop)

    def call(loop: int, begin: int, end: int, block: int) -> int:
        found: int = emitted(loop, begin, end, block)
        return found

    # Machine code is found by its name, in which types of the loop that is called do not appear.
    digest = hashlib.sha256(f"{result} {kinds}".encode()).hexdigest()
    call.__name__ = call.__qualname__ = f"call_{digest[:24]}"
    compiled = njit(cache=True, nogil=True)(call)
    compiled.compile((types.int64,) * 4)
    return compiled


def address_of(dispatcher: Any, kinds: tuple[Any, ...]) -> int:
    """Where the machine code of a loop is that has been compiled for these types."""
    found = dispatcher.overloads[kinds]
    address: int = found.library.get_pointer_to_function(found.fndesc.llvm_func_name)
    return address


def _call_caller(_typing: Any, _caller: Any, _loop: Any, _begin: Any, _end: Any, _block: Any) -> Any:
    """Call a caller at an address."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _call(context, builder, arguments[0], types.int64, signature.args[1:], arguments[1:])

    return types.int64(*[types.int64] * 5), generate


def _item(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    return cgutils.get_item_pointer(context, builder, signature.args[0], array, [arguments[1]])


def _atomic_add(_typing: Any, array: Any, _index: Any, _value: Any) -> Any:
    """Add to an item at once, and return what it was."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.atomic_rmw("add", _item(context, builder, signature, arguments), arguments[2], "seq_cst")

    return types.int64(array, types.intp, types.int64), generate


def _atomic_load(_typing: Any, array: Any, _index: Any) -> Any:
    """What an item is now, for all threads."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load_atomic(_item(context, builder, signature, arguments), "seq_cst", 8)

    return types.int64(array, types.intp), generate


def _square(_typing: Any, _bits: Any) -> Any:
    """The bits of the square of a number that is not negative, which is 0 of 0 alone."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        number = builder.bitcast(arguments[0], ir.DoubleType())
        product = builder.bitcast(builder.fmul(number, number), _WORD)
        zero = ir.Constant(_WORD, 0)
        lost = builder.and_(builder.icmp_signed("==", product, zero), builder.icmp_signed("!=", arguments[0], zero))
        return builder.select(lost, ir.Constant(_WORD, 1), product)

    return types.int64(types.int64), generate


def _external(name: str, result: Any) -> Any:
    """A function of the system, or of LLVM, without arguments."""

    def emit(_typing: Any) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
            kind = ir.FunctionType(ir.VoidType() if result == types.void else ir.IntType(result.bitwidth), [])
            found = builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [])
            return context.get_dummy_value() if result == types.void else found

        return result(), generate

    return intrinsic(emit)


_emitted: Any = intrinsic
call_caller: Any = _emitted(_call_caller)
atomic_add: Any = _emitted(_atomic_add)
atomic_load: Any = _emitted(_atomic_load)
square: Any = _emitted(_square)
give_way: Any = _external("sched_yield", types.int32)
cycle: Any = _external("llvm.readcyclecounter", types.int64)


@njit(inline="always")
def barrier(sync: Any, threads: int) -> None:
    """Wait until all threads are here."""
    if threads > 1:
        generation = atomic_load(sync, LINE)
        if atomic_add(sync, 0, 1) == threads - 1:
            sync[0] = 0
            atomic_add(sync, LINE, 1)
        else:
            looks = 0
            while atomic_load(sync, LINE) == generation:
                looks += 1
                if looks > SPIN:  # perhaps there are fewer free cores than threads
                    give_way()


@njit(inline="always")
def wait(thread: int, threads: int, sync: Any, waits: Any) -> None:
    """Wait until all threads are here, and count for how long."""
    begun = cycle()
    barrier(sync, threads)
    waits[LINE * thread] += cycle() - begun


@njit(inline="always")
def meet(thread: int, threads: int, sync: Any, ranks: int, board: Any, waits: Any) -> int:
    """Wait until all threads of all ranks are here; return for how long it was for other ranks."""
    wait(thread, threads, sync, waits)
    here = cycle()
    if thread == 0:
        barrier(board, ranks)
    away: int = cycle() - here
    barrier(sync, threads)
    waits[LINE * thread + 1] += away
    return away


@njit(inline="always")
def call_row(tape: Any, row: int, thread: int, threads: int, results: Any) -> None:
    """Call a loop, and make what it returns a result, if that has a number."""
    caller, loop, block, begin, end = tape[row, 1], tape[row, 2], tape[row, 3], tape[row, 4], tape[row, 5]
    result, how = tape[row, 6], tape[row, 7]
    found = call_caller(caller, loop, begin, end, block)
    if result >= 0:
        if how >= SET_SQUARE:
            found = square(found)
        at = LINE * (threads * result + thread)
        results[at] = max(results[at], found) if how & 1 else found


@njit(inline="always")
def most_of(results: Any, threads: int, result: int) -> int:
    """The largest of what the loops of all threads returned."""
    most: int = 0
    for thread in range(threads):
        most = max(most, results[LINE * (threads * result + thread)])
    return most


@njit(inline="always")
def most_published(board: Any, ranks: int, column: int) -> int:
    """The largest of what all ranks have published."""
    most: int = 0
    for rank in range(ranks):
        most = max(most, board[2 * LINE + ROW * rank + column])
    return most


@njit(inline="always")
def publish(tape: Any, row: int, results: Any, threads: int, board: Any, rank: int) -> None:
    """Write the largest of a result on the board, or, if there is more than one, the largest of them; 0 of none."""
    result, column, more = tape[row, 1], tape[row, 2], tape[row, 3]
    most = most_of(results, threads, result) if result >= 0 else 0
    at = 2 * LINE + ROW * rank + column
    board[at] = max(board[at], most) if more else most


@njit(cache=True, nogil=True)
def play(
    thread: int, threads: int, rounds: int, first: int, tape: Any, words: Any, advance: Any, sync: Any, results: Any,
    cycles: Any, waits: Any, rank: int, ranks: int, board: Any,
) -> tuple[int, int]:  # fmt: skip
    """Play a tape, the first round from its row first on; return how many rounds were played to the end, and the code
    of the guard that ended it, or 0.

    waits counts the cycles for which a thread waited for other threads, and the first one for other ranks, which are
    in none of the laps.
    """
    last = cycle()
    for number in range(rounds):
        row = first if number == 0 else 0
        while row < len(tape):
            kind = tape[row, 0]
            if kind == CALL:
                call_row(tape, row, thread, threads, results)
            elif kind == BARRIER:
                wait(thread, threads, sync, waits)
            elif kind == PUBLISH:
                if thread == 0:
                    publish(tape, row, results, threads, board, rank)
            elif kind == MEET:
                last += meet(thread, threads, sync, ranks, board, waits)
            elif kind == LAP:
                if thread == 0:
                    now = cycle()
                    cycles[tape[row, 1]] += now - last
                    last = now
            else:
                alone = kind in (GUARD, UNLESS)
                most = most_of(results, threads, tape[row, 1]) if alone else most_published(board, ranks, tape[row, 1])
                if kind in (UNLESS, UNLESS_PUBLISHED):
                    row += tape[row, 2] if most <= tape[row, 3] else 0
                elif most > tape[row, 3] or 0 < most < tape[row, 2]:
                    return number, tape[row, 4]
            row += 1
        for k in range(len(advance)):
            words[advance[k, 0]] += advance[k, 1]
    return rounds, 0


_NUMBER, _BITS = Struct("d"), Struct("q")


@dataclass(frozen=True)
class CompiledLoop:
    """A loop for arguments of some types: where it is and who calls it, and what it returns of nothing."""

    caller: int
    address: int
    nothing: Any


_compiled: dict[Any, CompiledLoop] = {}


def compiled_for(loop: Any, arguments: Sequence[Any]) -> CompiledLoop:
    """The loop, compiled for a range and these arguments."""
    key = (loop, *map(_code, arguments))
    if key not in _compiled:
        others = [typeof(one) if isinstance(one, np.ndarray | tuple) else _KINDS[_code(one)] for one in arguments]
        kinds = (types.int64, types.int64, *others)
        if kinds not in loop.overloads:
            loop.compile(kinds)
        returned = loop.overloads[kinds].signature.return_type
        caller = caller_of(returned, kinds)
        zeros = (0,) * len(returned) if isinstance(returned, types.BaseTuple) else 0.0
        nothing = None if returned == types.none else zeros
        _compiled[key] = CompiledLoop(address_of(caller, (types.int64,) * 4), address_of(loop, kinds), nothing)
    return _compiled[key]


_KINDS = {"float": types.float64, "int": types.int64}


def _code(value: Any) -> Any:
    """What stands for the type of an argument."""
    if isinstance(value, np.ndarray):
        flags = value.flags
        return value.dtype.char, value.ndim, flags.c_contiguous, flags.f_contiguous, flags.writeable
    if isinstance(value, tuple):
        return tuple(map(_code, value))
    return "float" if isinstance(value, float) else "int"


@dataclass(frozen=True)
class Block:
    """A loop and what it gets besides the range that it runs over.

    Attributes:
        loop: a compiled function (begin, end, ...).
        arguments: the others.
        compiled: where the loop is, for arguments of these types.
        pieces: the words of each argument.
    """

    loop: Any
    arguments: Sequence[Any]
    compiled: CompiledLoop
    pieces: list[tuple[int, ...]]


def block_of(loop: Any, arguments: Sequence[Any], before: Block | None = None) -> Block:
    """The block of a call; what is the same as in the one before, as most is from list to list, is taken from it."""
    if before is None or before.loop is not loop:
        return Block(loop, arguments, compiled_for(loop, arguments), list(map(_words_of, arguments)))
    pieces, same = before.pieces.copy(), True
    for k, (value, old) in enumerate(zip(arguments, before.arguments, strict=True)):
        if value is not old:
            pieces[k] = _words_of(value)
            same = same and _alike(value, old)
    return Block(loop, arguments, before.compiled if same else compiled_for(loop, arguments), pieces)


def _alike(value: Any, old: Any) -> bool:
    """Whether both have one type for sure; flags of arrays tell more than that, so it may say no of two that have."""
    if isinstance(value, np.ndarray) and isinstance(old, np.ndarray):
        return value.dtype == old.dtype and value.ndim == old.ndim and value.flags.num == old.flags.num
    return bool(_code(value) == _code(old))


def _words_of(value: Any) -> tuple[int, ...]:
    """An argument as machine code takes it: an array as Numba lays one out, owned by no one."""
    if isinstance(value, np.ndarray):
        at = value.__array_interface__["data"][0]
        return 0, 0, value.size, value.itemsize, at, *value.shape, *value.strides
    if isinstance(value, tuple):
        return tuple(chain.from_iterable(map(_words_of, value)))
    return (_BITS.unpack(_NUMBER.pack(value))[0] if isinstance(value, float) else int(value),)


class Tape:
    """What threads do in a round.

    Args:
        threads: how many play it.
        before: a tape that is like this one.
    """

    def __init__(self, threads: int, before: Tape | None = None) -> None:
        self.threads = threads
        self.phases: list[str] = []
        self.results = 0
        """How many numbers of results there are."""
        self.blocks: list[Block] = []
        self._before = [] if before is None else before.blocks
        self._rows: list[list[list[int]]] = [[] for _ in range(threads)]
        self.middles = [0] * threads
        """For each thread, in which row a round may begin that has been begun elsewhere."""
        self._words: list[list[int]] = [[] for _ in range(threads)]
        self._calls: list[list[int]] = [[] for _ in range(threads)]  # rows whose fourth number is an offset in words
        self.numbers: list[list[int]] = [[] for _ in range(threads)]
        """Which of a thread's words are numbers that were given as such."""

    def block(self, loop: Any, arguments: Sequence[Any]) -> Block:
        """A loop and its arguments, for calls."""
        index = len(self.blocks)
        block = block_of(loop, arguments, self._before[index] if index < len(self._before) else None)
        self.blocks.append(block)
        return block

    def call(self, thread: int, block: Block, begin: int, end: int, result: int, how: int = SET) -> None:
        """Let a thread call a loop; how: what becomes of this result, if its number is not below 0."""
        words = self._words[thread]
        self._calls[thread].append(len(self._rows[thread]))
        self._rows[thread].append(
            [CALL, block.compiled.caller, block.compiled.address, len(words), int(begin), int(end), result, how]
        )
        for piece in block.pieces:
            if len(piece) == 1:
                self.numbers[thread].append(len(words))
            words += piece

    def all(self, *row: int) -> None:
        """The same row for all threads."""
        for rows in self._rows:
            rows.append([*row, *[0] * (WIDTH - len(row))])

    def barrier(self) -> None:
        """Let all threads wait for each other, unless they have just done so."""
        if self.threads > 1 and any(rows and rows[-1][0] != BARRIER for rows in self._rows):
            self.all(BARRIER)

    def result(self) -> int:
        """A number for results of a loop."""
        self.results += 1
        return self.results - 1

    def guard(self, result: int, lowest: int, highest: int, code: int) -> None:
        """End the playing with this code where the largest result is above highest, or below lowest but not 0."""
        self.all(GUARD, result, lowest, highest, code)

    def publish(self, result: int, column: int, more: bool) -> None:
        """Write the largest of a result on the board, or, if there is more than one, the largest of them; -1: none."""
        self.all(PUBLISH, result, column, int(more))

    def meet(self) -> None:
        """Let all threads of all ranks wait for each other."""
        self.all(MEET)

    def guard_published(self, column: int, lowest: int, highest: int, code: int) -> None:
        """As guard, of what all ranks have published. They must meet once more before it is published anew."""
        self.all(GUARD_PUBLISHED, column, lowest, highest, code)

    def unless(self, result: int, highest: int) -> list[int]:
        """Leave out the rows from here to where it lands if the largest result is no larger than that; all threads have
        waited for each other since it was written. Return what says where it lands."""
        return self._leave_out(UNLESS, result, highest)

    def unless_published(self, column: int, highest: int) -> list[int]:
        """The same, of what all ranks have published, as in guard_published."""
        return self._leave_out(UNLESS_PUBLISHED, column, highest)

    def _leave_out(self, kind: int, number: int, highest: int) -> list[int]:
        self.all(kind, number, 0, highest)
        return [len(rows) for rows in self._rows]

    def land(self, marks: Sequence[int]) -> None:
        """Here those rows end."""
        for rows, mark in zip(self._rows, marks, strict=True):
            rows[mark - 1][2] = len(rows) - mark

    def lap(self, phase: str) -> None:
        """The time since the last lap belongs to this phase."""
        if phase not in self.phases:
            self.phases.append(phase)
        self.all(LAP, self.phases.index(phase))

    def mark(self) -> None:
        """Have the middle of a round here."""
        self.middles = [len(rows) for rows in self._rows]

    @property
    def layout(self) -> list[list[list[int]]]:
        """For each thread, the loops that it calls and where the words of each lie; tapes of one layout differ only by
        what loops get."""
        return [[rows[call][2:4] for call in calls] for rows, calls in zip(self._rows, self._calls, strict=True)]

    def words(self) -> list[Integers]:
        """The blocks of each thread as they are."""
        return [np.array(words, np.int64) for words in self._words]

    def table(self, thread: int, words: Integers) -> Integers:
        """The rows of a thread, whose blocks lie in words."""
        rows = np.array(self._rows[thread], np.int64).reshape(-1, WIDTH)
        calls = self._calls[thread]
        rows[calls, 3] = words.ctypes.data + 8 * rows[calls, 3]
        return rows
