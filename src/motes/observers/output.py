"""Opening output files with care: nothing is overwritten unasked, and the disk's complaints name the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from motes.errors import InputError, RunError


def refuse_existing(path: Path) -> None:
    """Raise InputError if there is something at `path`."""
    if path.exists() or path.is_symlink():
        raise _exists(path)


@contextmanager
def opening(path: Path) -> Iterator[None]:
    """Around the opening of an output file, before anything has run: whatever goes wrong is bad input."""
    try:
        yield
    except FileExistsError as error:
        raise _exists(path) from error
    except FileNotFoundError as error:
        raise InputError(f"cannot write {path}: the folder {path.parent} does not exist") from error
    except IsADirectoryError as error:
        raise InputError(f"cannot write {path}: it is a folder; give the name of a file") from error
    except OSError as error:
        raise InputError(f"cannot write {path}: {_reason(error)}") from error


@contextmanager
def writing(path: Path, step: int) -> Iterator[None]:
    """Around a write during a run: a full or failing disk is a failed run that says where."""
    try:
        yield
    except OSError as error:
        raise RunError(f"cannot write {path} at step {step}: {_reason(error)}") from error


def _exists(path: Path) -> InputError:
    return InputError(f"{path} exists: choose another path, or say overwrite=True (--overwrite on the command line)")


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
