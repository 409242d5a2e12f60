"""Reading a model's answer: why it ended, which tools it asks for, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autogen_otel.causes import OddAnswer
from autogen_otel.operations.models.answer_messages import messages_of
from autogen_otel.reading import read_field
from autogen_otel.recording import Facts
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes, responses

_MOST_TOOL_CALLS = 64
_NO_REASONS = (None, "completed")
"""The Responses API gives a reason only for an incomplete answer."""
_CUT_REASONS = frozenset({"length", "max_tokens", "max_output_tokens"})
_FILTER_REASONS = frozenset(
    {"content_filter", "safety", "prohibited_content", "blocklist", "recitation", "spii"}
)
_EMPTY_MESSAGE = 2
"""The fields of a choice without a message: a role and a finish reason."""
_CONTENT_FIELDS = ("content", "tool_calls", "function_call", "audio")
_MAY_BE_EMPTY = (list, tuple, dict, bool, int, float)
"""Types beside text whose truth is safe to ask; that of any other type may be the user's code."""


@dataclass(slots=True, eq=False)
class Answer:
    """A model's answer as it was read.

    Args:
        response: the client's own object; AutoGen writes its cost on it.
        messages: its messages in the form of the chat API; their values are the answer's own objects.
        facts: what is recorded of every answer.
        odd_answer: what the host may trip over.
    """

    response: Any
    messages: tuple[dict[str, Any], ...]
    facts: Facts
    odd_answer: OddAnswer | None


def read_answer(response: Any) -> Answer:
    """Read an answer.

    Args:
        response: what a model client returned: the SDK's objects, AG2's unified ones, or its own.
    """
    messages = messages_of(response)
    first = messages[0] if messages else {}
    reasons = [
        message["finish_reason"] for message in messages if message["finish_reason"] not in _NO_REASONS
    ]
    facts: Facts = {
        names.GEN_AI_RESPONSE_FINISH_REASONS: reasons or None,
        names.RESPONSE_PROBLEM: _problem(first) if messages else None,
    }
    tool_calls = first.get("tool_calls")
    function_call = first.get("function_call")
    if tool_calls:
        facts[names.RESPONSE_TOOL_CALLS] = [_call_label(call) for call in tool_calls[:_MOST_TOOL_CALLS]]
    elif function_call is not None:
        facts[names.RESPONSE_TOOL_CALLS] = [str(function_call.get("name"))]
    return Answer(response, messages, facts, _odd_answer(response, messages, first))


def _problem(message: Mapping[str, Any]) -> str | None:
    # Google adds what it found, as ``content_filter: PROHIBITED_CONTENT``, and writes its own in capitals.
    reason = str(message["finish_reason"]).partition(":")[0].strip().lower().removeprefix("image_")
    if reason in _FILTER_REASONS:
        return responses.CONTENT_FILTER
    refusal = message.get("refusal")
    if refusal is not None and (type(refusal) not in (str, *_MAY_BE_EMPTY) or refusal):
        return responses.REFUSAL
    if reason in _CUT_REASONS:
        return responses.CUT_AT_TOKEN_LIMIT
    for key in _CONTENT_FIELDS:
        value = message.get(key)
        if type(value) is str:
            if value and not value.isspace():
                return None
        elif value is not None and (type(value) not in _MAY_BE_EMPTY or value):
            return None
    return responses.EMPTY


def _call_label(call: Mapping[str, Any]) -> str:
    """A tool call's name and id, without its arguments."""
    function, call_id = call.get("function"), call.get("id")
    name = None if function is None else function.get("name")
    return f"{name} {call_id}" if isinstance(call_id, str) else str(name)


def _odd_answer(
    response: Any, messages: Sequence[Mapping[str, Any]], first: Mapping[str, Any]
) -> OddAnswer | None:
    if response is None or isinstance(response, (str, bytes)):
        return OddAnswer(causes.BACKEND, f"the answer is {_json_type(response)}, no completion")
    if not messages:
        return OddAnswer(causes.BACKEND, "the answer has no choices")
    odd_answer = _odd_message(response, first)
    # The host passes on only an answer of the chat API as it is.
    return (
        odd_answer
        if odd_answer is None or isinstance(read_field(response, "choices"), (list, tuple))
        else None
    )


def _odd_message(response: Any, first: Mapping[str, Any]) -> OddAnswer | None:
    content = first.get("content")
    if content is None:
        if len(first) <= _EMPTY_MESSAGE:
            choices = read_field(response, "choices")
            if isinstance(choices, (list, tuple)) and read_field(choices[0], "message") is None:
                return OddAnswer(causes.BACKEND, "the answer has no message")
    elif type(content) is not str:
        return OddAnswer(causes.BACKEND, f"the content of the answer is {_json_type(content)}, no text")
    for call in first.get("tool_calls") or ():
        odd_answer = _odd_call(call["function"])
        if odd_answer is not None:
            return odd_answer
    function_call = first.get("function_call")
    return None if function_call is None else _odd_call(function_call)


def _odd_call(function: Mapping[str, Any] | None) -> OddAnswer | None:
    if function is None:
        return OddAnswer(causes.TOOL_ARGUMENTS, "the answer asks for a tool without a function")
    name, arguments = function.get("name"), function.get("arguments")
    if type(name) is not str:
        return OddAnswer(
            causes.TOOL_ARGUMENTS, f"the answer asks for a tool whose name is {_json_type(name)}"
        )
    if type(arguments) is not str:
        return OddAnswer(
            causes.TOOL_ARGUMENTS, f"the arguments for {name} are {_json_type(arguments)}, no text"
        )
    return None


def _json_type(value: object) -> str:
    """The JSON type of a value, with its article."""
    if value is None:
        return "null"
    if issubclass(type(value), (str, bytes)):
        return "text"
    if issubclass(type(value), Mapping):
        return "an object"
    if issubclass(type(value), (list, tuple)):
        return "a list"
    return "a number" if issubclass(type(value), (int, float)) else "an object"
