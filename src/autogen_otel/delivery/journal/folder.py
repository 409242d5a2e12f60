"""Where the journal is: a folder that is named, else one of the user, else one for temporary files."""

from __future__ import annotations

import errno
import os
import shlex
import stat
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from autogen_otel import plain_files

DIR_VARIABLE: Final = "AUTOGEN_OTEL_JOURNAL_DIR"
_NO_ROOM: Final = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})


class NoFolderError(OSError):
    """There is no folder for a journal; the message is a sentence that says why and what to do."""


def default_dir() -> Path:
    """Return the journal's folder.

    It is the one that ``AUTOGEN_OTEL_JOURNAL_DIR`` names, else a place in the user's state folder. Where that
    cannot be written, as in many containers, it is one in the folder for temporary files.

    Raises:
        NoFolderError: none of them can be written.
    """
    path = os.environ.get(DIR_VARIABLE)
    return resolve_folder(path) if path else _first_writable_dir()


def journal_option(folder: Path) -> tuple[str, ...]:
    """Return the words by which a command finds a journal in any shell of this user; often there are none.

    Another shell may have other variables than this process, so only the folder that takes none goes unnamed.
    """
    with suppress(RuntimeError):
        if folder == _state_dir({}):
            return ()
    return ("--journal", str(folder))


def command_for(folder: Path, *words: str) -> str:
    """Return the command that does something with a journal, for any shell of this user."""
    return shlex.join(("autogen-otel", *words, *journal_option(folder)))


def _first_writable_dir() -> Path:
    for candidate in (partial(_state_dir, os.environ), _temporary_dir):
        # A user may have no home, and a container no folder for temporary files.
        with suppress(RuntimeError, OSError):
            folder = candidate()
            if write_problem(folder, for_good=True) is None:
                return folder
    raise NoFolderError(
        "neither the user's state folder nor one for temporary files can be written; "
        f"{DIR_VARIABLE} may name another"
    )


def resolve_folder(path: str | os.PathLike[str]) -> Path:
    """Return a folder that somebody named as an absolute path.

    Raises:
        NoFolderError: it is a file, or stands in the home of a user without one.
    """
    try:
        folder = Path(path).expanduser().absolute()
    except (RuntimeError, OSError) as error:
        raise NoFolderError(
            f"{os.fspath(path)} cannot be resolved ({error}); {DIR_VARIABLE} may name another"
        ) from error
    if os.path.lexists(folder) and not os.path.isdir(folder):  # noqa: PTH112 - Path's raises where it may not look
        raise NoFolderError(f"{folder} is no folder; {DIR_VARIABLE} may name one")
    return folder


def write_problem(folder: Path, *, for_good: bool = False) -> NoFolderError | None:
    """Say that nothing can be written into a folder, and what to do; ``None`` where it can.

    Permissions alone do not tell: root may write anywhere, but not in ``/proc`` nor on a disk that is
    read-only or full. The file that is tried has no name where the system can do that.

    Args:
        folder: it may not exist yet; then the nearest above it counts.
        for_good: whether a disk that is full does not count, since there may be room again.
    """
    nearest = next((path for path in (folder, *folder.parents) if os.path.lexists(path)), folder)
    try:
        with tempfile.TemporaryFile(dir=nearest, buffering=0) as probe:
            probe.write(b"\n")
    except OSError as error:
        if for_good and error.errno in _NO_ROOM:
            return None
        reason = error.strerror or type(error).__name__
        return NoFolderError(f"{folder} cannot be written ({reason}); {DIR_VARIABLE} may name another folder")
    return None


def _temporary_dir() -> Path:
    user = os.getuid() if hasattr(os, "getuid") else "user"
    folder = Path(tempfile.gettempdir()) / f"autogen-otel-{user}"
    # Anybody may make folders there, also one of this name, to read what is put into it.
    if os.path.lexists(folder) and hasattr(os, "getuid"):
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
            raise NoFolderError(f"{folder} is somebody else's")
    return folder


def _state_dir(environ: Mapping[str, str]) -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "autogen-otel"
    if sys.platform == "win32":
        local = environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "autogen-otel"
    state = Path(environ.get("XDG_STATE_HOME", ""))
    # The XDG rules: a relative path counts as none.
    return (state if state.is_absolute() else Path.home() / ".local" / "state") / "autogen-otel" / "journal"


def make_private(folder: Path) -> None:
    """Make a folder that only the user can read, if there is none yet."""
    # A folder that exists is somebody's decision (it might be /tmp); the files in it are private anyway.
    plain_files.make_folders(folder, 0o700)
