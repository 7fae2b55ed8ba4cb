"""How large forces and energies may become: what the quanta of a run are chosen from.

The energy functions are sampled over distances, all pairs of types, and small, middle and large attributes. The
largest force that pairs can reach with several times the energy at hand, times a margin, is the limit; a quantum is
2**-48 of it. That leaves 15 bits for the number of neighbours before a sum of int64 could wrap.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from motes.box import Box
from motes.errors import OverlapError
from motes.forces.interaction import BoundPair
from motes.formulas.bind import PREFIX, Bound
from motes.formulas.derive import evaluate
from motes.state import Floats

BITS = 48
"""The largest number is 2**BITS quanta."""

MARGIN = 16.0
REACH = 4.0
SHARPEST = 2.0**16
SOFT = 16.0

ROOM, LOOSE = 4.0, 256.0
"""What a quantum that is chosen anew leaves above the largest force, and the most it may leave before it is finer."""

SAMPLES = {2: 33, 3: 17}
"""Points along an axis where a field is looked at."""


def power_above(value: float) -> float:
    """The least power of two that is not below value."""
    mantissa, exponent = math.frexp(value)
    return math.ldexp(1.0, exponent if mantissa > 0.5 else exponent - 1)


def fitting_quantum(largest: float, quantum: float) -> float:
    """This quantum of force, if the largest force fits it and is not much smaller than what would fit, else another."""
    limit = 2.0**BITS * quantum
    if largest == 0.0 or largest <= limit <= LOOSE * largest:
        return quantum
    return power_above(ROOM * largest) * 2.0**-BITS


def force_limit(
    pairs: Sequence[BoundPair], attributes: Mapping[str, tuple[float, float]], energy: float, largest: float
) -> float:
    """The largest force between two particles that a run can represent, a power of two.

    Args:
        pairs: the interactions.
        attributes: smallest and largest value of each, over all particles.
        energy: the largest that a particle brings into a collision.
        largest: force over distance of any pair at the start.

    Raises:
        OverlapError: if that is far more than pairs are likely to reach.
    """
    profiles = [_profile(pair, attributes) for pair in pairs]
    depth = max((_depth(u) for _, u, _ in profiles), default=0.0)
    # At rest and without a well, what pairs feel at half the cutoff must do.
    energy = max(energy, depth) or max((_half_way(u) for _, u, _ in profiles), default=0.0)
    reached = max((_reached(u, f, energy) for _, u, f in profiles), default=0.0)
    cutoff = max((pair.max_cutoff for pair in pairs), default=1.0)
    initial = largest * cutoff
    if reached > 0 and not initial <= SHARPEST * reached:
        raise OverlapError(
            f"the largest force at the start is about {initial:.3g}, where {reached:.3g} would be usual: particles "
            "overlap; call simulation.minimize(force_tolerance) first ([minimize] in a TOML file), or give them more "
            "room, for example motes.random(..., minimum_distance=...)"
        )
    return power_above(MARGIN * max(reached, initial / MARGIN * 4)) if reached or initial else 1.0


def field_limits(
    fields: Sequence[Bound],
    box: Box,
    attributes: Mapping[str, tuple[float, float]],
    energy: float,
    start: tuple[float, float],
    dt: float,
) -> tuple[float, float]:
    """The largest force and energy that fields are likely to have where particles go.

    Args:
        fields: their energies.
        box: where particles are.
        attributes: smallest and largest value of each, and of the mass.
        energy: the largest that a particle brings along.
        start: the largest force and energy at the start.
        dt: the time of a step; a field that changes in time is looked at over 100,000 steps.
    """
    force, highest = start
    for field in fields:
        axes = [np.linspace(0.0, 1.0, SAMPLES[box.dimensions]) * length for length in box.lengths]
        u = _landscape(field, box, axes, attributes, dt)
        lowest = float(np.min(u, initial=np.inf, where=np.isfinite(u)))
        climb = max(energy, highest - lowest if np.isfinite(lowest) else 0.0)
        with np.errstate(all="ignore"):
            u = np.minimum(u, highest + REACH * climb)  # no one climbs higher
            slopes = np.abs([np.gradient(u, places, axis=a) for a, places in enumerate(axes)])
        force = max(force, float(np.max(slopes, initial=0.0, where=np.isfinite(slopes))))
        highest = max(highest, float(np.max(np.abs(u), initial=0.0, where=np.isfinite(u))))
    return force, highest


def _landscape(
    field: Bound, box: Box, axes: Sequence[Floats], attributes: Mapping[str, tuple[float, float]], dt: float
) -> Floats:
    """Energies on a lattice in the box, for all types, small, middle and large attributes, and times."""
    # Two more dimensions than the box has: of cases (types, attributes) and of times.
    types = max((len(table) for table in field.tables.values()), default=1)
    times = np.concatenate([[0.0], np.geomspace(dt, 1e5 * dt, 24)]) if "t" in field.symbols else np.zeros(1)
    values: dict[str, object] = {PREFIX + "t": times}
    for name, places, origin, a in zip("xyz", axes, box.origin, range(3), strict=False):
        shape = [1] * (box.dimensions + 2)
        shape[a] = -1
        values[PREFIX + name] = (places + origin).reshape(shape)
    values |= {PREFIX + name: value for name, value in field.numbers.items()}
    values |= {PREFIX + name: np.repeat(table, 3)[:, None] for name, table in field.tables.items()}
    values |= {PREFIX + name: np.tile(np.linspace(*attributes[name], 3), types)[:, None] for name in field.attributes}
    with np.errstate(all="ignore"):
        u = np.asarray(evaluate(field.formulas[0], values), float)
        return np.broadcast_to(u, (*map(len, axes), 3 * types, len(times)))


def _profile(pair: BoundPair, attributes: Mapping[str, tuple[float, float]]) -> tuple[Floats, Floats, Floats]:
    """Distances (n,), energies and forces (n, combinations), from the cutoff inwards."""
    r = np.geomspace(pair.max_cutoff, pair.max_cutoff / 64, 1500)
    values: dict[str, object] = {"r": r[:, None, None], "cutoff": pair.max_cutoff, **pair.uniform}
    for name, table in pair.tables.items():
        values[name] = np.asarray(table).reshape(1, -1, 1)
    if not isinstance(pair.cutoff, float):
        values["cutoff"] = np.asarray(pair.cutoff).reshape(1, -1, 1)
    for name in pair.attributes:
        if name not in attributes:  # the mass
            values[f"{name}_i"] = values[f"{name}_j"] = 1.0
            continue
        one = np.linspace(*attributes[name], 3) if np.isfinite(attributes[name]).all() else np.zeros(3)
        values[f"{name}_i"], values[f"{name}_j"] = np.repeat(one, 3), np.tile(one, 3)
    with np.errstate(all="ignore"):
        u = np.asarray(evaluate(pair.energy, values), float)
        u = np.broadcast_to(u, np.broadcast_shapes(u.shape, (len(r), 1, 1))).reshape(len(r), -1)
        f = -np.gradient(u, r, axis=0)
        return r, u - u[0], f


def _depth(energies: Floats) -> float:
    """How deep the wells are; where energies fall without end inwards, their depth half-way."""
    finite = np.where(np.isfinite(energies), energies, np.inf)
    lowest = finite.min(axis=0)
    endless = finite.argmin(axis=0) == len(energies) - 1
    middle = finite[len(energies) // 4]
    depths = np.where(endless, -middle, -lowest)
    return float(max(0.0, np.where(np.isfinite(depths), depths, 0.0).max()))


def _half_way(energies: Floats) -> float:
    """The largest energy at half the cutoff."""
    there = np.abs(energies[len(energies) // 6])
    return float(there.max(initial=0.0, where=np.isfinite(there)))


def _reached(energies: Floats, forces: Floats, energy: float) -> float:
    """The largest force on the way inwards to where a pair has several times this energy, or at all, if that is not
    much more than outside a quarter of the cutoff."""
    sizes = np.where(np.isfinite(forces), np.abs(forces), np.inf)
    soft = sizes.max(axis=0) <= SOFT * sizes[: len(sizes) // 3].max(axis=0)
    with np.errstate(invalid="ignore"):
        within = np.logical_and.accumulate(np.abs(energies) <= REACH * energy, axis=0) | soft
    return float(np.nanmax(np.where(within & np.isfinite(forces), np.abs(forces), 0.0)))
