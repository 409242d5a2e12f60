"""How large and how old a journal may get; what goes first is what was written longest ago."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from autogen_otel.delivery.journal import locks
from autogen_otel.delivery.journal.files import JournalFile, Kind, counted, listed, notes
from autogen_otel.delivery.journal.progress import read_progress

_HOUR: Final = 3600.0
_DEAD_SECONDS: Final = 60.0
"""A process that lives touches its note twice a second; one that was only asleep writes it anew."""
_MOST_NOTES: Final = 1000
"""Of dead processes: one that crashes in a conversation, and is started again each time, leaves many."""


@dataclass(frozen=True)
class Limits:
    """The bounds of a journal.

    Args:
        max_bytes: of all files together, notes about conversations in flight included.
        max_age_hours: since a file was last written.
    """

    max_bytes: int = 256 * 1024 * 1024
    max_age_hours: float = 168.0


@dataclass
class Removed:
    """What was removed from a journal.

    Args:
        files: how many.
        bytes: their size.
        undelivered_spans: how many spans in them no endpoint has.
    """

    files: int = 0
    bytes: int = 0
    undelivered_spans: int = 0

    def __add__(self, other: Removed) -> Removed:
        spans = self.undelivered_spans + other.undelivered_spans
        return Removed(self.files + other.files, self.bytes + other.bytes, spans)


def prune(folder: Path, limits: Limits, *, coming: int = 0) -> tuple[Removed, Removed]:
    """Remove what is too old, then the oldest of what is too much.

    Args:
        folder: the journal's.
        limits: its bounds.
        coming: bytes that are about to be added.

    Returns:
        What was too old, and what was too much.
    """
    now = time.time()
    before = now - limits.max_age_hours * _HOUR
    files, under_way = listed(folder), notes(folder)
    dead = sorted((note for note in under_way if note.modified < now - _DEAD_SECONDS), key=_age)
    old = [file for file in files if file.modified < before]
    most = len(dead) - _MOST_NOTES
    forgotten = [note for number, note in enumerate(dead) if number < most or note.modified < before]
    gone = {file.path for file in (*old, *forgotten)}
    excess = sum(file.bytes for file in (*files, *under_way) if file.path not in gone)
    excess += coming - limits.max_bytes
    surplus = []
    for file in sorted((*files, *dead), key=_age):
        if excess > 0 and file.path not in gone:
            excess -= file.bytes
            surplus.append(file)
    remove(folder, forgotten)
    return remove(folder, old), remove(folder, surplus)


def _age(file: JournalFile) -> tuple[float, str]:
    return file.modified, file.path.name


def remove(folder: Path, files: Iterable[JournalFile]) -> Removed:
    """Remove files of a journal, none while somebody writes to it; notes are not counted."""
    removed = Removed()
    progress = read_progress(folder)
    for file in files:
        with suppress(OSError):
            if file.kind is None:
                file.path.unlink()
                continue
            with locks.sole_writer(file.path) as descriptor:
                is_undelivered = file.kind is Kind.UNDELIVERED
                spans = counted(descriptor, progress.of(file.path))[1] if is_undelivered else 0
                file.path.unlink()
            removed.files += 1
            removed.bytes += file.bytes
            removed.undelivered_spans += spans
    return removed
