"""Model calls that fail, fall over and recover: nothing of it stays hidden."""

from __future__ import annotations

from typing import Any

import pytest

from autogen_otel.testing import drop, entry, error, hang, html, malformed, text, tool_call
from tests.delivery.receivers import closed_port
from tests.support.agents import SHAPES, Serve, assistant, chat, configured, converse, pair, user
from tests.support.telemetry import Telemetry, attributes_of, exception_of
from tests.support.tools import lookup


@SHAPES
def test_a_call_that_recovers_shows_every_attempt_with_its_request_id(
    telemetry: Telemetry, serve: Serve, shape: str
) -> None:
    server = serve([error(500, "The server had an error"), error(500, "Still down"), text("Fine. TERMINATE")])
    converse(shape, user(), assistant([entry(server)]))
    assert (
        telemetry.tree()
        == """\
invoke_workflow user -> assistant errors.handled=2
  invoke_agent assistant
    chat gpt-4o config.index=0 cache.hit=False
      POST ERROR[backend: 500] http.response.status_code=500
      POST ERROR[backend: 500] http.response.status_code=500
      POST http.response.status_code=200
  invoke_agent user"""
    )
    attempts = [attributes_of(span) for span in telemetry.named("POST")]
    assert [a["autogen.http.request_id"] for a in attempts] == ["req_000001", "req_000002", "req_000003"]
    assert [a.get("http.request.resend_count") for a in attempts] == [None, 1, 2]
    assert exception_of(telemetry.named("POST")[0])["exception.message"] == (
        "500 Internal Server Error: The server had an error"
    )
    assert attributes_of(telemetry.one("invoke_workflow"))["autogen.errors.origins"] == ("backend",)


@SHAPES
def test_a_fallback_names_the_entry_that_failed_and_the_one_that_answered(
    telemetry: Telemetry, serve: Serve, shape: str
) -> None:
    dead = serve([error(404, "The model `gpt-9` does not exist", code="model_not_found")])
    good = serve([text("Fine. TERMINATE")])
    converse(shape, user(), assistant([entry(dead, "gpt-9"), entry(good, "gpt-4o-mini")]))
    assert (
        telemetry.tree()
        == """\
invoke_workflow user -> assistant errors.handled=1
  invoke_agent assistant
    chat gpt-4o-mini config.index=1 cache.hit=False
      config_entry 0 gpt-9 ERROR[config_entry: openai.NotFoundError]
        POST ERROR[config_entry: 404] http.response.status_code=404
      config_entry 1 gpt-4o-mini
        POST http.response.status_code=200
  invoke_agent user"""
    )
    call = attributes_of(telemetry.one("chat"))
    assert call["gen_ai.request.model"] == "gpt-4o-mini"
    assert call["autogen.config.count"] == 2
    assert call["server.port"] == int(good.origin.rpartition(":")[2])
    failed = exception_of(telemetry.one("config_entry 0"))
    assert "does not exist" in failed["exception.message"]
    assert "_base_client.py" in failed["exception.stacktrace"]


@SHAPES
def test_a_500_that_surfaces_is_on_every_span_that_it_ended(
    telemetry: Telemetry, serve: Serve, shape: str
) -> None:
    server = serve([error(500, "The server had an error")] * 3)
    with pytest.raises(Exception, match="The server had an error") as raised:
        converse(shape, user(), assistant([entry(server)]))
    assert type(raised.value).__name__ == "InternalServerError"
    assert (
        telemetry.tree()
        == """\
invoke_workflow user -> assistant ERROR[backend: openai.InternalServerError] errors.handled=2
  invoke_agent assistant ERROR[backend: openai.InternalServerError]
    chat gpt-4o ERROR[backend: openai.InternalServerError] config.index=0
      POST ERROR[backend: 500] http.response.status_code=500
      POST ERROR[backend: 500] http.response.status_code=500
      POST ERROR[backend: 500] http.response.status_code=500"""
    )


