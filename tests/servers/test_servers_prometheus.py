"""Metrics in a real Prometheus."""

from __future__ import annotations

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import format_trace_id

from tests.servers.prometheus import Prometheus


def test_a_counter_arrives_with_its_service_and_an_exemplar_that_names_the_trace(
    prometheus: Prometheus, service_name: str
) -> None:
    exporter = OTLPMetricExporter(endpoint=prometheus.otlp_metrics_url)
    meters = MeterProvider(
        [PeriodicExportingMetricReader(exporter)],
        Resource({"service.name": service_name}),
        shutdown_on_exit=False,
    )
    counter = meters.get_meter("tests").create_counter("tests.calls", unit="{call}")
    with TracerProvider(shutdown_on_exit=False).get_tracer("tests").start_as_current_span("call") as span:
        counter.add(3, {"kind": "plain"})
    meters.shutdown()

    series = f'tests_calls_total{{service_name="{service_name}"}}'
    (sample,) = prometheus.wait_for(series)
    assert (sample.labels["kind"], sample.value) == ("plain", 3)
    (exemplar,) = prometheus.exemplars(series)
    assert exemplar.labels["trace_id"] == format_trace_id(span.get_span_context().trace_id)
    assert exemplar.series["service_name"] == service_name
