"""The code cache: a folder of files that are written whole, named by what they depend on, and checked when read.

Each file begins with the digest of the rest, so one that was cut short, emptied or overwritten counts as absent, and
is made anew. What lies there is executed: a folder or file that others than its owner can write to is not used. Where
nothing can be read or written, all goes on without, slower, and one line says so.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path

from motes.core.durable import sync
from motes.core.streams import warn

WRITABLE_BY_OTHERS = 0o022
KEPT = 90 * 86400.0
"""Seconds after its last use for which a file stays."""
PATTERNS = ("motes-*", "motes_generated_*", "__pycache__/motes_generated_*")
"""What may be removed when it is old: our files, and those of Motes 0.1."""
HEAD = len(hashlib.sha256().hexdigest()) + len(b"# \n")

_said: list[str] = []
"""What was said of a cache that is not used: once a process is enough."""


def cache_folder() -> Path | None:
    """Where compiled code is kept: MOTES_CACHE, or the user's cache folder; None for a user who has no home."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    try:
        return Path(os.environ.get("MOTES_CACHE") or f"{base}/motes").expanduser()
    except RuntimeError:  # there is no home, or no such user
        return None


def trouble() -> str:
    """Why the cache cannot be read, or "" if it can. A folder that is not there yet is none."""
    folder = cache_folder()
    if folder is None:
        return "there is no home folder to keep it in; set MOTES_CACHE to a folder"
    try:
        mode = folder.stat().st_mode
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{folder}: {error.strerror}"
    if not folder.is_dir():
        return f"{folder} is not a folder"
    if mode & WRITABLE_BY_OTHERS:
        return (
            f"others can write to {folder}, and what lies there is executed: chmod go-w {folder}, "
            "or set MOTES_CACHE to a folder of your own"
        )
    return ""


def read(name: str) -> bytes | None:
    """What was written under this name, or None if there is nothing, or not what was written."""
    folder = cache_folder()
    if folder is None or trouble():
        return None
    try:
        with (folder / name).open("rb") as file:
            status = os.fstat(file.fileno())
            data = file.read()
    except OSError:
        return None
    content = data[HEAD:]
    if status.st_mode & WRITABLE_BY_OTHERS or data[:HEAD] != _head(content):
        return None
    if time.time() - status.st_mtime > KEPT / 9:
        with suppress(OSError):  # someone else's file, or a medium that cannot be written
            os.utime(folder / name)
    return content


def write(name: str, content: bytes) -> None:
    """Keep content under this name, for all who may read the folder; say so, once, if that cannot be done."""
    folder, why = cache_folder(), trouble()
    if folder is not None and not why:
        try:
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            _write(folder / name, _head(content) + content)
            _remove_old(folder)
        except OSError as error:
            why = f"cannot write to {folder}: {error.strerror}; set MOTES_CACHE to a folder that can be written"
    if why:
        _say(f"what is compiled is not kept, so every run compiles anew: {why}")


def _head(content: bytes) -> bytes:
    return f"# {hashlib.sha256(content).hexdigest()}\n".encode()


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, since other processes may read and write the same at this moment."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb") as file:
            file.write(data)
            sync(file)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


_tidied: set[Path] = set()


def _remove_old(folder: Path) -> None:
    """Remove what nobody has used for long, once a process."""
    if folder in _tidied:
        return
    _tidied.add(folder)
    oldest = time.time() - KEPT
    for pattern in PATTERNS:
        for file in folder.glob(pattern):
            with suppress(OSError):  # another process was faster, or it belongs to someone else
                if file.stat().st_mtime < oldest:
                    file.unlink()


def _say(line: str) -> None:
    """Once, and not by every rank and worker."""
    if not _said and "MOTES_SERVING" not in os.environ and multiprocessing.parent_process() is None:
        _said.append(line)
        warn(line)
