"""Move the planes between regions so that all ranks have about the same work.

Algorithm: now and then the work of each rank since the last look (processor time in forces and lists, not counts) is
compared. If the busiest has clearly more than the mean, every particle is weighted with the work per particle of its
rank, a histogram of these weights is summed up along each axis, and the planes are moved to cut it into equal parts.
If a move did not help, the planes before it come back, and the next look is later.

Invariant: all ranks compute the same planes, since the histograms are sums of integers. Where the planes lie decides
who works, never what comes out.

Disadvantage: planes go through the whole box, so work is evened out axis by axis; and a move costs a migration.
"""

from __future__ import annotations

import numpy as np

from motes.core.state import Floats, Integers, State
from motes.decomposition.domain import Domain
from motes.decomposition.grid import Regions, weighted_borders

WORTHWHILE = 1.08
"""Largest over mean work beyond which planes are moved."""

FIRST_LOOK, LATEST_LOOK = 3, 96
"""Migrations until the first look, and at most between two; the time between doubles as long as nothing changes."""

BINS = 1024
UNITS = 2.0**20


class Balancer:
    """Looks at the work of all ranks at some migrations. history holds largest over mean work at each look."""

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self.history: list[float] = []
        self._before: tuple[float, Regions] | None = None
        self._interval = FIRST_LOOK
        self._waiting = FIRST_LOOK
        self._work = 0.0

    def restart(self, work: float) -> None:
        """Forget the work done so far: it was that of setting up."""
        self._work = work

    def look(self, state: State, work: float) -> None:
        """Called before each migration, by all ranks, with the seconds of work done so far."""
        if self.domain.link.size == 1:
            return
        self._waiting -= 1
        if self._waiting > 0:
            return
        mine, self._work = max(work - self._work, 1e-9), work
        imbalance = self._imbalance(mine)
        self.history.append(imbalance)
        self._decide(state, mine, imbalance)
        self._waiting = self._interval

    def _decide(self, state: State, work: float, imbalance: float) -> None:
        domain = self.domain
        if self._before is not None and imbalance > self._before[0]:
            domain.regions, self._before = self._before[1], None
        elif imbalance > WORTHWHILE:
            self._before = imbalance, domain.regions
            domain.regions = self._evened(state, work)
            return
        self._interval = min(2 * self._interval, LATEST_LOOK)

    def _imbalance(self, work: float) -> float:
        loads = np.zeros(self.domain.link.size, np.int64)
        loads[self.domain.link.rank] = int(work * UNITS) + 1
        loads = self.domain.link.sum(loads)
        return float(loads.max() / loads.mean())

    def _evened(self, state: State, work: float) -> Regions:
        regions = self.domain.regions
        weight = int(work * UNITS * UNITS / max(state.owned, 1)) + 1
        borders = list(regions.borders)
        for axis, parts in enumerate(regions.shape):
            if parts > 1:
                counts = self._histogram(state.positions[axis, : state.owned], axis)
                total = self.domain.link.sum(counts * weight)
                borders[axis] = weighted_borders(state.box, axis, parts, total.astype(np.float64), self.domain.halo / 2)
        return Regions(state.box, tuple(borders))

    def _histogram(self, x: Floats, axis: int) -> Integers:
        box = self.domain.regions.box
        bins = np.floor(x * (BINS / box.lengths[axis])).astype(np.int64)
        bins = bins % BINS if box.periodic[axis] else np.clip(bins, 0, BINS - 1)
        return np.bincount(bins, minlength=BINS)
