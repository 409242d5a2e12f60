"""What the processes that share a journal have counted so far, in a file beside it: to be seen from outside.

Each process adds what is new, at most every other second, and none waits for another.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from autogen_otel.delivery.beside import Beside
from autogen_otel.delivery.counts.delivered import PROCESS as DELIVERED
from autogen_otel.delivery.counts.dropped import PROCESS as DROPPED
from autogen_otel.delivery.journal import locks
from autogen_otel.delivery.journal.folder import make_private
from autogen_otel.vocabulary.metrics import TELEMETRY_EXPORTED, TELEMETRY_FORWARDED, TELEMETRY_JOURNALED

_LOGGER: Final = logging.getLogger("autogen_otel")
_NAME: Final = "counts.json"
_FLAGS: Final = os.O_RDWR | os.O_CREAT | sum(getattr(os, flag, 0) for flag in ("O_CLOEXEC", "O_NOFOLLOW"))
_SECONDS: Final = 2.0
_FORGOTTEN_SECONDS: Final = 10.0
"""A process that has not said for so long how much waits in it is gone."""
_ATTEMPTS: Final = 20
_ATTEMPT_SECONDS: Final = 0.005
_METRICS: Final = {
    "exported": TELEMETRY_EXPORTED,
    "journaled": TELEMETRY_JOURNALED,
    "forwarded": TELEMETRY_FORWARDED,
}


@dataclass
class Counts:
    """What was counted.

    Args:
        since: when that began, in seconds since 1970; 0 for never.
        at: when something was added last.
        items: how many, by what became of them, signal and (where they were dropped) reason.
        queued: what waits in memory, by process and signal, and when it said so.
    """

    since: float = 0.0
    at: float = 0.0
    items: Counter[str] = field(default_factory=Counter)
    queued: dict[str, tuple[dict[str, int], float]] = field(default_factory=dict)

    def of(self, became: str) -> dict[str, int]:
        """Items that were ``exported``, ``journaled`` or ``forwarded``, by signal."""
        found = (key.split() for key in self.items)
        return {words[1]: self.items[f"{became} {words[1]}"] for words in found if words[0] == became}

    def dropped(self) -> dict[str, dict[str, int]]:
        """Items that were dropped, by signal and reason."""
        found: dict[str, dict[str, int]] = {}
        for key, items in self.items.items():
            became, signal, *reason = key.split()
            if became == "dropped" and items:
                found.setdefault(signal, {})[" ".join(reason)] = items
        return found

    def waiting(self) -> dict[str, int]:
        """Items that wait in processes that live, by signal."""
        total: Counter[str] = Counter()
        for items, at in self.queued.values():
            if time.time() - at < _FORGOTTEN_SECONDS:
                total.update(items)
        return dict(total)


def read(folder: Path) -> Counts:
    """Return what the processes of a journal have counted; nothing where none has."""
    with suppress(OSError):
        return _parsed((folder / _NAME).read_bytes())
    return Counts()


class Sharing:
    """Adds what this process counts to the file.

    Args:
        folder: the journal's.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.after_fork()

    def after_fork(self) -> None:
        """Begin anew, as the counts of a forked process do."""
        self._lock = threading.Lock()
        self._name = uuid.uuid4().hex[:12]
        self._added: Counter[str] = Counter()
        self._queued: dict[str, int] = {}
        self._written_at = -_SECONDS
        self._has_failed = False

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
        now, queued = _counted(), {} if is_last else DELIVERED.queued()
        queued = {signal: items for signal, items in queued.items() if items}
        new = now - self._added
        if not new and not queued and not self._queued:
            return
        if not is_last:
            make_private(self.folder)
        elif not self.folder.is_dir():
            return
        with _locked(self.folder / _NAME, attempts=_ATTEMPTS if is_last else 1) as descriptor:
            if descriptor is None:
                return
            counts = _parsed(os.read(descriptor, os.fstat(descriptor).st_size))
            counts.at = time.time()
            counts.since = counts.since or counts.at
            counts.items.update(new)
            counts.queued = {
                name: (items, at)
                for name, (items, at) in counts.queued.items()
                if name != self._name and counts.at - at < _FORGOTTEN_SECONDS
            }
            if queued:
                counts.queued[self._name] = (queued, counts.at)
            _replace(descriptor, counts)
        self._added, self._queued, self._written_at = now, queued, time.monotonic()


def _counted() -> Counter[str]:
    counted: Counter[str] = Counter()
    for became, metric in _METRICS.items():
        for signal, items in DELIVERED.counts(metric).items():
            counted[f"{became} {signal}"] = items
    for (signal, reason), items in DROPPED.counts().items():
        counted[f"dropped {signal} {reason}"] = items
    return counted


@contextmanager
def _locked(path: Path, *, attempts: int) -> Iterator[int | None]:
    """The file, open and locked; ``None`` where others have it all the time."""
    descriptor = os.open(path, _FLAGS, 0o600)
    try:
        yield descriptor if _take(descriptor, attempts) else None
    finally:
        # Which unlocks it too.
        os.close(descriptor)


def _take(descriptor: int, attempts: int) -> bool:
    for _ in range(attempts):
        with suppress(BlockingIOError, PermissionError):
            locks.take(descriptor, wait=False)
            return True
        if attempts > 1:
            time.sleep(_ATTEMPT_SECONDS)
    return False


def _replace(descriptor: int, counts: Counts) -> None:
    """Write with a single call, so that a process that is killed leaves a whole text."""
    document = {"since": counts.since, "at": counts.at, "items": dict(counts.items), "queued": counts.queued}
    text = json.dumps(document).encode()
    size = os.fstat(descriptor).st_size
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, text.ljust(size))


def _parsed(text: bytes) -> Counts:
    try:
        known: Any = json.loads(text)
        return Counts(
            float(known["since"]),
            float(known["at"]),
            Counter({key: int(items) for key, items in known["items"].items() if len(key.split()) > 1}),
            {str(name): (_whole(items), float(at)) for name, (items, at) in known["queued"].items()},
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return Counts()


def _whole(items: Mapping[str, Any]) -> dict[str, int]:
    return {str(signal): int(number) for signal, number in items.items()}


_BESIDE: Final = Beside[Sharing](partial(Sharing.write, is_last=True))


def beside(folder: Path) -> None:
    """Write what this process counts beside this journal, and no other."""
    _BESIDE.keep(folder, partial(Sharing, folder))


def kept() -> Sharing | None:
    """What writes the counts of this process; ``None`` where no journal is kept."""
    return _BESIDE.kept
