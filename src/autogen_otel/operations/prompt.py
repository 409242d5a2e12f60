"""How large a prompt is, read without copying it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autogen_otel.observations import PromptSize


def size(messages: Sequence[Any], tools: int, sent_before: int) -> PromptSize:
    """Measure a prompt.

    Args:
        messages: the messages of one model call; their dicts are the live history of the agents.
        tools: number of tool schemas sent along.
        sent_before: messages in the last prompt of the same pair; a shorter prompt than that starts anew.
    """
    count = len(messages)
    return PromptSize(
        messages=count,
        new_messages=count - sent_before if count >= sent_before else count,
        chars=sum(_chars(message) for message in messages),
        tools=tools,
    )


def _chars(message: Any) -> int:
    # Asked of every message of every call: the exact class first, which costs a tenth.
    if type(message) is not dict and not isinstance(message, Mapping):
        return 0
    content = message.get("content")
    total = len(content) if type(content) is str else _content_chars(content)
    asked = message.get("tool_calls")
    if isinstance(asked, (list, tuple)):
        total += sum(_called_chars(one.get("function")) for one in asked if isinstance(one, Mapping))
    called = message.get("function_call")
    return total if called is None else total + _called_chars(called)


def _called_chars(function: object) -> int:
    if not isinstance(function, Mapping):
        return 0
    return _length(function.get("name")) + _length(function.get("arguments"))


def _content_chars(content: object) -> int:
    if isinstance(content, list):
        return sum(_length(part.get("text")) for part in content if isinstance(part, Mapping))
    return _length(content)


def _length(value: object) -> int:
    return len(value) if isinstance(value, str) else 0
