"""The counts of delivery: items that were exported, journaled, forwarded or dropped, or that wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sized
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final
from weakref import WeakSet, ref

from autogen_otel.delivery.fork import renew_after_fork
from autogen_otel.one_at_a_time import OneAtATime
from autogen_otel.vocabulary import metrics as vocabulary

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, Meter, Observation

EXPORTED, JOURNALED, FORWARDED, DROPPED = "exported", "journaled", "forwarded", "dropped"


@dataclass(eq=False)
class DeliveryCounts:
    """How many spans, data points and log records had which outcome.

    Args:
        items: by outcome, signal and (where they were dropped) reason, with spaces between.
    """

    items: Counter[str] = field(default_factory=Counter)

    def of(self, outcome: str) -> dict[str, int]:
        """Items that were ``exported``, ``journaled`` or ``forwarded``, by signal."""
        return {key.split()[1]: items for key, items in self.items.items() if key.startswith(f"{outcome} ")}

    def dropped_items(self) -> dict[str, dict[str, int]]:
        """Items that were dropped, by signal and reason."""
        by_signal: dict[str, dict[str, int]] = {}
        for key, items in self.items.items():
            outcome, signal, *reason = key.split()
            if outcome == DROPPED:
                by_signal.setdefault(signal, {})[" ".join(reason)] = items
        return by_signal


class ProcessCounts(DeliveryCounts):
    """The counts of a process, which begin anew in one that is forked: the parent reports its own."""

    def __init__(self) -> None:
        super().__init__()
        self._queues: list[tuple[str, ref[Sized]]] = []
        self._add: OneAtATime[tuple[str, int]] = OneAtATime(self._add_items)
        renew_after_fork(self)

    def add(self, outcome: str, signal: str, items: int, reason: str = "") -> None:
        """Count items of a signal; zero items make their time series known."""
        self._add((f"{outcome} {signal} {reason}".rstrip(), items))

    def _add_items(self, added: tuple[str, int]) -> None:
        key, items = added
        self.items[key] += items

    def drop(self, signal: str, reason: str, items: int) -> None:
        """Count items of a signal that were dropped."""
        self.add(DROPPED, signal, items, reason)

    def copy(self) -> DeliveryCounts:
        """The counts at this moment."""
        return DeliveryCounts(self.items.copy())

    def watch(self, signal: str, queue: Sized) -> None:
        """Add the length of a queue to what ``queued_items`` returns, as long as the queue exists."""
        self._queues.append((signal, ref(queue)))

    def queued_items(self) -> dict[str, int]:
        """How many items of each signal wait to be exported."""
        lengths: Counter[str] = Counter()
        for signal, reference in list(self._queues):
            queue = reference()
            lengths[signal] += 0 if queue is None else len(queue)
        return dict(lengths)

    def after_fork(self) -> None:
        """Start from zero."""
        self.items = Counter(dict.fromkeys(self.items, 0))


PROCESS: Final = ProcessCounts()
"""The counts of the providers that this room has built in this process."""


# ---------------------------------------------------------------- the metrics autogen.telemetry.*
_OBSERVED: Final[WeakSet[Meter]] = WeakSet()
_COUNTERS: Final = {
    EXPORTED: vocabulary.TELEMETRY_EXPORTED,
    JOURNALED: vocabulary.TELEMETRY_JOURNALED,
    FORWARDED: vocabulary.TELEMETRY_FORWARDED,
}


def observe_delivery(meter: Meter, internal_errors: Callable[[], int]) -> None:
    """Make ``autogen.telemetry.*`` instruments of the meter; a second call does nothing.

    Their values are read when metrics are exported, so that counting an export causes no other export.
    For providers that others built, only our own errors are known. Called by one thread at a time.

    Args:
        meter: the meter that reports them.
        internal_errors: how often something could not be observed, because of an error of our own.
    """
    from opentelemetry.metrics import Observation  # noqa: PLC0415 - importing this room has to stay cheap

    def observe_dropped(_options: CallbackOptions) -> Iterator[Observation]:
        yield Observation(
            internal_errors(),
            {
                vocabulary.TELEMETRY_SIGNAL: vocabulary.SPANS,
                vocabulary.TELEMETRY_REASON: vocabulary.INTERNAL_ERROR,
            },
        )
        for signal, reasons in PROCESS.copy().dropped_items().items():
            for reason, items in reasons.items():
                yield Observation(
                    items, {vocabulary.TELEMETRY_SIGNAL: signal, vocabulary.TELEMETRY_REASON: reason}
                )

    def observe_outcome(outcome: str, _options: CallbackOptions) -> Iterator[Observation]:
        for signal, items in PROCESS.copy().of(outcome).items():
            yield Observation(items, {vocabulary.TELEMETRY_SIGNAL: signal})

    def observe_queued(_options: CallbackOptions) -> Iterator[Observation]:
        for signal, items in PROCESS.queued_items().items():
            yield Observation(items, {vocabulary.TELEMETRY_SIGNAL: signal})

    if meter in _OBSERVED:
        return
    _OBSERVED.add(meter)
    counters: list[tuple[vocabulary.Metric, Callable[[CallbackOptions], Iterator[Observation]]]] = [
        (vocabulary.TELEMETRY_DROPPED, observe_dropped),
        *((metric, partial(observe_outcome, outcome)) for outcome, metric in _COUNTERS.items()),
    ]
    for metric, callback in counters:
        meter.create_observable_counter(
            metric.name, [callback], unit=metric.unit, description=metric.description
        )
    gauge = vocabulary.TELEMETRY_QUEUED
    meter.create_observable_gauge(
        gauge.name, [observe_queued], unit=gauge.unit, description=gauge.description
    )
