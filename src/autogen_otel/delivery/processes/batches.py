"""Spans and log records wait here until a thread exports them in batches.

The SDK's own processors start a thread in a forked process at once, even if that only starts another program;
they cannot be woken before a batch is full, and at the end they wait for an exporter that hangs.
Loads the SDK: import it only to build a provider.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Final, Protocol

from opentelemetry.context import attach, detach, set_value
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.trace import StatusCode

from autogen_otel.delivery import fork
from autogen_otel.delivery.counts import PROCESS, ProcessCounts
from autogen_otel.delivery.environment import positive, warn_once
from autogen_otel.delivery.processes import ending
from autogen_otel.delivery.processes.ending import STATE
from autogen_otel.delivery.threads import start_thread
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary.metrics import AFTER_SHUTDOWN, QUEUE_FULL, SPANS
from autogen_otel.vocabulary.spans import INVOKE_WORKFLOW

_LOGGER: Final = logging.getLogger("autogen_otel")
SUPPRESS_KEY: Final = "suppress_instrumentation"
_END_SECONDS: Final = 30.0
"""For exporters of other packages; ours take a second at most at the end of a process."""
_DELAY_MILLIS: Final = 1000
_QUEUE_LENGTH: Final = 2048
_BATCH_LENGTH: Final = 512
"""The SDK's defaults, but for the delay, which is a fifth of its own for spans: a process that is killed
loses what it has not exported yet."""


class Exporter(Protocol):
    """Exports batches of one signal; never raises."""

    def export(self, batch: Any, /) -> Any:
        """Export one batch."""

    def force_flush(self, timeout_millis: int = ..., /) -> bool:
        """Send what is buffered."""

    def shutdown(self) -> None:
        """End; later items are not sent any more, but may be kept."""


@dataclass(frozen=True)
class QueueLimits:
    """The bounds of a queue.

    Args:
        delay: seconds until the waiting items are exported.
        queue: how many items may wait; further ones push the oldest out.
        batch: how many items are exported at once.
    """

    delay: float
    queue: int
    batch: int

    @classmethod
    def of_environment(cls, prefix: str) -> QueueLimits:
        """Read the SDK's variables; a queue that is shorter than a batch is taken, where the SDK refuses it.

        Args:
            prefix: ``OTEL_BSP`` or ``OTEL_BLRP``, of the variables.
        """
        delay = positive(f"{prefix}_SCHEDULE_DELAY", _DELAY_MILLIS)
        queue = positive(f"{prefix}_MAX_QUEUE_SIZE", _QUEUE_LENGTH)
        batch = positive(f"{prefix}_MAX_EXPORT_BATCH_SIZE", _BATCH_LENGTH)
        if queue < batch:
            warn_once(
                f"{prefix}_MAX_QUEUE_SIZE is {queue}, less than a batch ({prefix}_MAX_EXPORT_BATCH_SIZE): "
                f"batches of {queue} are sent."
            )
        return cls(delay / 1000, queue, min(queue, batch))


class Batches:
    """A bounded queue of one signal's items, and the thread that exports them.

    The thread starts with the first item in a process, so that a fork starts none. Items that a full queue
    pushes out, and items that come after the shutdown, are counted.

    Args:
        exporter: of the items.
        limits: of the queue.
        signal: the name of the items.
        counts: where to count.

    Attributes:
        queue: newest first.
    """

    def __init__(
        self, exporter: Exporter, limits: QueueLimits, signal: str = SPANS, counts: ProcessCounts = PROCESS
    ) -> None:
        self.queue: deque[Any] = deque()
        self._exporter, self._limits, self._signal, self._counts = exporter, limits, signal, counts
        self._is_shut_down = self._is_over = self._is_late_logged = False
        counts.watch(signal, self.queue)
        counts.drop(signal, QUEUE_FULL, 0)
        self.after_fork()
        fork.renew_after_fork(self)

    def after_fork(self) -> None:
        """Leave the items to the parent, which exports them, and its locks, which may be held for ever."""
        self.queue.clear()
        self._export_lock, self._start_lock = threading.Lock(), threading.Lock()
        # Not an event, which has a lock: a signal may strike while this thread has it.
        self._wakes: SimpleQueue[None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def add(self, item: Any, *, at_once: bool = False) -> None:
        """Take an item.

        Args:
            item: what will be exported.
            at_once: whether it, and what waits with it, is exported without delay.
        """
        fork.notice()
        if self._thread is None:
            self._start()
        self.queue.appendleft(item)
        if len(self.queue) > self._limits.queue:
            self._push_out()
        if self._is_over:
            self._count_late()
            return
        is_near = STATE.is_near_end
        if is_near:
            STATE.has_news = True
        if (at_once or is_near or len(self.queue) >= self._limits.batch) and self._wakes.empty():
            self._wakes.put(None)

    def _push_out(self) -> None:
        """Drop the oldest item, and count it only if this thread removed it: others may do the same now."""
        with suppress(IndexError):
            self.queue.pop()
            self._counts.drop(self._signal, QUEUE_FULL, 1)

    def _count_late(self) -> None:
        """Count items that come after the shutdown, and say so once."""
        with suppress(IndexError):
            while True:
                self.queue.pop()
                self._counts.drop(self._signal, AFTER_SHUTDOWN, 1)
                if not self._is_late_logged:
                    self._is_late_logged = True
                    _LOGGER.warning(
                        "%s that end after their provider was shut down are dropped, and counted.",
                        self._signal.capitalize(),
                    )

    def flush(self) -> None:
        """Export the items that wait by now, however long it takes."""
        remaining = len(self.queue)
        with self._export_lock:
            # Items that are added meanwhile are exported later: this has to end.
            while remaining > 0 and self.queue:
                remaining -= self._export()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Export the items that wait by now, and say whether that was done in time."""
        if self._is_shut_down:
            return True
        is_done = ending.within(timeout_millis / 1000, self.flush)
        # Older SDKs' exporters that have nothing to send return nothing.
        return is_done and self._exporter.force_flush(timeout_millis) is not False

    def shutdown(self) -> None:
        """Export the remaining items; an exporter that can hurry does not wait for a dead endpoint."""
        if self._is_shut_down:
            return
        self._is_shut_down = True
        hurry = getattr(self._exporter, "hurry", None)
        if hurry is not None:
            hurry()
        self._wakes.put(None)
        if self._thread is not None:
            self._thread.join(_END_SECONDS)
        else:
            # None could be started: the system has no more, or the interpreter ends.
            self.flush()
        self._exporter.shutdown()
        remaining = len(self.queue)
        while remaining > 0 and self.queue:
            remaining -= self._export()
        self._is_over = True
        # Items that came meanwhile.
        self._count_late()

    def _start(self) -> None:
        if self._is_shut_down:
            return
        # Do not wait for the lock: a signal or the garbage collector may have ended a span in this very code.
        if not self._start_lock.acquire(blocking=False):
            return
        try:
            if self._thread is None:
                ending.begin()
                # Where none starts, the next item tries again.
                self._thread = start_thread("export", self._work)
        finally:
            self._start_lock.release()

    def _work(self) -> None:
        wakes = self._wakes
        prepare = getattr(self._exporter, "prepare", None)
        if prepare is not None:
            prepare()
        while not self._is_shut_down:
            with suppress(Empty):
                wakes.get(timeout=self._limits.delay)
            self.flush()
        self.flush()

    def _export(self) -> int:
        """Export one batch, and return how many items it had."""
        # A full queue may push out its oldest item at any time, so that there may be fewer than counted.
        batch: list[Any] = []
        try:
            while len(batch) < self._limits.batch:
                batch.append(self.queue.pop())
        except IndexError:
            pass
        token = attach(set_value(SUPPRESS_KEY, True))
        try:
            self._exporter.export(batch)
        except Exception as error:  # noqa: BLE001 - another package's exporter: the next batch may go
            _LOGGER.warning("A batch could not be exported: %s.", type(error).__name__)
        finally:
            detach(token)
        return len(batch)


class SpanBatches(Batches, SpanProcessor):
    """Exports the spans that have ended; a conversation that failed is on its way at once."""

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span that has ended."""
        context = span.context
        if context is not None and context.trace_flags.sampled:
            is_outermost = (parent := span.parent) is None or parent.is_remote
            is_conversation = is_outermost or span.name.startswith(INVOKE_WORKFLOW)
            self.add(span, at_once=is_conversation and _has_failure(span))


def _has_failure(span: ReadableSpan) -> bool:
    """Whether the conversation of a span failed, or something in it."""
    has_failed = span.status.status_code is StatusCode.ERROR
    return has_failed or bool((span.attributes or {}).get(names.ERRORS_HANDLED))
