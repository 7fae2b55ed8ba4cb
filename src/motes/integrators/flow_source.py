"""The source of the loops that carry particles along a flow.

A block of LANES particles lies in one small array, one stretch for each column (x, y, what each particle has of its
own, the path that it went along a periodic axis). The step loop runs outside, the loop over the block inside; its
bounds and the distances between stretches are constants, so LLVM makes vector code of it without asking at run time
whether arrays overlap.

Boundaries cost no branches: a particle that moves by less than an edge in a step is wrapped by adding or taking off
the edge once. Edges crossed are not counted at each step: the path tells them after the last, by one addition a step
instead of five instructions. Whether a particle moved too far or nowhere finite is kept as one bit of the whole block,
which needs no memory, and one beyond an open side is made no number, which it stays; so `carry` names the block, and
who wants to know which of its particles it was asks again for each alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from motes.core.box import Boundary, sides_of
from motes.core.state import MOST_IMAGES
from motes.formulas.bind import PREFIX, Bound
from motes.formulas.derive import Code, derive_values
from motes.formulas.lines import header, indent
from motes.formulas.verify import require_right

METHODS = ("euler", "rk4")

LANES = 128
"""Particles in a block: enough independent work to hide how long a division takes, and few enough for the cache."""

STRETCH = LANES + 8
"""Numbers from one column to the next. Were it a power of two, a write to one column would look to the processor like a
write to what it reads of another (it compares the last 12 bits of addresses), and wait: up to twice the time."""

AXES = "xyz"
ARGUMENTS = "begin, end, positions, origin, numbers, tables, types, attributes, dt, first, begun"


def flow_source_of(bound: Bound, method: str, boundary: Sequence[Boundary]) -> str:
    """Source of a module with the functions carry and bad."""
    code = derive_values(bound.formulas)
    require_right(bound.name, bound.formulas, code.lines, code.results, bound.known)
    writer = _Writer(bound, code, method, boundary)
    parts = [writer.velocity(), writer.carry(), writer.bad()]
    return "\n\n".join([header(code.functions, code.lines), *("\n".join(part) + "\n" for part in parts)])


class _Writer:
    def __init__(self, bound: Bound, code: Code, method: str, boundary: Sequence[Boundary]) -> None:
        self.code = code
        self.method = method
        self.axes = AXES[: len(boundary)]
        self.sides = dict(zip(self.axes, sides_of(boundary), strict=True))
        self.numbers = sorted(bound.numbers)
        self.tables = sorted(bound.tables)
        self.attributes = bound.attributes
        self.own = [*self.tables, *self.attributes]
        self._periodic = [axis for axis in self.axes if self.sides[axis][0] == "periodic"]
        used = bound.symbols
        self.arguments = [*self.axes, "t", *(name for name in [*self.numbers, *self.own] if name in used)]

    def velocity(self) -> Iterator[str]:
        """The user's function."""
        yield '@njit(error_model="numpy", forceinline=True)'
        yield f"def velocity({', '.join(PREFIX + name for name in self.arguments)}):"
        yield from indent(1, self.code.lines)
        yield f"    return {', '.join(self.code.results)}"

    def carry(self) -> Iterator[str]:
        """The loop over steps; it returns the first index of a block with a lost particle, left as it was, or -1."""
        yield '@njit(cache=True, nogil=True, error_model="numpy")'
        yield f"def carry({ARGUMENTS}, steps, lengths, lower, upper, magic, images):"
        yield "    wide_vectors()"
        yield from indent(1, self._uniform())
        yield "    half = 0.5 * dt"
        for a, axis in enumerate(self.axes):
            yield f"    edge_{axis} = lengths[{a}]"
            yield f"    edges_{axis} = 1.0 / edge_{axis}"
            yield f"    origin_{axis} = origin[{a}]"
            yield f"    magic_{axis} = magic[{a}]"
            yield f"    lower_{axis}, upper_{axis} = lower[{a}], upper[{a}]"
        columns = [*self.axes, *self.own, *(f"path_{axis}" for axis in self._periodic)]
        self._offsets = {column: row * STRETCH for row, column in enumerate(columns)}
        yield f"    work = np.empty({len(columns) * STRETCH} + 8)"
        yield "    work = work[-(work.ctypes.data // 8) % 8 :]  # a vector in one line of the cache, not across two"
        yield f"    for block in range(begin, end, {LANES}):"
        yield f"        count = min({LANES}, end - block)"
        yield from indent(2, self._views())
        yield "        for k in range(count):"
        yield from indent(3, self._load())
        yield f"        for k in range(count, {LANES}):"
        yield from indent(3, self._fill())
        yield "        lost = False"
        yield "        for n in range(first, first + steps):"
        yield from indent(3, ["t = begun + n * dt", "t_half = begun + (n + 0.5) * dt", "t_end = begun + (n + 1) * dt"])
        yield f"            for k in range({LANES}):"
        yield from indent(4, self._step())
        yield from indent(2, self._count_images())
        yield from indent(2, self._find_strays())
        yield "        if lost:"
        yield "            return block"
        yield "        for k in range(count):"
        for axis in self.axes:
            yield f"            positions_{axis}[k] = {self._at(axis)}"
            if axis in self._periodic:
                yield f"            images_{axis}[k] += np.int32({self._at(f'path_{axis}')})"
        yield "    return -1"

    def bad(self) -> Iterator[str]:
        """The index of a particle whose velocity is not finite, or -1."""
        yield '@njit(cache=True, nogil=True, error_model="numpy")'
        yield f"def bad({ARGUMENTS}):"
        yield from indent(1, self._uniform())
        yield "    t = begun + first * dt"
        yield "    for i in range(begin, end):"
        for a, axis in enumerate(self.axes):
            yield f"        {axis} = positions[{a}, i] + origin[{a}]"
        for name, source in self._sources():
            yield f"        own_{name} = {source}"
        yield f"        {self._velocities('v')} = {self._call('{}', 't')}"
        sizes = " + ".join(f"abs(v{axis})" for axis in self.axes)
        yield f"        if not {sizes} < inf:"
        yield "            return i"
        yield "    return -1"

    def _at(self, column: str) -> str:
        return f"work[k + {self._offsets[column]}]"

    def _uniform(self) -> Iterator[str]:
        for row, name in enumerate(self.numbers):
            yield f"number_{name} = numbers[{row}]"

    def _sources(self) -> Iterator[tuple[str, str]]:
        for row, name in enumerate(self.tables):
            yield name, f"tables[{row}, types[i]]"
        for row, name in enumerate(self.attributes):
            yield name, f"attributes[{row}][i]"

    def _views(self) -> Iterator[str]:
        """Of each array what belongs to the block: an index that is never negative leaves straight loads."""
        here = "block : block + count"
        for a, axis in enumerate(self.axes):
            yield f"positions_{axis} = positions[{a}, {here}]"
            if axis in self._periodic:
                yield f"images_{axis} = images[{a}, {here}]"
        if self.tables:
            yield f"types_here = types[{here}]"
        for row, name in enumerate(self.tables):
            yield f"types_{name} = tables[{row}]"
        for row, name in enumerate(self.attributes):
            yield f"attribute_{name} = attributes[{row}][{here}]"

    def _load(self) -> Iterator[str]:
        for axis in self.axes:
            yield f"{self._at(axis)} = positions_{axis}[k]"
            if axis in self._periodic:
                yield f"{self._at(f'path_{axis}')} = 0.0"
        for name in self.tables:
            yield f"{self._at(name)} = types_{name}[types_here[k]]"
        for name in self.attributes:
            yield f"{self._at(name)} = attribute_{name}[k]"

    def _fill(self) -> Iterator[str]:
        """A block that is not full carries its last particle several times."""
        for offset in self._offsets.values():
            yield f"work[k + {offset}] = work[count - 1 + {offset}]"

    def _velocities(self, letter: str) -> str:
        return ", ".join(f"{letter}{axis}" for axis in self.axes)

    def _call(self, position: str, time: str) -> str:
        """The velocity at a position such as "{}" or "s{}", with the axis for the braces."""
        values = {axis: position.format(axis) for axis in self.axes} | {"t": time}
        values |= {name: f"number_{name}" for name in self.numbers} | {name: f"own_{name}" for name in self.own}
        return f"velocity({', '.join(values[name] for name in self.arguments)})"

    def _step(self) -> Iterator[str]:
        for axis in self.axes:
            yield f"at_{axis} = {self._at(axis)}"
        for name in self.own:
            yield f"own_{name} = {self._at(name)}"
        if self.method == "euler":
            yield from self._user_coordinates("at_{}")
            yield f"{self._velocities('v')} = {self._call('u{}', 't')}"
        else:
            yield from self._runge_kutta()
        for axis in self.axes:
            yield from self._move(axis)

    def _user_coordinates(self, position: str) -> Iterator[str]:
        """Coordinates as users know them."""
        for axis in self.axes:
            yield f"u{axis} = {position.format(axis)} + origin_{axis}"

    def _runge_kutta(self) -> Iterator[str]:
        yield from self._user_coordinates("at_{}")
        yield f"{self._velocities('a')} = {self._call('u{}', 't')}"
        for stage, before, time, span in (
            ("b", "a", "t_half", "half"),
            ("c", "b", "t_half", "half"),
            ("d", "c", "t_end", "dt"),
        ):
            for axis in self.axes:
                yield f"s{axis} = fma({before}{axis}, {span}, at_{axis})"
                if axis in self._periodic:
                    yield from self._wrap(f"s{axis}", axis)
            yield from self._user_coordinates("s{}")
            yield f"{self._velocities(stage)} = {self._call('u{}', time)}"
        for axis in self._periodic:  # a stage that goes farther than an edge was not brought back into the box
            yield f"far = abs(a{axis})"
            for speed in (f"abs(b{axis})", f"2.0 * abs(c{axis})"):
                yield f"far = {speed} if {speed} > far else far"
            yield f"lost = lost | (far * half > edge_{axis})"
        for axis in self.axes:
            yield f"v{axis} = (a{axis} + d{axis} + 2.0 * (b{axis} + c{axis})) * {1 / 6!r}"

    def _move(self, axis: str) -> Iterator[str]:
        """To the grid, and back into the box."""
        lower, upper = self.sides[axis]
        yield f"move = fma(v{axis}, dt, magic_{axis}) - magic_{axis}"
        yield f"p = at_{axis} + move"
        if lower == "periodic":
            path = self._at(f"path_{axis}")
            yield f"{path} = {path} + move"
            yield from self._wrap("p", axis)
        if lower == "reflecting":
            yield "p = -p if p < 0.0 else p"
        if upper == "reflecting":
            yield f"p = 2.0 * edge_{axis} - p if p > edge_{axis} else p"
        # Both ask what must hold, so that what is no number is lost as well.
        if "open" in (lower, upper):
            yield f"p = p if (p >= lower_{axis}) & (p <= upper_{axis}) else nan"
        else:
            yield f"lost = lost | (not (abs(move) <= edge_{axis}))"
        yield f"{self._at(axis)} = p"

    @staticmethod
    def _wrap(value: str, axis: str) -> Iterator[str]:
        # In this order: what is hardly below 0 is rounded to the upper edge, which is the lower one.
        yield f"{value} = {value} + edge_{axis} if {value} < 0.0 else {value}"
        yield f"{value} = {value} - edge_{axis} if {value} >= edge_{axis} else {value}"

    def _find_strays(self) -> Iterator[str]:
        """What was ever beyond an open side is no number since then."""
        for axis in self.axes:
            if "open" in self.sides[axis]:
                yield "for k in range(count):"
                yield f"    lost = lost | (not abs({self._at(axis)}) < inf)"

    def _count_images(self) -> Iterator[str]:
        """Make of each path the number of edges crossed: the start and the path end that many edges from the end."""
        for axis in self._periodic:
            path = self._at(f"path_{axis}")
            yield "for k in range(count):"
            yield f"    beyond = positions_{axis}[k] + {path} - {self._at(axis)}"
            yield f"    {path} = np.rint(beyond * edges_{axis})"
            yield f"    lost = lost | (abs(images_{axis}[k] + {path}) > {MOST_IMAGES})"
