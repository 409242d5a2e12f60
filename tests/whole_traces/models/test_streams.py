"""Streamed answers: how far each came, what it cost, and what broke it."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from types import SimpleNamespace
from typing import Any

import pytest
from autogen.oai.client import OpenAIWrapper

from autogen_otel.hosts.sdk import streams
from autogen_otel.operations.models.stream_progress import StreamProgress
from autogen_otel.operations.operation import Operation
from autogen_otel.operations.place import Place
from autogen_otel.testing import Reply, ScriptedServer, entry, raw, stream_drop, stream_error, text, tool_call
from autogen_otel.testing.replies import BrokenStream
from autogen_otel.testing.server import DEMO_KEY
from tests.support.agents import SHAPES, Serve, assistant, chat, configured, converse, user
from tests.support.lineage import IS_014
from tests.support.models import HELLO, counting_words
from tests.support.telemetry import Telemetry, attributes_of, exception_of

CUT = {"httpx.RemoteProtocolError", "httpx.ReadError", "openai.APIConnectionError"}


@pytest.fixture(autouse=True)
def nothing_is_downloaded() -> Iterator[None]:
    with counting_words():
        yield


def streaming(*servers: ScriptedServer, **options: Any) -> Any:
    """An assistant whose model streams."""
    return configured(assistant([entry(server) for server in servers]), stream=True, **options)


def sse(*events: dict[str, Any] | str) -> Reply:
    """A stream of exactly these events."""
    body = "".join(f"data: {one if isinstance(one, str) else json.dumps(one)}\n\n" for one in events)
    return raw(200, {"content-type": "text/event-stream"}, body.encode())


def chunk(content: str | None, finish_reason: str | None = None) -> dict[str, Any]:
    """One event of a stream."""
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish_reason}
    head = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o"}
    return {**head, "choices": [choice]}


@SHAPES
def test_a_streamed_answer_says_when_it_began_and_in_how_many_chunks_it_came(
    telemetry: Telemetry, serve: Serve, shape: str
) -> None:
    server = serve([text("All is fine. TERMINATE")])
    result = converse(shape, user(), streaming(server, stream_options={"include_usage": True}))
    assert result.chat_history[-1]["content"] == "All is fine. TERMINATE"
    assert (
        telemetry.tree()
        == """\
invoke_workflow user -> assistant errors.handled=0
  invoke_agent assistant
    chat gpt-4o config.index=0 cache.hit=False
      POST http.response.status_code=200
  invoke_agent user"""
    )
    call = attributes_of(telemetry.one("chat"))
    assert call["gen_ai.request.stream"] is True
    assert call["autogen.stream.chunks"] == 7  # the role, four words, the end, the usage
    assert call["gen_ai.response.time_to_first_chunk"] > 0
    assert "autogen.stream.received_chars" not in call
    assert call["gen_ai.response.finish_reasons"] == ("stop",)
    assert call["gen_ai.usage.output_tokens"] == len("All is fine. TERMINATE") // 4 + 1


def test_an_answer_that_is_not_streamed_says_nothing_of_streams(telemetry: Telemetry, serve: Serve) -> None:
    chat(user(), assistant([entry(serve([text("Fine. TERMINATE")]))]))
    assert not [key for key in attributes_of(telemetry.one("chat")) if "stream" in key or "chunk" in key]


def test_tokens_that_autogen_only_estimates_are_left_out(telemetry: Telemetry, serve: Serve) -> None:
    wrapper = OpenAIWrapper(config_list=[entry(serve([sse(chunk("Fine."), chunk(None, "stop"), "[DONE]")]))])
    response = wrapper.create(messages=HELLO, stream=True, cache_seed=None)
    assert response.usage is not None
    call = attributes_of(telemetry.one("chat"))
    assert call["autogen.stream.chunks"] == 2
    assert not [key for key in call if key.startswith("gen_ai.usage")]


def test_arguments_of_a_tool_call_that_had_arrived_count_as_received(
    telemetry: Telemetry, serve: Serve
) -> None:
    broken = BrokenStream(tool_call("lookup", '{"policy_id": "P-1"}'), after_chunks=3, message="Overloaded")
    with pytest.raises(Exception, match="Overloaded"):
        chat(user(), streaming(serve([broken])))
    call = attributes_of(telemetry.one("chat"))
    assert (call["autogen.stream.chunks"], call["autogen.stream.received_chars"]) == (
        3,
        len('{"policy_id": '),
    )


@SHAPES
def test_an_error_event_shows_how_much_had_arrived(telemetry: Telemetry, serve: Serve, shape: str) -> None:
    server = serve([stream_error(3, "The engine is overloaded", content="half an answer")])
    with pytest.raises(Exception, match="overloaded"):
        converse(shape, user(), streaming(server))
    assert (
        telemetry.tree()
        == """\
