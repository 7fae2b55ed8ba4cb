"""One run, in whatever thread or process it is done: results as plain numbers, or the error in one line."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Mapping
from typing import Any

from motes.core.progress import no_progress_bar
from motes.core.threads import share_of_threads
from motes.core.words import shortened
from motes.errors import InputError
from motes.sweeps.runs import Row, plain

Outcome = tuple[Row, str | None]
"""The results, and the error if there was one."""

LONGEST = 500  # characters of an error that a row keeps


def perform(function: Callable[..., Any], arguments: Row, threads: int) -> Outcome:
    """Call the function; a simulation in it has so many threads, and draws no progress bar."""
    with share_of_threads(threads), no_progress_bar():
        try:
            return results_of(function(**arguments)), None
        except Exception as error:  # noqa: BLE001  # whatever a run raises belongs into its row; the others go on
            return {}, one_line(error)


def perform_pickled(function: bytes, arguments: bytes, threads: int) -> Outcome:
    """The same, where nobody else could report that the function or an argument cannot be loaded here."""
    return perform(_load_and_call, {"function": function, "arguments": arguments}, threads)


def _load_and_call(function: bytes, arguments: bytes) -> Any:
    return pickle.loads(function)(**pickle.loads(arguments))  # noqa: S301  # pickled by the process that asks


def results_of(value: Any) -> Row:
    """The results by name: a number alone is called "result", and no value at all gives none."""
    value = plain(value)
    named = value if isinstance(value, Mapping) else {} if value is None else {"result": value}
    for name, result in named.items():
        if not isinstance(name, str) or not _writable(result):
            raise InputError(
                f"the function returned {name!r}: {type(result).__name__}; "
                "it must return a number, or numbers, text or lists of them by name"
            )
        if not name or not name.isprintable():
            raise InputError(f"the function returned a result of the name {name!r}; a name is a line of text")
        try:
            json.dumps(result, ensure_ascii=False).encode()
        except (
            ValueError,
            RecursionError,
        ) as error:  # numbers of thousands of digits, halves of letters, endless lists
            raise InputError(f"the result {name} cannot be written to a file: {error}") from error
    return dict(named)


def _writable(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_writable, value))
    return value is None or isinstance(value, bool | int | float | str)


def one_line(error: BaseException) -> str:
    """Kind and message of an error, without line breaks, or whatever else a terminal or a file could not take."""
    try:
        message = str(error)
    except Exception:  # noqa: BLE001  # an error that cannot tell what it is shall not end the sweep
        message = ""
    text = " ".join(f"{type(error).__name__}: {message}".split()).removesuffix(":")
    text = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
    return shortened(text, LONGEST)
