"""The metrics that the delivery reports of itself: ``autogen.telemetry.*``.

They are asked for their values when metrics are exported, so that counting an export causes no other one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

from autogen_otel.delivery.counts.delivered import PROCESS as DELIVERED
from autogen_otel.delivery.counts.dropped import PROCESS as DROPPED
from autogen_otel.vocabulary.metrics import (
    INTERNAL_ERROR,
    SPANS,
    TELEMETRY_DROPPED,
    TELEMETRY_EXPORTED,
    TELEMETRY_FORWARDED,
    TELEMETRY_JOURNALED,
    TELEMETRY_QUEUED,
    TELEMETRY_REASON,
    TELEMETRY_SIGNAL,
    Metric,
)

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, Meter, Observation

_OBSERVED: Final[WeakSet[Meter]] = WeakSet()
_OBSERVED_LOCK: Final = threading.Lock()
_COUNTED: Final = (TELEMETRY_EXPORTED, TELEMETRY_JOURNALED, TELEMETRY_FORWARDED)


def observe_delivery(meter: Meter, internal_errors: Callable[[], int]) -> None:
    """Make ``autogen.telemetry.*`` instruments of the meter; a second call does nothing.

    Of providers that others built, only our own errors are known.

    Args:
        meter: the meter that reports them.
        internal_errors: how often something could not be observed, because of an error of our own.
    """
    from opentelemetry.metrics import Observation  # noqa: PLC0415 - importing this room has to stay cheap

    def dropped(_options: CallbackOptions) -> Iterator[Observation]:
        counts = {(SPANS, INTERNAL_ERROR): internal_errors(), **DROPPED.counts()}
        for (signal, reason), items in counts.items():
            yield Observation(items, {TELEMETRY_SIGNAL: signal, TELEMETRY_REASON: reason})

    with _OBSERVED_LOCK:
        if meter in _OBSERVED:
            return
        _OBSERVED.add(meter)
    _counter(meter, TELEMETRY_DROPPED, dropped)
    for metric in _COUNTED:
        _counter(meter, metric, _by_signal(partial(DELIVERED.counts, metric)))
    meter.create_observable_gauge(
        TELEMETRY_QUEUED.name,
        [_by_signal(DELIVERED.queued)],
        unit=TELEMETRY_QUEUED.unit,
        description=TELEMETRY_QUEUED.description,
    )


def _counter(
    meter: Meter, metric: Metric, observe: Callable[[CallbackOptions], Iterator[Observation]]
) -> None:
    meter.create_observable_counter(metric.name, [observe], unit=metric.unit, description=metric.description)


def _by_signal(
    counts: Callable[[], Mapping[str, int]],
) -> Callable[[CallbackOptions], Iterator[Observation]]:
    from opentelemetry.metrics import Observation  # noqa: PLC0415 - importing this room has to stay cheap

    def observe(_options: CallbackOptions) -> Iterator[Observation]:
        for signal, items in counts().items():
            yield Observation(items, {TELEMETRY_SIGNAL: signal})

    return observe
