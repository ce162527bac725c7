"""Locks that keep a second command away from what a first one writes."""

__all__ = ["locked"]

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from galkeras.io.errors import GalkerasError


@contextmanager
def locked(path: Path, command: str, folder: Path | None = None) -> Iterator[None]:
    """Keep a second ``command`` away from a folder, or a file that is made for the purpose, until the block ends.

    The lock goes with the process, whatever ends it. Where a system has no such locks, there is none.

    Args:
        path: What to lock.
        command: Who locks.
        folder: What the error names; by default ``path``.

    Raises:
        GalkerasError: Another process, or another block of this one, has the lock.
    """
    try:
        import fcntl
    except ImportError:  # of Windows
        yield
        return
    if path.is_dir():
        descriptor = os.open(path, os.O_RDONLY)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise GalkerasError(f"another {command} is writing {folder or path}") from None
            # A file system that has no locks.
        yield
    finally:
        os.close(descriptor)
