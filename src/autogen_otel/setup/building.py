"""Makes the SDK's tracer provider from the environment. Loads the SDK: import it only to build one."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter

from autogen_otel.setup.delivery import Delivery
from autogen_otel.setup.exporters import CONSOLE, Unavailable, outlet, requested
from autogen_otel.setup.journal import Journal
from autogen_otel.setup.losses import PROCESS
from autogen_otel.setup.overflow import SpanOverflow
from autogen_otel.setup.service import resource
from autogen_otel.vocabulary.metrics import NOT_DELIVERED, SPANS

if TYPE_CHECKING:
    from autogen_otel.settings import Settings
    from autogen_otel.setup.outlet import Outlet

_LOGGER = logging.getLogger("autogen_otel")
_DELAY_VARIABLE: Final = "OTEL_BSP_SCHEDULE_DELAY"
_DELAY_MILLIS: Final = 1000.0
"""A fifth of the SDK's default: a process that is killed loses what it had not exported yet."""


def build(settings: Settings) -> TracerProvider:
    """Return a provider whose spans go where the environment says, or into the journal.

    Of several exporters the first one that is no console has the journal behind it: a span that one endpoint
    took must not come back from the journal because another did not.

    Raises:
        ValueError: a variable of the SDK holds what it does not take.
    """
    provider = TracerProvider(resource=resource())
    for exporter in _exporters(settings):
        processor = _batched(exporter)
        provider.add_span_processor(SpanOverflow(processor, PROCESS))
        provider.add_span_processor(processor)
    PROCESS.add(SPANS, NOT_DELIVERED, 0)
    return provider


def _exporters(settings: Settings) -> list[SpanExporter]:
    journal = Journal(settings.journal_dir) if settings.journal else None
    try:
        names = requested(os.environ)
    except Unavailable as problem:
        _say(problem, journal)
        return [Delivery(None, journal, PROCESS)] if journal else []
    consoles: list[SpanExporter] = [ConsoleSpanExporter() for name in names if name == CONSOLE]
    outlets = [_outlet(name, journal) for name in names if name != CONSOLE]
    if not outlets:
        # Who asked for "none" has no endpoint, and the journal is for spans that no endpoint takes.
        return consoles or ([Delivery(None, journal, PROCESS)] if journal else [])
    first, *others = outlets
    kept: list[SpanExporter] = [Delivery(first, journal, PROCESS)] if first or journal else []
    return [*consoles, *kept, *(Delivery(other, None, PROCESS) for other in others if other)]


def _outlet(name: str, journal: Journal | None) -> Outlet | None:
    try:
        made = outlet(name, os.environ)
    except Unavailable as problem:
        _say(problem, journal)
        return None
    if made.probe is not None:
        made.probe.begin()
    return made


def _say(problem: Unavailable, journal: Journal | None) -> None:
    kept = f"Spans are kept in {journal.folder}." if journal else "Spans are dropped: the journal is off."
    _LOGGER.warning("%s %s", problem, kept)


def _batched(exporter: SpanExporter) -> BatchSpanProcessor:
    return BatchSpanProcessor(
        exporter, schedule_delay_millis=None if os.environ.get(_DELAY_VARIABLE) else _DELAY_MILLIS
    )
