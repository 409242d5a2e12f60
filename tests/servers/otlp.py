"""Spans as OTLP's JSON has them, read without any code of the package under test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

KINDS = {0: "unspecified", 1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
STATUSES = {0: "unset", 1: "ok", 2: "error"}


@dataclass(frozen=True)
class Event:
    """An event of a span."""

    name: str
    attributes: dict[str, Any]


@dataclass(frozen=True)
class Link:
    """A link from a span to another."""

    trace_id: str
    span_id: str
    attributes: dict[str, Any]


@dataclass(frozen=True)
class Span:
    """A span; times in nanoseconds since 1970, kind and status as words in lower case."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    kind: str
    status: str
    message: str
    start_ns: int
    end_ns: int
    attributes: dict[str, Any]
    events: tuple[Event, ...]
    links: tuple[Link, ...]
    resource: dict[str, Any]
    scope: str


@dataclass(frozen=True)
class Trace:
    """The spans of one trace in the order in which they started."""

    trace_id: str
    spans: tuple[Span, ...]

    @property
    def roots(self) -> list[Span]:
        """Spans whose parent is not in the trace."""
        known = {span.span_id for span in self.spans}
        return [span for span in self.spans if span.parent_id not in known]

    def named(self, prefix: str) -> list[Span]:
        """Spans whose name begins so."""
        return [span for span in self.spans if span.name.startswith(prefix)]

    def children(self, parent: Span) -> list[Span]:
        """Spans directly below another."""
        return [span for span in self.spans if span.parent_id == parent.span_id]

    def tree(self) -> str:
        """The trace as indented text, a line for each span: its name, kind and, if it failed, error."""
        return "\n".join(line for root in self.roots for line in self._lines(root, 0))

    def _lines(self, span: Span, depth: int) -> Iterator[str]:
        failed = f" ERROR[{span.attributes.get('error.type')}]" if span.status == "error" else ""
        yield f"{'  ' * depth}{span.name} ({span.kind}){failed}"
        for child in self.children(span):
            yield from self._lines(child, depth + 1)


def traces(resource_spans: Sequence[Any]) -> list[Trace]:
    """Group the spans of OTLP's ``resourceSpans`` by trace; the trace that started first comes first."""
    spans = sorted(_spans(resource_spans), key=lambda span: span.start_ns)
    by_id: dict[str, list[Span]] = {}
    for span in spans:
        by_id.setdefault(span.trace_id, []).append(span)
    return [Trace(trace_id, tuple(members)) for trace_id, members in by_id.items()]


def attributes(raw: Sequence[Any] | None) -> dict[str, Any]:
    """Return OTLP's list of keys and values as a dict."""
    return {item["key"]: _value(item["value"]) for item in raw or ()}


def _spans(resource_spans: Sequence[Any]) -> Iterator[Span]:
    for group in resource_spans:
        resource = attributes(group.get("resource", {}).get("attributes"))
        for scope in group.get("scopeSpans", ()):
            for raw in scope.get("spans", ()):
                yield _span(raw, resource, str(scope.get("scope", {}).get("name", "")))


def _span(raw: Any, resource: dict[str, Any], scope: str) -> Span:
    status: Any = raw.get("status", {})
    return Span(
        trace_id=raw["traceId"],
        span_id=raw["spanId"],
        parent_id=raw.get("parentSpanId") or None,
        name=raw["name"],
        kind=KINDS[raw.get("kind", 0)],
        status=STATUSES[status.get("code", 0)],
        message=status.get("message", ""),
        start_ns=int(raw["startTimeUnixNano"]),
        end_ns=int(raw["endTimeUnixNano"]),
        attributes=attributes(raw.get("attributes")),
        events=tuple(
            Event(one.get("name", ""), attributes(one.get("attributes"))) for one in raw.get("events", ())
        ),
        links=tuple(
            Link(one["traceId"], one["spanId"], attributes(one.get("attributes")))
            for one in raw.get("links", ())
        ),
        resource=resource,
        scope=scope,
    )


def _value(raw: Any) -> Any:
    if not raw:
        return None
    ((kind, value),) = raw.items()
    if kind == "intValue":
        return int(value)
    if kind == "arrayValue":
        return [_value(item) for item in value.get("values", ())]
    if kind == "kvlistValue":
        return attributes(value.get("values"))
    return value
