"""Decoding Jaeger's own JSON, which the download button of its user interface writes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from autogen_otel.traces.formats.otlp import TraceFilter, decode_spans
from autogen_otel.traces.formats.parsing import MALFORMED, checked_id, moment
from autogen_otel.traces.trace import KINDS, SPAN_ID_DIGITS, STATUS_ERROR, TRACE_ID_DIGITS, Event, Link, Span
from autogen_otel.vocabulary import attributes as vocabulary
from autogen_otel.vocabulary.attributes import Kind

_NS_PER_US: Final = 1000
_KINDS: Final = {name: number for number, name in enumerate(KINDS)}
_LISTS: Final = frozenset(
    key for key, kind in vocabulary.KINDS.items() if kind in {Kind.NAMES, Kind.INTEGERS, Kind.PROBLEMS}
)
_STATUSES: Final = {"OK": 1, "ERROR": STATUS_ERROR}


def is_jaeger(document: Any) -> bool:
    """Whether parsed JSON is Jaeger's: traces under ``data``."""
    return isinstance(document, dict) and isinstance(document.get("data"), list)


def spans_of(document: Any, trace_filter: TraceFilter | None = None) -> Iterator[Span | Exception]:
    """Decode a download, for which ``is_jaeger`` holds, as ``otlp.spans_of`` does."""
    for trace in document["data"]:
        try:
            processes, raw_spans = trace.get("processes") or {}, list(trace.get("spans") or ())
        except MALFORMED as error:
            yield error
            continue
        yield from decode_spans(
            raw_spans, "traceID", _trace_id, partial(_span, processes=processes), trace_filter
        )


def _span(raw: Any, trace_id: str, *, processes: Mapping[str, Any]) -> Span:
    tags = _tags(raw.get("tags"))
    start_ns = moment(int(raw["startTime"]) * _NS_PER_US)
    references = raw.get("references") or ()
    parents = [reference for reference in references if reference.get("refType") == "CHILD_OF"]
    process = raw.get("process") or processes.get(raw.get("processID", "")) or {}
    # Jaeger keeps these apart from OTLP's attributes only by their names.
    status = STATUS_ERROR if tags.pop("error", False) is True else 0
    status = _STATUSES.get(str(tags.pop("otel.status_code", "")), status)
    return Span(
        trace_id=trace_id,
        span_id=_span_id(raw),
        parent_id=_span_id(parents[0]) if parents else None,
        name=str(raw.get("operationName", "")),
        kind=_KINDS.get(str(tags.pop("span.kind", "")), 0),
        start_ns=start_ns,
        end_ns=moment(start_ns + int(raw.get("duration", 0)) * _NS_PER_US),
        status_code=status,
        status_message=str(tags.pop("otel.status_description", "")),
        events=tuple(_event(log) for log in raw.get("logs") or ()),
        links=tuple(
            Link(_trace_id(reference["traceID"]), _span_id(reference))
            for reference in references
            if reference.get("refType") == "FOLLOWS_FROM"
        ),
        scope=str(tags.pop("otel.scope.name", tags.pop("otel.library.name", ""))),
        service=str(process.get("serviceName", "")),
        resource=_tags(process.get("tags")),
        attributes=restore_lists(tags),
    )


def restore_lists(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes in which lists, which Jaeger stores as JSON, are lists again."""
    return {key: _list(value) if key in _LISTS else value for key, value in attributes.items()}


def _list(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        items = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return items if isinstance(items, list) else value


def _trace_id(raw_id: Any) -> str:
    # Jaeger leaves leading zeros out.
    return checked_id(raw_id.rjust(TRACE_ID_DIGITS, "0"), TRACE_ID_DIGITS)


def _span_id(raw: Any) -> str:
    return checked_id(raw["spanID"].rjust(SPAN_ID_DIGITS, "0"), SPAN_ID_DIGITS)


def _event(log: Any) -> Event:
    fields = _tags(log.get("fields"))
    return Event(str(fields.pop("event", "")), moment(int(log.get("timestamp", 0)) * _NS_PER_US), fields)


def _tags(raw: Any) -> dict[str, Any]:
    tags = {tag["key"]: _value(tag) for tag in raw or ()}
    # Raises where a name is no text: such a span is damaged.
    "".join(tags)
    return tags


def _value(tag: Any) -> Any:
    return int(tag["value"]) if tag.get("type") == "int64" else tag["value"]
