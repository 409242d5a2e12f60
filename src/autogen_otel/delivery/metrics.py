"""Metrics: the meter provider that the environment describes. Loads the SDK: import it only to build one."""

from __future__ import annotations

import os
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.metrics import (
    Counter,
    Histogram,
    MeterProvider,
    ObservableCounter,
    TraceBasedExemplarFilter,
)
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    ConsoleMetricExporter,
    Metric,
    MetricExporter,
    MetricExportResult,
    MetricReader,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.metrics.view import (
    Aggregation,
    ExplicitBucketHistogramAggregation,
    View,
)

from autogen_otel.delivery.counts import PROCESS, ProcessCounts
from autogen_otel.delivery.environment import positive, warn_once
from autogen_otel.delivery.exporting.export import EndpointExporter, encoded_size
from autogen_otel.delivery.exporting.exporters import Endpoint, configured_endpoints
from autogen_otel.delivery.fork import renew_after_fork
from autogen_otel.delivery.identity.exemplars import aggregations
from autogen_otel.delivery.identity.resource import resource_of
from autogen_otel.delivery.processes import ending
from autogen_otel.delivery.processes.provider import OwnProvider
from autogen_otel.delivery.signals import METRICS
from autogen_otel.plain_text import one_line
from autogen_otel.vocabulary import metrics as vocabulary
from autogen_otel.vocabulary.metrics import NOT_DELIVERED, NOT_ENCODED
from autogen_otel.vocabulary.spans import SCOPE

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

_DELTA_INSTRUMENTS: Final[dict[str, tuple[type, ...]]] = {
    "DELTA": (Counter, Histogram, ObservableCounter),
    "LOWMEMORY": (Counter, Histogram),
}


def build(tracers: TracerProvider) -> MeterProvider | None:
    """Return a provider whose metrics go where the environment says; ``None`` where that is nowhere."""
    console, endpoints = configured_endpoints(METRICS, "Metrics are not sent.")
    own = aggregations(is_exponential=_is_exponential())
    readers: list[MetricReader] = []
    if console:
        exporter = ConsoleMetricExporter(preferred_aggregation=own)
        readers.append(PeriodicExportingMetricReader(exporter, **_periods()))
    readers += [_reader(endpoint, own) for endpoint in endpoints if endpoint]
    if not readers:
        return None
    views = [_view(metric) for metric in vocabulary.ALL]
    return _provider(metric_readers=readers, resource=resource_of(tracers), views=views)


def _provider(**options: Any) -> MeterProvider:
    try:
        return _OwnMeterProvider(**options)
    except ValueError as error:
        warn_once(f"OTEL_METRICS_EXEMPLAR_FILTER cannot be used ({one_line(str(error))}): it is trace_based.")
        return _OwnMeterProvider(**options, exemplar_filter=TraceBasedExemplarFilter())


def _periods() -> dict[str, int]:
    """How often metrics are exported, and how long that may take, in milliseconds."""
    return {
        "export_interval_millis": positive("OTEL_METRIC_EXPORT_INTERVAL", 60_000),
        "export_timeout_millis": positive("OTEL_METRIC_EXPORT_TIMEOUT", 30_000),
    }


def _reader(endpoint: Endpoint, own: dict[type, Aggregation]) -> MetricReader:
    exporter = endpoint.exporter
    if isinstance(exporter, MetricReader):
        return exporter
    # Another package's exporter has read the environment already, or has preferences of its own.
    is_ours = exporter is None
    return PeriodicReader(
        CountingMetricExporter(
            endpoint,
            PROCESS,
            temporality=_temporality() if is_ours else getattr(exporter, "_preferred_temporality", None),
            aggregation={**own, **(getattr(exporter, "_preferred_aggregation", None) or {})},
        ),
        **_periods(),
    )


class _OwnMeterProvider(OwnProvider, MeterProvider):
    """The SDK's provider as we build it."""

    def after_fork(self) -> None:
        """Renew the locks."""
        self._lock, self._meter_lock = Lock(), Lock()
        MeterProvider._all_metric_readers_lock = Lock()  # noqa: SLF001 - all providers share it


class PeriodicReader(PeriodicExportingMetricReader):
    """The SDK's reader, whose lock no fork leaves locked, and whose thread a forked process resumes.

    A process that is forked to start another program has nothing to measure, nor time for a thread. At the
    end it does not wait for an endpoint that does not answer.
    """

    _lacks_thread = False

    def __init__(self, exporter: MetricExporter, **options: Any) -> None:
        try:
            super().__init__(exporter, **options)
        except RuntimeError:
            # The system has no more threads, or the program ends: measurements are exported at the end. All
            # else is set up before the thread.
            self._daemon_thread, self._lacks_thread = None, True
        ending.READERS.add(self)
        renew_after_fork(self)

    def _at_fork_reinit(self) -> None:
        """Do nothing where the SDK would restart the thread in each forked process: ``resume`` does that."""

    def after_fork(self) -> None:
        """Leave the thread and its locks to the parent."""
        self._export_lock = Lock()
        self._daemon_thread, self._lacks_thread = None, True

    def resume(self) -> None:
        """Start the thread again, which does not survive a fork."""
        if self._lacks_thread:
            try:
                super()._at_fork_reinit()  # type: ignore[no-untyped-call]
            except RuntimeError:
                # The system has no more threads: measurements are exported at the end.
                self._daemon_thread = None
            else:
                self._lacks_thread = False

    def shutdown(self, timeout_millis: float = 30_000, **more: Any) -> None:
        """Export for the last time."""
        exporter = self._exporter
        if isinstance(exporter, EndpointExporter):
            exporter.hurry()
        if self._lacks_thread and not self._shutdown:
            # Otherwise the thread collects.
            self.collect(timeout_millis)
        super().shutdown(timeout_millis, **more)


