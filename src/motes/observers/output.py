"""Opening output files with care: nothing is overwritten unasked, and the disk's complaints name the file.

A file that is being written is held by the one who writes it (:func:`hold`), so that two runs never write into
each other's. The lock is the operating system's: it ends with the process, however that ends. It binds only those
who ask for it, and some network file systems have none; there nothing keeps two runs apart.
"""

from __future__ import annotations

import errno
import fcntl
import itertools
import os
import re
import stat
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from motes.core.checks import file_path
from motes.core.durable import sync_descriptor
from motes.core.errors import InputError, RunError
from motes.core.streams import warn

# Names of formats that people write particles, tables and pictures in.
KNOWN_FORMATS = re.findall(
    r"\S+",
    """.bz2 .cif .csv .data .dat .dcd .dump .exyz .extxyz .gro .gsd .gz .h5 .h5md .hdf5 .json .jsonl .lammps .lammpstrj
    .lmp .mp4 .nc .npy .npz .pdb .png .tng .toml .traj .trr .tsv .txt .vtk .vtu .xml .xtc .xyz .xz .zip""",
)
# What a file system without locks answers.
WITHOUT_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


def output_path(path: str | Path) -> Path:
    """Where an output goes, from whatever folder it is looked at later; InputError if there is no folder for it.

    A ~ is the home of the user. Nothing is opened yet.
    """
    absolute = file_path("path", path).absolute()
    if not absolute.parent.is_dir():
        raise InputError(
            f"cannot write {path}: the folder {absolute.parent} does not exist; make it, or choose another"
        )
    return absolute


def check_writable(path: Path, overwrite: bool) -> None:
    """Refuse a path of a file to which nothing can be written, as far as that can be told without touching anything:
    so that one output does not move what another one then leaves."""
    real = Path(os.path.realpath(path))
    if real.is_dir():
        raise InputError(f"cannot write {path}: it is a folder; give the name of a file")
    if real.exists() and not real.is_file() and not overwrite:
        raise _exists(path)
    check_folder(path)


def check_folder(path: Path) -> None:
    """Refuse a path in whose folder nothing can be made."""
    parent = Path(os.path.realpath(path)).parent
    if not os.access(parent, os.W_OK | os.X_OK):
        raise InputError(f"cannot write {path}: nothing can be written into the folder {parent}")


def keep_aside(path: Path) -> Path:
    """Give a file that is at `path` the next free name, melt.1.gsd for melt.gsd, and say so; return its path.

    Raises InputError if another run is writing it, and for a device.
    """
    real = Path(os.path.realpath(path))  # a link stays one
    if not real.exists() or real.is_dir():
        return real
    if not real.is_file():
        raise _exists(path)
    held = hold(real, os.O_RDONLY)
    try:
        aside = spare_name(real)
        real.rename(aside)
    finally:
        held.release()
    warn(f"{os.path.relpath(path)} exists: it is kept as {os.path.relpath(aside)}")
    return real


def spare_name(path: Path) -> Path:
    """The first free one of melt.1.gsd, melt.2.gsd and so on."""
    names = (path.with_name(f"{path.stem}.{number}{path.suffix}") for number in itertools.count(1))
    return next(name for name in names if not (name.exists() or name.is_symlink()))


def refuse_other_format(path: str | Path, suffixes: tuple[str, ...], what: str) -> None:
    """Raise InputError if the path is called as files of another format are."""
    found = file_path("path", path).suffix.lower()
    if found in KNOWN_FORMATS and found not in suffixes:
        better = Path(path).name.split(".")[0] + suffixes[0]
        raise InputError(f"cannot write {path}: {what}, and {found} means another format; call it {better}")


@contextmanager
def opening(path: Path) -> Iterator[None]:
    """Around the opening of an output file, before anything has run: whatever goes wrong is bad input."""
    try:
        yield
    except FileExistsError as error:
        raise _exists(path) from error
    except FileNotFoundError as error:
        missing = "nothing can be made there" if path.parent.is_dir() else f"the folder {path.parent} does not exist"
        raise InputError(f"cannot write {path}: {missing}") from error
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


