"""What a provider says of an error is on every span, with one cause, in whatever shape it came."""

from __future__ import annotations

from typing import Any

import pytest

from scenarios.replies import Raw
from scenarios.server import entry, text
from tests.support.agents import SHAPES, Serve, assistant, chat, configured, converse, user
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
        assert {point.labels["autogen.error.origin"] for point in telemetry.measured(metric)} == {
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


def test_an_answer_that_only_speaks_of_errors_is_a_good_one(telemetry: Telemetry, serve: Serve) -> None:
    chat(user(), assistant([entry(serve([text('The "error" was {"error": "x"}. TERMINATE')]))]))
    assert "ERROR" not in telemetry.tree()
