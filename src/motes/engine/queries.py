"""What rank 0 may ask of the engines between two steps. Nothing here changes what they have.

All engines are asked at the same time; the answer is that of rank 0, to which the others send theirs.
"""

from __future__ import annotations

import errno
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from motes.core.box import AXES
from motes.core.state import Array, Floats, Integers, State
from motes.engine.step import Engine
from motes.exact.quanta import FAINT
from motes.exact.sums import exact_sum, total_of
from motes.exact.waves import sums_over
from motes.formulas.elementwise import Work
from motes.neighbors import nearby
from motes.storage.columns import file_name, write_columns


def save(engine: Engine, folder: Path) -> list[tuple[int, int, int, int]]:
    """Write the particles of each rank into a file; for each rank an error number, or 0, and what it wrote."""
    try:
        file = write_columns(folder / file_name(engine.link.rank), engine.state.columns())
        said = [0, file.particles, file.bytes, file.checksum]
    except OSError as error:
        said = [error.errno or errno.EIO, 0, 0, 0]
    return [tuple(part[:, 0].tolist()) for part in engine.link.gather(np.array([said]).T)]


def gather(engine: Engine, name: str) -> Array:
    """An array or attribute over all particles: those of rank 0 first, in the order they lie."""
    parts = engine.link.gather(np.asarray(engine.state.column(name)[..., : engine.state.owned]))
    return np.concatenate(parts, axis=-1) if parts else np.empty(0)


def drift(engine: Engine) -> tuple[float, float]:
    """The kinetic energy of the centre of mass, and that of all particles, for rank 0; rounded as it comes."""
    owned = engine.state.owned
    mass, velocities = engine.state.mass[:owned], engine.state.velocities[:, :owned]
    here = np.array([[*(velocities @ mass), mass.sum(), (velocities**2 @ mass).sum()]]).T
    parts = engine.link.gather(here)
    if not parts:  # the answer is that of rank 0
        return 0.0, 0.0
    *momentum, total, twice = np.sum(parts, axis=0)[:, 0].tolist()
    return 0.5 * sum(part * part for part in momentum) / total, 0.5 * twice


def evaluate(engine: Engine, work: Work, names: Sequence[str]) -> Array:
    """Results (k, N) of a function of what the particles have; see gather for their order."""
    own = [_column(engine, name) for name in names]
    results = work.run(own, (engine.state.owned,), engine.team)
    parts = engine.link.gather(np.stack(results))
    return np.concatenate(parts, axis=-1) if parts else np.empty(0)


def _column(engine: Engine, name: str) -> Array:
    """A coordinate inside the box, the time, the mass, or an attribute, of the owned particles."""
    state = engine.state
    if name == "t":
        return np.array(state.time)
    if name in AXES:
        axis = AXES.index(name)
        x = state.positions[axis, : state.owned]
        inside: Floats = np.mod(x, state.box.lengths[axis]) if state.box.periodic[axis] else x
        return inside + float(state.box.origin[axis])
    return state.column(name)[: state.owned]


def find(engine: Engine, ids: Sequence[int] | Integers) -> Integers:
    """The columns of particles with these ids, for rank 0."""
    state = engine.state
    return _collect(engine, state.take(np.flatnonzero(np.isin(state.ids[: state.owned], ids))))


def near(engine: Engine, position: Sequence[float], radius: float) -> Integers:
    """The columns of all particles, and of their images, that are within the radius of a position inside the box,
    for rank 0; their positions are relative to it."""
    state = engine.state
    axes = [index for index, name in enumerate(state.column_names) if name in AXES]
    indices, apart = _images_within(state, np.asarray(position, float), radius)
    rows = state.take(indices)
    rows[axes] = apart.view(np.int64)
    return _collect(engine, rows)


def _images_within(state: State, position: Floats, radius: float) -> tuple[Integers, Floats]:
    """Who is within the radius, (n,), and by what displacement from there, (d, n): axis after axis, so that most are
    looked at once."""
    indices, apart = np.arange(state.owned), np.zeros((0, state.owned))
    for axis, (length, periodic) in enumerate(zip(state.box.lengths.tolist(), state.box.periodic, strict=True)):
        along, most = state.positions[axis, indices] - position[axis], 0
        if periodic:
            along -= np.rint(along / length) * length
            most = int(radius / length + 0.5)
        near = [np.flatnonzero(np.abs(along + image * length) <= radius) for image in range(-most, most + 1)]
        shifts = np.repeat(np.arange(-most, most + 1) * length, list(map(len, near)))
        kept = np.concatenate(near)
        indices, apart = indices[kept], np.vstack([apart[:, kept], along[kept] + shifts])
    inside = np.flatnonzero((apart**2).sum(axis=0) <= radius**2)
    return indices[inside], np.ascontiguousarray(apart[:, inside])


def count_pairs(engine: Engine, wanted: Integers, bounds: tuple[float, float], bins: int) -> Integers:
    """How many pairs of particles of wanted types (T, T) there are at distances from one bound to below the other, by
    their nearest images, in so many bins."""
    cells, _, types, pieces = _all_in_cells(engine, bounds[1])
    found = nearby.count_pairs(cells, types, wanted, bounds, bins, engine.team, pieces)
    return engine.link.sum(found)


