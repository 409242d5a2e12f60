"""Tool calls: AutoGen swallows what goes wrong in them; the trace does not."""

from __future__ import annotations

from typing import Any

import pytest

from autogen_otel.testing import function_call, text, tool_call, tool_calls
from tests.support.agents import SHAPES, Serve, assistant, chat, converse, pair, user
from tests.support.telemetry import Telemetry, attributes_of, exception_of
from tests.support.tools import a_lookup, claim, lookup


@SHAPES
@pytest.mark.parametrize("tool", [lookup, a_lookup])
@pytest.mark.parametrize("raw", [False, True], ids=["registered", "function map"])
def test_a_tool_that_raises_shows_the_users_innermost_frame_and_the_cause(
    telemetry: Telemetry, serve: Serve, shape: str, tool: Any, raw: bool
) -> None:
    server = serve([tool_call(tool.__name__, {"policy_id": "null"}), text("Sorry. TERMINATE")])
    asker, helper = pair(server, tool, raw=raw)
    result = converse(shape, asker, helper)
    assert "Error: bad policy id 'null'" in str(result.chat_history)

    span = telemetry.one("execute_tool")
    attributes = attributes_of(span)
    assert attributes["error.type"] == "ValueError"
    assert attributes["autogen.error.origin"] == "tool_exception"
    assert attributes["gen_ai.tool.call.arguments"] == '{"policy_id": "null"}'
    assert attributes["gen_ai.tool.call.id"].startswith("call_")
    assert attributes["code.function.name"] == f"{tool.__module__}.{tool.__name__}"
    assert "autogen.tool.arguments.problems" not in attributes
    trace = exception_of(span)["exception.stacktrace"]
    assert "in known_policy" in trace
    assert 'raise ValueError(f"bad policy id {policy_id!r}") from error' in trace
    assert "KeyError: 'null'" in trace
    assert "The above exception was the direct cause" in trace
    assert "autogen_otel" not in trace.replace("autogen_otel/tests", "").split("site-packages")[0]
    assert attributes_of(telemetry.one("invoke_workflow"))["autogen.errors.handled"] == 1
    assert telemetry.one("invoke_workflow").status.is_unset


class WordlessError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class HiddenError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words") from None


class LastError(Exception):
    def __str__(self) -> str:
        raise SystemExit("no words")


@SHAPES
@pytest.mark.parametrize("kind", [WordlessError, HiddenError])
def test_a_tool_whose_exception_cannot_be_printed_is_named_by_it(
    telemetry: Telemetry, serve: Serve, shape: str, kind: type[Exception]
) -> None:
    def wordless(policy_id: str) -> str:
        """Look up a policy."""
        raise kind(policy_id)

    asker, helper = pair(serve([tool_call("wordless", {"policy_id": "P-9"})]), wordless)
    # AutoGen makes a text of it, and what that raises ends the conversation.
    with pytest.raises(RuntimeError, match="no words"):
        converse(shape, asker, helper)
    span = telemetry.one("execute_tool")
    assert attributes_of(span)["error.type"].endswith(f".{kind.__name__}")
    assert attributes_of(span)["autogen.error.origin"] == "tool_exception"
    said = exception_of(span)
    assert said["exception.message"] == f"<unprintable {kind.__name__}: str raised RuntimeError>"
    assert "in wordless" in said["exception.stacktrace"]
    root = telemetry.one("invoke_workflow")
    assert exception_of(root)["exception.type"] == "RuntimeError"
    assert attributes_of(root)["autogen.error.origin"] == "tool_exception"
    assert attributes_of(root)["autogen.errors.origins"] == ("tool_exception",)
    assert attributes_of(root)["autogen.errors.handled"] == 0


@SHAPES
def test_a_tool_whose_exception_ends_the_program_when_printed_has_a_span(
    telemetry: Telemetry, serve: Serve, shape: str
) -> None:
    def last(policy_id: str) -> str:
        """Look up a policy."""
        raise LastError(policy_id)

    asker, helper = pair(serve([tool_call("last", {"policy_id": "P-9"})]), last)
    with pytest.raises(SystemExit):
        converse(shape, asker, helper)
    assert attributes_of(telemetry.one("execute_tool"))["gen_ai.tool.name"] == "last"


@SHAPES
def test_concurrent_calls_of_one_message_are_told_apart(
    telemetry: Telemetry, serve: Serve, shape: str
) -> None:
    calls = [
        ("a_lookup", {"policy_id": "P-1"}),
        ("a_lookup", {"policy_id": "x"}),
        ("lookup", {"policy_id": "y"}),
    ]
    server = serve([tool_calls(calls), text("TERMINATE")])
    asker, helper = pair(server, lookup, a_lookup)
    converse(shape, asker, helper)
    seen = [
        (a["gen_ai.tool.name"], a["gen_ai.tool.call.arguments"], a.get("error.type"))
        for a in map(attributes_of, telemetry.named("execute_tool"))
    ]
    assert sorted(seen, key=str) == sorted(
        [
            ("a_lookup", '{"policy_id": "P-1"}', None),
            ("a_lookup", '{"policy_id": "x"}', "ValueError"),
            ("lookup", '{"policy_id": "y"}', "ValueError"),
        ],
        key=str,
    )
    assert len({attributes_of(s)["gen_ai.tool.call.id"] for s in telemetry.named("execute_tool")}) == 3


