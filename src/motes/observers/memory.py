"""What observers write into a checkpoint and read out of it again: paths, numbers and bytes as JSON knows them.

Whoever reads takes nothing for granted, as a checkpoint may come from anywhere: each function raises InputError
for something that is not there or is no such thing.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from motes.core.errors import InputError


def path_from(beside: Path, path: Path) -> str:
    """`path` as seen from the folder `beside`: right also after both were moved, and from any current folder."""
    return os.path.relpath(path.resolve(), beside.resolve())


def path_in(memory: Mapping[str, Any], beside: Path) -> Path:
    """The path that :func:`path_from` wrote, absolute."""
    path = memory.get("path")
    if not isinstance(path, str) or not path or "\0" in path:
        raise _refused("path", "no path")
    # Both ends were free of links when the way between them was written down, so ".." is no more than it says.
    return Path(os.path.normpath(beside.resolve() / path))


def path_or_none_in(memory: Mapping[str, Any], beside: Path) -> Path | None:
    """The same of an observer that may do without a file."""
    return None if memory.get("path") is None else path_in(memory, beside)


def count_in(memory: Mapping[str, Any], name: str) -> int:
    """A whole number of at least 0."""
    value = memory.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise _refused(name, "no whole number of at least 0")
    return value


def number_in(memory: Mapping[str, Any], name: str) -> float:
    """The number that float.hex wrote."""
    value = memory.get(name)
    try:
        return float.fromhex(value)  # type: ignore[arg-type]  # whatever it is, it is asked
    except (TypeError, ValueError, OverflowError) as error:
        raise _refused(name, "no number") from error


def numbers_in(memory: Mapping[str, Any], name: str, count: int) -> list[int]:
    """So many whole numbers of at least 0."""
    value = memory.get(name)
    if not isinstance(value, list) or len(value) != count:
        raise _refused(name, f"no list of {count} numbers")
    return [count_in({name: one}, name) for one in value]


def texts_of(values: Iterable[float]) -> list[str]:
    """Numbers as text, to the last bit: JSON has no word for NaN and infinity."""
    return [float(value).hex() for value in values]


def floats_in(memory: Mapping[str, Any], name: str, count: int) -> list[float]:
    """The numbers, so many, that :func:`texts_of` wrote."""
    value = memory.get(name)
    if not isinstance(value, list) or len(value) != count:
        raise _refused(name, f"no list of {count} numbers")
    return [number_in({name: one}, name) for one in value]


def text_of(data: bytes) -> str:
    """Bytes as text; zeros at their end, of which file formats have many, are left out."""
    return base64.b64encode(data.rstrip(b"\0")).decode("ascii")


def bytes_in(memory: Mapping[str, Any], name: str, count: int) -> bytes:
    """The bytes that :func:`text_of` wrote, filled up with zeros to `count` of them."""
    value = memory.get(name)
    if not isinstance(value, str):
        raise _refused(name, "no text")
    try:
        data = base64.b64decode(value, validate=True)
    except ValueError as error:
        raise _refused(name, "no base64") from error
    if len(data) > count:
        raise _refused(name, f"more than {count} bytes")
    return data.ljust(count, b"\0")


def _refused(name: str, reason: str) -> InputError:
    return InputError(f"the checkpoint's entry of an observer is damaged: '{name}' is {reason}; use another checkpoint")
