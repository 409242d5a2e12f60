"""Measurements of real conversations: what is counted, under which labels, and where exemplars lead."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from autogen.cache.in_memory_cache import InMemoryCache
from autogen.oai.client import OpenAIWrapper
from opentelemetry.metrics import Meter
from opentelemetry.sdk.metrics import MeterProvider

from autogen_otel.causes import Failure
from autogen_otel.hosts.classic.conversations.agent_turn import AgentTurn
from autogen_otel.hosts.classic.conversations.handoff import Handoff
from autogen_otel.recording import Meters, Recorder
from autogen_otel.redaction import KnownSecrets
from autogen_otel.testing import entry, error, text, tool_call, tool_calls
from autogen_otel.vocabulary import metrics
from tests.support.agents import Serve, assistant, chat, configured, pair, user
from tests.support.calls import begin, end
from tests.support.groups import nested_chat
from tests.support.models import HouseModel
from tests.support.telemetry import Point, Telemetry, attributes_of, own_log_records
from tests.support.tools import lookup

DURATION = "gen_ai.client.operation.duration"
ATTEMPTS = "autogen.model.attempts"
FALLBACKS = "autogen.model.fallbacks"
DONE = text("Done. TERMINATE")


def one(points: list[Point]) -> Point:
    (point,) = points
    return point


def by(points: list[Point], *labels: str) -> dict[Any, float]:
    """Counts by the values of these labels."""
    return {tuple(point.labels.get(label) for label in labels): point.count for point in points}


def test_a_healthy_turn_is_measured_once_everywhere(telemetry: Telemetry, serve: Serve) -> None:
    server = serve([tool_call("lookup", {"policy_id": "P-1"}), DONE])
    chat(*pair(server, lookup))
    call = one(telemetry.points_of(DURATION))
    assert call.count == 2
    port = int(server.origin.rpartition(":")[2])
    model = {
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.agent.name": "assistant",
        "server.address": "127.0.0.1",
        "server.port": port,
        "autogen.config.index": 0,
    }
    assert call.labels == {
        **model,
        "gen_ai.operation.name": "chat",
        "gen_ai.response.model": "gpt-4o",
        "autogen.cache.hit": False,
        "autogen.tool.failed_before": False,
    }
    attempt = one(telemetry.points_of(ATTEMPTS))
    assert (attempt.count, attempt.labels) == (
        2,
        {**model, "http.response.status_code": 200, "autogen.attempt.resent": False},
    )
    assert one(telemetry.points_of("autogen.tool.duration")).labels == {
        "gen_ai.tool.name": "lookup",
        "gen_ai.agent.name": "user",
        "autogen.tool.outcome": "ok",
    }
    whole = one(telemetry.points_of("autogen.conversation.duration"))
    assert (whole.count, whole.labels) == (
        1,
        {
            "gen_ai.workflow.name": "user -> assistant",
            "autogen.conversation.outcome": "ok",
            "autogen.conversation.termination": "termination_message",
        },
    )
    assert one(telemetry.points_of("autogen.conversation.turns")).total == 4


def test_tokens_and_characters_are_those_of_the_spans(telemetry: Telemetry, serve: Serve) -> None:
    chat(
        *pair(serve([tool_call("lookup", {"policy_id": "P-1"}), text("TERMINATE", cached_tokens=3)]), lookup)
    )
    calls = [attributes_of(span) for span in telemetry.named("chat")]
    for kind in ("input", "output"):
        point = one(telemetry.points_of("gen_ai.client.token.usage", type=kind))
        assert point.count == 2
        assert point.total == sum(call[f"gen_ai.usage.{kind}_tokens"] for call in calls)
    size = one(telemetry.points_of("autogen.prompt.size"))
    assert (size.count, size.total) == (2, sum(call["autogen.prompt.chars"] for call in calls))
    assert one(telemetry.points_of("gen_ai.client.inference.usage.cache_read.input_tokens")).total == 3
    cost = one(telemetry.points_of("autogen.model.cost"))
    assert cost.total == pytest.approx(sum(call["autogen.cost.usd"] for call in calls))
    assert cost.labels["autogen.cost.source"] == calls[0]["autogen.cost.source"]


def test_exemplars_lead_to_the_trace(telemetry: Telemetry, serve: Serve) -> None:
    chat(*pair(serve([tool_call("lookup", {"policy_id": "P-1"}), DONE]), lookup))
    (trace,) = {span.context.trace_id for span in telemetry.spans if span.context}
    # What delivery counts of itself is asked for, and belongs to no trace.
    points = {
        name: found for name, found in telemetry.points.items() if not name.startswith(metrics.OF_TELEMETRY)
    }
    assert {DURATION, ATTEMPTS, "autogen.tool.duration", "autogen.conversation.duration"} <= set(points)
    for name, found in points.items():
        assert [point.traces for point in found if point.traces != {trace}] == [], name


def test_silent_retries_are_counted_and_the_call_that_recovered_is_no_error(
    telemetry: Telemetry, serve: Serve
) -> None:
    chat(user(), assistant([entry(serve([error(500, "Down", retry_after=0.01), error(503, "Down"), DONE]))]))
    attempts = telemetry.points_of(ATTEMPTS)
    assert by(attempts, "http.response.status_code", "autogen.attempt.resent", "error.type") == {
        (500, False, "500"): 1,
        (503, True, "503"): 1,
        (200, True, None): 1,
    }
    assert {point.labels.get("autogen.error.origin") for point in attempts} == {"backend", None}
    assert "error.type" not in one(telemetry.points_of(DURATION)).labels
    assert one(telemetry.points_of("autogen.conversation.duration", outcome="recovered")).count == 1


def test_a_failed_call_is_measured_with_what_failed_and_why(telemetry: Telemetry, serve: Serve) -> None:
    server = serve([tool_call("lookup", {"policy_id": "null"}), *[error(500, "Down", retry_after=0.01)] * 3])
    with pytest.raises(Exception, match="Down"):
        chat(*pair(server, lookup))
    failed = one([point for point in telemetry.points_of(DURATION) if "error.type" in point.labels])
    assert failed.labels["error.type"] == "openai.InternalServerError"
    assert failed.labels["autogen.error.origin"] == "backend"
    assert failed.labels["autogen.tool.failed_before"] is True
    assert one(telemetry.points_of("autogen.prompt.size", origin="backend")).count == 1
    tool = one(telemetry.points_of("autogen.tool.duration"))
    assert (tool.labels["error.type"], tool.labels["autogen.error.origin"]) == (
        "ValueError",
        "tool_exception",
    )
    whole = one(telemetry.points_of("autogen.conversation.duration", outcome="failed"))
    assert whole.labels["autogen.error.origin"] == "backend"
    assert whole.labels["autogen.conversation.termination"] == "error"


def test_a_fallback_names_the_entry_that_failed_and_the_one_instead(
    telemetry: Telemetry, serve: Serve
) -> None:
    gone = error(404, "No model gpt-9", code="model_not_found")
    chat(user(), assistant([entry(serve([gone]), "gpt-9"), entry(serve([DONE]), "gpt-4o-mini")]))
    fallback = one(telemetry.points_of(FALLBACKS))
    assert fallback.count == 1
    assert fallback.labels["autogen.config.index"] == 0
    assert fallback.labels["gen_ai.request.model"] == "gpt-9"
    assert fallback.labels["autogen.fallback.index"] == 1
    assert fallback.labels["error.type"] == "openai.NotFoundError"
    assert fallback.labels["autogen.error.origin"] == "config_entry"
    assert by(telemetry.points_of(ATTEMPTS), "autogen.config.index", "gen_ai.request.model") == {
        (0, "gpt-9"): 1,
        (1, "gpt-4o-mini"): 1,
    }
    assert one(telemetry.points_of(DURATION)).labels["autogen.config.index"] == 1


def test_an_answer_that_was_not_wanted_is_a_fallback_without_an_exception(
    telemetry: Telemetry, serve: Serve
) -> None:
    helper = assistant([entry(serve([text("No idea.")])), entry(serve([DONE]))])

    def wanted(context: object, response: Any) -> bool:
        return "Done" in response.choices[0].message.content

    chat(user(), configured(helper, filter_func=wanted))
    fallback = one(telemetry.points_of(FALLBACKS))
    assert fallback.labels["error.type"] == metrics.REJECTED
    assert "autogen.error.origin" not in fallback.labels
    assert (fallback.labels["autogen.config.index"], fallback.labels["autogen.fallback.index"]) == (0, 1)
    # The answer that was not wanted is billed all the same.
    spent = by(telemetry.points_of("gen_ai.client.token.usage", type="output"), "autogen.config.index")
    assert spent == {(0,): 1, (1,): 1}


def test_going_on_to_an_answer_in_the_cache_is_a_fallback_too(telemetry: Telemetry, serve: Serve) -> None:
    cache, hello = InMemoryCache("7"), [{"role": "user", "content": "Hello"}]
    answers = entry(serve([DONE]), "gpt-4o-mini")
    OpenAIWrapper(config_list=[answers]).create(messages=hello, cache=cache)
    wrapper = OpenAIWrapper(config_list=[entry(serve([error(401, "Bad key")]), "gpt-9"), answers])
    wrapper.create(messages=hello, cache=cache)
    assert by(telemetry.points_of(DURATION), "autogen.cache.hit") == {(False,): 1, (True,): 1}
    fallback = one(telemetry.points_of(FALLBACKS))
    assert (fallback.labels["autogen.config.index"], fallback.labels["autogen.fallback.index"]) == (0, 1)


def test_a_client_whose_requests_nobody_sees_makes_one_attempt_an_entry(
    telemetry: Telemetry, serve: Serve
) -> None:
    gone = error(404, "No model gpt-9", code="model_not_found")
    helper = assistant([entry(serve([gone])), {"model": "house-1", "model_client_cls": "HouseModel"}])
    helper.register_model_client(model_client_cls=HouseModel)
    chat(user(), helper)
    attempts = telemetry.points_of(ATTEMPTS)
    assert by(attempts, "autogen.config.index", "http.response.status_code", "error.type") == {
        (0, 404, "404"): 1,
        (1, None, None): 1,
    }


def test_argument_problems_are_counted_by_kind_and_made_up_names_are_no_label(
    telemetry: Telemetry, serve: Serve
) -> None:
    asked = tool_calls([("lookup", {"policy": 1}), ("teleport_7f3a", {})])
    chat(*pair(serve([asked, DONE]), lookup))
    problems = telemetry.points_of("autogen.tool.argument_problems")
    assert by(problems, "gen_ai.tool.name", "autogen.tool.argument.problem") == {
        ("lookup", "missing"): 1,
        ("lookup", "unknown"): 1,
        (metrics.OTHER, "unknown_tool"): 1,
    }
    assert {point.labels["gen_ai.tool.name"] for point in telemetry.points_of("autogen.tool.duration")} == {
        "lookup",
        metrics.OTHER,
    }


def test_answers_from_the_cache_are_no_spend(telemetry: Telemetry, serve: Serve) -> None:
    wrapper, cache = OpenAIWrapper(config_list=[entry(serve([DONE]))]), InMemoryCache("7")
    for _ in range(3):
        wrapper.create(messages=[{"role": "user", "content": "Hello"}], cache=cache)
    assert by(telemetry.points_of(DURATION), "autogen.cache.hit") == {(False,): 1, (True,): 2}
    assert {point.count for point in telemetry.points_of("gen_ai.client.token.usage")} == {1}
    (billed,) = telemetry.named("chat")[:1]
    spent = attributes_of(billed)["autogen.cost.usd"]
    assert one(telemetry.points_of("autogen.model.cost")).total == pytest.approx(spent)


def test_a_nested_conversation_is_part_of_the_one_around_it(telemetry: Telemetry, serve: Serve) -> None:
    chat(*nested_chat([serve([text("Checked.")])]), max_turns=1)
    assert len(telemetry.named("invoke_workflow")) == 2
    assert one(telemetry.points_of("autogen.conversation.duration")).count == 1
    handoff = one(telemetry.points_of("autogen.handoffs"))
    assert handoff.labels["autogen.handoff.reason"] == "nested_chat"


@pytest.mark.needs(
    "explicit_bucket_boundaries_advisory" in inspect.signature(Meter.create_histogram).parameters,
    "older OpenTelemetry takes no advice; there the views of our own provider say it",
)
def test_histograms_have_their_own_buckets_whoever_made_the_provider(
    telemetry: Telemetry, serve: Serve
) -> None:
    chat(user(), assistant([entry(serve([DONE]))]))
    points = telemetry.points
    for metric in metrics.ALL:
        for point in points.get(metric.name, ()):
            assert point.bounds == metric.buckets, metric.name


def recording(kept: Telemetry, secrets: KnownSecrets | None = None) -> Recorder:
    """A recorder that measures."""
    recorder = Recorder(kept.provider.get_tracer("test"), secrets=secrets or KnownSecrets())
    recorder.meters = Meters(kept.meter_provider, kept.meter_provider.get_meter("test"), recorder.renderer)
    return recorder


def test_a_label_never_has_more_than_its_share_of_values() -> None:
    kept = Telemetry()
    recorder = recording(kept)
    for number in range(metrics.MOST_VALUES + 50):
        end(begin(recorder, Handoff, autogen__handoff__from=f"agent {number}", autogen__handoff__to="other"))
    points = kept.points_of("autogen.handoffs")
    assert len(points) == metrics.MOST_VALUES + 1
    assert one(kept.points_of("autogen.handoffs", **{"from": metrics.OTHER})).count == 50


def test_labels_pass_the_redaction_that_everything_passes() -> None:
    secrets, kept = KnownSecrets(), Telemetry()
    secrets.add("s3cr3t-of-the-house")
    call = begin(recording(kept, secrets), Handoff, autogen__handoff__from="s3cr3t-of-the-house")
    end(call, Failure("unknown", type="s3cr3t-of-the-house", message="odd"))
    labels = one(kept.points_of("autogen.handoffs")).labels
    assert labels["autogen.handoff.from"] == labels["error.type"] == "[redacted]"


def test_what_has_no_metric_is_not_measured() -> None:
    kept = Telemetry()
    end(begin(recording(kept), AgentTurn, gen_ai__agent__name="assistant"))
    assert kept.points == {}


def test_a_second_recorder_measures_with_the_same_instruments(caplog: pytest.LogCaptureFixture) -> None:
    kept = Telemetry()
    for _ in range(2):
        end(begin(recording(kept), Handoff, autogen__handoff__from="a", autogen__handoff__to="b"))
    assert one(kept.points_of("autogen.handoffs")).count == 2
    assert own_log_records(caplog) == []


def test_nothing_is_measured_where_nobody_reads_it() -> None:
    provider = MeterProvider(shutdown_on_exit=False)
    renderer = Recorder(Telemetry().provider.get_tracer("test")).renderer
    assert not Meters(provider, provider.get_meter("test"), renderer).has_readers
    assert recording(Telemetry()).meters.has_readers  # type: ignore[union-attr]
