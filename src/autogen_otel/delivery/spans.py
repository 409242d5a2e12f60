"""Spans: the tracer provider that the environment describes. Loads the SDK: import it only to build one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import DEFAULT_ON
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, Status

from autogen_otel.delivery.counts import EXPORTED, FORWARDED, JOURNALED, PROCESS, ProcessCounts
from autogen_otel.delivery.environment import DefaultLimits, warn_once
from autogen_otel.delivery.exporting.export import BatchExporter, encodable, encoded_size, repair_value
from autogen_otel.delivery.exporting.exporters import Endpoint, configured_endpoints
from autogen_otel.delivery.forwarder import Forwarder
from autogen_otel.delivery.identity.ids import IdGenerator
from autogen_otel.delivery.identity.resource import process_resource
from autogen_otel.delivery.journal import Journal, Kind, Limits, NoFolderError, command_for, write_problem
from autogen_otel.delivery.processes import batches, process_files
from autogen_otel.delivery.processes.provider import OwnProvider
from autogen_otel.delivery.signals import SPANS
from autogen_otel.plain_text import one_line
from autogen_otel.vocabulary.metrics import NOT_DELIVERED

if TYPE_CHECKING:
    from autogen_otel.delivery.processes.in_flight import InFlight
    from autogen_otel.settings import Settings

Bounded = TypeVar("Bounded", BoundedAttributes, "BoundedList[Any]")
_LOGGER = logging.getLogger("autogen_otel")
_SPAN_BYTES: Final = 160
"""Ids, times, flags, counts and the lengths around them."""
_ITEM_BYTES: Final = 64


def build(settings: Settings) -> TracerProvider:
    """Return a provider whose spans go where the environment says, or into the journal."""
    limits = batches.QueueLimits.of_environment("OTEL_BSP")
    # Before the provider: exit functions are called in reverse order, and the spans in flight are noted once
    # more when the provider has exported.
    exporters = _exporters(settings)
    provider = _provider(resource=process_resource(), id_generator=IdGenerator(), span_limits=_Limits())
    for exporter in exporters:
        provider.add_span_processor(batches.SpanBatches(exporter, limits))
    PROCESS.drop(SPANS.items, NOT_DELIVERED, 0)
    return provider


def _provider(**options: Any) -> TracerProvider:
    try:
        return _OwnTracerProvider(**options)
    except Exception as error:  # noqa: BLE001 - samplers of other packages can raise anything
        warn_once(f"OTEL_TRACES_SAMPLER cannot be used ({one_line(str(error))}): every trace is sampled.")
        return _OwnTracerProvider(**options, sampler=DEFAULT_ON)


class _Limits(DefaultLimits, SpanLimits):
    pass


class _OwnTracerProvider(OwnProvider, TracerProvider):
    """The SDK's provider as we build it."""

    def after_fork(self) -> None:
        """Renew the lock."""
        self._tracers_lock = threading.Lock()


def journal_of(settings: Settings) -> Journal:
    """Return the journal where and as large as the settings say.

    Raises:
        NoFolderError: there is no folder for it, or nothing can be written there.
    """
    limits = Limits(settings.journal_max_bytes, settings.journal_max_age_hours)
    journal = Journal(settings.journal_dir, limits=limits, counts=PROCESS)
    problem = write_problem(journal.folder, for_good=True)
    if problem is not None:
        raise problem
    return journal


def _exporters(settings: Settings) -> list[SpanExporter]:
    """The exporters that the environment names; the first endpoint has the journal behind it.

    A span that one endpoint took must not come back from the journal because another did not.
    """
    journal, problem = None, ""
    if settings.keeps_journal:
        try:
            journal = journal_of(settings)
        except NoFolderError as error:
            # Spans are exported all the same.
            problem = str(error)
    why_no_journal = problem or "the journal is off"
    consequence = (
        f"Spans are kept in {journal.folder}." if journal else f"Spans are dropped: {why_no_journal}."
    )
    console, endpoints = configured_endpoints(SPANS, consequence)
    if problem and any(endpoints):
        # Warn now, and not when spans are lost because the endpoint fails.
        _LOGGER.warning("There is no journal: %s.", problem)
        why_no_journal = "there is no journal"
    exporters: list[SpanExporter] = [ConsoleSpanExporter()] if console else []
    for number, endpoint in enumerate(endpoints):
        if number == 0 and journal is not None:
            forwarder = _forwarder(endpoint, journal)
            # Only the exporter that takes spans in the end knows that they are no longer in flight.
            in_flight = process_files.keep(journal).in_flight
            exporters.append(
                JournaledSpanExporter(endpoint, journal, PROCESS, "", forwarder, in_flight=in_flight)
            )
        elif endpoint is not None:
            why = "another endpoint has the journal" if journal else why_no_journal
            exporters.append(JournaledSpanExporter(endpoint, None, PROCESS, why))
    return exporters


