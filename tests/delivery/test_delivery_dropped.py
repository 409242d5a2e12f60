from __future__ import annotations

import threading
from collections import deque
from typing import Any

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import NoOpTracer

from autogen_otel.causes import Failure
from autogen_otel.delivery import counts as counting
from autogen_otel.delivery import observe_delivery
from autogen_otel.delivery.counts import ProcessCounts
from autogen_otel.delivery.logs import LogBatches
from autogen_otel.delivery.processes.batches import Batches, QueueLimits, SpanBatches
from autogen_otel.hosts.classic.tools.tool_call import ToolCall
from autogen_otel.recording import Recorder
from autogen_otel.recording.logs import FailureLogs
from autogen_otel.vocabulary.metrics import (
    SIGNALS,
    TELEMETRY_DROPPED,
    TELEMETRY_REASON,
    TELEMETRY_SIGNAL,
)
from tests.support.calls import begin, end
from tests.support.telemetry import own_log_records


class _Stuck(SpanExporter):
    """An exporter of spans or log records that takes its time until it is released."""

    def __init__(self) -> None:
        self.begun, self.released = threading.Event(), threading.Event()
        self.exported = 0

    def export(self, batch: Any) -> SpanExportResult:
        self.begun.set()
        self.released.wait(30)
        self.exported += len(batch)
        return SpanExportResult.SUCCESS


_TINY = QueueLimits(3600.0, 4, 2)


def test_spans_that_a_full_queue_pushes_out_are_counted() -> None:
    exporter, counts = _Stuck(), ProcessCounts()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SpanBatches(exporter, _TINY, "spans", counts))
    tracer = provider.get_tracer("test")
    for _ in range(2):
        tracer.start_span("taken").end()
    assert exporter.begun.wait(30)
    for _ in range(7):
        tracer.start_span("queued").end()
    assert counts.dropped_items() == {"spans": {"queue_full": 3}}
    exporter.released.set()
    assert provider.force_flush()
    provider.shutdown()
    assert exporter.exported == 6


def test_what_is_exported_while_a_full_queue_pushes_out_is_not_counted_too() -> None:
    exporter = _Stuck()
    exporter.released.set()

    class Counts(ProcessCounts):
        def drop(self, signal: str, reason: str, items: int) -> None:
            # As if the thread that exports came in between.
            if items:
                batches.flush()
            super().drop(signal, reason, items)

    counts = Counts()
    batches = Batches(exporter, QueueLimits(3600.0, 4, 4), "spans", counts)
    for number in range(20):
        batches.add(number)
    batches.shutdown()
    assert exporter.exported + counts.dropped_items()["spans"]["queue_full"] == 20


def test_log_records_that_a_full_queue_pushes_out_are_counted() -> None:
    exporter, counts = _Stuck(), ProcessCounts()
    processor: Any = LogBatches(exporter, _TINY, "logs", counts)
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(processor)
    recorder = Recorder(NoOpTracer(), failure_logs=FailureLogs(provider.get_logger("test")))

    def tell() -> None:
        end(begin(recorder, ToolCall), Failure("unknown", type="odd", message="odd"))

    for _ in range(2):
        tell()
    assert exporter.begun.wait(30)
    for _ in range(7):
        tell()
    assert counts.dropped_items() == {"logs": {"queue_full": 3}}
    exporter.released.set()
    provider.shutdown()
    assert exporter.exported == 6


def test_what_ends_after_the_shutdown_is_counted_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    exporter, counts = _Stuck(), ProcessCounts()
    exporter.released.set()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SpanBatches(exporter, QueueLimits(60.0, 4, 2), "spans", counts))
    tracer = provider.get_tracer("test")
    tracer.start_span("in time").end()
    late = [tracer.start_span("late") for _ in range(6)]
    provider.shutdown()
    for span in late:
        span.end()
    assert (exporter.exported, counts.dropped_items()) == (
        1,
        {"spans": {"queue_full": 0, "after_shutdown": 6}},
    )
    (warning,) = [one.getMessage() for one in caplog.records if one.name == "autogen_otel"]
    assert warning == "Spans that end after their provider was shut down are dropped, and counted."


@pytest.fixture
def reader() -> InMemoryMetricReader:
    return InMemoryMetricReader()


def _values(reader: InMemoryMetricReader) -> dict[tuple[str, str], int]:
    data = reader.get_metrics_data()
    assert data is not None
    (metric,) = data.resource_metrics[0].scope_metrics[0].metrics
    assert (metric.name, metric.unit) == (TELEMETRY_DROPPED.name, TELEMETRY_DROPPED.unit)
    points: Any = metric.data.data_points
    for point in points:
        assert set(point.attributes) == {TELEMETRY_SIGNAL, TELEMETRY_REASON}
        assert point.attributes[TELEMETRY_SIGNAL] in SIGNALS
    return {
        (point.attributes[TELEMETRY_SIGNAL], point.attributes[TELEMETRY_REASON]): point.value
        for point in points
    }


def test_what_was_dropped_is_a_metric(
    reader: InMemoryMetricReader, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    counts = ProcessCounts()
    monkeypatch.setattr(counting, "PROCESS", counts)
    errors = [0]
    provider = MeterProvider([reader], shutdown_on_exit=False)
    for _ in range(2):
        observe_delivery(provider.get_meter("autogen_otel"), lambda: errors[0])
    assert _values(reader) == {("spans", "internal_error"): 0}
    errors[0] = 2
    counts.drop("logs", "not_delivered", 0)
    counts.drop("spans", "queue_full", 3)
    assert _values(reader) == {
        ("spans", "internal_error"): 2,
        ("logs", "not_delivered"): 0,
        ("spans", "queue_full"): 3,
    }
    provider.shutdown()
    assert own_log_records(caplog) == []


def test_a_forked_process_has_dropped_nothing_yet() -> None:
    counts = ProcessCounts()
    counts.drop("spans", "queue_full", 3)
    counts.after_fork()
    assert counts.dropped_items() == {"spans": {"queue_full": 0}}


def test_what_became_of_telemetry_and_what_waits_is_measured(
    reader: InMemoryMetricReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = ProcessCounts()
    monkeypatch.setattr(counting, "PROCESS", counts)
    provider = MeterProvider([reader], shutdown_on_exit=False)
    observe_delivery(provider.get_meter("autogen_otel"), lambda: 0)
    counts.add("forwarded", "spans", 3)
    waiting = [deque([1, 2]), deque([3])]
    for queue in waiting:
        counts.watch("spans", queue)
    del queue
    assert _points(reader) == {"autogen.telemetry.forwarded": 3, "autogen.telemetry.queued": 3}
    waiting.pop()
    counts.add("forwarded", "spans", 1)
    assert _points(reader) == {"autogen.telemetry.forwarded": 4, "autogen.telemetry.queued": 2}
    counts.after_fork()
    assert counts.of("forwarded") == {"spans": 0}
    provider.shutdown()


def _points(reader: InMemoryMetricReader) -> dict[str, Any]:
    data = reader.get_metrics_data()
    assert data is not None
    metrics = {metric.name: metric.data for metric in data.resource_metrics[0].scope_metrics[0].metrics}
    del metrics[TELEMETRY_DROPPED.name]
    points: dict[str, Any] = {name: list(held.data_points) for name, held in metrics.items()}
    assert all(point.attributes == {TELEMETRY_SIGNAL: "spans"} for (point,) in points.values())
    return {name: point.value for name, (point,) in points.items()}
