"""The prompt of a model call as it was recorded, back in the shape of the chat API."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from autogen_otel.repro.source import has_placeholders
from autogen_otel.repro.values import Values
from autogen_otel.traces.trace import Span, Trace
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import spans as span_names

_DEFINITION_KEYS: Final = ("name", "description", "parameters")
_LONGEST: Final = 200_000
"""Characters of a prompt that a file may hold; a longer prompt is replaced by filler of its size."""
_ROLES: Final = frozenset({"system", "user", "assistant", "tool"})


class _MissingPart(Exception):  # noqa: N818 - it never leaves the file
    """A part of the prompt is missing, or was cut."""


def recorded_messages(trace: Trace, chat: Span, values: Values) -> list[dict[str, Any]] | None:
    """All messages that a model call sent, without secrets; ``None`` unless all else is known of each.

    A message is recorded once in a conversation, on the call that sent it first, and an answer on the call
    that gave it.
    """
    message_count = chat.attributes.get(names.PROMPT_MESSAGES)
    try:
        head = _instructions(trace, chat)
        # One setting records the whole history on each call.
        for tail in (_messages(chat, names.GEN_AI_INPUT_MESSAGES), _history(trace, chat)):
            if len(head) + len(tail) == message_count:
                messages = [*head, *tail]
                if sum(len(str(message["content"])) for message in messages) > _LONGEST:
                    return None
                messages = values.without_secrets(messages, "messages")
                return None if has_placeholders(messages) else messages
    except (_MissingPart, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return None


def recorded_tools(trace: Trace, chat: Span, values: Values) -> list[dict[str, Any]] | None:
    """The definitions of all tools that a model call offered; ``None`` unless each is known as it was."""
    offered_names = offered_tools(chat)
    definitions: dict[str, Any] = {}
    try:
        for span in _calls_until(trace, chat):
            for definition in json.loads(span.attributes.get(names.GEN_AI_TOOL_DEFINITIONS) or "[]"):
                definitions[str(definition["name"])] = definition
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    if not offered_names or not definitions.keys() >= set(offered_names):
        return None
    tools = [
        {
            "type": "function",
            "function": {key: definition[key] for key in _DEFINITION_KEYS if key in definition},
        }
        for definition in map(definitions.__getitem__, offered_names)
    ]
    are_whole = all(isinstance(definitions[name].get("parameters", {}), dict) for name in offered_names)
    return tools if are_whole and not has_placeholders(values.with_placeholders(tools, "tools")) else None


def offered_tools(chat: Span) -> list[str]:
    """The names of the tools that a model call offered."""
    tool_names = chat.attributes.get(names.PROMPT_TOOL_NAMES)
    return [str(name) for name in tool_names] if isinstance(tool_names, list) else []


def _calls_until(trace: Trace, chat: Span) -> Iterable[Span]:
    """The model calls of the same agent up to this one."""
    agent = chat.attributes.get(names.GEN_AI_AGENT_NAME)
    return (
        span
        for span in trace.spans
        if span.operation == span_names.CHAT
        and span.attributes.get(names.GEN_AI_AGENT_NAME) == agent
        and span.start_ns <= chat.start_ns
    )


def _history(trace: Trace, chat: Span) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    for span in _calls_until(trace, chat):
        messages += _messages(span, names.GEN_AI_INPUT_MESSAGES)
        if span is not chat:
            messages += _messages(span, names.GEN_AI_OUTPUT_MESSAGES)
    return messages


def _instructions(trace: Trace, chat: Span) -> list[dict[str, Any]]:
    instructions = [
        span.attributes[names.GEN_AI_SYSTEM_INSTRUCTIONS]
        for span in _calls_until(trace, chat)
        if names.GEN_AI_SYSTEM_INSTRUCTIONS in span.attributes
    ]
    parts = json.loads(instructions[-1]) if instructions else []
    return [{"role": "system", "content": _text([part])} for part in parts]


def _messages(span: Span, key: str) -> list[dict[str, Any]]:
    return [_message(message) for message in json.loads(span.attributes.get(key) or "[]")]


def _message(message_data: dict[str, Any]) -> dict[str, Any]:
    role, parts = message_data["role"], message_data["parts"]
    if role not in _ROLES:
        raise _MissingPart
    name = {"name": message_data["name"]} if "name" in message_data else {}
    if role == "tool":
        (answer,) = parts
        return {"role": role, "tool_call_id": answer["id"], "content": _as_text(answer["response"])}
    calls = [part for part in parts if part["type"] == "tool_call"]
    text_parts = [part for part in parts if part["type"] != "tool_call"]
    message: dict[str, Any] = {"role": role, "content": _text(text_parts) if text_parts else None, **name}
    if calls:
        message["tool_calls"] = [
            {
                "id": tool_call["id"],
                "type": "function",
                "function": {"name": tool_call["name"], "arguments": _as_text(tool_call["arguments"])},
            }
            for tool_call in calls
        ]
    return message


def _text(parts: Sequence[Any]) -> str:
    (part,) = parts
    if part["type"] != "text" or not isinstance(part["content"], str):
        raise _MissingPart
    return str(part["content"])


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
