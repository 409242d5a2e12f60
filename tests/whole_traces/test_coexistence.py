"""Other instrumentations that are active at the same time: no call is reported twice, none is lost."""

from __future__ import annotations

import dataclasses
import sys
import types
from collections.abc import Callable, Generator, Iterator
from typing import Any

import openai
import openai._base_client
import pytest
from autogen import OpenAIWrapper
from opentelemetry import baggage
from opentelemetry import context as otel_context
from opentelemetry.context.contextvars_context import ContextVarsRuntimeContext
from opentelemetry.instrumentation import httpx as http_instrumentations
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import autogen_otel
from autogen_otel.recording import current_call
from autogen_otel.testing import entry, error, raw, text, tool_call
from tests.support.agents import SHAPES, Serve, assistant, chat, configured, converse, pair, user
from tests.support.lineage import HAS_TRACER
from tests.support.models import HouseModel, counting_words
from tests.support.telemetry import Telemetry, attributes_of, exception_of, instrumented
from tests.support.tools import lookup
from tests.support.trees import HEALTHY

RECOVERED = """\
invoke_workflow user -> assistant errors.handled=1
  invoke_agent assistant
    chat gpt-4o config.index=0 cache.hit=False
      POST ERROR[backend: 500] http.response.status_code=500
      POST http.response.status_code=200
  invoke_agent user"""


@dataclasses.dataclass
class InferenceData:
    """As util-genai's: its instrumentations look for one in the context."""


def asks_the_process_key() -> bool:
    """As OpenLLMetry and OpenInference do."""
    return bool(otel_context.get_value(otel_context._SUPPRESS_INSTRUMENTATION_KEY))


def asks_the_plain_key() -> bool:
    """As OpenTelemetry's HTTP client instrumentations do besides."""
    return bool(otel_context.get_value("suppress_instrumentation"))


def asks_for_inference_data() -> bool:
    """As OpenTelemetry's instrumentations on util-genai do."""
    value = otel_context.get_value("opentelemetry.genai.client.inference.context")
    return isinstance(value, InferenceData)


OTHERS = pytest.mark.parametrize(
    "is_silent", [asks_the_process_key, asks_the_plain_key, asks_for_inference_data]
)
FIRST = pytest.mark.parametrize("first", ["theirs", "ours"])


@pytest.fixture
def util_genai(monkeypatch: pytest.MonkeyPatch) -> None:
    """util-genai in use, as far as it matters."""
    module = types.ModuleType("opentelemetry.util.genai.invocation")
    module.InferenceData = InferenceData  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)


def wrap_the_client(monkeypatch: pytest.MonkeyPatch, reported: list[str], is_silent: Any) -> None:
    """Put a wrapper on the SDK's class as OpenInference does: over the function of its base."""
    below = openai.OpenAI.request

    def request(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not is_silent():
            reported.append("model call")
        return below(self, *args, **kwargs)

    monkeypatch.setattr(openai.OpenAI, "request", request)


@OTHERS
@FIRST
@pytest.mark.usefixtures("util_genai", "our_errors")
def test_others_are_silent_in_our_model_calls_and_hide_no_attempt(
    monkeypatch: pytest.MonkeyPatch,
    serve: Serve,
    is_silent: Any,
    first: str,
) -> None:
    server = serve([error(500, "Boom"), text("Fine. TERMINATE"), text("Fine.")])
    reported: list[str] = []
    if first == "theirs":
        wrap_the_client(monkeypatch, reported, is_silent)
    with instrumented() as telemetry:
        if first == "ours":
            wrap_the_client(monkeypatch, reported, is_silent)
        chat(user(), assistant([entry(server)]))
        assert telemetry.tree() == RECOVERED
        assert reported == []
        sdk = openai.OpenAI(api_key="sk-x", base_url=entry(server)["base_url"])
        sdk.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])
        assert reported == ["model call"]
        monkeypatch.undo()


@pytest.fixture
def http_spans() -> Iterator[InMemorySpanExporter]:
    """The spans of OpenTelemetry's own instrumentation of the SDK's HTTP client, which is switched on."""
    named = "HTTPX2ClientInstrumentor" if "httpx2" in vars(openai._base_client) else "HTTPXClientInstrumentor"
    spans, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    instrumentor = getattr(http_instrumentations, named)()
    instrumentor.instrument(tracer_provider=provider)
    yield spans
    instrumentor.uninstrument()


