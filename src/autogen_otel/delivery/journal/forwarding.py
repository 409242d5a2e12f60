"""Forwarding a journal: each undelivered batch, in order, once."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from autogen_otel import plain_files
from autogen_otel.delivery.exporting.outcome import UNWANTED, ExportResult, Outcome, halves
from autogen_otel.delivery.journal import locks
from autogen_otel.delivery.journal.files import JournalFile, Kind, count_contents, list_files
from autogen_otel.delivery.journal.position import PositionFile, read_position, sole_forwarder
from autogen_otel.delivery.journal.writing import Journal
from autogen_otel.delivery.otlp_json import NotOtlpError, StoredLine, StoredSpan, json_of, spans_of

_LOGGER = logging.getLogger("autogen_otel")
_MOST_ATTEMPTS: Final = 2
"""Besides the one before the batch was journaled. An endpoint that takes other requests, and answers this one
with a final error each time, does not want it."""
_BEGINS_A_BATCH: Final = b'{"resourceSpans":'
_EMPTY_SECONDS: Final = 60.0
"""A file without a line may be one that a program is about to write."""


def undelivered_files(folder: Path) -> list[JournalFile]:
    """Return the files with something to forward, the one that was begun first in front."""
    position = read_position(folder)
    return [file for file in list_files(folder, Kind.UNDELIVERED) if file.bytes > position.of(file.path)]


@dataclass
class Tally:
    """The outcomes of batches that were to be forwarded.

    Args:
        batches: how many the endpoint took.
        spans: how many spans in them it took.
        rejected_spans: how many it took the batch of, but not them.
        refused_batches: how many it does not want.
        refused_spans: how many spans are in these.
        damaged_lines: how many lines hold no batch and were passed over.
        bytes: how much of the files is handled.
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
        send: exports a batch; without spans, it asks whether the endpoint takes anything.
        report: takes the tally of each batch that was handled.

    Attributes:
        unreadable: why files could not be read in the last run; they stay as they are.
    """

    journal: Journal
    send: Callable[[Sequence[StoredSpan]], ExportResult]
    report: Callable[[Tally], None] = lambda _tally: None
    unreadable: dict[Path, str] = field(default_factory=dict)
    _attempts: dict[tuple[str, int], int] = field(default_factory=dict)

    def run(self, go_on: Callable[[], bool]) -> ExportResult | None:
        """Send all undelivered batches.

        Args:
            go_on: called before each batch; false to stop.

        Returns:
            Why the endpoint took no more; ``None`` where all is forwarded, or it was not to go on.

        Raises:
            BusyError: another thread or process forwards this folder.
            UnlockableError: nobody can tell whether one does.
            OSError: the journal cannot be read, or the disk is full.
        """
        folder = self.journal.folder
        self.unreadable.clear()
        with sole_forwarder(folder) as position_file:
            while files := undelivered_files(folder):
                position_before = position_file.position
                for file in files:
                    failure = self._forward_file(file.path, position_file, go_on)
                    if failure is not None or not go_on():
                        return failure
                if position_file.position == position_before:
                    # Another program writes at this moment; the next run forwards it.
                    break
        return None

    def _forward_file(
        self, path: Path, position_file: PositionFile, go_on: Callable[[], bool]
    ) -> ExportResult | None:
        try:
            file = plain_files.open_file(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            self.unreadable[path] = error.strerror or type(error).__name__
            return None
        with file:
            return self._forward_lines(path, file, position_file, go_on)

    def _forward_lines(
        self, path: Path, file: IO[bytes], position_file: PositionFile, go_on: Callable[[], bool]
    ) -> ExportResult | None:
        offset = position_file.position.of(path)
        file.seek(offset)
        while go_on():
            line = file.readline()
            if not line.endswith(b"\n"):
                if _is_removed(path, offset + len(line)):
                    return None
                # Another program has written meanwhile.
                file.seek(offset)
                continue
            if os.fstat(file.fileno()).st_nlink == 0:
                return None
            failure, tally = self._forward_line(line, (path.name, offset))
            if tally is None:
                return failure
            offset += len(line)
            position_file.advance(path, offset, tally.spans)
            tally.bytes = len(line)
            self.report(tally)
            if failure is not None:
                return failure
        return None

    def _forward_line(self, line: bytes, origin: tuple[str, int]) -> tuple[ExportResult | None, Tally | None]:
        """Send a line's batch, in parts if need be.

        Returns:
            Why the endpoint takes no more, if it does not; and what became of the batch, or ``None`` if all
            of it is still to be sent.
        """
        try:
            spans = StoredLine() if line.isspace() else spans_of(line)
        except NotOtlpError:
            _LOGGER.warning("%s: a damaged line was passed over when the journal was forwarded.", origin[0])
            if not line.startswith(_BEGINS_A_BATCH):
                # Nobody knows what it is, so that nobody may throw it away; a torn line of ours has no spans.
                self.journal.append_line(line, Kind.REFUSED)
            return None, Tally(damaged_lines=1)
        if not spans:
            return None, Tally()
        failure, tally, remaining_spans = self.offer(
            spans,
            origin,
            lambda part: self.journal.append_line(json_of(part), Kind.REFUSED),
        )
        if failure is not None:
            if len(remaining_spans) == len(spans):
                return failure, None
            # Spans that the endpoint has must not be sent again: the rest becomes a batch behind all others.
            self.journal.append_line(json_of(remaining_spans), Kind.UNDELIVERED)
        return failure, tally

    def offer(
        self,
        spans: Sequence[StoredSpan],
        origin: tuple[str, int],
        refuse: Callable[[Sequence[StoredSpan]], object],
    ) -> tuple[ExportResult | None, Tally, list[StoredSpan]]:
        """Send a batch, in parts if it is too large.

        Args:
            spans: the batch.
            origin: the file that it is from, and where it stands there.
            refuse: takes what the endpoint does not want.

        Returns:
            Why the endpoint takes no more, if it does not; what became of the batch; and what is left of it.
        """
        tally, parts = Tally(), [spans]
        while parts:
            part = parts[0]
            result = self.send(part)
            if result.outcome is Outcome.TOO_LARGE and len(part) > 1:
                parts[:1] = halves(part)
                continue
            if result.outcome is Outcome.EXPORTED:
                tally.batches += 1
                tally.spans += len(part) - result.rejected_items
                tally.rejected_spans += result.rejected_items
            elif self._is_unwanted(result, origin):
                refuse(part)
                tally.refused_batches += 1
                tally.refused_spans += len(part)
            else:
                return result, tally, [span for other_part in parts for span in other_part]
            parts.pop(0)
        self._attempts.pop(origin, None)
        return None, tally, []

    def _is_unwanted(self, result: ExportResult, origin: tuple[str, int]) -> bool:
        """Whether the endpoint does not want a batch, although it takes others."""
        if result.outcome in UNWANTED:
            return True
        attempts = self._attempts[origin] = self._attempts.get(origin, 0) + result.is_final
        return attempts >= _MOST_ATTEMPTS and self.send([]).outcome is Outcome.EXPORTED


def _is_removed(path: Path, end: int) -> bool:
    """Remove a file that is forwarded, unless somebody has written to it beyond that end."""
    try:
        with locks.sole_writer(path) as descriptor:
            status = os.fstat(descriptor)
            is_new = not status.st_size and time.time() - status.st_mtime < _EMPTY_SECONDS
            if status.st_size > end or is_new:
                return is_new
            path.unlink()
    except FileNotFoundError:
        pass
    return True


def count_remaining(folder: Path, kind: Kind = Kind.UNDELIVERED) -> tuple[int, int]:
    """Return how many batches and spans of a kind are in a journal and not forwarded."""
    position = read_position(folder)
    batches = spans = 0
    for file in list_files(folder, kind):
        with suppress(OSError):
            contents = count_contents(file.path, position.of(file.path))
            batches, spans = batches + contents[0], spans + contents[1]
    return batches, spans
