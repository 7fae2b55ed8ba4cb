"""From pydantic's errors to one line that a person can act on."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from motes.core.words import did_you_mean, shortened

WANTED = {
    "string_type": "a string",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
}
BOUNDS = {
    "greater_than": ("greater than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}


def complain(message: str) -> PydanticCustomError:
    """An error about a table, in exactly these words."""
    return PydanticCustomError("complaint", "{message}", {"message": message})


def reject(message: str) -> PydanticCustomError:
    """An error about a value; the message goes on after "key = value"."""
    return PydanticCustomError("rejection", "{message}", {"message": message})


def shown(value: Any) -> str:
    """A value as a message repeats it: not longer than one line."""
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return shortened(text)


def first_complaint(error: ValidationError) -> str:
    """The first error in one line, and how many more there are."""
    first, *others = error.errors(include_url=False)
    line = _line(first)
    if others:
        line += f" (and {len(others)} more error{'s' if len(others) > 1 else ''} in this file)"
    return line


def _line(error: Any) -> str:
    table, key = _table_and_key(error["loc"])
    return f"{table}: {_message(error, key)}" if table else _message(error, key)


def _table_and_key(location: tuple[str | int, ...]) -> tuple[str, str]:
    """The table as TOML writes it, and the key, of an error's location (either may be empty)."""
    if not location:
        return "", ""
    table, *inside = map(str, location)
    if table == "interactions":
        if not inside:
            return "[[interactions]]", ""
        # What follows the number is which of several models was chosen: no key of the file.
        return f"[[interactions]] number {int(inside[0]) + 1}", ".".join(inside[2:])
    chosen = table in ("particles", "integrator")  # which of several models: no key of the file
    keys = [part for part in location[1 + chosen :] if isinstance(part, str)]
    return f"[{table}]", ".".join(keys)


def _message(error: Any, key: str) -> str:
    kind, context = error["type"], error.get("ctx", {})
    subject = f"{key} = {shown(error['input'])}" if key else shown(error["input"])
    if kind == "complaint":
        return str(error["msg"])
    if kind == "rejection":
        return f"{subject} {error['msg']}"
    if kind == "missing":
        return f"the key '{key}' is missing" if key else "this table is missing"
    if kind == "union_tag_not_found":
        return "the key 'kind' is missing"
    if kind == "union_tag_invalid":
        known = [tag.strip(" '") for tag in context["expected_tags"].split(",")]
        return f"kind = {shown(context['tag'])} is unknown; {did_you_mean(str(context['tag']), known)}"
    if kind == "literal_error":
        return f"{subject} is unknown; known: {context['expected']}"
    if kind in BOUNDS:
        words, name = BOUNDS[kind]
        return f"{subject} must be {words} {context[name]:g}"
    if kind in ("too_short", "too_long"):
        least, most = context.get("min_length"), context.get("max_length")
        return f"{subject} must have {f'at least {least}' if kind == 'too_short' else f'at most {most}'} items"
    if kind in WANTED:
        return f"{subject} is not {WANTED[kind]}"
    return f"{subject}: {error['msg']}"
