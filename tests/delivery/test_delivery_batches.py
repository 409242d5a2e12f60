from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, Status, StatusCode

from autogen_otel.delivery.exporting.export import MAX_BYTES, split
from autogen_otel.delivery.spans import encodable_span, encoded_span_size
from tests.delivery.receivers import finished
from tests.support.telemetry import own_log_records

_CONTEXT = trace.SpanContext(1, 2, is_remote=False, trace_state=trace.TraceState([("vendor", "value")]))
_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
_values = st.one_of(
    _texts, st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.lists(_texts, max_size=4)
)
_attributes = st.dictionaries(_texts.filter(bool), _values, max_size=5)


def _span(name: str = "span", attributes: Any = None, **more: Any) -> ReadableSpan:
    return ReadableSpan(
        name=name,
        context=_CONTEXT,
        parent=_CONTEXT,
        attributes=attributes or {},
        start_time=2**62,
        end_time=2**62,
        **{"resource": Resource({"service.name": "test"}), **more},
    )


@given(name=_texts, attributes=_attributes, event=_attributes, link=_attributes, description=_texts)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_measure_is_never_below_the_encoded_size(
    name: str, attributes: Any, event: Any, link: Any, description: str
) -> None:
    span = _span(
        name,
        attributes,
        events=[Event(name, event, 2**62)],
        links=[Link(_CONTEXT, link)],
        status=Status(StatusCode.ERROR, description),
        instrumentation_scope=InstrumentationScope(name, description, name),
    )
    assert encoded_span_size(span) >= encode_spans([span]).ByteSize()


def test_a_small_batch_stays_whole_and_keeps_its_objects() -> None:
    spans = finished("a", "b", "c")
    batches, broken = split(spans, encodable_span)
    assert broken == 0
    assert [id(span) for span in batches[0]] == [id(span) for span in spans]
    assert len(batches) == 1


def test_a_batch_of_large_spans_is_split_below_what_receivers_take() -> None:
    spans = [_span(f"{number}", {"text": "ü" * 16_000}) for number in range(512)]
    assert encode_spans(spans).ByteSize() > 16_000_000
    batches, broken = split(spans, encodable_span)
    assert [span.name for batch in batches for span in batch] == [f"{number}" for number in range(512)]
    assert all(encode_spans(batch).ByteSize() < MAX_BYTES for batch in batches)
    assert (len(batches), broken) == (6, 0)


def test_a_span_above_the_limit_stands_alone() -> None:
    spans = [_span("a"), _span("b", {"text": "x" * 5000}), _span("c")]
    batches, _ = split(spans, encodable_span, limit=2000)
    assert [[span.name for span in batch] for batch in batches] == [["a"], ["b"], ["c"]]


def test_items_of_no_size_are_one_batch() -> None:
    assert split(["a", "b"], lambda item: (item, 0)) == ([["a", "b"]], 0)


_HALF = "half \ud800 pair"


@pytest.mark.parametrize(
    "broken",
    [
        _span(_HALF),
        _span(attributes={"key": _HALF}),
        _span(attributes={_HALF: "value"}),
        _span(attributes={"keys": ("fine", _HALF)}),
        _span(attributes={"huge": 2**64}),
        _span(status=Status(StatusCode.ERROR, _HALF)),
        _span(events=[Event(_HALF, {"key": _HALF}, 1)]),
        _span(links=[Link(_CONTEXT, {"key": _HALF})]),
        _span(instrumentation_scope=InstrumentationScope(_HALF, _HALF, _HALF)),
        _span(resource=Resource({"service.name": _HALF})),
    ],
    ids=["name", "value", "key", "list", "integer", "status", "event", "link", "scope", "resource"],
)
def test_what_cannot_be_encoded_is_repaired(broken: ReadableSpan, caplog: pytest.LogCaptureFixture) -> None:
    ((fine, repaired),), left_out = split([_span("fine"), broken], encodable_span)
    assert (fine.name, left_out) == ("fine", 0)
    encoded = encode_spans([repaired])
    assert own_log_records(caplog) == []
    text = str(encoded)
    assert "half ? pair" in text or str(2**64) in text


def test_repair_keeps_everything_else() -> None:
    status = Status(StatusCode.ERROR, "why")
    attributes: dict[str, Any] = {"text": "x", "count": 3, "share": 0.5, "list": ("a", "b")}
    more: dict[str, Any] = {
        "events": [Event("event", {"a": 1}, 7)],
        "links": [Link(_CONTEXT, {"b": 2})],
        "status": status,
        "kind": trace.SpanKind.SERVER,
        "instrumentation_scope": InstrumentationScope("scope", "1", "schema"),
    }
    (((repaired,),), _) = split([_span("name\ud800", attributes, **more)], encodable_span)
    expected = encode_spans([_span("name?", attributes, **more)])
    assert encode_spans([repaired]) == expected


def test_repair_keeps_the_counts_of_what_the_limits_dropped() -> None:
    exporter = InMemorySpanExporter()
    limits = SpanLimits(max_span_attributes=1, max_events=1, max_links=1)
    provider = TracerProvider(span_limits=limits, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    links = [Link(_CONTEXT), Link(_CONTEXT)]
    with provider.get_tracer("tests").start_as_current_span("\ud800", links=links) as span:
        span.set_attributes({"a": 1, "b": 2})
        span.add_event("one")
        span.add_event("two")
    (original,) = exporter.get_finished_spans()
    (((repaired,),), _) = split([original], encodable_span)
    assert repaired is not original
    counts = (repaired.dropped_attributes, repaired.dropped_events, repaired.dropped_links)
    assert counts == (1, 1, 1)


def test_a_span_beyond_repair_is_left_out_and_counted() -> None:
    batches, broken = split([_span("a"), _span(events=[None]), _span("b")], encodable_span)
    assert [[span.name for span in batch] for batch in batches] == [["a", "b"]]
    assert broken == 1
