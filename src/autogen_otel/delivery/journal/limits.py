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
from autogen_otel.delivery.journal.files import IN_FLIGHT, IN_FLIGHT_PARTS, JournalFile, Kind, counted, listed
from autogen_otel.delivery.journal.progress import read_progress

_HOUR: Final = 3600.0


@dataclass(frozen=True)
class Limits:
    """The bounds of a journal.

    Args:
        max_bytes: of all files together.
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


def prune(folder: Path, limits: Limits, *, coming: int = 0) -> tuple[Removed, Removed]:
    """Remove what is too old, then the oldest of what is too much.

    Args:
        folder: the journal's.
        limits: its bounds.
        coming: bytes that are about to be added.

    Returns:
        What was too old, and what was too much.
    """
    before = time.time() - limits.max_age_hours * _HOUR
    files = sorted(listed(folder), key=lambda file: (file.modified, file.path.name))
    old = [file for file in files if file.modified < before]
    remove_notes(folder, before)
    rest = files[len(old) :]
    excess = sum(file.bytes for file in rest) + coming - limits.max_bytes
    surplus = []
    for file in rest:
        if excess <= 0:
            break
        surplus.append(file)
        excess -= file.bytes
    return remove(folder, old), remove(folder, surplus)


def remove_notes(folder: Path, before: float = math.inf) -> None:
    """Remove notes about conversations in flight.

    Args:
        folder: the journal's.
        before: seconds since 1970; a process that lives has touched its note later.
    """
    for path in (*folder.glob(IN_FLIGHT), *folder.glob(IN_FLIGHT_PARTS)):
        with suppress(OSError):
            if path.stat().st_mtime < before:
                path.unlink()


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
