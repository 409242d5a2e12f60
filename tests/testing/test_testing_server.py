from __future__ import annotations

import http.client
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import openai
import pytest

from autogen_otel import testing as scripted
from autogen_otel.testing import ScriptedServer, ScriptError, entry, server
from autogen_otel.testing.server import DEMO_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from autogen_otel.testing import ChatRequest, Reply

HELLO = [{"role": "user", "content": "hello"}]
TOOLS = [
    {"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {}}}}
]


def test_replies_are_found_where_they_could_be_imported_before() -> None:
    for name in ("text", "tool_call", "tool_calls", "drop", "hang", "malformed", "stream_drop"):
        assert getattr(server, name) is getattr(scripted, name)
    with pytest.raises(AttributeError, match="no attribute 'reply'"):
        _ = server.reply


@pytest.fixture
def client_of() -> Iterator[Callable[..., Any]]:
    clients: list[Any] = []

    def make(server: ScriptedServer, **options: Any) -> Any:
        clients.append(openai.OpenAI(api_key=DEMO_KEY, base_url=server.base_url, **options))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def wait_for_threads(before: set[threading.Thread]) -> None:
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive(), thread


def ask(client: Any, **options: Any) -> Any:
    return client.chat.completions.create(model="gpt-4o", messages=HELLO, **options)


def test_the_sdk_reads_a_text_with_its_usage_and_request_id(client_of: Callable[..., Any]) -> None:
    reply = scripted.text("hi there", cached_tokens=3, reasoning_tokens=5)
    with ScriptedServer([reply, reply]) as server:
        client = client_of(server)
        answer = ask(client)
        second = ask(client)
    assert answer.choices[0].message.content == "hi there"
    assert answer.choices[0].finish_reason == "stop"
    assert (answer._request_id, second._request_id) == ("req_000001", "req_000002")
    assert answer.model == "gpt-4o"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.usage.prompt_tokens_details.cached_tokens == 3
    assert answer.usage.completion_tokens_details.reasoning_tokens == 5


def test_a_longer_prompt_costs_more_tokens(client_of: Callable[..., Any]) -> None:
    with ScriptedServer([scripted.text("a"), scripted.text("a")]) as server:
        client = client_of(server)
        short = ask(client)
        long = client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "word " * 400}]
        )
    assert long.usage.prompt_tokens > short.usage.prompt_tokens + 400
    assert short.usage.prompt_tokens_details is None


def test_the_sdk_reads_tool_calls_right_or_wrong(client_of: Callable[..., Any]) -> None:
    calls = scripted.tool_calls([("add", {"a": 1}), ("add", '{"a": ', "call_mine")])
    with ScriptedServer([calls, scripted.function_call("add", {"b": 2})]) as server:
        client = client_of(server)
        choice = ask(client, tools=TOOLS).choices[0]
        legacy = ask(client).choices[0]
    assert [(c.id, c.function.name, c.function.arguments) for c in choice.message.tool_calls] == [
        ("call_000001_0", "add", '{"a": 1}'),
        ("call_mine", "add", '{"a": '),
    ]
    assert choice.finish_reason == "tool_calls"
    assert (legacy.message.function_call.name, legacy.finish_reason) == ("add", "function_call")


@pytest.mark.parametrize("usage", [True, False])
def test_a_stream_carries_the_same_answer(client_of: Callable[..., Any], usage: bool) -> None:
    options = {"stream_options": {"include_usage": True}} if usage else {}
    script: list[Reply] = [
        scripted.text("one two  three"),
        scripted.tool_call("add", {"a": 1, "b": 2}),
        scripted.text("kept"),
    ]
    with ScriptedServer(script) as server:
        client = client_of(server)
        spoken = list(ask(client, stream=True, **options))
        called = list(ask(client, stream=True, **options))
        whole = ask(client)
    assert "".join(c.choices[0].delta.content or "" for c in spoken if c.choices) == "one two  three"
    parts = [c.choices[0].delta.tool_calls[0] for c in called if c.choices and c.choices[0].delta.tool_calls]
    assert parts[0].function.name == "add"
    assert len(parts) > 2
    assert json.loads("".join(p.function.arguments for p in parts)) == {"a": 1, "b": 2}
    assert [c.usage is not None for c in spoken][-1] is usage
    assert whole.choices[0].message.content == "kept"


