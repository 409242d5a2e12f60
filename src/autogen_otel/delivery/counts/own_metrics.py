"""The metrics that the delivery reports of itself: ``autogen.telemetry.*``.

They are asked for their values when metrics are exported, so that counting an export causes no other one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

from autogen_otel.delivery.counts import EXPORTED, FORWARDED, JOURNALED, PROCESS
from autogen_otel.vocabulary import metrics as vocabulary
from autogen_otel.vocabulary.metrics import INTERNAL_ERROR, SPANS, TELEMETRY_REASON, TELEMETRY_SIGNAL

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, Meter, Observation

_OBSERVED: Final[WeakSet[Meter]] = WeakSet()
_OBSERVED_LOCK: Final = threading.Lock()
_COUNTED: Final = {
    EXPORTED: vocabulary.TELEMETRY_EXPORTED,
    JOURNALED: vocabulary.TELEMETRY_JOURNALED,
    FORWARDED: vocabulary.TELEMETRY_FORWARDED,
}


def observe_delivery(meter: Meter, internal_errors: Callable[[], int]) -> None:
    """Make ``autogen.telemetry.*`` instruments of the meter; a second call does nothing.

    Of providers that others built, only our own errors are known.

    Args:
        meter: the meter that reports them.
        internal_errors: how often something could not be observed, because of an error of our own.
    """
    from opentelemetry.metrics import Observation  # noqa: PLC0415 - importing this room has to stay cheap

    def dropped(_options: CallbackOptions) -> Iterator[Observation]:
        yield Observation(internal_errors(), {TELEMETRY_SIGNAL: SPANS, TELEMETRY_REASON: INTERNAL_ERROR})
        for signal, reasons in PROCESS.copy().dropped().items():
            for reason, items in reasons.items():
                yield Observation(items, {TELEMETRY_SIGNAL: signal, TELEMETRY_REASON: reason})

    def counted(became: str, _options: CallbackOptions) -> Iterator[Observation]:
        for signal, items in PROCESS.copy().of(became).items():
            yield Observation(items, {TELEMETRY_SIGNAL: signal})

    def queued(_options: CallbackOptions) -> Iterator[Observation]:
        for signal, items in PROCESS.queued().items():
            yield Observation(items, {TELEMETRY_SIGNAL: signal})

    with _OBSERVED_LOCK:
        if meter in _OBSERVED:
            return
        _OBSERVED.add(meter)
    counters: list[tuple[vocabulary.Metric, Callable[[CallbackOptions], Iterator[Observation]]]] = [
        (vocabulary.TELEMETRY_DROPPED, dropped),
        *((metric, partial(counted, became)) for became, metric in _COUNTED.items()),
    ]
    for metric, observe in counters:
        meter.create_observable_counter(
            metric.name, [observe], unit=metric.unit, description=metric.description
        )
    waiting = vocabulary.TELEMETRY_QUEUED
    meter.create_observable_gauge(waiting.name, [queued], unit=waiting.unit, description=waiting.description)
