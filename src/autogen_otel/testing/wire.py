"""The chat completions format: a request as it arrived, and completions as JSON bodies or stream events."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from autogen_otel.testing.replies import Completion, ToolCallPart

_CREATED_AT = 1_760_000_000
_CHARS_PER_TOKEN = 4
_DEPLOYMENT = re.compile(r"/deployments/([^/]+)/")


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One request that reached the server.

    Args:
        ordinal: 1 for the first request of the server; the number in its ``x-request-id``.
        method: ``GET`` or ``POST``.
        path: path with query, as sent.
        headers: header values by lower-case name.
        body: the parsed JSON body; empty if there was none.
    """

    ordinal: int
    method: str
    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def request_id(self) -> str:
        """The id the answer carries."""
        return f"req_{self.ordinal:06d}"

    @property
    def model(self) -> str:
        """The model asked for; Azure's deployment where the body names none."""
        deployment = _DEPLOYMENT.search(self.path)
        return str(self.body.get("model") or (deployment.group(1) if deployment else ""))

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The conversation as sent."""
        return list(self.body.get("messages") or [])

    @property
    def stream(self) -> bool:
        """Whether server-sent events were asked for."""
        return bool(self.body.get("stream"))


def completion_body(request: ChatRequest, reply: Completion) -> dict[str, Any]:
    """Build the body of an answer that is sent whole."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.content, "refusal": None}
    if reply.tool_calls:
        message["tool_calls"] = [
            _tool_call(request, index, call) for index, call in enumerate(reply.tool_calls)
        ]
    if reply.function_call:
        message["function_call"] = _function(reply.function_call)
    message.update(reply.message_overrides)
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish_reason(reply)}
    return {
        **_head(request, reply, "chat.completion"),
        "choices": [choice],
        "usage": _usage(request, reply),
        **reply.overrides,
    }


def stream_chunks(request: ChatRequest, reply: Completion) -> list[dict[str, Any]]:
    """Build the events of a streamed answer, without the closing ``[DONE]``."""
    head = _head(request, reply, "chat.completion.chunk")
    deltas = [
        ({"role": "assistant", "content": ""}, None),
        *((delta, None) for delta in _deltas(request, reply)),
    ]
    chunks = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}], **reply.overrides}
        for delta, reason in [*deltas, ({}, _finish_reason(reply))]
    ]
    if (request.body.get("stream_options") or {}).get("include_usage"):
        chunks.append({**head, "choices": [], "usage": _usage(request, reply)})
    return chunks


def event(data: Mapping[str, Any] | str) -> bytes:
    """Frame one server-sent event."""
    return f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n".encode()


def model_list() -> dict[str, Any]:
    """Build the answer to ``GET /v1/models``."""
    names = ("gpt-4o", "gpt-4o-mini")
    return {
        "object": "list",
        "data": [
            {"id": name, "object": "model", "created": _CREATED_AT, "owned_by": "system"} for name in names
        ],
    }


def _deltas(request: ChatRequest, reply: Completion) -> Iterator[dict[str, Any]]:
    if reply.message_overrides:
        yield dict(reply.message_overrides)
        return
    for piece in _pieces(reply.content or ""):
        yield {"content": piece}
    for index, call in enumerate(reply.tool_calls):
        first = _tool_call(request, index, call)
        first["function"]["arguments"] = ""
        yield {"tool_calls": [{"index": index, **first}]}
        for piece in _pieces(call.arguments):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
    if reply.function_call:
        yield {"function_call": {"name": reply.function_call.name, "arguments": ""}}
        for piece in _pieces(reply.function_call.arguments):
            yield {"function_call": {"arguments": piece}}


def _pieces(whole: str) -> list[str]:
    return re.findall(r"\S+\s*|\s+", whole)


def _head(request: ChatRequest, reply: Completion, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{request.ordinal:06d}",
        "object": kind,
        "created": _CREATED_AT + request.ordinal,
        "model": reply.model or request.model,
        "system_fingerprint": None,
    }


def _tool_call(request: ChatRequest, index: int, call: ToolCallPart) -> dict[str, Any]:
    call_id = call.id or f"call_{request.ordinal:06d}_{index}"
    return {"id": call_id, "type": "function", "function": _function(call)}


def _function(call: ToolCallPart) -> dict[str, Any]:
    return {"name": call.name, "arguments": call.arguments}


def _finish_reason(reply: Completion) -> str:
    if reply.finish_reason:
        return reply.finish_reason
    if reply.tool_calls:
        return "tool_calls"
    return "function_call" if reply.function_call else "stop"


def _usage(request: ChatRequest, reply: Completion) -> dict[str, Any]:
    prompt_text = json.dumps([request.messages, request.body.get("tools"), request.body.get("functions")])
    calls = [*reply.tool_calls, *([reply.function_call] if reply.function_call else [])]
    answer_text = (reply.content or "") + "".join(call.name + call.arguments for call in calls)
    prompt = _tokens(prompt_text)
    completion = _tokens(answer_text) + (reply.reasoning_tokens or 0)
    usage: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    if reply.cached_tokens is not None:
        usage["prompt_tokens_details"] = {"cached_tokens": reply.cached_tokens, "audio_tokens": 0}
    if reply.reasoning_tokens is not None:
        usage["completion_tokens_details"] = {"reasoning_tokens": reply.reasoning_tokens, "audio_tokens": 0}
    return usage


def _tokens(text: str) -> int:
    return len(text) // _CHARS_PER_TOKEN + 1