def _forwarder(endpoint: Endpoint | None, journal: Journal) -> Forwarder | None:
    """The forwarder of the journal's batches; exporters of other packages may take a span only once."""
    if endpoint is None or not endpoint.is_otlp:
        return None
    forwarder = Forwarder(endpoint, journal, PROCESS)
    if forwarder.has_work():
        # An earlier run left batches, and the program may be too short to export anything before it ends.
        forwarder.wake()
    return forwarder


class JournaledSpanExporter(BatchExporter, SpanExporter):
    """Exports each span to the endpoint or else to the journal, once, or counts it as dropped."""

    def __init__(
        self,
        endpoint: Endpoint | None,
        journal: Journal | None,
        counts: ProcessCounts,
        why_no_journal: str = "no journal is kept",
        forwarder: Forwarder | None = None,
        *,
        kind: Kind = Kind.UNDELIVERED,
        in_flight: InFlight | None = None,
    ) -> None:
        self._in_flight = in_flight
        consequence = f"They are dropped: {why_no_journal}."
        if journal is not None:
            later = " and sent once it does" if forwarder is not None else ""
            command = command_for(journal.folder, "show")
            consequence = f"They are kept in {journal.folder}{later}; `{command}` lists them."
        super().__init__(
            SPANS,
            endpoint,
            counts,
            consequence,
            encodable_span,
            journal=journal,
            forwarder=forwarder,
            kind=kind,
        )
        for outcome in (EXPORTED, JOURNALED, FORWARDED):
            counts.add(outcome, SPANS.items, 0)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export or journal a batch; never raises."""
        is_delivered = self.deliver(spans)
        if self._in_flight is not None:
            self._in_flight.note_exported(spans)
        return SpanExportResult.SUCCESS if is_delivered else SpanExportResult.FAILURE


# ---------------------------------------------------------------- encoding
def encodable_span(span: ReadableSpan) -> tuple[ReadableSpan, int]:
    """Return a span, or a copy that can be encoded, and an upper bound of its size in bytes."""
    return encodable(span, encoded_span_size, _repair_span)


def encoded_span_size(span: ReadableSpan) -> int:
    """Return an upper bound of a span's size, its resource and scope included; see ``encoded_size``."""
    scope = span.instrumentation_scope
    context = span.get_span_context()
    return (
        _SPAN_BYTES
        + encoded_size(span.name)
        + (encoded_size(context.trace_state) if context is not None else 0)
        + encoded_size(span.status.description)
        + encoded_size(span.attributes)
        + sum(
            _ITEM_BYTES + encoded_size(event.name) + encoded_size(event.attributes) for event in span.events
        )
        + sum(_ITEM_BYTES + encoded_size(link.attributes) for link in span.links)
        # Counted with each span although it is sent once: cheaper than to find out which spans share one.
        + encoded_size(span.resource.attributes)
        + (encoded_size((scope.name, scope.version, scope.schema_url, scope.attributes)) if scope else 0)
    )


def _repair_span(span: ReadableSpan) -> ReadableSpan:
    """A span's copy in which every string and number can be encoded."""
    scope = span.instrumentation_scope
    return ReadableSpan(
        name=repair_value(span.name),
        context=span.get_span_context(),
        parent=span.parent,
        resource=Resource(repair_value(span.resource.attributes), span.resource.schema_url),
        attributes=_attributes(span),
        events=_with_dropped(
            BoundedList.from_seq(
                None,
                [
                    Event(repair_value(event.name), _attributes(event), event.timestamp)
                    for event in span.events
                ],
            ),
            span.dropped_events,
        ),
        links=_with_dropped(
            BoundedList.from_seq(None, [Link(link.context, _attributes(link)) for link in span.links]),
            span.dropped_links,
        ),
        kind=span.kind,
        status=Status(span.status.status_code, repair_value(span.status.description)),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=scope
        and InstrumentationScope(
            *map(repair_value, (scope.name, scope.version, scope.schema_url, scope.attributes))
        ),
    )


def _attributes(holder: ReadableSpan | Event | Link) -> BoundedAttributes:
    attributes = BoundedAttributes(attributes=repair_value(holder.attributes or {}))
    return _with_dropped(attributes, holder.dropped_attributes)


def _with_dropped(bounded: Bounded, dropped_count: int) -> Bounded:
    """Attributes, events or links that have dropped so many others."""
    bounded.dropped = dropped_count
    return bounded
