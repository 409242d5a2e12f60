"""Tool calls by hand: what was called, whether it worked, and whose fault it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from autogen_otel.hosts.classic.conversations.agent_turn import AgentTurn
from autogen_otel.hosts.classic.tools import tool_call
from autogen_otel.hosts.classic.tools.tool_call import ToolCall
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes, metrics
from tests.support import hostile
from tests.support.agents import user
from tests.support.calls import begun, known, operation
from tests.support.tools import claim

AGENT = user("runner")
OK, FAILED = (True, {"content": "fine"}), (False, {"content": "Error: no"})


def called(
    func_call: Any, function: Callable[..., Any] | None = claim, raised: BaseException | None = None
) -> ToolCall:
    """A call for which the host has looked its function up, if the agent has one."""
    call = operation(ToolCall, AGENT, func_call=func_call)
    call.begin()
    if function is not None:
        call.function_found(function)
    if raised is not None:
        call.function_raised(raised)
    return call


def claiming(arguments: Any = '{"amount": 1}') -> dict[str, Any]:
    return {"name": "claim", "arguments": arguments}


@pytest.mark.parametrize(
    ("requested", "tool"),
    [(claiming(), "claim"), ({"name": 7}, "7"), ({}, ""), (None, ""), ("odd", "")],
)
def test_whatever_is_requested_has_a_name(requested: Any, tool: str) -> None:
    call = operation(ToolCall, AGENT, func_call=requested)
    assert begun(call) == {
        names.GEN_AI_TOOL_NAME: tool,
        names.GEN_AI_TOOL_TYPE: "function",
        names.GEN_AI_AGENT_NAME: "runner",
    }


@pytest.mark.parametrize(
    ("arguments", "recorded", "problems"),
    [
        ('{"amount": 1}', {"amount": 1}, []),
        ("[1]", [1], ["not_object"]),
        ("null", "null", ["not_object"]),
        ('{"amount": 1', '{"amount": 1', ["not_json"]),
        ("{}", {}, ["missing"]),
        ('{"amount": 1, "colour": "red"}', {"amount": 1, "colour": "red"}, ["unknown"]),
        ('{"amount": "ten"}', {"amount": "ten"}, ["mistyped"]),
    ],
)
def test_arguments_are_recorded_parsed_where_they_are_an_object(
    arguments: str, recorded: Any, problems: list[str]
) -> None:
    call = called(claiming(arguments))
    facts = known(call.returned(OK))
    assert facts[names.GEN_AI_TOOL_CALL_ARGUMENTS] == recorded
    assert [one.kind for one in facts.get(names.TOOL_ARGUMENTS_PROBLEMS, ())] == problems
    assert facts[names.GEN_AI_TOOL_CALL_RESULT] == "fine"
    (location,) = call.constants
    assert location[names.CODE_FUNCTION_NAME].endswith("claim")


_RAISED = ValueError("no")


@pytest.mark.parametrize(
    ("call", "cause", "kind"),
    [
        (lambda: called(claiming(), raised=_RAISED), causes.TOOL_EXCEPTION, None),
        (lambda: called(claiming("{}")), causes.TOOL_ARGUMENTS, "missing"),
        (lambda: called(claiming("{")), causes.TOOL_ARGUMENTS, None),
        (lambda: called(claiming(), None), causes.TOOL_ARGUMENTS, "unknown_tool"),
        (lambda: called(claiming("{"), None), causes.TOOL_ARGUMENTS, "unknown_tool"),
        (lambda: called(claiming()), causes.UNKNOWN, "tool_failed"),
    ],
)
def test_what_the_host_says_did_not_work_has_a_cause(
    call: Callable[[], ToolCall], cause: str, kind: str | None
) -> None:
    made = call()
    made.returned(FAILED)
    assert made.failure is not None
    assert (made.failure.cause, made.failure.type) == (cause, kind)
    # Its frames would hold the call.
    assert made.error is None


@pytest.mark.parametrize(
    ("arguments", "raised", "error", "cause"),
    [
        ('{"amount": 1}', SystemExit(), SystemExit(), causes.TOOL_EXCEPTION),
        ("[1]", None, TypeError("odd"), causes.TOOL_ARGUMENTS),
        ('{"amount": 1}', None, TypeError("odd"), causes.UNKNOWN),
    ],
)
def test_what_autogen_lets_through(
    arguments: str, raised: BaseException | None, error: BaseException, cause: str
) -> None:
    call = called(claiming(arguments), raised=raised)
    call.failed(error)
    assert call.failure is not None
    assert (call.failure.cause, call.failure.error) == (cause, raised or error)


def test_a_tool_that_cannot_be_described_is_not_taken_for_an_unknown_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    call = called(claiming(), None)
    monkeypatch.setattr(tool_call, "describe", hostile.refuse)
    with pytest.raises(ZeroDivisionError):
        call.function_found(claim)
    call.function_raised(ValueError("policy"))
    assert call.returned(FAILED)[names.TOOL_ARGUMENTS_PROBLEMS] is None
    assert call.failure is not None
    assert call.failure.cause == causes.TOOL_EXCEPTION


def turn(messages: list[Any]) -> AgentTurn:
    around = operation(AgentTurn, AGENT, messages=messages)
    around.begin()
    return around


def test_equal_calls_of_one_message_get_each_an_id() -> None:
    asked = [{"id": str(number), "function": claiming()} for number in range(2)]
    around = turn([{"tool_calls": ["odd", {"id": 7}, *asked]}])
    second, first = (
        operation(ToolCall, AGENT, around, func_call=requested)
        for requested in (asked[1]["function"], claiming())
    )
    assert begun(second)[names.GEN_AI_TOOL_CALL_ID] == "1"
    assert begun(first)[names.GEN_AI_TOOL_CALL_ID] == "0"
    third = operation(ToolCall, AGENT, around, func_call=claiming())
    assert names.GEN_AI_TOOL_CALL_ID not in begun(third)


def test_an_id_that_the_host_passes_on_is_the_one() -> None:
    call = operation(ToolCall, AGENT, turn([]), func_call=claiming(), call_id="given")
    assert begun(call)[names.GEN_AI_TOOL_CALL_ID] == "given"


def test_behind_the_hidden_executor_it_is_who_called_the_tool() -> None:
    executor = user("_Group_Tool_Executor")
    by_triage = operation(ToolCall, executor, turn([{"name": "triage"}]), func_call=claiming())
    assert begun(by_triage)[names.GEN_AI_AGENT_NAME] == "triage"
    by_nobody = operation(ToolCall, executor, turn([{"name": None}]), func_call=claiming())
    assert begun(by_nobody)[names.GEN_AI_AGENT_NAME] == "_Group_Tool_Executor"


def test_a_tool_that_nobody_has_is_measured_under_no_name_of_its_own() -> None:
    call = called(claiming(), None)
    call.returned(FAILED)
    assert list(call.measurements(1.0)) == [
        (metrics.TOOL_DURATION, 1.0, {metrics.TOOL_OUTCOME: "failed", names.GEN_AI_TOOL_NAME: metrics.OTHER}),
        (
            metrics.ARGUMENT_PROBLEMS,
            1,
            {
                metrics.TOOL_OUTCOME: "failed",
                names.GEN_AI_TOOL_NAME: metrics.OTHER,
                metrics.ARGUMENT_PROBLEM: "unknown_tool",
            },
        ),
    ]
