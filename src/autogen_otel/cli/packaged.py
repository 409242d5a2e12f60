"""Files that the package carries: the dashboards, and the stack that shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

from autogen_otel.cli import CommandError

if TYPE_CHECKING:
    from importlib.abc import Traversable  # where the oldest Python has it

_CHECKOUT: Final = Path(__file__).parents[3]


def packaged(name: str) -> Traversable:
    """Return a file or folder of the package by its name in a checkout.

    Args:
        name: ``dashboards``, ``deploy`` or ``docker-compose.yml``.
    """
    inside = resources.files("autogen_otel") / ("stack" if name != "dashboards" else "") / name
    # A checkout and an editable install have them beside src/.
    return inside if inside.is_dir() or inside.is_file() else _CHECKOUT / name


def texts_below(folder: Traversable, prefix: str = "") -> Iterable[tuple[str, str]]:
    """Yield the path below a folder and the text of each file in it, sorted."""
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        path = f"{prefix}{entry.name}"
        if entry.is_dir():
            yield from texts_below(entry, f"{path}/")
        else:
            yield path, entry.read_text(encoding="utf-8")


def write_files(folder: Path, texts: Mapping[str, str]) -> list[str]:
    """Write files below a folder, which is made if it is missing; return their paths.

    Raises:
        CommandError: one of them cannot be written.
    """
    try:
        for name, text in texts.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{error.filename or folder} cannot be written: {error.strerror}.") from error
    return [str(folder / name) for name in texts]
