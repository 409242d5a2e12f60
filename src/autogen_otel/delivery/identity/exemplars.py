"""Exemplars of the meter provider that we build, which draw nothing from the global ``random``.

The SDK's own reservoir of counters does, and the application may have seeded it. Loads the SDK.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from opentelemetry.sdk import metrics as sdk
from opentelemetry.sdk.metrics import AlignedHistogramBucketExemplarReservoir
from opentelemetry.sdk.metrics.view import (
    Aggregation,
    DefaultAggregation,
    ExponentialBucketHistogramAggregation,
)

_INSTRUMENTS: Final = (
    *(sdk.Counter, sdk.UpDownCounter, sdk.Histogram, sdk._Gauge),  # noqa: SLF001 - it has no other name
    *(sdk.ObservableCounter, sdk.ObservableUpDownCounter, sdk.ObservableGauge),
)


class _OwnReservoirs:
    """Before an aggregation: a series whose exemplars the SDK would choose at random has its last one."""

    def _create_aggregation(
        self, instrument: Any, attributes: Any, reservoir_factory: Callable[[Any], Any], *more: Any
    ) -> Any:
        sdk_aggregation: Any = super()
        own_factory = partial(_reservoir, reservoir_factory)
        return sdk_aggregation._create_aggregation(instrument, attributes, own_factory, *more)  # noqa: SLF001


class _Default(_OwnReservoirs, DefaultAggregation):
    pass


class _Exponential(_OwnReservoirs, ExponentialBucketHistogramAggregation):
    pass


def aggregations(*, is_exponential: bool) -> dict[type, Aggregation]:
    """Return the aggregation of each class of instruments, as readers take them.

    Args:
        is_exponential: whether histograms have exponential buckets.
    """
    preferred: dict[type, Aggregation] = {kind: _Default() for kind in _INSTRUMENTS}
    return preferred | {sdk.Histogram: _Exponential()} if is_exponential else preferred


def _reservoir(reservoir_factory: Callable[[Any], Any], aggregation: Any) -> Any:
    make = reservoir_factory(aggregation)
    return make if make is AlignedHistogramBucketExemplarReservoir else _last


def _last(**_options: Any) -> AlignedHistogramBucketExemplarReservoir:
    # It keeps the last exemplar of each bucket, and has a single one.
    return AlignedHistogramBucketExemplarReservoir(boundaries=())
