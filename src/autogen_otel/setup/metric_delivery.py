"""Delivery of metrics: what is not taken is in the next export too, so only the last one can be lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Metric,
    MetricExporter,
    MetricExportResult,
    MetricsData,
)

from autogen_otel.setup.encoding import encoded_size
from autogen_otel.setup.losses import Losses
from autogen_otel.vocabulary.metrics import METRICS, NOT_DELIVERED, NOT_ENCODED

if TYPE_CHECKING:
    from autogen_otel.setup.sending import Sending


class MetricDelivery(MetricExporter):
    """Hands metrics to an endpoint and counts the data points that no later export can make up for.

    Args:
        sending: the way to the endpoint.
        losses: where to count.
        temporality: by kind of instrument, as the environment or the exporter behind wants it.
        aggregation: the same.
    """

    def __init__(
        self, sending: Sending, losses: Losses, *, temporality: Any = None, aggregation: Any = None
    ) -> None:
        super().__init__(preferred_temporality=temporality, preferred_aggregation=aggregation)
        self._sending, self._losses = sending, losses
        self._owed = 0
        losses.add(METRICS, NOT_DELIVERED, 0)

    def export(
        self,
        metrics_data: MetricsData,
        timeout_millis: float = 10_000,  # noqa: ARG002 - the SDK's signature; the exporter has its own limit
        **_more: Any,
    ) -> MetricExportResult:
        """Deliver everything once; never raises."""
        sound, lost = _sound(metrics_data)
        if lost:
            self._losses.add(METRICS, NOT_ENCODED, lost)
        if self._sending.send(sound):
            self._owed = 0
            return MetricExportResult.SUCCESS
        self._owed, gone = _counted(sound)
        if gone:
            self._losses.add(METRICS, NOT_DELIVERED, gone)
        return MetricExportResult.FAILURE

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Have the exporter behind send what it holds."""
        return self._sending.flush(int(timeout_millis))

    def shutdown(self, timeout_millis: float = 30_000, **_more: Any) -> None:  # noqa: ARG002 - the SDK's signature
        """Close the endpoint; what it is owed now is lost."""
        if self._owed:
            self._losses.add(METRICS, NOT_DELIVERED, self._owed)
            self._owed = 0
        self._sending.close()


def _counted(data: MetricsData) -> tuple[int, int]:
    """Data points that the next export repeats, and those that it does not."""
    repeated = gone = 0
    for metric in _metrics(data):
        points = len(metric.data.data_points)
        if getattr(metric.data, "aggregation_temporality", None) is AggregationTemporality.DELTA:
            gone += points
        else:
            repeated += points
    return repeated, gone


def _metrics(data: MetricsData) -> Iterator[Metric]:
    for of_resource in data.resource_metrics:
        for of_scope in of_resource.scope_metrics:
            yield from of_scope.metrics


def _sound(data: MetricsData) -> tuple[MetricsData, int]:
    """The same without what no encoder takes, for one such point would keep all others back."""
    resources = [
        replace(
            of_resource,
            scope_metrics=[
                replace(of_scope, metrics=[_mended(metric) for metric in of_scope.metrics])
                for of_scope in of_resource.scope_metrics
            ],
        )
        for of_resource in data.resource_metrics
    ]
    sound = MetricsData(resource_metrics=resources)
    return sound, sum(_counted(data)) - sum(_counted(sound))


def _mended(metric: Metric) -> Metric:
    data: Any = metric.data
    points = [_with_sound_exemplars(point) for point in data.data_points if _is_encodable(point)]
    return replace(metric, data=replace(data, data_points=points))


def _with_sound_exemplars(point: Any) -> Any:
    # Older SDKs take exemplars of observed counters outside of any trace, and then cannot encode them.
    kept = [
        one for one in point.exemplars or () if one.trace_id is not None and _fits(one.filtered_attributes)
    ]
    return point if len(kept) == len(point.exemplars or ()) else replace(point, exemplars=kept)


def _is_encodable(point: Any) -> bool:
    return _fits(point.attributes) and _fits(getattr(point, "value", None))


def _fits(value: Any) -> bool:
    try:
        encoded_size(value)
    except (UnicodeEncodeError, OverflowError):
        return False
    return True
