"""The read model: spans as they were recorded, and the traces that they form."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Literal

from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import spans as span_names

NS: Final = 1_000_000_000
"""In a second."""
KINDS: Final = ("unspecified", "internal", "server", "client", "producer", "consumer")
STATUSES: Final = ("unset", "ok", "error")
"""OTLP's names of the numbers in ``Span.kind`` and ``Span.status_code``."""
TRACE_ID_DIGITS: Final = 32
SPAN_ID_DIGITS: Final = 16
_SERVER: Final = KINDS.index("server")
STATUS_ERROR: Final = 2
State = Literal["ended", "running", "interrupted"]
ENDED: Final = "ended"
RUNNING: Final = "running"
INTERRUPTED: Final = "interrupted"
_DEEPEST: Final = 50
"""Spans further below stand side by side at this depth: as a tree nobody could read them, or hold them."""
HTTP: Final = "http"
"""The ``Span.operation`` of an HTTP attempt; those of all other spans are in ``vocabulary.spans``."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened during a span."""

    name: str
    time_ns: int
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Link:
    """A span's pointer to another span, possibly of another trace."""

    trace_id: str
    span_id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Span:
    """One recorded operation: ids in lower-case hex digits, times in nanoseconds since 1970.

    Nobody changes one. It is not frozen because making a frozen one takes three times as long, and journals
    have millions.

    Args:
        kind: OTLP's number, an index of ``KINDS``.
        status_code: OTLP's number, an index of ``STATUSES``.
        attributes: values are str, bool, int, float, bytes, list or dict.
        scope: name of the instrumentation that recorded it.
        service: the program, ``service.name``.
        resource: all that is recorded of the program; the spans of one batch share it.
        state: whether it is still in flight, or was when its program was killed; then its end is the last
            time that is known of it.
        known_operation: the cached ``operation``.
    """

    trace_id: str
    span_id: str
    parent_id: str | None = None
    name: str = ""
    kind: int = 0
    start_ns: int = 0
    end_ns: int = 0
    status_code: int = 0
    status_message: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    links: tuple[Link, ...] = ()
    scope: str = ""
    service: str = ""
    resource: Mapping[str, Any] = field(default_factory=dict)
    state: State = "ended"
    known_operation: str | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def failed(self) -> bool:
        """Whether the span's status is ERROR."""
        return self.status_code == STATUS_ERROR

    @property
    def duration_ns(self) -> int:
        """Nanoseconds from start to end; clocks that ran backwards count as none."""
        return max(0, self.end_ns - self.start_ns)

    @property
    def operation(self) -> str:
        """What kind of call this is: ``chat``, ``execute_tool``, ``config_entry``, ``http`` …."""
        if self.known_operation is None:
            # Much code asks for it, for each span.
            self.known_operation = self._operation()
        return self.known_operation

    def _operation(self) -> str:
        if names.HTTP_REQUEST_METHOD in self.attributes and self.kind != _SERVER:
            return HTTP
        operation = self.attributes.get(names.GEN_AI_OPERATION_NAME)
        return operation if isinstance(operation, str) else self.name.partition(" ")[0]

    @property
    def subject(self) -> str:
        """The span's name without its operation: the agent, the model, ``user -> assistant``."""
        first, _, rest = self.name.partition(" ")
        return rest if first == self.operation else self.name

    def values(self, key: str) -> list[str]:
        """The values of an attribute of its program and of the span itself, as text."""
        return [str(attributes[key]) for attributes in (self.resource, self.attributes) if key in attributes]

    @property
    def exception(self) -> Event | None:
        """The last exception recorded on the span."""
        return next((e for e in reversed(self.events) if e.name == span_names.EXCEPTION_EVENT), None)


def by_trace(spans: Iterable[Span]) -> dict[str, list[Span]]:
    """The spans of each trace by its id, in the order in which they come."""
    traces: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        traces[span.trace_id].append(span)
    return traces


