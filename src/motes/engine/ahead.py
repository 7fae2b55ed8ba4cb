"""Numbers that follow the steps, known for some steps ahead.

Rank 0 works them out and sends them; at each step a loop takes those of that step, so that a march can.
"""

from __future__ import annotations

import numpy as np

from motes.core.compiled import njit
from motes.core.state import Floats, Integers, State
from motes.core.threads import Team

AHEAD = 4096
"""Steps, the one that is now among them."""


@njit(cache=True, nogil=True)
def take_row(begin: int, end: int, first: Integers, values: Floats, step: int, numbers: Floats) -> None:
    """Those of a step, of values (steps, n) from the first one on."""
    for k in range(begin, end):
        numbers[k] = values[step - first[0], k]


class Ahead:
    """What is known.

    Args:
        count: how many numbers there are.
        team: whose loops take them.
    """

    def __init__(self, count: int, team: Team) -> None:
        self._team = team
        self._first: Integers = np.zeros(1, np.int64)
        self._values: Floats = np.zeros((AHEAD, count))
        self._steps = 0

    def know(self, first: int, values: Floats) -> None:
        """The values from a step on, (steps, n), and no others. They lie where they lay before."""
        self._first[0], self._steps = first, len(values)
        self._values[: self._steps] = values

    def knows(self, step: int) -> bool:
        """Whether that is among them."""
        return 0 <= step - int(self._first[0]) < self._steps

    def at(self, step: int) -> Floats:
        """Those of a step, (n,)."""
        if not self.knows(step):
            raise ValueError(f"nobody has said what numbers follow at step {step}")
        row: Floats = self._values[step - int(self._first[0])]
        return row

    def take(self, state: State) -> None:
        """Those of the state's step become its numbers."""
        if state.numbers.size:
            if self._team.recorder is None:
                self.at(state.step)  # or else an error
            self._team.split(take_row, state.numbers.size, self._first, self._values, state.step, state.numbers)
