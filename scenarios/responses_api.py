"""The Responses API of the scripted server: the same replies, in the format of ``/v1/responses``."""

from __future__ import annotations

import json
from typing import Any

from autogen_otel.testing import ChatRequest, Reply, ScriptedServer, error, raw
from autogen_otel.testing.replies import Completion

_CREATED = 1_760_000_000
_CHARS_PER_TOKEN = 4


class ResponsesServer(ScriptedServer):
    """A scripted server that also answers ``POST /v1/responses``, and ``GET`` for what it answered there.

    Replies that are no completions go out as they are; a response is never streamed.
    """

    _stored_replies: dict[str, Reply]

    def _reply(self, request: ChatRequest) -> Reply:
        route = request.path.partition("?")[0]
        stored_replies = self.__dict__.setdefault("_stored_replies", {})
        if request.method == "GET" and "/responses/" in route:
            stored_reply: Reply | None = stored_replies.get(route.rpartition("/")[2])
            return stored_reply or error(404, "No such response", code="not_found")
        if request.method != "POST" or not route.endswith("/responses"):
            return super()._reply(request)
        reply = super()._reply(ChatRequest(request.ordinal, "POST", "/chat/completions", {}, request.body))
        if not isinstance(reply, Completion):
            return reply
        body = response_body(request, reply)
        answer = raw(200, {"content-type": "application/json"}, json.dumps(body).encode())
        stored_replies[body["id"]] = answer
        return answer


def response_body(request: ChatRequest, reply: Completion) -> dict[str, Any]:
    """Build the body of a response that is sent whole."""
    prompt = json.dumps([request.body.get("input"), request.body.get("tools")])
    answer_text = (reply.content or "") + "".join(call.name + call.arguments for call in reply.tool_calls)
    reasoning = reply.reasoning_tokens or 0
    input_tokens, output_tokens = _tokens(prompt), _tokens(answer_text) + reasoning
    is_cut = reply.finish_reason is not None
    return {
        "id": f"resp_{request.ordinal:06d}",
        "object": "response",
        "created_at": _CREATED + request.ordinal,
        "status": "incomplete" if is_cut else "completed",
        "incomplete_details": {"reason": reply.finish_reason} if is_cut else None,
        "error": None,
        "model": reply.model or request.model,
        "output": [*_message(request, reply), *_calls(request, reply)],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": input_tokens,
            "input_tokens_details": {"cached_tokens": reply.cached_tokens or 0, "cache_write_tokens": 0},
            "output_tokens": output_tokens,
            "output_tokens_details": {"reasoning_tokens": reasoning},
            "total_tokens": input_tokens + output_tokens,
        },
    }


def _message(request: ChatRequest, reply: Completion) -> list[dict[str, Any]]:
    if reply.content is None:
        return []
    part = {"type": "output_text", "text": reply.content, "annotations": []}
    return [
        {
            "type": "message",
            "id": f"msg_{request.ordinal:06d}",
            "status": "completed",
            "role": "assistant",
            "content": [part],
        }
    ]


def _calls(request: ChatRequest, reply: Completion) -> list[dict[str, Any]]:
    return [
        {
            "type": "function_call",
            "id": f"fc_{request.ordinal:06d}_{index}",
            "call_id": call.id or f"call_{request.ordinal:06d}_{index}",
            "name": call.name,
            "arguments": call.arguments,
            "status": "completed",
        }
        for index, call in enumerate(reply.tool_calls)
    ]


def _tokens(text: str) -> int:
    return len(text) // _CHARS_PER_TOKEN + 1