invoke_workflow user -> assistant ERROR[backend: openai.APIError] errors.handled=0
  invoke_agent assistant ERROR[backend: openai.APIError]
    chat gpt-4o ERROR[backend: openai.APIError] config.index=0
      POST http.response.status_code=200"""
    )
    call = telemetry.one("chat")
    assert attributes_of(call)["autogen.stream.chunks"] == 3
    assert attributes_of(call)["autogen.stream.received_chars"] == len("half an ")
    assert "half an" not in call.to_json()
    assert "_streaming.py" in exception_of(call)["exception.stacktrace"]


@SHAPES
def test_a_cut_connection_is_an_interrupted_stream_in_every_sdk(
    telemetry: Telemetry, serve: Serve, shape: str
) -> None:
    with pytest.raises(Exception, match=r"Connection error|peer closed|reset"):
        converse(shape, user(), streaming(serve([stream_drop(2, content="half an answer")])))
    call = attributes_of(telemetry.one("chat"))
    assert call["autogen.error.origin"] == "stream_interrupted"
    assert call["error.type"] in CUT
    assert (call["autogen.stream.chunks"], call["autogen.stream.received_chars"]) == (2, len("half "))
    assert attributes_of(telemetry.one("invoke_workflow"))["autogen.errors.origins"] == (
        "stream_interrupted",
    )


def test_a_broken_stream_that_another_entry_makes_good_is_on_the_entry(
    telemetry: Telemetry, serve: Serve
) -> None:
    broken, good = serve([stream_error(2, "Overloaded")]), serve([text("Fine. TERMINATE")])
    chat(user(), streaming(broken, good))
    assert (
        telemetry.tree()
        == """\
