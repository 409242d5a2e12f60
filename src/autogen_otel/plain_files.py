"""Regular files only: a FIFO or a device may never answer, and a link leads to somebody else's file.

Whoever may write into a folder can put any of these where a file of ours is expected.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

_FLAGS: Final = sum(
    getattr(os, flag, 0) for flag in ("O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK", "O_NOCTTY", "O_BINARY")
)
_PRIVATE: Final = 0o600


def status_of(path: Path) -> os.stat_result:
    """Return the status of a regular file.

    Raises:
        OSError: there is none, or it is something else.
    """
    return _regular(path.lstat(), path)


def is_sole(status: os.stat_result, folder: Path) -> bool:
    """Whether a file may be changed: it has no other name, and belongs to us or the folder's owner.

    Args:
        status: of a regular file.
        folder: in which it is.
    """
    owners = {status.st_uid} if not hasattr(os, "geteuid") else {os.geteuid(), folder.stat().st_uid}
    return status.st_nlink <= 1 and status.st_uid in owners


def open_descriptor(path: Path, flags: int = os.O_RDONLY) -> int:
    """Open a regular file without waiting; one that is made is private, whatever the umask.

    Args:
        path: of the file; a link is not followed.
        flags: of ``os.open``. With any but ``O_RDONLY`` it must be a file that may be changed.

    Raises:
        OSError: there is none, it cannot be opened, or it is something else.
    """
    with suppress(FileNotFoundError):
        # Opening a device may do something already.
        status_of(path)
    descriptor = os.open(path, flags | _FLAGS, _PRIVATE)
    try:
        status = _regular(os.fstat(descriptor), path)
        if flags & (os.O_WRONLY | os.O_RDWR):
            _require_sole(status, path)
        if flags & os.O_CREAT and status.st_mode & _PRIVATE != _PRIVATE:
            set_mode(descriptor, path, _PRIVATE)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def open_file(path: Path) -> IO[bytes]:
    """Open a regular file for reading.

    Args:
        path: of the file; a link is not followed.

    Raises:
        OSError: there is none, it cannot be read, or it is something else.
    """
    return os.fdopen(open_descriptor(path), "rb")


def replace(path: Path, content: bytes, mode: int | None = None) -> None:
    """Write a whole file, or leave the one that is there as it is.

    Args:
        path: of the file.
        content: all of it.
        mode: its permissions; ``None`` for those that it has, or that the umask gives a new one.

    Raises:
        OSError: it cannot be written, or there is something else than a regular file.
    """
    with suppress(FileNotFoundError):
        present_mode = stat.S_IMODE(status_of(path).st_mode)
        mode = present_mode if mode is None else mode
    temporary_path = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.tmp")
    descriptor = os.open(temporary_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            if mode is not None:
                set_mode(descriptor, temporary_path, mode)
        temporary_path.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary_path.unlink()
        raise


def set_mode(descriptor: int, path: Path, mode: int) -> None:
    """Set the permissions of an open file, whatever the umask has made of them.

    Args:
        descriptor: of the file.
        path: of the file, for systems that know no permissions of a descriptor.
        mode: the permissions.

    Raises:
        OSError: they cannot be set.
    """
    os.chmod(descriptor if os.chmod in os.supports_fd else path, mode)  # noqa: PTH101 - of a descriptor


def make_folders(folder: Path, mode: int) -> None:
    """Make a folder and those above it that are missing; one that exists stays as somebody made it.

    Args:
        folder: to make.
        mode: the permissions of the new ones, whatever the umask.

    Raises:
        OSError: one cannot be made, or a file is in its place.
    """
    if folder.is_dir():
        return
    make_folders(folder.parent, mode)
    try:
        folder.mkdir(mode)
    except FileExistsError:
        # Another program was faster.
        if not folder.is_dir():
            raise
    else:
        folder.chmod(mode)


def _regular(status: os.stat_result, path: Path) -> os.stat_result:
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    return status


def _require_sole(status: os.stat_result, path: Path) -> None:
    if not is_sole(status, path.parent):
        raise OSError(errno.EPERM, "it has another name, or another owner", str(path))