@dataclass(frozen=True)
class Trace:
    """The spans of one trace, at least one, in start order, from one or several programs."""

    spans: tuple[Span, ...]

    @classmethod
    def of(cls, spans: Iterable[Span]) -> Trace:
        """Sort the spans of one trace."""
        return cls(tuple(sorted(spans, key=lambda span: (span.start_ns, span.end_ns == 0, -span.end_ns))))

    @property
    def trace_id(self) -> str:
        """The id that all of its spans have."""
        return self.spans[0].trace_id

    @cached_property
    def top(self) -> tuple[Span, ...]:
        """The root, and the spans whose parent is not in the trace."""
        top = [
            span for span in self.spans if span.parent_id not in self._by_id or span.parent_id == span.span_id
        ]
        reached_ids = {span.span_id for first in top for span, _ in self.below(first)}
        for span in self.spans:
            # Only damaged data has circles of parents; their spans would otherwise be invisible.
            if span.span_id not in reached_ids:
                top.append(self._first_of_circle(span))
                reached_ids |= {below.span_id for below, _ in self.below(top[-1])}
        return tuple(sorted(top, key=lambda span: span.start_ns))

    def span(self, span_id: str | None) -> Span | None:
        """The span of that id, if it is in the trace."""
        return None if span_id is None else self._by_id.get(span_id)

    def children(self, span: Span) -> tuple[Span, ...]:
        """The spans directly below one, in start order."""
        return tuple(self._children.get(span.span_id, ()))

    def up_from(self, span: Span | None) -> Iterator[Span]:
        """A span and its ancestors, from the inside out."""
        seen_ids: set[str] = set()
        while span is not None and span.span_id not in seen_ids:
            seen_ids.add(span.span_id)
            yield span
            span = self.span(span.parent_id)

    def walk(self) -> Iterator[tuple[Span, int]]:
        """All spans as a reader meets them from top to bottom, with their depth from 0, at most 50."""
        for first in self.top:
            yield from self.below(first)

    def below(self, first: Span) -> Iterator[tuple[Span, int]]:
        """A span and all below it, each after its parent, with their depth from 0, at most 50."""
        pending, visited_ids = [(first, 0)], set()
        while pending:
            span, depth = pending.pop()
            if span.span_id not in visited_ids:
                visited_ids.add(span.span_id)
                yield span, depth
                pending.extend((child, min(depth + 1, _DEEPEST)) for child in reversed(self.children(span)))

    def failing(self) -> Trace:
        """The trace without spans that neither failed nor lead to a failed one; whole if none failed."""
        kept_ids = self._up_from_each(span for span in self.spans if span.failed)
        return Trace(tuple(span for span in self.spans if span.span_id in kept_ids)) if kept_ids else self

    def awaited_spans(self) -> tuple[tuple[Span, int], ...]:
        """The spans that the program waited for when it ended itself, and for how many nanoseconds.

        Such a span is the deepest cancelled one, or one still running in it: a thread is not cancelled.
        """
        cancelled_spans = [span for span in self.spans if span.attributes.get(names.CANCELLED) is True]
        outer_ids = self._up_from_each(self.span(span.parent_id) for span in cancelled_spans)
        return tuple(self._running_in(span) for span in cancelled_spans if span.span_id not in outer_ids)

    def _up_from_each(self, spans: Iterable[Span | None]) -> set[str]:
        """The ids of the spans and of their ancestors; ancestors that several share are visited once."""
        span_ids: set[str] = set()
        for span in spans:
            for outer in self.up_from(span):
                if outer.span_id in span_ids:
                    break
                span_ids.add(outer.span_id)
        return span_ids

    def _running_in(self, cancelled_span: Span) -> tuple[Span, int]:
        innermost, end_ns = cancelled_span, cancelled_span.end_ns
        for span, _ in self.below(cancelled_span):
            if span.parent_id == innermost.span_id and span.start_ns <= end_ns <= span.end_ns:
                innermost = span
        return innermost, max(0, end_ns - innermost.start_ns)

    def _first_of_circle(self, span: Span) -> Span:
        """The span that began first in the circle of parents above one that no top leads to."""
        *_, in_circle = self.up_from(span)
        return min(self.up_from(in_circle), key=lambda outer: outer.start_ns)

    @cached_property
    def _by_id(self) -> dict[str, Span]:
        return {span.span_id: span for span in self.spans}

    @cached_property
    def _children(self) -> dict[str, list[Span]]:
        children: dict[str, list[Span]] = defaultdict(list)
        for span in self.spans:
            if span.parent_id is not None and span.parent_id != span.span_id:
                children[span.parent_id].append(span)
        return children
