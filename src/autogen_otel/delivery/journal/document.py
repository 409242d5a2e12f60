"""The small JSON documents beside the journal's files, which processes share: reading and writing them."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from autogen_otel import plain_files

_MOST_BYTES: Final = 1024 * 1024
_YEAR_10000: Final = 253_402_300_800
"""In seconds since 1970; where ``datetime`` ends."""

T = TypeVar("T")


@contextmanager
def open_private(path: Path) -> Iterator[int]:
    """Open a private file, which is made if there is none; its end unlocks it too.

    Raises:
        OSError: it cannot be written.
    """
    descriptor = plain_files.open_descriptor(path, os.O_RDWR | os.O_CREAT)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def read(source: Path | int, make: Callable[[Any], T]) -> T | None:
    """Return what ``make`` makes of a document; ``None`` where there is none, or a damaged one.

    Args:
        source: its path, or the descriptor of its file.
        make: takes the parsed document, and may raise where that makes no sense.
    """
    with suppress(OSError, ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError):
        if isinstance(source, Path):
            with plain_files.open_file(source) as file:
                return make(json.loads(file.read(_MOST_BYTES)))
        os.lseek(source, 0, os.SEEK_SET)
        return make(json.loads(os.read(source, _MOST_BYTES)))
    return None


def moment(value: Any) -> float:
    """Return a time that a document has, in seconds since 1970; 0 for never.

    Raises:
        ValueError: no calendar has it.
    """
    seconds = float(value)
    if not 0 <= seconds < _YEAR_10000:
        raise ValueError(f"{seconds} is no time")
    return seconds


def write(descriptor: int, document: Mapping[str, Any]) -> None:
    """Replace a document with a single call, so that a process that is killed leaves a whole text.

    Raises:
        OSError: the disk is full.
    """
    text = json.dumps(document).encode().ljust(min(os.fstat(descriptor).st_size, _MOST_BYTES))
    os.lseek(descriptor, 0, os.SEEK_SET)
    write_whole(descriptor, text)


def write_whole(descriptor: int, content: bytes) -> None:
    """Write with a single call.

    Raises:
        OSError: it cannot be written, or not all of it.
    """
    if os.write(descriptor, content) < len(content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