def test_a_legacy_function_call_is_streamed_too(client_of: Callable[..., Any]) -> None:
    with ScriptedServer([scripted.function_call("add", {"b": 2})]) as server:
        deltas = [chunk.choices[0].delta for chunk in ask(client_of(server), stream=True)]
    calls = [delta.function_call for delta in deltas if delta.function_call]
    assert calls[0].name == "add"
    assert json.loads("".join(call.arguments for call in calls)) == {"b": 2}


def test_silent_retries_reach_the_server_one_by_one(client_of: Callable[..., Any]) -> None:
    script: list[Reply] = [scripted.error(500, "boom"), scripted.error(500, "boom"), scripted.text("at last")]
    with ScriptedServer(script) as server:
        answer = ask(client_of(server))
    assert answer.choices[0].message.content == "at last"
    assert answer._request_id == "req_000003"
    assert [request.headers["x-stainless-retry-count"] for request in server.requests] == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, openai.BadRequestError, None),
        (401, openai.AuthenticationError, "invalid_api_key"),
        (404, openai.NotFoundError, "model_not_found"),
        (429, openai.RateLimitError, "rate_limit_exceeded"),
        (500, openai.InternalServerError, None),
    ],
)
def test_an_error_surfaces_as_the_sdks_own(
    client_of: Callable[..., Any], status: int, kind: type[openai.APIStatusError], code: str | None
) -> None:
    with (
        ScriptedServer(lambda request: scripted.error(status, "no luck")) as server,
        pytest.raises(kind) as caught,
    ):
        ask(client_of(server))
    assert caught.value.code == code
    assert "no luck" in str(caught.value)
    assert caught.value.request_id == f"req_{len(server.requests):06d}"
    assert len(server.requests) == (3 if status in {429, 500} else 1)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.001, {"retry-after-ms": "1"}),
        (0.25, {"retry-after-ms": "250"}),
        (7, {"retry-after": "7"}),
        (None, {}),
    ],
)
def test_the_wait_asked_for_can_be_chosen(seconds: float | None, expected: dict[str, str]) -> None:
    headers = scripted.error(429, "slow down", retry_after=seconds).headers
    assert {name: value for name, value in headers.items() if name.startswith("retry")} == expected


def test_own_headers_win(client_of: Callable[..., Any]) -> None:
    reply = scripted.error(429, "slow down", headers={"retry-after": "20", "x-request-id": "req_mine"})
    with ScriptedServer([reply]) as server, pytest.raises(openai.RateLimitError) as caught:
        ask(client_of(server, max_retries=0))
    assert caught.value.request_id == "req_mine"
    assert caught.value.response.headers["retry-after"] == "20"


def test_a_dropped_connection_is_a_connection_error_and_the_next_request_works(
    client_of: Callable[..., Any],
) -> None:
    with ScriptedServer([scripted.drop(), scripted.text("back")]) as server:
        client = client_of(server, max_retries=0)
        with pytest.raises(openai.APIConnectionError):
            ask(client)
        assert ask(client).choices[0].message.content == "back"


def test_a_hanging_answer_times_out_and_does_not_hold_up_the_end(client_of: Callable[..., Any]) -> None:
    before = set(threading.enumerate())
    with ScriptedServer([scripted.hang(60)]) as server, pytest.raises(openai.APITimeoutError):
        ask(client_of(server, max_retries=0, timeout=0.1))
    wait_for_threads(before)


def test_a_slow_answer_comes_in_the_end(client_of: Callable[..., Any]) -> None:
    with ScriptedServer([scripted.hang(0.01, scripted.text("slow"))]) as server:
        assert ask(client_of(server)).choices[0].message.content == "slow"


def test_a_web_page_is_not_json(client_of: Callable[..., Any]) -> None:
    with ScriptedServer([scripted.html()]) as server:
        assert "<html>" in ask(client_of(server))


def test_malformed_answers_are_malformed_as_told(client_of: Callable[..., Any]) -> None:
    script: list[Reply] = [
        scripted.malformed(choices=[]),
        scripted.malformed(message={"content": None}),
        scripted.malformed(message={"content": None}),
    ]
    with ScriptedServer(script) as server:
        client = client_of(server)
        assert ask(client).choices == []
        assert ask(client).choices[0].message.content is None
        assert [c.choices[0].delta.content for c in ask(client, stream=True)] == ["", None, None]


