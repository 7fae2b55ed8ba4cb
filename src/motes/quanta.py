"""The grids on which the numbers of a run lie: fine enough for the motion at hand, with room above it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from motes.box import Box
from motes.engine import Extremes
from motes.errors import InputError
from motes.forces.interaction import BoundPair
from motes.forces.scale import BITS, MARGIN, field_limits, force_limit, power_above
from motes.formulas.bind import MASS, Bound
from motes.integrators import Integrator
from motes.state import Quanta

SPEED_MARGIN = 4096.0

WEAKEST = 2.0**-480
"""Of forces over distances: the squares of weaker ones vanish in float64, so none could be found out of range."""


def choose_quanta(
    box: Box, pairs: Sequence[BoundPair], fields: Sequence[Bound], integrator: Integrator, extremes: Extremes
) -> Quanta:
    """Grids fine enough for the motion at hand, with room above it."""
    energy = max(extremes.kinetic, 10 * integrator.temperature)
    force = force_limit(pairs, extremes.attributes, energy, extremes.force)
    cutoff = max((pair.max_cutoff for pair in pairs), default=1.0)
    depth, highest = force * cutoff, max(force * cutoff / 4, 4 * extremes.energy)
    if fields:
        ranges = {**extremes.attributes, MASS: (extremes.lightest, extremes.heaviest)}
        steepest, height = field_limits(fields, box, ranges, energy, extremes.field, integrator.dt)
        if not pairs:
            force = depth = highest = 0.0
        force = max(force, power_above(MARGIN * steepest)) if force or steepest else 1.0
        depth, highest = max(depth, MARGIN * height), max(highest, MARGIN * height)
    if pairs and force / cutoff < WEAKEST:
        raise InputError(
            f"forces are of the order of {force / MARGIN:.3g}: too small to calculate with; choose other units"
        )
    farthest = float(box.lengths.max()) / integrator.dt
    usual = math.sqrt(max(2 * energy, depth / MARGIN) / extremes.lightest)
    velocity = power_above(min(SPEED_MARGIN * usual, farthest) if usual else farthest) * 2.0**-51
    heaviest = max(extremes.heaviest, 0.0) or 1.0
    kinetic = power_above(0.5 * heaviest * box.dimensions * (2.0**51 * velocity) ** 2)
    return Quanta(
        position=box.spacing,
        velocity=velocity,
        force=force * 2.0**-BITS,
        energy=power_above(highest) * 2.0**-BITS,
        kinetic=kinetic * 2.0**-62,
    )


def usual_force(
    box: Box, pairs: Sequence[BoundPair], fields: Sequence[Bound], integrator: Integrator, extremes: Extremes
) -> float:
    """The largest force on particles that have about as much energy as wells are deep."""
    force = force_limit(pairs, extremes.attributes, 0.0, 0.0) / MARGIN if pairs else 0.0
    if fields:
        ranges = {**extremes.attributes, MASS: (extremes.lightest, extremes.heaviest)}
        force = max(force, field_limits(fields, box, ranges, 0.0, extremes.field, integrator.dt)[0])
    return force or 1.0
