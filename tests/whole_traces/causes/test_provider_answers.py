"""What a provider says of an error is on every span, with one cause, in whatever shape it came."""

from __future__ import annotations

import json
from typing import Any

import pytest
from autogen import OpenAIWrapper

from autogen_otel.causes.provider_error import error_in_body
from autogen_otel.testing import drop, entry, stream_error, text
from autogen_otel.testing.replies import Raw
from tests.support.agents import SHAPES, Serve, assistant, chat, configured, converse, user
from tests.support.models import counting_words
from tests.support.provider_answers import REFUSED, Refused
from tests.support.telemetry import LogRecords, Telemetry, attributes_of, instrumented

LEVELS = ("POST", "chat", "invoke_agent", "invoke_workflow")
_ANY = r"(?s).*"


def refuse(served: Any, *, shape: str = "sync", **options: Any) -> None:
    """A conversation whose only entry is refused."""
    with pytest.raises(Exception, match=_ANY):
        converse(shape, user(), configured(assistant([entry(served)]), **options))


@pytest.mark.parametrize("refused", REFUSED, ids=str)
def test_words_code_and_cause_are_the_same_on_every_level(
    telemetry: Telemetry, serve: Serve, refused: Refused
) -> None:
    refuse(serve(lambda _: refused.reply))
    for level in LEVELS:
        for span in telemetry.named(level):
            assert attributes_of(span)["autogen.error.origin"] == refused.cause, telemetry.tree()
            assert not span.status.is_ok
            assert refused.words in (span.status.description or ""), (level, span.status.description)
    for attempt in map(attributes_of, telemetry.named("POST")):
        assert attempt["http.response.status_code"] == refused.reply.status
        assert attempt.get("autogen.http.error.code") == refused.code
        assert attempt.get("autogen.http.error.type") == refused.type
    root = attributes_of(telemetry.one("invoke_workflow"))
    assert root["autogen.errors.origins"] == (refused.cause,)
    assert root["autogen.errors.handled"] == len(telemetry.named("POST")) - 1
    for metric in ("autogen.model.attempts", "gen_ai.client.operation.duration", "autogen.prompt.size"):
        assert {point.labels["autogen.error.origin"] for point in telemetry.points_of(metric)} == {
            refused.cause
        }


@pytest.mark.parametrize("refused", REFUSED, ids=str)
def test_a_streamed_request_says_the_same(telemetry: Telemetry, serve: Serve, refused: Refused) -> None:
    if refused.reply.status < 300:
        return
    refuse(serve(lambda _: refused.reply), stream=True)
    # Of attempts that were tried again nobody has read the body.
    for span in (telemetry.named("POST")[-1], *map(telemetry.one, LEVELS[1:])):
        assert attributes_of(span)["autogen.error.origin"] == refused.cause
        assert refused.words in (span.status.description or "")


@SHAPES
def test_a_fallback_counts_one_failure(telemetry: Telemetry, serve: Serve, shape: str) -> None:
    by_name = {str(one): one.reply for one in REFUSED}
    broken, good = serve([by_name["OpenAI, model"]]), serve([text("TERMINATE")])
    converse(shape, user(), assistant([entry(broken), entry(good)]))
    root = attributes_of(telemetry.one("invoke_workflow"))
    assert (root["autogen.errors.handled"], root["autogen.errors.origins"]) == (1, ("config_entry",))


def test_logs_and_spans_agree(our_errors: list[BaseException], serve: Serve) -> None:
    refused = next(one for one in REFUSED if one.name == "Azure, content filter")
    logs = LogRecords()
    with instrumented(logger_provider=logs.provider):
        refuse(serve([refused.reply]))
    (record,) = logs.records
    assert record.severity_text == "ERROR"
    assert record.attributes["autogen.error.origin"] == "content_filter"
    # What only the attempt knows comes along.
    assert record.attributes["autogen.http.error.code"] == "content_filter"
    assert record.attributes["http.response.status_code"] == 400


def test_a_page_is_told_by_its_text_and_no_more_than_two_hundred_characters(
    telemetry: Telemetry, serve: Serve
) -> None:
    page = "<html><body><p>" + "long &lt;story&gt; " * 100 + "</p></body></html>"
    refuse(serve(lambda _: Raw(503, {"content-type": "text/html", "retry-after-ms": "1"}, page.encode())))
    said = telemetry.named("POST")[0].status.description or ""
    assert said.startswith("503 Service Unavailable: text/html: long <story> long")
    assert len(said) < 250


@pytest.mark.parametrize(
    "body", [b"\xff\xfe\x00", b"[" * 100_000, b'"' + b"x" * 2_000_000, b"null", b"[]", b"7"]
)
def test_no_body_is_too_odd(telemetry: Telemetry, serve: Serve, body: bytes) -> None:
    refuse(serve(lambda _: Raw(500, {"content-type": "application/json", "retry-after-ms": "1"}, body)))
    assert {attributes_of(span)["autogen.error.origin"] for span in telemetry.named("POST")} == {"backend"}


