"""Where the time of a rank goes."""

from __future__ import annotations

from time import perf_counter

from motes.decomposition.domain import Link

PHASES = ("integrate", "neighbors", "halo", "migrate", "pair", "output", "waiting")


class Clock:
    """Seconds per phase: lap books the time since the last lap, less what the link spent waiting for others."""

    def __init__(self, link: Link) -> None:
        self.seconds = dict.fromkeys(PHASES, 0.0)
        self.marched = self.idle = 0.0
        """Seconds of all threads in marches that several shared, and those of them spent waiting for one another."""
        self._link = link
        self._last = perf_counter()
        self._waited = link.waited

    def start(self) -> None:
        """Forget the time since the last lap."""
        self._last, self._waited = perf_counter(), self._link.waited

    def lap(self, phase: str) -> None:
        """The time since the last lap belongs to this phase."""
        now, waited = perf_counter(), self._link.waited
        self.seconds[phase] += now - self._last - (waited - self._waited)
        self.seconds["waiting"] += waited - self._waited
        self._last, self._waited = now, waited
