"""The words all stages share: the state of one region, the quanta of its numbers, and the list of its pairs.

Arrays run over particles along their last axis, so that a loop over particles reads memory in order. The particles a
region owns come first, its ghosts after them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from motes.core.box import AXES, Box
from motes.core.errors import ParticleError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int32]
Array = npt.NDArray[Any]

ROUND = 1.5 * 2.0**52
"""Adding this many quanta to a number rounds it to a whole number of them (see arithmetic.py)."""

FINEST = 2.0**-590
"""The quantum of numbers of which none but 0 has been seen: up to 2**50 of it their squares may vanish in float64."""


MOST_IMAGES = 2**30
"""A particle may leave so many edges behind; half of what an image can count, so that none is ever wrapped."""

FAR_AROUND = f"has gone around the box {MOST_IMAGES} times, which is the most that can be counted"


FROZEN = "frozen"
"""The attribute of particles that stay where they are, which is 1 for these and 0 for the others."""

INERTIA = "motes_inertia"
"""The scratch column of masses that are infinite for those."""

COLUMNS = (
    "ids", "types", "mass", "positions", "images", "velocities", "force_velocities", "forces", "ghost_axes"
)  # fmt: skip
"""Arrays that every state has, besides attributes."""


@dataclass(frozen=True)
class Quanta:
    """The grids on which positions (along each axis), velocities, forces and what laws add up for each particle lie,
    each a power of two; they follow the run (see quanta.py)."""

    position: tuple[float, ...]
    velocity: float
    force: float
    sums: tuple[float, ...] = ()


@dataclass(frozen=True)
class Timeline:
    """What time it is at a step: counted in steps of dt from a step whose time is known.

    So time does not go back when dt changes, and there is no sum of rounding errors.
    """

    dt: float
    step: int = 0
    time: float = 0.0

    def at(self, step: int) -> float:
        """The time at a step; also of steps before, as long as dt did not change."""
        return self.time + (step - self.step) * self.dt

    def going_on(self, step: int, dt: float) -> Timeline:
        """The same until this step, and another dt from then on."""
        return self if dt == self.dt else Timeline(dt, step, self.at(step))


@dataclass
class State:
    """What one region knows of its particles.

    positions are relative to the origin of the box; images count the edges of the box that were taken off when they
    were wrapped; forces count quanta; ghost_axes tells by its bits along which axes a particle lies beyond the upper
    side of the region (0 for all that are owned). stride is the farthest that a step may take a particle along an axis,
    and fastest the largest component of a velocity after the last kick. memory is what the integrator remembers from
    step to step, the same on all ranks; numbers are those that follow the steps, as they are at this one.
    force_velocities are those of which the forces are a function: in the middle of the step, and without rows if no
    force depends on velocities. scratch are columns of a law that are computed anew in every step.
    """

    box: Box
    quanta: Quanta
    step: int
    owned: int
    ids: Integers
    types: Integers
    mass: Floats
    positions: Floats
    images: Counts
    velocities: Floats
    forces: Integers
    ghost_axes: npt.NDArray[np.int8]
    attributes: dict[str, Floats]
    force_velocities: Floats
    ghosts: int = 0
    timeline: Timeline = Timeline(1.0)
    memory: dict[str, Floats] = field(default_factory=dict)
    numbers: Floats = field(default_factory=lambda: np.zeros(0))
    scratch: dict[str, Array] = field(default_factory=dict)
    stride: float = np.inf
    fastest: float = 0.0
    meeting: Callable[[ParticleError | None], None] | None = None

    def settle(self, error: ParticleError | None) -> None:
        """Raise what went wrong here, if anything, amid a stage: at a point to which all ranks come.

        In a careful step all ranks meet at it and stop together, so that what they have of the step depends on none.
        """
        if self.meeting is not None:
            self.meeting(error)
        elif error is not None:
            raise error

    def remember(self, numbers: Mapping[str, float]) -> None:
        """Have these in memory, and nothing else."""
        self.memory = {name: np.array([number]) for name, number in numbers.items()}

    @property
    def remembered(self) -> dict[str, float]:
        """What is in memory."""
        return {name: float(number[0]) for name, number in self.memory.items()}

    @classmethod
    def of(
        cls,
        box: Box,
        ids: Integers,
        types: Integers,
        mass: Floats,
        positions: Floats,
        velocities: Floats,
        attributes: dict[str, Floats],
        images: Integers | None = None,
    ) -> State:
        """A state at step 0, before its quanta are chosen; positions, velocities and images (or zeros) are (N, d)."""
        return cls(
            box=box,
            quanta=Quanta((box.spacing,) * box.dimensions, FINEST, FINEST),
            step=0,
            owned=len(ids),
            ids=ids,
            types=types,
            mass=mass,
            positions=np.ascontiguousarray(positions.T),
            images=np.zeros((box.dimensions, len(ids)), np.int32)
            if images is None
            else np.ascontiguousarray(images.T.astype(np.int32)),
            velocities=np.ascontiguousarray(velocities.T),
            forces=np.zeros((box.dimensions, len(ids)), np.int64),
            ghost_axes=np.zeros(len(ids), np.int8),
            attributes=attributes,
            force_velocities=np.zeros((0, len(ids))),
        )

    @property
    def time(self) -> float:
        """The time of this step."""
        return self.timeline.at(self.step)

    @property
    def spacing(self) -> Floats:
        """The grid of positions along each axis, (d,)."""
        return np.array(self.quanta.position)

    @property
    def dimensions(self) -> int:
        """Number of axes, 2 or 3."""
        return self.box.dimensions

    @property
    def total(self) -> int:
        """Particles and ghosts."""
        return self.owned + self.ghosts

    @property
    def capacity(self) -> int:
        """Particles and ghosts that fit before the arrays must grow."""
        return len(self.ids)

    def reserve(self, total: int) -> None:
        """Make room for total particles and ghosts, keeping what is there."""
        if total <= self.capacity:
            return
        capacity = total + total // 16

        def grow(values: Array) -> Array:
            grown = np.zeros((*values.shape[:-1], capacity), values.dtype)
            grown[..., : self.owned + self.ghosts] = values[..., : self.owned + self.ghosts]
            return grown

        for name in COLUMNS:
            setattr(self, name, grow(getattr(self, name)))
        self.attributes = {name: grow(values) for name, values in self.attributes.items()}
        self.scratch = {
            name: np.zeros((*values.shape[:-1], capacity), values.dtype) for name, values in self.scratch.items()
        }

    def emptied(self) -> State:
        """The same kinds of columns without a particle."""
        empty = replace(self, owned=0, ghosts=0)
        empty.remember(self.remembered)  # in rows of its own
        for name in COLUMNS:
            setattr(empty, name, getattr(self, name)[..., :0].copy())
        empty.scratch = {}
        empty.attributes = {name: values[:0].copy() for name, values in self.attributes.items()}
        return empty

    def keep(self, indices: Integers) -> None:
        """Own only the particles at these indices, laid out in this order."""
        for values in self._owned_columns():
            values[: len(indices)] = values[indices]
        self.owned = len(indices)

    # What travels between regions: rows of 8-byte numbers, integers and floats alike, one row for each column.

    def take(self, indices: Integers) -> Integers:
        """Copies of particles that will go elsewhere."""
        return _packed(self._owned_columns(), indices)

    def add(self, arriving: Integers) -> None:
        """Own particles that came from elsewhere."""
        count = arriving.shape[-1]
        self.reserve(self.owned + count)
        _unpack(self._owned_columns(), self.owned, arriving)
        self.ghost_axes[self.owned : self.owned + count] = 0
        self.owned += count

    def ghost_columns(self, indices: Integers, axis: int, shift: float) -> Integers:
        """What a ghost must know of its particle, no velocity or images; positions are shifted along axis."""
        packed = _packed(self._ghost_columns(), indices)
        row = packed[len(packed) - 1 - self.dimensions + axis].view(np.float64)
        row += shift
        return packed

    def add_ghosts(self, arriving: Integers, axis: int) -> None:
        """See particles of elsewhere, which lie beyond the upper side of axis."""
        begin, count = self.total, arriving.shape[-1]
        self.reserve(begin + count)
        _unpack(self._ghost_columns(), begin, arriving)
        self.ghost_axes[begin : begin + count] |= 1 << axis
        self.ghosts += count

    def copy_ghosts(self, indices: Integers, axis: int, shift: float) -> None:
        """See particles of one's own as ghosts beyond the upper side of axis, shifted along it."""
        begin, end = self.total, self.total + len(indices)
        self.reserve(end)
        for values in self._ghost_columns():
            np.take(values, indices, out=values[begin:end], mode="clip")  # "raise" would take a copy first
        self.positions[axis, begin:end] += shift
        self.ghost_axes[begin:end] |= 1 << axis
        self.ghosts += len(indices)

    def column(self, name: str) -> Array:
        """What the particles have by this name: a scratch column, an attribute, or a column of every state."""
        for columns in (self.scratch, self.attributes):
            if name in columns:
                return columns[name]
        found: Array = getattr(self, name)
        return found

    @property
    def inertia(self) -> Floats:
        """By what forces and noise are divided: the masses, and infinity for frozen particles."""
        inertia: Floats = self.scratch.get(INERTIA, self.mass)
        return inertia

    def note_frozen(self) -> None:
        """Let frozen particles have no way to move, where they lie now."""
        if FROZEN in self.attributes:
            if INERTIA not in self.scratch:
                self.declare(INERTIA, np.zeros(0))
            frozen, mass = self.attributes[FROZEN][: self.owned], self.mass[: self.owned]
            self.scratch[INERTIA][: self.owned] = np.where(frozen == 0.0, mass, np.inf)

    def forget_frozen(self) -> None:
        """No particle is frozen."""
        self.scratch.pop(INERTIA, None)

    def declare(self, name: str, empty: Array) -> None:
        """Have a scratch column of this name, as it is without a particle."""
        self.scratch[name] = np.zeros((*empty.shape[:-1], self.capacity), empty.dtype)

    @property
    def column_names(self) -> list[str]:
        """What the rows are that take gives."""
        return column_names(self.dimensions, self.attributes, len(self.force_velocities) > 0)

    def columns(self) -> list[Array]:
        """The columns of the owned particles, in this order."""
        return [values[: self.owned] for values in self._owned_columns()]

    def copies(self) -> list[Array]:
        """Copies of these columns, to come back to."""
        return [values.copy() for values in self.columns()]

    def restore(self, copies: Sequence[Array]) -> None:
        """Own the particles of these copies, and no others."""
        self.owned = self.ghosts = 0
        self.reserve(len(copies[0]))
        self.owned = len(copies[0])
        for values, kept in zip(self._owned_columns(), copies, strict=True):
            values[: self.owned] = kept
        self.ghost_axes[: self.owned] = 0

    def _owned_columns(self) -> list[Array]:
        return [
            self.ids,
            self.types,
            self.mass,
            *self.attributes.values(),
            *self.positions,
            *self.velocities,
            *self.images,
            *self.force_velocities,
        ]

    def _ghost_columns(self) -> list[Array]:
        return [self.ids, self.types, self.mass, *self.attributes.values(), *self.positions, self.ghost_axes]