@pytest.mark.parametrize(
    "page",
    [
        b"<html>" + b"<script " * 100_000,
        b"<html>" + b"<!--" * 200_000,
        b"<html>" + b"<title " * 100_000,
        b"<" * 900_000,
    ],
    ids=["scripts", "comments", "titles", "signs"],
)
def test_a_page_is_read_in_no_longer_than_its_length(page: bytes) -> None:
    # A quadratic search would take minutes.
    assert len(error_in_body(page, "text/html").message or "") < 250


def test_an_answer_in_another_shape_is_told_by_its_keys_only(telemetry: Telemetry, serve: Serve) -> None:
    said = {"role": "assistant", "content": "The patient is ill"}
    body = json.dumps({"model": "llama3", "message": said, "done": True}).encode()
    refuse(serve(lambda _: Raw(200, {"content-type": "application/json"}, body)))
    attempt = telemetry.one("POST")
    assert attempt.status.description == "200 OK with an error: no choices, but done, message, model"
    assert not any("patient" in span.to_json() for span in telemetry.spans)


def test_a_recovered_refusal_leaves_the_call_well(telemetry: Telemetry, serve: Serve) -> None:
    by_name = {str(one): one.reply for one in REFUSED}
    broken, good = serve([by_name["a gateway, 200"]]), serve([text("Fine.")])
    wrapper = OpenAIWrapper(config_list=[entry(broken), entry(good)])
    wrapper.create(
        messages=[{"role": "user", "content": "Hello"}],
        filter_func=lambda context, response: bool(response.choices),
        cache_seed=None,
    )
    call = telemetry.one("chat")
    assert call.status.is_ok, telemetry.tree()
    assert attributes_of(telemetry.named("config_entry 0")[0])["autogen.error.origin"] == "rate_limit"


def test_whoever_trips_over_an_error_is_not_blamed(telemetry: Telemetry, serve: Serve) -> None:
    def is_good(context: object, response: Any) -> bool:
        return bool(response.choices[0])

    by_name = {str(one): one.reply for one in REFUSED}
    wrapper = OpenAIWrapper(config_list=[entry(serve([by_name["a gateway, 200"]]))])
    with pytest.raises(TypeError):
        wrapper.create(messages=[{"role": "user", "content": "Hello"}], filter_func=is_good, cache_seed=None)
    call = attributes_of(telemetry.one("chat"))
    assert call["autogen.error.origin"] == "rate_limit"
    assert call["autogen.callback.name"].endswith("is_good")


_STREAMED = {
    "an object instead": (
        "application/json",
        json.dumps({"error": {"message": "Rate limit exceeded", "code": 429}}),
        "backend",
        "application/json, no stream of events",
    ),
    "a chunk of vLLM": (
        "text/event-stream",
        'data: {"object": "error", "message": "maximum context length", "code": 400}\n\ndata: [DONE]\n\n',
        "prompt_too_large",
        "maximum context length",
    ),
    "an event of its own": (
        "text/event-stream",
        'event: error\ndata: {"message": "Slow down", "code": 429}\n\n',
        "rate_limit",
        "Slow down",
    ),
}


@pytest.mark.parametrize("name", _STREAMED)
def test_a_stream_that_is_an_error_is_read_as_one(telemetry: Telemetry, serve: Serve, name: str) -> None:
    kind, body, cause, words = _STREAMED[name]
    refuse(serve(lambda _: Raw(200, {"content-type": kind}, body.encode())), stream=True)
    for level in LEVELS[1:]:
        span = telemetry.one(level)
        assert attributes_of(span)["autogen.error.origin"] == cause, telemetry.tree()
        assert words in (span.status.description or ""), (level, span.status.description)


def test_a_stale_history_is_stale_in_a_stream_too(telemetry: Telemetry, serve: Serve) -> None:
    order = "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
    first, second = text("TERMINATE"), stream_error(1, order)
    helper = configured(assistant([entry(serve([first, second]))]), stream=True)
    asker = user()
    with counting_words():
        chat(asker, helper)
        telemetry.clear()
        with pytest.raises(Exception, match=_ANY):
            chat(asker, helper, clear_history=False)
    assert attributes_of(telemetry.one("chat"))["autogen.error.origin"] == "stale_state"


def test_each_failure_of_an_outage_has_a_record(our_errors: list[BaseException], serve: Serve) -> None:
    logs = LogRecords()
    with instrumented(logger_provider=logs.provider):
        helper = assistant([entry(serve([drop()] * 3)), entry(serve([drop()] * 3))])
        with pytest.raises(Exception, match=_ANY):
            chat(user(), helper)
    severities = [record.severity_text for record in logs.records]
    # Six attempts; the last one of each entry is told as what the SDK made of it.
    assert (severities.count("WARN"), severities.count("ERROR")) == (5, 1)


def test_an_answer_that_only_speaks_of_errors_is_a_good_one(telemetry: Telemetry, serve: Serve) -> None:
    chat(user(), assistant([entry(serve([text('The "error" was {"error": "x"}. TERMINATE')]))]))
    assert "ERROR" not in telemetry.tree()
