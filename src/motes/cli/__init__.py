"""The command line. Nothing heavy is imported before a command needs it: `motes --help` is instant."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO

import typer

from motes.core.errors import InputError, MotesWarning, RunError
from motes.core.streams import complain, open_closed_streams, say, warn

FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130

app = typer.Typer(
    name="motes",
    help="Simulate particles in parallel.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a script's traceback is Python's own
    rich_markup_mode=None,  # loading rich would take longer than all the rest of --help
)

File = Annotated[Path, typer.Argument(metavar="FILE", help="a TOML file", show_default=False)]
Input = Annotated[Path, typer.Argument(metavar="FILE", help="a TOML file, or a Python script", show_default=False)]
Arguments = Annotated[list[str] | None, typer.Argument(metavar="...", help="those of a script", show_default=False)]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="change a key, e.g. integrator.dt=0.002; repeatable"),
]
Ranks = Annotated[int | None, typer.Option(min=1, help="MPI ranks to start  [default: no MPI]")]
Quiet = Annotated[bool, typer.Option("--quiet", help="print nothing but errors")]
Threads = Annotated[int | None, typer.Option(min=1, help="threads of each rank  [default: its share of the cores]")]


@contextmanager
def _exit_status() -> Iterator[None]:
    """What went wrong as one line on standard error, and as the exit status."""
    try:
        yield
    except InputError as error:
        raise _stop(error, BAD_INPUT) from error
    except RunError as error:
        raise _stop(error, FAILED) from error
    except KeyboardInterrupt as error:
        raise typer.Exit(INTERRUPTED) from error
    except BrokenPipeError as error:
        sys.stdout = None  # nobody reads it any more: nothing to flush at exit
        raise typer.Exit(FAILED) from error


def _stop(error: Exception, status: int) -> typer.Exit:
    complain(f"error: {error}")
    return typer.Exit(status)


# What is no option of ours may be one of a script's; for TOML files it is refused.
@app.command(context_settings={"ignore_unknown_options": True})
def run(
    file: Input,
    arguments: Arguments = None,
    ranks: Ranks = None,
    threads: Threads = None,
    steps: Annotated[int | None, typer.Option(min=0, help="steps to run, instead of the file's")] = None,
    settings: Settings = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace output files that exist")] = False,
    quiet: Quiet = False,
) -> None:
    """Run FILE to its last step; a script gets what follows it, after -- if it looks like an option of ours."""
    with _exit_status():
        from motes.cli.launcher import relaunch

        relaunch(ranks, sys.argv[1:])
        from motes.cli.run import Options, run

        run(file.expanduser(), Options(threads, steps, tuple(settings or ()), overwrite, quiet), arguments or ())


@app.command()
def resume(
    path: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="a folder of checkpoints", show_default=False)],
    ranks: Ranks = None,
    threads: Threads = None,
    steps: Annotated[int | None, typer.Option(min=0, help="steps to run, instead of those that were left")] = None,
    quiet: Quiet = False,
) -> None:
    """Go on with a run that was stopped, from its last checkpoint, to the same end."""
    with _exit_status():
        from motes.cli.launcher import relaunch

        relaunch(ranks, sys.argv[1:])
        from motes.cli.resume import resume
        from motes.cli.run import Options

        resume(path.expanduser(), Options(threads=threads, steps=steps, quiet=quiet))


@app.command(context_settings={"ignore_unknown_options": True})
def check(file: Input, arguments: Arguments = None, threads: Threads = None, settings: Settings = None) -> None:
    """Say what FILE would do, without running it: nothing is written. A script is executed up to its first run."""
    with _exit_status():
        from motes.cli.check import check

        say(check(file.expanduser(), threads, tuple(settings or ()), arguments or ()))


@app.command()
def sweep(
    file: File,
    vary: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUES", help="run all of these values, e.g. integrator.dt=0.001,0.002; repeatable"),
    ] = None,
    repeats: Annotated[int, typer.Option(help="runs of each set of values, each with its own seed")] = 1,
    seed: Annotated[int, typer.Option(help="where the seeds of the runs come from")] = 0,
    workers: Annotated[int | None, typer.Option(help="runs at the same time  [default: as many as cores]")] = None,
    threads: Annotated[int | None, typer.Option(help="threads of each run  [default: its share of the cores]")] = None,
    steps: Annotated[int | None, typer.Option(help="steps of each run, instead of the file's")] = None,
    settings: Settings = None,
    output: Annotated[
        Path | None, typer.Option(help="a .csv or .jsonl file for the rows; finished rows in it are not run again")
    ] = None,
) -> None:
    """Run FILE for many values, side by side: one row for each run, and no other output."""
    with _exit_status():
        from motes.cli.sweep import Options, sweep

        chosen = tuple(settings or ())
        sweep(file.expanduser(), Options(tuple(vary or ()), repeats, seed, workers, threads, steps, chosen, output))


@app.command()
def doctor() -> None:
    """Say what Motes sees of this machine."""
    with _exit_status():
        from motes.cli.doctor import doctor

        say(doctor())


def _print_version(wanted: bool) -> None:
    if wanted:
        from motes.cli.versions import version

        say(f"motes {version('motes')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    """Simulate particles in parallel."""


_shown: set[str] = set()
_shown_by_python = warnings.showwarning


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Our own as one line, once; others as Python does."""
    if not issubclass(category, MotesWarning):
        _shown_by_python(message, category, filename, lineno, file, line)
    elif str(message) not in _shown:
        _shown.add(str(message))
        warn(f"warning: {message}")


def main() -> None:
    """The command `motes`."""
    open_closed_streams()
    warnings.showwarning = _show_warning
    app()
