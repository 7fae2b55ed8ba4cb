"""Where noise has led in this process, so that a simulation which would draw the same noise again can be noticed.

Noise is a function of seed, step and particle. Whoever makes a new simulation from the arrays of another one, with the
same seed and from step 0 on, meets the same noise twice, and particles wander too far. So the positions that are read
from a simulation with noise leave a mark, made of a few of them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from motes.core.state import Floats
from motes.forces import Interaction
from motes.integrators import Integrator

Noise = tuple[str, int]
"""Kind of the integrator or interaction, and seed."""

ROWS = 16
"""Of positions, from which a mark is made: no two moments share so many coordinates by chance."""

MARKS = 10_000
"""How many are kept, the latest."""

_marks: OrderedDict[tuple[Noise, bytes], tuple[int, float]] = OrderedDict()


def noise_of(*sources: Integrator | Interaction) -> set[Noise]:
    """The noise of an integrator and of interactions, as far as they have any."""
    return {(type(one).__name__, one.seed) for one in sources if one.seed is not None}


def leave_mark(noises: Iterable[Noise], positions: Floats, step: int, time: float) -> None:
    """Note that these noises have led here until this step; positions (N, d) in the order of ids."""
    for noise in noises:
        _marks[noise, positions[:ROWS].tobytes()] = step, time
        while len(_marks) > MARKS:
            _marks.popitem(last=False)


def marked(noises: Iterable[Noise], positions: Floats) -> tuple[int, float] | None:
    """The step and time at which one of these noises has led to these positions."""
    found = (_marks.get((noise, positions[:ROWS].tobytes())) for noise in noises)
    return next((moment for moment in found if moment is not None), None)
