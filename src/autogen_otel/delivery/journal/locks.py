"""Locks between the threads and processes that share a journal.

The operating system releases those between processes when the process ends, also when it is killed. They
belong to a process and not to an open file, so a forked child does not hold its parent's.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from autogen_otel import plain_files
from autogen_otel.delivery.fork import in_child

if sys.platform == "win32":
    import msvcrt

    _BYTE = 2**30
    """Beyond the file's content, where a lock would keep others from reading."""

    def take(descriptor: int, *, wait: bool) -> None:
        """Lock an open file.

        Raises:
            OSError: somebody else has locked it, or it cannot be locked.
        """
        os.lseek(descriptor, _BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def take(descriptor: int, *, wait: bool) -> None:
        """Lock an open file.

        Raises:
            OSError: somebody else has locked it, or it cannot be locked.
        """
        fcntl.lockf(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


_threads = threading.RLock()


def take_now(descriptor: int) -> bool:
    """Lock an open file unless somebody else has, and say whether that was done.

    Raises:
        OSError: it cannot be locked.
    """
    try:
        take(descriptor, wait=False)
    except (BlockingIOError, PermissionError):
        return False
    return True


@contextmanager
def between_threads() -> Iterator[None]:
    """Keep the other threads of this process from writing to journals and from removing their files."""
    with _threads:
        yield


@contextmanager
def sole_writer(path: Path, flags: int = os.O_RDWR) -> Iterator[int]:
    """Open a file, and keep other threads and processes from writing to it and from removing it.

    Nothing else in this process may open and close it meanwhile: that would unlock it. Where the file system
    knows no locks, nobody forwards either, so a writer needs none.

    Args:
        path: of the file.
        flags: to open it with; a lock has to be on a file that can be written.

    Raises:
        OSError: it cannot be opened.
    """
    with between_threads():
        descriptor = plain_files.open_descriptor(path, flags)
        try:
            with suppress(OSError):
                take(descriptor, wait=True)
            yield descriptor
        finally:
            # Closing unlocks it too.
            os.close(descriptor)


def _after_fork() -> None:
    global _threads  # noqa: PLW0603 - the thread that held the old one does not exist in this process
    _threads = threading.RLock()


in_child(_after_fork)
