"""Many regions in one process, without MPI: each runs in a thread of its own, and a link of queues and a barrier stands
in for messages.
"""

from __future__ import annotations

import threading
from queue import Queue
from typing import Any

import numpy as np

from motes.core.board import Board

PATIENCE = 30.0
"""Seconds after which a region that waits for another gives up."""


class Town:
    """What the links of all regions share."""

    def __init__(self, size: int) -> None:
        self.barrier = threading.Barrier(size, timeout=PATIENCE)
        self.board: list[Any] = [None] * size
        self.mail: dict[tuple[int, int], Queue[Any]] = {
            (giver, taker): Queue() for giver in range(size) for taker in range(size)
        }


class TownLink:
    """The link of one region of the town."""

    def __init__(self, town: Town, rank: int, together: bool = False) -> None:
        self.town = town
        self.rank = rank
        self.size = len(town.board)
        self.waited = 0.0
        self.messages = 0
        self.bytes = 0
        self.together = together
        self._board: Board | None = None

    def board(self, words: int) -> Board:
        if self._board is None or self._board.words < words:
            pieces = [np.zeros(Board.size(self.size, words), np.int64) for _ in range(self.size)]
            self._board = Board(self._all(pieces)[0], self.rank)
        return self._board

    def exchange(self, given: Any, to: int | None, shape: Any, origin: int | None) -> Any:
        assert given.dtype.itemsize == 8
        if to is not None:
            assert to != self.rank  # no one writes to oneself
            self.town.mail[self.rank, to].put(given.copy())
            self.messages += 1
        if origin is None:
            return given[..., :0]
        arriving = self.town.mail[origin, self.rank].get(timeout=PATIENCE)
        assert shape is None or arriving.shape == shape
        return arriving

    def _all(self, value: Any) -> list[Any]:
        self.town.board[self.rank] = value
        self.town.barrier.wait()
        values = list(self.town.board)
        self.town.barrier.wait()
        return values

    def most(self, number: int) -> int:
        return max(self._all(number))

    def sum(self, values: Any) -> Any:
        return np.sum(self._all(values), axis=0)

    def maximum(self, values: Any) -> Any:
        return np.max(self._all(values), axis=0)

    def gather(self, values: Any) -> list[Any]:
        parts = self._all(values)
        return parts if self.rank == 0 else []
