"""What a model's answer holds: why it ended, which tools it asks for, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autogen_otel.causes import Oddity
from autogen_otel.operations.models.answers import messages_of
from autogen_otel.reading import read_field
from autogen_otel.recording import Facts
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes, responses

_MOST_TOOL_CALLS = 64
_NO_REASONS = (None, "completed")
"""The Responses API names a reason only for what is incomplete."""
_CUT = frozenset({"length", "max_tokens", "max_output_tokens", "MAX_TOKENS"})
_FILTERED = frozenset({"content_filter", "SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "RECITATION", "SPII"})
_EMPTY_MESSAGE = 2
"""What a choice without a message comes to: a role and why it ended."""
_SAYING = ("content", "tool_calls", "function_call", "audio")


@dataclass(slots=True, eq=False)
class AnswerRead:
    """What is kept of an answer.

    Args:
        response: the answer itself; AutoGen writes its cost on it.
        messages: its messages in the form of the chat API; their values are the answer's own objects.
        facts: what is recorded of it in any case.
        oddity: what a host may trip over.
    """

    response: Any
    messages: tuple[dict[str, Any], ...]
    facts: Facts
    oddity: Oddity | None


def read_answer(response: Any) -> AnswerRead:
    """Read an answer.

    Args:
        response: what a model client returned: the SDK's objects, AG2's unified ones, or its own.
    """
    messages = messages_of(response)
    first = messages[0] if messages else {}
    reasons = [one["finish_reason"] for one in messages if one["finish_reason"] not in _NO_REASONS]
    facts: Facts = {
        names.GEN_AI_RESPONSE_FINISH_REASONS: reasons or None,
        names.RESPONSE_PROBLEM: _problem(first) if messages else None,
    }
    asked = first.get("tool_calls")
    called = first.get("function_call")
    if asked:
        facts[names.RESPONSE_TOOL_CALLS] = [_named(one) for one in asked[:_MOST_TOOL_CALLS]]
    elif called is not None:
        facts[names.RESPONSE_TOOL_CALLS] = [str(called.get("name"))]
    return AnswerRead(response, messages, facts, _oddity(response, messages, first))


def _problem(message: Mapping[str, Any]) -> str | None:
    reason = message["finish_reason"]
    if reason in _FILTERED:
        return responses.CONTENT_FILTER
    if message.get("refusal"):
        return responses.REFUSAL
    if reason in _CUT:
        return responses.CUT_AT_TOKEN_LIMIT
    for key in _SAYING:
        said = message.get(key)
        if said and not (type(said) is str and said.isspace()):
            return None
    return responses.EMPTY


def _named(asked: Mapping[str, Any]) -> str:
    """A tool call's name and id, without its arguments."""
    function, call_id = asked.get("function"), asked.get("id")
    name = None if function is None else function.get("name")
    return f"{name} {call_id}" if isinstance(call_id, str) else str(name)


def _oddity(response: Any, messages: Sequence[Mapping[str, Any]], first: Mapping[str, Any]) -> Oddity | None:
    if response is None or isinstance(response, (str, bytes)):
        return Oddity(causes.BACKEND, f"the answer is {_kind(response)}, no completion")
    if not messages:
        return Oddity(causes.BACKEND, "the answer has no choices")
    odd = _odd_message(response, first)
    # Only an answer of the chat API is handed on as it is.
    return odd if odd is None or isinstance(read_field(response, "choices"), (list, tuple)) else None


def _odd_message(response: Any, first: Mapping[str, Any]) -> Oddity | None:
    content = first.get("content")
    if content is None:
        if len(first) <= _EMPTY_MESSAGE:
            choices = read_field(response, "choices")
            if isinstance(choices, (list, tuple)) and read_field(choices[0], "message") is None:
                return Oddity(causes.BACKEND, "the answer has no message")
    elif type(content) is not str:
        return Oddity(causes.BACKEND, f"the content of the answer is {_kind(content)}, no text")
    for one in first.get("tool_calls") or ():
        odd = _odd_call(one["function"])
        if odd is not None:
            return odd
    called = first.get("function_call")
    return None if called is None else _odd_call(called)


def _odd_call(function: Mapping[str, Any] | None) -> Oddity | None:
    if function is None:
        return Oddity(causes.TOOL_ARGUMENTS, "the answer asks for a tool without a function")
    name, arguments = function.get("name"), function.get("arguments")
    if type(name) is not str:
        return Oddity(causes.TOOL_ARGUMENTS, f"the answer asks for a tool whose name is {_kind(name)}")
    if type(arguments) is not str:
        return Oddity(causes.TOOL_ARGUMENTS, f"the arguments for {name} are {_kind(arguments)}, no text")
    return None


def _kind(value: object) -> str:
    """In JSON's words."""
    if value is None:
        return "null"
    if isinstance(value, (str, bytes)):
        return "text"
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, (list, tuple)):
        return "a list"
    return "a number" if isinstance(value, (int, float)) else "an object"
