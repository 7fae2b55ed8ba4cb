"""Forces of two particles on each other, with every name resolved: what `Pair` and `PairForce` have in common.

The force of its neighbours on a particle, for reports and for checks by NumPy, and one kernel for all laws of a kind.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from motes.core.state import Floats, Integers
from motes.forces.cluster_kernel import Term
from motes.forces.clusters import ClusterPlan, plan_clusters
from motes.forces.law import BoundInteraction, Surroundings
from motes.forces.pair_function import PairFormula, Rows
from motes.forces.portions import PORTIONS, chosen
from motes.formulas.bind import Names

AT_REST = {"t": 0.0, "dt": 1.0, "v": 0.0, "noise": 0.0}
"""What a force between two may depend on, where only their distance is asked about."""


@dataclass(frozen=True)
class BoundOfPairs(BoundInteraction):
    """The force of two particles on each other, with every name resolved.

    Attributes:
        name: of the function, for messages.
        pair: its formula.
    """

    name: str
    pair: PairFormula

    @property
    def reach(self) -> float:
        """The largest cutoff of any two types."""
        return self.pair.reach

    def at(self, values: Floats) -> Self:
        """With the numbers of a step."""
        return replace(self, pair=self.pair.at(values))

    @property
    @abstractmethod
    def term(self) -> Term:
        """What it is in a kernel."""

    @abstractmethod
    def force_between(self, ones: Rows, others: Rows, values: Mapping[str, Any]) -> Floats:
        """The force by NumPy, positive if two push each other away; values: of the coordinates."""

    def seen(self, surroundings: Surroundings, distances: Floats) -> dict[str, Any]:
        """The coordinates of a particle and its neighbours."""
        return {"r": distances}

    def force_on(self, surroundings: Surroundings) -> Floats:
        """Of all neighbours together."""
        apart, alone = surroundings.apart, {name: np.array([one]) for name, one in surroundings.particle.items()}
        distances = np.sqrt((apart**2).sum(axis=0))
        zero, every = np.zeros(len(distances), int), np.arange(len(distances))
        with np.errstate(all="ignore"):
            values = self.seen(surroundings, distances)
            force = self.force_between((alone, zero), (surroundings.around, every), values)
            total: Floats = -(force / distances * apart).sum(axis=1)
        return total

    def forces_between(self, rows: Mapping[str, Any], one: Integers, other: Integers, distances: Floats) -> Floats:
        """Positive if the two push each other away; without friction and noise, at the beginning of time."""
        with np.errstate(all="ignore"):
            return self.force_between((rows, one), (rows, other), {**AT_REST, "r": distances})

    @classmethod
    def plan(cls, bound: Sequence[Self], names: Names) -> ClusterPlan:
        """One kernel for all of them."""
        return plan_clusters([one.term for one in bound], names)

    @classmethod
    def portions(cls, bound: Sequence[Self], names: Names, only: int | None) -> ClusterPlan:
        """Half of what is between two for each of them."""
        return plan_clusters([one.term for one in chosen(bound, only)], names, PORTIONS)
