"""The radial distribution function: how many particles there are at a distance, against an ideal gas.

g(r) = V n(r) / (N_pairs shell(r)), with n(r) the mean number of pairs in a bin, N_pairs that of all pairs and shell(r)
the volume of the shell (Allen and Tildesley, Computer Simulation of Liquids, 2nd edition, section 8.2). Pairs are
counted in whole numbers, each rank its share, so the result has the same bits on any ranks and threads. The
disadvantage: all pairs within the range are looked at, which for a range of half the box are half of all there are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from motes.core.checks import Count, Range, TwoTypes, number, whole_number
from motes.core.errors import InputError
from motes.core.state import Array, Floats, Integers
from motes.core.words import known_keywords
from motes.observers.frame import Frame
from motes.observers.memory import count_in, floats_in, number_in, numbers_in, path_or_none_in, texts_of
from motes.observers.result import MOST_BINS, Result, mean_of, middles, number_of, two_types


class Rdf(Result):
    """The radial distribution function of a run, as an observer: `simulation.every(100, motes.Rdf())`.

    Args:
        bins: how many, of equal widths.
        range: distances from and to which pairs are counted; None is from 0 to half the shortest periodic edge.
        types: of two types only, ("A", "B"): of B around each A; None is all particles.
        path: of a CSV file with columns r, g, coordination and counts, which is written whenever a run ends.
        overwrite: whether a file that is there already is not kept under another name.

    Where the box or the number of particles changes, g is the sum of all counts over that of the ideal gas's.

    After a run `edges` (bins + 1,), `r`, `counts`, `g` and `coordination` (bins,) are the result: the edges and middles
    of the bins, the pairs in each, g(r), and the mean number of particles up to the end of the bin around one (of the
    first type). `plot()` draws it. Checkpoints have it.

    Raises:
        InputError: for a range that is no range, or is beyond half the box, also of a box that becomes smaller amid
            the run: say the range then.
    """

    @known_keywords
    def __init__(
        self, bins: Count = 100, range: Range | None = None, types: TwoTypes | None = None,  # noqa: A002  # NumPy's word
        path: str | Path | None = None, overwrite: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(path, overwrite)
        self.bins = whole_number("Rdf: bins", bins, minimum=1, maximum=MOST_BINS)
        self.range = None if range is None else _range(range)
        self.types = None if types is None else two_types("Rdf: types", types)
        self.frames = 0
        """How many moments are in it."""
        self.counts: Integers = np.zeros(self.bins, np.int64)
        self._bounds: tuple[float, float] | None = self.range
        self._dimensions = 3
        self._density = 0.0  # pairs over the volume, summed over frames
        self._centres = 0  # particles (of the first type), likewise

    def start(self, frame: Frame) -> None:
        """Refuse a range that the box does not allow, before a step is taken."""
        self._resolve(frame)
        frame.count_pairs(1, self._resolve(frame), self.types)
        super().start(frame)

    def __call__(self, frame: Frame) -> None:
        """Count the pairs of this moment."""
        self._go_on()
        bounds = self._resolve(frame)
        if self.range is None and bounds[1] > farthest(frame):
            raise InputError(
                f"Rdf: the box has become smaller than twice {bounds[1]:g}, the range that was taken from its edges at "
                "the start: say one that fits all along, range=(0, 3.0)"
            )
        self.counts = self.counts + frame.count_pairs(self.bins, bounds, self.types)
        first, other = (number_of(frame, label) for label in self.types or (None, None))
        same = self.types is None or self.types[0] == self.types[1]
        self._density += (first * (first - 1) / 2 if same else first * other) / frame.box.volume
        self._centres += first
        self._dimensions = frame.box.dimensions
        self._step, self.frames = frame.step, self.frames + 1

    def _resolve(self, frame: Frame) -> tuple[float, float]:
        if self._bounds is None:
            if not frame.box.periodic.any():
                raise InputError("Rdf: the box has no periodic edge, so say the range of distances, range=(0, 5.0)")
            self._bounds = 0.0, farthest(frame)
        return self._bounds

    @property
    def edges(self) -> Floats:
        """Of the bins, (bins + 1,)."""
        first, last = self._bounds or (math.nan, math.nan)
        return np.linspace(first, last, self.bins + 1)

    @property
    def r(self) -> Floats:
        """The middle of each bin, (bins,)."""
        return middles(self.edges)

    @property
    def g(self) -> Floats:
        """The radial distribution function, (bins,); NaN before a frame was seen."""
        power = self._dimensions
        unit = 4 * math.pi / 3 if power == 3 else math.pi
        shells = unit * (self.edges[1:] ** power - self.edges[:-1] ** power)
        return mean_of(self.counts / shells, self._density)

    @property
    def coordination(self) -> Floats:
        """How many particles there are around one up to the end of each bin, from the begin of the range, (bins,)."""
        same = self.types is None or self.types[0] == self.types[1]
        return mean_of((1 + same) * np.cumsum(self.counts), self._centres)

    @property
    def columns(self) -> dict[str, Array]:
        """For the table."""
        return {"r": self.r, "g": self.g, "coordination": self.coordination, "counts": self.counts}

    def _draw(self, axes: Any) -> None:
        axes.plot(self.r, self.g)
        axes.set_xlabel("r")
        axes.set_ylabel("g(r)")

    def remember(self, beside: Path) -> dict[str, Any]:
        """All of it."""
        bounds = None if self._bounds is None else texts_of(self._bounds)
        return self._memory("rdf", beside) | {
            "bins": self.bins, "given": self.range is not None, "bounds": bounds,
            "types": self.types and list(self.types),
            "frames": self.frames, "counts": self.counts.tolist(), "density": self._density.hex(),
            "centres": self._centres, "dimensions": self._dimensions,
        }  # fmt: skip

    @classmethod
    def from_memory(cls, memory: Mapping[str, Any], beside: Path) -> Self:
        """The one that goes on from there; InputError if the memory makes no sense."""
        path = path_or_none_in(memory, beside)
        bounds = None
        if memory.get("bounds") is not None:
            first, last = floats_in(memory, "bounds", 2)
            bounds = first, last
        rdf = cls(count_in(memory, "bins"), bounds if memory.get("given") else None, memory.get("types"), path, True)
        rdf._bounds, rdf._step, rdf.frames = bounds, count_in(memory, "step"), count_in(memory, "frames")
        rdf.counts = np.array(numbers_in(memory, "counts", rdf.bins), np.int64)
        rdf._density, rdf._centres = number_in(memory, "density"), count_in(memory, "centres")
        rdf._dimensions = count_in(memory, "dimensions")
        return rdf


def farthest(frame: Frame) -> float:
    """Half the shortest periodic edge."""
    return float(frame.box.lengths[frame.box.periodic].min()) / 2


def _range(given: Any) -> tuple[float, float]:
    if np.shape(given) != (2,):
        raise InputError(f"Rdf: range: expected two distances, (0, 5.0), got {given!r}")
    first, last = number("Rdf: range", given[0], minimum=0.0), number("Rdf: range", given[1], above=0.0)
    if not first < last:
        raise InputError(f"Rdf: range: expected a distance and a larger one, got {given!r}")
    return first, last
