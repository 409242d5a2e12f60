"""``autogen.telemetry.dropped``: what was lost so far, as a metric."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Final
from weakref import WeakSet

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from autogen_otel.setup.losses import PROCESS
from autogen_otel.vocabulary.metrics import (
    INTERNAL_ERROR,
    SPANS,
    TELEMETRY_DROPPED,
    TELEMETRY_REASON,
    TELEMETRY_SIGNAL,
)

_OBSERVED: Final[WeakSet[Meter]] = WeakSet()
_OBSERVING: Final = threading.Lock()


def observe_dropped(meter: Meter, internal_errors: Callable[[], int]) -> None:
    """Have the meter report what is lost; a second call for the same meter does nothing.

    Of providers that others made only our own errors are known.

    Args:
        meter: where to report.
        internal_errors: how often something could not be observed, because of an error of our own.
    """

    def observed(_options: CallbackOptions) -> Iterator[Observation]:
        counts = {(SPANS, INTERNAL_ERROR): internal_errors(), **PROCESS.counts()}
        for (signal, reason), items in counts.items():
            yield Observation(items, {TELEMETRY_SIGNAL: signal, TELEMETRY_REASON: reason})

    with _OBSERVING:
        if meter in _OBSERVED:
            return
        _OBSERVED.add(meter)
    meter.create_observable_counter(
        TELEMETRY_DROPPED.name,
        [observed],
        unit=TELEMETRY_DROPPED.unit,
        description=TELEMETRY_DROPPED.description,
    )
