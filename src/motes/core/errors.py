"""The two ways in which Motes says no, and its warnings."""

from __future__ import annotations

from collections.abc import Sequence

LONGEST_MESSAGE = 1000
"""Of a longer one the middle is left out: what it is about stands at the beginning, and what is wrong at the end."""


def one_line(message: str) -> str:
    """The text as one line that a terminal can show, whatever it quotes."""
    if not message.isprintable():
        message = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in message)
    if len(message) <= LONGEST_MESSAGE:
        return message
    half = LONGEST_MESSAGE // 2
    return f"{message[:half]} ... {message[-half:]}"


class InputError(ValueError):
    """What was asked for cannot be run: the message says what, where, and what would be right.

    The message is one line of text that a terminal can show, whatever the input held that it quotes.

    The command line exits with status 2.
    """

    __module__ = "motes"  # where programs find it

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class RunError(RuntimeError):
    """A run that had begun cannot go on: the message says at which step, which particle, and why.

    The command line exits with status 1.
    """

    __module__ = "motes"  # where programs find it


class MotesWarning(UserWarning):
    """What a run goes on with, but may not be as it was meant."""

    __module__ = "motes"  # where programs find it


class ParticleError(RunError):
    """A stage cannot take a particle further.

    Args:
        cause: what happened to it, to be read after "particle 7".
        index: of the particle in the state of this rank.
        size: how far it went, to choose among several.
        pairs: if it is not known which particle it is, pairs of indices, of which one pair is to blame.
        step: at which this happened, if it is not the step being taken.
    """

    def __init__(
        self,
        cause: str,
        index: int = -1,
        size: float = 0.0,
        pairs: Sequence[tuple[int, int]] = (),
        step: int | None = None,
    ) -> None:
        super().__init__(cause)
        self.index = index
        self.size = size
        self.pairs = pairs
        self.step = step


class OutgrownError(ParticleError):
    """A number is beyond the range of its grid: with a coarser one the step can be taken.

    Args:
        kind: "force", "speed" or "position".
        size: the largest of them.
        step: at which this happened, if it is not the step being taken.
    """

    def __init__(self, kind: str, size: float = 0.0, step: int | None = None) -> None:
        super().__init__(f"has a {kind} beyond the range of its grid", size=size, step=step)
        self.kind = kind
