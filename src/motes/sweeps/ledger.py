"""The file of a sweep: a row for every run that ended, so that nothing is done twice.

A row is appended as its run ends. What is more than that (a torn last line, rows that failed and are tried again,
results with a new name in CSV, the right order at the end) writes the whole file anew beside the old one and
then replaces that, so at no time is there a file that lacks a row it had.

Each row begins with a digest of what its run was asked to do, and one of the code that did it. By these, finished runs
are known when the sweep is started again, and the file of another sweep, or of one whose code has changed since, is
recognised.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from motes.core.checks import file_path
from motes.core.durable import sync
from motes.core.errors import InputError, RunError
from motes.observers.output import hold, opening
from motes.sweeps.cells import FORMS
from motes.sweeps.runs import Row, Run
from motes.sweeps.subjects import Subject

FIRST = ["run", "index", "repeat", "seed"]


class Ledger:
    """The rows at `path`, a .csv or .jsonl file.

    Args:
        path: where; a file that is there already must be of this sweep.
        subject: what is run.
        runs: all runs of the sweep.

    It holds the file until it is closed.

    Raises:
        InputError: for another ending, a file of something else, parameters that are no plain values, or a folder
            where nothing can be written.
    """

    def __init__(self, path: str | Path, subject: Subject, runs: Sequence[Run]) -> None:
        self.path = file_path("path", path)
        if self.path.suffix not in FORMS:
            raise InputError(f"{path}: rows are written to a file that ends in {' or '.join(FORMS)}")
        self._form = FORMS[self.path.suffix]
        identity, self._contents, self._parts = subject.identity(), subject.contents(), subject.parts
        self._runs = {f"{_digest(identity, run)}-{self._contents}": run for run in runs}
        self._names = {run.index: digest for digest, run in self._runs.items()}
        parameters = dict.fromkeys(name for run in runs for name in run.parameters)
        self._left = [*FIRST, *parameters]
        self._results: dict[str, None] = {}  # names in order; a dict is an ordered set
        self._records: list[Row] = []
        # A lock on the file itself would go with it when it is replaced.
        self._lock = self.path.with_name(f"{self.path.name}.lock")
        with opening(self.path):
            self._hold = hold(self._lock, os.O_RDWR | os.O_CREAT)
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    @property
    def finished(self) -> dict[int, Row]:
        """The rows, by index, of the runs that need not be done again."""
        rows = {}
        for record in self._records:
            run = self._runs[record["run"]]
            results = {name: record[name] for name in self._results if name in record}
            rows[run.index] = run.head | results
        return rows

    def append(self, row: Row) -> None:
        """Write the row of a run that has just ended."""
        record = self._record(row)
        new = self._learn([record])
        self._records.append(record)
        if new or len(self._records) == 1:  # the first line whole, so that later lines are known for what they are
            self._write_all()
            return
        try:
            with self.path.open("a", encoding="utf-8", newline="") as file:
                file.write(self._form.line(record, self._columns))
        except OSError as error:
            raise RunError(f"cannot write {self.path}: {error.strerror}") from error

    def complete(self, rows: Iterable[Row]) -> None:
        """Put all rows in their order: the file is then the same, whoever was faster."""
        self._records = [self._record(row) for row in rows]
        self._results = {}
        self._learn(self._records)
        self._write_all()

    def close(self) -> None:
        """Let others have the file."""
        self._lock.unlink(missing_ok=True)
        self._hold.release()

    @property
    def _columns(self) -> list[str]:
        return [*self._left, *self._results, "error"]

    def _record(self, row: Row) -> Row:
        return {"run": self._names[row["index"]], **row}

    def _learn(self, records: Iterable[Row]) -> bool:
        """Note which results there are; say whether one of them is new."""
        before = len(self._results)
        known = {*self._left, "error"}
        self._results |= dict.fromkeys(name for record in records for name in record if name not in known)
        return len(self._results) > before

    def _open(self) -> None:
        """Read what is there, and drop what is torn or failed. Nothing is touched if it is not this sweep's."""
        with opening(self.path):
            content = self.path.read_bytes() if self.path.exists() else b""
        whole, _, torn = content.rpartition(b"\n")
        records = self._read(whole) if content else []
        self._records = [record for record in records if "error" not in record]
        self._learn(self._records)
        with opening(self.path):
            if torn or not content or len(self._records) < len(records):
                self._replace()
            else:
                self.path.open("a").close()

    def _read(self, whole: bytes) -> list[Row]:
        try:
            lines = whole.decode("utf-8").split("\n")
        except UnicodeDecodeError as error:
            raise self._refused("it is no text") from error
        columns: list[str] = []
        if self._form.has_head:
            columns = self._columns_of(lines.pop(0))
        return [self._one(number, line, columns) for number, line in enumerate(lines, start=1 + bool(columns))]

    def _columns_of(self, head: str) -> list[str]:
        try:
            columns = self._form.columns(head)
        except ValueError:
            columns = []
        if columns[: len(self._left)] != self._left or columns[-1] != "error":
            raise self._refused("its columns are others")
        return columns

    def _one(self, number: int, line: str, columns: Sequence[str]) -> Row:
        try:
            record = self._form.row(line, columns)
        except ValueError as error:
            raise self._refused(f"line {number} is no row") from error
        name = str(record.get("run"))
        if name not in self._runs:
            if name.partition("-")[0] in {known.partition("-")[0] for known in self._runs}:
                raise InputError(
                    f"{self.path}: {self._parts}, has changed since these rows were made: "
                    "choose another path, or remove the file to have all of them anew"
                )
            raise self._refused(f"line {number} is of a run that is not in this sweep")
        return record

    def _refused(self, why: str) -> InputError:
        return InputError(
            f"{self.path} is the file of another sweep, or of none: {why}; choose another path, or remove the file. "
            "To go on with a sweep, its input, parameters, repeats and seed must be what they were"
        )

    def _write_all(self) -> None:
        try:
            self._replace()
        except OSError as error:
            raise RunError(f"cannot write {self.path}: {error.strerror}") from error

    def _replace(self) -> None:
        path = self.path.resolve()  # a link stays a link
        temporary = path.with_name(path.name + ".tmp")
        with temporary.open("w", encoding="utf-8", newline="") as file:
            file.write(self._form.head(self._columns))
            file.writelines(self._form.line(record, self._columns) for record in self._records)
            sync(file)
        temporary.replace(path)


def _digest(identity: str, run: Run) -> str:
    """Twelve letters that stand for one run of one sweep."""
    task: list[Any] = [identity, run.index, run.repeat, run.seed, run.parameters]
    try:
        text = json.dumps(task, sort_keys=True, ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        raise InputError(
            f"the parameters {run.parameters!r} cannot be written to a file ({error}); "
            "give numbers, text or lists of them, or no path"
        ) from error
    return hashlib.sha256(text).hexdigest()[:12]
