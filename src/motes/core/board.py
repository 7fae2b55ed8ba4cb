"""Memory that all ranks of one machine see, through which they take steps together (core/tape.py).

It begins with what all write to: how many have come to where they meet, how often all were there, and a row of each
rank for the numbers that it publishes. Then each rank has a piece for what it sends. Nothing is imported here that
takes long: a program that is stopped while it starts must still say goodbye to the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

LINE = 8
"""Words of a cache line, so that what threads write lies on lines of their own."""

ROW = 80
"""Numbers that a rank can publish; the last LINE of them are what its particles come to."""


def board_words(ranks: int) -> int:
    """Words of the board on which so many ranks meet: how many are there, how often all were, and their rows."""
    return 2 * LINE + ranks * ROW


class Board:
    """Shared memory of the ranks of one machine, each of which has a piece of it.

    Args:
        pieces: of each rank, of equal lengths. That of the first begins with what all write to (core/tape.py).
        rank: whose this one is.
    """

    def __init__(self, pieces: Sequence[NDArray[np.int64]], rank: int) -> None:
        head = board_words(len(pieces))
        self.common = pieces[0][:head]
        self.rank = rank
        self._messages = [piece[head:] for piece in pieces]

    @property
    def particles(self) -> NDArray[np.int64]:
        """What the particles of each rank come to, (ranks, LINE)."""
        return self.common[2 * LINE :].reshape(-1, ROW)[:, -LINE:]

    @property
    def words(self) -> int:
        """For messages."""
        return len(self._messages[0])

    @staticmethod
    def size(ranks: int, words: int) -> int:
        """Words of a piece with so many for messages."""
        return board_words(ranks) + words

    def piece(self, rank: int, number: int, room: int, shape: tuple[int, int], kind: Any) -> NDArray[Any]:
        """The message of this number of a rank, if none is longer than room."""
        begin, size = number * room, shape[0] * shape[1]
        if size > room or begin + room > self.words:
            raise ValueError(f"a message of {size} words does not fit into the {room} of the board")
        words: NDArray[Any] = self._messages[rank][begin : begin + size].view(kind).reshape(shape)
        return words