@pytest.mark.usefixtures("our_errors")
@pytest.mark.parametrize("streams", [False, True])
def test_trace_headers_and_baggage_go_out_from_our_attempt_and_their_span_is_not_made(
    http_spans: InMemorySpanExporter, serve: Serve, streams: bool
) -> None:
    server = serve([error(500, "Boom"), text("Fine. TERMINATE")])
    token = otel_context.attach(baggage.set_baggage("tenant", "acme"))
    try:
        with instrumented() as telemetry, counting_words():
            chat(user(), configured(assistant([entry(server)]), **({"stream": True} if streams else {})))
    finally:
        otel_context.detach(token)
    attempts = [span.context for span in telemetry.named("POST") if span.context]
    assert [request.headers["traceparent"] for request in server.requests] == [
        f"00-{one.trace_id:032x}-{one.span_id:016x}-{request.headers['traceparent'][-2:]}"
        for one, request in zip(attempts, server.requests, strict=True)
    ]
    assert {request.headers["baggage"] for request in server.requests} == {"tenant=acme"}
    assert http_spans.get_finished_spans() == ()


@pytest.mark.usefixtures("our_errors")
def test_what_a_custom_client_asks_over_http_is_still_reported(
    http_spans: InMemorySpanExporter, serve: Serve
) -> None:
    http = vars(openai._base_client)["httpx2" if "httpx2" in vars(openai._base_client) else "httpx"]
    server = serve([text("Fine. TERMINATE")])

    class Gateway(HouseModel):
        def create(self, params: dict[str, Any]) -> Any:
            http.post(f"{server.base_url}/chat/completions", json={"model": "m", "messages": []})
            return super().create(params)

    helper = assistant([{"model": "house-1", "model_client_cls": "Gateway"}])
    helper.register_model_client(model_client_cls=Gateway)
    with instrumented() as telemetry:
        chat(user(), helper)
    (theirs,), call = http_spans.get_finished_spans(), telemetry.one("chat")
    assert theirs.parent is not None
    assert call.context is not None
    assert theirs.parent.span_id == call.context.span_id
    assert "traceparent" in server.requests[0].headers


def _by_another_client(http: Any, url: str) -> Any:
    class Fetching(http.Auth):  # type: ignore[misc]
        def auth_flow(self, request: Any) -> Iterator[Any]:
            request.headers["x-token"] = http.post(url, json=_QUESTION).headers["content-type"]
            yield request

    return Fetching()


def _by_the_same_client(http: Any, url: str) -> Any:
    class Fetching(http.Auth):  # type: ignore[misc]
        def auth_flow(self, request: Any) -> Generator[Any, Any, None]:
            answer = yield http.Request("POST", url, json=_QUESTION)
            request.headers["x-token"] = answer.headers["content-type"]
            yield request

    return Fetching()


_QUESTION: dict[str, Any] = {"model": "m", "messages": []}


@pytest.mark.usefixtures("our_errors")
@pytest.mark.parametrize("auth", [_by_another_client, _by_the_same_client])
def test_what_the_applications_own_auth_asks_is_still_reported(
    http_spans: InMemorySpanExporter, serve: Serve, auth: Callable[[Any, str], Any]
) -> None:
    http = vars(openai._base_client)["httpx2" if "httpx2" in vars(openai._base_client) else "httpx"]
    server, tokens = serve([error(500, "Boom"), text("Fine. TERMINATE")]), serve([text("token")] * 2)
    helper = assistant([entry(server)])
    for client in helper.client._clients:
        client._oai_client._client.auth = auth(http, f"{tokens.base_url}/chat/completions")
    with instrumented() as telemetry:
        chat(user(), helper)
    theirs, attempts = http_spans.get_finished_spans(), telemetry.named("POST")
    assert [span.parent and span.parent.span_id for span in theirs] == [
        one.context and one.context.span_id for one in attempts
    ]
    assert [f"{span.context.span_id:016x}" for span in theirs if span.context] == [
        request.headers["traceparent"].split("-")[2] for request in tokens.requests
    ]
    assert [f"{one.context.span_id:016x}" for one in attempts if one.context] == [
        request.headers["traceparent"].split("-")[2] for request in server.requests
    ]


@pytest.mark.usefixtures("our_errors")
def test_a_request_that_is_redirected_is_one_attempt(http_spans: InMemorySpanExporter, serve: Serve) -> None:
    server = serve([text("Fine. TERMINATE")])
    moved = serve([raw(307, {"location": f"{server.base_url}/chat/completions"}, b"")])
    with instrumented() as telemetry:
        chat(user(), assistant([entry(moved)]))
    (attempt,) = telemetry.named("POST")
    assert http_spans.get_finished_spans() == ()
    assert attempt.context is not None
    assert server.requests[0].headers["traceparent"].split("-")[2] == f"{attempt.context.span_id:016x}"