invoke_workflow user -> assistant errors.handled=1
  invoke_agent assistant
    chat gpt-4o config.index=1 cache.hit=False
      config_entry 0 gpt-4o ERROR[backend: openai.APIError]
        POST http.response.status_code=200
      config_entry 1 gpt-4o
        POST http.response.status_code=200
  invoke_agent user"""
    )
    first, second = (attributes_of(span) for span in telemetry.named("config_entry"))
    assert (first["autogen.stream.chunks"], first["autogen.stream.received_chars"]) == (2, 2)
    assert "autogen.stream.received_chars" not in second
    call = attributes_of(telemetry.one("chat"))
    assert call["autogen.stream.chunks"] == second["autogen.stream.chunks"]
    assert call["gen_ai.response.time_to_first_chunk"] > second["gen_ai.response.time_to_first_chunk"]


UNUSABLE = {
    "empty": (sse("[DONE]"), "stream_interrupted", 0),
    "ended without a finish reason": (sse(chunk("half an ")), "stream_interrupted", 8),
    "not JSON": (sse(chunk("half an "), '{"id": '), "stream_interrupted", 8),
    "prompt too large, told in the stream": (
        sse({"error": {"message": "Too long", "code": "context_length_exceeded"}}),
        "prompt_too_large",
        0,
    ),
    "rate limit, told in the stream": (
        sse(chunk("half"), {"error": {"message": "Slow down", "code": "rate_limit_exceeded"}}),
        "rate_limit",
        4,
    ),
    "chunks that are none": (
        sse({**chunk("x"), "choices": [{"index": 0, "delta": None}]}, "[DONE]"),
        "backend",
        0,
    ),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_a_stream_that_cannot_be_used_is_classified(telemetry: Telemetry, serve: Serve, case: str) -> None:
    reply, origin, received = UNUSABLE[case]
    with pytest.raises(Exception):  # noqa: B017 - each lineage and SDK has its own
        chat(user(), streaming(serve([reply])))
    call = attributes_of(telemetry.one("chat"))
    assert (call["autogen.error.origin"], call["autogen.stream.received_chars"]) == (origin, received)
    assert attributes_of(telemetry.one("invoke_workflow"))["autogen.error.origin"] == origin


@pytest.fixture
def stalling() -> Iterator[str]:
    """The address of a server that sends one chunk to each client and then nothing any more."""
    head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
    with ExitStack() as connections, socket.create_server(("127.0.0.1", 0)) as listening:

        def serve_all() -> None:
            with suppress(OSError):
                while True:
                    connection = connections.enter_context(listening.accept()[0])
                    with suppress(OSError):  # who asked may have given up already
                        connection.recv(65536)
                        connection.sendall(f"{head}data: {json.dumps(chunk('half'))}\n\n".encode())

        thread = threading.Thread(target=serve_all, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        # This ends the waiting for another client; to close it would not.
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_stall_inside_a_stream_is_an_interruption_and_no_slow_start(
    telemetry: Telemetry, stalling: str
) -> None:
    slow = {"model": "gpt-4o", "api_key": DEMO_KEY, "base_url": stalling}
    call: dict[str, Any] = {}
    # On a busy machine it takes more patience until even the first chunk is there.
    for seconds in (0.2, 2.0, 20.0, 200.0):
        telemetry.clear()
        with pytest.raises(Exception, match="timed out"):
            chat(user(), configured(assistant([slow]), timeout=seconds, stream=True))
        call = attributes_of(telemetry.one("chat"))
        if call["autogen.error.origin"] != "timeout":
            break
    assert call["autogen.error.origin"] == "stream_interrupted"
    assert (call["autogen.stream.chunks"], call["autogen.stream.received_chars"]) == (1, 4)


def offline(_name: str) -> Any:
    """What tiktoken does without the internet."""
    import requests

    unreachable = socket.gaierror(-3, "Temporary failure in name resolution")
    raise requests.ConnectionError("openaipublic.blob.core.windows.net is unreachable") from unreachable


@pytest.mark.needs(not IS_014, "AG2 0.14 asks the provider for the tokens")
def test_a_good_stream_that_autogen_cannot_count_offline_is_no_fault_of_the_provider(
    telemetry: Telemetry, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tiktoken.encoding_for_model", offline)
    server = serve([text("Fine. TERMINATE")])
    with pytest.raises(Exception, match="openaipublic"):
        chat(user(), streaming(server, stream_options={"include_usage": True}))
    assert (
        telemetry.tree()
        == """\
invoke_workflow user -> assistant ERROR[client: requests.exceptions.ConnectionError] errors.handled=0
  invoke_agent assistant ERROR[client: requests.exceptions.ConnectionError]
    chat gpt-4o ERROR[client: requests.exceptions.ConnectionError] config.index=0
      POST http.response.status_code=200"""
    )
    call = telemetry.one("chat")
    assert attributes_of(call)["autogen.stream.received_chars"] == len("Fine. TERMINATE")
    assert attributes_of(call)["gen_ai.usage.output_tokens"] > 0
    assert "token_count_utils.py" in exception_of(call)["exception.stacktrace"]


@pytest.mark.needs(not IS_014, "AG2 0.14 asks the provider for the tokens")
def test_a_model_that_autogen_cannot_count_is_no_fault_of_the_provider_either(
    telemetry: Telemetry, serve: Serve
) -> None:
    helper = assistant([entry(serve([text("Fine. TERMINATE")]), "house-model")])
    with pytest.raises(NotImplementedError, match="house-model"):
        chat(user(), configured(helper, stream=True))
    assert attributes_of(telemetry.one("chat"))["autogen.error.origin"] == "client"


class OwnClient:
    """A custom client that uses the SDK's streams in its own way."""

    def __init__(self, config: dict[str, Any], base_url: str, how: str) -> None:
        self.base_url, self.how = base_url, how

    def create(self, params: dict[str, Any]) -> Any:
        """Answer with the text that it read."""
        from types import SimpleNamespace

        said = asyncio.run(self._all(params)) if self.how == "async" else self._some(params)
        message = SimpleNamespace(content=said, function_call=None, tool_calls=None)
        return SimpleNamespace(choices=[SimpleNamespace(message=message)], model=params["model"])

    def _some(self, params: dict[str, Any]) -> str:
        from openai import OpenAI

        asked = {"model": params["model"], "messages": params["messages"], "stream": True}
        stream = OpenAI(api_key=DEMO_KEY, base_url=self.base_url).chat.completions.create(**asked)
        said = ""
        try:
            for number, one in enumerate(stream):
                said += one.choices[0].delta.content or ""
                if self.how == "stops" and number == 2:
                    stream.close()
                    break
        except Exception:
            if self.how != "swallows":
                raise
        return said

    async def _all(self, params: dict[str, Any]) -> str:
        from openai import AsyncOpenAI

        asked = {"model": params["model"], "messages": params["messages"], "stream": True}
        stream = await AsyncOpenAI(api_key=DEMO_KEY, base_url=self.base_url).chat.completions.create(**asked)
        return "".join([one.choices[0].delta.content or "" async for one in stream])

    def message_retrieval(self, response: Any) -> list[str]:
        """The text of each choice."""
        return [choice.message.content for choice in response.choices]

    def cost(self, response: Any) -> float:
        """Nothing."""
        return 0

    @staticmethod
    def get_usage(response: Any) -> dict[str, Any]:
        """Nothing known."""
        return {}


