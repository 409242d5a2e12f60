"""The messages that spans of model calls record, in the JSON schema of the GenAI conventions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from autogen_otel.traces.trace import Span
from autogen_otel.vocabulary import attributes as names

_INSTRUCTIONS: Final = "instructions"
_TEXT_KEYS: Final = ("content", "text", "response", "result")


class MessagePart(NamedTuple):
    """One part of a message.

    Args:
        who: its role, and its name where it has one: ``user``, ``assistant (planner)``.
        words: its text; of a tool call, the call.
        is_answer: whether it is from the model's answer, and not from its prompt.
    """

    who: str
    words: str
    is_answer: bool = False


def message_parts(span: Span) -> Iterator[MessagePart]:
    """The messages that a model call was the first to send, and its answer."""
    for part in _list(span.attributes.get(names.GEN_AI_SYSTEM_INSTRUCTIONS)):
        yield MessagePart(_INSTRUCTIONS, _words(part))
    for key in (names.GEN_AI_INPUT_MESSAGES, names.GEN_AI_OUTPUT_MESSAGES):
        for message in _list(span.attributes.get(key)):
            if not isinstance(message, dict):
                continue
            role, name = str(message.get("role") or "?"), message.get("name")
            parts = message.get("parts")
            for part in parts if isinstance(parts, list) else [message]:
                who = f"{role} ({name})" if name else role
                yield MessagePart(who, _words(part), is_answer=key == names.GEN_AI_OUTPUT_MESSAGES)


def _words(part: Any) -> str:
    if not isinstance(part, dict):
        return _text(part)
    if part.get("type") == "tool_call":
        return f"{part.get('name', '?')}({_text(part.get('arguments', ''))})"
    for key in _TEXT_KEYS:
        if part.get(key) is not None:
            return _text(part[key])
    return _text({key: value for key, value in part.items() if key not in {"role", "name"}})


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _list(value: Any) -> list[Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return [value]
    return value if isinstance(value, list) else []
