"""Sending a journal, or a copy of one, to an endpoint at once, as ``autogen-otel push`` does."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Final

from autogen_otel.delivery.exporting.export import encodable, repair_value, split
from autogen_otel.delivery.exporting.exporters import Endpoint
from autogen_otel.delivery.exporting.outcome import ExportResult, Outcome
from autogen_otel.delivery.journal import Journal, Kind, Limits
from autogen_otel.delivery.journal.files import list_files
from autogen_otel.delivery.journal.forwarding import Forwarding, Tally, count_remaining, undelivered_files
from autogen_otel.delivery.journal.position import BusyError, read_position
from autogen_otel.delivery.otlp_json import NotOtlpError, StoredLine, StoredSpan, spans_of

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_SECONDS_TO_WAIT: Final = 5.0
"""For an endpoint that says how long it wants to be left alone."""
_MOST_WAITS: Final = 3
_AGAIN_SECONDS: Final = 1.0
_BUSY: Final = ExportResult(Outcome.FAILED, "because another program sends them at this moment")
_BUSY_SECONDS: Final = 10.0
_BUSY_AGAIN_SECONDS: Final = 0.5


class PushedJournal:
    """A journal, whose batches leave it once they are sent.

    Args:
        folder: the journal's; it may not exist yet.
        limits: its bounds.
        target: where to send.
    """

    def __init__(self, folder: Path, limits: Limits, target: Endpoint) -> None:
        self.name, self._folder = str(folder), folder
        self.forwarding = Forwarding(Journal(folder, limits=limits), target.export)

    def offer_again(self) -> None:
        """Make refused batches undelivered again."""
        for file in list_files(self._folder, Kind.REFUSED):
            name = file.path.name.removesuffix(Kind.REFUSED.value) + Kind.UNDELIVERED.value
            if not (self._folder / name).exists():
                file.path.rename(self._folder / name)

    @property
    def bytes(self) -> int:
        """The size of the undelivered batches."""
        position, files = read_position(self._folder), undelivered_files(self._folder)
        return sum(file.bytes - position.of(file.path) for file in files)

    def attempt(self) -> ExportResult | None:
        """Send until the endpoint fails, or as long as another program does; ``None`` where it has all."""
        until = time.monotonic() + _BUSY_SECONDS
        while undelivered_files(self._folder):
            with suppress(BusyError):
                return self.forwarding.run(lambda: True)
            if time.monotonic() >= until:
                return _BUSY
            time.sleep(_BUSY_AGAIN_SECONDS)
        return None

    def remaining(self) -> tuple[int, int]:
        """How many batches and spans are still to be forwarded."""
        return count_remaining(self._folder)


class PushedCopy:
    """A file, which stays as it is; its batches are split into sizes that receivers take.

    Args:
        name: of the file.
        size: in bytes; 0 if nobody knows.
        documents: its lines.
        folder: of the file; nothing is kept there.
        target: where to send.
    """

    def __init__(
        self, name: str, size: int, documents: Iterable[bytes], folder: Path, target: Endpoint
    ) -> None:
        self.name, self.bytes = name, size
        self.forwarding = Forwarding(Journal(folder, limits=Limits()), target.export)
        self._batches = self._read(documents)
        self._batch: Sequence[StoredSpan] = ()
        self._number = 0

    def attempt(self) -> ExportResult | None:
        """Send the remaining batches until the endpoint fails; ``None`` where it has all."""
        while True:
            if not self._batch:
                self._number += 1
                self._batch = next(self._batches, ())
                if not self._batch:
                    return None
            # Batches that the endpoint refuses stay in the file.
            failure, tally, self._batch = self.forwarding.offer(
                self._batch, (self.name, self._number), lambda _part: None
            )
            self.forwarding.report(tally)
            if failure is not None:
                return failure

    def remaining(self) -> tuple[int, int]:
        """How many batches and spans have not been sent."""
        batches = [self._batch, *self._batches] if self._batch else []
        return len(batches), sum(map(len, batches))

    def _read(self, documents: Iterable[bytes]) -> Iterator[Sequence[StoredSpan]]:
        for text in documents:
            try:
                spans = StoredLine() if text.isspace() else spans_of(text)
            except NotOtlpError:
                self.forwarding.report(Tally(damaged_lines=1, bytes=len(text)))
                continue
            batches = split(spans, lambda span: encodable(span, _size, _repair))[0]
            yield from [spans] if batches == [spans] else batches
            self.forwarding.report(Tally(bytes=len(text)))


def _size(span: StoredSpan) -> int:
    # Those around it are counted with each span although they are sent once: cheaper than to find out.
    return len(json.dumps(span, ensure_ascii=False).encode())


def _repair(span: StoredSpan) -> StoredSpan:
    return StoredSpan(*map(repair_value, span))


def push(
    source: PushedJournal | PushedCopy, target: Endpoint, advance: Callable[[int], None]
) -> tuple[Tally, str | None]:
    """Send all batches of a source.

    Args:
        source: with the batches.
        target: where to.
        advance: takes the number of bytes that were handled.

    Returns:
        What became of it, and why not all of it was sent.

    Raises:
        UnlockableError: nobody can tell whether another program sends it too.
        OSError: the journal cannot be read, or the disk is full.
    """
    total = Tally()

    def count(tally: Tally) -> None:
        for counter in fields(tally):
            setattr(total, counter.name, getattr(total, counter.name) + getattr(tally, counter.name))
        advance(tally.bytes)

    source.forwarding.report = count
    waits = 0
    while True:
        handled_spans = total.spans + total.refused_spans
        problem = source.attempt()
        if problem is None:
            unreadable = source.forwarding.unreadable.items()
            return total, next((f"{path} cannot be read: {reason}" for path, reason in unreadable), None)
        # The fault may be in one batch: it is offered once more, and passed over if others are taken.
        wait = _AGAIN_SECONDS if problem.is_final else problem.retry_after
        waits = 1 if total.spans + total.refused_spans > handled_spans else waits + 1
        is_over = wait is None or wait > _MOST_SECONDS_TO_WAIT or waits > _MOST_WAITS
        if is_over or (problem.is_final and target.export([]).outcome is not Outcome.EXPORTED):
            return total, f"{target.label} does not take spans ({problem.reason})"
        time.sleep(wait or 0.0)
