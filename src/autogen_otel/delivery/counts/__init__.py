"""What delivery counts of itself: exported, journaled, forwarded, waiting and dropped."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sized
from dataclasses import dataclass, field
from typing import Final
from weakref import ref

from autogen_otel.delivery.fork import renew_after_fork

EXPORTED, JOURNALED, FORWARDED, DROPPED = "exported", "journaled", "forwarded", "dropped"


@dataclass(eq=False)
class Counts:
    """How many spans, data points and log records became what.

    Args:
        items: by what became of them, signal and (where they were dropped) reason, with spaces between.
    """

    items: Counter[str] = field(default_factory=Counter)

    def of(self, became: str) -> dict[str, int]:
        """Items that were ``exported``, ``journaled`` or ``forwarded``, by signal."""
        return {key.split()[1]: items for key, items in self.items.items() if key.startswith(f"{became} ")}

    def dropped(self) -> dict[str, dict[str, int]]:
        """Items that were dropped, by signal and reason."""
        found: dict[str, dict[str, int]] = {}
        for key, items in self.items.items():
            became, signal, *reason = key.split()
            if became == DROPPED:
                found.setdefault(signal, {})[" ".join(reason)] = items
        return found


class ProcessCounts(Counts):
    """The counts of a process, which begin anew in one that is forked: the parent reports its own."""

    def __init__(self) -> None:
        super().__init__()
        self._queues: list[tuple[str, ref[Sized]]] = []
        self._lock = threading.RLock()
        renew_after_fork(self)

    def add(self, became: str, signal: str, items: int, reason: str = "") -> None:
        """Count items of a signal; zero items make their time series known."""
        with self._lock:
            self.items[f"{became} {signal} {reason}".rstrip()] += items

    def drop(self, signal: str, reason: str, items: int) -> None:
        """Count items of a signal that were dropped."""
        self.add(DROPPED, signal, items, reason)

    def copy(self) -> Counts:
        """The counts at this moment."""
        with self._lock:
            return Counts(self.items.copy())

    def watch(self, signal: str, queue: Sized) -> None:
        """Know how much waits in a queue of a signal, as long as there is one."""
        with self._lock:
            self._queues.append((signal, ref(queue)))

    def queued(self) -> dict[str, int]:
        """How many items of each signal wait to be exported."""
        waiting: Counter[str] = Counter()
        with self._lock:
            queues = [(signal, reference()) for signal, reference in self._queues]
        for signal, queue in queues:
            waiting[signal] += 0 if queue is None else len(queue)
        return dict(waiting)

    def after_fork(self) -> None:
        """Start from zero; a thread of the parent may have held the lock."""
        self._lock = threading.RLock()
        self.items = Counter(dict.fromkeys(self.items, 0))


PROCESS: Final = ProcessCounts()
"""By the providers that this room has built in this process."""
