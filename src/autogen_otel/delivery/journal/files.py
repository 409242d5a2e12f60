"""The journal's files: their names, and what kind of batches each holds."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from enum import Enum
from pathlib import Path
from typing import Final


class Kind(Enum):
    """Why a batch is in the journal; the value is how its file's name ends."""

    UNDELIVERED = ".jsonl"
    """No endpoint took it: it is forwarded once one does."""
    REFUSED = ".refused.jsonl"
    """The endpoint looked at it and does not want it: sent again by hand only."""
    KEPT = ".kept.jsonl"
    """A copy that was asked for, delivered or not: only read, never sent."""


IN_FLIGHT: Final = "*.inflight"
"""Notes about conversations that have not ended; no batches."""
IN_FLIGHT_PARTS: Final = "*.inflight.tmp"
"""Such notes while they are written; a process that was killed then leaves one."""
_NAME: Final = re.compile(r"traces-[^.]+(?:\.\d+Z-\d+)?(\.kept|\.refused)?\.jsonl")
_BEGINS_A_SPAN: Final = b'"startTimeUnixNano":'
"""Once in each span. Not in a text: there its quotes are escaped."""


@dataclass(frozen=True)
class JournalFile:
    """One file of batches.

    Args:
        path: where it is.
        kind: of its batches.
        bytes: its size.
        modified: when it was last written, in seconds since 1970.
    """

    path: Path
    kind: Kind
    bytes: int
    modified: float


def listed(folder: Path, *kinds: Kind) -> list[JournalFile]:
    """Return a journal's files of these kinds, or of all, the one that was begun first in front."""
    files = []
    for path in sorted(folder.glob("traces-*.jsonl")):
        match = _NAME.fullmatch(path.name)
        kind = Kind(f"{match[1] or ''}.jsonl") if match else None
        if kind is not None and (not kinds or kind in kinds):
            with suppress(OSError):
                status = path.stat()
                files.append(JournalFile(path, kind, status.st_size, status.st_mtime))
    return files


@dataclass(frozen=True)
class Note:
    """A note about conversations in flight.

    Args:
        path: where it is.
        bytes: its size.
        modified: when its process last gave a sign of life, in seconds since 1970.
    """

    path: Path
    bytes: int
    modified: float


def notes(folder: Path) -> list[Note]:
    """Return the notes about conversations in flight, also such as were never finished."""
    found = []
    for path in (*folder.glob(IN_FLIGHT), *folder.glob(IN_FLIGHT_PARTS)):
        with suppress(OSError):
            status = path.stat()
            found.append(Note(path, status.st_size, status.st_mtime))
    return found


def new_path(folder: Path, kind: Kind) -> Path:
    """Return the path of a new file of this process; names sort by time."""
    begun = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S.%fZ")
    return folder / f"traces-{begun}-{os.getpid()}{kind.value}"


def counted(path: Path, offset: int = 0) -> tuple[int, int]:
    """Return how many batches and spans a file holds from an offset on; a torn last line counts nothing.

    Raises:
        OSError: it cannot be read.
    """
    batches = spans = 0
    with path.open("rb") as file:
        file.seek(offset)
        for line in file:
            found = line.count(_BEGINS_A_SPAN) if line.endswith(b"\n") else 0
            batches, spans = batches + bool(found), spans + found
    return batches, spans
