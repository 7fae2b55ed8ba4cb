"""One rank: no one to talk to, by the same verbs.

The one region is its own neighbour along periodic axes, so its ghosts are its own images, kernels need no
minimum-image branch, and the ordinary tests exercise the distributed path. The disadvantage against minimum images:
ghosts are copied, about a quarter of 32,000 particles of a liquid.
"""

from __future__ import annotations

from motes.core.board import Board
from motes.core.state import Array, Floats, Integers


class SingleLink:
    """The link of a region that is alone."""

    rank = 0
    size = 1
    waited = 0.0
    messages = 0
    bytes = 0
    together = False

    def board(self, words: int) -> Board:
        """There is no one to share it with."""
        raise NotImplementedError(f"one rank alone asked for a board of {words} words: this is a fault of Motes")

    def exchange(self, given: Array, *_neighbors: object) -> Array:
        """Nothing comes: beyond a side that is not periodic there is no one."""
        return given[..., :0]

    def most(self, number: int) -> int:
        """The only number there is."""
        return number

    def sum(self, values: Integers) -> Integers:
        """The only values there are."""
        return values

    def maximum(self, values: Floats) -> Floats:
        """The only values there are."""
        return values

    def gather(self, values: Array) -> list[Array]:
        """The only values there are."""
        return [values]