FORCE_VELOCITY = "force_vx"
"""The first column of the velocities that forces depend on, where there are any."""


def column_names(dimensions: int, attributes: Iterable[str], force_velocities: bool = False) -> list[str]:
    """What a particle takes along from region to region and into checkpoints, in this order."""
    axes = AXES[:dimensions]
    return [
        "id",
        "type",
        "mass",
        *attributes,
        *axes,
        *(f"v{axis}" for axis in axes),
        *(f"image_{axis}" for axis in axes),
        *(f"force_v{axis}" for axis in axes if force_velocities),
    ]


def words(values: Array) -> Integers:
    """Numbers of any kind as 8-byte words: floats as the bits they are."""
    if values.itemsize == np.dtype(np.int64).itemsize:
        return np.ascontiguousarray(values).view(np.int64)
    return values.astype(np.int64)


def _packed(columns: Sequence[Array], indices: Integers) -> Integers:
    packed = np.empty((len(columns), len(indices)), np.int64)
    for row, values in zip(packed, columns, strict=True):
        if values.itemsize == row.itemsize:
            np.take(values.view(np.int64), indices, out=row)
        else:
            row[:] = values[indices]
    return packed


def _unpack(columns: Sequence[Array], begin: int, packed: Integers) -> None:
    for row, values in zip(packed, columns, strict=True):
        values[begin : begin + len(row)] = row.view(values.dtype) if values.itemsize == row.itemsize else row


