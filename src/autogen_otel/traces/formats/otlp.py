"""Decoding OTLP's JSON into the read model, tolerant of everything a writer may vary.

The standard says hex ids, integers as strings and enums as numbers; Tempo sends base64 ids and enum names,
older writers plain integers. Unknown fields are ignored.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache, partial
from typing import Any, Final

from autogen_otel.traces.formats.parsing import MALFORMED, checked_id, is_span_id, moment
from autogen_otel.traces.trace import KINDS, SPAN_ID_DIGITS, STATUSES, TRACE_ID_DIGITS, Event, Link, Span

_SERVICE_NAME: Final = "service.name"
_INT64_DIGITS: Final = len(str(-(2**63)))
"""A longer number is not OTLP's; it stays a text."""
_KINDS: Final = {f"SPAN_KIND_{name.upper()}": number for number, name in enumerate(KINDS)}
_STATUSES: Final = {f"STATUS_CODE_{name.upper()}": number for number, name in enumerate(STATUSES)}
_NOTHING: Final[Mapping[str, Any]] = {}
_WRAPPERS: Final = ("result", "trace")

TraceFilter = Callable[[str], bool]
"""Whether the spans of a trace, given by its id, are worth decoding."""


def spans_of(document: Any, trace_filter: TraceFilter | None = None) -> Iterator[Span | Exception]:
    """Decode one OTLP document.

    Args:
        document: parsed JSON: ``resourceSpans`` (Tempo says ``batches``), bare or wrapped as the query
            interfaces do, or a list of such.
        trace_filter: which traces; all by default.

    Yields:
        The spans, and for each that is damaged the error: one bad span does not hide its neighbours.
    """
    for batch in _batches(document):
        try:
            resource = attributes_of((batch.get("resource") or {}).get("attributes"))
            service = str(resource.get(_SERVICE_NAME, ""))
            groups = [
                (str((group.get("scope") or {}).get("name", "")), list(group["spans"]))
                for group in batch.get("scopeSpans") or ()
            ]
        except MALFORMED as error:
            yield error
            continue
        for scope, raw_spans in groups:
            span_of = partial(_span, scope, service, resource)
            yield from decode_spans(raw_spans, "traceId", _trace_id, span_of, trace_filter)


def decode_spans(
    raw_spans: Iterable[Any],
    key: str,
    trace_id_of: Callable[[Any], str],
    span_of: Callable[[Any, str], Span],
    trace_filter: TraceFilter | None,
) -> Iterator[Span | Exception]:
    """Decode the spans of the traces that the filter lets through, whatever the format.

    Args:
        raw_spans: as the format has them.
        key: of the trace id in each of them.
        trace_id_of: decodes a trace id.
        span_of: decodes a span, given the id of its trace.
        trace_filter: which traces.
    """
    previous_id: Any = None
    trace_id, is_wanted = "", False
    for raw in raw_spans:
        try:
            raw_id = raw[key]
            # Neighbours are mostly of the same trace.
            if raw_id != previous_id or previous_id is None:
                trace_id = trace_id_of(raw_id)
                is_wanted = trace_filter is None or trace_filter(trace_id)
                previous_id = raw_id
            if not is_wanted:
                continue
            yield span_of(raw, trace_id)
        except MALFORMED as error:
            # Per span, so that its neighbours survive.
            yield error


def _batches(document: Any) -> Iterator[Any]:
    if isinstance(document, list):
        for part in document:
            yield from _batches(part)
        return
    for wrapper in _WRAPPERS:
        if isinstance(document.get(wrapper), dict):
            yield from _batches(document[wrapper])
    yield from document.get("resourceSpans") or document.get("batches") or ()


# Each span of a trace has the same id.
@lru_cache(maxsize=8192)
def _trace_id(raw_id: str) -> str:
    return _id(raw_id, TRACE_ID_DIGITS)


def _span(scope: str, service: str, resource: Mapping[str, Any], raw: Any, trace_id: str) -> Span:
    get = raw.get
    status = get("status") or _NOTHING
    # Journals have millions: to call it with so many named arguments takes five times as long as this.
    span = Span.__new__(Span)
    span.trace_id = trace_id
    span_id, parent_id = raw["spanId"], get("parentSpanId")
    span.span_id = span_id if is_span_id(span_id) else _id(span_id, SPAN_ID_DIGITS)
    span.parent_id = (parent_id if is_span_id(parent_id) else _parent(parent_id)) if parent_id else None
    span.name = str(get("name", ""))
    kind = get("kind", 0)
    span.kind = kind if type(kind) is int else _number(kind, _KINDS)
    span.start_ns, span.end_ns = moment(get("startTimeUnixNano")), moment(get("endTimeUnixNano"))
    span.status_code = _number(status.get("code", 0), _STATUSES) if status else 0
    span.status_message = str(status.get("message", "")) if status else ""
    span.attributes = attributes_of(get("attributes"))
    events, links = get("events"), get("links")
    span.events = tuple(map(_event, events)) if events else ()
    span.links = tuple(map(_link, links)) if links else ()
    span.scope, span.service, span.resource, span.state = scope, service, resource, "ended"
    span.known_operation = None
    return span


def _event(raw: Any) -> Event:
    return Event(
        str(raw.get("name", "")), moment(raw.get("timeUnixNano")), attributes_of(raw.get("attributes"))
    )


def _link(raw: Any) -> Link:
    return Link(
        _trace_id(raw["traceId"]), _id(raw["spanId"], SPAN_ID_DIGITS), attributes_of(raw.get("attributes"))
    )


def _number(value: Any, numbers: Mapping[str, int]) -> int:
    return value if isinstance(value, int) else numbers.get(value, 0)


def _id(value: str, digits: int) -> str:
    if len(value) != digits:
        value = base64.b64decode(value, validate=True).hex()
    return checked_id(value, digits)


def _parent(raw_id: str) -> str | None:
    return None if raw_id.strip("0A=") == "" else _id(raw_id, SPAN_ID_DIGITS)


def attributes_of(raw: Any) -> dict[str, Any]:
    """Decode a list of OTLP key-value pairs; the last of a repeated key counts.

    Raises:
        TypeError: the name of an attribute is no text.
        ValueError: the text of a number or of bytes is not one.
    """
    attributes: dict[str, Any] = {}
    for pair in raw or ():
        value = pair.get("value") or _NOTHING
        # Nearly all are texts and whole numbers, and journals are long: these are decoded without a call.
        if type(text := value.get("stringValue")) is str:
            attributes[pair["key"]] = text
        elif type(digits := value.get("intValue")) is str:
            attributes[pair["key"]] = int(digits) if len(digits) <= _INT64_DIGITS else digits
        else:
            attributes[pair["key"]] = value_of(value)
    # Raises where a name is no text: such a span is damaged.
    "".join(attributes)
    return attributes


def value_of(raw: Any) -> Any:
    """Decode one OTLP ``AnyValue``.

    Raises:
        ValueError: the text of a number or of bytes is not one.
    """
    for kind, value in (raw or {}).items():
        decode = _VALUES.get(kind)
        if decode is not None:
            return decode(value)
    return None


_VALUES: Final[Mapping[str, Callable[[Any], Any]]] = {
    "stringValue": str,
    "intValue": lambda value: int(value) if len(str(value)) <= _INT64_DIGITS else str(value),
    "boolValue": bool,
    "doubleValue": float,
    "bytesValue": base64.b64decode,
    "arrayValue": lambda value: [value_of(item) for item in value.get("values") or ()],
    "kvlistValue": lambda value: attributes_of(value.get("values")),
}
