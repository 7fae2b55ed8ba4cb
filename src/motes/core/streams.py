"""Standard input, output and error, which may be closed, or which nobody may read any more."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from motes.core.errors import RunError, one_line


def open_closed_streams() -> None:
    """Let nothing come from and go to those that were closed when the program began.

    Otherwise the next file that is opened would get the number of one of them, and with it whatever a library, or
    another program, says on standard error.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):  # each takes the lowest number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115  # as long as the program


def say(text: str) -> None:
    """Print on standard output, at once.

    Raises:
        SystemExit: with the status of a program that SIGPIPE ended, if nobody reads it any more (`| head`).
        RunError: if it cannot be written, as to a file on a full disk.
    """
    stream = sys.stdout
    if stream is None:
        return
    try:
        stream.write(text + "\n")
        stream.flush()
    except BrokenPipeError:
        _drop_output()
        raise SystemExit(128 + signal.SIGPIPE) from None
    except OSError as error:
        _drop_output()
        raise RunError(f"cannot write to standard output: {error.strerror}") from error


def warn(text: str) -> None:
    """Print a line on standard error, if someone may read it."""
    complain(one_line(text))


def complain(text: str) -> None:
    """Print what may be a report of several lines on standard error, if someone may read it."""
    if sys.stderr is not None:
        with suppress(OSError):  # who closed it does not want to know
            print("motes: " + "\n".join(map(one_line, text.split("\n"))), file=sys.stderr, flush=True)


def flush() -> None:
    """What was printed goes out."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


def _drop_output() -> None:
    """What waits in the buffer would fail again when the program ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
