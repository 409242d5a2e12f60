"""How large and how old a journal may get; the files that were written longest ago go first."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from autogen_otel.delivery.journal import locks
from autogen_otel.delivery.journal.files import JournalFile, Kind, count_contents, list_files, notes
from autogen_otel.delivery.journal.position import read_position

_HOUR: Final = 3600.0
_DEAD_SECONDS: Final = 60.0
"""A process that lives touches its note twice a second; one that was only asleep writes it anew."""
_MOST_NOTES: Final = 1000
"""Notes of dead processes: one that crashes in each conversation, and is started again, leaves many."""


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
class Removal:
    """The files that were removed from a journal.

    Args:
        files: how many.
        bytes: their size.
        undelivered_spans: how many spans in them no endpoint has.
    """

    files: int = 0
    bytes: int = 0
    undelivered_spans: int = 0

    def __add__(self, other: Removal) -> Removal:
        spans = self.undelivered_spans + other.undelivered_spans
        return Removal(self.files + other.files, self.bytes + other.bytes, spans)


def prune(folder: Path, limits: Limits, *, new_bytes: int = 0) -> tuple[Removal, Removal]:
    """Remove files that are too old, then the oldest ones until the journal is within its size.

    Args:
        folder: the journal's.
        limits: its bounds.
        new_bytes: bytes that are about to be added.

    Returns:
        What was removed because of its age, and because of the size.
    """
    now = time.time()
    oldest_allowed = now - limits.max_age_hours * _HOUR
    files, in_flight_notes = list_files(folder), notes(folder)
    dead_notes = sorted(
        (note for note in in_flight_notes if note.modified_at < now - _DEAD_SECONDS), key=_age
    )
    old_files = [file for file in files if file.modified_at < oldest_allowed]
    excess_notes = len(dead_notes) - _MOST_NOTES
    expired_notes = [
        note
        for number, note in enumerate(dead_notes)
        if number < excess_notes or note.modified_at < oldest_allowed
    ]
    paths_to_remove = {file.path for file in (*old_files, *expired_notes)}
    excess_bytes = sum(file.bytes for file in (*files, *in_flight_notes) if file.path not in paths_to_remove)
    excess_bytes += new_bytes - limits.max_bytes
    surplus_files = []
    for file in sorted((*files, *dead_notes), key=_age):
        if excess_bytes > 0 and file.path not in paths_to_remove:
            excess_bytes -= file.bytes
            surplus_files.append(file)
    remove(folder, expired_notes)
    return remove(folder, old_files), remove(folder, surplus_files)


def _age(file: JournalFile) -> tuple[float, str]:
    return file.modified_at, file.path.name


def remove(folder: Path, files: Iterable[JournalFile]) -> Removal:
    """Remove files of a journal, none while somebody writes to it; notes are not counted."""
    removal = Removal()
    position = read_position(folder)
    for file in files:
        with suppress(OSError):
            if file.kind is None:
                file.path.unlink()
                continue
            with locks.sole_writer(file.path) as descriptor:
                is_undelivered = file.kind is Kind.UNDELIVERED
                spans = count_contents(descriptor, position.of(file.path))[1] if is_undelivered else 0
                file.path.unlink()
            removal.files += 1
            removal.bytes += file.bytes
            removal.undelivered_spans += spans
    return removal