@SHAPES
def test_a_legacy_function_call_is_a_tool_call(telemetry: Telemetry, serve: Serve, shape: str) -> None:
    server = serve([function_call("lookup", {"policy_id": "null"}), text("TERMINATE")])
    asker, helper = (
        user(),
        assistant([{"model": "gpt-4o", "api_key": "sk-x0000000000000", "base_url": server.base_url}]),
    )
    asker.register_function({"lookup": lookup})
    converse(shape, asker, helper)
    span = telemetry.one("execute_tool lookup")
    assert attributes_of(span)["error.type"] == "ValueError"
    assert "in known_policy" in exception_of(span)["exception.stacktrace"]


PROBLEMS: dict[str, tuple[Any, list[str], str | None]] = {
    "not JSON": ('{"amount": 1', ["arguments: not JSON"], "json.decoder.JSONDecodeError"),
    "missing": ({}, ["amount: missing, expected number"], None),
    "mistyped": ({"amount": "ten thousand"}, ["amount: expected number, got string 'ten thousand'"], None),
}


@SHAPES
@pytest.mark.parametrize("raw", [False, True], ids=["registered", "function map"])
@pytest.mark.parametrize("case", PROBLEMS)
def test_arguments_that_do_not_fit_are_named(
    telemetry: Telemetry, serve: Serve, shape: str, raw: bool, case: str
) -> None:
    arguments, expected, kind = PROBLEMS[case]
    server = serve([tool_call("claim", arguments), text("TERMINATE")])
    asker, helper = pair(server, claim, raw=raw)
    converse(shape, asker, helper)
    attributes = attributes_of(telemetry.one("execute_tool"))
    problems = attributes["autogen.tool.arguments.problems"]
    assert len(problems) == len(expected)
    assert all(one.startswith(wanted) for one, wanted in zip(problems, expected, strict=True)), problems
    assert attributes["autogen.error.origin"] == "tool_arguments"
    if kind is not None:
        assert attributes["error.type"] == kind


@pytest.mark.parametrize("raw", [False, True], ids=["registered", "function map"])
def test_an_unknown_argument_is_named_even_where_the_host_drops_it_in_silence(
    telemetry: Telemetry, serve: Serve, raw: bool
) -> None:
    server = serve([tool_call("claim", {"amount": 1.5, "colour": "red"}), text("TERMINATE")])
    asker, helper = pair(server, claim, raw=raw)
    chat(asker, helper)
    attributes = attributes_of(telemetry.one("execute_tool"))
    assert attributes["autogen.tool.arguments.problems"] == ("colour: unknown argument, got string 'red'",)


def test_a_number_sent_as_text_is_named_even_where_the_host_coerces_it(
    telemetry: Telemetry, serve: Serve
) -> None:
    server = serve([tool_call("claim", {"amount": "7"}), text("TERMINATE")])
    asker, helper = pair(server, claim)
    result = chat(asker, helper)
    span = telemetry.one("execute_tool")
    attributes = attributes_of(span)
    assert attributes["autogen.tool.arguments.problems"] == ("amount: expected number, got string '7'",)
    coerced = "8.0 EUR" in str(result.chat_history)
    assert span.status.is_unset is coerced
    assert ("error.type" in attributes) is not coerced


@SHAPES
def test_an_unknown_tool_is_an_error_span(telemetry: Telemetry, serve: Serve, shape: str) -> None:
    server = serve([tool_call("nope", {"a": 1}), text("TERMINATE")])
    asker, helper = pair(server, claim)
    converse(shape, asker, helper)
    span = telemetry.one("execute_tool nope")
    attributes = attributes_of(span)
    assert attributes["autogen.tool.arguments.problems"] == ("nope: unknown tool",)
    assert (attributes["error.type"], attributes["autogen.error.origin"]) == (
        "unknown_tool",
        "tool_arguments",
    )
    exception = exception_of(span)
    assert exception["exception.message"] == "Error: Function nope not found."
    assert "test_tool_calls.py" in exception["exception.stacktrace"]


CRASHES = {
    "null": "null",
    "list": "[1]",
    "number": "0",
}


@pytest.mark.parametrize("case", CRASHES)
def test_arguments_that_crash_autogen_itself_are_explained(
    telemetry: Telemetry, serve: Serve, case: str
) -> None:
    server = serve([tool_call("claim", CRASHES[case]), text("TERMINATE")])
    asker, helper = pair(server, claim)
    crash = None
    try:
        chat(asker, helper)
    except Exception as error:
        crash = error
    # Which hosts crash is theirs to say; the span has to explain it either way.
    if crash is not None:
        root = attributes_of(telemetry.one("invoke_workflow"))
        assert root["autogen.error.origin"] == "tool_arguments"
        assert root["error.type"].endswith(type(crash).__name__)
    attributes = attributes_of(telemetry.one("execute_tool"))
    assert attributes["autogen.error.origin"] == "tool_arguments"
    assert attributes["autogen.tool.arguments.problems"][0].startswith("arguments: expected object, got ")


def test_an_exit_inside_a_tool_is_recorded_and_passes(telemetry: Telemetry, serve: Serve) -> None:
    def leave() -> str:
        """Leave."""
        raise SystemExit(3)

    server = serve([tool_call("leave", {})])
    asker, helper = pair(server, leave)
    with pytest.raises(SystemExit):
        chat(asker, helper)
    span = telemetry.one("execute_tool leave")
    assert attributes_of(span)["error.type"] == "SystemExit"
    assert attributes_of(span)["autogen.error.origin"] == "tool_exception"
    assert attributes_of(telemetry.one("invoke_workflow"))["autogen.error.origin"] == "tool_exception"
