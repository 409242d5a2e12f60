"""Copies of conversations in the journal. Loads the SDK: import it only where there is a provider."""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.trace import StatusCode

from autogen_otel.delivery import fork
from autogen_otel.delivery.counts import PROCESS
from autogen_otel.delivery.journal import Kind, NoFolderError
from autogen_otel.delivery.processes import process_files
from autogen_otel.delivery.processes.batches import QueueLimits, SpanBatches
from autogen_otel.delivery.processes.ending import STATE
from autogen_otel.delivery.spans import JournaledSpanExporter, journal_of
from autogen_otel.settings import FAILING, Settings
from autogen_otel.vocabulary.metrics import NOT_DELIVERED, SPANS
from autogen_otel.vocabulary.spans import SCOPE

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span

    from autogen_otel.delivery.processes.in_flight import InFlight

_LOGGER = logging.getLogger("autogen_otel")
_MOST_WAITING: Final = 4096
"""Ended spans that wait until it is known whether their conversation is kept."""
_MOST_TRACES: Final = 4096
"""Traces with an open span; a program may begin spans that it never ends."""


class JournalProcessor(SpanProcessor):
    """Keeps conversations in the journal, for a tracer provider of the application's own.

    ``provider.add_span_processor(autogen_otel.JournalProcessor())``; then ``autogen-otel show`` and
    ``diagnose`` read them, wherever else the provider exports to. Traces without an AutoGen conversation are
    not kept. Where there is no folder for a journal, it says so in a warning and keeps nothing.

    Args:
        settings: ``journal`` says whether it keeps each conversation or, with ``failing``, those in which
            something failed; what they do not say is read from the ``AUTOGEN_OTEL_*`` variables.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        settings = Settings() if settings is None else settings
        self._batches: SpanBatches | None = None
        self._only_failing = settings.journal == FAILING
        self._in_flight: InFlight | None = None
        # Where an endpoint's exporter writes to the same notes, it still has to export the spans.
        is_alone = STATE.process_files is None
        PROCESS.drop(SPANS, NOT_DELIVERED, 0)
        self.after_fork()
        fork.renew_after_fork(self)
        if not settings.keeps_journal:
            return
        try:
            journal = journal_of(settings)
        except NoFolderError as error:
            _LOGGER.warning("No conversations are kept: %s.", error)
            return
        in_flight = process_files.keep(journal).in_flight
        self._in_flight = in_flight if is_alone else None
        exporter = JournaledSpanExporter(None, journal, PROCESS, kind=Kind.KEPT, in_flight=in_flight)
        self._batches = SpanBatches(exporter, QueueLimits.of_environment("OTEL_BSP"))

    def after_fork(self) -> None:
        """Leave the spans that wait for the end of their trace to the parent."""
        self._lock = threading.Lock()
        self._events: deque[tuple[int, ReadableSpan, bool]] = deque()
        self._traces: dict[int, _Trace] = {}
        self._waiting_count = 0

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002 - the SDK's
        """Note that a span of its trace is open."""
        fork.notice()
        self._note(span, has_ended=False)

    def on_end(self, span: ReadableSpan) -> None:
        """Let the span wait, or keep it and the spans of its trace that wait."""
        self._note(span, has_ended=True)

    def shutdown(self) -> None:
        """Write the spans that are kept."""
        if self._batches is not None:
            self._batches.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Write the spans that are kept so far.

        Args:
            timeout_millis: how long to wait for it.
        """
        return self._batches is None or self._batches.force_flush(timeout_millis)

    def _note(self, span: ReadableSpan, *, has_ended: bool) -> None:
        if self._batches is None or span.context is None:
            return
        self._events.append((span.context.trace_id, span, has_ended))
        spans_to_keep: list[ReadableSpan] = []
        # Do not wait for the lock: a signal or the garbage collector may have ended a span in the middle of
        # this. Whoever has the lock then handles that span too.
        while self._events and self._lock.acquire(blocking=False):
            try:
                while self._events:
                    spans_to_keep += self._update_trace(*self._events.popleft())
            finally:
                self._lock.release()
        for kept_span in spans_to_keep:
            self._batches.on_end(kept_span)

    def _update_trace(self, trace_id: int, span: ReadableSpan, has_ended: bool) -> list[ReadableSpan]:
        """Return the spans that are to be kept now, because a span of their trace has begun or ended."""
        trace = self._traces.pop(trace_id, None) or _Trace()
        trace.is_ours = trace.is_ours or _is_ours(span)
        if has_ended:
            # A span that began before this processor was there was not counted.
            trace.open_spans = max(trace.open_spans - 1, 0)
            trace.has_failed = trace.has_failed or span.status.status_code is StatusCode.ERROR
            trace.spans.append(span)
            self._waiting_count += 1
        else:
            trace.open_spans += 1
        trace.is_kept = trace.is_kept or (trace.is_ours and (trace.has_failed or not self._only_failing))
        spans_to_keep = self._take_spans(trace) if trace.is_kept else []
        if trace.open_spans:
            # Inserted again as the last: the first is the one without an event for the longest time.
            self._traces[trace_id] = trace
        else:
            skipped_spans = self._take_spans(trace)
            if self._in_flight is not None:
                self._in_flight.note_exported(skipped_spans)
        if len(self._traces) > _MOST_TRACES:
            self._take_spans(self._traces.pop(next(iter(self._traces))))
        if self._waiting_count > _MOST_WAITING:
            # The trace may still fail, so it is kept if it is ours.
            oldest = next(trace for trace in self._traces.values() if trace.spans)
            oldest.is_kept = oldest.is_ours
            oldest_spans = self._take_spans(oldest)
            spans_to_keep += oldest_spans if oldest.is_kept else []
        return spans_to_keep

    def _take_spans(self, trace: _Trace) -> list[ReadableSpan]:
        """Remove the waiting spans from a trace and return them."""
        spans, trace.spans = trace.spans, []
        self._waiting_count -= len(spans)
        return spans


@dataclass(slots=True)
class _Trace:
    """The spans of a trace that have ended, until it is known whether the trace is kept."""

    open_spans: int = 0
    is_ours: bool = False
    has_failed: bool = False
    is_kept: bool = False
    spans: list[ReadableSpan] = field(default_factory=list)


def has_processor(provider: TracerProvider) -> bool:
    """Whether a provider has a ``JournalProcessor``, be it one of an earlier import of this module."""
    composite = getattr(provider, "_active_span_processor", None)
    return any(
        (kind.__module__, kind.__qualname__) == (JournalProcessor.__module__, JournalProcessor.__qualname__)
        for processor in getattr(composite, "_span_processors", ())
        for kind in type(processor).__mro__
    )


def keep_copies(provider: TracerProvider, settings: Settings) -> None:
    """Add a ``JournalProcessor`` to a provider, unless it has one."""
    if not has_processor(provider):
        provider.add_span_processor(JournalProcessor(settings))


def _is_ours(span: ReadableSpan) -> bool:
    return span.instrumentation_scope is not None and span.instrumentation_scope.name == SCOPE