def own(server: ScriptedServer, how: str) -> Any:
    """An agent with a custom client."""
    helper = assistant([{"model": "gpt-4o", "model_client_cls": "OwnClient"}])
    helper.register_model_client(model_client_cls=OwnClient, base_url=server.base_url, how=how)
    return helper


def test_asynchronous_streams_are_counted_too(telemetry: Telemetry, serve: Serve) -> None:
    result = chat(user(), own(serve([text("All is fine. TERMINATE")]), "async"))
    assert result.chat_history[-1]["content"] == "All is fine. TERMINATE"
    call = attributes_of(telemetry.one("chat"))
    assert call["autogen.stream.chunks"] == 6
    assert call["gen_ai.response.time_to_first_chunk"] > 0


def test_an_error_event_of_an_asynchronous_stream_is_read_as_an_error_body_is(
    telemetry: Telemetry, serve: Serve
) -> None:
    with pytest.raises(Exception, match="Overloaded"):
        chat(user(), own(serve([stream_error(2, "Overloaded")]), "async"))
    call = attributes_of(telemetry.one("chat"))
    assert call["autogen.error.origin"] == "backend"
    assert (call["autogen.stream.chunks"], call["autogen.stream.received_chars"]) == (2, 2)


def test_a_stream_closed_early_tells_what_was_read_and_is_no_failure(
    telemetry: Telemetry, serve: Serve
) -> None:
    chat(user(), own(serve([text("TERMINATE and much more that nobody reads")]), "stops"))
    assert "ERROR" not in telemetry.tree()
    assert attributes_of(telemetry.one("chat"))["autogen.stream.chunks"] == 3


def test_an_error_event_that_a_client_keeps_to_itself_is_counted_as_handled(
    telemetry: Telemetry, serve: Serve
) -> None:
    server = serve([stream_error(2, "Overloaded", content="TERMINATE is all that came")])
    chat(user(), own(server, "swallows"))
    root = attributes_of(telemetry.one("invoke_workflow"))
    assert (root["autogen.errors.handled"], root["autogen.errors.origins"]) == (1, ("backend",))
    assert attributes_of(telemetry.one("chat"))["autogen.stream.received_chars"] == len("TERMINATE ")


def test_the_applications_own_streams_are_left_alone(telemetry: Telemetry, serve: Serve) -> None:
    from types import GeneratorType

    from openai import OpenAI

    client = OpenAI(api_key=DEMO_KEY, base_url=serve([text("Fine.")]).base_url)
    stream = client.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True)
    assert type(stream._iterator) is GeneratorType
    assert len(list(stream)) == 3
    assert telemetry.spans == []


def test_a_stream_is_counted_though_its_call_ends_on_another_thread_meanwhile(
    monkeypatch: pytest.MonkeyPatch, our_errors: list[BaseException]
) -> None:
    account = StreamProgress(texts=None)
    # A call that has ended has no entry any more.
    entries = iter([SimpleNamespace(open_stream=lambda: account)])

    class Around(Place):
        entry = property(lambda _: next(entries, None))

    class Ending(Operation):
        place = Around.__new__(Around)

    monkeypatch.setattr("autogen_otel.hosts.sdk.streams.current_call", lambda: object.__new__(Ending))
    runtime: Any = SimpleNamespace(enabled=True)
    assert list(streams.counted_stream(lambda: iter("abc"), runtime)()) == ["a", "b", "c"]
    assert account.chunks == 3
    assert our_errors == []
