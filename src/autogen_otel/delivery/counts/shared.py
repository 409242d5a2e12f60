"""What the processes that share a journal have counted so far, in a file beside it: to be seen from outside.

Each process adds what is new, at most every other second, and none waits for another.
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
"""A process that has not said for so long how much waits in it is gone."""
_ATTEMPTS: Final = 20
_ATTEMPT_SECONDS: Final = 0.005


@dataclass
class SharedCounts(counts.Counts):
    """What was counted.

    Args:
        items: as in a process.
        since: when that began, in seconds since 1970; 0 for never.
        at: when something was added last.
        queued: what waits in memory, by process and signal, and when it said so.
    """

    since: float = 0.0
    at: float = 0.0
    queued: dict[str, tuple[dict[str, int], float]] = field(default_factory=dict)

    def waiting(self) -> dict[str, int]:
        """Items that wait in processes that live, by signal."""
        total: Counter[str] = Counter()
        for items, at in self.queued.values():
            if time.time() - at < _FORGOTTEN_SECONDS:
                total.update(items)
        return dict(total)


def read(folder: Path) -> SharedCounts:
    """Return what the processes of a journal have counted; nothing where none has."""
    return document.read(folder / _NAME, _made) or SharedCounts()


def _made(known: Any) -> SharedCounts:
    return SharedCounts(
        Counter({key: int(items) for key, items in known["items"].items() if len(key.split()) > 1}),
        float(known["since"]),
        float(known["at"]),
        {
            name: ({signal: int(number) for signal, number in items.items()}, float(at))
            for name, (items, at) in known["queued"].items()
        },
    )


class Sharing:
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
        self._added: Counter[str] = Counter()
        self._queued: dict[str, int] = {}
        self._written_at = -_SECONDS
        self._has_failed = False

    def leave_out_what_was(self) -> None:
        """Add only what is counted from now on: the rest is in another journal's file."""
        self._added = counts.PROCESS.copy().items

    def write(self, *, is_last: bool = False) -> None:
        """Add what is new; never raises, and waits for nobody.

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
        now, queued = counts.PROCESS.copy().items, {} if is_last else counts.PROCESS.queued()
        queued = {signal: items for signal, items in queued.items() if items}
        new = now - self._added
        if not new and not queued and not self._queued:
            return
        if not is_last:
            make_private(self.folder)
        elif not self.folder.is_dir():
            return
        with document.opened(self.folder / _NAME) as descriptor:
            if not _take(descriptor, _ATTEMPTS if is_last else 1):
                return
            shared = document.read(descriptor, _made) or SharedCounts()
            shared.items.update(new)
            at = time.time()
            living = {
                name: entry
                for name, entry in shared.queued.items()
                if name != self._name and at - entry[1] < _FORGOTTEN_SECONDS
            }
            if queued:
                living[self._name] = (queued, at)
            document.write(
                descriptor,
                {"since": shared.since or at, "at": at, "items": dict(shared.items), "queued": living},
            )
        self._added, self._queued, self._written_at = now, queued, time.monotonic()


def _take(descriptor: int, attempts: int) -> bool:
    """Lock the file, unless others have it all the time."""
    for attempt in range(attempts):
        if attempt:
            time.sleep(_ATTEMPT_SECONDS)
        if locks.take_now(descriptor):
            return True
    return False
