"""Forwarding a journal: each undelivered batch, in order, once."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from autogen_otel.delivery.exporting.exporters import ExportResult, Outcome
from autogen_otel.delivery.journal import locks
from autogen_otel.delivery.journal.encoding import spans_of
from autogen_otel.delivery.journal.files import JournalFile, Kind, counted, listed
from autogen_otel.delivery.journal.progress import Forwarded, read_progress, sole_forwarder
from autogen_otel.delivery.journal.writing import Journal

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

_LOGGER = logging.getLogger("autogen_otel")
_MOST_ATTEMPTS: Final = 2
"""Besides the one before the batch was journaled. An endpoint that takes requests, and answers this one with
a final error each time, does not want it."""
_EMPTY_SECONDS: Final = 60.0
"""A file without a line may be one that a program is about to write."""


def undelivered(folder: Path) -> list[JournalFile]:
    """Return the files with something to forward, the one that was begun first in front."""
    progress = read_progress(folder)
    return [
        file
        for file in listed(folder, Kind.UNDELIVERED)
        if file.bytes > (progress.offset if file.path.name == progress.file else 0)
    ]


@dataclass
class Tally:
    """What became of batches that were to be forwarded.

    Args:
        batches: how many the endpoint took.
        spans: how many spans in them it took.
        rejected_spans: how many it took the batch of, but not them.
        refused_batches: how many it does not want.
        refused_spans: how many spans are in these.
        damaged_lines: how many lines hold no batch and were passed over.
        bytes: how much of the files is dealt with.
    """

    batches: int = 0
    spans: int = 0
    rejected_spans: int = 0
    refused_batches: int = 0
    refused_spans: int = 0
    damaged_lines: int = 0
    bytes: int = 0


@dataclass
class Forwarding:
    """Sends a journal's undelivered batches, and remembers which of them an endpoint did not want.

    Args:
        journal: whose folder it is.
        send: exports a batch.
        tell: hears of each batch that was dealt with.
    """

    journal: Journal
    send: Callable[[Sequence[ReadableSpan]], ExportResult]
    tell: Callable[[Tally], None] = lambda _tally: None
    _attempts: dict[tuple[str, int], int] = field(default_factory=dict)

    def run(self, go_on: Callable[[], bool]) -> ExportResult | None:
        """Send what there is.

        Args:
            go_on: asked before each batch.

        Returns:
            Why the endpoint took no more; ``None`` where all is forwarded, or it was not to go on.

        Raises:
            BusyError: another thread or process forwards this folder.
            UnlockableError: nobody can tell whether one does.
            OSError: the journal cannot be read, or the disk is full.
        """
        folder = self.journal.folder
        with sole_forwarder(folder) as forwarded:
            while files := undelivered(folder):
                before = forwarded.progress
                for file in files:
                    with suppress(FileNotFoundError), file.path.open("rb") as opened:
                        stopped = self._forward_file(file.path, opened, forwarded, go_on)
                        if stopped is not None or not go_on():
                            return stopped
                if forwarded.progress == before:
                    # Another program writes at this moment; the next run forwards it.
                    break
        return None

    def _forward_file(
        self, path: Path, file: IO[bytes], forwarded: Forwarded, go_on: Callable[[], bool]
    ) -> ExportResult | None:
        progress = forwarded.progress
        offset = progress.offset if progress.file == path.name else 0
        file.seek(offset)
        while go_on():
            line = file.readline()
            if not line.endswith(b"\n"):
                if _is_removed(path, offset + len(line)):
                    return None
                # Somebody has written meanwhile.
                file.seek(offset)
                continue
            if os.fstat(file.fileno()).st_nlink == 0:
                return None
            stopped, tally = self._forward_line(line, (path.name, offset))
            if stopped is not None:
                return stopped
            offset += len(line)
            forwarded.keep(
                replace(
                    forwarded.progress,
                    file=path.name,
                    offset=offset,
                    spans=forwarded.progress.spans + tally.spans,
                    at=time.time(),
                )
            )
            tally.bytes = len(line)
            self.tell(tally)
        return None

    def _forward_line(self, line: bytes, where: tuple[str, int]) -> tuple[ExportResult | None, Tally]:
        """Send a line's batch; the first of the two says that it is still to be sent, and why."""
        try:
            spans = [] if line.isspace() else spans_of(line)
        except ValueError:
            _LOGGER.warning("%s: a damaged line was passed over when the journal was forwarded.", where[0])
            return None, Tally(damaged_lines=1)
        if not spans:
            return None, Tally()
        result = self.send(spans)
        if result.outcome is Outcome.EXPORTED:
            return None, Tally(batches=1, spans=len(spans) - result.rejected, rejected_spans=result.rejected)
        attempts = self._attempts[where] = self._attempts.get(where, 0) + result.is_final
        if result.outcome is not Outcome.REFUSED and attempts < _MOST_ATTEMPTS:
            return result, Tally()
        self.journal.append_line(line, Kind.REFUSED)
        del self._attempts[where]
        return None, Tally(refused_batches=1, refused_spans=len(spans))


def _is_removed(path: Path, end: int) -> bool:
    """Remove a file that is forwarded, unless somebody has written to it beyond that end."""
    # Opened once more: a lock has to be on a file that can be written.
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return True
    try:
        with locks.between_threads(), locks.between_processes(descriptor):
            status = os.fstat(descriptor)
            is_new = not status.st_size and time.time() - status.st_mtime < _EMPTY_SECONDS
            if status.st_size > end or is_new:
                return is_new
            path.unlink()
    finally:
        os.close(descriptor)
    return True


def count_left(folder: Path) -> tuple[int, int]:
    """Return how many batches and spans are still to be forwarded."""
    progress = read_progress(folder)
    batches = spans = 0
    for file in undelivered(folder):
        with suppress(OSError):
            more = counted(file.path, progress.offset if progress.file == file.path.name else 0)
            batches, spans = batches + more[0], spans + more[1]
    return batches, spans
