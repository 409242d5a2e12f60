"""Runs of the Assistants API: AutoGen keeps their messages only; the trace has status, usage and error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from autogen_otel.testing import error
from scenarios.assistants_api import ASSISTANT_ID, AssistantsApi, RunScript
from tests.support.agents import SHAPES, converse, gpt_assistant, user
from tests.support.lineage import HAS_ASSISTANTS, IS_02
from tests.support.telemetry import Telemetry, attributes_of, exception_of
from tests.support.tools import lookup

pytestmark = pytest.mark.needs(HAS_ASSISTANTS, "AG2 0.14 has no GPTAssistantAgent any more")

Provide = Callable[..., AssistantsApi]


@pytest.fixture
def provide() -> Iterator[Provide]:
    """Starts scripted Assistants APIs and stops them at the end."""
    with ExitStack() as started:
        yield lambda *runs: started.enter_context(AssistantsApi(runs))


def ask(shape: str, server: AssistantsApi, *tools: Any, turns: int = 1) -> Any:
    """A user asks the assistant."""
    return converse(shape, user(), gpt_assistant(server, *tools), max_turns=turns)


COMPLETED = """\
invoke_workflow user -> assistant errors.handled=1
  invoke_agent assistant
    POST http.response.status_code=200
    POST http.response.status_code=200
    POST http.response.status_code=200
    chat gpt-4o
      GET http.response.status_code=200
      execute_tool lookup
      execute_tool lookup ERROR[tool_exception: ValueError]
      POST http.response.status_code=200
      GET http.response.status_code=200
      GET http.response.status_code=200"""


@SHAPES
def test_a_run_shows_its_tools_its_usage_and_each_request(
    telemetry: Telemetry, provide: Provide, shape: str
) -> None:
    calls = (("lookup", {"policy_id": "P-1"}), ("lookup", {"policy_id": "P-2"}))
    result = ask(shape, provide(RunScript("It is active.", calls=calls)), lookup)
    assert "It is active." in result.chat_history[-1]["content"]
    assert telemetry.tree() == COMPLETED
    span = telemetry.one("chat")
    attributes = attributes_of(span)
    assert attributes["autogen.assistant.id"] == ASSISTANT_ID
    assert attributes["autogen.assistant.run_id"] == "run_000001"
    assert attributes["autogen.assistant.thread_id"] == "thread_000001"
    assert attributes["autogen.assistant.status"] == "completed"
    assert "autogen.assistant.error_code" not in attributes
    assert attributes["gen_ai.usage.input_tokens"] == 120
    assert attributes["gen_ai.usage.output_tokens"] == 30
    assert attributes["gen_ai.agent.name"] == "assistant"
    assert attributes["gen_ai.provider.name"] == "openai"
    assert attributes["server.address"] == "127.0.0.1"
    ids = [attributes_of(one)["gen_ai.tool.call.id"] for one in telemetry.named("execute_tool")]
    assert ids == ["call_run_000001_0", "call_run_000001_1"]


ENDINGS = [
    (RunScript(status="failed", last_error=("rate_limit_exceeded", "Slow down")), "rate_limit"),
    (RunScript(status="failed", last_error=("server_error", "Sorry")), "backend"),
    (RunScript(status="failed", last_error=("invalid_prompt", "Not allowed")), "client"),
    (
        RunScript(status="failed", last_error=("invalid_prompt", "This exceeds the context window")),
        "prompt_too_large",
    ),
    (RunScript(status="failed"), "backend"),
    (RunScript(status="expired"), "timeout"),
    (RunScript(status="cancelled"), "client"),
    (RunScript(status="incomplete", incomplete="max_prompt_tokens"), "prompt_too_large"),
]


@pytest.mark.parametrize(("script", "origin"), ENDINGS, ids=lambda one: getattr(one, "status", one))
def test_a_run_that_does_not_complete_says_why(
    telemetry: Telemetry, provide: Provide, script: RunScript, origin: str
) -> None:
    with pytest.raises(ValueError, match=f"Unexpected run status: {script.status}"):
        ask("sync", provide(script))
    span = telemetry.one("chat gpt-4o")
    attributes = attributes_of(span)
    assert attributes["autogen.assistant.status"] == script.status
    code = script.last_error[0] if script.last_error else script.incomplete
    assert attributes.get("autogen.assistant.error_code") == code
    assert exception_of(span)["exception.type"] == "ValueError"
    for name in ("chat", "invoke_agent assistant", "invoke_workflow"):
        assert attributes_of(telemetry.one(name))["autogen.error.origin"] == origin


def test_a_run_that_fails_after_a_tool_failed_links_to_it(telemetry: Telemetry, provide: Provide) -> None:
    calls = (("lookup", {"policy_id": "P-2"}),)
    script = RunScript(calls=calls, status="failed", last_error=("server_error", "Sorry"))
    with pytest.raises(ValueError, match="failed"):
        ask("sync", provide(script), lookup)
    (link,) = telemetry.one("chat").links
    tool = telemetry.one("execute_tool").context
    assert tool is not None
    assert link.context.span_id == tool.span_id


@SHAPES
def test_a_question_about_a_run_that_the_sdk_repeats_leaves_no_error_on_the_run(
    telemetry: Telemetry, provide: Provide, shape: str
) -> None:
    ask(shape, provide(RunScript("Fine.", broken_poll=error(500, "Down"))))
    run = telemetry.one("chat")
    assert run.status.is_unset
    polled = [attributes_of(one)["http.response.status_code"] for one in telemetry.children(run)]
    assert polled == [500, 200, 200]


def test_a_question_about_a_run_that_is_refused_ends_it(telemetry: Telemetry, provide: Provide) -> None:
    with pytest.raises(Exception, match="Bad key"):
        ask("sync", provide(RunScript(broken_poll=error(401, "Bad key"))))
    attributes = attributes_of(telemetry.one("chat"))
    assert attributes["autogen.error.origin"] == "config_entry"
    assert attributes["autogen.assistant.status"] == "queued"


def test_a_completed_run_without_a_message_is_the_backends_failure(
    telemetry: Telemetry, provide: Provide
) -> None:
    with pytest.raises(AssertionError, match="No response from the assistant"):
        ask("sync", provide(RunScript()))
    assert telemetry.one("chat").status.is_unset
    assert attributes_of(telemetry.one("invoke_workflow"))["autogen.error.origin"] == "backend"


@pytest.mark.needs(IS_02, "0.9 cannot wait: it divides the interval it has lost")
def test_each_look_at_a_pending_run_is_a_request_below_it(telemetry: Telemetry, provide: Provide) -> None:
    ask("sync", provide(RunScript("Fine.", pending=2)))
    assert [span.name for span in telemetry.children(telemetry.one("chat"))] == ["GET"] * 4


def test_two_turns_are_two_runs_of_one_thread(telemetry: Telemetry, provide: Provide) -> None:
    asker = user()
    asker.register_reply([type(asker), None], lambda *_, **__: (True, "And?"), position=0)
    helper = gpt_assistant(provide(RunScript("One."), RunScript("Two.")))
    converse("sync", asker, helper, max_turns=2)
    runs = [attributes_of(span) for span in telemetry.named("chat")]
    assert [one["autogen.assistant.run_id"] for one in runs] == ["run_000001", "run_000002"]
    assert {one["autogen.assistant.thread_id"] for one in runs} == {"thread_000001"}
