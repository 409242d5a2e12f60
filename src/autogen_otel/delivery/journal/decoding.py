"""A line of OTLP JSON as a batch of spans. Loads the SDK, and protobuf with the first batch."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from autogen_otel.delivery.fork import importing
from autogen_otel.delivery.journal.files import convert_ids

_ID_BYTES: Final = (16, 8)
_REMOTE_PARENT: Final = 0x200
_SAMPLED: Final = 1
_OTLP_KEYS: Final = frozenset(
    {
        *("resourceSpans", "resourceMetrics", "resourceLogs"),
        *("resource_spans", "resource_metrics", "resource_logs"),
    }
)
"""Of all signals, because Collectors write them into one file; protobuf reads its own spelling as well."""

Item = TypeVar("Item", Event, Link)


def spans_of(line: bytes) -> list[ReadableSpan]:
    """Return the batch that a line holds, ready to be exported again.

    Raises:
        ValueError: the line holds no OTLP.
    """
    with importing():
        from google.protobuf.json_format import ParseDict, ParseError  # noqa: PLC0415
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (  # noqa: PLC0415
            ExportTraceServiceRequest,
        )

    try:
        raw = json.loads(line)
        if _OTLP_KEYS.isdisjoint(raw):
            raise ValueError("no OTLP: no known key")
        convert_ids(raw, lambda text: base64.b64encode(bytes.fromhex(text)).decode())
        request = ParseDict(raw, ExportTraceServiceRequest(), ignore_unknown_fields=True)
        return list(_decode_spans(request))
    except (ParseError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise ValueError(f"no OTLP: {type(error).__name__}") from error


def bounded_attributes(attributes: Mapping[str, Any], dropped_count: int) -> BoundedAttributes:
    """Return the attributes of a span, an event or a link that has dropped so many others."""
    copy = BoundedAttributes(attributes=attributes)
    copy.dropped = dropped_count
    return copy


def bounded_list(items: Sequence[Item], dropped_count: int) -> Sequence[Item]:
    """Return the events or links of a span that has dropped so many others."""
    copy = BoundedList.from_seq(None, items)
    copy.dropped = dropped_count
    return copy


def _decode_spans(request: Any) -> Iterator[ReadableSpan]:
    for resource_spans in request.resource_spans:
        attributes = _attributes(resource_spans.resource.attributes)
        resource = Resource(attributes, resource_spans.schema_url or None)
        for scope_spans in resource_spans.scope_spans:
            scope_message = scope_spans.scope
            scope = InstrumentationScope(
                scope_message.name,
                scope_message.version,
                scope_spans.schema_url or None,
                _attributes(scope_message.attributes) or None,
            )
            yield from (_span(span, resource, scope) for span in scope_spans.spans)


def _span(span: Any, resource: Any, scope: Any) -> ReadableSpan:
    if (len(span.trace_id), len(span.span_id)) != _ID_BYTES:
        raise ValueError("a span without ids")
    parent = None
    if span.parent_span_id:
        is_remote = bool(span.flags & _REMOTE_PARENT)
        parent = _context(span.trace_id, span.parent_span_id, is_remote=is_remote)
    return ReadableSpan(
        name=span.name,
        context=_context(span.trace_id, span.span_id, span.trace_state, flags=span.flags),
        parent=parent,
        resource=resource,
        attributes=bounded_attributes(_attributes(span.attributes), span.dropped_attributes_count),
        events=bounded_list(
            [
                Event(
                    event.name,
                    bounded_attributes(_attributes(event.attributes), event.dropped_attributes_count),
                    event.time_unix_nano,
                )
                for event in span.events
            ],
            span.dropped_events_count,
        ),
        links=bounded_list([_link(link) for link in span.links], span.dropped_links_count),
        kind=SpanKind(max(span.kind - 1, 0)),
        status=Status(StatusCode(span.status.code), span.status.message or None),
        start_time=span.start_time_unix_nano,
        end_time=span.end_time_unix_nano,
        instrumentation_scope=scope,
    )


def _link(link: Any) -> Link:
    is_remote = bool(link.flags & _REMOTE_PARENT)
    context = _context(link.trace_id, link.span_id, link.trace_state, is_remote=is_remote, flags=link.flags)
    return Link(context, bounded_attributes(_attributes(link.attributes), link.dropped_attributes_count))


def _context(
    trace_id: bytes, span_id: bytes, state: str = "", *, is_remote: bool = False, flags: int = _SAMPLED
) -> Any:
    return SpanContext(
        int.from_bytes(trace_id, "big"),
        int.from_bytes(span_id, "big"),
        is_remote=is_remote,
        # Older encoders leave the flags out; exported spans were sampled.
        trace_flags=TraceFlags(flags & 0xFF),
        trace_state=TraceState.from_header([state]) if state else None,
    )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    return None if kind is None else getattr(value, kind)
