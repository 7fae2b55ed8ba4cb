"""A kernel: generated source, and the numbers it reads. All that a rank needs of a user's function, and none of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from motes.core.frozen import kept
from motes.formulas.compile import load, source_of

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Kernel:
    """Source that was generated, or found in the cache, and compiled; it can travel to another rank.

    Attributes:
        key: all that the source depends on.
        source: of a module.
        numbers: in the order in which the source reads them, (n,); one at least.
        tables: numbers by type, (n, T) or (n, T, T).
        attributes: the columns that the source reads, in this order.
    """

    key: str
    source: str
    numbers: Array = field(default_factory=lambda: np.zeros(1))
    tables: Array = field(default_factory=lambda: np.zeros((1, 1)))
    attributes: tuple[str, ...] = ()

    @classmethod
    def made(
        cls, key: str, generate: Callable[[], str], rows: tuple[Array, Array] | None = None,
        attributes: tuple[str, ...] = (),
    ) -> Kernel:  # fmt: skip
        """The kernel for a key; its source is generated only if it is not in the cache. rows: numbers and tables."""
        source = source_of(load(key, generate))
        return cls(key, source) if rows is None else cls(key, source, kept(rows[0]), kept(rows[1]), attributes)

    def load(self) -> ModuleType:
        """The module, compiled."""
        return load(self.key, lambda: self.source)
