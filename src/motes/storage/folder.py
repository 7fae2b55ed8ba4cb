"""The folder of a run's checkpoints: step-1000, step-2000 and so on, each of them whole or not there.

A checkpoint is written as step-N.tmp, and gets its name when all of it is on the disk. So whatever interrupts the
writing, a kill or a full disk, the one before it stays, and half of one is never taken for one. Waiting for the disk
is the price.
"""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from motes.core.durable import sync_folder
from motes.core.errors import InputError, RunError
from motes.storage.columns import verify
from motes.storage.manifest import NAME, Manifest, read_manifest

STEP = re.compile(r"step-(0|[1-9]\d{0,17})")
NO_PLACE = {
    errno.EACCES, errno.EEXIST, errno.EINVAL, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOENT, errno.ENOTDIR, errno.EPERM,
    errno.EROFS,
}  # fmt: skip
"""What is said of a path where nothing can be made, however much room a disk has."""


def steps_in(folder: Path) -> list[int]:
    """The steps of which there are checkpoints, rising."""
    if not folder.is_dir():
        return []
    found = (STEP.fullmatch(path.name) for path in folder.iterdir())
    return sorted(int(match[1]) for match in found if match)


def checkpoint_path(folder: Path, step: int) -> Path:
    """Where the checkpoint of a step is."""
    return folder / f"step-{step}"


@contextmanager
def new_checkpoint(folder: Path, step: int) -> Iterator[Path]:
    """A folder to write into, which becomes the checkpoint of this step if the block ends well.

    Raises:
        InputError: if there was never one, and the path is such that there can be none.
        RunError: if the disk refuses; no part of a checkpoint is left, and those before it are as they were.
    """
    path = checkpoint_path(folder, step)
    unfinished = path.with_name(path.name + ".tmp")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove(unfinished)
        unfinished.mkdir()
        yield unfinished
        sync_folder(unfinished)
        _rename(unfinished, path)
    except OSError as error:
        complaint = f"cannot write the checkpoint {path}: {error.strerror or error}"
        if error.errno in NO_PLACE and not steps_in(folder):
            raise InputError(f"{complaint}; choose another path") from error
        raise RunError(f"{complaint}{_last_good(folder)}") from error
    finally:
        _remove(unfinished)


def remove_unfinished(folder: Path) -> None:
    """Clear away what a killed run left half written."""
    for suffix in ("tmp", "old"):
        for path in folder.glob(f"step-*.{suffix}"):
            _remove(path)


def remove_old(folder: Path, keep: int) -> None:
    """Keep the last so many checkpoints."""
    for step in steps_in(folder)[:-keep]:
        remove(folder, step)


def remove(folder: Path, step: int) -> None:
    """Take a checkpoint away; it loses its name first, so that no half of it is ever taken for a whole."""
    path = checkpoint_path(folder, step)
    leaving = path.with_name(path.name + ".old")
    if path.exists():
        _remove(leaving)
        path.rename(leaving)
    _remove(leaving)


def open_checkpoint(path: Path) -> tuple[Path, Manifest]:
    """The path and the manifest of a checkpoint that has been verified: of the last one in a folder, or of a step-N.

    Raises:
        InputError: naming the file that is damaged or missing, and the checkpoint before it, if that is good.
    """
    try:
        folder, step = _chosen(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    try:
        return checkpoint_path(folder, step), read_checkpoint(checkpoint_path(folder, step))
    except InputError as error:
        raise InputError(f"{error}{_offer(folder, step)}") from error


def _chosen(path: Path) -> tuple[Path, int]:
    """The folder and the step that a path means."""
    if STEP.fullmatch(path.name) and path.is_dir():
        return path.parent, int(path.name.removeprefix("step-"))
    steps = steps_in(path)
    if not steps:
        raise InputError(f"{path}: {_nothing_there(path)}")
    return path, steps[-1]


def read_checkpoint(path: Path) -> Manifest:
    """The manifest of one checkpoint, all of whose files have been verified."""
    manifest = read_manifest(path)
    if path != checkpoint_path(path.parent, manifest.step):
        raise InputError(f"{path / NAME} is of step {manifest.step}: it belongs to another checkpoint")
    for file in (*manifest.files, *(record.file for record in manifest.topology.values())):
        verify(path, file)
    return manifest


def _rename(unfinished: Path, path: Path) -> None:
    """Give a checkpoint its name. The same step may be there, after going on from an earlier one: if the disk refuses,
    that is as it was."""
    former = path.with_name(path.name + ".old")
    _remove(former)
    if path.exists():
        path.rename(former)
    try:
        unfinished.rename(path)
        sync_folder(path.parent)
    except OSError:
        if path.exists():
            path.rename(unfinished)
        if former.exists():
            former.rename(path)
        raise
    _remove(former)


def _nothing_there(path: Path) -> str:
    if not path.exists():
        return "there is no such folder"
    return "there is no checkpoint in this folder" if path.is_dir() else "this is no folder of checkpoints"


def _offer(folder: Path, step: int) -> str:
    """The ending of a message: which checkpoint is the next best."""
    for earlier in reversed([other for other in steps_in(folder) if other < step]):
        with suppress(InputError):
            read_checkpoint(checkpoint_path(folder, earlier))
            return f"; the one before it is good: resume {checkpoint_path(folder, earlier)}"
    return "; there is no good one before it"


def _last_good(folder: Path) -> str:
    steps = steps_in(folder)
    return f"; the last good one is {checkpoint_path(folder, steps[-1])}" if steps else "; there is none before it"


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
