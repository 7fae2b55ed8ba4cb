"""What text formats share: rows of a table, parsed in blocks by NumPy, and errors that name file and line."""

from __future__ import annotations

import gzip
import itertools
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from motes.core.errors import InputError

# Rows parsed at once: enough to make the cost of a call small, few enough that their text never fills memory.
ROWS_IN_BLOCK = 50_000
# NumPy cuts longer words without a word of its own.
LONGEST_WORD = 64
WORD = f"U{LONGEST_WORD}"
LONGEST_LINE = 1_000_000
MOST_COLUMNS = 1000

# Numbers are packed to a tenth or so of their size. What unpacks to far more was made to fill a machine.
_MOST_UNPACKED, _FEWEST_BYTES = 50, 1_000_000
_PACKED = b"\x1f\x8b"
_BLOCK = 1 << 20

Table = NDArray[Any]
"""A structured array: one named field per column."""


def fail(path: Path, line: int, message: str) -> NoReturn:
    """Raise the one error that a malformed line gets."""
    raise InputError(f"{path}, line {line}: {message}")


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Put the file's name before an error about what the file holds, unless it is there."""
    try:
        yield
    except InputError as error:
        if str(error).startswith(str(path)):
            raise
        raise InputError(f"{path}: {error}") from error


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The file for reading; one that is packed is unpacked into another, which goes when it is closed."""
    with path.open("rb") as file:
        packed = file.read(len(_PACKED)) == _PACKED
        file.seek(0)
        if not packed:
            yield file
            return
        most = max(_MOST_UNPACKED * path.stat().st_size, _FEWEST_BYTES)
        with gzip.open(file) as source, tempfile.TemporaryFile() as plain:
            while block := source.read(_BLOCK):
                plain.write(block)
                if plain.tell() > most:
                    raise InputError(f"{path}: the file unpacks to more than {_MOST_UNPACKED} times its size")
            plain.seek(0)
            yield plain


def parse(
    path: Path, rows: Iterable[str], first_line: int, columns: dict[str, str], comments: str | None = None
) -> Table:
    """The rows as a structured array.

    columns maps a column's name to its NumPy type; every row must have exactly these. first_line is the line
    number of the first row. Rows are taken from the iterable block by block, so nothing is sized by what a
    file claims.
    """
    source = iter(rows)
    blocks = [np.empty(0, dtype=list(columns.items()))]
    while block := list(itertools.islice(source, ROWS_IN_BLOCK)):
        blocks.append(_parse_block(path, block, first_line, columns, comments))
        first_line += len(block)
    return np.concatenate(blocks)


def _parse_block(path: Path, block: list[str], first_line: int, columns: dict[str, str], comments: str | None) -> Table:
    words: dict[str, list[str]] = {}
    if not all(map(str.isascii, block)):
        block, words = _plain_rows(path, block, first_line, columns, comments)
    try:
        table = _numpy_table(block, columns, comments)
    except ValueError:
        table = None
    if table is None or len(table) != len(block):  # NumPy passes over rows that are blank
        _find_bad_row(path, block, first_line, columns, comments)
    for name, kind in columns.items():
        if kind == "f8":
            good = np.isfinite(table[name])
        elif kind == WORD:
            table[name] = words.get(name, table[name])
            good = np.char.str_len(table[name]) < LONGEST_WORD
        else:
            continue
        if not good.all():
            row = int(np.argmin(good))
            fail(path, first_line + row, f"{name} is {str(table[name][row])!r}; expected {_expected(kind)}")
    return table


def _plain_rows(
    path: Path, block: list[str], first_line: int, columns: dict[str, str], comments: str | None
) -> tuple[list[str], dict[str, list[str]]]:
    """The rows without comments and with "-" for each word; and by column the words, which may have any letters.

    NumPy looks letters of an integer up in a table for bytes, and ends the process for one far beyond
    (https://github.com/numpy/numpy/pull/31586); so none must ever get there.
    """
    word_columns = {name: column for column, (name, kind) in enumerate(columns.items()) if kind == WORD}
    rows, words = [], {name: [] for name in word_columns}  # type: ignore[var-annotated]  # of text
    for line, row in enumerate(block, start=first_line):
        cells = (row.split(comments)[0] if comments else row).split()
        if len(cells) == len(columns):
            for name, column in word_columns.items():
                if "\ufffd" in cells[column]:
                    fail(path, line, f"{name} is {cells[column][:40]!r}; expected text in UTF-8")
                words[name].append(cells[column])
                cells[column] = "-"
        plain = " ".join(cells)
        if not plain.isascii():
            fail(path, line, f"found {plain[:40]!r}; expected plain ASCII characters")
        rows.append(plain)
    return rows, words


def _numpy_table(block: list[str], columns: dict[str, str], comments: str | None) -> Table:
    return np.loadtxt(block, dtype=list(columns.items()), comments=comments, ndmin=1)


def _find_bad_row(
    path: Path, block: list[str], first_line: int, columns: dict[str, str], comments: str | None
) -> NoReturn:
    """Slow, and only walked when it is known that a row is wrong."""
    for line, row in enumerate(block, start=first_line):
        words = (row.split(comments)[0] if comments else row).split()
        if len(words) != len(columns):
            fail(path, line, f"expected {len(columns)} columns ({' '.join(columns)}), found {len(words)}")
        for word, (name, kind) in zip(words, columns.items(), strict=True):
            try:
                _numpy_table([word], {name: kind}, None)
            except ValueError:
                fail(path, line, f"{name} is {word!r}; expected {_expected(kind)}")
    raise InputError(f"{path}, lines {first_line} to {first_line + len(block) - 1}: not a table of {' '.join(columns)}")


def _expected(kind: str) -> str:
    return {"f8": "a finite number", "i8": "a whole number", "i4": "a whole number"}.get(
        kind, f"a word of less than {LONGEST_WORD} letters"
    )


def stacked(table: Table, names: Iterable[str]) -> NDArray[np.float64]:
    """Some columns side by side, shape (rows, columns)."""
    return np.stack([table[name] for name in names], axis=-1)
