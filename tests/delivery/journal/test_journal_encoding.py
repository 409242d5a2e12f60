from __future__ import annotations

from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from autogen_otel.delivery.journal.writing import line_of
from autogen_otel.delivery.otlp_json import json_of, message_of, spans_of
from tests.delivery.receivers import finished


def _spans() -> list[ReadableSpan]:
    """Spans with everything that OTLP has for them, of two resources and three scopes."""
    exporter = InMemorySpanExporter()
    everything: dict[str, Any] = {
        "text": "zwölf \N{SNOWMAN}\u2028 lines\n",
        "empty": "",
        "whole": 2**53 + 1,
        "broken": 0.1,
        "no": False,
        "texts": ["a", ""],
        "numbers": [1, 2],
        "bytes": b"\x00\xff",
    }
    for name in ("one", "two"):
        provider = TracerProvider(
            resource=Resource({"service.name": name, "host": "a"}, "https://example.org/resource"),
            span_limits=SpanLimits(max_span_attributes=6, max_events=2, max_links=1, max_event_attributes=1),
            shutdown_on_exit=False,
        )
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        for scope in ("first", "second"):
            tracer = provider.get_tracer(scope, "1", "https://example.org/scope", {"kind": scope})
            remote = trace.SpanContext(5, 6, is_remote=True, trace_flags=trace.TraceFlags(1))
            context = trace.set_span_in_context(trace.NonRecordingSpan(remote))
            link = trace.Link(
                trace.SpanContext(7, 8, is_remote=True, trace_state=trace.TraceState([("a", "b")])),
                {"why": "earlier"},
            )
            with tracer.start_as_current_span(
                "outer", context, kind=trace.SpanKind.CLIENT, attributes=everything, links=[link, link]
            ):
                with tracer.start_as_current_span("inner", kind=trace.SpanKind.CONSUMER) as inner:
                    for number in range(3):
                        inner.add_event("event", {"number": number, "more": 1})
                    inner.set_status(trace.StatusCode.ERROR, "no")
                tracer.start_span("fine").set_status(trace.StatusCode.OK)
    return list(exporter.get_finished_spans())


def test_what_comes_back_from_a_line_is_sent_as_it_was() -> None:
    spans = _spans()
    line = line_of(spans)
    back = spans_of(line)
    assert json_of(back) is line
    assert message_of(back) == encode_spans(spans)
    assert len(back) == len(spans) == 8
    parts = [message_of(spans_of(json_of(part))) for part in (back[:3], back[3:])]
    assert parts == [encode_spans(spans[:3]), encode_spans(spans[3:])]


@pytest.mark.parametrize(
    "line",
    [
        b"not json\n",
        b"[]\n",
        b"3\n",
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz"}]}]}]}\n',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[3]}]}]}\n',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"","spanId":7}]}]}]}\n',
        b'{"resourceSpans":3}\n',
        b"[" * 100_000 + b"\n",
    ],
)
def test_a_line_that_holds_no_batch_is_an_error_of_one_kind(line: bytes) -> None:
    with pytest.raises(ValueError):
        spans_of(line)


def test_what_a_newer_version_adds_stays_but_where_protobuf_does_not_know_it() -> None:
    line = line_of(finished("a")).replace(b'"name":"a"', b'"name":"a","novelty":{"x":1}')
    spans = spans_of(line)
    assert [span.name for span in spans] == ["a"]
    assert b"novelty" in json_of(spans[:1])
    assert message_of(spans) == message_of(spans_of(line.replace(b',"novelty":{"x":1}', b"")))


def test_spans_that_protobuf_cannot_hold_are_an_error_of_one_kind() -> None:
    line = line_of(finished("a")).replace(b'"startTimeUnixNano":"', b'"startTimeUnixNano":"x')
    with pytest.raises(ValueError):
        message_of(spans_of(line))


def test_protobufs_own_spelling_is_read_too() -> None:
    line = (
        line_of(finished("a"))
        .replace(b"resourceSpans", b"resource_spans")
        .replace(b"scopeSpans", b"scope_spans")
    )
    assert [span.name for span in spans_of(line)] == ["a"]
