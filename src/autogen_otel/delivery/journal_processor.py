"""Copies of conversations in the journal. Loads the SDK: import it only where there is a provider."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.trace import StatusCode

from autogen_otel.delivery import fork
from autogen_otel.delivery.counts import PROCESS
from autogen_otel.delivery.journal import Kind, NoFolderError
from autogen_otel.delivery.processes import beside
from autogen_otel.delivery.processes.batches import Limits, SpanBatches
from autogen_otel.delivery.spans import JournaledSpanExporter, journal_of
from autogen_otel.settings import FAILING, Settings
from autogen_otel.vocabulary.metrics import NOT_DELIVERED, SPANS
from autogen_otel.vocabulary.spans import SCOPE

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span

_LOGGER = logging.getLogger("autogen_otel")
_MOST_HELD: Final = 4096
"""Ended spans of conversations of which it is not known yet whether they are kept."""
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
        self._held = Held(only_failing=settings.journal == FAILING)
        # Of an endpoint's exporter that notes too, spans are still to be exported.
        is_alone = beside.kept() is None
        PROCESS.drop(SPANS, NOT_DELIVERED, 0)
        if not settings.keeps_journal:
            return
        try:
            journal = journal_of(settings)
        except NoFolderError as error:
            _LOGGER.warning("No conversations are kept: %s.", error)
            return
        noted = beside.keep(journal).in_flight
        if noted is not None and is_alone:
            self._held.left_out = noted.exported
        exporter = JournaledSpanExporter(None, journal, PROCESS, kind=Kind.KEPT, in_flight=noted)
        self._batches = SpanBatches(exporter, Limits.of_environment("OTEL_BSP"))

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002 - the SDK's
        """Note that a span of its trace is open."""
        if fork.is_untold():
            fork.begin_anew()
        if self._batches is not None and span.context is not None:
            self._keep(self._held.started(span.context.trace_id, is_ours=_is_ours(span)))

    def on_end(self, span: ReadableSpan) -> None:
        """Hold the span, or keep it and what was held for it."""
        if self._batches is not None and span.context is not None:
            self._keep(self._held.ended(span.context.trace_id, span, is_ours=_is_ours(span)))

    def shutdown(self) -> None:
        """Write what is kept."""
        if self._batches is not None:
            self._batches.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Write what is kept so far.

        Args:
            timeout_millis: how long to wait for it.
        """
        return self._batches is None or self._batches.force_flush(timeout_millis)

    def _keep(self, spans: Sequence[ReadableSpan]) -> None:
        if self._batches is not None:
            for span in spans:
                self._batches.on_end(span)


class Held:
    """Ended spans by trace, until it is known whether the trace is kept.

    Args:
        only_failing: whether a trace is kept only if something failed in it.

    Attributes:
        left_out: told the spans of a trace that has ended and is not kept.
    """

    def __init__(self, *, only_failing: bool) -> None:
        self.only_failing = only_failing
        self.left_out: Callable[[Sequence[ReadableSpan]], object] = lambda _spans: None
        self.after_fork()
        fork.renew_after_fork(self)

    def after_fork(self) -> None:
        """Leave to the parent what it holds."""
        self._lock = threading.Lock()
        self._news: deque[tuple[int, bool, ReadableSpan | None]] = deque()
        self._traces: dict[int, _Trace] = {}
        self._count = 0

    def started(self, trace_id: int, *, is_ours: bool) -> Sequence[ReadableSpan]:
        """Note that a span of a trace is open; return the spans that are to be kept now."""
        self._news.append((trace_id, is_ours, None))
        return self.settle()

    def ended(self, trace_id: int, span: ReadableSpan, *, is_ours: bool) -> Sequence[ReadableSpan]:
        """Hold a span that has ended; return the spans that are to be kept now."""
        self._news.append((trace_id, is_ours, span))
        return self.settle()

    def settle(self) -> Sequence[ReadableSpan]:
        """Deal with the spans that have begun or ended; return those that are to be kept now."""
        released: list[ReadableSpan] = []
        # Not waited for: a signal or the garbage collector may have ended a span in the middle of this. Then
        # whoever is here already deals with that one too.
        while self._news and self._lock.acquire(blocking=False):
            try:
                while self._news:
                    trace_id, is_ours, span = self._news.popleft()
                    if span is None:
                        released += self._started(trace_id, is_ours=is_ours)
                    else:
                        released += self._ended(trace_id, span, is_ours=is_ours)
            finally:
                self._lock.release()
        return released

    def _started(self, trace_id: int, *, is_ours: bool) -> Sequence[ReadableSpan]:
        trace = self._traces.get(trace_id)
        if trace is None:
            trace = self._traces[trace_id] = _Trace()
            if len(self._traces) > _MOST_TRACES:
                self._count -= len(self._traces.pop(next(iter(self._traces))).spans)
        trace.open_spans += 1
        trace.is_ours = trace.is_ours or is_ours
        return self._released(trace)

    def _ended(self, trace_id: int, span: ReadableSpan, *, is_ours: bool) -> Sequence[ReadableSpan]:
        # A span that began before this processor was there was not counted.
        trace = self._traces.pop(trace_id, None) or _Trace(open_spans=1)
        trace.open_spans -= 1
        trace.is_ours = trace.is_ours or is_ours
        trace.has_failed = trace.has_failed or span.status.status_code is StatusCode.ERROR
        trace.spans.append(span)
        self._count += 1
        released = self._released(trace)
        if trace.open_spans > 0:
            # Put in again as the last: the first is the one longest without news.
            self._traces[trace_id] = trace
        else:
            self._count -= len(trace.spans)
            self.left_out(trace.spans)
        if self._count > _MOST_HELD:
            released = [*released, *self._overflow()]
        return released

    def _released(self, trace: _Trace) -> Sequence[ReadableSpan]:
        """What a trace holds, if it is kept; from then on it holds nothing."""
        if not trace.is_kept:
            trace.is_kept = trace.is_ours and (trace.has_failed or not self.only_failing)
        if not trace.is_kept or not trace.spans:
            return ()
        spans, trace.spans = trace.spans, []
        self._count -= len(spans)
        return spans

    def _overflow(self) -> Sequence[ReadableSpan]:
        """What the trace holds that is longest without news; it may fail yet, so it is kept if it is ours."""
        trace = next(trace for trace in self._traces.values() if trace.spans)
        spans, trace.spans = trace.spans, []
        self._count -= len(spans)
        trace.is_kept = trace.is_ours
        return spans if trace.is_kept else ()


class _Trace:
    __slots__ = ("has_failed", "is_kept", "is_ours", "open_spans", "spans")

    def __init__(self, open_spans: int = 0) -> None:
        self.open_spans = open_spans
        self.is_ours = self.has_failed = self.is_kept = False
        self.spans: list[ReadableSpan] = []


def has_processor(provider: TracerProvider) -> bool:
    """Whether a provider has a ``JournalProcessor``, be it one of an earlier import of this module."""
    composite = getattr(provider, "_active_span_processor", None)
    return any(
        (kind.__module__, kind.__qualname__) == (JournalProcessor.__module__, JournalProcessor.__qualname__)
        for each in getattr(composite, "_span_processors", ())
        for kind in type(each).__mro__
    )


def keep_copies(provider: TracerProvider, settings: Settings) -> None:
    """Add a ``JournalProcessor`` to a provider, unless it has one."""
    if not has_processor(provider):
        provider.add_span_processor(JournalProcessor(settings))


def _is_ours(span: ReadableSpan) -> bool:
    return span.instrumentation_scope is not None and span.instrumentation_scope.name == SCOPE
