"""Decoding Jaeger's own JSON, which the download button of its user interface writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from autogen_otel.diagnosis.otlp import MALFORMED, Wanted
from autogen_otel.diagnosis.trace import STATUS_ERROR, Event, Link, Span

_TRACE_ID_DIGITS: Final = 32
_SPAN_ID_DIGITS: Final = 16
_NS_PER_US: Final = 1000
_KINDS: Final = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
_STATUS: Final = {"OK": 1, "ERROR": STATUS_ERROR}


def is_jaeger(document: Any) -> bool:
    """Whether parsed JSON is Jaeger's: traces under ``data``."""
    return isinstance(document, dict) and isinstance(document.get("data"), list)


def spans_of(document: Any, wanted: Wanted | None = None) -> Iterator[Span | Exception]:
    """Decode a download.

    Args:
        document: parsed JSON, for which ``is_jaeger`` holds.
        wanted: spans of other traces are passed over.

    Yields:
        The spans, and for each that is damaged the error.
    """
    for trace in document["data"]:
        try:
            processes, spans = trace.get("processes") or {}, trace.get("spans") or ()
        except MALFORMED as error:
            yield error
            continue
        for raw in spans:
            try:
                if wanted is None or wanted(raw["traceID"].rjust(_TRACE_ID_DIGITS, "0")):
                    yield _span(raw, processes)
            except MALFORMED as error:  # noqa: PERF203 - per span, so that its neighbours survive
                yield error


def _span(raw: Any, processes: Mapping[str, Any]) -> Span:
    tags = _tags(raw.get("tags"))
    start_ns = int(raw["startTime"]) * _NS_PER_US
    parents = [r for r in raw.get("references") or () if r.get("refType") == "CHILD_OF"]
    process = raw.get("process") or processes.get(raw.get("processID", "")) or {}
    # Jaeger keeps these apart from OTLP's attributes only by their names.
    status = _STATUS.get(
        str(tags.pop("otel.status_code", "")), STATUS_ERROR if tags.pop("error", False) is True else 0
    )
    return Span(
        trace_id=raw["traceID"].rjust(_TRACE_ID_DIGITS, "0"),
        span_id=raw["spanID"].rjust(_SPAN_ID_DIGITS, "0"),
        parent_id=parents[0]["spanID"].rjust(_SPAN_ID_DIGITS, "0") if parents else None,
        name=str(raw.get("operationName", "")),
        kind=_KINDS.get(str(tags.pop("span.kind", "")), 0),
        start_ns=start_ns,
        end_ns=start_ns + int(raw.get("duration", 0)) * _NS_PER_US,
        status_code=status,
        status_message=str(tags.pop("otel.status_description", "")),
        events=tuple(_event(log) for log in raw.get("logs") or ()),
        links=tuple(
            Link(r["traceID"].rjust(_TRACE_ID_DIGITS, "0"), r["spanID"].rjust(_SPAN_ID_DIGITS, "0"))
            for r in raw.get("references") or ()
            if r.get("refType") == "FOLLOWS_FROM"
        ),
        scope=str(tags.pop("otel.scope.name", tags.pop("otel.library.name", ""))),
        service=str(process.get("serviceName", "")),
        attributes=tags,
    )


def _event(log: Any) -> Event:
    fields = _tags(log.get("fields"))
    return Event(str(fields.pop("event", "")), int(log.get("timestamp", 0)) * _NS_PER_US, fields)


def _tags(raw: Any) -> dict[str, Any]:
    return {tag["key"]: _value(tag) for tag in raw or ()}


def _value(tag: Any) -> Any:
    return int(tag["value"]) if tag.get("type") == "int64" else tag["value"]
