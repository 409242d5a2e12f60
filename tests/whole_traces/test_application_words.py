"""The application's own words: on every span and log record begun inside, and on nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from opentelemetry.context import get_current

import autogen_otel
from autogen_otel import using_attributes
from autogen_otel.testing import entry, error, text, tool_call
from tests.support.agents import SHAPES, Serve, assistant, chat, converse, pair, user
from tests.support.groups import group
from tests.support.telemetry import LogRecords, Telemetry, attributes_of, instrumented
from tests.support.tools import lookup


@SHAPES
def test_they_are_on_every_span_across_threads_and_on_no_metric(
    telemetry: Telemetry, serve: Serve, shape: str
) -> None:
    server = serve([tool_call("lookup", {"policy_id": "P-1"}), text("TERMINATE")])
    with using_attributes(
        session_id="s-7", user_id="u-1", tags=["beta"], attributes={"tenant": 3, "vip": True}
    ):
        converse(shape, *pair(server, lookup))
    assert len(telemetry.spans) > 6
    for span in telemetry.spans:
        said = attributes_of(span)
        assert (said["session.id"], said["user.id"], said["tag.tags"]) == ("s-7", "u-1", ("beta",)), span.name
        assert (said["tenant"], said["vip"]) == (3, True)
    labels = {key for points in telemetry.points.values() for point in points for key in point.labels}
    assert not labels & {"session.id", "user.id", "tag.tags", "tenant", "vip"}


def test_inner_blocks_add_to_outer_ones_and_nothing_stays(telemetry: Telemetry, serve: Serve) -> None:
    def speak() -> None:
        chat(user(), assistant([entry(serve([text("TERMINATE")]))]))

    with using_attributes(session_id="outer", attributes={"a": "1"}):
        with using_attributes(session_id="inner", attributes={"b": "2"}):
            speak()
        speak()
    speak()
    said = [attributes_of(span) for span in telemetry.named("invoke_workflow")]
    assert [(one.get("session.id"), one.get("a"), one.get("b")) for one in said] == [
        ("inner", "1", "2"),
        ("outer", "1", None),
        (None, None, None),
    ]


def test_it_decorates_functions_and_coroutines(telemetry: Telemetry, serve: Serve) -> None:
    @using_attributes(session_id="sync")
    def speak(words: str) -> str:
        """Speak."""
        chat(user(), assistant([entry(serve([text("TERMINATE")]))]))
        return words

    @using_attributes(session_id="async")
    async def speak_later(words: str) -> str:
        await user().a_initiate_chat(
            assistant([entry(serve([text("TERMINATE")]))]), message="Hello", silent=True
        )
        return words

    async def both() -> list[str]:
        return list(await asyncio.gather(speak_later("a"), speak_later("b")))

    assert (speak("said"), speak.__doc__) == ("said", "Speak.")
    assert asyncio.run(both()) == ["a", "b"]
    sessions = [attributes_of(span)["session.id"] for span in telemetry.spans]
    assert {sessions.count("sync") * 2, sessions.count("async")} == {sessions.count("async")}


def test_a_block_begun_inside_a_tool_is_for_what_is_begun_there(telemetry: Telemetry, serve: Serve) -> None:
    def ask() -> str:
        """Ask somebody else."""
        with using_attributes(session_id="inside"):
            chat(user("other"), assistant([entry(serve([text("TERMINATE")]))]))
        return "asked"

    chat(*pair(serve([tool_call("ask", {}), text("TERMINATE")]), ask))
    assert "session.id" not in attributes_of(telemetry.one("execute_tool"))
    assert attributes_of(telemetry.one("invoke_workflow other"))["session.id"] == "inside"


def test_groups_and_failures_have_them_and_so_have_log_records(
    our_errors: list[BaseException], serve: Serve
) -> None:
    logs = LogRecords()
    with instrumented(logger_provider=logs.provider) as telemetry, using_attributes(user_id="u-1"):
        helper = assistant([entry(serve([error(404, "No such model", code="model_not_found")]))], "helper")
        asker, manager = group([helper, user("two")], "round_robin")
        with pytest.raises(Exception, match=r".*"):
            chat(asker, manager)
    assert {attributes_of(span)["user.id"] for span in telemetry.spans} == {"u-1"}
    assert {record.attributes["user.id"] for record in logs.records} == {"u-1"}


def test_they_are_redacted_capped_and_never_in_the_way(
    telemetry: Telemetry, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    odd: Any = {
        "password": "hunter2hunter2",
        "note": "the key is sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH",
        "long": "x" * 20_000,
        "nothing": None,
        "big": 2**80,
        "object": object(),
        7: "seven",
        "autogen.error.origin": "weather",
        **{f"many{number}": number for number in range(100)},
    }
    with using_attributes(attributes=odd), using_attributes(attributes="odd"):  # type: ignore[arg-type]
        chat(user(), assistant([entry(serve([text("TERMINATE")]))]))
    root = telemetry.one("invoke_workflow")
    said = attributes_of(root)
    assert "hunter2" not in root.to_json()
    assert "abcdefghijklmnop" not in root.to_json()
    assert len(said["long"]) < 9_000
    assert (said["7"], said["big"]) == ("seven", str(2**80))
    assert "nothing" not in said
    assert "autogen.error.origin" not in said
    assert len(said) < 64
    assert "takes a mapping" in caplog.text
    assert "does not take autogen.error.origin" in caplog.text


def test_without_instrument_it_does_nothing(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    autogen_otel.uninstrument()
    before = get_current()
    with using_attributes(session_id="s"):
        server = serve([text("TERMINATE")])
        chat(user(), assistant([entry(server)]))
    (request,) = server.requests
    assert "s" not in request.headers.get("baggage", "")
    assert get_current() == before
    assert "autogen_otel" not in {record.name.partition(".")[0] for record in caplog.records}


def test_content_events_have_them(our_errors: list[BaseException], serve: Serve) -> None:
    logs = LogRecords()
    settings = autogen_otel.Settings(capture_message_content="EVENT_ONLY")
    with instrumented(settings, logger_provider=logs.provider), using_attributes(session_id="s-7"):
        chat(user(), assistant([entry(serve([text("TERMINATE")]))]))
    assert {record.attributes["session.id"] for record in logs.records} == {"s-7"}
