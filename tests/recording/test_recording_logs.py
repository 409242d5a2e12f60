"""Log records of failures and of message content, made of the attributes of the call."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry._logs import NoOpLogger, SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.sdk import _logs as sdk
from opentelemetry.sdk._logs import export
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from autogen_otel import Settings
from autogen_otel.causes import Failure
from autogen_otel.hosts.classic.conversations.agent_turn import AgentTurn
from autogen_otel.hosts.classic.models.model_call import ModelCall
from autogen_otel.hosts.classic.tools.tool_call import ToolCall
from autogen_otel.recording import MODEL_EXCEPTION, Call, Recorder
from autogen_otel.recording.logs import INFERENCE_DETAILS, ContentEvents, FailureLogs
from autogen_otel.vocabulary import attributes as names
from tests.support.calls import KINDS, begin, end
from tests.support.telemetry import LogRecords

_EXPORTER: Any = getattr(export, "InMemoryLogRecordExporter", None) or vars(export)["InMemoryLogExporter"]


@pytest.fixture
def kept() -> LogRecords:
    return LogRecords()


@pytest.fixture
def recorder(kept: LogRecords) -> Recorder:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    return Recorder(tracer, failure_logs=FailureLogs(kept.provider.get_logger("autogen_otel", "1")))


def event_name(record: Any) -> str:
    return str(getattr(record, "event_name", None) or record.attributes["event.name"])


def fail(
    recorder: Recorder, kind: type[Call], error: BaseException | None, parent: Call | None = None
) -> None:
    """A call that fails at once."""
    call = begin(recorder, kind, parent)
    end(call, Failure("backend", error, type="odd", message="It is odd"))


def test_a_record_says_what_the_span_says_and_leads_to_it(recorder: Recorder, kept: LogRecords) -> None:
    call = begin(recorder, ToolCall, gen_ai__tool__name="lookup", gen_ai__agent__name="clerk")
    context = call.span_context
    end(call, Failure("tool_exception", KeyError("no such claim")))
    (record,) = kept.records
    assert (record.trace_id, record.span_id) == (context.trace_id, context.span_id)
    assert record.trace_flags.sampled
    assert record.body == "'no such claim'"
    attributes = dict(record.attributes)
    assert "KeyError: 'no such claim'" in attributes.pop(names.EXCEPTION_STACKTRACE)
    assert (
        attributes.items()
        >= {
            "error.type": "KeyError",
            "autogen.error.origin": "tool_exception",
            "exception.type": "KeyError",
            "exception.message": "'no such claim'",
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "lookup",
            "gen_ai.agent.name": "clerk",
        }.items()
    )
    assert record.timestamp


def test_no_content_is_in_a_record(recorder: Recorder, kept: LogRecords) -> None:
    call = begin(recorder, ToolCall, gen_ai__tool__call__result="{}", url__full="http://host")
    end(call, Failure("unknown", type="odd", message="odd"), autogen__code__output="1")
    content = {"gen_ai.tool.call.result", "url.full", "autogen.code.output"}
    assert content.isdisjoint(kept.records[0].attributes)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_what_goes_no_further_is_a_warning(recorder: Recorder, kept: LogRecords, kind: type[Call]) -> None:
    fail(recorder, kind, None, begin(recorder, AgentTurn))
    (record,) = kept.records
    assert record.severity_number is SeverityNumber.WARN
    assert record.severity_text == "WARN"
    is_of_model = kind.__name__ in {"ModelCall", "EntryCall", "AssistantRun"}
    assert event_name(record) == (MODEL_EXCEPTION if is_of_model else "autogen.exception")


def summaries(kept: LogRecords) -> list[tuple[str, str, str]]:
    return [
        (one.attributes["gen_ai.operation.name"], one.severity_text, one.attributes["exception.message"])
        for one in kept.records
    ]


def test_an_exception_that_passes_through_calls_is_told_once_where_it_was_seen_first(
    recorder: Recorder, kept: LogRecords
) -> None:
    error = ValueError("no such claim")
    chat = begin(recorder, AgentTurn)
    turn = begin(recorder, AgentTurn, chat)
    fail(recorder, ToolCall, error, turn)
    end(turn, Failure("tool_exception", error))
    assert not kept.records
    end(chat, Failure("tool_exception", error))
    assert summaries(kept) == [("execute_tool", "ERROR", "no such claim")]


def test_an_exception_that_something_copes_with_is_a_warning_once_that_is_known(
    recorder: Recorder, kept: LogRecords
) -> None:
    chat = begin(recorder, AgentTurn)
    turn = begin(recorder, AgentTurn, chat)
    fail(recorder, ModelCall, TimeoutError("no answer in time"), turn)
    end(turn)
    assert summaries(kept) == [("chat", "WARN", "no answer in time")]


def test_an_exception_that_leads_to_another_is_a_warning(recorder: Recorder, kept: LogRecords) -> None:
    turn = begin(recorder, AgentTurn)
    fail(recorder, ModelCall, TimeoutError("no answer in time"), turn)
    end(turn, Failure("timeout", RuntimeError("gave up")))
    assert summaries(kept) == [("invoke_agent", "ERROR", "gave up"), ("chat", "WARN", "no answer in time")]


def test_an_exception_made_anew_on_its_way_is_the_same(recorder: Recorder, kept: LogRecords) -> None:
    turn = begin(recorder, AgentTurn)
    fail(recorder, ModelCall, TimeoutError("no answer in time"), turn)
    end(turn, Failure("timeout", TimeoutError("no answer in time")))
    assert summaries(kept) == [("chat", "ERROR", "no answer in time")]


def test_what_was_under_way_when_the_program_cancelled_it_is_a_warning(
    recorder: Recorder, kept: LogRecords
) -> None:
    turn = begin(recorder, AgentTurn)
    fail(recorder, ModelCall, OSError("gone"), turn)
    turn.end_with_error(KeyboardInterrupt())
    assert summaries(kept) == [("chat", "WARN", "gone")]


def test_a_model_call_outside_of_conversations_that_fails_is_an_error(
    recorder: Recorder, kept: LogRecords
) -> None:
    fail(recorder, ModelCall, OSError("gone"))
    assert [one.severity_number for one in kept.records] == [SeverityNumber.ERROR]


def test_a_retry_that_fails_alike_is_told_again(recorder: Recorder, kept: LogRecords) -> None:
    turn = begin(recorder, AgentTurn)
    for _ in range(2):
        retried = begin(recorder, AgentTurn, turn)
        fail(recorder, ToolCall, TimeoutError("no answer in time"), retried)
        end(retried)
    assert summaries(kept) == [("execute_tool", "WARN", "no answer in time")] * 2


def test_another_exception_after_a_handled_one_is_told(recorder: Recorder, kept: LogRecords) -> None:
    first, chat = ValueError("handled"), begin(recorder, AgentTurn)
    turn = begin(recorder, AgentTurn, chat)
    fail(recorder, ToolCall, first, turn)
    first.args = ("another one that has the place of the first",)
    end(turn, Failure("unknown", first))
    end(chat)
    assert [words for _, _, words in summaries(kept)] == [
        "handled",
        "another one that has the place of the first",
    ]


def test_a_failure_without_an_exception_is_told_for_each_span(recorder: Recorder, kept: LogRecords) -> None:
    chat = begin(recorder, AgentTurn)
    turn = begin(recorder, AgentTurn, chat)
    fail(recorder, ToolCall, None, turn)
    end(turn, Failure("unknown", type="odd", message="It is odd"))
    assert len(kept.records) == 2


def test_a_logger_that_does_nothing_leaves_the_span_as_it_is(recorder: Recorder) -> None:
    recorder.failure_logs = FailureLogs(NoOpLogger("autogen_otel"))
    call = begin(recorder, ToolCall)
    span: Any = call.span
    end(call, Failure("tool_exception", KeyError("P-2")))
    assert [event.name for event in span.events] == ["exception"]
    assert span.end_time is not None


def test_what_fails_in_a_trace_that_is_not_sampled_is_told(recorder: Recorder, kept: LogRecords) -> None:
    recorder.tracer = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False).get_tracer("test")
    call = begin(recorder, ToolCall, gen_ai__tool__name="lookup")
    end(call, Failure("tool_exception", KeyError("P-2")), gen_ai__agent__name="clerk")
    (record,) = kept.records
    assert {
        "gen_ai.tool.name": "lookup",
        "gen_ai.agent.name": "clerk",
        "error.type": "KeyError",
        "autogen.error.origin": "tool_exception",
        "exception.message": "'P-2'",
    }.items() <= dict(record.attributes).items()
    assert not record.trace_flags.sampled


# ---------------------------------------------------------------- message content as events
_FACTS: dict[str, Any] = {
    "gen_ai__provider__name": "openai",
    "gen_ai__request__model": "gpt-4o",
    "autogen__config__index": 0,
    "server__address": "host",
    "gen_ai__input__messages": ({"role": "user", "content": "Hello"},),
}
_ANSWER = ({"role": "assistant", "content": "Hi.", "finish_reason": "stop"},)


def emitted(where: str, failure: Failure | None = None) -> tuple[list[Any], Any]:
    """The events of a model call, and the context of its span."""
    exporter, provider = _EXPORTER(), sdk.LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(export.SimpleLogRecordProcessor(exporter))
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    recorder = Recorder(tracer, Settings(capture_message_content=where))
    recorder.content_events = ContentEvents(provider.get_logger("test"))
    call = begin(recorder, ModelCall, **_FACTS)
    context = call.span_context
    end(call, failure, gen_ai__usage__input_tokens=3, gen_ai__output__messages=None if failure else _ANSWER)
    records = list(exporter.get_finished_logs())
    assert len(encode_logs(records).resource_logs) == len(records)
    return records, context


@pytest.mark.parametrize("where", ["EVENT_ONLY", "SPAN_AND_EVENT"])
def test_an_event_tells_what_was_said_and_what_is_known_of_the_call(where: str) -> None:
    (record,), context = emitted(where)
    log = record.log_record
    attributes = dict(log.attributes)
    assert (getattr(log, "event_name", None) or attributes.pop("event.name")) == INFERENCE_DETAILS
    assert (log.trace_id, log.span_id, log.body) == (context.trace_id, context.span_id, "chat")
    said = [attributes.pop(key) for key in (names.GEN_AI_INPUT_MESSAGES, names.GEN_AI_OUTPUT_MESSAGES)]
    asked, answered = (json.loads(one) if isinstance(one, str) else _plain(one) for one in said)
    assert asked == [{"role": "user", "parts": [{"type": "text", "content": "Hello"}]}]
    assert answered == [
        {"role": "assistant", "parts": [{"type": "text", "content": "Hi."}], "finish_reason": "stop"}
    ]
    assert attributes == {
        names.GEN_AI_OPERATION_NAME: "chat",
        names.GEN_AI_PROVIDER_NAME: "openai",
        names.GEN_AI_REQUEST_MODEL: "gpt-4o",
        names.GEN_AI_USAGE_INPUT_TOKENS: 3,
        names.SERVER_ADDRESS: "host",
    }


def test_the_event_of_a_failed_call_names_the_failure() -> None:
    (record,), _ = emitted("EVENT_ONLY", Failure("backend", ValueError("No")))
    attributes = record.log_record.attributes
    assert attributes[names.ERROR_TYPE] == "ValueError"
    assert names.GEN_AI_OUTPUT_MESSAGES not in attributes


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return {key: _plain(one) for key, one in value.items()} if hasattr(value, "items") else value
