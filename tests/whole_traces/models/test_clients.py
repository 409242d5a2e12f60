"""Model clients of every kind, cached and rejected answers, and the order in which entries are tried."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from autogen import Cache
from autogen.cache.in_memory_cache import InMemoryCache
from autogen.oai.client import OpenAIWrapper

from autogen_otel.testing import ScriptedServer, entry, error, text, tool_call
from autogen_otel.testing.server import DEMO_KEY
from scenarios.responses_api import ResponsesServer
from tests.support.agents import SHAPES, Serve, assistant, chat, configured, converse, pair, user
from tests.support.lineage import IS_014, IS_02
from tests.support.models import HELLO, house
from tests.support.telemetry import Telemetry, attributes_of, exception_of
from tests.support.tools import lookup

GROQ_MODEL = "llama3-70b-8192"


@SHAPES
def test_a_custom_client_is_a_model_call_like_any_other(telemetry: Telemetry, shape: str) -> None:
    converse(shape, user(), house())
    assert (
        telemetry.tree()
        == """\
invoke_workflow user -> assistant errors.handled=0
  invoke_agent assistant
    chat house-1 config.index=0 cache.hit=False
  invoke_agent user"""
    )
    call = attributes_of(telemetry.one("chat"))
    assert call["gen_ai.provider.name"] == "custom"
    assert call["gen_ai.response.model"] == "house-1"
    assert "server.address" not in call


@SHAPES
def test_what_a_custom_client_raises_is_its_own_fault(telemetry: Telemetry, shape: str) -> None:
    with pytest.raises(LookupError, match="no such weights"):
        converse(shape, user(), house(model="broken"))
    assert (
        telemetry.tree()
        == """\
invoke_workflow user -> assistant ERROR[client: LookupError] errors.handled=0
  invoke_agent assistant ERROR[client: LookupError]
    chat broken ERROR[client: LookupError] config.index=0"""
    )
    assert "in create" in exception_of(telemetry.one("chat"))["exception.stacktrace"]


def test_a_custom_client_stands_in_for_a_failed_entry(telemetry: Telemetry, serve: Serve) -> None:
    dead = serve([error(404, "No model gpt-9", code="model_not_found")])
    chat(user(), house(entry(dead, "gpt-9")))
    assert (
        telemetry.tree()
        == """\
invoke_workflow user -> assistant errors.handled=1
  invoke_agent assistant
    chat house-1 config.index=1 cache.hit=False
      config_entry 0 gpt-9 ERROR[config_entry: openai.NotFoundError]
        POST ERROR[config_entry: 404] http.response.status_code=404
      config_entry 1 house-1
  invoke_agent user"""
    )


def test_a_client_that_was_never_registered_is_a_bad_entry(telemetry: Telemetry, serve: Serve) -> None:
    helper = assistant([entry(serve([])), {"model": "house-1", "model_client_cls": "HouseModel"}])
    with pytest.raises(RuntimeError, match="not activated"):
        chat(user(), helper)
    assert (
        telemetry.tree()
        == """\
invoke_workflow user -> assistant ERROR[config_entry: RuntimeError] errors.handled=0
  invoke_agent assistant ERROR[config_entry: RuntimeError]
    chat house-1 ERROR[config_entry: RuntimeError] config.index=1"""
    )


def azure(server: ScriptedServer) -> dict[str, Any]:
    """An entry that leads to a deployment."""
    return {
        "model": "gpt-4o",
        "api_type": "azure",
        "api_version": "2024-02-01",
        "base_url": server.origin,
        "api_key": DEMO_KEY,
    }


@SHAPES
def test_azure_is_named_as_such_and_its_deployment_is_in_the_url(
    telemetry: Telemetry, serve: Serve, shape: str
) -> None:
    server = serve([error(429, "Slow down"), text("Fine. TERMINATE")])
    converse(shape, user(), assistant([azure(server)]))
    assert (
        telemetry.tree()
        == """\
invoke_workflow user -> assistant errors.handled=1
  invoke_agent assistant
    chat gpt-4o config.index=0 cache.hit=False
      POST ERROR[rate_limit: 429] http.response.status_code=429
      POST http.response.status_code=200
  invoke_agent user"""
    )
    call = attributes_of(telemetry.one("chat"))
    assert call["gen_ai.provider.name"] == "azure.ai.openai"
    assert call["autogen.config.api_type"] == "azure"
    assert call["server.address"] == "127.0.0.1"
    url = attributes_of(telemetry.named("POST")[0])["url.full"]
    assert "/openai/deployments/gpt-4o/chat/completions" in url


@pytest.mark.needs(IS_014, "only AG2 has clients of the Responses API")
@pytest.mark.parametrize("api_type", ["responses_v2", "openai_v2"])
@SHAPES
def test_the_second_generation_of_clients_is_read_as_the_first(
    telemetry: Telemetry, shape: str, api_type: str
) -> None:
    with ResponsesServer([tool_call("lookup", {"policy_id": "P-1"}), text("Active. TERMINATE")]) as server:
        asker, helper = pair(server, lookup, entries=[entry(server, api_type=api_type)])
        converse(shape, asker, helper)
    assert (
        telemetry.tree()
        == """\
