"""By what a message is known again."""

from __future__ import annotations

from collections import UserDict
from typing import Any

import pytest

from autogen_otel.operations.message_account import MessageAccount, key_of

_CALL = {"id": "call_1", "type": "function", "function": {"name": "lookup", "arguments": '{"a": 1}'}}
_MESSAGES: list[dict[str, Any]] = [
    {"role": "assistant", "content": "", "tool_calls": [_CALL]},
    {"role": "assistant", "content": None, "tool_calls": (_CALL, _CALL)},
    {"tool_calls": [{**_CALL, "id": None}]},
    {"tool_calls": [{**_CALL, "function": {"name": "lookup", "arguments": {"a": 1}}}]},
    {"tool_calls": [{**_CALL, "function": None}]},
    {"role": "tool", "tool_call_id": "call_1", "content": "active"},
    {"role": "user", "content": "Hello"},
]


def other_mappings(value: Any) -> Any:
    """The same, of mappings that are no dict, which are never read the quick way."""
    if isinstance(value, dict):
        return UserDict({key: other_mappings(one) for key, one in value.items()})
    if isinstance(value, (list, tuple)):
        return [other_mappings(one) for one in value]
    return value


@pytest.mark.parametrize("message", _MESSAGES[:2] + _MESSAGES[5:])
def test_a_message_is_known_whatever_mapping_it_is(message: dict[str, Any]) -> None:
    assert key_of(message) == key_of(other_mappings(message))
    account = MessageAccount()
    assert account.new_messages([message]) == (message,)
    assert account.new_messages([other_mappings(message)]) == ()


def test_calls_that_differ_in_id_or_arguments_are_different_messages() -> None:
    account = MessageAccount()
    assert account.new_messages(_MESSAGES) == tuple(_MESSAGES)
    assert account.new_messages(_MESSAGES) == ()


def test_the_name_of_the_function_makes_no_difference() -> None:
    renamed = {**_CALL, "function": {**_CALL["function"], "name": "look_up"}}  # type: ignore[dict-item]
    assert key_of({"tool_calls": [_CALL]}) == key_of({"tool_calls": [renamed]})
