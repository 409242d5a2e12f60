"""A batch of spans as a line of OTLP JSON, and back. Loads protobuf and the SDK with the first batch."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.delivery.fork import importing
from autogen_otel.delivery.journal.files import raw_spans

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

_ID_FIELDS: Final = ("traceId", "spanId", "parentSpanId")
_ID_BYTES: Final = (16, 8)
_REMOTE_PARENT: Final = 0x200
_SAMPLED: Final = 1


def line_of(spans: Sequence[ReadableSpan]) -> bytes:
    """Return a batch as one line.

    Raises:
        Exception: whatever the encoder raises for a span that it cannot take.
    """
    # Loaded with the first batch: both are slow to load, and with a healthy endpoint nobody needs the second.
    # No module of ours is: where somebody imports this package anew, two threads would wait for each other.
    with importing():
        from google.protobuf.json_format import MessageToDict  # noqa: PLC0415
        from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans  # noqa: PLC0415

    request = MessageToDict(encode_spans(spans), use_integers_for_enums=True)
    for span in raw_spans(request):
        _convert_ids(span, lambda text: base64.b64decode(text).hex())
    return json.dumps(request, separators=(",", ":")).encode("ascii") + b"\n"


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
        for span in raw_spans(raw):
            _convert_ids(span, lambda text: base64.b64encode(bytes.fromhex(text)).decode())
        request = ParseDict(raw, ExportTraceServiceRequest(), ignore_unknown_fields=True)
        return list(_decoded(request))
    except (ParseError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise ValueError(f"no OTLP: {type(error).__name__}") from error


def _convert_ids(span: dict[str, Any], convert: Any) -> None:
    # OTLP departs from protobuf's JSON mapping in this one point: ids are in hex.
    for holder in (span, *span.get("links", ())):
        for name in _ID_FIELDS:
            if name in holder:
                holder[name] = convert(holder[name])


# ---------------------------------------------------------------- back
def _decoded(request: Any) -> Iterator[ReadableSpan]:
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - loads the SDK
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope  # noqa: PLC0415

    for resource_spans in request.resource_spans:
        attributes = _attributes(resource_spans.resource.attributes)
        resource = Resource(attributes, resource_spans.schema_url or None)
        for scope_spans in resource_spans.scope_spans:
            named = scope_spans.scope
            scope = InstrumentationScope(
                named.name,
                named.version,
                scope_spans.schema_url or None,
                _attributes(named.attributes) or None,
            )
            yield from (_span(span, resource, scope) for span in scope_spans.spans)


def _span(span: Any, resource: Any, scope: Any) -> ReadableSpan:
    from opentelemetry.sdk.trace import Event  # noqa: PLC0415 - loads the SDK
    from opentelemetry.trace import Link, SpanKind, Status, StatusCode  # noqa: PLC0415

    from autogen_otel.delivery.exporting.copied_span import CopiedSpan, bounded  # noqa: PLC0415 - loads the SDK

    if (len(span.trace_id), len(span.span_id)) != _ID_BYTES:
        raise ValueError("a span without ids")
    parent = None
    if span.parent_span_id:
        is_remote = bool(span.flags & _REMOTE_PARENT)
        parent = _context(span.trace_id, span.parent_span_id, is_remote=is_remote)
    return CopiedSpan(
        name=span.name,
        context=_context(span.trace_id, span.span_id, span.trace_state, flags=span.flags),
        parent=parent,
        resource=resource,
        attributes=bounded(_attributes(span.attributes), span.dropped_attributes_count),
        events=[
            Event(
                event.name,
                bounded(_attributes(event.attributes), event.dropped_attributes_count),
                event.time_unix_nano,
            )
            for event in span.events
        ],
        links=[
            Link(
                _context(
                    link.trace_id,
                    link.span_id,
                    link.trace_state,
                    is_remote=bool(link.flags & _REMOTE_PARENT),
                    flags=link.flags,
                ),
                bounded(_attributes(link.attributes), link.dropped_attributes_count),
            )
            for link in span.links
        ],
        kind=SpanKind(max(span.kind - 1, 0)),
        status=Status(StatusCode(span.status.code), span.status.message or None),
        start_time=span.start_time_unix_nano,
        end_time=span.end_time_unix_nano,
        instrumentation_scope=scope,
        dropped_events=span.dropped_events_count,
        dropped_links=span.dropped_links_count,
    )


def _context(
    trace_id: bytes, span_id: bytes, state: str = "", *, is_remote: bool = False, flags: int = _SAMPLED
) -> Any:
    from opentelemetry.trace import SpanContext, TraceFlags, TraceState  # noqa: PLC0415 - with the first batch

    return SpanContext(
        int.from_bytes(trace_id, "big"),
        int.from_bytes(span_id, "big"),
        is_remote=is_remote,
        # Older encoders leave them out; what was exported was sampled.
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
