"""Spans as a line of OTLP JSON holds them: they are sent again without becoming the SDK's in between."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from autogen_otel.delivery.fork import importing

_OTLP_KEYS: Final = frozenset(
    {
        *("resourceSpans", "resourceMetrics", "resourceLogs"),
        *("resource_spans", "resource_metrics", "resource_logs"),
    }
)
"""Of all signals, because Collectors write them into one file."""
_ID_FIELDS: Final = ("traceId", "spanId", "parentSpanId")
_IDS: Final = {"traceId": re.compile("[0-9a-fA-F]{32}"), "spanId": re.compile("[0-9a-fA-F]{16}")}


class NotOtlpError(ValueError):
    """Something has not the shape of OTLP."""


class StoredSpan(NamedTuple):
    """A span of a line.

    Args:
        resource: the element of ``resourceSpans`` that it is in, without what is in it.
        scope: the element of ``scopeSpans``, likewise.
        fields: its own.
    """

    resource: dict[str, Any]
    scope: dict[str, Any]
    fields: dict[str, Any]

    @property
    def name(self) -> str:
        """What it is called."""
        return str(self.fields.get("name", ""))


class StoredLine(list[StoredSpan]):
    """All spans of a line.

    Attributes:
        text: the line as it stands.
    """

    text: bytes = b""


def spans_of(line: bytes) -> StoredLine:
    """Return the batch that a line holds.

    Raises:
        NotOtlpError: the line holds no OTLP.
    """
    try:
        document = json.loads(line)
        spans = StoredLine(_spans(document))
        is_otlp = not _OTLP_KEYS.isdisjoint(document)
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise NotOtlpError(type(error).__name__) from error
    if not is_otlp:
        raise NotOtlpError("no known key")
    spans.text = line
    return spans


def _spans(document: Any) -> Iterator[StoredSpan]:
    for resource, scopes in _elements(document, "resourceSpans", "scopeSpans"):
        for scope, spans in _elements({"scopeSpans": scopes}, "scopeSpans", "spans"):
            for fields in spans:
                if not all(pattern.fullmatch(fields[key]) for key, pattern in _IDS.items()):
                    raise NotOtlpError("a span without ids")
                yield StoredSpan(resource, scope, fields)


def _elements(document: Any, key: str, inner_key: str) -> Iterator[tuple[dict[str, Any], Any]]:
    """The elements of a list in a document, each without its own list, and that."""
    for element in document.get(key) or document.get(_snake_case(key)) or ():
        outer = dict(element)
        inner, other = outer.pop(inner_key, ()), outer.pop(_snake_case(inner_key), ())
        yield outer, inner or other or ()


def _snake_case(key: str) -> str:
    # Protobuf's own spelling, which some write.
    return re.sub("[A-Z]", lambda match: f"_{match.group().lower()}", key)


def json_of(spans: Sequence[StoredSpan]) -> bytes:
    """Return spans as a line of OTLP JSON: of a whole one, the line as it stands."""
    text = getattr(spans, "text", b"")
    return text or json.dumps(_request(spans), separators=(",", ":")).encode("ascii") + b"\n"


def message_of(spans: Iterable[StoredSpan]) -> Any:
    """Return spans as a message of OTLP's protobuf.

    Raises:
        NotOtlpError: protobuf cannot hold them.
    """
    with importing():
        from google.protobuf.json_format import ParseDict, ParseError  # noqa: PLC0415
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (  # noqa: PLC0415
            ExportTraceServiceRequest,
        )

    # The conversion changes it.
    request = json.loads(json.dumps(_request(spans)))
    try:
        convert_ids(request, lambda text: base64.b64encode(bytes.fromhex(text)).decode())
        return ParseDict(request, ExportTraceServiceRequest(), ignore_unknown_fields=True)
    except (ParseError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise NotOtlpError(type(error).__name__) from error


def _request(spans: Iterable[StoredSpan]) -> dict[str, Any]:
    resources: list[dict[str, Any]] = []
    last: StoredSpan | None = None
    for span in spans:
        if last is None or span.resource is not last.resource:
            resources.append({**span.resource, "scopeSpans": []})
        scopes = resources[-1]["scopeSpans"]
        if last is None or not scopes or span.scope is not last.scope:
            scopes.append({**span.scope, "spans": []})
        scopes[-1]["spans"].append(span.fields)
        last = span
    return {"resourceSpans": resources}


# ---------------------------------------------------------------- ids
def raw_spans(request: Any) -> Iterator[dict[str, Any]]:
    """The spans of a batch in OTLP JSON."""
    for resource_spans in request.get("resourceSpans", ()):
        for scope_spans in resource_spans.get("scopeSpans", ()):
            yield from scope_spans.get("spans", ())


def convert_ids(request: Any, convert: Callable[[str], str]) -> None:
    """Convert all ids of a batch: OTLP departs from protobuf's JSON mapping in that they are in hex."""
    for span in raw_spans(request):
        for holder in (span, *span.get("links", ())):
            for name in _ID_FIELDS:
                if name in holder:
                    holder[name] = convert(holder[name])
