"""Numbers that follow the steps, on rank 0: their values are worked out for the steps of a run before it takes them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from motes.core.schedules import Follower
from motes.core.state import Floats
from motes.engine import commands
from motes.engine.ahead import AHEAD
from motes.ranks.conductor import EngineOfAll


def values_at(followers: Sequence[Follower], first: int, last: int) -> Floats:
    """Those of all followers at the steps from first to last, (steps, n); InputError for one that is out of bounds."""
    steps = np.arange(first, last + 1)
    return np.stack([one.values(steps) for one in followers], axis=1) if followers else np.zeros((len(steps), 0))


class LookAhead:
    """Tells the engines what follows.

    Args:
        engine: of all ranks.
        followers: the numbers of the run that follow the steps.
        step: for which they know them.
    """

    def __init__(self, engine: EngineOfAll, followers: Sequence[Follower], step: int) -> None:
        self._engine = engine
        self.followers = followers
        self.horizon = step
        """The step up to which numbers may be asked for."""
        self._first = self._last = step

    @property
    def longest(self) -> int:
        """Steps that can be taken before there is more to tell."""
        return AHEAD - 1 if self.followers else np.iinfo(np.int64).max

    def tell(self, first: int, last: int) -> None:
        """Have the engines know what follows at the steps from first to last."""
        if self.followers and not self._first <= first <= last <= self._last:
            last = max(last, min(self.horizon, first + AHEAD - 1))
            self._engine.call(commands.look_ahead, first, values_at(self.followers, first, last))
            self._first, self._last = first, last
