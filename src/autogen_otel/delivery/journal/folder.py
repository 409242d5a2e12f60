"""Where the journal is: a folder that is named, else one of the user, else one for temporary files."""

from __future__ import annotations

import os
import shlex
import stat
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

DIR_VARIABLE: Final = "AUTOGEN_OTEL_JOURNAL_DIR"


class NoFolderError(OSError):
    """There is no folder for a journal; the message is a sentence that says why and what to do."""


def default_dir() -> Path:
    """Return the journal's folder.

    It is the one that ``AUTOGEN_OTEL_JOURNAL_DIR`` names, else a place in the user's state folder. Where that
    cannot be written, as in many containers, it is one in the folder for temporary files.

    Raises:
        NoFolderError: none of them can be written.
    """
    named = os.environ.get(DIR_VARIABLE)
    return resolved(named) if named else _unnamed_dir()


def show_command(folder: Path) -> str:
    """Return the command that lists a journal, also in a shell that has other variables than this process."""
    with suppress(NoFolderError):
        if folder == _unnamed_dir():
            return "autogen-otel show"
    return f"autogen-otel show --journal {shlex.quote(str(folder))}"


def _unnamed_dir() -> Path:
    for candidate in (_state_dir, _temporary_dir):
        # A user may have no home, and a container no folder for temporary files.
        with suppress(RuntimeError, OSError):
            folder = candidate()
            if is_writable(folder):
                return folder
    raise NoFolderError(
        "neither the user's state folder nor one for temporary files can be written; "
        f"{DIR_VARIABLE} may name another"
    )


def resolved(named: str | os.PathLike[str]) -> Path:
    """Return a folder that somebody named as an absolute path.

    Raises:
        NoFolderError: it stands in the home of a user without one.
    """
    try:
        return Path(named).expanduser().absolute()
    except (RuntimeError, OSError) as error:
        raise NoFolderError(
            f"{os.fspath(named)} cannot be resolved ({error}); {DIR_VARIABLE} may name another"
        ) from error


def is_writable(folder: Path) -> bool:
    """Whether files can be made in a folder, or the folder itself in the nearest one that exists."""
    nearest = next((path for path in (folder, *folder.parents) if os.path.lexists(path)), None)
    return nearest is not None and nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)


def _temporary_dir() -> Path:
    user = os.getuid() if hasattr(os, "getuid") else "user"
    folder = Path(tempfile.gettempdir()) / f"autogen-otel-{user}"
    # Anybody may make folders there, also one of this name, to read what is put into it.
    if os.path.lexists(folder) and hasattr(os, "getuid"):
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
            raise NoFolderError(f"{folder} is somebody else's")
    return folder


def _state_dir() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "autogen-otel"
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "autogen-otel"
    state = Path(os.environ.get("XDG_STATE_HOME", ""))
    # The XDG rules: a relative path counts as none.
    return (state if state.is_absolute() else Path.home() / ".local" / "state") / "autogen-otel" / "journal"


def make_private(folder: Path) -> None:
    """Make a folder that only the user can read, if there is none yet."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    # A folder that exists is somebody's decision (it might be /tmp); the files in it are private anyway.
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        folder.chmod(0o700)
