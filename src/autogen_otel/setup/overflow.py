"""Counts what the SDK's queues push out when they are full, which the SDK itself only warns about."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from autogen_otel.vocabulary.metrics import LOGS, QUEUE_FULL, SPANS

if TYPE_CHECKING:
    from autogen_otel.setup.losses import Losses


class _Overflow:
    """Looks at a batch processor's queue; it has to be told of an item before that processor is.

    Args:
        processor: the batch processor; one that keeps no such queue is not counted.
        losses: where to count.
        signal: what is queued.
    """

    def __init__(self, processor: object, losses: Losses, signal: str) -> None:
        self._queue = queue_of(processor)
        self._losses, self._signal = losses, signal
        if self._queue is not None:
            losses.add(signal, QUEUE_FULL, 0)

    def note(self) -> None:
        """Count the item that the coming one will push out, if it will."""
        if self._queue is not None and len(self._queue) == self._queue.maxlen:
            self._losses.add(self._signal, QUEUE_FULL, 1)


def queue_of(processor: object) -> deque[Any] | None:
    """Return a batch processor's queue: since SDK 1.33 it is in a part that spans and logs share."""
    holder = getattr(processor, "_batch_processor", processor)
    for name in ("_queue", "queue"):
        queue = getattr(holder, name, None)
        if isinstance(queue, deque) and queue.maxlen:
            return queue
    return None


class SpanOverflow(SpanProcessor):
    """Counts spans that a batch processor is about to push out; add it before that processor.

    Args:
        processor: the batch processor.
        losses: where to count.
    """

    def __init__(self, processor: object, losses: Losses) -> None:
        self._overflow = _Overflow(processor, losses, SPANS)

    def on_end(self, span: ReadableSpan) -> None:
        """Look at the queue, if the span is going to be queued."""
        if span.context is not None and span.context.trace_flags.sampled:
            self._overflow.note()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the SDK's signature
        """Nothing to flush; without a yes older SDKs would not flush the processor behind."""
        return True


class LogOverflow:
    """Counts log records that a batch processor is about to push out; add it before that processor.

    It is no subclass of the SDK's processor, because that one's methods have other names in other versions.

    Args:
        processor: the batch processor.
        losses: where to count.
    """

    def __init__(self, processor: object, losses: Losses) -> None:
        self._overflow = _Overflow(processor, losses, LOGS)

    def on_emit(self, _record: object) -> None:
        """Look at the queue."""
        self._overflow.note()

    emit = on_emit

    def enabled(self, **_asked: object) -> bool:
        """Whether any record is wanted here."""
        return True

    def shutdown(self) -> None:
        """Nothing to release."""

    def force_flush(self, _timeout_millis: int = 30_000) -> bool:
        """Nothing to flush; without a yes older SDKs would not flush the processor behind."""
        return True
