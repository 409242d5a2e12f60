from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry._logs import NoOpLogger, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from autogen_otel import Settings
from autogen_otel.capture import Capture, KnownSecrets
from autogen_otel.observations import (
    AgentTurn,
    AssistantRun,
    Entry,
    EntryTried,
    Failure,
    HttpAttempt,
    ModelCall,
    Observation,
    ToolCall,
)
from autogen_otel.recording import Signals, SpanRecorder
from autogen_otel.recording.failure_logs import MODEL_EXCEPTION, OTHER_EXCEPTION, FailureLogs
from tests.support.telemetry import LogRecords

_TOOL = ToolCall(name="lookup")


@pytest.fixture
def kept() -> LogRecords:
    return LogRecords()


@pytest.fixture
def failure_logs(kept: LogRecords) -> FailureLogs:
    return FailureLogs(kept.provider.get_logger("autogen_otel", "1"))


def _emit(
    failure_logs: FailureLogs,
    observation: Observation = _TOOL,
    error: BaseException | None = None,
    *,
    told: set[int] | None = None,
    above: set[int] | None = None,
    outermost: bool = False,
    **attributes: Any,
) -> None:
    failure_logs.emit(
        observation,
        {"exception.type": type(error).__name__, "exception.message": str(error), **attributes},
        Context(),
        error=error,
        told=set() if told is None else told,
        above=None if outermost else set() if above is None else above,
    )


def _event_name(record: Any) -> str:
    return str(getattr(record, "event_name", None) or record.attributes["event.name"])


def test_a_record_says_what_the_span_says_and_leads_to_it(
    failure_logs: FailureLogs, kept: LogRecords
) -> None:
    span = TracerProvider(shutdown_on_exit=False).get_tracer("test").start_span("execute_tool lookup")
    said = {
        "error.type": "KeyError",
        "autogen.error.origin": "tool_exception",
        "exception.type": "KeyError",
        "exception.message": "no such claim",
        "exception.stacktrace": "Traceback ...",
        "gen_ai.tool.name": "lookup",
        "gen_ai.agent.name": "clerk",
    }
    failure_logs.emit(_TOOL, said, trace.set_span_in_context(span), error=KeyError(), told=set(), above=None)
    (data,), (record,) = kept.data, kept.records
    context = span.get_span_context()
    assert (record.trace_id, record.span_id) == (context.trace_id, context.span_id)
    assert record.trace_flags.sampled
    assert record.body == "no such claim"
    assert said.items() <= dict(record.attributes).items()
    assert set(record.attributes) - set(said) <= {"event.name"}
    assert record.timestamp
    resource = getattr(data, "resource", None) or record.resource
    assert resource.attributes["service.name"] == "test"


def test_no_content_is_in_a_record(failure_logs: FailureLogs, kept: LogRecords) -> None:
    content: dict[str, Any] = {
        "gen_ai.tool.call.arguments": "{}",
        "gen_ai.tool.call.result": "secret",
        "gen_ai.input.messages": "[]",
        "autogen.code.output": "secret",
        "autogen.human.reply": "secret",
        "url.full": "http://secret",
    }
    _emit(failure_logs, **content)
    assert content.keys().isdisjoint(kept.records[0].attributes)


