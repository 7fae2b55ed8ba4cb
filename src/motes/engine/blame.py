"""Who is to blame where forces are not finite or too large: what rank 0 asks all engines once a start has failed.

The forces of the moment are overwritten.
"""

from __future__ import annotations

import numpy as np

from motes.engine.step import Engine


def fields_not_finite(engine: Engine) -> list[list[int]]:
    """The number of a field that is not finite for a particle, and its id, on each rank that has one."""
    found = [[index, engine.state.ids[place]] for index, place in engine.fields.not_finite(engine.state)]
    rows = np.array(found, np.int64).reshape(-1, 2)
    return [blamed for part in engine.link.gather(rows.T) for blamed in part.T.tolist()]


def worst_pairs(engine: Engine) -> list[list[int]]:
    """Ids of the pairs of which one has the largest force over distance, on each rank."""
    ids, state = engine.state.ids, engine.state
    found = engine.forces.worst_pairs(state, engine.neighbors.pairs, energy=False)
    rows = np.array([[ids[one], ids[other]] for one, other in found], np.int64).reshape(-1, 2)
    return [pair for part in engine.link.gather(rows.T) for pair in part.T.tolist()]
