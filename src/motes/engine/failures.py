"""What ranks tell each other of a step that one of them cannot take."""

from __future__ import annotations

from dataclasses import dataclass

from motes.errors import RunError

FAILED = 2
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
