"""A model's answer as messages, whatever the client: the SDK's objects, AG2's unified ones, or its own."""

from __future__ import annotations

from typing import Any

from autogen_otel.reading import read, read_field, reader_of

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
_SAID = ("content", "reasoning_content", "refusal", "audio")


def messages_of(response: Any) -> tuple[dict[str, Any], ...]:
    """The messages of a response in the form of the chat API, each with its ``finish_reason``.

    Their values are the response's own objects; none for what is no response.
    """
    choices = read_field(response, "choices")
    if type(choices) is list or isinstance(choices, (list, tuple)):
        return tuple(map(_of_choice, choices))
    messages = read(response, "messages")
    if isinstance(messages, (list, tuple)):
        reason = read(response, "finish_reason")
        return tuple(_unified(message, reason) for message in messages)
    items = read(response, "output")
    return (_of_items(items, response),) if isinstance(items, (list, tuple)) else ()


def _of_choice(choice: Any) -> dict[str, Any]:
    of_choice = reader_of(choice)
    message = of_choice("message")
    if message is None:
        return _message(of_choice("finish_reason"), content=of_choice("text"))
    said, reason = reader_of(message), of_choice("finish_reason")
    calls, called = said("tool_calls"), said("function_call")
    shown: dict[str, Any] = {"role": "assistant"}
    for name in _SAID:
        value = said(name)
        if value is not None:
            shown[name] = value
    if calls is not None and (asked := _calls(calls)):
        shown["tool_calls"] = asked
    if called is not None:
        shown["function_call"] = _function(called)
    shown["finish_reason"] = reason if isinstance(reason, str) else None
    return shown


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
    if not calls or not (type(calls) is list or isinstance(calls, (list, tuple))):
        return None
    asked = []
    for one in calls:
        of_call = reader_of(one)
        asked.append({"id": of_call("id"), "function": _function(of_call("function"))})
    return asked


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
    values = {name: _field(block, name) for name in _BLOCK}
    values["type"] = getattr(values["type"], "value", values["type"])
    return {name: value for name, value in values.items() if value is not None}


def _field(holder: Any, name: str) -> Any:
    return holder.get(name) if isinstance(holder, dict) else read_field(holder, name)
