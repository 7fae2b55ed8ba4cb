"""What a run goes on with, but its user should know of."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

from motes.errors import MotesWarning

_OURS = str(Path(__file__).parents[1])


def caution(message: str) -> None:
    """Warn of something in the line of the user's program that led here, wherever in Motes it is noticed."""
    frame, level = sys._getframe(), 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OURS):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, MotesWarning, stacklevel=level)
