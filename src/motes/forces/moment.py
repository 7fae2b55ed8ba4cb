"""The time, where the loops of forces find it.

A number that a loop is given stays what it was when the loop was put on a tape (core/tape.py), but for whole numbers
that grow with the step. So the time lies in an array, into which another loop writes it, of the number of the step.
"""

from __future__ import annotations

from dataclasses import astuple

import numpy as np

from motes.core.compiled import njit
from motes.core.state import Floats, State
from motes.core.threads import Team


@njit(cache=True, nogil=True)
def tell_time(begin: int, end: int, dt: float, since: int, time: float, step: int, clock: Floats) -> None:
    """What time it is at a step, as Timeline.at has it."""
    for k in range(begin, end):
        clock[k] = time + (step - since) * dt


class Moment:
    """What time it is.

    Args:
        team: whose loops read it.
    """

    def __init__(self, team: Team) -> None:
        self.clock: Floats = np.zeros(1)
        self._team = team

    def come(self, state: State) -> None:
        """It is that of the state's step."""
        self._team.split(tell_time, 1, *astuple(state.timeline), state.step, self.clock)
