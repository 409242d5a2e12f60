"""Message content as events: what was said and what is known of the call, correlated with its span."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.sdk import _logs as sdk
from opentelemetry.sdk._logs import export
from opentelemetry.sdk.trace import TracerProvider

from autogen_otel import Settings
from autogen_otel.capture import Capture, KnownSecrets
from autogen_otel.observations import Content, ContentKind, Entry, Exchange, Failure, ModelCall, Usage
from autogen_otel.recording.content_events import INFERENCE_DETAILS, ContentEvents
from autogen_otel.vocabulary import attributes as names

_EXPORTER: Any = getattr(export, "InMemoryLogRecordExporter", None) or vars(export)["InMemoryLogExporter"]
_ASKED = Content(ContentKind.INPUT_MESSAGES, ({"role": "user", "content": "Hello"},))
_ANSWERED = Content(
    ContentKind.OUTPUT_MESSAGES, ({"role": "assistant", "content": "Hi.", "finish_reason": "stop"},)
)
_CALL = ModelCall(
    entry=Entry(0, 1, "gpt-4o", provider="openai", address="host", port=443),
    agent="anna",
    response_model="gpt-4o-2026",
    finish_reasons=("stop",),
    usage=Usage(input_tokens=3, output_tokens=1),
    exchange=Exchange(input=_ASKED, output=_ANSWERED),
)


def emitted(call: ModelCall, where: str) -> tuple[list[Any], Any]:
    """The log records of a call, and the context of its span."""
    exporter, provider = _EXPORTER(), sdk.LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(export.SimpleLogRecordProcessor(exporter))
    capture = Capture(Settings(capture_message_content=where), KnownSecrets())
    span = TracerProvider(shutdown_on_exit=False).get_tracer("test").start_span("chat")
    ContentEvents(provider.get_logger("test"), capture).emit(call, trace.set_span_in_context(span))
    records = list(exporter.get_finished_logs())
    assert len(encode_logs(records).resource_logs) == len(records)
    return records, span.get_span_context()


@pytest.mark.parametrize("where", ["EVENT_ONLY", "SPAN_AND_EVENT"])
def test_an_event_tells_what_was_said_and_what_is_known_of_the_call(where: str) -> None:
    (record,), context = emitted(_CALL, where)
    log = record.log_record
    told = dict(log.attributes)
    assert (getattr(log, "event_name", None) or told.pop("event.name")) == INFERENCE_DETAILS
    assert (log.trace_id, log.span_id, log.body) == (context.trace_id, context.span_id, "chat gpt-4o")
    said = {key: told.pop(key) for key in (names.GEN_AI_INPUT_MESSAGES, names.GEN_AI_OUTPUT_MESSAGES)}
    asked, answered = (json.loads(one) if isinstance(one, str) else _plain(one) for one in said.values())
    assert asked == [{"role": "user", "parts": [{"type": "text", "content": "Hello"}]}]
    assert answered == [
        {"role": "assistant", "parts": [{"type": "text", "content": "Hi."}], "finish_reason": "stop"}
    ]
    assert told == {
        names.GEN_AI_OPERATION_NAME: "chat",
        names.GEN_AI_PROVIDER_NAME: "openai",
        names.GEN_AI_AGENT_NAME: "anna",
        names.GEN_AI_REQUEST_MODEL: "gpt-4o",
        names.GEN_AI_RESPONSE_MODEL: "gpt-4o-2026",
        names.GEN_AI_RESPONSE_FINISH_REASONS: ("stop",),
        names.GEN_AI_USAGE_INPUT_TOKENS: 3,
        names.GEN_AI_USAGE_OUTPUT_TOKENS: 1,
        names.SERVER_ADDRESS: "host",
        names.SERVER_PORT: 443,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return {key: _plain(one) for key, one in value.items()} if hasattr(value, "items") else value


@pytest.mark.parametrize("where", ["NO_CONTENT", "SPAN_ONLY"])
def test_nothing_is_emitted_where_no_events_are_wanted(where: str) -> None:
    assert emitted(_CALL, where)[0] == []


def test_the_event_of_a_failed_call_names_the_failure() -> None:
    failed = ModelCall(entry=_CALL.entry, failure=Failure(origin="backend", error=ValueError("No")))
    (record,), _ = emitted(failed, "EVENT_ONLY")
    told = record.log_record.attributes
    assert told[names.ERROR_TYPE] == "ValueError"
    assert names.GEN_AI_INPUT_MESSAGES not in told
