"""The journal's files: their names, what kind of batches each holds, and what stands in a line of them."""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from enum import Enum
from pathlib import Path
from typing import Final

from autogen_otel import plain_files


class Kind(Enum):
    """Why a batch is in the journal; the value is how its file's name ends."""

    UNDELIVERED = ".jsonl"
    """No endpoint took it: it is forwarded once one does."""
    REFUSED = ".refused.jsonl"
    """The endpoint looked at it and does not want it: sent again by hand only."""
    KEPT = ".kept.jsonl"
    """A copy that was asked for, delivered or not: only read, never sent."""


NOTE_SUFFIX: Final = ".inflight"
_ORIGIN: Final = r"\d{8}T\d{6}\.\d{6}Z-\d+"
_BATCHES: Final = re.compile(rf"traces-{_ORIGIN}(\.kept|\.refused)?\.jsonl")
_NOTE: Final = re.compile(rf"{_ORIGIN}-[0-9a-f]{{8}}\{NOTE_SUFFIX}(\.tmp)?")
"""About conversations that have not ended; a process that was killed while it wrote one leaves ``.tmp``."""
_BEGINS_A_SPAN: Final = b'"startTimeUnixNano":'
"""Occurs once in each span, and in no text: there its quotes are escaped."""


@dataclass(frozen=True)
class JournalFile:
    """One file of a journal.

    Args:
        path: where it is.
        kind: of its batches; ``None`` for a note about conversations in flight.
        bytes: its size.
        modified_at: when it was last written, in seconds since 1970; a process that lives touches its note.
    """

    path: Path
    kind: Kind | None
    bytes: int
    modified_at: float


def list_files(folder: Path, *kinds: Kind) -> list[JournalFile]:
    """Return a journal's files of these kinds, or of all, the one that was begun first in front.

    Files of others in the folder are none of them: these have our names, no other name, and our owner.
    """
    files = []
    for path in sorted(folder.glob("traces-*.jsonl")):
        match = _BATCHES.fullmatch(path.name)
        kind = Kind(f"{match[1] or ''}.jsonl") if match else None
        if kind is not None and (not kinds or kind in kinds):
            files += _file(path, kind)
    return files


def notes(folder: Path) -> list[JournalFile]:
    """Return the notes about conversations in flight, also such as were never finished."""
    paths = folder.glob(f"*{NOTE_SUFFIX}*")
    return [note for path in paths if _NOTE.fullmatch(path.name) for note in _file(path, None)]


def _file(path: Path, kind: Kind | None) -> list[JournalFile]:
    with suppress(OSError):
        status = plain_files.status_of(path)
        if plain_files.is_sole(status, path.parent):
            return [JournalFile(path, kind, status.st_size, status.st_mtime)]
    return []


def new_path(folder: Path, kind: Kind) -> Path:
    """Return the path of a new file of this process; names sort by time."""
    return folder / f"traces-{_origin()}{kind.value}"


def new_note_path(folder: Path) -> Path:
    """Return the path of a new note of this process."""
    # In containers that share a folder many processes have the same number.
    return folder / f"{_origin()}-{secrets.token_hex(4)}{NOTE_SUFFIX}"


def _origin() -> str:
    timestamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S.%fZ")
    return f"{timestamp}-{os.getpid()}"


def count_contents(file: Path | int, offset: int = 0) -> tuple[int, int]:
    """Return how many batches and spans a file holds from an offset on; a torn last line counts nothing.

    Args:
        file: its path, or the descriptor of a locked file, which closing would unlock.
        offset: in bytes.

    Raises:
        OSError: it cannot be read.
    """
    batches = spans = 0
    with (
        os.fdopen(file, "rb", closefd=False) if isinstance(file, int) else plain_files.open_file(file)
    ) as lines:
        lines.seek(offset)
        for line in lines:
            span_count = line.count(_BEGINS_A_SPAN) if line.endswith(b"\n") else 0
            batches, spans = batches + bool(span_count), spans + span_count
    return batches, spans
