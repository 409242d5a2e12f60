"""The counts of the processes that share a journal, in a file beside it that other programs can read.

Each process adds its new counts, at most every other second, and none waits for another.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from autogen_otel.delivery import counts
from autogen_otel.delivery.fork import renew_after_fork
from autogen_otel.delivery.journal import document, locks
from autogen_otel.delivery.journal.folder import make_private

_LOGGER: Final = logging.getLogger("autogen_otel")
_NAME: Final = "counts.json"
_SECONDS: Final = 2.0
_FORGOTTEN_SECONDS: Final = 10.0
"""A process that has not written its queue lengths for so long is gone."""
_ATTEMPTS: Final = 20
_ATTEMPT_SECONDS: Final = 0.005


@dataclass
class SharedCounts(counts.DeliveryCounts):
    """The counts of all processes that share a journal.

    Args:
        items: as in the counts of a process.
        since: when counting began, in seconds since 1970; 0 for never.
        at: when something was added last.
        queues: by process, its queue lengths by signal, and when it wrote them.
    """

    since: float = 0.0
    at: float = 0.0
    queues: dict[str, tuple[dict[str, int], float]] = field(default_factory=dict)

    def queued_items(self) -> dict[str, int]:
        """Items that wait in processes that live, by signal."""
        total: Counter[str] = Counter()
        for items, at in self.queues.values():
            if time.time() - at < _FORGOTTEN_SECONDS:
                total.update(items)
        return dict(total)


def read(folder: Path) -> SharedCounts:
    """Return the counts of the processes that share a journal; empty where none has counted."""
    return document.read(folder / _NAME, _from_document) or SharedCounts()


def _from_document(fields: Any) -> SharedCounts:
    return SharedCounts(
        Counter({key: int(items) for key, items in fields["items"].items() if len(key.split()) > 1}),
        document.moment(fields["since"]),
        document.moment(fields["at"]),
        {
            name: ({signal: int(number) for signal, number in items.items()}, float(at))
            for name, (items, at) in fields["queued"].items()
        },
    )


class SharedCountsFile:
    """Adds what this process counts to the file.

    Args:
        folder: the journal's.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.after_fork()
        renew_after_fork(self)

    def after_fork(self) -> None:
        """Begin anew, as the counts of a forked process do."""
        self._lock = threading.Lock()
        self._name = uuid.uuid4().hex[:12]
        self._written_items: Counter[str] = Counter()
        self._written_queue: dict[str, int] = {}
        self._written_at = -_SECONDS
        self._has_failed = False

    def skip_earlier_counts(self) -> None:
        """Add only items that are counted from now on: earlier ones are in another journal's file."""
        self._written_items = counts.PROCESS.copy().items

    def write(self, *, is_last: bool = False) -> None:
        """Add the new counts; never raises, and waits for nobody.

        Args:
            is_last: whether the process ends; then a folder is not made for it.
        """
        is_early = time.monotonic() - self._written_at < _SECONDS
        if self._has_failed or (is_early and not is_last) or not self._lock.acquire(timeout=0.1):
            return
        try:
            self._write(is_last=is_last)
        except Exception as error:  # noqa: BLE001 - the program goes on, or ends, as it would without the file
            self._has_failed = True
            _LOGGER.debug("What is counted is not written: %s: %s", type(error).__name__, error)
        finally:
            self._lock.release()

    def _write(self, *, is_last: bool) -> None:
        total, queue = counts.PROCESS.copy().items, {} if is_last else counts.PROCESS.queued_items()
        queue = {signal: items for signal, items in queue.items() if items}
        new_items = total - self._written_items
        if not new_items and not queue and not self._written_queue:
            return
        if not is_last:
            make_private(self.folder)
        elif not self.folder.is_dir():
            return
        with document.open_private(self.folder / _NAME) as descriptor:
            if not _lock(descriptor, _ATTEMPTS if is_last else 1):
                return
            file_counts = document.read(descriptor, _from_document) or SharedCounts()
            file_counts.items.update(new_items)
            at = time.time()
            live_queues = {
                name: queue_entry
                for name, queue_entry in file_counts.queues.items()
                if name != self._name and at - queue_entry[1] < _FORGOTTEN_SECONDS
            }
            if queue:
                live_queues[self._name] = (queue, at)
            document.write(
                descriptor,
                {
                    "since": file_counts.since or at,
                    "at": at,
                    "items": dict(file_counts.items),
                    "queued": live_queues,
                },
            )
        self._written_items, self._written_queue, self._written_at = total, queue, time.monotonic()


def _lock(descriptor: int, attempts: int) -> bool:
    """Lock the file, unless others have it all the time."""
    for attempt in range(attempts):
        if attempt:
            time.sleep(_ATTEMPT_SECONDS)
        if locks.take_now(descriptor):
            return True
    return False
