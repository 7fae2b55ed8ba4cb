"""A part of many particles, to be looked at: only its rows travel between ranks."""

from __future__ import annotations

import numpy as np

from motes.core.state import State
from motes.engine import queries
from motes.engine.starts import Summary
from motes.particles.particles import Particles
from motes.ranks.conductor import EngineOfAll


def sample(engine: EngineOfAll, summary: Summary, number: int) -> Particles:
    """So many particles, or all, picked by their ids alone, without bonds and angles."""
    with engine.turn():  # who they are and what they have is of one step
        here = engine.here.state
        state = here.emptied()
        state.add(engine.ask(queries.find, engine.ask(queries.some, number)))
        particles = _particles_of(state, summary)
        particles.step, particles.time = here.step, here.time
    return particles


def _particles_of(state: State, summary: Summary) -> Particles:
    """All particles of a state, in the order of their ids."""
    box, order = summary.box, np.argsort(state.ids[: state.owned])
    relative = state.positions[:, order].T
    edges = np.where(box.periodic, box.lengths, np.inf)
    around = np.floor_divide(relative, edges) * box.periodic  # before the origin is added: that may leave the grid
    return Particles(
        np.where(box.periodic, np.mod(relative, edges), relative) + box.origin,
        box, state.velocities[:, order].T, state.mass[order], np.array(summary.type_names)[state.types[order]],
        state.ids[order], state.images[:, order].T + around.astype(np.int64),
        **{name: values[order] for name, values in state.attributes.items()},
    )  # fmt: skip
