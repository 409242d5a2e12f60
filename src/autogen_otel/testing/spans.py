"""The spans of a test, as ``autogen-otel show`` reads them, and the failures that the test did not see."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from opentelemetry._logs import NoOpLoggerProvider
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from autogen_otel import instrumentation
from autogen_otel.delivery.journal.writing import line_of
from autogen_otel.delivery.spans import encodable_span
from autogen_otel.diagnosis.evidence.occurrence import Effect, Occurrence
from autogen_otel.diagnosis.evidence.population import Population
from autogen_otel.diagnosis.roots import roots_of
from autogen_otel.traces.failures import stack_of, what_was_raised
from autogen_otel.traces.formats.otlp import spans_of
from autogen_otel.traces.stacktrace import raising_user_frame
from autogen_otel.traces.trace import Span, Trace, by_trace
from autogen_otel.vocabulary.causes import CAUSES

_INDENT = "  "


class AutoGenSpans(Sequence[Span]):
    """The spans that have ended so far, in the order in which they began.

    Each has ``name``, ``operation`` (``chat``, ``execute_tool`` …), ``attributes``, ``failed``,
    ``status_message``, ``exception`` and ``events``.
    """

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()

    def __len__(self) -> int:
        return len(self._spans)

    def __getitem__(self, index: Any) -> Any:
        return self._spans[index]

    def __iter__(self) -> Iterator[Span]:
        return iter(self._spans)

    def named(self, beginning: str) -> list[Span]:
        """The spans whose name begins so: ``execute_tool lookup``, ``chat``, ``POST``."""
        return [span for span in self if span.name.startswith(beginning)]

    def tree(self) -> str:
        """All spans as indented text, for people: a line each, with FAILED and why."""
        return "\n".join(
            f"{_INDENT * depth}{_line(span)}" for trace in self._traces() for span, depth in trace.walk()
        )

    def hidden_failures(self, allow: Collection[str] = ()) -> list[str]:
        """A line for each failure that ended in no exception: AutoGen or the SDK went on in spite of it.

        Args:
            allow: causes that are no matter: ``rate_limit``, ``tool_exception`` ….

        Raises:
            ValueError: there is no such cause.
        """
        allow = {allow} if isinstance(allow, str) else set(allow)
        if not allow <= set(CAUSES):
            unknown = ", ".join(sorted(allow - set(CAUSES)))
            raise ValueError(f"no cause is called {unknown}; there are {', '.join(CAUSES)}")
        failures = sorted(roots_of(Population.of(self)), key=lambda failure: failure.time_ns)
        return [
            self._describe(failure)
            for failure in failures
            if failure.effect is not Effect.ENDED and failure.cause not in allow
        ]

    def _describe(self, failure: Occurrence) -> str:
        span = next(span for span in self if span.span_id == failure.span_id)
        times = f", {failure.attempts} times" if failure.attempts > 1 else ""
        return f"{failure.cause} in {span.name}{_why(span)}; {failure.effect.value}{times}"

    @property
    def _spans(self) -> list[Span]:
        # Through the journal's encoder, so that they are what the commands read.
        line = line_of([encodable_span(span)[0] for span in self._exporter.get_finished_spans()])
        spans = (span for span in spans_of(json.loads(line)) if isinstance(span, Span))
        return sorted(spans, key=lambda span: (span.start_ns, -span.end_ns))

    def _traces(self) -> list[Trace]:
        return list(map(Trace.of, by_trace(self).values()))

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record here what AutoGen does, and nowhere else; afterwards all is as it was."""
        provider = TracerProvider(resource=Resource({"service.name": "tests"}), shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        providers = instrumentation.Providers(
            tracer_provider=provider,
            meter_provider=NoOpMeterProvider(),
            logger_provider=NoOpLoggerProvider(),
        )
        with instrumentation.temporary_providers(providers):
            yield


def _line(span: Span) -> str:
    return f"{span.name}{' FAILED' if span.failed else ''}{_why(span) if span.failed else ''}"


def _why(span: Span) -> str:
    message, frame = what_was_raised(span), raising_user_frame(stack_of(span.exception))
    return (f": {message}" if message else "") + (f" ({frame.location})" if frame is not None else "")
