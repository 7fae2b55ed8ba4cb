"""How what leaves a region reaches its neighbours: by messages, or through memory that all ranks of a machine see.

Algorithm: a message is written into an array, which is then given away for another one that has come. With a board,
the array is a piece of shared memory: its owner writes it, all ranks meet, and whoever it is for reads it there. So a
step can be taken without Python on all ranks (engine/march.py), which a call of MPI would need.

Invariant: ranks meet again after a piece has been read and before it is written anew, so nobody reads what is of
another step.

Disadvantage: only the ranks of one machine share memory; all of them wait for the slowest, not just its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from motes.core.board import Board
from motes.core.state import Array


class Post(Protocol):
    """Takes what leaves a region to where it goes."""

    def leaving(self, number: int, shape: tuple[int, int], kind: Any) -> Array:
        """An array of 8-byte numbers to write the message of this number into."""

    def exchange(
        self, number: int, given: Array, to: int | None, shape: tuple[int, int], origin: int | None
    ) -> Array:  # fmt: skip
        """Give it to one rank, and take what has come from another; None means no one."""


class BoardPost:
    """Puts the messages of a step on a tape.

    Args:
        board: on which they are written.
        room: words of the longest one, of any rank.
        meet: puts on the tape that all ranks meet.
        sent: where the bytes of each message of this rank are noted.
    """

    def __init__(self, board: Board, room: int, meet: Callable[[], None], sent: list[int]) -> None:
        self._board = board
        self._room = room
        self._meet = meet
        self._sent = sent

    def leaving(self, number: int, shape: tuple[int, int], kind: Any) -> Array:
        """A piece of this rank's own memory."""
        return self._board.piece(self._board.rank, number, self._room, shape, kind)

    def exchange(
        self, number: int, given: Array, to: int | None, shape: tuple[int, int], origin: int | None
    ) -> Array:  # fmt: skip
        """The memory of the other rank, once all have met."""
        self._meet()
        if to is not None and given.size > 0:
            self._sent.append(given.nbytes)
        if origin is None:
            return np.empty((shape[0], 0), given.dtype)
        return self._board.piece(origin, number, self._room, shape, given.dtype)
