"""The time, and parameters that follow the steps, where the loops of forces find them.

A number that a loop is given stays what it was when the loop was put on a tape (core/tape.py), but for whole numbers
that grow with the step. So what depends on the step lies in arrays, into which other loops write it.
"""

from __future__ import annotations

from dataclasses import astuple

import numpy as np

from motes.core.compiled import njit
from motes.core.schedules import follow
from motes.core.state import Floats, State
from motes.core.threads import Team
from motes.formulas.kernel import Kernel


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


class Parameters:
    """The numbers (n,) and tables that a kernel reads.

    Args:
        kernel: whose they are.
        team: whose loops read them.
    """

    def __init__(self, kernel: Kernel, team: Team) -> None:
        self.numbers, self.tables = kernel.numbers, kernel.tables
        self._followed, self._team = kernel.followed, team
        if len(self._followed):
            count, shape = len(self.numbers), self.tables.shape
            self._all = np.concatenate([self.numbers, self.tables.ravel()])
            self.numbers, self.tables = self._all[:count], self._all[count:].reshape(shape)

    def come(self, state: State) -> None:
        """They are those of the state's step."""
        if len(self._followed):
            self._team.split(follow, len(self._followed), self._followed, state.numbers, self._all)
