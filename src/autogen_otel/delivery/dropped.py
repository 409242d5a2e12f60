"""What was dropped so far, by signal and reason: the metric ``autogen.telemetry.dropped``."""

from __future__ import annotations

import threading
from collections import Counter, deque
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import WeakSet

from autogen_otel.delivery.fork import in_child
from autogen_otel.vocabulary.metrics import (
    INTERNAL_ERROR,
    QUEUE_FULL,
    SPANS,
    TELEMETRY_DROPPED,
    TELEMETRY_REASON,
    TELEMETRY_SIGNAL,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.metrics import CallbackOptions, Meter, Observation

    Processor = TypeVar("Processor")


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


def count_overflow(processor: Processor, signal: str, dropped: Dropped) -> Processor:
    """Have a new batch processor count what its full queue pushes out, which the SDK only warns about.

    A processor without such a queue is left as it is.
    """
    # Since SDK 1.33 the queue is in a part that spans and logs share.
    holder = getattr(processor, "_batch_processor", processor)
    for name in ("_queue", "queue"):
        queue = getattr(holder, name, None)
        if isinstance(queue, deque) and queue.maxlen:
            count = partial(dropped.add, signal, QUEUE_FULL)
            setattr(holder, name, _CountingQueue(queue.maxlen, count))
            count(0)
    return processor


_OBSERVED: Final[WeakSet[Meter]] = WeakSet()
_OBSERVED_LOCK: Final = threading.Lock()


def observe_dropped(meter: Meter, internal_errors: Callable[[], int]) -> None:
    """Make ``autogen.telemetry.dropped`` an instrument of the meter; a second call does nothing.

    Of providers that others built, only our own errors are known.

    Args:
        meter: the meter that reports it.
        internal_errors: how often something could not be observed, because of an error of our own.
    """
    from opentelemetry.metrics import Observation  # noqa: PLC0415 - importing this room has to stay cheap

    def observe(_options: CallbackOptions) -> Iterator[Observation]:
        counts = {(SPANS, INTERNAL_ERROR): internal_errors(), **PROCESS.counts()}
        for (signal, reason), items in counts.items():
            yield Observation(items, {TELEMETRY_SIGNAL: signal, TELEMETRY_REASON: reason})

    with _OBSERVED_LOCK:
        if meter in _OBSERVED:
            return
        _OBSERVED.add(meter)
    meter.create_observable_counter(
        TELEMETRY_DROPPED.name,
        [observe],
        unit=TELEMETRY_DROPPED.unit,
        description=TELEMETRY_DROPPED.description,
    )