@pytest.mark.usefixtures("our_errors")
def test_without_an_instrumentation_no_headers_are_added(serve: Serve) -> None:
    server = serve([text("TERMINATE")])
    with instrumented():
        chat(user(), assistant([entry(server)]))
    assert "traceparent" not in server.requests[0].headers


@pytest.fixture
def ag2_tracer() -> Iterator[Callable[..., None]]:
    """Switches AG2's own tracer on for agents; what it does to the class is undone."""
    original = vars(OpenAIWrapper)["create"]

    def switch_on(provider: Any, *agents: Any) -> None:
        from autogen.opentelemetry import instrument_agent, instrument_llm_wrapper

        instrument_llm_wrapper(tracer_provider=provider)
        for agent in agents:
            instrument_agent(agent, tracer_provider=provider)

    yield switch_on
    OpenAIWrapper.create = original


def conversation(serve: Serve) -> tuple[Any, Any]:
    return pair(
        serve([error(500, "Boom"), tool_call("lookup", {"policy_id": "P"}), text("Fine. TERMINATE")]), lookup
    )


def names(telemetry: Telemetry) -> list[str]:
    return [span.name for span in telemetry.spans]


@pytest.mark.needs(HAS_TRACER, "only AG2 0.14 has a tracer of its own")
def test_a_span_of_ag2s_tracer_is_completed_and_not_repeated(
    ag2_tracer: Any, telemetry: Telemetry, serve: Serve
) -> None:
    asker, helper = conversation(serve)
    ag2_tracer(telemetry.provider, asker, helper)
    chat(asker, helper)
    assert names(telemetry) == [
        "invoke_workflow user -> assistant",
        "invoke_agent assistant",
        "chat gpt-4o",
        "POST",
        "POST",
        "invoke_agent user",
        "execute_tool lookup",
        "invoke_agent assistant",
        "chat gpt-4o",
        "POST",
        "invoke_agent user",
    ]
    tool = telemetry.one("execute_tool")
    assert attributes_of(tool)["ag2.span.type"] == "tool"
    assert attributes_of(tool)["autogen.error.origin"] == "tool_exception"
    assert exception_of(tool)["exception.type"] == "ValueError"


@pytest.mark.needs(HAS_TRACER, "only AG2 0.14 has a tracer of its own")
def test_ag2s_model_calls_stand_down_where_its_tracer_came_first(
    ag2_tracer: Any, our_errors: list[BaseException], serve: Serve
) -> None:
    telemetry = Telemetry()
    asker, helper = conversation(serve)
    ag2_tracer(telemetry.provider)
    theirs = vars(OpenAIWrapper)["create"]
    report = autogen_otel.instrument(tracer_provider=telemetry.provider, settings=autogen_otel.Settings())
    chat(asker, helper)
    autogen_otel.uninstrument()
    assert [one.target for one in report.stood_down] == ["autogen.oai.client.OpenAIWrapper.create"]
    assert "call autogen_otel.instrument() first" in str(report)
    assert vars(OpenAIWrapper)["create"] is theirs
    calls = telemetry.named("chat")
    assert [len(telemetry.children(call)) for call in calls] == [2, 1]
    assert not any("ag2.span.type" in attributes_of(call) for call in calls)


@pytest.mark.needs(HAS_TRACER, "only AG2 0.14 has a tracer of its own")
@FIRST
def test_a_tracer_that_reports_elsewhere_keeps_its_spans(
    ag2_tracer: Any, our_errors: list[BaseException], serve: Serve, first: str
) -> None:
    elsewhere = Telemetry()
    asker, helper = conversation(serve)
    if first == "theirs":
        ag2_tracer(elsewhere.provider)
    with instrumented() as telemetry:
        if first == "ours":
            ag2_tracer(elsewhere.provider)
        chat(asker, helper)
    assert names(elsewhere) == ["chat gpt-4o"] * 2
    assert len(telemetry.named("chat")) == 2


@SHAPES
def test_what_puts_another_runtime_context_in_place_later_tears_no_trace(
    telemetry: Telemetry,
    serve: Serve,
    shape: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As Sentry does when it is set up after us."""
    monkeypatch.setattr(otel_context, "_RUNTIME_CONTEXT", ContextVarsRuntimeContext())
    turns = [tool_call("lookup", {"policy_id": "P-1"}), text("It is active. TERMINATE")]
    converse(shape, *pair(serve(turns), lookup))
    assert telemetry.tree() == HEALTHY
    assert len(telemetry.trace_ids) == 1
    assert current_call() is None
    assert not [record for record in caplog.records if record.name.startswith("opentelemetry")]
