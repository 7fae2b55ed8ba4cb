"""`motes sweep`: one input file, many values, a row of each run."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motes.cli import report
from motes.core.checks import whole_number
from motes.core.errors import InputError, RunError
from motes.core.streams import say
from motes.simulation.inputs.tables import read_value
from motes.sweeps.conduct import Shares, conduct
from motes.sweeps.runs import Row, Run, plan_runs
from motes.sweeps.subjects import InputFile

SHOWN = ("temperature", "potential", "total", "pressure", "energy_change", "fingerprint")


@dataclass(frozen=True)
class Options:
    """What the command line says beyond the file."""

    vary: tuple[str, ...] = ()
    repeats: int = 1
    seed: int = 0
    workers: int | None = None
    threads: int | None = None
    steps: int | None = None
    settings: tuple[str, ...] = ()
    output: Path | None = None


def sweep(path: Path, options: Options) -> None:
    """Run the file for all the values, and print a row of each run.

    Raises InputError before anything runs; RunError at the end, if a run failed.
    """
    settings = options.settings
    if options.steps is not None:
        settings += (f"run.steps={whole_number('--steps', options.steps, minimum=0)}",)
    subject = InputFile(path, settings)
    varied = parameters(options.vary)
    runs = plan_runs(varied, options.repeats, options.seed)
    subject.check(runs)
    shares = Shares(options.workers, options.threads)
    say(_header(subject, runs, list(varied), shares, options))
    rows = conduct(subject, runs, None, options.output, shares)
    say(f"\n{columns(rows, list(varied))}")
    failed = [row for row in rows if "error" in row]
    if failed:
        again = "; start the same sweep again to repeat only these" if options.output else ""
        raise RunError(f"{len(failed)} of {report.count(len(rows), 'run')} failed{again}")


def parameters(vary: Sequence[str]) -> dict[str, list[Any]]:
    """The lists of values by key, from texts like `integrator.dt=0.001,0.002`."""
    found: dict[str, list[Any]] = {}
    for text in vary:
        key, equals, values = text.partition("=")
        key = key.strip()
        if not equals or not key or not values.strip():
            raise InputError(f"--vary {text}: write table.key=values, e.g. --vary integrator.dt=0.001,0.002")
        if key in found:
            raise InputError(f"--vary {text}: {key} is varied already; give all its values at once")
        found[key] = _list(values, text)
    return found


def _list(values: str, text: str) -> list[Any]:
    """Values between commas, as TOML has them; if they are not TOML, each is read for itself, as by --set."""
    try:
        read: list[Any] = tomllib.loads(f"values = [{values}]")["values"]
    except tomllib.TOMLDecodeError:
        parts = [part.strip() for part in re.split(r",(?![^\[{]*[\]}])", values)]
        if not all(parts):
            raise InputError(f"--vary {text}: a value between two commas is missing") from None
        read = [read_value(part) for part in parts]
    return read


def _header(subject: InputFile, runs: Sequence[Run], varied: Sequence[str], shares: Shares, options: Options) -> str:
    workers, threads = shares.among(len(runs))
    rows = {
        "input": subject.path,
        "varied": ", ".join(varied) or "nothing but the seed",
        "runs": f"{len(runs)}, {report.count(options.repeats, 'repeat')} of each set"
        if options.repeats > 1
        else len(runs),
        "at once": f"{workers}, {report.count(threads, 'thread')} each",
        "output": options.output or "printed",
    }
    if options.repeats > 1 and not subject.has_seed(runs[0]):
        rows["note"] = "no seed in this file, so repeats are the same run again"
    return report.table(rows)


def columns(rows: Sequence[Row], varied: Sequence[str]) -> str:
    """The rows as an aligned table."""
    names = ["index", *(["repeat"] if any(row["repeat"] for row in rows) else []), *varied, *SHOWN]
    cells = [names, *([_cell(row, name) for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    return "\n".join(_line(line, widths, row) for line, row in zip(cells, [{}, *rows], strict=True))


def _line(cells: Sequence[str], widths: Sequence[int], row: Row) -> str:
    if "error" in row:
        cells = [*cells[: -len(SHOWN)], row["error"]]
    return "  ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=False)).rstrip()


def _cell(row: Row, name: str) -> str:
    value = row.get(name, "")
    return f"{value:.6g}" if isinstance(value, float) else str(value)
