"""Measurements of ended calls, each in the context of its span, so that exemplars lead to the trace."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from opentelemetry.metrics import Counter, Histogram, Meter, MeterProvider, get_meter_provider
from opentelemetry.trace import INVALID_SPAN, set_span_in_context

from autogen_otel.one_at_a_time import OneAtATime
from autogen_otel.rendering import Renderer
from autogen_otel.vocabulary import metrics
from autogen_otel.vocabulary.metrics import Metric

if TYPE_CHECKING:
    from opentelemetry.context import Context


Measurement = tuple[Metric, float, Mapping[str, Any]]
"""The metric, the amount, and those labels that are no attributes of the call."""

Record = Callable[[float, dict[str, Any], "Context"], None]
_Recording = tuple[str, float, dict[str, Any], "Context"]

_instruments_of: WeakKeyDictionary[Meter, dict[str, Record]] = WeakKeyDictionary()
_NO_TRACE: Final = set_span_in_context(INVALID_SPAN)
_ADVISORY = "explicit_bucket_boundaries_advisory"


class Meters:
    """The instruments of our metrics.

    Args:
        provider: gives the meter.
        meter: makes the instruments.
        renderer: renders those labels that are no attributes.
        draws_apart: whether the provider chooses among exemplars without the global ``random``. With any
            other, a counter's series has an exemplar of its first measurement only: nothing is chosen.
    """

    def __init__(
        self, provider: MeterProvider, meter: Meter, renderer: Renderer, *, draws_apart: bool = False
    ) -> None:
        self._draws_apart = draws_apart
        self._traced_series: set[tuple[Any, ...]] = set()
        self._provider, self._renderer = provider, renderer
        self._values: defaultdict[str, set[str]] = defaultdict(set)
        self._instruments = _instruments(meter)
        # The SDK's instruments take locks; a signal may strike while this thread has one.
        self._record: OneAtATime[_Recording] = OneAtATime(self._to_instrument)
        # A proxy stands in until the application sets a provider.
        self._is_proxy = type(provider).__name__ == "_ProxyMeterProvider"
        self._consumer = getattr(provider, "_measurement_consumer", None)

    @property
    def has_readers(self) -> bool:
        """Whether the provider has readers; one that does not say is assumed to have some."""
        if self._is_proxy:
            return get_meter_provider() is not self._provider
        # Also those that were added to the provider later.
        readers = getattr(self._consumer, "_reader_storages", None)
        return readers is None or bool(readers)

    def record(self, measurement: Measurement, attributes: Mapping[str, Any], context: Context) -> None:
        """Record a measurement.

        Args:
            measurement: the metric, the amount, and those labels that are no attributes of the call.
            attributes: rendered attributes of the call.
            context: the context with its span.
        """
        metric, amount, extra = measurement
        labels: dict[str, Any] = {}
        for key in metric.labels:
            value = attributes.get(key)
            if key in extra:
                value = extra[key]
                if isinstance(value, type):
                    value = self._renderer.class_name(value)
                elif isinstance(value, str):
                    value = self._renderer.name(value)
            if value is None:
                continue
            if type(value) is str:
                values = self._values[key]
                if value not in values:
                    if len(values) >= metrics.MOST_VALUES:
                        value = metrics.OTHER
                    else:
                        values.add(value)
            labels[key] = value
        if metric.kind == "counter" and not self._draws_apart:
            context = self._first_context((metric.name, *labels.items()), context)
        self._record((metric.name, amount, labels, context))

    def _to_instrument(self, recording: _Recording) -> None:
        name, amount, labels, context = recording
        self._instruments[name](amount, labels, context)

    def _first_context(self, series: tuple[Any, ...], context: Context) -> Context:
        """The context of the first measurement of a series, and none with a trace for later ones."""
        if series in self._traced_series:
            return _NO_TRACE
        self._traced_series.add(series)
        return context


def _instruments(meter: Meter) -> dict[str, Record]:
    """The instruments of a meter, made once: SDKs complain of a second one of the same name."""
    if meter not in _instruments_of:
        recorded_metrics = (metric for metric in metrics.ALL if not metric.kind.startswith("observed"))
        _instruments_of[meter] = {metric.name: _instrument(meter, metric) for metric in recorded_metrics}
    return _instruments_of[meter]


def _instrument(meter: Meter, metric: Metric) -> Record:
    if metric.kind == "counter":
        counter: Counter = meter.create_counter(metric.name, metric.unit, metric.description)
        return counter.add
    options: dict[str, Any] = {}
    # Older APIs know no such advice; there the views of the provider set the buckets, if it is ours.
    if _ADVISORY in inspect.signature(meter.create_histogram).parameters:
        options[_ADVISORY] = list(metric.buckets)
    histogram: Histogram = meter.create_histogram(metric.name, metric.unit, metric.description, **options)
    return histogram.record