def test_a_call_that_fails_after_a_tool_failed_links_to_the_tool(telemetry: Telemetry, serve: Serve) -> None:
    server = serve([tool_call("lookup", {"policy_id": "null"}), *[error(500, "Boom")] * 3])
    asker, helper = pair(server, lookup)
    with pytest.raises(Exception, match="Boom"):
        chat(asker, helper)
    (link,) = telemetry.named("chat")[1].links
    tool = telemetry.one("execute_tool")
    assert tool.context is not None
    assert link.context.span_id == tool.context.span_id
    assert not telemetry.named("chat")[0].links


CASES = {
    "rate limit": ([error(429, "Rate limit reached for gpt-4o")] * 3, "rate_limit", "openai.RateLimitError"),
    "key refused": ([error(401, "Incorrect API key provided")], "config_entry", "openai.AuthenticationError"),
    "forbidden": ([error(403, "No access")], "config_entry", "openai.PermissionDeniedError"),
    "context length": (
        [error(400, "This model's maximum context length is 8192 tokens.", code="context_length_exceeded")],
        "prompt_too_large",
        "openai.BadRequestError",
    ),
    "payload too large": ([error(413, "Request too large")], "prompt_too_large", "openai.APIStatusError"),
    "unsupported option": (
        [error(400, "Unsupported value: 'temperature'", code="unsupported_value")],
        "config_entry",
        "openai.BadRequestError",
    ),
    "bad request": ([error(400, "messages[1] is invalid")], "client", "openai.BadRequestError"),
    "bad gateway": ([error(502, "Bad gateway")] * 3, "backend", "openai.InternalServerError"),
    "dropped": ([drop()] * 3, "backend", "openai.APIConnectionError"),
    "html": ([html()], "backend", "AttributeError"),
    "no choices": ([malformed(choices=[])], "backend", "IndexError"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_ends_a_model_call_is_classified(telemetry: Telemetry, serve: Serve, case: str) -> None:
    replies, origin, kind = CASES[case]
    server = serve(replies)
    with pytest.raises(Exception):  # noqa: B017 - which one is what the table says
        chat(user(), assistant([entry(server)]))
    root = attributes_of(telemetry.one("invoke_workflow"))
    assert (root["autogen.error.origin"], root["error.type"]) == (origin, kind)
    exception = exception_of(telemetry.one("invoke_agent"))
    assert exception["exception.type"] == kind
    assert "Traceback (most recent call last)" in exception["exception.stacktrace"]


def test_a_timeout_is_seen_on_the_attempts_although_autogen_renames_it(
    telemetry: Telemetry, serve: Serve
) -> None:
    server = serve([hang(5)] * 3)
    with pytest.raises(TimeoutError):
        chat(user(), configured(assistant([entry(server)]), timeout=0.2))
    attempts = telemetry.named("POST")
    assert [attributes_of(a)["autogen.error.origin"] for a in attempts] == ["timeout"] * 3
    assert attributes_of(attempts[0])["error.type"].endswith("ReadTimeout")
    assert attributes_of(telemetry.one("chat"))["autogen.error.origin"] == "timeout"


def test_an_endpoint_that_refuses_is_seen_with_its_address(telemetry: Telemetry) -> None:
    port = closed_port()
    dead = {
        "model": "gpt-4o",
        "api_key": "sk-none-00000000000000000000",
        "base_url": f"http://127.0.0.1:{port}/v1",
    }
    with pytest.raises(Exception, match="Connection error"):
        chat(user(), assistant([dead]))
    attempt = attributes_of(telemetry.named("POST")[0])
    assert attempt["server.port"] == port
    assert attempt["error.type"].endswith("ConnectError")
    assert "http.response.status_code" not in attempt


def test_a_cached_answer_is_marked_and_costs_nothing(
    telemetry: Telemetry, serve: Serve, tmp_path: Any
) -> None:
    from autogen import Cache

    server = serve([text("Fine. TERMINATE")])
    helper = assistant([entry(server)])
    with Cache.disk(cache_seed=1, cache_path_root=str(tmp_path)) as cache:
        for _ in range(2):
            chat(user(), helper, cache=cache)
    first, second = (attributes_of(span) for span in telemetry.named("chat"))
    assert (first["autogen.cache.hit"], second["autogen.cache.hit"]) == (False, True)
    assert second["autogen.config.index"] == 0
    assert "gen_ai.usage.input_tokens" in first
    assert "gen_ai.usage.input_tokens" not in second
    assert len(telemetry.named("POST")) == 1
