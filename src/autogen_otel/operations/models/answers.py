"""A model's answer as messages, whatever the client: the SDK's objects, AG2's unified ones, or its own."""

from __future__ import annotations

from typing import Any

from autogen_otel.reading import data_of, read, read_field

_MESSAGE = ("content", "tool_calls", "function_call", "reasoning_content", "refusal", "audio")
_BLOCK = (
    "type",
    "text",
    "reasoning",
    "summary",
    "refusal",
    "id",
    "name",
    "arguments",
    "image_url",
    "audio_url",
    "video_url",
    "data_uri",
    "transcript",
    "url",
    "title",
    "snippet",
    "tool_call_id",
    "output",
)


def messages_of(response: Any) -> tuple[dict[str, Any], ...]:
    """The messages of a response in the form of the chat API, each with its ``finish_reason``.

    Their values are the response's own objects; none for what is no response.
    """
    choices = read_field(response, "choices")
    if isinstance(choices, (list, tuple)):
        return tuple(_of_choice(choice) for choice in choices)
    messages = read(response, "messages")
    if isinstance(messages, (list, tuple)):
        reason = read(response, "finish_reason")
        return tuple(_unified(message, reason) for message in messages)
    items = read(response, "output")
    return (_of_items(items, response),) if isinstance(items, (list, tuple)) else ()


def _of_choice(choice: Any) -> dict[str, Any]:
    choice = data_of(choice)
    message = data_of(_field(choice, "message"))
    if message is None:
        return _message(_field(choice, "finish_reason"), content=_field(choice, "text"))
    if isinstance(message, dict):
        values = {name: message.get(name) for name in _MESSAGE}
    else:
        values = {name: read(message, name) for name in _MESSAGE}
    if values["tool_calls"] is not None:
        values["tool_calls"] = _calls(values["tool_calls"])
    if values["function_call"] is not None:
        values["function_call"] = _function(values["function_call"])
    return _message(_field(choice, "finish_reason"), **values)


def _unified(message: Any, reason: Any) -> dict[str, Any]:
    """A message of AG2's second clients: its content is a list of blocks, tool calls among them."""
    content = _field(message, "content")
    if not isinstance(content, (list, tuple)):
        return _message(reason, content=content)
    blocks = [_block(one) for one in content]
    asked = [{"id": one.get("id"), "function": _function(one)} for one in blocks if _is_call(one)]
    return _message(reason, content=[one for one in blocks if not _is_call(one)], tool_calls=asked or None)


def _of_items(items: Any, response: Any) -> dict[str, Any]:
    """The output of the Responses API: messages, reasoning and calls, one after the other."""
    content: list[Any] = []
    asked: list[Any] = []
    for item in items:
        kind = _field(item, "type")
        if kind == "message":
            blocks = _field(item, "content")
            content.extend(_block(one) for one in (blocks if isinstance(blocks, (list, tuple)) else ()))
        elif kind == "function_call":
            asked.append({"id": _field(item, "call_id"), "function": _function(item)})
        elif kind != "reasoning":
            content.append(item)
    reason = read(read(response, "incomplete_details"), "reason")
    return _message(reason or _field(response, "status"), content=content, tool_calls=asked or None)


def _message(reason: Any, **values: Any) -> dict[str, Any]:
    given = {name: value for name, value in values.items() if value is not None}
    return {"role": "assistant", **given, "finish_reason": reason if isinstance(reason, str) else None}


def _calls(calls: Any) -> list[Any] | None:
    if not isinstance(calls, (list, tuple)) or not calls:
        return None
    return [
        {"id": _field(one, "id"), "function": _function(_field(one, "function"))}
        for one in map(data_of, calls)
    ]


def _is_call(block: dict[str, Any]) -> bool:
    kind = block.get("type")
    return isinstance(kind, str) and kind == "tool_call"


def _function(function: Any) -> dict[str, Any] | None:
    if function is None:
        return None
    function = data_of(function)
    return {"name": _field(function, "name"), "arguments": _field(function, "arguments")}


def _block(block: Any) -> dict[str, Any]:
    if isinstance(block, dict):
        return block
    values = {name: _field(block, name) for name in _BLOCK}
    values["type"] = getattr(values["type"], "value", values["type"])
    return {name: value for name, value in values.items() if value is not None}


def _field(holder: Any, name: str) -> Any:
    return holder.get(name) if isinstance(holder, dict) else read_field(holder, name)
