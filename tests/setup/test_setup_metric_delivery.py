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

from autogen_otel.setup.losses import Losses
from autogen_otel.setup.metric_delivery import MetricDelivery

_LOST = ("metrics", "not_delivered")


class _Sending:
    def __init__(self) -> None:
        self.takes = True
        self.sent: list[MetricsData] = []

    def send(self, batch: MetricsData) -> bool:
        self.sent.append(batch)
        return self.takes

    def flush(self, timeout_millis: int) -> bool:
        return self.takes

    def close(self) -> None:
        self.takes = False


@pytest.fixture
def sending() -> _Sending:
    return _Sending()


@pytest.fixture
def losses() -> Losses:
    return Losses()


@pytest.fixture
def delivery(sending: Any, losses: Losses) -> MetricDelivery:
    return MetricDelivery(sending, losses)


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


def test_nothing_is_lost_as_long_as_a_later_export_is_taken(
    delivery: MetricDelivery, sending: _Sending, losses: Losses
) -> None:
    sending.takes = False
    assert delivery.export(_measured({"a": 1})) is MetricExportResult.FAILURE
    sending.takes = True
    assert delivery.export(_measured({"a": 1}, {"a": 2})) is MetricExportResult.SUCCESS
    delivery.shutdown()
    assert losses.counts() == {_LOST: 0}


def test_what_nobody_has_taken_at_the_end_is_lost_once(
    delivery: MetricDelivery, sending: _Sending, losses: Losses
) -> None:
    sending.takes = False
    for _ in range(3):
        delivery.export(_measured({"a": 1}, {"a": 2}))
    assert losses.counts()[_LOST] == 0
    delivery.shutdown()
    delivery.shutdown()
    assert losses.counts()[_LOST] == 4


def test_differences_are_lost_at_once(delivery: MetricDelivery, sending: _Sending, losses: Losses) -> None:
    sending.takes = False
    for _ in range(3):
        delivery.export(_measured({"a": 1}, delta=True))
    assert losses.counts()[_LOST] == 3


@pytest.mark.parametrize("broken", ["half \ud800 pair", 2**64])
def test_a_point_that_cannot_be_encoded_does_not_keep_the_others_back(
    delivery: MetricDelivery, sending: _Sending, losses: Losses, broken: Any
) -> None:
    sound = {"fine": "whole"}
    assert delivery.export(_measured(sound, {"key": broken})) is MetricExportResult.SUCCESS
    ((of_resource,),) = [data.resource_metrics for data in sending.sent]
    metrics = of_resource.scope_metrics[0].metrics
    assert [[point.attributes for point in metric.data.data_points] for metric in metrics] == [[sound]] * 2
    assert losses.counts()["metrics", "not_encoded"] == 2


def test_flushing_is_the_outlets(delivery: MetricDelivery, sending: _Sending) -> None:
    assert delivery.force_flush()
    sending.takes = False
    assert not delivery.force_flush()
