"""The distribution that this package is installed from."""

from __future__ import annotations

from importlib import metadata
from typing import Final

NAME: Final = "autogen-otel"
_UNKNOWN: Final = "unknown"


def version() -> str:
    """The version; ``unknown`` where an application is packed without the metadata of its packages."""
    try:
        return metadata.version(NAME)
    except metadata.PackageNotFoundError:
        return _UNKNOWN
