"""Rows as lines of text, in two forms: CSV and JSON lines. One row is one line, and reads back as what it was.

In CSV, text stands as it is unless it could be taken for something else (a number, nothing, several lines); then, and
for everything that is no text, a cell holds JSON. So `0.1`, `true`, `null`, `[1, 2]` and `melt` all look natural.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from motes.sweeps.runs import Row


class Csv:
    """Comma-separated values with a line of names on top; an empty cell means that the row has no such value."""

    has_head = True

    def head(self, columns: Sequence[str]) -> str:
        """What comes before the rows: the line of names."""
        return _joined(columns)

    def line(self, row: Row, columns: Sequence[str]) -> str:
        """A row, with its line break: one cell a column."""
        return _joined([encode(row[name]) if name in row else "" for name in columns])

    def columns(self, head: str) -> list[str]:
        """The columns that the first line tells."""
        return _split(head)

    def row(self, line: str, columns: Sequence[str]) -> Row:
        """The row of a line without its line break. Raises ValueError if it is none."""
        return {name: decode(cell) for name, cell in zip(columns, _split(line), strict=True) if cell}


class JsonLines:
    """One JSON object a line."""

    has_head = False

    def head(self, columns: Sequence[str]) -> str:  # noqa: ARG002  # as Csv has it
        """No line."""
        return ""

    def line(self, row: Row, columns: Sequence[str]) -> str:
        """The object, its names in the order of the columns."""
        return json.dumps({name: row[name] for name in columns if name in row}, ensure_ascii=False) + "\n"

    def columns(self, head: str) -> list[str]:  # noqa: ARG002  # as Csv has it
        """None: each row names its own."""
        return []

    def row(self, line: str, columns: Sequence[str]) -> Row:  # noqa: ARG002  # as Csv has it
        """The object of a line. Raises ValueError if it is none."""
        row = json.loads(line)
        if not isinstance(row, dict):
            raise ValueError("this is no object")  # what a line that is no row raises
        return row


FORMS: dict[str, Csv | JsonLines] = {".csv": Csv(), ".jsonl": JsonLines()}
"""The forms by the ending of the file's name."""


def encode(value: Any) -> str:
    """A value as the text of a cell."""
    if isinstance(value, str) and value.isprintable() and decode(value) == value:
        return value
    return json.dumps(value)


def decode(cell: str) -> Any:
    """The value of a cell that is not empty."""
    try:
        return json.loads(cell) if cell else None
    except (ValueError, RecursionError):  # no JSON, a number of thousands of digits, or brackets without end
        return cell


def _joined(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def _split(line: str) -> list[str]:
    usual = csv.field_size_limit(len(line) + 1)  # a result may be long
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error as error:
        raise ValueError(str(error)) from error
    finally:
        csv.field_size_limit(usual)
