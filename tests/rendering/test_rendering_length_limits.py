"""Values are cut to what the SDK keeps of them, so that the middle of a stack trace goes and not its end."""

from __future__ import annotations

import json

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import autogen_otel
from autogen_otel.testing import text, tool_call
from tests.support.agents import Serve, chat, pair

_LENGTH = 700


def look_up(policy_id: str) -> str:
    """Fail far below."""
    return _fail_below(30, policy_id)


def _fail_below(depth: int, policy_id: str) -> str:
    if depth:
        return _fail_further_below(depth - 1, policy_id)
    raise LookupError(f"no policy {policy_id}")


def _fail_further_below(depth: int, policy_id: str) -> str:
    return _fail_below(depth, policy_id)


def spans_of(serve: Serve, limits: SpanLimits | None) -> list[ReadableSpan]:
    """The spans of a conversation whose tool fails, as an exporter gets them."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(span_limits=limits, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    settings = autogen_otel.Settings(capture_message_content="SPAN_ONLY")
    autogen_otel.instrument(tracer_provider=provider, settings=settings)
    try:
        arguments = {"policy_id": "P-1", "note": "word " * 400}
        served = serve(
            [tool_call("look_up", arguments), tool_call("look_up", {"policy_id": "P-2"}), text("TERMINATE")]
        )
        chat(*pair(served, look_up))
    finally:
        autogen_otel.uninstrument()
    return list(exporter.get_finished_spans())


@pytest.mark.parametrize(
    "variable", ["OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", None]
)
def test_a_stack_trace_keeps_its_end_and_json_stays_json(
    variable: str | None, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable is not None:
        monkeypatch.setenv(variable, str(_LENGTH))
    limits = SpanLimits(max_attribute_length=_LENGTH) if variable is None else None
    spans = spans_of(serve, limits)
    traces = [
        str((event.attributes or {})["exception.stacktrace"])
        for span in spans
        for event in span.events
        if event.name == "exception"
    ]
    ours = [trace for trace in traces if "LookupError" in trace]
    assert ours
    for trace in ours:
        assert len(trace) <= _LENGTH
        assert trace.rstrip().endswith(("LookupError: no policy P-1", "LookupError: no policy P-2"))
        assert "in _fail_below\n" in trace
        assert "frames cut]" in trace
    messages = [
        str(value)
        for span in spans
        for key, value in (span.attributes or {}).items()
        if key.startswith("gen_ai.") and key.endswith(".messages")
    ]
    assert messages
    assert all(isinstance(json.loads(message), list) for message in messages)
