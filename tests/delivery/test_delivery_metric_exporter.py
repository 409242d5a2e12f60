from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.metrics import Counter, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    InMemoryMetricReader,
    MetricExportResult,
    MetricsData,
)

from autogen_otel.delivery.counts import ProcessCounts
from autogen_otel.delivery.exporting.exporters import ExportResult, Outcome
from autogen_otel.delivery.metrics import CountingMetricExporter
from tests.delivery.endpoints import EXPORTED, ScriptedEndpoint

_NOT_DELIVERED = "not_delivered"
_REFUSED = ExportResult(Outcome.REFUSED, "HTTP 401 Unauthorized")


@pytest.fixture
def endpoint() -> ScriptedEndpoint:
    return ScriptedEndpoint()


@pytest.fixture
def counts() -> ProcessCounts:
    return ProcessCounts()


@pytest.fixture
def exporter(endpoint: ScriptedEndpoint, counts: ProcessCounts) -> CountingMetricExporter:
    return CountingMetricExporter(endpoint, counts)


def _measured(*labels: dict[str, Any], delta: bool = False) -> MetricsData:
    preferred: dict[type, AggregationTemporality] = {Counter: AggregationTemporality.DELTA} if delta else {}
    reader = InMemoryMetricReader(preferred_temporality=preferred)
    provider = MeterProvider([reader], shutdown_on_exit=False)
    meter = provider.get_meter("test")
    counter, histogram = meter.create_counter("count"), meter.create_histogram("size")
    for each in labels:
        counter.add(1, each)
        histogram.record(1, each)
    data = reader.get_metrics_data()
    provider.shutdown()
    assert data is not None
    return data


def test_nothing_is_dropped_as_long_as_a_later_export_succeeds(
    exporter: CountingMetricExporter, endpoint: ScriptedEndpoint, counts: ProcessCounts
) -> None:
    endpoint.default = _REFUSED
    assert exporter.export(_measured({"a": 1})) is MetricExportResult.FAILURE
    endpoint.default = EXPORTED
    assert exporter.export(_measured({"a": 1}, {"a": 2})) is MetricExportResult.SUCCESS
    exporter.shutdown()
    assert counts.dropped_items() == {"metrics": {_NOT_DELIVERED: 0}}


def test_what_is_not_exported_at_the_end_is_dropped_once(
    exporter: CountingMetricExporter, endpoint: ScriptedEndpoint, counts: ProcessCounts
) -> None:
    endpoint.default = _REFUSED
    for _ in range(3):
        exporter.export(_measured({"a": 1}, {"a": 2}))
    assert counts.dropped_items()["metrics"][_NOT_DELIVERED] == 0
    exporter.shutdown()
    exporter.shutdown()
    assert counts.dropped_items()["metrics"][_NOT_DELIVERED] == 4


def test_deltas_are_dropped_at_once(
    exporter: CountingMetricExporter, endpoint: ScriptedEndpoint, counts: ProcessCounts
) -> None:
    endpoint.default = _REFUSED
    for _ in range(3):
        exporter.export(_measured({"a": 1}, delta=True))
    assert counts.dropped_items()["metrics"][_NOT_DELIVERED] == 3


@pytest.mark.parametrize("broken", ["half \ud800 pair", 2**64])
def test_a_point_that_cannot_be_encoded_does_not_keep_the_others_back(
    exporter: CountingMetricExporter, endpoint: ScriptedEndpoint, counts: ProcessCounts, broken: Any
) -> None:
    sound = {"fine": "whole"}
    assert exporter.export(_measured(sound, {"key": broken})) is MetricExportResult.SUCCESS
    ((of_resource,),) = [data.resource_metrics for data in endpoint.batches]
    metrics = of_resource.scope_metrics[0].metrics
    assert [[point.attributes for point in metric.data.data_points] for metric in metrics] == [[sound]] * 2
    assert counts.dropped_items()["metrics"]["not_encoded"] == 2


def test_the_endpoint_is_flushed(exporter: CountingMetricExporter, endpoint: ScriptedEndpoint) -> None:
    assert exporter.force_flush()
    endpoint.default = _REFUSED
    assert not exporter.force_flush()


def test_a_cumulative_point_that_cannot_be_encoded_is_counted_once_however_often_it_is_exported(
    exporter: CountingMetricExporter, counts: ProcessCounts
) -> None:
    broken: list[dict[str, Any]] = [{"key": "half \ud800 pair"}, {"key": 2**64}]
    for _ in range(3):
        exporter.export(_measured(broken[0]))
    assert counts.dropped_items()["metrics"]["not_encoded"] == 2
    for _ in range(3):
        exporter.export(_measured(*broken))
    assert counts.dropped_items()["metrics"]["not_encoded"] == 4


def test_a_delta_that_cannot_be_encoded_is_another_one_each_time(
    exporter: CountingMetricExporter, counts: ProcessCounts
) -> None:
    for _ in range(3):
        exporter.export(_measured({"key": 2**64}, delta=True))
    # Of the two instruments the counter alone is exported as deltas.
    assert counts.dropped_items()["metrics"]["not_encoded"] == 4
