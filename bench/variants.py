"""Who observes the conversation: nobody, hand-written spans, or autogen-otel, all with the same exporter."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, DEFAULT_ON

import autogen_otel
from autogen_otel import Settings
from bench import by_hand
from bench.workloads import Workload

NOBODY, BY_HAND, OURS = "no spans", "hand-written spans", "autogen-otel"
VARIANTS = (NOBODY, BY_HAND, OURS)


class Counting(SpanExporter):
    """Counts spans and forgets them."""

    count = 0

    def export(self, spans: Any) -> SpanExportResult:
        """Count a batch."""
        self.count += len(spans)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing to end."""


@contextlib.contextmanager
def observed(variant: str, workload: Workload, *, queued: bool = False) -> Iterator[Counting]:
    """Be observed for one ``with`` block; nobody reads metrics, so none are measured.

    Args:
        variant: by whom.
        workload: says whether the content of messages is recorded, and whether the conversation is sampled.
        queued: whether another thread exports the spans, as in production.
    """
    exporter = Counting()
    provider = TracerProvider(DEFAULT_ON if workload.is_sampled else ALWAYS_OFF, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter) if queued else SimpleSpanProcessor(exporter))
    with contextlib.ExitStack() as stack:
        stack.callback(provider.shutdown)
        if variant == BY_HAND:
            stack.enter_context(by_hand.attached(provider.get_tracer("bench"), content=workload.content))
        elif variant == OURS:
            content = "SPAN_ONLY" if workload.content else "NO_CONTENT"
            autogen_otel.instrument(
                tracer_provider=provider,
                meter_provider=NoOpMeterProvider(),
                settings=Settings(capture_message_content=content),
            )
            stack.callback(autogen_otel.uninstrument)
        yield exporter
