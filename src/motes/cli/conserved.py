"""The energy that the forces of a run conserve, to tell the error of the integration.

Without a shift, the energy of a pair jumps at its cutoff, and no force knows of it: each pair that crosses the cutoff
changes the energy by that jump. So what is conserved is the energy less, for each pair within the cutoff, what it would
have there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motes.cli.survey import can_be_counted, near_pairs
from motes.forces import BoundPair, energies_of_pairs
from motes.forces.oracle import pair_energy
from motes.formulas.bind import MASS, Names
from motes.simulation.simulation import Simulation

LARGEST = 50_000
"""Of more particles pairs are not counted: it would take seconds."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Energy:
    """The total energy at a step, and the part of it that changes by jumps, None if that is not known.

    conserved is the total less the heat from a bath; NaN where nobody counts it.
    """

    step: int
    total: float
    jumps: float | None
    conserved: float = math.nan

    @classmethod
    def of(cls, simulation: Simulation) -> Energy:
        """At this moment."""
        total = simulation.potential_energy + simulation.kinetic_energy
        return cls(simulation.step, total, energy_at_cutoffs(simulation), simulation.conserved_energy)


def energy_at_cutoffs(simulation: Simulation) -> float | None:
    """What all pairs within their cutoffs would have at them, of those interactions whose energy jumps there."""
    if not simulation.interactions:
        return 0.0
    if len(simulation) > LARGEST:
        return None
    attributes, topology = dict(simulation.attributes), simulation.topology
    names = Names(simulation.box.boundary, simulation.type_names, attributes, topology)
    bound = energies_of_pairs(one.bind(names) for one in simulation.interactions)
    pairs = [pair for pair in bound if pair.shift is None]
    if not pairs:
        return 0.0
    if not can_be_counted(len(simulation), simulation.box, max(pair.reach for pair in pairs)):
        return None
    columns: dict[str, Any] = {**simulation.attributes, MASS: simulation.mass, "type": simulation.types}
    return sum(_at_cutoff(pair, simulation, columns) for pair in pairs)


def _at_cutoff(pair: BoundPair, simulation: Simulation, columns: Mapping[str, Any]) -> float:
    types, kinds, formula = simulation.types, len(simulation.type_names), pair.pair
    cutoffs = np.broadcast_to(formula.cutoff, (kinds, kinds))
    total = 0.0
    for first, second, squared in near_pairs(simulation.positions, simulation.box, pair.reach):
        near = squared < cutoffs[types[first], types[second]] ** 2
        i, j = first[near], second[near]
        parameters = formula.parameters_between((columns, i), (columns, j))
        energies = pair_energy(formula, parameters, np.broadcast_to(parameters["cutoff"], i.shape))
        total += float(pair.weighted(energies, simulation.ids[i], simulation.ids[j]).sum())
    return total
