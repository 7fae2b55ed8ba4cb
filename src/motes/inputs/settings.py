"""Changes to an input file from the command line: `--set table.key=value`, and the values of a sweep."""

from __future__ import annotations

import tomllib
from typing import Any

from motes.errors import InputError
from motes.inputs.bounds import parsed
from motes.inputs.complaints import shown


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
    place: Any = tables
    for name in names:
        place = _inside(place, name, said)
    if isinstance(place, list):
        raise InputError(f"{said}: say which table, counted from 1, e.g. {names[0]}.1.{key}")
    if not isinstance(place, dict):
        raise InputError(f"{said}: {'.'.join(names)} is no table, so it has no {key}")
    place[key] = value


def _inside(place: Any, name: str, said: str) -> Any:
    if isinstance(place, dict):
        return place.setdefault(name, {})
    if isinstance(place, list) and name.isdecimal() and 1 <= int(name) <= len(place):
        return place[int(name) - 1]
    raise InputError(f"{said}: there is no table {name} there; lists of tables are counted from 1")


def read_value(text: str) -> Any:
    """A value as TOML would read it; text that is not TOML is a string, so that quotes need no quoting."""
    try:
        return parsed(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    except ValueError as error:
        raise InputError(f"{shown(text)}: {error}") from error