def density_modes(engine: Engine, rows: Integers, kind: int | None) -> Integers:
    """Sums of exp(i k.r) at the vectors of these rows, in quanta, over all particles or those of a type; see
    exact/waves.py."""
    state = engine.state
    own = slice(0, state.owned) if kind is None else np.flatnonzero(state.types[: state.owned] == kind)
    x = state.positions[:, own]
    fractions = np.zeros((3, x.shape[1]))
    fractions[: state.dimensions] = np.mod(x.T, state.box.lengths).T / state.box.lengths[:, None]
    return engine.link.sum(sums_over(fractions, rows, engine.team).ravel()).reshape(-1, 2)


def pairs_within(engine: Engine, distance: float) -> tuple[Integers, Integers, Floats]:
    """All pairs closer than a distance, for rank 0: ids (n,) of one and the other, and the way between them (d, n)."""
    cells, ids, _, pieces = _all_in_cells(engine, distance)
    one, other, apart = nearby.pairs_within(cells, distance, engine.team, pieces)
    rows = np.stack([ids[one], ids[other], *apart[: engine.state.dimensions].view(np.int64)])
    parts = engine.link.gather(rows)
    rows = np.concatenate(parts, axis=1) if parts else rows
    return rows[0], rows[1], np.ascontiguousarray(rows[2:]).view(np.float64)


def _all_in_cells(engine: Engine, distance: float) -> tuple[nearby.Cells, Integers, Integers, list[tuple[int, int]]]:
    """The particles of all ranks in cells for a distance, their ids and types as they lie, and this rank's share."""
    state, link = engine.state, engine.link
    own = slice(0, state.owned)
    rows = np.stack([state.ids[own], state.types[own], *state.positions[:, own].view(np.int64)])
    if link.size > 1:
        here = np.zeros(link.size, np.int64)
        here[link.rank] = state.owned
        ends = np.cumsum(link.sum(here))
        all_rows = np.zeros((len(rows), int(ends[-1])), np.int64)
        all_rows[:, ends[link.rank] - state.owned : ends[link.rank]] = rows
        rows = link.sum(all_rows.ravel()).reshape(all_rows.shape)  # where others have zeros
    positions = np.ascontiguousarray(rows[2:]).view(np.float64)
    cells = nearby.Cells.of(positions, state.box, distance)
    return cells, rows[0], rows[1], cells.pieces(link.rank, link.size)


def faint(engine: Engine, most: int) -> Integers:
    """The ids of up to so many particles on which forces hardly add up to a quantum, for rank 0: the same, picked as
    if at random, on any number of ranks."""
    state = engine.state
    forces = np.abs(state.forces[:, : state.owned]).max(axis=0)
    return _picked(engine, state.ids[: state.owned][forces < FAINT], most)


def some(engine: Engine, most: int) -> Integers:
    """The ids of up to so many particles, for rank 0: the same, picked as if at random, on any number of ranks; those
    picked of more particles have those of fewer among them."""
    return _picked(engine, engine.state.ids[: engine.state.owned], most)


def _picked(engine: Engine, ids: Integers, most: int) -> Integers:
    """Up to so many of the ids of all ranks, rising, for rank 0."""
    found = _collect(engine, _first(ids, most)[None, :])[0]
    return np.sort(_first(found, most))


def _first(ids: Integers, most: int) -> Integers:
    """Those whose scrambled numbers come first."""
    return ids if len(ids) <= most else ids[np.argpartition(_scrambled(ids), most - 1)[:most]]


def _scrambled(ids: Integers) -> Integers:
    """Numbers in no order, by Fibonacci hashing (Knuth, The Art of Computer Programming 3, section 6.4)."""
    return np.asarray(ids.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)).view(np.int64)


def _collect(engine: Engine, rows: Integers) -> Integers:
    parts = engine.link.gather(rows)
    return np.concatenate(parts, axis=1) if parts else rows


def kinetic_energy(engine: Engine) -> float:
    """Kinetic energy of this moment."""
    return engine.world.kinetic()


def kinetic_tensor(engine: Engine) -> Floats:
    """The sum of m v v, (d, d)."""
    state, link = engine.state, engine.link
    mass, velocities = state.mass[: state.owned], state.velocities[:, : state.owned]
    largest = float(link.maximum(np.array([(mass * velocities**2).max(initial=0.0)]))[0])
    if largest == 0.0:
        return np.zeros((state.dimensions,) * 2)
    return np.array([[exact_sum(mass * one * other, largest, link.sum) for other in velocities] for one in velocities])


def timings(engine: Engine) -> list[dict[str, float]]:
    """For each rank, seconds per phase, and what it sent."""
    mine = {**engine.clock.seconds, "messages": float(engine.link.messages), "bytes": float(engine.link.bytes)}
    parts = engine.link.gather(np.array([list(mine.values())]).T)
    return [dict(zip(mine, part[:, 0].tolist(), strict=True)) for part in parts]


def idleness(engine: Engine) -> float:
    """The part of the time of marches for which threads of this rank waited for each other; NaN without any."""
    return engine.clock.idle / engine.clock.marched if engine.clock.marched > 0 else math.nan


def imbalance(engine: Engine) -> list[float]:
    """Largest over mean work of the ranks, at each look."""
    return engine.balancer.history


def lists(engine: Engine) -> tuple[int, int, int]:
    """How many particles there are, how often lists were built, and how many partners they hold on all ranks."""
    return (
        total_of(engine.state.owned, engine.link.sum),
        engine.neighbors.pairs.builds,
        total_of(engine.neighbors.pairs.pairs, engine.link.sum),
    )
