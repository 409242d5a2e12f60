"""Exemplars chosen by draws of our own. Loads the SDK: import it only beside a meter provider of the SDK.

The SDK's own reservoir of counters draws from the global ``random``, which the application may have seeded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import wrapt
from opentelemetry.sdk.metrics import MeterProvider, SimpleFixedSizeExemplarReservoir
from opentelemetry.sdk.metrics._internal.exemplar.exemplar_reservoir import BucketIndexError
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.metrics.view import DefaultAggregation

from autogen_otel.delivery.identity.randomness import SYSTEM
from autogen_otel.vocabulary.spans import SCOPE

Reader = TypeVar("Reader", bound=MetricReader)


def draw_apart(meters: object) -> None:
    """Have exemplars of our instruments drawn apart from the global ``random``, whoever made the provider.

    Args:
        meters: a meter provider, of which no instrument of ours has measured anything yet.
    """
    if not isinstance(meters, MeterProvider):
        return
    consumer = getattr(meters, "_measurement_consumer", None)
    # Also those that the provider was not made with.
    for reader in tuple(getattr(consumer, "_reader_storages", ())):
        with_own_draws(reader, SCOPE)
    for view in getattr(getattr(meters, "_sdk_config", None), "views", ()):
        # One without an aggregation of its own leaves it to the readers.
        if not isinstance(view._aggregation, (DefaultAggregation, _OwnDraws)):  # noqa: SLF001 - no public name
            view._aggregation = _OwnDraws(view._aggregation, SCOPE)  # noqa: SLF001


def with_own_draws(reader: Reader, scope: str | None = None) -> Reader:
    """Have a reader choose exemplars without the global ``random``.

    Done to the reader and not by views: views for all instruments make the SDK warn where two libraries have
    an instrument of the same name.

    Args:
        reader: that chooses them.
        scope: the only scope whose instruments are meant: in a provider of the application's the others keep
            the draws that they have without us. In one of ours none would draw at all without us.
    """
    # Plugins' readers take no preference.
    aggregations: dict[type, Any] = getattr(reader, "_instrument_class_aggregation", {})
    for kind, aggregation in aggregations.items():
        if not isinstance(aggregation, _OwnDraws):
            aggregations[kind] = _OwnDraws(aggregation, scope)
    return reader


class _OwnDraws(wrapt.ObjectProxy):  # type: ignore[type-arg] # not subscriptable before wrapt 2
    """An aggregation whose exemplars are chosen by draws of our own.

    A proxy, because the SDK asks for the class of a view's aggregation.

    Args:
        aggregation: of a reader or a view.
        scope: as for ``with_own_draws``.
    """

    def __init__(self, aggregation: Any, scope: str | None) -> None:
        super().__init__(aggregation)
        self._self_scope = scope

    def _create_aggregation(
        self, instrument: Any, attributes: Any, reservoir_factory: Any, start_time_unix_nano: int
    ) -> Any:
        if self._self_scope in (None, instrument.instrumentation_scope.name):
            reservoir_factory = _without_global_random(reservoir_factory)
        return self.__wrapped__._create_aggregation(  # noqa: SLF001 - the SDK calls it on an aggregation
            instrument, attributes, reservoir_factory, start_time_unix_nano
        )


def _without_global_random(reservoir_factory: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The same, with our reservoir in place of the one that draws from the global ``random``."""

    def factory(aggregation: Any) -> Any:
        make = reservoir_factory(aggregation)
        return _Reservoir if make is SimpleFixedSizeExemplarReservoir else make

    return factory


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
