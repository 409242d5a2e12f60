"""What was exported, and how to read it in a test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

_SHOWN = (
    "http.response.status_code",
    "autogen.config.index",
    "autogen.cache.hit",
    "autogen.helper.role",
    "autogen.tool.arguments.problems",
    "autogen.errors.handled",
)


@dataclass(frozen=True)
class Point:
    """One measured series.

    Args:
        labels: its attributes.
        count: measurements of a histogram; sum of a counter.
        total: sum of both.
        traces: trace ids of its exemplars.
        bounds: upper bounds of a histogram's buckets.
    """

    labels: dict[str, Any]
    count: float
    total: float
    traces: frozenset[int]
    bounds: tuple[float, ...]


class Telemetry:
    """Providers that keep spans and measurements."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(resource=Resource({"service.name": "test"}), shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self._reader = InMemoryMetricReader()
        self.meter_provider = MeterProvider([self._reader], shutdown_on_exit=False)

    @property
    def spans(self) -> list[ReadableSpan]:
        """Ended spans in the order in which they started."""
        return sorted(self._exporter.get_finished_spans(), key=lambda span: span.start_time or 0)

    def named(self, prefix: str) -> list[ReadableSpan]:
        """Spans whose name begins so."""
        return [span for span in self.spans if span.name.startswith(prefix)]

    def one(self, prefix: str) -> ReadableSpan:
        """The only span whose name begins so."""
        (span,) = self.named(prefix)
        return span

    @property
    def points(self) -> dict[str, list[Point]]:
        """All series by metric; exemplars are given only once, as to an exporter."""
        collected = self._reader.get_metrics_data()
        scopes = [] if collected is None else collected.resource_metrics[0].scope_metrics
        return {
            metric.name: [_point(one) for one in metric.data.data_points]
            for scope in scopes
            for metric in scope.metrics
        }

    def measured(self, name: str, **labels: Any) -> list[Point]:
        """The series of a metric that have these labels, given by the last part of their key or the whole."""
        return [one for one in self.points.get(name, ()) if labels.items() <= _short(one.labels).items()]

    def tree(self, *also: str) -> str:
        """All traces as indented text: name, kind of failure, some telling attributes and those asked for."""
        return "\n".join(self._lines(None, 0, also))

    def children(self, parent: ReadableSpan) -> list[ReadableSpan]:
        """Spans directly below, in start order."""
        return [span for span in self.spans if _parent(span) == _id(parent)]

    def clear(self) -> None:
        """Forget what was exported so far."""
        self._exporter.clear()

    def _lines(self, parent: int | None, depth: int, also: tuple[str, ...]) -> Iterator[str]:
        ids = {_id(span) for span in self.spans}
        for span in self.spans:
            above = _parent(span)
            if above == parent or (parent is None and above not in ids):
                yield "  " * depth + line(span, also)
                yield from self._lines(_id(span), depth + 1, also)


def _point(found: Any) -> Point:
    total = getattr(found, "sum", None)
    return Point(
        labels=dict(found.attributes),
        count=found.count if total is not None else found.value,
        total=found.value if total is None else total,
        traces=frozenset(one.trace_id for one in found.exemplars if one.trace_id is not None),
        bounds=tuple(getattr(found, "explicit_bounds", ())),
    )


def _short(labels: dict[str, Any]) -> dict[str, Any]:
    return {key.rpartition(".")[2]: value for key, value in labels.items()} | labels


def line(span: ReadableSpan, also: tuple[str, ...] = ()) -> str:
    """One span as a line."""
    attributes = attributes_of(span)
    parts = [span.name]
    if span.status.status_code is StatusCode.ERROR:
        parts.append(f"ERROR[{attributes['autogen.error.origin']}: {attributes['error.type']}]")
    for name in (*_SHOWN, *also):
        value = attributes.get(name)
        if value is not None and not (
            name == "autogen.config.index"
            and (span.name.startswith("config_entry") or "http.request.method" in attributes)
        ):
            parts.append(f"{name.removeprefix('autogen.')}={_plain(value)}")
    return " ".join(parts)


def attributes_of(span: ReadableSpan) -> dict[str, Any]:
    """The attributes as a plain dict."""
    return dict(span.attributes or {})


def exception_of(span: ReadableSpan) -> dict[str, Any]:
    """The attributes of the one exception event of a failing span."""
    (event,) = [event for event in span.events if event.name == "exception"]
    return dict(event.attributes or {})


def strings_in(spans: Sequence[ReadableSpan]) -> str:
    """Every character that these spans export."""
    return "\n".join(span.to_json(indent=None) for span in spans)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _id(span: ReadableSpan) -> int:
    assert span.context is not None
    return int(span.context.span_id)


def _parent(span: ReadableSpan) -> int | None:
    return None if span.parent is None else span.parent.span_id
