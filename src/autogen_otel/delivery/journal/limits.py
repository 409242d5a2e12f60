"""How large and how old a journal may get; what goes first is what was written longest ago."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from autogen_otel.delivery.journal import locks
from autogen_otel.delivery.journal.files import JournalFile, Kind, Note, counted, listed, notes
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
    files = sorted(listed(folder), key=lambda file: (file.modified, file.path.name))
    old = [file for file in files if file.modified < before]
    remove_notes(folder, before)
    left = sorted(notes(folder), key=lambda note: note.modified)
    dead = [note for note in left if note.modified < now - _DEAD_SECONDS]
    for note in dead[:-_MOST_NOTES]:
        _remove_note(note)
    kept: list[JournalFile | Note] = [*files[len(old) :], *dead[-_MOST_NOTES:]]
    living = sum(note.bytes for note in left[len(dead) :])
    excess = living + sum(file.bytes for file in kept) + coming - limits.max_bytes
    surplus = []
    for file in sorted(kept, key=lambda file: file.modified):
        if excess <= 0:
            break
        excess -= file.bytes
        if isinstance(file, Note):
            _remove_note(file)
        else:
            surplus.append(file)
    return remove(folder, old), remove(folder, surplus)


def remove_notes(folder: Path, before: float = math.inf) -> None:
    """Remove notes about conversations in flight.

    Args:
        folder: the journal's.
        before: seconds since 1970; a process that lives has touched its note later.
    """
    for note in notes(folder):
        if note.modified < before:
            _remove_note(note)


def _remove_note(note: Note) -> None:
    with suppress(OSError):
        note.path.unlink()


def remove(folder: Path, files: Iterable[JournalFile]) -> Removed:
    """Remove files of a journal, none while somebody writes to it."""
    removed = Removed()
    progress = read_progress(folder)
    for file in files:
        with suppress(OSError), locks.between_threads():
            spans = 0
            if file.kind is Kind.UNDELIVERED:
                _, spans = counted(file.path, progress.offset if progress.file == file.path.name else 0)
            _unlink(file.path)
            removed.files += 1
            removed.bytes += file.bytes
            removed.undelivered_spans += spans
    return removed


def _unlink(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        with locks.between_processes(descriptor):
            path.unlink()
    finally:
        os.close(descriptor)