@dataclass(frozen=True)
class Chunk:
    """The inner lists of one run of clusters: cluster first + c meets partners[begin[c] : begin[c] + count[c]].

    reach is the end of the slots that the run and its partners touch. classes say of each partner how many bonds it is
    apart from each member, two bits for one, if that matters.
    """

    first: int
    last: int
    reach: int
    begin: Integers
    count: Integers
    partners: Counts
    classes: Counts

    @property
    def arrays(self) -> tuple[Integers, Integers, Counts]:
        """begin, count, partners."""
        return self.begin, self.count, self.partners


@dataclass
class PairList:
    """Clusters of particles, and for each the later particles near it.

    Particles lie in slots, CLUSTER to a cluster; an empty slot lies far from everything. particle[slot] is the index
    in the state, -1 for an empty slot. A cluster of ghosts meets no pair within itself; axes holds its ghost bits.
    Cluster c meets partners[begin[c] : begin[c] + count[c]], which rise, and are followed by empty slots up to a whole
    cluster; pairs is how many there are with these. classes say how many bonds apart two particles of a cluster are, at
    the later one of the two, and partner_classes the same of a partner and the members, if that matters.

    near_begin, near_count, near_partners and near_classes are the inner list, which has the partners that can come near
    before it is pruned anew; that may be the list itself.
    """

    clusters: int = 0
    slots: int = 0
    pairs: int = 0
    particle: Counts = field(default_factory=lambda: np.zeros(0, np.int32))
    positions: Floats = field(default_factory=lambda: np.zeros((3, 0)))
    axes: npt.NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, np.int8))
    begin: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    count: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    partners: Counts = field(default_factory=lambda: np.zeros(0, np.int32))
    classes: Counts = field(default_factory=lambda: np.zeros(0, np.int32))
    partner_classes: Counts = field(default_factory=lambda: np.zeros(0, np.int32))
    near_begin: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    near_count: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    near_partners: Counts = field(default_factory=lambda: np.zeros(0, np.int32))
    near_classes: Counts = field(default_factory=lambda: np.zeros(0, np.int32))
    builds: int = 0

    def chunk(self, first: int, last: int) -> Chunk:
        """The inner lists of a run of clusters."""
        begin, count = self.begin[first:last], self.count[first:last]
        farthest = self.partners[(begin + count - 1)[count > 0]].max(initial=-1)
        reach = max(CLUSTER * last, int(farthest) + 1)
        near = self.near_begin[first:last], self.near_count[first:last], self.near_partners, self.near_classes
        return Chunk(first, last, reach, *near)


@dataclass
class TupleList:
    """The tuples of a region: indices (k, n) of their members in the state, and which tuples they are, (n,).

    The index i is the member uses // n of the tuple uses % n, for all uses from starts[i] to starts[i + 1].
    """

    indices: Integers
    numbers: Integers
    starts: Integers
    uses: Integers


CLUSTER = 8
"""Particles in a cluster: one 512-bit vector of float64, two 256-bit ones."""
