"""Traces in a real Jaeger: they arrive whole, are found by what went wrong, and hold no secret."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from autogen_otel.testing.server import DEMO_KEY
from tests.servers import programs
from tests.servers.jaeger import Jaeger
from tests.servers.otlp import Span, Trace
from tests.support.planted_secrets import CANARY, PLANTS
from tests.support.secrets import ENVIRONMENT, SECRETS

SERVICE = "claims-desk"
DIED = "the one that dies"
MOST_ATTRIBUTES = 128
"""The SDK's limit: beyond it attributes are dropped in silence."""
SHORTEST_PART = 10
"""So many characters of a secret in a row count as the secret."""


@pytest.fixture(scope="module")
def recorded(jaeger: Jaeger, tmp_path_factory: pytest.TempPathFactory) -> list[Trace]:
    """What a program left behind: the trace of a conversation that went well, and of one that died."""
    programs.run(
        "claims",
        "all is well",
        DIED,
        folder=tmp_path_factory.mktemp("claims"),
        OTEL_EXPORTER_OTLP_ENDPOINT=jaeger.otlp_url,
        OTEL_SERVICE_NAME=SERVICE,
        OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=test",
    )
    return jaeger.find(SERVICE, spans=28)


@pytest.fixture(scope="module")
def died(recorded: list[Trace]) -> Trace:
    """The trace of the conversation that died."""
    return recorded[-1]


def one(trace: Trace, name: str, status: str = "error") -> Span:
    """The first span whose name begins so and that has this status."""
    return next(span for span in trace.named(name) if span.status == status)


def test_a_failed_conversation_is_one_trace_that_reads_as_it_happened(died: Trace) -> None:
    assert died.tree() == (
        """\
invoke_workflow clerk -> claims_assistant (internal) ERROR[openai.InternalServerError]
  invoke_agent claims_assistant (internal)
    chat gpt-4o (client)
      POST (client)
  invoke_agent clerk (internal)
    execute_tool lookup_policy (internal) ERROR[ValueError]
  invoke_agent claims_assistant (internal) ERROR[openai.InternalServerError]
    chat gpt-4o (client) ERROR[openai.InternalServerError]
      POST (client) ERROR[500]
      POST (client) ERROR[500]
      POST (client) ERROR[500]"""
    )


def test_a_search_for_errors_finds_the_failed_conversation_only(
    jaeger: Jaeger, recorded: list[Trace], died: Trace
) -> None:
    assert len(recorded) == 2
    assert jaeger.search(SERVICE, error="true") == {died.trace_id}
    assert jaeger.search(SERVICE, **{"autogen.error.origin": "tool_exception"}) == {died.trace_id}
    assert jaeger.search(SERVICE, **{"http.response.status_code": "500"}) == {died.trace_id}


def test_a_trace_is_found_by_its_id(jaeger: Jaeger, died: Trace) -> None:
    assert jaeger.trace(died.trace_id) == died


def test_every_failed_span_says_why_and_has_a_stack_trace(died: Trace) -> None:
    failed = [span for span in died.spans if span.status == "error"]
    assert len(failed) == 7
    for span in failed:
        (event,) = span.events
        assert event.name == "exception"
        assert event.attributes["exception.type"] == span.attributes["error.type"]
        assert 'File "' in event.attributes["exception.stacktrace"]
        assert span.message == event.attributes["exception.message"]
    tool = one(died, "execute_tool")
    assert "KeyError: 'null'" in tool.events[0].attributes["exception.stacktrace"]
    assert all(not span.events and not span.message for span in died.spans if span.status != "error")


def test_the_failed_model_call_links_to_the_tool_that_failed_before(died: Trace) -> None:
    (link,) = one(died, "chat").links
    assert (link.trace_id, link.span_id) == (died.trace_id, one(died, "execute_tool").span_id)
    assert [span.name for span in died.spans if span.links] == ["chat gpt-4o"]


def test_attempts_show_what_jaeger_makes_red_pills_of(died: Trace) -> None:
    attempts = [span for span in died.named("POST") if span.status == "error"]
    assert [span.attributes["http.response.status_code"] for span in attempts] == [500, 500, 500]
    assert [span.attributes.get("http.request.resend_count", 0) for span in attempts] == [0, 1, 2]
    assert len({span.attributes["autogen.http.request_id"] for span in attempts}) == 3


def test_every_span_names_its_service_and_process(recorded: list[Trace]) -> None:
    resources = [span.resource for trace in recorded for span in trace.spans]
    assert {resource["service.name"] for resource in resources} == {SERVICE}
    assert {resource["deployment.environment.name"] for resource in resources} == {"test"}
    (instance,) = {resource["service.instance.id"] for resource in resources}
    assert len(instance) == 36
    assert {span.scope for trace in recorded for span in trace.spans} == {"autogen_otel"}


def test_children_lie_within_their_parents_time(recorded: list[Trace]) -> None:
    for trace in recorded:
        for span in trace.spans:
            for child in trace.children(span):
                assert span.start_ns <= child.start_ns <= child.end_ns <= span.end_ns, child.name


def test_no_planted_secret_reaches_jaeger(jaeger: Jaeger, service_name: str, tmp_path: Path) -> None:
    programs.run(
        "planted",
        folder=tmp_path,
        OTEL_EXPORTER_OTLP_ENDPOINT=jaeger.otlp_url,
        OTEL_SERVICE_NAME=service_name,
        CORPORATE_API_KEY=ENVIRONMENT,
    )
    kept = [span for trace in jaeger.find(service_name) for span in trace.spans]
    assert sum(span.name.startswith("invoke_workflow") for span in kept) == len(PLANTS)
    assert max(len(span.attributes) for span in kept) < MOST_ATTRIBUTES

    everything = jaeger.everything(service_name).decode()
    assert everything.count(CANARY) > len(PLANTS), "what stands beside the secrets is not there either"
    leaked = [name for name, secret in SECRETS.items() if any(part in everything for part in parts(secret))]
    assert leaked == []
    assert DEMO_KEY not in everything


def parts(secret: str) -> Iterator[str]:
    """Each run of characters long enough to be a leak."""
    return (secret[at : at + SHORTEST_PART] for at in range(len(secret) - SHORTEST_PART + 1))


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_a_batch_larger_than_any_receiver_takes_arrives_whole(
    protocol: str, jaeger: Jaeger, service_name: str, tmp_path: Path
) -> None:
    endpoints = {"http/protobuf": jaeger.otlp_url, "grpc": f"http://{jaeger.otlp_grpc_address}"}
    programs.run(
        "large",
        "500",
        str(48 * 1024),
        folder=tmp_path,
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        OTEL_EXPORTER_OTLP_ENDPOINT=endpoints[protocol],
        OTEL_SERVICE_NAME=service_name,
        # All in one batch, whose sending does not begin before the last span has ended.
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE="2048",
        OTEL_BSP_SCHEDULE_DELAY="600000",
    )
    (trace,) = jaeger.find(service_name, spans=501)
    assert len(trace.spans) == 501
    assert {len(span.attributes["content"]) for span in trace.named("call")} == {48 * 1024}
