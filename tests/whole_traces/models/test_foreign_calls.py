"""What a tool asks of the OpenAI SDK itself is judged by what it asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import openai
import pytest

from autogen_otel.testing import ChatRequest, ScriptedServer, raw, text, tool_call
from autogen_otel.testing.replies import Reply
from tests.support.agents import SHAPES, converse, pair
from tests.support.telemetry import instrumented

_HELLO = [{"role": "user", "content": "Hello"}]
_JSON = {"content-type": "application/json"}
_EMBEDDING = {"object": "embedding", "index": 0, "embedding": [0.5]}
_JOB = {
    "id": "job-1",
    "object": "fine_tuning.job",
    "status": "failed",
    "error": {"code": "x", "message": "bad"},
}

Ask = Callable[[Any], Any]
CALLS: dict[str, tuple[str, Ask, Any, dict[str, str]]] = {
    "embeddings": (
        "/embeddings",
        lambda client: client.embeddings.create(model="e", input="x", encoding_format="float"),
        {
            "object": "list",
            "model": "e",
            "data": [_EMBEDDING],
            "usage": {"prompt_tokens": 1, "total_tokens": 1},
        },
        _JSON,
    ),
    "images": (
        "/images/generations",
        lambda client: client.images.generate(prompt="x"),
        {"created": 1, "data": []},
        _JSON,
    ),
    "moderations": (
        "/moderations",
        lambda client: client.moderations.create(input="x"),
        {"id": "m", "model": "m", "results": []},
        _JSON,
    ),
    "speech": (
        "/audio/speech",
        lambda client: client.audio.speech.create(model="t", voice="alloy", input="x"),
        b"\xff\xf3sound",
        {"content-type": "audio/mpeg"},
    ),
    "transcription": (
        "/audio/transcriptions",
        lambda client: client.audio.transcriptions.create(model="w", file=("a.mp3", b"x")),
        {"text": '{"error": "is what was said"}'},
        _JSON,
    ),
    "a file with errors in it": (
        "/files/f/content",
        lambda client: client.files.content("f"),
        {"error": {"message": "of a batch"}},
        _JSON,
    ),
    "a file of HTML": (
        "/files/f/content",
        lambda client: client.files.content("f"),
        b"<html><title>502 Bad Gateway</title></html>",
        {"content-type": "text/html"},
    ),
    "a job that failed": (
        "/fine_tuning/jobs/job-1",
        lambda client: client.fine_tuning.jobs.retrieve("job-1"),
        _JOB,
        _JSON,
    ),
    "chat": (
        "/nowhere",
        lambda client: client.chat.completions.create(model="gpt-4o", messages=_HELLO),
        None,
        _JSON,
    ),
}


class _Api(ScriptedServer):
    """A provider that has more than chats."""

    def _reply(self, request: ChatRequest) -> Reply:
        for path, _, answer, headers in CALLS.values():
            if request.path.endswith(path) and self.answers_as(headers):
                body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                return raw(200, headers, body)
        return super()._reply(request)

    content_type = ""

    def answers_as(self, headers: dict[str, str]) -> bool:
        return headers["content-type"] == self.content_type


def _raw(client: Any) -> Any:
    return _Ways(client, "with_raw_response")


def _streaming(client: Any) -> Any:
    return _Ways(client, "with_streaming_response")


class _Ways:
    """A client whose calls are made by way of a view of the resource."""

    def __init__(self, client: Any, view: str) -> None:
        self._client, self._view = client, view

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        return (
            _Ways(found, self._view)
            if hasattr(found, "_client")
            else getattr(getattr(self._client, self._view), name)
        )


@SHAPES
@pytest.mark.parametrize("way", [lambda client: client, _raw, _streaming], ids=["plain", "raw", "streaming"])
@pytest.mark.parametrize("name", CALLS)
def test_a_good_answer_is_no_failure_whatever_was_asked_for(
    our_errors: list[BaseException], name: str, way: Any, shape: str
) -> None:
    _, ask, _, headers = CALLS[name]

    def act() -> str:
        """Asks the provider."""
        client = openai.OpenAI(api_key="sk-none", base_url=server.base_url)
        asked = ask(way(client))
        if hasattr(asked, "__enter__"):
            with asked as response:
                response.read()
        return "Asked."

    async def a_act() -> str:
        """Asks the provider."""
        client = openai.AsyncOpenAI(api_key="sk-none", base_url=server.base_url)
        asked = ask(way(client))
        if hasattr(asked, "__aenter__"):
            async with asked as response:
                await response.read()
        else:
            await asked
        return "Asked."

    tool = act if shape == "sync" else a_act
    script = [tool_call(tool.__name__, {}), *([text("Hi.")] if name == "chat" else []), text("TERMINATE")]
    with _Api(script) as server, instrumented() as telemetry:
        server.content_type = headers["content-type"]
        converse(shape, *pair(server, tool))
    assert "ERROR" not in telemetry.tree(), telemetry.tree()
    assert len(telemetry.named("GET") + telemetry.named("POST")) == len(server.requests)
