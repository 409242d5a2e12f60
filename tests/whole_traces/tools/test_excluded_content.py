"""Tools whose arguments and results the application keeps out of telemetry, those of others stay."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from autogen import ConversableAgent

import autogen_otel
from autogen_otel.testing import Reply, text, tool_call, tool_calls
from tests.support.agents import SHAPES, Serve, converse, pair
from tests.support.telemetry import LogRecords, attributes_of, instrumented, strings_in


def get_diagnosis(patient: Annotated[str, "who"]) -> str:
    """Get what nobody else may read."""
    return f"{patient} has measles"


def get_weather(city: Annotated[str, "where"]) -> str:
    """Get what everybody knows."""
    return f"drizzle in {city}"


def _script() -> list[Reply]:
    return [
        tool_calls([("get_diagnosis", {"patient": "Grete Vogel"}), ("get_weather", {"city": "Ulm"})]),
        text("TERMINATE"),
    ]


@SHAPES
@pytest.mark.parametrize("content", ["NO_CONTENT", "SPAN_AND_EVENT"])
def test_neither_its_arguments_nor_its_results_are_recorded(serve: Serve, shape: str, content: str) -> None:
    settings = autogen_otel.Settings(exclude_content_of=("get_diag*",), capture_message_content=content)
    logs = LogRecords()
    with instrumented(settings, logger_provider=logs.provider) as telemetry:
        converse(shape, *pair(serve(_script()), get_diagnosis, get_weather))
    said = strings_in(telemetry.spans) + "".join(
        str(record.body) + str(record.attributes) for record in logs.records
    )
    assert "Grete Vogel" not in said
    assert "measles" not in said
    assert "drizzle in Ulm" in said
    excluded = attributes_of(telemetry.one("execute_tool get_diagnosis"))
    assert "gen_ai.tool.call.arguments" not in excluded
    assert "gen_ai.tool.call.result" not in excluded
    assert excluded["code.function.name"].endswith("get_diagnosis")
    assert ("(not recorded)" in said) is (content != "NO_CONTENT")


def test_what_does_not_fit_is_told_without_the_value(serve: Serve) -> None:
    server = serve([tool_call("get_diagnosis", {"patient": 4711, "year": 1984}), text("TERMINATE")])
    with instrumented(autogen_otel.Settings(exclude_content_of="get_weather, get_diagnosis")) as telemetry:
        converse("sync", *pair(server, get_diagnosis))
    said: Any = attributes_of(telemetry.one("execute_tool"))["autogen.tool.arguments.problems"]
    assert any(one.startswith("patient: expected string, got integer") for one in said)
    assert not any("4711" in one or "1984" in one for one in said)


def test_an_error_that_it_returns_is_known_and_not_told(serve: Serve) -> None:
    def get_report(patient: Annotated[str, "who"]) -> dict[str, str]:
        """Fail in a polite way."""
        return {"error": f"{patient} has left the hospital"}

    server = serve([tool_call("get_report", {"patient": "Grete Vogel"}), text("TERMINATE")])
    with instrumented(autogen_otel.Settings(exclude_content_of=["*"])) as telemetry:
        converse("sync", *pair(server, get_report))
    assert attributes_of(telemetry.one("execute_tool"))["autogen.tool.returned_error"] == "(not recorded)"
    assert "hospital" not in strings_in(telemetry.spans)


def _quoted(patient: str) -> None:
    try:
        dict[str, str]()[patient]
    except KeyError as error:
        raise ValueError(f"{patient} is in no ward") from error


@SHAPES
def test_what_its_exception_says_stays_out_and_where_it_was_raised_does_not(serve: Serve, shape: str) -> None:
    def get_ward(patient: Annotated[str, "who"]) -> str:
        """Find a patient."""
        _quoted(patient)
        return ""

    server = serve([tool_call("get_ward", {"patient": "Grete Vogel"}), text("TERMINATE")])
    settings = autogen_otel.Settings(exclude_content_of="get_ward", capture_message_content="SPAN_AND_EVENT")
    logs = LogRecords()
    with instrumented(settings, logger_provider=logs.provider) as telemetry:
        converse(shape, *pair(server, get_ward))
    said = strings_in(telemetry.spans) + "".join(
        str(record.body) + str(record.attributes) for record in logs.records
    )
    assert "Grete Vogel" not in said
    span = telemetry.one("execute_tool")
    assert span.status.description == "(not recorded)"
    assert attributes_of(span)["error.type"] == "ValueError"
    (event,) = span.events
    stack = str((event.attributes or {})["exception.stacktrace"])
    assert "in _quoted\n    raise ValueError(f" in stack
    assert "\nKeyError\n" in stack
    assert stack.endswith("\nValueError\n")


class _Stopped(BaseException):
    pass


def test_nor_do_those_around_the_tool_say_it(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    def get_ward(patient: Annotated[str, "who"]) -> str:
        """Stop the program."""
        raise _Stopped(f"{patient} is in no ward")

    server = serve([tool_call("get_ward", {"patient": "Grete Vogel"}), text("TERMINATE")])
    settings = autogen_otel.Settings(exclude_content_of="get_ward", announce_failures=True)
    with instrumented(settings) as telemetry, pytest.raises(_Stopped):
        converse("sync", *pair(server, get_ward))
    assert "Grete Vogel" not in strings_in(telemetry.spans)
    # AG2 logs the arguments itself.
    (announced,) = (one.getMessage() for one in caplog.records if one.name == "autogen_otel")
    assert "(tool_exception): " in announced
    assert "Grete Vogel" not in announced


@SHAPES
@pytest.mark.parametrize("is_said_from", ["None", "another"])
def test_nor_does_an_exception_that_quotes_it_and_hides_it(
    serve: Serve, shape: str, is_said_from: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Hiding(ConversableAgent):  # type: ignore[misc]
        def generate_reply(self, *words: Any, **options: Any) -> Any:
            try:
                return super().generate_reply(*words, **options)
            except _Stopped as error:
                raise RuntimeError(f"stopped: {error}") from origin

        async def a_generate_reply(self, *words: Any, **options: Any) -> Any:
            try:
                return await super().a_generate_reply(*words, **options)
            except _Stopped as error:
                raise RuntimeError(f"stopped: {error}") from origin

    def get_ward(patient: Annotated[str, "who"]) -> str:
        """Stop the program."""
        raise _Stopped(f"{patient} is in no ward")

    origin = None if is_said_from == "None" else OSError("the disk")
    server = serve([tool_call("get_ward", {"patient": "Grete Vogel"}), text("TERMINATE")])
    asker, helper = pair(server, get_ward)
    asker.__class__ = Hiding
    settings = autogen_otel.Settings(exclude_content_of="get_ward", announce_failures=True)
    with instrumented(settings) as telemetry, pytest.raises(RuntimeError, match="Grete"):
        converse(shape, asker, helper)
    assert "Grete Vogel" not in strings_in(telemetry.spans)
    assert not any("Grete" in one.getMessage() for one in caplog.records if one.name == "autogen_otel")


@SHAPES
def test_nor_does_what_is_raised_when_its_exception_is_printed(serve: Serve, shape: str) -> None:
    class WordlessError(Exception):
        def __str__(self) -> str:
            raise RuntimeError(f"no words for {self.args}") from None

    def get_ward(patient: Annotated[str, "who"]) -> str:
        """Find a patient."""
        raise WordlessError(patient)

    server = serve([tool_call("get_ward", {"patient": "Grete Vogel"}), text("TERMINATE")])
    logs = LogRecords()
    settings = autogen_otel.Settings(exclude_content_of="get_ward")
    expected = pytest.raises(RuntimeError, match="Grete")
    with instrumented(settings, logger_provider=logs.provider) as telemetry, expected:
        converse(shape, *pair(server, get_ward))
    assert "Grete Vogel" not in strings_in(telemetry.spans)
    assert len(logs.records) == 1
    assert "Grete Vogel" not in str(logs.records[0].attributes)