invoke_workflow user -> assistant errors.handled=0
  invoke_agent assistant
    chat gpt-4o config.index=0 cache.hit=False
      POST http.response.status_code=200
  invoke_agent user
    execute_tool lookup
  invoke_agent assistant
    chat gpt-4o config.index=0 cache.hit=False
      POST http.response.status_code=200
  invoke_agent user"""
    )
    call = attributes_of(telemetry.named("chat")[1])
    assert call["autogen.config.api_type"] == api_type
    assert call["gen_ai.usage.output_tokens"] == len("Active. TERMINATE") // 4 + 1
    assert call["gen_ai.usage.input_tokens"] > 0
    assert call["gen_ai.response.model"] == "gpt-4o"
    assert call["server.port"] == int(server.origin.rpartition(":")[2])


@pytest.mark.needs(IS_014, "only AG2 has a client of the Responses API")
def test_the_requests_that_the_responses_client_makes_unasked_are_shown(telemetry: Telemetry) -> None:
    answers = [text("Hm.", reasoning_tokens=2), text("Fine. TERMINATE", finish_reason="max_output_tokens")]
    with ResponsesServer(answers) as server:
        chat(user(), assistant([entry(server, api_type="responses")]))
    assert (
        telemetry.tree()
        == """\
invoke_workflow user -> assistant errors.handled=0
  invoke_agent assistant
    chat gpt-4o config.index=0 cache.hit=False
      POST http.response.status_code=200
  invoke_agent user
  invoke_agent assistant
    chat gpt-4o config.index=0 cache.hit=False
      GET http.response.status_code=200
      GET http.response.status_code=200
      POST http.response.status_code=200
  invoke_agent user"""
    )
    first, second = (attributes_of(span) for span in telemetry.named("chat"))
    assert first["gen_ai.usage.reasoning.output_tokens"] == 2
    assert "gen_ai.response.finish_reasons" not in first
    assert second["gen_ai.response.finish_reasons"] == ("max_output_tokens",)


@pytest.mark.needs(IS_014, "only AG2 has clients of the Responses API")
@pytest.mark.parametrize("api_type", ["responses", "responses_v2", "openai_v2"])
def test_failures_behind_newer_clients_are_classified_and_fall_over(
    telemetry: Telemetry, serve: Serve, api_type: str
) -> None:
    good = serve([text("Fine. TERMINATE")])
    with ResponsesServer([error(401, "Bad key")]) as server:
        chat(user(), assistant([entry(server, api_type=api_type), entry(good, "gpt-4o-mini")]))
    assert (
        telemetry.tree()
        == """\
invoke_workflow user -> assistant errors.handled=1
  invoke_agent assistant
    chat gpt-4o-mini config.index=1 cache.hit=False
      config_entry 0 gpt-4o ERROR[config_entry: openai.AuthenticationError]
        POST ERROR[config_entry: 401] http.response.status_code=401
      config_entry 1 gpt-4o-mini
        POST http.response.status_code=200
  invoke_agent user"""
    )


@pytest.mark.needs(IS_014, "only AG2 has clients that cannot stream")
@pytest.mark.parametrize("api_type", ["responses_v2", "openai_v2"])
def test_streaming_with_a_client_that_cannot_is_a_bad_entry(telemetry: Telemetry, api_type: str) -> None:
    with (
        ResponsesServer([text("Fine. TERMINATE")]) as server,
        pytest.raises(AttributeError, match="'Stream' object has no attribute"),
    ):
        chat(user(), assistant([entry(server, api_type=api_type, stream=True)]))
    assert attributes_of(telemetry.one("chat"))["autogen.error.origin"] == "config_entry"


class RateLimitError(Exception):
    """As Groq's."""

    status_code = 429