def test_raw_bytes_are_sent_as_they_are() -> None:
    with ScriptedServer([scripted.raw(200, {"x-mine": "1"}, b"\xff\x00")]) as server:
        connection = http.client.HTTPConnection(server.origin.removeprefix("http://"))
        connection.request("POST", "/v1/chat/completions", b"not json")
        answer = connection.getresponse()
        assert (answer.status, answer.headers["x-mine"], answer.read()) == (200, "1", b"\xff\x00")
        connection.close()
    assert server.requests[0].body == {}


def test_a_stream_can_break_with_an_error_event(client_of: Callable[..., Any]) -> None:
    seen = []
    with ScriptedServer([scripted.stream_error(3, "overloaded")]) as server:
        with pytest.raises(openai.APIError, match="overloaded") as caught:
            for chunk in ask(client_of(server), stream=True):
                seen.append(chunk)  # noqa: PERF402 - what came before the break counts
        assert not isinstance(caught.value, openai.APIStatusError)
    assert len(seen) == 3


def test_a_stream_can_be_cut(client_of: Callable[..., Any]) -> None:
    seen = []
    with (
        ScriptedServer([scripted.stream_drop(2)]) as server,
        pytest.raises(Exception, match=r"(?i)chunk|peer|conn"),
    ):
        for chunk in ask(client_of(server), stream=True):
            seen.append(chunk)  # noqa: PERF402 - what came before the cut counts
    assert len(seen) == 2


def test_azure_clients_are_served() -> None:
    with ScriptedServer([scripted.text("from azure")]) as server:
        client = openai.AzureOpenAI(api_key="k", azure_endpoint=server.origin, api_version="2024-06-01")
        with client:
            assert ask(client).choices[0].message.content == "from azure"
    path = server.requests[0].path
    assert path == "/openai/deployments/gpt-4o/chat/completions?api-version=2024-06-01"


def test_the_script_may_be_a_function_of_the_request(client_of: Callable[..., Any]) -> None:
    def echo(request: ChatRequest) -> Reply:
        return scripted.text(f"{request.ordinal} {request.model} {request.messages[-1]['content']}")

    with ScriptedServer(echo) as server:
        assert ask(client_of(server)).choices[0].message.content == "1 gpt-4o hello"
    assert server.requests[0].headers["authorization"] == f"Bearer {DEMO_KEY}"
    assert server.requests[0].body["messages"] == HELLO


def test_concurrent_requests_each_get_one_reply(client_of: Callable[..., Any]) -> None:
    with ScriptedServer([scripted.text(str(n)) for n in range(40)]) as server:
        client = client_of(server)
        with ThreadPoolExecutor(8) as pool:
            said = list(pool.map(lambda _: ask(client).choices[0].message.content, range(40)))
    assert sorted(said, key=int) == [str(n) for n in range(40)]
    assert [request.ordinal for request in server.requests] == list(range(1, 41))


def test_models_are_listed_without_using_up_the_script(client_of: Callable[..., Any]) -> None:
    with ScriptedServer([scripted.text("first")]) as server:
        client = client_of(server)
        assert [model.id for model in client.models.list()] == ["gpt-4o", "gpt-4o-mini"]
        assert ask(client)._request_id == "req_000002"


def test_an_unknown_path_is_not_found(client_of: Callable[..., Any]) -> None:
    with ScriptedServer([]) as server, pytest.raises(openai.NotFoundError, match="Invalid URL"):
        client_of(server).embeddings.create(model="m", input="x", encoding_format="float")


def test_a_script_that_ends_too_early_is_said_at_the_end(client_of: Callable[..., Any]) -> None:
    with pytest.raises(ScriptError, match=r"request 1.*the script has ended"), ScriptedServer([]) as server:  # noqa: SIM117
        with pytest.raises(openai.BadRequestError):
            ask(client_of(server))


def test_one_connection_serves_many_requests_and_nothing_stays_open(
    client_of: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    before = set(threading.enumerate())
    with ScriptedServer(lambda request: scripted.text("x")) as server:
        client = client_of(server)
        for _ in range(3):
            ask(client)
        assert len(set(threading.enumerate()) - before) == 2  # the server's and one connection's
    wait_for_threads(before)
    assert capfd.readouterr() == ("", "")


def test_an_entry_leads_to_the_server() -> None:
    with ScriptedServer([]) as server:
        assert entry(server, "gpt-4o-mini", tags=["a"]) == {
            "model": "gpt-4o-mini",
            "api_key": DEMO_KEY,
            "base_url": server.base_url,
            "tags": ["a"],
        }
