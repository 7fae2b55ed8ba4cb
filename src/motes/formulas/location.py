"""Where in the user's code something went wrong: the beginning of a message."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from pathlib import Path

import numpy as np

_FOLDER = Path(__file__).parent
_RECORDERS = tuple(str(_FOLDER / name) for name in ("formula.py", "location.py", "trace.py"))
_NOT_THE_USERS = (*_RECORDERS, str(Path(np.__file__).parent) + os.sep)


def here() -> str:
    """File and line of the user's code that is being traced now, such as "melt.py:12: ", or nothing."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_NOT_THE_USERS):
        frame = frame.f_back
    if Path(frame.f_code.co_filename).parent == _FOLDER:
        return ""  # an expression from text has no line; its parser says where
    return f"{short(frame.f_code.co_filename)}:{frame.f_lineno}: "


def of(error: BaseException) -> str:
    """File and line of the last of the user's code through which an exception went."""
    location = ""
    trail = error.__traceback__
    while trail is not None:
        name = trail.tb_frame.f_code.co_filename
        if not name.startswith(_NOT_THE_USERS) and _FOLDER.parent not in Path(name).parents:
            location = f"{short(name)}:{trail.tb_lineno}: "
        trail = trail.tb_next
    return location


def short(path: str) -> str:
    """The path relative to the working folder if that is shorter."""
    return _short(path, os.getcwd())  # noqa: PTH109  # asked at each call of elementwise, and a Path takes ten times as long


@lru_cache
def _short(path: str, folder: str) -> str:
    try:
        relative = os.path.relpath(path, folder)
    except ValueError:  # another drive
        return path
    return min(relative, path, key=len)
