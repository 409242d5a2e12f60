"""Jaeger v2: its query interface v3, and v1 where it still exists and v3 does not search attributes."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from typing import Any, Final

from autogen_otel.traces.formats import jaeger, otlp
from autogen_otel.traces.selection import Selection
from autogen_otel.traces.source import NoConversationsError, SourceError
from autogen_otel.traces.sources.http import Client
from autogen_otel.traces.sources.store import FoundTrace, Page, Window, sound_spans
from autogen_otel.traces.trace import NS, Link, Span, by_trace
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes
from autogen_otel.vocabulary import spans as span_names

_NS_PER_US: Final = 1000
_AT_ONCE: Final = 8
_KIND_OF_REFERENCE: Final = "opentracing.ref_type"
_ERROR: Final = "error"
"""The tag by which Jaeger finds spans that failed."""
_OURS: Final = frozenset(
    {span_names.INVOKE_WORKFLOW, span_names.INVOKE_AGENT, span_names.CHAT, span_names.EXECUTE_TOOL}
)
_OF_OURS: Final = _OURS | {
    span_names.HANDOFF,
    span_names.CONFIG_ENTRY,
    span_names.EXECUTE_CODE,
    span_names.AWAIT_HUMAN_INPUT,
    "POST",
}
_MOST_WORKFLOWS: Final = 10
_MOST_NAMED: Final = 10
_ON_EVERY_SPAN: Final = frozenset({names.SESSION_ID, names.USER_ID})
_ON_SOME_SPAN: Final = (names.ERROR_ORIGIN, names.GEN_AI_TOOL_NAME, names.GEN_AI_AGENT_NAME)
"""The more telling ones first."""


@dataclass(frozen=True)
class Search:
    """What one request searches for: a span that has all of this.

    Args:
        service: its program.
        operation: its name; ``None`` for any.
        tags: its attributes, and ``error`` for whether it failed.
    """

    service: str
    operation: str | None
    tags: Mapping[str, str]

    def matches(self, span: Span) -> bool:
        """Whether a span has all of it."""
        return (
            span.service == self.service
            and self.operation in {None, span.name}
            and all(
                span.failed if key == _ERROR else span.attributes.get(key) == value
                for key, value in self.tags.items()
            )
        )


class Jaeger:
    """The traces in a Jaeger."""

    most = 50
    finest_ns = _NS_PER_US
    longest_ns = 365 * 24 * 3600 * NS

    def __init__(self, client: Client) -> None:
        self._client = client
        self.name = client.name
        self.has_damaged_spans = False

    # ------------------------------------------------------------ what a search is
    def query(self, selection: Selection, window: Window) -> list[Search]:
        """The searches that together find the conversations of a selection.

        Attributes of different spans cannot be combined, so a search for failures leaves the others out.
        """
        attributes = selection.span_attributes
        tags = {key: value for key, value in attributes.items() if key in _ON_EVERY_SPAN}
        candidates = [(key, attributes[key]) for key in _ON_SOME_SPAN if key in attributes]
        if selection.cause is not None or (candidates and not selection.failing):
            tags.update(candidates[:1])
        elif selection.failing:
            services = self._services(selection)
            return self._failing(services, tags, window)
        return [
            Search(service, operation, tags)
            for service, operations in self._services(selection).items()
            for operation in ([None] if tags else _narrowest(operations))
        ]

    def _failing(self, services: Iterable[str], tags: Mapping[str, str], window: Window) -> list[Search]:
        searches = [Search(service, None, {**tags, _ERROR: "true"}) for service in services]
        if any(self._search(search, window, 1)[0] for search in searches):
            return searches
        # Jaeger's memory storage finds no errors, but it finds the causes on our spans.
        by_cause = (
            Search(service, None, {**tags, names.ERROR_ORIGIN: cause})
            for service in services
            for cause in causes.CAUSES
        )
        return [search for search in by_cause if self._search(search, window, 1)[0]]

    def _services(self, selection: Selection) -> dict[str, list[str]]:
        """The programs that hold conversations, with the names of their spans."""
        known_services = self._known_services()
        if selection.service is not None:
            if selection.service not in known_services:
                raise NoConversationsError(
                    f"{self.name} knows no program {selection.service!r}{_known_programs(known_services)}"
                )
            return {selection.service: self._operations(selection.service)}
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            operations = dict(zip(known_services, pool.map(self._operations, known_services), strict=True))
        with_conversations = {
            service: span_operations
            for service, span_operations in operations.items()
            if any(_operation_of(operation) in _OURS for operation in span_operations)
        }
        if not with_conversations:
            raise NoConversationsError(f"{self.name} holds no conversations{_known_programs(known_services)}")
        return with_conversations

    def _known_services(self) -> list[str]:
        return self._client.get(
            "/api/v3/services",
            missing=[],
            read=lambda answer: sorted(map(_text, answer.get("services") or ())),
        )

    def _operations(self, service: str) -> list[str]:
        return self._client.get(
            "/api/v3/operations",
            {"service": service},
            read=lambda answer: [_text(found["name"]) for found in answer.get("operations") or ()],
        )

    # ------------------------------------------------------------ searching
    def search(self, query: list[Search], window: Window, most: int) -> Page:
        """See ``Store.search``."""
        found_traces: dict[str, FoundTrace] = {}
        is_full = False
        for search in query:
            traces, is_whole = self._search(search, window, most)
            is_full = is_full or len(traces) >= most
            for trace_id, spans in traces.items():
                starts = [
                    span.start_ns for span in spans if any(candidate.matches(span) for candidate in query)
                ]
                if starts:
                    found_traces[trace_id] = FoundTrace(trace_id, min(starts), spans if is_whole else None)
        return Page(list(found_traces.values()), is_full)

    def _search(self, search: Search, window: Window, most: int) -> tuple[dict[str, list[Span]], bool]:
        """Spans by trace id, and whether they are all spans of their trace, with exact values."""
        if search.tags and self._has_v1:
            return self._search_v1(search, window, most), False
        parameters: dict[str, str | int] = {
            "query.service_name": search.service,
            "query.start_time_min": _timestamp(window.start_ns),
            "query.start_time_max": _timestamp(window.end_ns - 1),
            "query.num_traces": most,
            "query.raw_traces": "true",
        }
        if search.operation is not None:
            parameters["query.operation_name"] = search.operation
        if search.tags:
            parameters["query.attributes"] = json.dumps(search.tags)
        spans = self._client.get("/api/v3/traces", parameters, missing={}, read=self._spans_of)
        return by_trace(spans), True

    def _search_v1(self, search: Search, window: Window, most: int) -> dict[str, list[Span]]:
        parameters: dict[str, str | int] = {
            "service": search.service,
            "tags": json.dumps(search.tags),
            "start": window.start_ns // _NS_PER_US,
            "end": (window.end_ns - 1) // _NS_PER_US,
            "limit": most,
            "raw": "true",
        }
        return by_trace(self._client.get("/api/traces", parameters, read=self._spans_of_v1))

    @cached_property
    def _has_v1(self) -> bool:
        try:
            return self._client.get("/api/services", read=jaeger.is_jaeger)
        except SourceError:
            return False

    def trace(self, trace_id: str) -> list[Span]:
        """See ``Store.trace``."""
        path = f"/api/v3/traces/{trace_id}"
        spans = self._client.get(path, {"raw_traces": "true"}, missing={}, read=self._spans_of)
        return [span for span in spans if span.trace_id == trace_id]

    def _spans_of(self, answer: Any) -> list[Span]:
        return list(self._as_sent(otlp.spans_of(answer)))

    def _spans_of_v1(self, answer: Any) -> list[Span]:
        return list(self._as_sent(jaeger.spans_of(answer))) if jaeger.is_jaeger(answer) else []

    def _as_sent(self, results: Iterator[Span | Exception]) -> Iterator[Span]:
        """Spans as they were sent."""
        for span in sound_spans(self, results):
            span.attributes = jaeger.restore_lists(span.attributes)
            span.links = tuple(map(_link, span.links))
            yield span

    def link(self, trace_id: str, span_id: str) -> str:
        """The trace in Jaeger's user interface, with the span open."""
        return f"{self._client.url}/trace/{trace_id}?{urllib.parse.urlencode({'uiFind': span_id})}"


