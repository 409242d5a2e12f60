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
    if not isinstance(message, Mapping):
        return 0
    total = _content_chars(message.get("content"))
    calls = [one.get("function") for one in message.get("tool_calls") or () if isinstance(one, Mapping)]
    for function in (*calls, message.get("function_call")):
        if isinstance(function, Mapping):
            total += _length(function.get("name")) + _length(function.get("arguments"))
    return total


def _content_chars(content: object) -> int:
    if isinstance(content, list):
        return sum(_length(part.get("text")) for part in content if isinstance(part, Mapping))
    return _length(content)


def _length(value: object) -> int:
    return len(value) if isinstance(value, str) else 0
