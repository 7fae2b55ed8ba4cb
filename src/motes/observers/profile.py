"""A profile along an axis: what there is in slices of the box, the mean over the moments that were seen.

Slices are of equal widths, from one edge of the box to the other, and lie still. Densities are means over moments, all
else is a mean over all particles that were seen in a slice, so moments with many weigh more: as LAMMPS has it, with
`compute chunk/atom bin/1d` and `fix ave/chunk ... norm all` (Thompson et al., Comput. Phys. Commun. 271, 108171
(2022)). The particles of a moment are added in whole numbers of quanta, so no order counts. The disadvantages: what is
summed is gathered on rank 0, and a temperature is that of the velocities as they are, so where matter streams, its
streaming is part of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from motes.core.box import AXES, Box
from motes.core.checks import Count, whole_number
from motes.core.compiled import njit
from motes.core.errors import InputError
from motes.core.state import FROZEN, Array, Floats, Integers
from motes.core.words import did_you_mean, known_keywords
from motes.exact.sums import finest, limbs_of, whole
from motes.observers.frame import Frame
from motes.observers.memory import count_in, floats_in, numbers_in, path_or_none_in, texts_of
from motes.observers.result import MOST_BINS, Result, mean_of, middles

DENSITY, MASS, TEMPERATURE, VELOCITY = WORDS = "density", "mass", "temperature", "velocity"


class Slices(NamedTuple):
    """Where the slices begin, how long they are together, the volume of each, and the dimensions of the box."""

    first: float
    length: float
    volume: float
    dimensions: int

    @classmethod
    def of(cls, box: Box, axis: int, bins: int) -> Slices:
        """So many along an axis."""
        return cls(float(box.origin[axis]), float(box.lengths[axis]), box.volume / bins, box.dimensions)


@njit(cache=True, nogil=True)
def places_of(positions: Floats, edges: Floats) -> Integers:
    """In which bin each is, -1 for one in none: from its lower edge to below the upper one, the last edge included."""
    bins = len(edges) - 1
    scale = bins / (edges[bins] - edges[0])
    places = np.full(len(positions), -1)
    for i in range(len(positions)):
        x = positions[i]
        if edges[0] <= x <= edges[bins]:
            place = min(int((x - edges[0]) * scale), bins - 1)
            if x < edges[place]:  # that was rounded
                place -= 1
            elif place < bins - 1 and x >= edges[place + 1]:
                place += 1
            places[i] = place
    return places


@njit(cache=True, nogil=True)
def add_in_bins(values: Floats, places: Integers, quantum: float, limbs: Integers) -> None:
    """Add numbers to the limbs (bins, 2) of their bins."""
    for i in range(len(values)):
        if places[i] >= 0:
            high, low = limbs_of(values[i], quantum)
            limbs[places[i], 0] += high
            limbs[places[i], 1] += low


def sums_in_bins(values: Floats, places: Integers, bins: int) -> Floats:
    """The sum of the numbers in each bin, (bins,), rounded once."""
    quantum = finest(float(np.abs(values).max(initial=0.0)))
    limbs = np.zeros((bins, 2), np.int64)
    add_in_bins(np.ascontiguousarray(values), places, quantum, limbs)
    return np.array([float(whole(*both)) for both in limbs.tolist()]) * quantum


class Profile(Result):
    """A profile along an axis of the box, as an observer: `simulation.every(100, motes.Profile("z"))`.

    Args:
        axis: "x", "y" or "z".
        bins: how many slices, of equal widths, from one edge of the box to the other.
        what: "density", the number of particles over the volume (in two dimensions, the area); "mass", the sum of
            their masses over it; "temperature", m v^2 / (d n), in units of energy; "velocity", the mean of each
            component; or the name of an attribute (none of these words), of which it is the mean.
        path: of a CSV file with columns centres, counts and one by the name of `what` (for velocities vx, vy and, in
            three dimensions, vz), which is written whenever a run ends.
        overwrite: whether a file that is there already is not kept under another name.

    After a run `edges` (bins + 1,), `centres` and `counts` (bins,), the particles seen in all moments, and `values`
    (bins,), for velocities (bins, d), are the result, over so many `frames`; NaN where no particle was seen, but for
    densities, which are 0 there. Beyond open sides of the axis there are no slices: particles are not counted there,
    and `outside` says how many were seen. `plot()` draws it. Checkpoints have it.

    Raises:
        InputError: for an axis that the box has not, an attribute that there is not, velocities and temperatures under
            Brownian motion and flows, where velocities mean nothing, and a box other than that of the moments before.
    """

    @known_keywords
    def __init__(
        self, axis: str, bins: Count = 50, what: str = DENSITY, path: str | Path | None = None, overwrite: bool = False
    ) -> None:  # fmt: skip
        super().__init__(path, overwrite)
        if axis not in tuple(AXES):
            raise InputError(f"Profile: axis: expected 'x', 'y' or 'z', got {axis!r}")
        if not isinstance(what, str):
            raise InputError(f"Profile: what: expected {', '.join(WORDS)} or the name of an attribute, got {what!r}")
        if what in ("centres", "counts"):
            raise InputError(f"Profile: what: {what} is another column of the result; give the attribute another name")
        self.axis, self.what = axis, what
        self.bins = whole_number("Profile: bins", bins, minimum=1, maximum=MOST_BINS)
        self.frames = 0
        """How many moments are in it."""
        self.outside = 0
        """How many particles were seen beyond open sides, in all moments."""
        self.counts: Integers = np.zeros(self.bins, np.int64)
        self._slices: Slices | None = None
        self._sums: Floats = np.zeros((3, self.bins))  # over moments, of up to three numbers for each slice

    def start(self, frame: Frame) -> None:
        """Refuse what there is not, before a step is taken."""
        self._check(frame)
        super().start(frame)

    def __call__(self, frame: Frame) -> None:
        """Add up this moment."""
        self._go_on()
        self._check(frame)
        counted = self._counted(frame)
        positions = np.ascontiguousarray(frame.positions[counted, AXES.index(self.axis)])
        places = places_of(positions, self.edges)
        counts = np.bincount(places + 1, minlength=self.bins + 1)
        self.outside += int(counts[0])
        self.counts = self.counts + counts[1:]
        for k, values in enumerate(self._summed(frame)):
            self._sums[k] += sums_in_bins(np.ascontiguousarray(values[counted]), places, self.bins)
        self._step, self.frames = frame.step, self.frames + 1

    def _check(self, frame: Frame) -> None:
        box = frame.box
        if AXES.index(self.axis) >= box.dimensions:
            raise InputError(f"Profile: axis: expected 'x' or 'y', as the box has two dimensions, got {self.axis!r}")
        if self.what in (TEMPERATURE, VELOCITY) and not frame.has_velocities:
            raise InputError(
                f"Profile: what: there is no {self.what} under this integrator, which moves particles without "
                "velocities; ask for density, mass or an attribute"
            )
        if self.what not in (*WORDS, *frame.attributes):
            hint = did_you_mean(self.what, [*WORDS, *frame.attributes])
            raise InputError(f"Profile: what: there is no attribute {self.what!r}; {hint}")
        slices = Slices.of(box, AXES.index(self.axis), self.bins)
        if self.frames and self._slices != slices:
            raise InputError("Profile: the box is another one than that of the moments before; add another Profile")
        self._slices = slices

    def _counted(self, frame: Frame) -> Any:
        """Who is: all, but where it is about temperatures, not those that are frozen."""
        if self.what == TEMPERATURE and FROZEN in frame.attributes:
            return frame.attributes[FROZEN] == 0.0
        return slice(None)

    def _summed(self, frame: Frame) -> list[Floats]:
        """What is added up of the particles, a number for each of them."""
        if self.what == DENSITY:
            return []
        if self.what == MASS:
            return [frame.mass]
        if self.what == TEMPERATURE:
            return [frame.mass * sum(v * v for v in frame.velocities.T)]  # NumPy's sums may differ by the processor
        return [*frame.velocities.T] if self.what == VELOCITY else [frame.attributes[self.what]]

    @property
    def edges(self) -> Floats:
        """Of the slices, in the coordinates of the particles, (bins + 1,); NaN before there is a box."""
        first, length = (math.nan, math.nan) if self._slices is None else self._slices[:2]
        return np.linspace(first, first + length, self.bins + 1)

    @property
    def centres(self) -> Floats:
        """The middle of each slice, (bins,)."""
        return middles(self.edges)

    @property
    def values(self) -> Floats:
        """The profile, (bins,), for velocities (bins, d)."""
        _, _, volume, dimensions = self._slices or Slices(math.nan, math.nan, math.nan, 3)
        if self.what in (DENSITY, MASS):
            return mean_of((self.counts if self.what == DENSITY else self._sums[0]) / volume, self.frames)
        means = mean_of(self._sums.T, self.counts[:, None])
        if self.what == VELOCITY:
            return means[:, :dimensions]
        return means[:, 0] / dimensions if self.what == TEMPERATURE else means[:, 0]

    @property
    def columns(self) -> dict[str, Array]:
        """For the table."""
        values = self.values
        named = {self.what: values} if values.ndim == 1 else {f"v{a}": v for a, v in zip(AXES, values.T, strict=False)}
        return {"centres": self.centres, "counts": self.counts, **named}

    def _draw(self, axes: Any) -> None:
        lines = axes.plot(self.centres, self.values)
        axes.set_xlabel(self.axis)
        axes.set_ylabel(self.what)
        if len(lines) > 1:
            axes.legend(lines, AXES[: len(lines)])

    def remember(self, beside: Path) -> dict[str, Any]:
        """All of it."""
        slices: dict[str, Any] = {"slices": None}
        if self._slices is not None:
            slices = {"slices": texts_of(self._slices[:3]), "dimensions": self._slices.dimensions}
        return self._memory("profile", beside) | {
            "axis": self.axis, "bins": self.bins, "what": self.what, "frames": self.frames, "outside": self.outside,
            "counts": self.counts.tolist(), "sums": texts_of(self._sums.ravel()), **slices,
        }  # fmt: skip

    @classmethod
    def from_memory(cls, memory: Mapping[str, Any], beside: Path) -> Self:
        """The one that goes on from there; InputError if the memory makes no sense."""
        axis, what, path = memory.get("axis", ""), memory.get("what", ""), path_or_none_in(memory, beside)
        profile = cls(axis, count_in(memory, "bins"), what, path, True)
        profile._step, profile.frames, profile.outside = (count_in(memory, n) for n in ("step", "frames", "outside"))
        profile.counts = np.array(numbers_in(memory, "counts", profile.bins), np.int64)
        profile._sums = np.array(floats_in(memory, "sums", 3 * profile.bins)).reshape(3, -1)
        if memory.get("slices") is not None:
            first, length, volume = floats_in(memory, "slices", 3)
            profile._slices = Slices(first, length, volume, count_in(memory, "dimensions"))
        return profile
