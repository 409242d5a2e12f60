"""History that an earlier run left, and work that the program itself ended."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from autogen_otel.testing import entry, error, hang, text, tool_call
from tests.support.agents import SHAPES, Serve, assistant, chat, configured, converse, pair, user
from tests.support.telemetry import LogRecords, Telemetry, attributes_of, instrumented

_ANY = r"(?s).*"
_UNANSWERED = (
    "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
    "'tool_call_id'. The following tool_call_ids did not have response messages: call_1"
)


@pytest.mark.parametrize("carries", [True, False])
def test_a_refusal_of_the_order_of_messages_is_stale_where_history_was_carried_over(
    telemetry: Telemetry, serve: Serve, carries: bool
) -> None:
    server = serve([text("TERMINATE"), error(400, _UNANSWERED)])
    asker, helper = user(), assistant([entry(server)])
    chat(asker, helper)
    telemetry.clear()
    with pytest.raises(Exception, match=_ANY):
        chat(asker, helper, clear_history=not carries)
    failed = [span for span in telemetry.spans if not span.status.is_ok]
    cause = "stale_state" if carries else "client"
    assert {attributes_of(span)["autogen.error.origin"] for span in failed} == {cause}, telemetry.tree()
    assert {span.name.partition(" ")[0] for span in failed} == {
        "POST",
        "chat",
        "invoke_agent",
        "invoke_workflow",
    }


def test_another_pair_of_agents_carries_its_own_history(telemetry: Telemetry, serve: Serve) -> None:
    server = serve([text("TERMINATE"), error(400, _UNANSWERED)])
    helper = assistant([entry(server)])
    chat(user(), helper)
    telemetry.clear()
    with pytest.raises(Exception, match=_ANY):
        chat(user("other"), helper, clear_history=False)
    assert attributes_of(telemetry.one("POST"))["autogen.error.origin"] == "client"


def _cancelled(telemetry: Telemetry) -> list[str]:
    for span in telemetry.spans:
        assert span.status.is_ok, telemetry.tree()
        assert "autogen.error.origin" not in attributes_of(span)
    return [span.name for span in telemetry.spans if attributes_of(span).get("autogen.cancelled")]


async def _tool_under_way(serve: Serve) -> Any:
    started = asyncio.Event()

    async def slow() -> str:
        """Take long."""
        started.set()
        await asyncio.sleep(60)
        return "never"

    asker, helper = pair(serve([tool_call("slow", {})]), slow)
    return started, asker.a_initiate_chat(helper, message="Hello", silent=True)


def test_wait_for_is_no_failure(telemetry: Telemetry, serve: Serve) -> None:
    async def run() -> None:
        started, conversation = await _tool_under_way(serve)
        task = asyncio.ensure_future(asyncio.wait_for(conversation, 60))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert _cancelled(telemetry) == [
        "invoke_workflow user -> assistant",
        "invoke_agent user",
        "execute_tool slow",
    ]
    root = attributes_of(telemetry.one("invoke_workflow"))
    assert root["autogen.conversation.termination"] == "cancelled"
    assert "autogen.errors.origins" not in root
    (conversation,) = telemetry.points_of("autogen.conversation.duration")
    assert conversation.labels["autogen.conversation.outcome"] == "cancelled"
    (tool,) = telemetry.points_of("autogen.tool.duration")
    assert tool.labels["autogen.tool.outcome"] == "cancelled"


def test_ctrl_c_in_a_tool_is_no_failure(telemetry: Telemetry, serve: Serve) -> None:
    def interrupted() -> str:
        """Be interrupted."""
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        chat(*pair(serve([tool_call("interrupted", {})]), interrupted))
    assert _cancelled(telemetry)[-1] == "execute_tool interrupted"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@SHAPES
def test_a_tool_whose_task_is_cancelled_is_no_failure(telemetry: Telemetry, serve: Serve, shape: str) -> None:
    async def cancelled() -> str:
        """Be cancelled."""
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(60)
        return "never"

    # In a sync chat AG2 trips over what it has lost.
    with pytest.raises((asyncio.CancelledError, KeyError)):
        converse(shape, *pair(serve([tool_call("cancelled", {})]), cancelled))
    assert _cancelled(telemetry) == [
        "invoke_workflow user -> assistant",
        "invoke_agent user",
        "execute_tool cancelled",
    ]


def test_what_failed_before_the_cancellation_is_told_as_a_warning(
    our_errors: list[BaseException], serve: Serve
) -> None:
    logs = LogRecords()

    def broken() -> str:
        """Break."""
        raise ValueError("no such claim")

    def interrupted(_message: Any) -> bool:
        raise KeyboardInterrupt

    with instrumented(logger_provider=logs.provider):
        asker, helper = pair(serve([tool_call("broken", {}), text("Fine.")]), broken)
        with pytest.raises(KeyboardInterrupt):
            asker._is_termination_msg = lambda message: (
                interrupted(message) if message.get("content") == "Fine." else False
            )
            chat(asker, helper)
    assert [(one.severity_text, one.body) for one in logs.records] == [("WARN", "no such claim")]


def test_a_timeout_that_passes_an_executor_is_one_failure(
    our_errors: list[BaseException], serve: Serve
) -> None:
    logs = LogRecords()
    with instrumented(logger_provider=logs.provider) as telemetry:
        helper = configured(assistant([entry(serve([hang(5)] * 3))]), timeout=0.2)
        with pytest.raises(Exception, match="timed out"):
            asyncio.run(user().a_initiate_chat(helper, message="Hello", silent=True))
    root = attributes_of(telemetry.one("invoke_workflow"))
    assert (root["autogen.errors.origins"], root["autogen.errors.handled"]) == (("timeout",), 2)
    assert [one.severity_text for one in logs.records].count("ERROR") == 1
    kinds = [str(one.attributes["exception.type"]).rpartition(".")[2] for one in logs.records]
    assert sorted(kinds) == ["ReadTimeout", "ReadTimeout", "TimeoutError"]
