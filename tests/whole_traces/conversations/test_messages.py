"""A message that the application sends outside of a chat begins a conversation, as ``initiate_chat`` does."""

from __future__ import annotations

import asyncio
import inspect
import traceback
from typing import Any
from unittest import mock

import pytest
from autogen import ConversableAgent

import autogen_otel
from autogen_otel.testing import text, tool_call
from tests.support.agents import SHAPES, Serve, converse, pair
from tests.support.groups import silent_agent
from tests.support.telemetry import Telemetry
from tests.support.tools import lookup
from tests.support.trees import HEALTHY


def _send(shape: str, sender: Any, *arguments: Any, **options: Any) -> None:
    if shape == "sync":
        sender.send(*arguments, silent=True, **options)
    else:
        asyncio.run(sender.a_send(*arguments, silent=True, **options))


@SHAPES
def test_a_chat_that_goes_on_by_a_message_is_a_conversation_again(
    telemetry: Telemetry, serve: Serve, shape: str
) -> None:
    turns = [tool_call("lookup", {"policy_id": "P-1"}), text("It is active. TERMINATE")]
    agents = pair(serve([*turns, *turns]), lookup)
    converse(shape, *agents)
    telemetry.clear()
    _send(shape, agents[0], "And now?", agents[1])
    assert telemetry.tree() == HEALTHY
    assert len(telemetry.trace_ids) == 1


@SHAPES
def test_a_message_that_nobody_is_to_answer_is_none(telemetry: Telemetry, serve: Serve, shape: str) -> None:
    asker, helper = pair(serve([]))
    _send(shape, asker, "For the record.", helper, request_reply=False)
    _send(shape, asker, message="For the record.", recipient=helper)
    assert not telemetry.spans


@SHAPES
def test_messages_of_a_chat_leave_nothing_of_ours_on_the_stack(telemetry: Telemetry, shape: str) -> None:
    ours = str(autogen_otel.__path__[0])
    frames: list[list[str]] = []

    def look(_recipient: Any, **_said: Any) -> tuple[bool, str]:
        codes = [frame.f_code for frame, _ in traceback.walk_stack(None)]
        frames.append([code.co_name for code in codes if code.co_filename.startswith(ours)])
        return True, "Go on."

    one, other = silent_agent("one"), silent_agent("other")
    for agent in (one, other):
        agent.register_reply([ConversableAgent, None], look, position=0)
        agent.register_reply([ConversableAgent, None], lambda *_, **__: (len(frames) > 8, None), position=0)
    converse(shape, one, other)
    assert len(frames) == 9
    assert frames[0] == frames[-1]


def test_whoever_looks_at_the_method_finds_the_hosts(telemetry: Telemetry) -> None:
    one, other = silent_agent("one"), silent_agent("other")
    assert inspect.isfunction(ConversableAgent.send)
    assert inspect.iscoroutinefunction(ConversableAgent.a_send)
    assert inspect.iscoroutinefunction(one.a_send)
    assert inspect.signature(one.send) == inspect.signature(ConversableAgent.send.__get__(one))
    assert vars(ConversableAgent)["send"](one, "For the record.", other, False, True) is None
    with mock.patch.object(ConversableAgent, "send", autospec=True) as sent:
        one.send("Hello", other)
    sent.assert_called_once_with(one, "Hello", other)


@SHAPES
def test_a_message_of_a_class_that_calls_its_base_by_name_begins_a_conversation(
    telemetry: Telemetry, serve: Serve, shape: str
) -> None:
    class Asker(ConversableAgent):  # type: ignore[misc]
        def send(self, *arguments: Any, **options: Any) -> None:
            ConversableAgent.send(self, *arguments, **options)

        async def a_send(self, *arguments: Any, **options: Any) -> None:
            await ConversableAgent.a_send(self, *arguments, **options)

    asker = Asker("asker", llm_config=False, human_input_mode="NEVER", code_execution_config=False)
    _, helper = pair(serve([text("TERMINATE")]))
    _send(shape, asker, "Hello", helper, request_reply=True)
    assert telemetry.tree().startswith("invoke_workflow asker -> assistant")
    assert len(telemetry.trace_ids) == 1


def test_a_message_under_a_patch_of_the_applications_begins_a_conversation(
    telemetry: Telemetry, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, sent = ConversableAgent.send, []

    def send(self: Any, message: Any, *arguments: Any, **options: Any) -> None:
        sent.append(message)
        original(self, message, *arguments, **options)

    monkeypatch.setattr(ConversableAgent, "send", send)
    asker, helper = pair(serve([text("TERMINATE")]))
    asker.send("Hello", helper, request_reply=True, silent=True)
    assert len(sent) == 2
    assert telemetry.tree().startswith("invoke_workflow user -> assistant")
    assert len(telemetry.trace_ids) == 1


def test_a_message_of_a_task_that_outlives_its_chat_begins_a_conversation(
    telemetry: Telemetry, serve: Serve
) -> None:
    asker, helper = pair(serve([text("TERMINATE"), text("TERMINATE")]))

    async def talk() -> None:
        is_over, tasks = asyncio.Event(), list[asyncio.Task[None]]()

        async def ask_later() -> None:
            await is_over.wait()
            await asker.a_send("And now?", helper, request_reply=True, silent=True)

        async def begin_task(*_arguments: Any, **_options: Any) -> tuple[bool, None]:
            if not tasks:
                tasks.append(asyncio.create_task(ask_later()))
            return False, None

        helper.register_reply([ConversableAgent, None], begin_task, position=0)
        await asker.a_initiate_chat(helper, message="Hello", silent=True)
        is_over.set()
        await tasks[0]

    asyncio.run(talk())
    conversations = telemetry.named("invoke_workflow user -> assistant")
    assert len(conversations) == 2
    assert len(telemetry.trace_ids) == 1
