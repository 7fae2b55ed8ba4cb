"""What happens where a rank cannot go on.

No rank may leave while others wait for its messages. So a failure is noted where it happens, and the ranks talk of it
when they meet the next time, which costs no message of its own. Then all of them stop at the same point, and rank 0
knows what happened first, on whichever rank.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from motes.core.errors import OutgrownError, ParticleError, RunError
from motes.core.state import State
from motes.decomposition.domain import Link

FAILED = 3
"""What a rank says, instead of 0 or 1, if it has a particle that it cannot take further."""


@dataclass(frozen=True)
class Failure:
    """What a rank says of a particle that it could not take further.

    Attributes:
        moment: how many things had been attempted before; the same on all ranks.
        step: the one that cannot be done.
        size: how far it went, the largest being the worst.
        id: of the particle; if it is not known, it is in one of the pairs.
        cause: what happened, to be read after "particle 7".
        pairs: ids of particles, of which one pair is to blame.
        outgrown: "force", "speed" or "position", if only a coarser grid is needed, for numbers of this size.
    """

    moment: int
    step: int
    size: float
    id: int
    cause: str
    pairs: list[list[int]]
    outgrown: str = ""


ELSEWHERE = Failure(0, 0, 0.0, -1, "is not known here", [])
"""What ranks above 0 know of the failures of others."""


class StoppedError(RunError):
    """Raised on all ranks at the same point, if one of them cannot go on; only rank 0 knows of all what happened."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.cause)
        self.failure = failure


class Attempts:
    """All that a rank attempts, one thing after the other, and whether something has failed."""

    def __init__(self, state: State, link: Link) -> None:
        self.step = 0
        """The one that is being attempted."""
        self._state = state
        self._link = link
        self._moment = 0
        self._failure: Failure | None = None

    @property
    def failed(self) -> bool:
        """Whether something has."""
        return self._failure is not None

    def forget(self) -> None:
        """What has failed is done with."""
        self._failure = None

    def run(self, stage: Callable[..., None], *arguments: Any) -> None:
        """Let a stage work on this rank alone, unless something has failed; if it cannot go on, that is noted."""
        self._moment += 1
        if self._failure is None:
            try:
                stage(*arguments)
            except ParticleError as error:
                self._failure = self._noted(error)
        if self._state.meeting is not None:
            self.agree()

    def meet(self, error: ParticleError | None) -> None:
        """In a careful step: if a stage has failed on a rank, all of them stop amid it."""
        if error is not None:
            self._failure = self._noted(error)
        self.agree()

    def agree(self) -> None:
        """If a rank has failed, all of them stop here."""
        if self._link.most(FAILED if self.failed else 0) == FAILED:
            self.stop()

    def agree_at_rest(self) -> None:
        """The same between two steps, where what failed is not to be held against what comes next."""
        try:
            self.agree()
        except StoppedError:
            self.forget()
            raise

    def stop(self) -> None:
        """All ranks stop: one of them has said that it has failed."""
        raise StoppedError(self._first_failure())

    def _noted(self, error: ParticleError) -> Failure:
        ids = self._state.ids
        pairs = [[int(ids[one]), int(ids[other])] for one, other in error.pairs]
        who = int(ids[error.index]) if error.index >= 0 else -1
        step = self.step if error.step is None else error.step
        size = error.size if error.size == error.size else float("inf")  # what is no number is the worst
        outgrown = error.kind if isinstance(error, OutgrownError) else ""
        return Failure(self._moment, step, size, who, str(error), pairs, outgrown)

    def _first_failure(self) -> Failure:
        """For rank 0, what happened first, on whichever rank; of what happened at the same time, the worst."""
        mine = b"" if self._failure is None else json.dumps(asdict(self._failure)).encode()
        texts = [part.tobytes() for part in self._link.gather(np.frombuffer(mine, np.uint8))]
        failures = [Failure(**json.loads(text)) for text in texts if text]
        if not failures:
            return ELSEWHERE
        first = min(failures, key=lambda one: (one.moment, one.step, -one.size, one.id))
        together = [one for one in failures if one.moment == first.moment and one.cause == first.cause]
        return replace(first, pairs=[pair for one in together for pair in one.pairs])
