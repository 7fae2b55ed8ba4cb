"""Standard input, output and error, which may be closed, or which nobody may read any more."""

from __future__ import annotations

import sys
from contextlib import suppress


def warn(text: str) -> None:
    """Print a line on standard error, if someone may read it."""
    if sys.stderr is not None:
        with suppress(OSError):  # who closed it does not want to know
            print(f"motes: {text}", file=sys.stderr, flush=True)
