"""AutoGen instrumented for a test, with its telemetry kept in memory, and how to read that."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from opentelemetry.instrumentation.threading import ThreadingInstrumentor
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

import autogen_otel

EVERYTHING = autogen_otel.Settings(capture_message_content="SPAN_AND_EVENT")
"""All that can be recorded, for tests of what must hold whatever is."""

THREADING = pytest.mark.parametrize("threading_too", [False, True], ids=["alone", "with OpenTelemetry's"])
"""For tests that hold with and without OpenTelemetry's own instrumentation of threads."""

_IN_TREES = (
    "http.response.status_code",
    "autogen.config.index",
    "autogen.cache.hit",
    "autogen.helper.role",
    "autogen.tool.arguments.problems",
    "autogen.errors.handled",
)


@dataclass(frozen=True)
class Point:
    """One measured series.

    Args:
        labels: its attributes.
        count: measurements of a histogram; sum of a counter.
        total: sum of both.
        traces: trace ids of its exemplars.
        bounds: upper bounds of a histogram's buckets.
    """

    labels: dict[str, Any]
    count: float
    total: float
    traces: frozenset[int]
    bounds: tuple[float, ...]


class LogRecords(LogRecordProcessor):
    """Keeps log records; older and newer SDKs hand them over under different names.

    Attributes:
        data: what was handed over, as an exporter gets it.
    """

    def __init__(self) -> None:
        self.data: list[Any] = []

    def on_emit(self, log_record: Any) -> None:
        self.data.append(log_record)

    emit = on_emit

    def shutdown(self) -> None:
        """Nothing to close."""

    def force_flush(self, timeout_millis: int = 0) -> bool:
        return True

    @property
    def records(self) -> list[Any]:
        """The records alone."""
        return [item.log_record for item in self.data]

    @property
    def provider(self) -> LoggerProvider:
        """A provider whose records are kept here."""
        provider = LoggerProvider(resource=Resource({"service.name": "test"}), shutdown_on_exit=False)
        provider.add_log_record_processor(self)
        return provider


class Telemetry:
    """Providers that keep spans and measurements."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        # Given, since the SDK would look through all that is installed for what else describes the process.
        resource = Resource({"service.name": "test"})
        self.provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self._reader = InMemoryMetricReader()
        self.meter_provider = MeterProvider([self._reader], resource, shutdown_on_exit=False)

    @property
    def spans(self) -> list[ReadableSpan]:
        """Ended spans in the order in which they started."""
        return sorted(self._exporter.get_finished_spans(), key=lambda span: span.start_time or 0)

    def named(self, prefix: str) -> list[ReadableSpan]:
        """Spans whose name begins so."""
        return [span for span in self.spans if span.name.startswith(prefix)]

    def one(self, prefix: str) -> ReadableSpan:
        """The only span whose name begins so."""
        (span,) = self.named(prefix)
        return span

    @property
    def points(self) -> dict[str, list[Point]]:
        """All series by metric; exemplars are given only once, as to an exporter."""
        data = self._reader.get_metrics_data()
        scopes = [] if data is None else data.resource_metrics[0].scope_metrics
        return {
            metric.name: [_point(data_point) for data_point in metric.data.data_points]
            for scope in scopes
            for metric in scope.metrics
        }

    def points_of(self, name: str, **labels: Any) -> list[Point]:
        """The series of a metric that have these labels, given by the last part of their key or the whole."""
        return [
            point for point in self.points.get(name, ()) if labels.items() <= _short(point.labels).items()
        ]

    @property
    def trace_ids(self) -> set[int]:
        """The traces that the spans belong to."""
        return {span.context.trace_id for span in self.spans if span.context}

    @contextmanager
    def request(self) -> Iterator[None]:
        """A span of the application around what it asks of AutoGen: ``trees.below_the_request``."""
        with self.provider.get_tracer("app").start_as_current_span("request"):
            yield

    def tree(self, *also: str) -> str:
        """All traces as indented text: name, kind of failure, some telling attributes and those asked for."""
        return "\n".join(self._lines(None, 0, also))

    def children(self, parent: ReadableSpan) -> list[ReadableSpan]:
        """Spans directly below, in start order."""
        return [span for span in self.spans if _parent(span) == _id(parent)]

    def clear(self) -> None:
        """Forget what was exported so far."""
        self._exporter.clear()

    def _lines(self, parent: int | None, depth: int, also: tuple[str, ...]) -> Iterator[str]:
        ids = {_id(span) for span in self.spans}
        for span in self.spans:
            parent_id = _parent(span)
            if parent_id == parent or (parent is None and parent_id not in ids):
                yield "  " * depth + line(span, also)
                yield from self._lines(_id(span), depth + 1, also)


@contextmanager
def instrumented(settings: autogen_otel.Settings | None = None, **providers: Any) -> Iterator[Telemetry]:
    """AutoGen instrumented inside the block, with its spans and measurements kept in memory."""
    telemetry = Telemetry()
    report = autogen_otel.instrument(
        tracer_provider=telemetry.provider,
        meter_provider=telemetry.meter_provider,
        settings=settings or autogen_otel.Settings(),
        **providers,
    )
    try:
        assert report.attached, report
        assert not report.missing, report
        yield telemetry
    finally:
        autogen_otel.uninstrument()


@contextmanager
def threads_instrumented(active: bool) -> Iterator[None]:
    """OpenTelemetry's own instrumentation of threads, or not."""
    if active:
        ThreadingInstrumentor().instrument()
    try:
        yield
    finally:
        if active:
            ThreadingInstrumentor().uninstrument()