def _text(value: Any) -> str:
    """A text that a server has to give."""
    if not isinstance(value, str):
        raise TypeError
    return value


def _link(link: Link) -> Link:
    """A link as it was sent: Jaeger adds the kind of reference as an attribute."""
    own = {key: value for key, value in link.attributes.items() if key != _KIND_OF_REFERENCE}
    return Link(link.trace_id, link.span_id, own)


def _narrowest(operations: Sequence[str]) -> list[str | None]:
    """The names to search for in a program that does other things as well; ``None`` for all."""
    workflows = [
        operation for operation in operations if _operation_of(operation) == span_names.INVOKE_WORKFLOW
    ]
    if (
        not workflows
        or len(workflows) > _MOST_WORKFLOWS
        or all(_operation_of(operation) in _OF_OURS for operation in operations)
    ):
        return [None]
    return list(workflows)


def _operation_of(operation: str) -> str:
    return operation.partition(" ")[0]


def _known_programs(services: Sequence[str]) -> str:
    if not services:
        return ": it has no traces at all"
    more = f" and {len(services) - _MOST_NAMED} more" if len(services) > _MOST_NAMED else ""
    noun = "program" if len(services) == 1 else "programs"
    return f"; it knows the {noun} {', '.join(services[:_MOST_NAMED])}{more}"


def _timestamp(moment_ns: int) -> str:
    seconds, rest = divmod(moment_ns, NS)
    return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%dT%H:%M:%S}.{rest:09}Z"
