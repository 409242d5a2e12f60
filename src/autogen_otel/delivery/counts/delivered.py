"""What was exported, journaled and forwarded so far, and what waits: the metrics ``autogen.telemetry.*``."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sized
from typing import TYPE_CHECKING, Final
from weakref import ref

from autogen_otel.delivery.fork import in_child

if TYPE_CHECKING:
    from autogen_otel.vocabulary.metrics import Metric


class Delivered:
    """Counts spans and log records by what became of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._queues: list[tuple[str, ref[Sized]]] = []

    def add(self, metric: Metric, signal: str, items: int) -> None:
        """Count items of a signal; zero items make their time series known."""
        with self._lock:
            self._counts[metric.name, signal] += items

    def watch(self, signal: str, queue: Sized) -> None:
        """Know how much waits in a queue of a signal, as long as there is one."""
        with self._lock:
            self._queues.append((signal, ref(queue)))

    def counts(self, metric: Metric) -> dict[str, int]:
        """Items by signal."""
        with self._lock:
            return {signal: items for (name, signal), items in self._counts.items() if name == metric.name}

    def queued(self) -> dict[str, int]:
        """How many items of each signal wait to be exported."""
        with self._lock:
            waiting: Counter[str] = Counter()
            for signal, reference in self._queues:
                queue = reference()
                waiting[signal] += 0 if queue is None else len(queue)
            return dict(waiting)

    def after_fork(self) -> None:
        """Start from zero: the parent reports what the parent delivered, and it may have held the lock."""
        self._lock = threading.Lock()
        with self._lock:
            self._counts = Counter(dict.fromkeys(self._counts, 0))


PROCESS: Final = Delivered()
"""By the providers that this room has built in this process."""
in_child(PROCESS.after_fork)
