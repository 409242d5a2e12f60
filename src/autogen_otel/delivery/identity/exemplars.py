"""Which measurements become exemplars. Loads the SDK: import it only to build a provider."""

from __future__ import annotations

from typing import Any

from opentelemetry.sdk.metrics import (
    AlignedHistogramBucketExemplarReservoir,
    SimpleFixedSizeExemplarReservoir,
)
from opentelemetry.sdk.metrics._internal.exemplar.exemplar_reservoir import BucketIndexError
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.metrics.view import Aggregation

from autogen_otel.delivery.identity.randomness import SYSTEM


def with_own_draws(reader: MetricReader) -> MetricReader:
    """Have a reader that no provider has yet choose its exemplars without the global ``random``.

    Done to the reader and not by views: views for all instruments make the SDK warn where two libraries have
    an instrument of the same name.
    """
    # Plugins' readers take no preference.
    preferred: dict[type, Aggregation] = getattr(reader, "_instrument_class_aggregation", {})
    for kind, aggregation in preferred.items():
        preferred[kind] = _OwnDraws(aggregation)
    return reader


class _OwnDraws(Aggregation):
    """An aggregation whose exemplars are chosen by draws of our own."""

    def __init__(self, aggregation: Aggregation) -> None:
        self._aggregation = aggregation

    def _create_aggregation(
        self, instrument: Any, attributes: Any, _default_factory: Any, start_time_unix_nano: int
    ) -> Any:
        return self._aggregation._create_aggregation(  # noqa: SLF001 - the SDK calls it on what readers prefer
            instrument, attributes, _reservoir_factory, start_time_unix_nano
        )


def _reservoir_factory(_aggregation: Any) -> Any:
    def make(**parameters: Any) -> Any:
        # As the SDK does; this one draws nothing.
        if "boundaries" in parameters:
            return AlignedHistogramBucketExemplarReservoir(**parameters)
        return _Reservoir(**parameters)

    return make


class _Reservoir(SimpleFixedSizeExemplarReservoir):
    """The SDK's reservoir, in which each measurement has the same chance, with draws of our own."""

    def _find_bucket_index(self, *_measurement: Any, **_more: Any) -> int:
        self._measurements_seen += 1
        if self._measurements_seen <= self._size:
            return self._measurements_seen - 1
        index = SYSTEM.randrange(self._measurements_seen)
        if index < self._size:
            return index
        raise BucketIndexError