def _temporality() -> dict[type, AggregationTemporality]:
    # As the OTLP exporter reads the variable; it is imported too late to be asked.
    preference = os.environ.get(METRICS.variable("TEMPORALITY_PREFERENCE"), "").strip().upper()
    return dict.fromkeys(_DELTA_INSTRUMENTS.get(preference, ()), AggregationTemporality.DELTA)


def _is_exponential() -> bool:
    preference = os.environ.get(METRICS.variable("DEFAULT_HISTOGRAM_AGGREGATION"), "")
    return preference.strip().lower() == "base2_exponential_bucket_histogram"


def _view(metric: vocabulary.Metric) -> View:
    has_buckets = metric.buckets and not _is_exponential()
    return View(
        instrument_name=metric.name,
        meter_name=SCOPE,
        attribute_keys=set(metric.labels),
        aggregation=ExplicitBucketHistogramAggregation(metric.buckets) if has_buckets else None,
    )


class CountingMetricExporter(EndpointExporter, MetricExporter):
    """Exports metrics, and counts as dropped the data points that no later export can make up for.

    Args:
        endpoint: where to export to.
        counts: where to count.
        temporality: by class of instrument, as the environment or the exporter prefers it.
        aggregation: likewise.
    """

    def __init__(
        self, endpoint: Endpoint, counts: ProcessCounts, *, temporality: Any = None, aggregation: Any = None
    ) -> None:
        MetricExporter.__init__(self, temporality, aggregation)
        setting = os.environ.get(METRICS.exporter_variable) or os.environ.get(METRICS.variable("ENDPOINT"))
        consequence = "They are kept until it does or the program ends"
        consequence = f"{consequence}; set {METRICS.exporter_variable}=none to not send them."
        EndpointExporter.__init__(self, METRICS, endpoint, counts, consequence, by_default=not setting)
        self._pending_points = 0
        self._most_broken_points = 0
        counts.drop(METRICS.items, NOT_DELIVERED, 0)

    def export(self, metrics_data: MetricsData, *_timeout: Any, **_more: Any) -> MetricExportResult:
        """Export everything; never raises."""
        encodable = _encodable(metrics_data)
        cumulative, delta = _points(encodable)
        all_cumulative, all_delta = _points(metrics_data)
        broken_points = all_cumulative - cumulative
        # A cumulative point that cannot be encoded is in each later export again.
        new_points = max(broken_points - self._most_broken_points, 0) + all_delta - delta
        self._most_broken_points = max(broken_points, self._most_broken_points)
        if new_points:
            self._counts.drop(METRICS.items, NOT_ENCODED, new_points)
        if self.send(encodable):
            self._pending_points = 0
            return MetricExportResult.SUCCESS
        # Cumulative points are in the next export too.
        self._pending_points = cumulative
        if delta:
            self._counts.drop(METRICS.items, NOT_DELIVERED, delta)
        return MetricExportResult.FAILURE

    def shutdown(self, *_timeout: Any, **_more: Any) -> None:
        """Shut the exporter down; there is no next export for what was not exported yet."""
        if self._pending_points:
            self._counts.drop(METRICS.items, NOT_DELIVERED, self._pending_points)
            self._pending_points = 0
        super().shutdown()


def _points(data: MetricsData) -> tuple[int, int]:
    """How many data points are cumulative, and how many are deltas."""
    cumulative = delta = 0
    for resource_metrics in data.resource_metrics:
        for scope_metrics in resource_metrics.scope_metrics:
            for metric in scope_metrics.metrics:
                points = len(metric.data.data_points)
                if getattr(metric.data, "aggregation_temporality", None) is AggregationTemporality.DELTA:
                    delta += points
                else:
                    cumulative += points
    return cumulative, delta


# ---------------------------------------------------------------- encoding
def _encodable(data: MetricsData) -> MetricsData:
    """The data without points that cannot be encoded: one such point would keep all others back."""
    resources = [
        replace(
            resource_metrics,
            scope_metrics=[
                replace(
                    scope_metrics, metrics=[_encodable_metric(metric) for metric in scope_metrics.metrics]
                )
                for scope_metrics in resource_metrics.scope_metrics
            ],
        )
        for resource_metrics in data.resource_metrics
    ]
    return MetricsData(resource_metrics=resources)


def _encodable_metric(metric: Metric) -> Metric:
    data: Any = metric.data
    points = [
        _with_encodable_exemplars(point)
        for point in data.data_points
        if _is_encodable(point.attributes) and _is_encodable(getattr(point, "value", None))
    ]
    return replace(metric, data=replace(data, data_points=points))


def _with_encodable_exemplars(point: Any) -> Any:
    # Older SDKs take exemplars of observed counters outside of any trace, and then cannot encode them.
    exemplars = [
        exemplar
        for exemplar in point.exemplars or ()
        if exemplar.trace_id is not None and _is_encodable(exemplar.filtered_attributes)
    ]
    return point if len(exemplars) == len(point.exemplars or ()) else replace(point, exemplars=exemplars)


def _is_encodable(value: Any) -> bool:
    try:
        encoded_size(value)
    except (UnicodeEncodeError, OverflowError):
        return False
    return True