@pytest.mark.parametrize(
    ("observation", "event_name", "severity"),
    [
        (ModelCall(entry=Entry(index=0, count=1)), MODEL_EXCEPTION, SeverityNumber.WARN),
        (EntryTried(entry=Entry(index=1, count=2)), MODEL_EXCEPTION, SeverityNumber.WARN),
        (AssistantRun(agent="clerk"), MODEL_EXCEPTION, SeverityNumber.WARN),
        (HttpAttempt(method="POST", url="http://host"), OTHER_EXCEPTION, SeverityNumber.WARN),
        (_TOOL, OTHER_EXCEPTION, SeverityNumber.ERROR),
        (AgentTurn(agent="clerk"), OTHER_EXCEPTION, SeverityNumber.ERROR),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_may_recover_is_a_warning(
    failure_logs: FailureLogs,
    kept: LogRecords,
    observation: Observation,
    event_name: str,
    severity: SeverityNumber,
) -> None:
    _emit(failure_logs, observation)
    (record,) = kept.records
    assert (_event_name(record), record.severity_number) == (event_name, severity)
    assert record.severity_text == severity.name


def test_an_exception_that_passes_through_calls_is_told_where_it_was_seen_first(
    failure_logs: FailureLogs, kept: LogRecords
) -> None:
    error, turn, chat = ValueError("no such claim"), set[int](), set[int]()
    _emit(failure_logs, _TOOL, error, above=turn)
    _emit(failure_logs, AgentTurn(agent="clerk"), error, told=turn, above=chat)
    _emit(failure_logs, AgentTurn(agent="chat"), error, told=chat)
    assert len(kept.records) == 1
    assert _event_name(kept.records[0]) == OTHER_EXCEPTION


def test_what_the_application_gets_to_see_is_an_error_and_its_stack_is_told_once(
    failure_logs: FailureLogs, kept: LogRecords
) -> None:
    error, chat = TimeoutError("no answer in time"), set[int]()
    stack: dict[str, Any] = {"exception.stacktrace": "Traceback ..."}
    call = ModelCall(entry=Entry(index=0, count=1))
    _emit(failure_logs, call, error, above=chat, **stack)
    _emit(failure_logs, AgentTurn(agent="clerk"), error, told=chat, outermost=True, **stack)
    told = [(one.severity_number, "exception.stacktrace" in one.attributes) for one in kept.records]
    assert told == [(SeverityNumber.WARN, True), (SeverityNumber.ERROR, False)]


def test_a_model_call_outside_of_conversations_that_fails_is_an_error(
    failure_logs: FailureLogs, kept: LogRecords
) -> None:
    _emit(failure_logs, ModelCall(entry=Entry(index=0, count=1)), OSError("gone"), outermost=True)
    assert [one.severity_number for one in kept.records] == [SeverityNumber.ERROR]


def test_a_retry_that_fails_alike_is_told_again(failure_logs: FailureLogs, kept: LogRecords) -> None:
    call = set[int]()
    for _ in range(2):
        _emit(failure_logs, _TOOL, TimeoutError("no answer in time"), above=call)
    assert len(kept.records) == 2


def test_another_exception_after_a_handled_one_is_told(failure_logs: FailureLogs, kept: LogRecords) -> None:
    first, call = ValueError("handled"), set[int]()
    _emit(failure_logs, _TOOL, first, above=call)
    first.args = ("another one that has the place of the first",)
    _emit(failure_logs, AgentTurn(agent="clerk"), first, told=call)
    assert len(kept.records) == 2


def test_a_failure_without_an_exception_is_told_for_each_span(
    failure_logs: FailureLogs, kept: LogRecords
) -> None:
    call = set[int]()
    _emit(failure_logs, _TOOL, above=call)
    _emit(failure_logs, AgentTurn(agent="clerk"), told=call)
    assert (len(kept.records), call) == (2, set())


def test_a_logger_that_does_nothing_is_no_error() -> None:
    _emit(FailureLogs(NoOpLogger("autogen_otel")))


def test_what_fails_in_a_trace_that_is_not_sampled_is_told(
    failure_logs: FailureLogs, kept: LogRecords
) -> None:
    tracer = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False).get_tracer("test")
    capture = Capture(Settings(), KnownSecrets())
    recorder = SpanRecorder(Signals(tracer, capture, failure_logs=failure_logs))
    error = KeyError("P-2")
    recording = recorder.start(_TOOL, None)
    recording.end(replace(_TOOL, agent="clerk", failure=Failure("tool_exception", error)))
    (record,) = kept.records
    assert {
        "gen_ai.tool.name": "lookup",
        "gen_ai.agent.name": "clerk",
        "error.type": "KeyError",
        "autogen.error.origin": "tool_exception",
        "exception.message": "'P-2'",
    }.items() <= dict(record.attributes).items()
    assert not record.trace_flags.sampled
