"""A model's answer as messages, whatever the client: the SDK's objects, AG2's unified ones, or its own."""

from __future__ import annotations

from typing import Any

from autogen_otel.reading import read_field, reader_of

_BLOCK_FIELDS = (
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
_MESSAGE_FIELDS = ("content", "reasoning_content", "refusal", "audio")


def messages_of(response: Any) -> tuple[dict[str, Any], ...]:
    """The messages of a response in the form of the chat API, each with its ``finish_reason``.

    Their values are the response's own objects. A value that is no response has no messages.
    """
    choices = read_field(response, "choices")
    if type(choices) is list or isinstance(choices, (list, tuple)):
        return tuple(map(_of_choice, choices))
    messages = read_field(response, "messages")
    if isinstance(messages, (list, tuple)):
        reason = read_field(response, "finish_reason")
        return tuple(_of_unified(message, reason) for message in messages)
    items = read_field(response, "output")
    return (_of_items(items, response),) if isinstance(items, (list, tuple)) else ()


def _of_choice(choice: Any) -> dict[str, Any]:
    of_choice = reader_of(choice)
    message = of_choice("message")
    if message is None:
        return _message(of_choice("finish_reason"), content=of_choice("text"))
    of_message, reason = reader_of(message), of_choice("finish_reason")
    tool_calls, function_call = of_message("tool_calls"), of_message("function_call")
    chat_message: dict[str, Any] = {"role": "assistant"}
    for name in _MESSAGE_FIELDS:
        value = of_message(name)
        if value is not None:
            chat_message[name] = _without_class(value)
    if tool_calls is not None and (chat_calls := _tool_calls(tool_calls)):
        chat_message["tool_calls"] = chat_calls
    if function_call is not None:
        chat_message["function_call"] = _function(function_call)
    chat_message["finish_reason"] = reason if isinstance(reason, str) else None
    return chat_message


def _of_unified(message: Any, reason: Any) -> dict[str, Any]:
    """A message of AG2's second clients: its content is a list of blocks, some of which are tool calls."""
    content = _field(message, "content")
    if not isinstance(content, (list, tuple)):
        return _message(reason, content=content)
    blocks = [_block(block) for block in content]
    tool_calls = [
        {"id": block.get("id"), "function": _function(block)} for block in blocks if _is_call(block)
    ]
    return _message(
        reason, content=[block for block in blocks if not _is_call(block)], tool_calls=tool_calls or None
    )


def _of_items(items: Any, response: Any) -> dict[str, Any]:
    """The output of the Responses API: messages, reasoning and calls, one after the other."""
    content: list[Any] = []
    tool_calls: list[Any] = []
    for item in items:
        kind = _field(item, "type")
        if kind == "message":
            blocks = _field(item, "content")
            content.extend(_block(block) for block in (blocks if isinstance(blocks, (list, tuple)) else ()))
        elif kind == "function_call":
            tool_calls.append({"id": _field(item, "call_id"), "function": _function(item)})
        elif kind != "reasoning":
            content.append(item)
    reason = read_field(read_field(response, "incomplete_details"), "reason")
    return _message(reason or _field(response, "status"), content=content, tool_calls=tool_calls or None)


def _message(reason: Any, **values: Any) -> dict[str, Any]:
    fields = {name: value for name, value in values.items() if value is not None}
    return {"role": "assistant", **fields, "finish_reason": reason if isinstance(reason, str) else None}


def _without_class(value: Any) -> Any:
    """A text or list as Python's own: the methods of a subclass may be the user's code."""
    kind = type(value)
    if kind is str or kind is list or value is None:
        return value
    if issubclass(kind, str):
        return str.__str__(value)
    return [*list.__iter__(value)] if issubclass(kind, list) else value


def _tool_calls(calls: Any) -> list[Any] | None:
    # The truth and the items of any other type may be the user's code.
    calls = _without_class(calls)
    if type(calls) not in {list, tuple} or not calls:
        return None
    chat_calls = []
    for call in calls:
        of_call = reader_of(call)
        chat_calls.append({"id": of_call("id"), "function": _function(of_call("function"))})
    return chat_calls


def _is_call(block: dict[str, Any]) -> bool:
    kind = block.get("type")
    return isinstance(kind, str) and kind == "tool_call"


def _function(function: Any) -> dict[str, Any] | None:
    if function is None:
        return None
    of_function = reader_of(function)
    return {"name": of_function("name"), "arguments": of_function("arguments")}


def _block(block: Any) -> dict[str, Any]:
    if isinstance(block, dict):
        return block
    values = {name: _field(block, name) for name in _BLOCK_FIELDS}
    values["type"] = getattr(values["type"], "value", values["type"])
    return {name: value for name, value in values.items() if value is not None}


def _field(holder: Any, name: str) -> Any:
    return holder.get(name) if isinstance(holder, dict) else read_field(holder, name)
