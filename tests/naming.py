"""What interactions are bound to in tests that need no simulation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from motes.formulas.bind import Names


def named(types: Sequence[Any] = ("A",), attributes: Mapping[str, Any] | None = None, dimensions: int = 3) -> Names:
    return Names(("open",) * dimensions, tuple(types), dict(attributes or {}))