class Hold:
    """An open file that is this run's alone, until it is released or the process ends."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._close = weakref.finalize(self, os.close, descriptor)

    def release(self) -> None:
        """Close the file and let others have it; a second time changes nothing."""
        if self._close.alive:
            with suppress(OSError):  # where there are no locks
                # Closing is not enough: a process forked meanwhile has the file open as well.
                fcntl.flock(self.descriptor, fcntl.LOCK_UN)
            self._close()

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return os.fstat(self.descriptor).st_size

    @property
    def is_regular(self) -> bool:
        """Whether it is a file on a disk, not a device or a pipe: only such can be cut and measured."""
        return stat.S_ISREG(os.fstat(self.descriptor).st_mode)

    def check_there(self) -> None:
        """Raise an OSError if the file has no name any more: all that is written to it would be lost."""
        if os.fstat(self.descriptor).st_nlink == 0:
            raise OSError(errno.ENOENT, "it has been removed meanwhile")

    def read(self, start: int, count: int) -> bytes:
        """Up to `count` bytes from `start`; fewer only where the file ends."""
        parts = []
        while count > 0 and (part := os.pread(self.descriptor, count, start)):
            parts.append(part)
            start, count = start + len(part), count - len(part)
        return b"".join(parts)

    def append(self, data: bytes) -> None:
        """Write all of `data`, where the file is open for appending."""
        rest = memoryview(data)
        while rest:  # a disk that is nearly full takes a part first and complains at the next
            rest = rest[os.write(self.descriptor, rest) :]

    def write(self, start: int, data: bytes) -> None:
        """Write all of `data` from `start` on, where the file is not open for appending."""
        rest = memoryview(data)
        while rest:
            written = os.pwrite(self.descriptor, rest, start)
            start, rest = start + written, rest[written:]

    def cut(self, length: int) -> None:
        """Drop what is beyond `length`."""
        if self.is_regular:
            os.ftruncate(self.descriptor, length)

    def sync(self) -> None:
        """Return when what was written is on the disk, so that a loss of power does not take it away."""
        sync_descriptor(self.descriptor)


def hold(path: Path, flags: int = os.O_RDWR) -> Hold:
    """Open the file at `path` so that no other run, and no one else in this run, holds it too.

    Args:
        path: a file; see :func:`hold_folder` for a folder.
        flags: those of os.open. O_TRUNC does not belong there: it would empty a file that is another's.

    Raises:
        InputError: if it is held already.
        OSError: as os.open does.
    """
    return _hold(path, flags, path)


def hold_folder(folder: Path) -> Hold:
    """Hold what is in a folder, by a file `lock` in it that stays there; errors as those of :func:`hold`.

    It is not the folder itself that is locked: over a network only what is open for writing can be.
    """
    return _hold(folder / "lock", os.O_RDWR | os.O_CREAT, folder)


def hold_again(path: Path, length: int, flags: int = os.O_RDWR) -> Hold:
    """Hold a file that had `length` bytes when a checkpoint was written; what it has now is not touched.

    Raises InputError if it is missing, held by another run, or shorter.
    """
    try:
        held = hold(path, flags)
    except FileNotFoundError as error:
        raise InputError(
            f"{path} is missing: the run that is to be resumed was writing it; put it back where it was, "
            "as seen from the checkpoint"
        ) from error
    size = held.size
    if size < length:
        held.release()
        raise InputError(
            f"{path} is shorter than when the checkpoint was written ({size} bytes, not {length}): "
            "put back the file that the run wrote"
        )
    return held


@contextmanager
def borrowed(held: Hold | None, path: Path) -> Iterator[Hold]:
    """`held` or, between two runs when there is none, the file at `path` held for this moment."""
    if held is not None:
        yield held
        return
    moment = hold(path)
    try:
        yield moment
    finally:
        moment.release()


def _hold(path: Path, flags: int, what: Path) -> Hold:
    held = Hold(os.open(path, flags, 0o666))
    try:
        fcntl.flock(held.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        held.release()
        raise InputError(
            f"{what} is being written by another run; wait until that has ended, or choose another path"
        ) from error
    except OSError as error:
        if error.errno not in WITHOUT_LOCKS:
            held.release()
            raise
    if os.fstat(held.descriptor).st_nlink == 0:  # its holder took it away between the two calls
        held.release()
        return _hold(path, flags, what)
    return held


def _exists(path: Path) -> InputError:
    return InputError(f"{path} exists: choose another path, or say overwrite=True (--overwrite on the command line)")


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
