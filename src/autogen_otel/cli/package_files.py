"""Files that the package carries: the dashboards, and the stack that shows them."""

from __future__ import annotations

import errno
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

from autogen_otel import plain_files
from autogen_otel.cli import CommandError, write_file

if TYPE_CHECKING:
    from importlib.abc import Traversable  # where the oldest Python has it

_CHECKOUT: Final = Path(__file__).parents[3]
_FOLDER_MODE: Final = 0o755
_FILE_MODE: Final = 0o644


def package_resource(name: str) -> Traversable:
    """Return a file or folder of the package by its name in a checkout.

    Args:
        name: ``dashboards``, ``deploy`` or ``docker-compose.yml``.
    """
    resource = resources.files("autogen_otel") / ("stack" if name != "dashboards" else "") / name
    # A checkout and an editable install have them beside src/.
    return resource if resource.is_dir() or resource.is_file() else _CHECKOUT / name


def texts_below(folder: Traversable, prefix: str = "") -> Iterable[tuple[str, str]]:
    """Yield the path below a folder and the text of each file in it, sorted."""
    for entry in sorted(folder.iterdir(), key=lambda child: child.name):
        path = f"{prefix}{entry.name}"
        if entry.is_dir():
            yield from texts_below(entry, f"{path}/")
        else:
            yield path, entry.read_text(encoding="utf-8")


def output_folder(out: str) -> Path:
    """The folder that ``--out`` names.

    Raises:
        CommandError: the name is empty.
    """
    if not out:
        raise CommandError("--out needs the name of a folder; . is this one.")
    return Path(out)


def differing_files(folder: Path, texts: Mapping[str, str]) -> list[Path]:
    """The files below a folder that are missing or have other texts."""
    return [folder / name for name, text in texts.items() if _text(folder / name) != text]


def write_files(folder: Path, texts: Mapping[str, str]) -> list[str]:
    """Write files below a folder, which is made if it is missing; return their paths.

    Everybody may read them, whatever the umask: the users of containers that they are mounted into, too.

    Raises:
        CommandError: one of them cannot be written, or a link would lead it to another place.
    """
    for name, text in texts.items():
        path = folder / name
        try:
            plain_files.make_folders(folder, _FOLDER_MODE)
            for parent in reversed(path.relative_to(folder).parents[:-1]):
                _make_readable(folder / parent)
        except OSError as error:
            raise CommandError(f"{error.filename} cannot be written: {error.strerror}.") from None
        write_file(path, text, mode=_FILE_MODE)
    return [str(folder / name) for name in texts]


def _make_readable(folder: Path) -> None:
    """Make a folder that everybody may read, also of one that an earlier version wrote."""
    plain_files.make_folders(folder, _FOLDER_MODE)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise OSError(errno.ENOTDIR, "it is a link", str(folder))
    if status.st_mode & _FOLDER_MODE != _FOLDER_MODE:
        folder.chmod(_FOLDER_MODE)


def _text(path: Path) -> str | None:
    with suppress(OSError, ValueError), plain_files.open_file(path) as file:
        return file.read().decode("utf-8")
    return None
