"""Files that the disk has: what is written may otherwise be lost with the power, even after a rename.

The disadvantage: who syncs waits for the disk.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import IO, Any

CANNOT = {errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
"""What file systems say that cannot be asked to sync a folder, or need not."""


def sync(file: IO[Any]) -> None:
    """Return when all that was written to a file is on the disk."""
    file.flush()
    sync_descriptor(file.fileno())


def sync_descriptor(descriptor: int) -> None:
    """The same of what was written by the number of an open file."""
    os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Return when the names of the files in a folder are on the disk: those of new ones are not by themselves."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in CANNOT:
            raise
    finally:
        os.close(descriptor)
