"""Makes the SDK's meter provider from the environment. Loads the SDK: import it only to build one."""

from __future__ import annotations

import logging
import os
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider, ObservableCounter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    ConsoleMetricExporter,
    MetricReader,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.metrics.view import (
    Aggregation,
    ExplicitBucketHistogramAggregation,
    ExponentialBucketHistogramAggregation,
    View,
)

from autogen_otel.setup.exporters import CONSOLE, Unavailable, outlet, requested
from autogen_otel.setup.losses import PROCESS
from autogen_otel.setup.metric_delivery import MetricDelivery
from autogen_otel.setup.outlet import HttpOutlet, Outlet
from autogen_otel.setup.sending import Sending
from autogen_otel.setup.signals import METRICS
from autogen_otel.vocabulary.metrics import ALL, Metric
from autogen_otel.vocabulary.spans import SCOPE

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

_LOGGER = logging.getLogger("autogen_otel")
_DELTAS: Final[dict[str, tuple[type, ...]]] = {
    "DELTA": (Counter, Histogram, ObservableCounter),
    "LOWMEMORY": (Counter, Histogram),
}


def build(resource: Resource) -> MeterProvider | None:
    """Return a provider whose metrics go where the environment says; ``None`` where that is nowhere.

    Args:
        resource: who the metrics are from.

    Raises:
        ValueError: a variable of the SDK holds what it does not take.
    """
    readers = _readers()
    if not readers:
        return None
    return MeterProvider(metric_readers=readers, resource=resource, views=[_view(metric) for metric in ALL])


class _Reader(PeriodicExportingMetricReader):
    """The SDK's reader, which forgets in a forked process that the parent's was just exporting."""

    def _at_fork_reinit(self) -> None:
        # The SDK leaves the lock as it was: held forever, if the fork happened during an export.
        self._export_lock = Lock()
        super()._at_fork_reinit()  # type: ignore[no-untyped-call]


def _readers() -> list[MetricReader]:
    try:
        names = requested(os.environ, METRICS)
    except Unavailable as problem:
        _say(problem)
        return []
    return [reader for reader in map(_reader, names) if reader is not None]


def _reader(name: str) -> MetricReader | None:
    if name == CONSOLE:
        return PeriodicExportingMetricReader(ConsoleMetricExporter())
    try:
        way = outlet(name, os.environ, METRICS)
    except Unavailable as problem:
        _say(problem)
        return None
    exporter: Any = None if isinstance(way, HttpOutlet) else way.opened()
    if isinstance(exporter, MetricReader):
        return exporter
    return _Reader(_delivery(way, exporter))


def _delivery(way: Outlet, exporter: Any) -> MetricDelivery:
    if way.probe is not None:
        way.probe.begin()
    named = os.environ.get(METRICS.chooser) or os.environ.get(METRICS.variable("ENDPOINT"))
    sending = Sending(
        way,
        METRICS,
        asked_for=bool(named),
        consequence="They are kept until it does or the program ends",
    )
    # Another package's exporter has read the environment already, or has a mind of its own.
    return MetricDelivery(
        sending,
        PROCESS,
        temporality=getattr(exporter, "_preferred_temporality", None) if exporter else _temporality(),
        aggregation=getattr(exporter, "_preferred_aggregation", None) if exporter else _aggregation(),
    )


def _temporality() -> dict[type, AggregationTemporality]:
    """As the OTLP exporter reads it, which is loaded too late to be asked."""
    wanted = os.environ.get(METRICS.variable("TEMPORALITY_PREFERENCE"), "").strip().upper()
    return dict.fromkeys(_DELTAS.get(wanted, ()), AggregationTemporality.DELTA)


def _aggregation() -> dict[type, Aggregation]:
    return {Histogram: ExponentialBucketHistogramAggregation()} if _is_exponential() else {}


def _is_exponential() -> bool:
    wanted = os.environ.get(METRICS.variable("DEFAULT_HISTOGRAM_AGGREGATION"), "")
    return wanted.strip().lower() == "base2_exponential_bucket_histogram"


def _view(metric: Metric) -> View:
    has_buckets = metric.buckets and not _is_exponential()
    return View(
        instrument_name=metric.name,
        meter_name=SCOPE,
        attribute_keys=set(metric.labels),
        aggregation=ExplicitBucketHistogramAggregation(metric.buckets) if has_buckets else None,
    )


def _say(problem: Unavailable) -> None:
    _LOGGER.warning("%s Metrics are not sent.", problem)