def _point(data_point: Any) -> Point:
    total = getattr(data_point, "sum", None)
    return Point(
        labels=dict(data_point.attributes),
        count=data_point.count if total is not None else data_point.value,
        total=data_point.value if total is None else total,
        traces=frozenset(
            exemplar.trace_id for exemplar in data_point.exemplars if exemplar.trace_id is not None
        ),
        bounds=tuple(getattr(data_point, "explicit_bounds", ())),
    )


def _short(labels: dict[str, Any]) -> dict[str, Any]:
    return {key.rpartition(".")[2]: value for key, value in labels.items()} | labels


def line(span: ReadableSpan, also: tuple[str, ...] = ()) -> str:
    """One span as a line."""
    attributes = attributes_of(span)
    parts = [span.name]
    if span.status.status_code is StatusCode.ERROR:
        parts.append(f"ERROR[{attributes['autogen.error.origin']}: {attributes['error.type']}]")
    for name in (*_IN_TREES, *also):
        value = attributes.get(name)
        if value is not None and not (
            name == "autogen.config.index"
            and (span.name.startswith("config_entry") or "http.request.method" in attributes)
        ):
            parts.append(f"{name.removeprefix('autogen.')}={_plain(value)}")
    return " ".join(parts)


def attributes_of(span: ReadableSpan) -> dict[str, Any]:
    """The attributes as a plain dict."""
    return dict(span.attributes or {})


def exception_of(span: ReadableSpan) -> dict[str, Any]:
    """The attributes of the one exception event of a failing span."""
    (event,) = [event for event in span.events if event.name == "exception"]
    return dict(event.attributes or {})


def strings_in(spans: Sequence[ReadableSpan]) -> str:
    """Every character that these spans export."""
    return "\n".join(span.to_json(indent=None) for span in spans)


def own_log_records(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What we and OpenTelemetry log; asyncio logs of an earlier test's tasks, whenever they are collected."""
    return [record for record in caplog.records if record.name.startswith(("autogen_otel", "opentelemetry"))]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _id(span: ReadableSpan) -> int:
    assert span.context is not None
    return int(span.context.span_id)


def _parent(span: ReadableSpan) -> int | None:
    return None if span.parent is None else span.parent.span_id
