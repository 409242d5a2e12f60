"""What is measured of prompts that go on from the one before, and of those that do not."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from autogen_otel.operations.message_account import MessageAccount
from autogen_otel.operations.prompt_account import Prompt, PromptAccount
from autogen_otel.vocabulary import attributes as names

_SYSTEM = {"role": "system", "content": "Be brief."}
_TOOL = {"type": "function", "function": {"name": "lookup", "parameters": {}}}


def said(content: str, **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": content, **more}


def asked(arguments: str) -> dict[str, Any]:
    call = {"id": "c", "function": {"name": "lookup", "arguments": arguments}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def measured(account: PromptAccount, *messages: Any, tools: Any = ()) -> Prompt:
    return account.measure(list(messages), [tools] if tools else [], "pair", ())


def sizes(prompt: Prompt) -> tuple[int, int, int, int]:
    facts = prompt.facts
    return (
        facts[names.PROMPT_NEW_MESSAGES],
        facts[names.PROMPT_CHARS],
        facts[names.PROMPT_NEW_CHARS],
        facts[names.PROMPT_LARGEST_CHARS],
    )


def test_of_a_prompt_that_goes_on_only_what_is_new_is_read() -> None:
    account, call = PromptAccount(), asked('{"a": 1}')
    first = measured(account, _SYSTEM, said("Hello"))
    second = measured(account, _SYSTEM, said("Hello"), call, said("12345678901234567890"))
    assert (first.known_count, sizes(first)) == (0, (2, 14, 14, 9))
    assert (second.known_count, sizes(second)) == (2, (2, 48, 34, 20))


def test_a_copy_of_the_history_is_the_history() -> None:
    account, call = PromptAccount(), asked('{"a": 1}')
    measured(account, _SYSTEM, call)
    again = measured(account, *deepcopy([_SYSTEM, call, said("Hello")]))
    assert (again.known_count, sizes(again)[0]) == (2, 1)


def test_a_message_that_was_changed_in_place_is_read_again() -> None:
    account, system = PromptAccount(), dict(_SYSTEM)
    measured(account, system, said("Hello"))
    system["content"] = "Be very, very brief."
    again = measured(account, system, said("Hello"))
    assert (again.known_count, sizes(again)) == (0, (1, 25, 20, 20))


def test_other_tool_calls_in_the_same_place_are_read_again() -> None:
    account = PromptAccount()
    measured(account, asked("{}"))
    assert sizes(measured(account, asked('{"b": 2}')))[:2] == (1, 14)


def test_tools_that_were_changed_in_place_are_other_tools() -> None:
    account, tools = PromptAccount(), [dict(_TOOL)]
    measured(account, _SYSTEM, tools=tools)
    same = measured(account, _SYSTEM, tools=tools)
    tools[0]["function"] = {"name": "search", "parameters": {}}
    other = measured(account, _SYSTEM, tools=tools)
    assert (same.same_tools, other.same_tools) == (True, False)
    assert other.tool_facts[names.PROMPT_TOOL_NAMES] == ["search"]


def test_equal_messages_are_told_apart_by_how_often_they_are_sent() -> None:
    prompts, messages = PromptAccount(), MessageAccount()
    yes = [said("yes") for _ in range(3)]
    told = []
    for length in (1, 2, 2, 3):
        prompt = measured(prompts, *yes[:length])
        told.append(len(messages.new_messages(yes[prompt.known_count : length], prompt.content_counts)))
    assert told == [1, 1, 0, 1]


def test_what_is_known_is_let_go_of_at_the_end() -> None:
    account = PromptAccount()
    measured(account, said("Hello"))
    account.forget()
    assert measured(account, said("Hello")).known_count == 0
