"""What was dropped so far, by signal and reason: the metric ``autogen.telemetry.dropped``."""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from autogen_otel.delivery.counts.delivered import PROCESS as DELIVERED
from autogen_otel.delivery.fork import in_child
from autogen_otel.vocabulary.metrics import AFTER_SHUTDOWN, QUEUE_FULL

if TYPE_CHECKING:
    from collections.abc import Callable

    Processor = TypeVar("Processor")


_LOGGER: Final = logging.getLogger("autogen_otel")


class Dropped:
    """Counts the spans, data points and log records that were dropped."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, signal: str, reason: str, items: int) -> None:
        """Count items of a signal; zero items make their time series known."""
        with self._lock:
            self._counts[signal, reason] += items

    def counts(self) -> dict[tuple[str, str], int]:
        """Items by signal and reason."""
        with self._lock:
            return dict(self._counts)

    def after_fork(self) -> None:
        """Start from zero: the parent reports what the parent dropped, and it may have held the lock."""
        self._lock = threading.Lock()
        with self._lock:
            self._counts = Counter(dict.fromkeys(self._counts, 0))


PROCESS: Final = Dropped()
"""By the providers that this room has built in this process."""
in_child(PROCESS.after_fork)


class _CountingQueue(deque[Any]):
    """A bounded queue that counts what it pushes out when it is full."""

    def __init__(self, max_length: int, count: Callable[[int], None]) -> None:
        super().__init__(maxlen=max_length)
        self._count = count

    def appendleft(self, item: Any) -> None:
        if len(self) == self.maxlen:
            self._count(1)
        super().appendleft(item)


class _Late:
    """Counts what comes after a processor was shut down, and says so once."""

    def __init__(self, signal: str, dropped: Dropped) -> None:
        self._signal, self._dropped, self._is_said = signal, dropped, False

    def __call__(self) -> None:
        self._dropped.add(self._signal, AFTER_SHUTDOWN, 1)
        if not self._is_said:
            self._is_said = True
            _LOGGER.warning(
                "%s that end after their provider was shut down are dropped, and counted.",
                self._signal.capitalize(),
            )


def count_lost(processor: Processor, signal: str, dropped: Dropped) -> Processor:
    """Have a new batch processor count what its full queue pushes out, which the SDK only warns about.

    What waits in the queue is known from then on, too. One of ours counts also what comes after its shutdown.

    A processor without such a queue is left as it is.
    """
    # Since SDK 1.33 the queue is in a part that spans and logs share.
    holder = getattr(processor, "_batch_processor", processor)
    for name in ("_queue", "queue"):
        queue = getattr(holder, name, None)
        if isinstance(queue, deque) and queue.maxlen:
            count = partial(dropped.add, signal, QUEUE_FULL)
            counting = _CountingQueue(queue.maxlen, count)
            setattr(holder, name, counting)
            DELIVERED.watch(signal, counting)
            count(0)
            if hasattr(processor, "late"):
                processor.late = _Late(signal, dropped)
    return processor
