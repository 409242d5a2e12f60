"""Which messages were recorded already, and what a response says, before anything is rendered."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen_otel.operations.message_account import MessageAccount, is_instruction, key_of
from autogen_otel.operations.models.answer import read_answer
from autogen_otel.operations.models.answer_messages import messages_of
from tests.support import hostile

_CALL = {"id": "call_1", "type": "function", "function": {"name": "look up", "arguments": '{"a": 1}'}}


def said(content: Any, role: str = "user", **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def contents(messages: tuple[Any, ...]) -> list[Any]:
    return [message["content"] for message in messages]


def test_a_message_is_new_once_whoever_sends_it_on() -> None:
    account = MessageAccount()
    assert contents(account.new_messages([said("Hello")])) == ["Hello"]
    again = [said("Hello", "assistant", name="user"), said("Bye", name="assistant")]
    assert contents(account.new_messages(again)) == ["Bye"]
    assert account.new_messages(again) == ()


def test_the_same_words_said_again_are_another_message() -> None:
    account = MessageAccount()
    assert len(account.new_messages([said("yes")])) == 1
    assert len(account.new_messages([said("yes"), said("and?"), said("yes")])) == 2
    assert account.new_messages([said("yes"), said("yes")]) == ()


@given(st.lists(st.sampled_from("abc"), max_size=12), st.data())
def test_neither_cutting_nor_reordering_a_history_makes_its_messages_new(
    history: list[str], data: st.DataObject
) -> None:
    account = MessageAccount()
    assert contents(account.new_messages([said(one) for one in history])) == history
    kept = data.draw(st.permutations(history).map(lambda order: order[: len(order) // 2]))
    assert account.new_messages([said(one) for one in kept]) == ()
    assert contents(account.new_messages([said(one) for one in [*kept, "new"]])) == ["new"]


@pytest.mark.parametrize(
    ("answer", "sent_on"),
    [
        (said("It is so."), said("It is so.", "user", name="assistant")),
        (said(" It is so.\n"), said("It is so.")),
        (said(None), said("")),
        (said(None, tool_calls=[_CALL]), said("", tool_calls=[{**_CALL, "type": None}])),
        (
            said(None, tool_calls=[_CALL]),
            said("", tool_calls=[{**_CALL, "function": {"name": "look_up", "arguments": '{"a": 1}'}}]),
        ),
        (
            said(None, function_call={"name": "f", "arguments": "{}"}),
            said(None, function_call={"name": "f", "arguments": "{}"}),
        ),
        (said([{"type": "output_text", "text": "So."}]), said([{"type": "text", "text": "So."}])),
        (said([{"type": "output_text", "text": "So."}]), said("So.")),
        (
            said([{"type": "reasoning", "reasoning": "Hm."}, {"type": "text", "text": "So."}]),
            said("Hm. So."),
        ),
    ],
)
def test_an_answer_is_known_again_in_whatever_form_autogen_sends_it_on(
    answer: dict[str, Any], sent_on: dict[str, Any]
) -> None:
    account = MessageAccount()
    account.add_answers([answer])
    assert account.new_messages([sent_on]) == ()
    assert len(account.new_messages([sent_on, sent_on])) == 1


def test_equal_results_of_different_tool_calls_are_different_messages() -> None:
    account = MessageAccount()
    results = [said("ok", "tool", tool_call_id="1"), said("ok", "tool", tool_call_id="2")]
    assert len(account.new_messages(results[:1])) == 1
    assert account.new_messages(results) == (results[1],)


def test_a_picture_is_known_by_its_content() -> None:
    message = said([{"type": "text", "text": "See"}, {"type": "image_url", "image_url": {"url": "data:x"}}])
    account = MessageAccount()
    assert len(account.new_messages([message])) == 1
    assert account.new_messages([copy.deepcopy(message)]) == ()
    other = copy.deepcopy(message)
    other["content"][1]["image_url"]["url"] = "data:y"
    assert account.new_messages([other]) == (other,)


def test_instructions_and_tools_are_given_once_however_often_they_are_sent() -> None:
    account = MessageAccount()
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    assert account.new_once("tools", [tool, copy.deepcopy(tool)]) == (tool,)
    assert account.new_once("instructions", [said("Be kind.", "system")]) == (said("Be kind.", "system"),)
    assert account.new_once("instructions", [said("Be kind.", "system")]) == ()
    assert is_instruction(said("Be kind.", "developer"))
    assert not is_instruction(said("Be kind."))
    assert not is_instruction("Be kind.")


@pytest.mark.parametrize("name", hostile.VALUES)
def test_anything_can_be_asked_whether_it_is_new(name: str) -> None:
    value = hostile.VALUES[name]()
    messages = [value, said(value), said("", tool_calls=[value]), said("", tool_call_id=value)]
    messages += [said([value]), said("", function_call={"arguments": value}), {"role": value}]
    account = MessageAccount()
    account.new_messages(messages)
    assert account.new_messages(messages) == ()
    assert isinstance(key_of(value), int)
    account.add_answers([said(value), said([value])])
    account.new_once("tools", [value])


def test_a_response_of_the_chat_api_is_read_from_objects_and_dicts() -> None:
    message = SimpleNamespace(content="So.", tool_calls=None, function_call=None)
    choice = SimpleNamespace(message=message, finish_reason="stop")
    expected = ({"role": "assistant", "content": "So.", "finish_reason": "stop"},)
    assert messages_of(SimpleNamespace(choices=[choice])) == expected
    record = {"message": {"content": "So."}, "finish_reason": "stop"}
    assert messages_of(SimpleNamespace(choices=[record])) == expected
    text = SimpleNamespace(text="So.", finish_reason="stop")
    assert messages_of(SimpleNamespace(choices=[text])) == expected


def test_tool_calls_of_every_client_are_read_alike() -> None:
    function = SimpleNamespace(name="f", arguments="{}")
    message = SimpleNamespace(content=None, tool_calls=[SimpleNamespace(id="1", function=function)])
    of_chat = SimpleNamespace(choices=[SimpleNamespace(message=message, finish_reason="tool_calls")])
    block = SimpleNamespace(type="tool_call", id="1", name="f", arguments="{}")
    unified = SimpleNamespace(messages=[SimpleNamespace(content=[block])], finish_reason="tool_calls")
    item = {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"}
    of_items = SimpleNamespace(output=[{"type": "reasoning"}, item], status="completed")
    for response in (of_chat, unified, of_items):
        (answer,) = messages_of(response)
        assert answer["tool_calls"] == [{"id": "1", "function": {"name": "f", "arguments": "{}"}}]


@pytest.mark.parametrize("name", hostile.VALUES)
def test_whatever_a_client_returns_is_read_or_left(name: str) -> None:
    value = hostile.VALUES[name]()
    choice = SimpleNamespace(message=value, finish_reason=value)
    asking = SimpleNamespace(message=SimpleNamespace(content=value, tool_calls=[value]))
    odd = SimpleNamespace(message=SimpleNamespace(content="So.", tool_calls=value, refusal=value))
    assert isinstance(messages_of(value), tuple)
    for response in (
        SimpleNamespace(choices=[value, choice, asking, odd]),
        SimpleNamespace(choices=[asking]),
        SimpleNamespace(choices=[odd]),
        SimpleNamespace(messages=[value, SimpleNamespace(content=[value])], finish_reason=value),
        SimpleNamespace(output=[value], status=value),
    ):
        read = read_answer(response)
        assert all(answer["role"] == "assistant" for answer in read.messages)
        assert read.facts["autogen.response.problem"] in {None, "refusal", "empty"}
