"""What a rank must know of the interactions: generated source and numbers, and nothing of the user's code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from motes.core.state import Floats
from motes.forces.interaction import BoundPair
from motes.forces.kernel import layout, pair_key, pair_source
from motes.formulas.compile import load, source_of


@dataclass(frozen=True)
class PairPlan:
    """The pair interactions of a run as a compiled loop and its parameters; can travel to another rank.

    numbers (n,), tables (n, T, T) and attributes stand in the order in which the source reads them. Without
    interactions the cutoff is 0 and the source empty.
    """

    key: str
    source: str
    numbers: Floats
    tables: Floats
    attributes: tuple[str, ...]
    cutoff: float
    dimensions: int

    def load(self) -> ModuleType | None:
        """The module of the kernels."""
        return load(self.key, lambda: self.source) if self.source else None


def plan_pairs(pairs: Sequence[BoundPair], types: int, dimensions: int) -> PairPlan:
    """Generate (or find in the cache) the kernels for these interactions."""
    if not pairs:
        return PairPlan("", "", np.zeros(1), np.zeros((0, types, types)), (), 0.0, dimensions)
    key = pair_key(pairs, types, dimensions)
    module = load(key, lambda: pair_source(pairs, types, dimensions))
    rows = layout(pairs)
    tables = [_parameter(pairs, name) for name in rows.tables]
    return PairPlan(
        key=key,
        source=source_of(module),
        numbers=np.array([_parameter(pairs, name) for name in rows.numbers] or [0.0], float),
        tables=np.array(tables, float).reshape(len(tables), types, types),
        attributes=rows.attributes,
        cutoff=max(pair.max_cutoff for pair in pairs),
        dimensions=dimensions,
    )


def _parameter(pairs: Sequence[BoundPair], name: str) -> object:
    """The value of a parameter by its name in the kernel: p0_epsilon, p1_cutoff_squared."""
    prefix, parameter = name.split("_", 1)
    pair = pairs[int(prefix[1:])]
    if parameter == "cutoff_squared":
        return np.asarray(pair.cutoff) ** 2
    if parameter == "cutoff":
        return pair.cutoff
    return pair.uniform[parameter] if parameter in pair.uniform else pair.tables[parameter]
