"""The tables of an input file as they stand there: read from its text, and changed by `--set` or a sweep.

No file may stall whoever reads it. The bounds are far beyond what a run needs; the reader of TOML has none of its own,
and takes time with the square of the parts of a key.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from motes.core.errors import InputError
from motes.simulation.inputs.complaints import shown

LARGEST_FILE = 1_000_000
DEEPEST = 10
LONGEST_KEY = 200
MOST_ENTRIES = 20_000
_MANY_PARTS = re.compile(r"(?:\.[^.={},\n]+){100}")


def read_file(path: Path) -> dict[str, Any]:
    """The tables of a TOML file. Raises InputError with the file's name for what is none, or cannot be read."""
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST_FILE + 1)  # not all there is: it may be a device without end
        return parsed(text.decode("utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: this is no text in UTF-8, so no TOML file") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path}: this is not TOML: {error}") from error


def parsed(text: str) -> dict[str, Any]:
    """The tables of a text in TOML. Raises ValueError, with the reason, for what is none or beyond the bounds."""
    if len(text) > LARGEST_FILE:
        raise ValueError(f"it has more than {LARGEST_FILE} bytes")
    if _MANY_PARTS.search(text):
        raise ValueError("a key has more than a hundred parts")
    try:
        tables = tomllib.loads(text)
    except RecursionError:
        raise ValueError("arrays or tables are nested too deeply") from None
    except tomllib.TOMLDecodeError:
        raise
    except ValueError:  # from Python's own int()
        raise ValueError("a number has thousands of digits") from None
    for value in _everything(tables):
        _check(value)
    return tables


def _everything(tables: dict[str, Any]) -> Iterator[Any]:
    """All keys and values, from the outside inwards. Raises ValueError where they are too deep."""
    layer: list[Any] = [tables]
    for _ in range(DEEPEST):
        yield from layer
        keys = [key for value in layer if isinstance(value, dict) for key in value]
        yield from keys
        inside = [
            value.values() if isinstance(value, dict) else value for value in layer if isinstance(value, dict | list)
        ]
        layer = [value for values in inside for value in values]
        if not layer:
            return
    raise ValueError(f"arrays or tables are nested more than {DEEPEST} deep")


def _check(value: Any) -> None:
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("a whole number has more than 64 bits")
    if isinstance(value, str) and "\0" in value:
        raise ValueError("a text holds a character of code 0")
    if isinstance(value, dict | list) and len(value) > MOST_ENTRIES:
        raise ValueError(f"a table or an array has more than {MOST_ENTRIES} entries")
    if isinstance(value, dict) and max(map(len, value), default=0) > LONGEST_KEY:
        raise ValueError(f"a key has more than {LONGEST_KEY} letters")


def read_setting(setting: str) -> tuple[str, Any]:
    """Key and value of a `table.key=value`."""
    key, equals, text = setting.partition("=")
    if not equals or not _is_key(key.strip()):
        raise InputError(f"--set {setting}: write table.key=value, e.g. --set integrator.dt=0.002")
    return key.strip(), read_value(text.strip())


def _is_key(path: str) -> bool:
    return "." in path and all(path.split("."))


def put(tables: dict[str, Any], path: str, value: Any, said: str) -> None:
    """Put a value at `table.key` into the tables; those of [[interactions]] are counted from 1."""
    if not _is_key(path):
        raise InputError(f"{said}: a key is written table.key, e.g. integrator.dt")
    *names, key = path.split(".")
    target: Any = tables
    for name in names:
        target = _inside(target, name, said)
    if isinstance(target, list):
        raise InputError(f"{said}: say which table, counted from 1, e.g. {names[0]}.1.{key}")
    if not isinstance(target, dict):
        raise InputError(f"{said}: {'.'.join(names)} is no table, so it has no {key}")
    target[key] = value


def _inside(target: Any, name: str, said: str) -> Any:
    if isinstance(target, dict):
        return target.setdefault(name, {})
    if isinstance(target, list) and name.isdecimal() and 1 <= int(name) <= len(target):
        return target[int(name) - 1]
    raise InputError(f"{said}: there is no table {name} there; lists of tables are counted from 1")


def read_value(text: str) -> Any:
    """A value as TOML would read it; text that is not TOML is a string, so that quotes need no quoting."""
    try:
        return parsed(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    except ValueError as error:
        raise InputError(f"{shown(text)}: {error}") from error
