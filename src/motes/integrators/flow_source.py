"""The source of the loops that carry particles along a flow.

A block of LANES particles lies in one small array, one stretch for each column (x, y, what each particle has of its
own, how far it went, how many edges it left behind). The step loop runs outside, the loop over the block inside; its
bounds and the distances between stretches are constants, so LLVM makes vector code of it without asking at run time
whether arrays overlap.

Boundaries cost no branches: a particle that moves by less than an edge in a step is wrapped by adding or taking off
the edge once. The farthest move is kept for each particle and looked at after the last step, and so is whether it was
ever too far beyond an open side; what is not finite stays so, and shows then as well.
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
        """The loop over steps; it returns the index of a particle that is lost, or -1."""
        yield '@njit(cache=True, nogil=True, error_model="numpy")'
        yield f"def carry({ARGUMENTS}, steps, lengths, lower, upper, magic, images):"
        yield "    wide_vectors()"
        yield from indent(1, self._uniform())
        yield "    half = 0.5 * dt"
        for a, axis in enumerate(self.axes):
            yield f"    edge_{axis} = lengths[{a}]"
            yield f"    origin_{axis} = origin[{a}]"
            yield f"    magic_{axis} = magic[{a}]"
            yield f"    lower_{axis}, upper_{axis} = lower[{a}], upper[{a}]"
        columns = [*self.axes, *self.own, *(f"far_{axis}" for axis in self.axes)]
        columns += [f"image_{axis}" for axis in self._periodic]
        self._offsets = {column: row * LANES for row, column in enumerate(columns)}
        yield f"    work = np.empty({len(columns) * LANES})"
        yield f"    for block in range(begin, end, {LANES}):"
        yield f"        count = min({LANES}, end - block)"
        yield f"        for k in range({LANES}):"
        yield "            i = block + min(k, count - 1)"
        yield from indent(3, self._load())
        yield "        for n in range(first, first + steps):"
        yield from indent(3, ["t = begun + n * dt", "t_half = begun + (n + 0.5) * dt", "t_end = begun + (n + 1) * dt"])
        yield f"            for k in range({LANES}):"
        yield from indent(4, self._step())
        yield "        for k in range(count):"
        yield from indent(3, self._check())
        yield "        for k in range(count):"
        for a, axis in enumerate(self.axes):
            yield f"            positions[{a}, block + k] = {self._at(axis)}"
            if axis in self._periodic:
                yield f"            images[{a}, block + k] += np.int32({self._at(f'image_{axis}')})"
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

    def _load(self) -> Iterator[str]:
        for a, axis in enumerate(self.axes):
            yield f"{self._at(axis)} = positions[{a}, i]"
            yield f"{self._at(f'far_{axis}')} = 0.0"
            if axis in self._periodic:
                yield f"{self._at(f'image_{axis}')} = 0.0"
        for name, source in self._sources():
            yield f"{self._at(name)} = {source}"

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
                if self.sides[axis][0] == "periodic":
                    yield from self._wrap(f"s{axis}", axis)
            yield from self._user_coordinates("s{}")
            yield f"{self._velocities(stage)} = {self._call('u{}', time)}"
        for axis in self.axes:
            yield f"v{axis} = (a{axis} + d{axis} + 2.0 * (b{axis} + c{axis})) * {1 / 6!r}"

    def _move(self, axis: str) -> Iterator[str]:
        """To the grid, and back into the box."""
        far, (lower, upper) = self._at(f"far_{axis}"), self.sides[axis]
        yield f"move = fma(v{axis}, dt, magic_{axis}) - magic_{axis}"
        yield f"p = at_{axis} + move"
        if lower == "periodic":
            image = self._at(f"image_{axis}")
            yield f"{image} = {image} + (1.0 if p >= edge_{axis} else -1.0 if p < 0.0 else 0.0)"
            yield from self._wrap("p", axis)
        if lower == "reflecting":
            yield "p = -p if p < 0.0 else p"
        if upper == "reflecting":
            yield f"p = 2.0 * edge_{axis} - p if p > edge_{axis} else p"
        if "open" in (lower, upper):
            yield f"size = 0.0 if (p >= lower_{axis}) & (p <= upper_{axis}) else inf"
        else:
            yield "size = abs(move)"
        yield f"before = {far}"
        yield f"{far} = size if size > before else before"
        yield f"{self._at(axis)} = p"

    @staticmethod
    def _wrap(value: str, axis: str) -> Iterator[str]:
        yield f"{value} = {value} - edge_{axis} if {value} >= edge_{axis} else {value}"
        yield f"{value} = {value} + edge_{axis} if {value} < 0.0 else {value}"

    def _check(self) -> Iterator[str]:
        for axis in self.axes:
            # A position that is no number has moved by none, so it is asked for as well.
            yield f"if not (({self._at(f'far_{axis}')} <= edge_{axis}) & (abs({self._at(axis)}) < inf)):"
            yield "    return block + k"
            if axis in self._periodic:
                yield f"if abs(images[{'xyz'.index(axis)}, block + k] + {self._at(f'image_{axis}')}) > {MOST_IMAGES}:"
                yield "    return block + k"
