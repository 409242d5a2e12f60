"""What the scripted server can answer; one small value per kind of reply."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ERROR_KINDS: Mapping[int, tuple[str, str | None]] = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("invalid_request_error", "unsupported_country_region_territory"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}


@dataclass(frozen=True, slots=True)
class ToolCallPart:
    """One tool call of a message.

    Args:
        name: the tool.
        arguments: JSON text as sent, right or wrong.
        id: the call id; the server makes one up if ``None``.
    """

    name: str
    arguments: str
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """A chat completion, sent whole or as server-sent events, as the request asks.

    Args:
        content: the text, if any.
        tool_calls: the tool calls, if any.
        function_call: the legacy function call, if any.
        finish_reason: why the model stopped; follows from the content if ``None``.
        model: the model that says it answered; the one asked for if ``None``.
        cached_tokens: prompt tokens reported as cached; not reported if ``None``.
        reasoning_tokens: completion tokens reported as reasoning; not reported if ``None``.
        overrides: top-level fields of the body replaced after it is built.
        message_overrides: fields of the message replaced after it is built.
    """

    content: str | None = None
    tool_calls: tuple[ToolCallPart, ...] = ()
    function_call: ToolCallPart | None = None
    finish_reason: str | None = None
    model: str | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    message_overrides: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Raw:
    """An HTTP answer, byte for byte."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection closed without an answer."""


@dataclass(frozen=True, slots=True)
class Hang:
    """Silence for some seconds, cut short when the server stops, then ``then``."""

    seconds: float
    then: Reply


@dataclass(frozen=True, slots=True)
class BrokenStream:
    """A stream that breaks.

    Args:
        completion: what is being streamed.
        after_chunks: events that are sent before it breaks.
        message: text of the error event; ``None`` cuts the connection instead.
    """

    completion: Completion
    after_chunks: int
    message: str | None = None


Reply: TypeAlias = Completion | Raw | Drop | Hang | BrokenStream


def text(content: str, **options: Any) -> Completion:
    """Answer with text; ``options`` are further fields of ``Completion``."""
    return Completion(content=content, **options)


def tool_call(
    name: str,
    arguments: Mapping[str, Any] | str,
    id: str | None = None,  # noqa: A002 - the name the wire format uses
    **options: Any,
) -> Completion:
    """Answer with one tool call; arguments given as text are sent as they are, JSON or not."""
    return tool_calls([(name, arguments, id)], **options)


def tool_calls(
    calls: Sequence[tuple[str, Mapping[str, Any] | str] | tuple[str, Mapping[str, Any] | str, str | None]],
    **options: Any,
) -> Completion:
    """Answer with several tool calls, each ``(name, arguments)`` or ``(name, arguments, id)``."""
    parts = tuple(ToolCallPart(call[0], _json_text(call[1]), *call[2:]) for call in calls)
    return Completion(tool_calls=parts, **options)


def function_call(name: str, arguments: Mapping[str, Any] | str, **options: Any) -> Completion:
    """Answer with a function call as it was before tools."""
    return Completion(function_call=ToolCallPart(name, _json_text(arguments)), **options)


def error(
    status: int,
    message: str,
    *,
    code: str | None = None,
    type: str | None = None,  # noqa: A002 - the name the wire format uses
    retry_after: float | None = 0.001,
    headers: Mapping[str, str] | None = None,
) -> Raw:
    """Answer with an error in OpenAI's format.

    Args:
        status: HTTP status code.
        message: what went wrong.
        code: ``error.code``; the usual one of the status if ``None``.
        type: ``error.type``; the usual one of the status if ``None``.
        retry_after: seconds the client is asked to wait, in milliseconds on the wire if below one second.
            The default keeps tests fast; ``None`` sends no such header and lets the SDK wait as in real life.
        headers: further headers; they win over the others.
    """
    usual_type, usual_code = _ERROR_KINDS.get(status, ("server_error", None))
    body = {"message": message, "type": type or usual_type, "param": None, "code": code or usual_code}
    retry_headers: dict[str, str] = {}
    if retry_after is not None:
        in_seconds = retry_after >= 1
        retry_headers = (
            {"retry-after": f"{retry_after:g}"}
            if in_seconds
            else {"retry-after-ms": f"{retry_after * 1000:g}"}
        )
    return Raw(
        status,
        {"content-type": "application/json", **retry_headers, **(headers or {})},
        json.dumps({"error": body}).encode(),
    )


def drop() -> Drop:
    """Close the connection without an answer."""
    return Drop()


def html(body: str = "<html><body><h1>Welcome to the proxy</h1></body></html>") -> Raw:
    """Answer 200 with a web page, as a proxy or a wrong base URL does."""
    return Raw(200, {"content-type": "text/html; charset=utf-8"}, body.encode())


def hang(seconds: float, then: Reply | None = None) -> Hang:
    """Stay silent, then give ``then``, or close the connection."""
    return Hang(seconds, then or Drop())


def malformed(message: Mapping[str, Any] | None = None, **fields: Any) -> Completion:
    """Answer 200 with a completion whose parts are not what they should be.

    Args:
        message: fields of the message to replace: ``malformed(message={"content": None})``.
        fields: top-level fields of the body to replace: ``malformed(choices=[])``.
    """
    return Completion(content="malformed", overrides=fields, message_overrides=message or {})


def raw(status: int, headers: Mapping[str, str], body: bytes) -> Raw:
    """Answer with exactly this; ``content-length`` and ``x-request-id`` are added."""
    return Raw(status, headers, body)


def stream_error(
    after_chunks: int, message: str, content: str = "a reply that will not be finished"
) -> BrokenStream:
    """Send some events of a stream, then an error event."""
    return BrokenStream(Completion(content=content), after_chunks, message)


def stream_drop(after_chunks: int, content: str = "a reply that will not be finished") -> BrokenStream:
    """Send some events of a stream, then cut the connection."""
    return BrokenStream(Completion(content=content), after_chunks)


def _json_text(arguments: Mapping[str, Any] | str) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments)
