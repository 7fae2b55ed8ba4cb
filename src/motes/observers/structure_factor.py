"""The static structure factor: how the density varies at a wave number, against an ideal gas.

S(k) = <|rho(k)|^2> / N with rho(k) the sum of exp(i k.r) over the N particles (Hansen and McDonald, Theory of Simple
Liquids, 4th edition, section 4.1), at the reciprocal vectors k of a periodic box, a mean over moments and over all
vectors of about the same length. Of two types it is <Re rho_A(k) rho_B(-k)> / sqrt(N_A N_B) (Ashcroft and Langreth,
Phys. Rev. 156, 685 (1967)), which without correlations is 1 for A and A, and 0 for A and B. Each rank adds up its
particles, in whole numbers (exact/waves.py), so the result has the same bits on any ranks and threads. The
disadvantage: the work is that of all particles times all vectors, of which there are the more the larger the box is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from motes.core.checks import Count, Positive, TwoTypes, number, whole_number
from motes.core.errors import InputError
from motes.core.state import Array, Floats, Integers
from motes.core.words import known_keywords
from motes.exact.waves import WITHIN, rows_within
from motes.observers.frame import Frame
from motes.observers.memory import count_in, floats_in, number_in, numbers_in, path_or_none_in, texts_of
from motes.observers.result import MOST_BINS, Result, mean_of, number_of, two_types


class StructureFactor(Result):
    """The static structure factor of a run, as an observer: `simulation.every(100, motes.StructureFactor(q=15.0))`.

    Args:
        q: the largest wave number |k|, in inverse lengths.
        bins: how many, of equal widths, from 0 to q.
        types: of two types only, ("A", "B"): the partial structure factor of Ashcroft and Langreth; None is all
            particles.
        path: of a CSV file with columns k, s and vectors, which is written whenever a run ends.
        overwrite: whether a file that is there already is not kept under another name.

    After a run `edges` (bins + 1,), `k`, `s` and `vectors` (bins,) are the result, over so many `frames`: the edges of
    the bins, the mean length of the reciprocal vectors in each, S(k), and how many vectors there are, k and -k one; NaN
    for bins without any. `plot()` draws it. Checkpoints have it.

    Raises:
        InputError: for a box that is not periodic along all axes, a q below the smallest wave number of the box or with
            more vectors than are looked at, and a box other than that of the moments before.
    """

    @known_keywords
    def __init__(
        self, q: Positive, bins: Count = 100, types: TwoTypes | None = None,
        path: str | Path | None = None, overwrite: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(path, overwrite)
        self.q = number("StructureFactor: q", q, above=0.0)
        self.bins = whole_number("StructureFactor: bins", bins, minimum=1, maximum=MOST_BINS)
        self.types = None if types is None else two_types("StructureFactor: types", types)
        self.frames = 0
        """How many moments are in it; those without particles of the types are not."""
        self.vectors: Integers = np.zeros(self.bins, np.int64)
        self._lengths: Floats = np.zeros(self.bins)  # summed over vectors
        self._sums: Floats = np.zeros(self.bins)  # over vectors and moments
        self._box: list[float] | None = None  # its edges

    def start(self, frame: Frame) -> None:
        """Refuse a box, a number of vectors or a type that cannot be, before a step is taken."""
        rows_within(frame.box, self.q)
        for label in self.types or ():
            frame.density_modes(2 * math.pi / float(frame.box.lengths.max()), label)
        super().start(frame)

    def __call__(self, frame: Frame) -> None:
        """Add up this moment."""
        self._go_on()
        self._step = frame.step
        first, second = self.types or (None, None)
        modes = frame.density_modes(self.q, first)
        places, one = self._places(modes.vectors, frame.box.lengths), modes.values
        other = one if second == first else frame.density_modes(self.q, second).values
        pairs = number_of(frame, first) * number_of(frame, second)
        if pairs > 0:
            products = one.real * other.real + one.imag * other.imag  # NumPy's product may differ by the processor
            self._sums += np.bincount(places, products, self.bins) / math.sqrt(pairs)
            self.frames += 1

    def _places(self, vectors: Integers, edges: Floats) -> Integers:
        """In which bin each vector is: from its lower edge to below the upper one, the last edge included."""
        if self._box not in (None, edges.tolist()):
            raise InputError(
                "StructureFactor: the box is another one than that of the moments before; add another StructureFactor"
            )
        k = 2 * math.pi * vectors / edges
        lengths = np.sqrt(sum(component * component for component in k.T))
        places: Integers = np.minimum((lengths * (self.bins / self.q) * (1 + WITHIN)).astype(np.int64), self.bins - 1)
        if self._box is None:
            self._box = edges.tolist()
            self.vectors = np.bincount(places, minlength=self.bins)
            self._lengths += np.bincount(places, lengths, self.bins)
        return places

    @property
    def edges(self) -> Floats:
        """Of the bins, (bins + 1,)."""
        return np.linspace(0.0, self.q, self.bins + 1)

    @property
    def k(self) -> Floats:
        """The mean wave number of the vectors in each bin, (bins,)."""
        return mean_of(self._lengths, self.vectors)

    @property
    def s(self) -> Floats:
        """The static structure factor, (bins,); NaN before a frame was seen."""
        return mean_of(self._sums, self.vectors * self.frames)

    @property
    def columns(self) -> dict[str, Array]:
        """For the table."""
        return {"k": self.k, "s": self.s, "vectors": self.vectors}

    def _draw(self, axes: Any) -> None:
        here = self.vectors > 0
        axes.plot(self.k[here], self.s[here])
        axes.set_xlabel("k")
        axes.set_ylabel("S(k)")

    def remember(self, beside: Path) -> dict[str, Any]:
        """All of it."""
        return self._memory("structure_factor", beside) | {
            "q": self.q.hex(), "bins": self.bins, "types": self.types and list(self.types), "frames": self.frames,
            "vectors": self.vectors.tolist(), "lengths": texts_of(self._lengths), "sums": texts_of(self._sums),
            "dimensions": len(self._box or ()), "box": texts_of(self._box or ()),
        }  # fmt: skip

    @classmethod
    def from_memory(cls, memory: Mapping[str, Any], beside: Path) -> Self:
        """The one that goes on from there; InputError if the memory makes no sense."""
        path = path_or_none_in(memory, beside)
        factor = cls(number_in(memory, "q"), count_in(memory, "bins"), memory.get("types"), path, True)
        factor._step, factor.frames = count_in(memory, "step"), count_in(memory, "frames")
        factor.vectors = np.array(numbers_in(memory, "vectors", factor.bins), np.int64)
        factor._lengths = np.array(floats_in(memory, "lengths", factor.bins))
        factor._sums = np.array(floats_in(memory, "sums", factor.bins))
        factor._box = floats_in(memory, "box", count_in(memory, "dimensions")) or None
        return factor