@pytest.fixture
def groq(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """AutoGen's bundled Groq client over an SDK that gives these answers; the real one is not there."""
    answers: list[Any] = []

    def create(**_params: Any) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    sdk = ModuleType("groq")
    completions = SimpleNamespace(create=create)
    vars(sdk).update(
        Groq=lambda **_options: SimpleNamespace(chat=SimpleNamespace(completions=completions)),
        Stream=type("Stream", (), {}),
    )
    monkeypatch.setitem(sys.modules, "groq", sdk)
    clients = importlib.import_module("autogen.oai.client")
    module = importlib.import_module("autogen.oai.groq")
    for name, value in vars(sdk).items():
        if not name.startswith("__"):  # later lineages have imported the module without them
            monkeypatch.setattr(module, name, value, raising=False)
    client = module.GroqClient
    monkeypatch.setattr(client, "create", getattr(client.create, "__wrapped__", client.create))
    monkeypatch.setattr(clients, "GroqClient", client, raising=False)
    monkeypatch.setattr(clients, "groq_import_exception", None)
    return answers


def groq_answer(content: str) -> Any:
    """A completion as Groq's SDK returns it."""
    message = SimpleNamespace(content=content, tool_calls=None)
    return SimpleNamespace(
        id="g-1",
        model=GROQ_MODEL,
        choices=[SimpleNamespace(message=message, finish_reason="stop")],
        usage=SimpleNamespace(prompt_tokens=5, completion_tokens=3, total_tokens=8),
    )


def groq_wrapper() -> OpenAIWrapper:
    """A wrapper with one entry for Groq."""
    return OpenAIWrapper(config_list=[{"model": GROQ_MODEL, "api_type": "groq", "api_key": "gsk-none"}])


def test_a_bundled_client_of_another_provider_is_seen_without_its_requests(
    telemetry: Telemetry, groq: list[Any]
) -> None:
    groq.append(groq_answer("Fine."))
    groq_wrapper().create(messages=HELLO, cache_seed=None)
    assert telemetry.tree() == f"chat {GROQ_MODEL} config.index=0 cache.hit=False"
    call = attributes_of(telemetry.one("chat"))
    assert call["gen_ai.provider.name"] == "groq"
    assert (call["gen_ai.usage.input_tokens"], call["gen_ai.usage.output_tokens"]) == (5, 3)


def test_what_a_bundled_client_raises_keeps_its_cause_also_where_the_client_wraps_it(
    telemetry: Telemetry, groq: list[Any]
) -> None:
    groq.append(RateLimitError("Slow down"))
    with pytest.raises(Exception, match="Slow down"):
        groq_wrapper().create(messages=HELLO, cache_seed=None)
    call = telemetry.one("chat")
    assert attributes_of(call)["autogen.error.origin"] == "rate_limit"
    assert "RateLimitError: Slow down" in exception_of(call)["exception.stacktrace"]


@pytest.mark.needs(IS_02, "later lineages cache only when asked to")
def test_the_cache_that_02_uses_unasked_is_seen(
    telemetry: Telemetry, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    wrapper = OpenAIWrapper(config_list=[entry(serve([text("Fine.")]))])
    for _ in range(2):
        wrapper.create(messages=HELLO)
    assert (
        telemetry.tree()
        == """\
chat gpt-4o config.index=0 cache.hit=False
  POST http.response.status_code=200
chat gpt-4o config.index=0 cache.hit=True"""
    )


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_a_cached_answer_behind_an_entry_that_failed_is_marked_as_cached(
    telemetry: Telemetry, serve: Serve, tmp_path: Path, kind: str
) -> None:
    dead, good = serve([error(401, "Bad key")] * 2), serve([text("Fine.")])
    wrapper = OpenAIWrapper(config_list=[entry(dead, "gpt-9"), entry(good)])
    cache = (
        InMemoryCache("7") if kind == "memory" else Cache.disk(cache_seed=7, cache_path_root=str(tmp_path))
    )
    for _ in range(2):
        wrapper.create(messages=HELLO, cache=cache)
    assert (
        telemetry.tree()
        == """\
chat gpt-4o config.index=1 cache.hit=False
  config_entry 0 gpt-9 ERROR[config_entry: openai.AuthenticationError]
    POST ERROR[config_entry: 401] http.response.status_code=401
  config_entry 1 gpt-4o
    POST http.response.status_code=200
chat gpt-4o config.index=1 cache.hit=True
  config_entry 0 gpt-9 ERROR[config_entry: openai.AuthenticationError]
    POST ERROR[config_entry: 401] http.response.status_code=401"""
    )
    assert "gen_ai.usage.input_tokens" not in attributes_of(telemetry.named("chat")[1])


def says_yes(context: object, response: Any) -> bool:
    """The user's idea of a good answer."""
    return "Yes" in response.choices[0].message.content


@SHAPES
def test_an_answer_that_the_filter_rejects_explains_why_the_next_entry_was_tried(
    telemetry: Telemetry, serve: Serve, shape: str
) -> None:
    servers = serve([text("No.")]), serve([text("Yes. TERMINATE")])
    helper = assistant([entry(servers[0]), entry(servers[1], "gpt-4o-mini")])
    converse(shape, user(), configured(helper, filter_func=says_yes))
    assert (
        telemetry.tree()
        == """\
invoke_workflow user -> assistant errors.handled=0
  invoke_agent assistant
    chat gpt-4o-mini config.index=1 cache.hit=False
      config_entry 0 gpt-4o
        POST http.response.status_code=200
      config_entry 1 gpt-4o-mini
        POST http.response.status_code=200
  invoke_agent user"""
    )
    assert attributes_of(telemetry.one("chat"))["autogen.config.rejected"] == (0,)


def test_an_answer_that_is_returned_although_it_was_rejected_says_so(
    telemetry: Telemetry, serve: Serve
) -> None:
    wrapper = OpenAIWrapper(config_list=[entry(serve([text("No.")])), entry(serve([text("No.")]))])
    wrapper.create(messages=HELLO, filter_func=says_yes, cache_seed=None)
    call = attributes_of(telemetry.one("chat"))
    assert call["autogen.config.rejected"] == (0, 1)
    assert call["autogen.config.index"] == 1


def test_a_rejected_answer_is_remembered_when_the_next_entry_fails(
    telemetry: Telemetry, serve: Serve
) -> None:
    wrapper = OpenAIWrapper(config_list=[entry(serve([text("No.")])), entry(serve([error(401, "Bad key")]))])
    with pytest.raises(Exception, match="Bad key"):
        wrapper.create(messages=HELLO, filter_func=says_yes, cache_seed=None)
    call = attributes_of(telemetry.one("chat"))
    assert (call["autogen.config.rejected"], call["autogen.config.index"]) == ((0,), 1)


def test_without_a_filter_nothing_is_said_of_rejections(telemetry: Telemetry, serve: Serve) -> None:
    OpenAIWrapper(config_list=[entry(serve([text("Fine.")]))]).create(messages=HELLO, cache_seed=None)
    assert "autogen.config.rejected" not in attributes_of(telemetry.one("chat"))


def test_a_filter_that_raises_is_no_fault_of_the_provider(telemetry: Telemetry, serve: Serve) -> None:
    def choke(context: object, response: object) -> bool:
        raise ValueError("cannot judge this")

    wrapper = OpenAIWrapper(config_list=[entry(serve([text("Fine.")]))])
    with pytest.raises(ValueError, match="cannot judge"):
        wrapper.create(messages=HELLO, filter_func=choke, cache_seed=None)
    call = attributes_of(telemetry.one("chat"))
    assert call["autogen.error.origin"] == "callback"
    assert call["autogen.callback.name"].endswith("choke")
    assert call["gen_ai.usage.output_tokens"] > 0


@pytest.mark.needs(IS_014, "only AG2 rotates")
def test_entries_that_take_turns_are_each_named(telemetry: Telemetry, serve: Serve) -> None:
    first, second = serve([text("One.")] * 2), serve([text("Two.")])
    wrapper = OpenAIWrapper(
        config_list=[entry(first), entry(second, "gpt-4o-mini")], routing_method="round_robin"
    )
    for _ in range(3):
        wrapper.create(messages=HELLO)
    assert [span.name for span in telemetry.named("chat")] == [
        "chat gpt-4o",
        "chat gpt-4o-mini",
        "chat gpt-4o",
    ]
    assert [attributes_of(span)["autogen.config.index"] for span in telemetry.named("chat")] == [0, 1, 0]


@pytest.mark.needs(IS_014, "only AG2 rotates")
def test_the_entry_that_ags_rotation_never_tries_is_missing_below_the_failed_call(
    telemetry: Telemetry, serve: Serve
) -> None:
    good, dead = serve([text("One.")]), serve([error(401, "Bad key")])
    wrapper = OpenAIWrapper(
        config_list=[entry(good), entry(dead, "gpt-4o-mini")], routing_method="round_robin"
    )
    wrapper.create(messages=HELLO)
    with pytest.raises(Exception, match="Bad key"):
        wrapper.create(messages=HELLO)
    assert (
        telemetry.tree()
        == """\
chat gpt-4o config.index=0 cache.hit=False
  config_entry 0 gpt-4o
    POST http.response.status_code=200
chat gpt-4o-mini ERROR[config_entry: openai.AuthenticationError] config.index=1
  config_entry 1 gpt-4o-mini ERROR[config_entry: openai.AuthenticationError]
    POST ERROR[config_entry: 401] http.response.status_code=401"""
    )
    assert attributes_of(telemetry.named("chat")[1])["autogen.config.count"] == 2
