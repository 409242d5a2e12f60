"""Classes that override AutoGen's methods: their turns, tool calls and handoffs are told, and told once."""

from __future__ import annotations

from typing import Any

import pytest

from autogen_otel.testing import text, tool_call
from tests.support.agents import SHAPES, Serve, converse
from tests.support.own_agents import Remote, Retrier, Runner, at_a_table, running, speaking
from tests.support.telemetry import Telemetry, attributes_of, exception_of
from tests.support.trees import STORY

_DONE = text("Done. TERMINATE")


def _look_up(policy_id: str) -> Any:
    return tool_call("lookup", {"policy_id": policy_id}, id=f"call_{policy_id}")


@SHAPES
def test_a_reply_of_its_own_is_a_turn_and_autogens_inside_it_the_same(
    telemetry: Telemetry, serve: Serve, shape: str
) -> None:
    agents = speaking([serve([text("Words of a model's.")])])
    with pytest.raises(RuntimeError, match="nothing left to say"):
        converse(shape, *agents, max_turns=3)
    assert (
        telemetry.tree()
        == """\
invoke_workflow user -> speaker ERROR[callback: RuntimeError] errors.handled=0
  invoke_agent speaker
  invoke_agent user
  invoke_agent speaker
    chat gpt-4o config.index=0 cache.hit=False
      POST http.response.status_code=200
  invoke_agent user
  invoke_agent speaker ERROR[callback: RuntimeError]"""
    )
    assert attributes_of(telemetry.one("invoke_workflow"))["autogen.conversation.turns"] == 5
    assert "in generate_reply" in exception_of(telemetry.named("invoke_agent")[-1])["exception.stacktrace"]


@SHAPES
def test_what_its_own_tool_call_keeps_to_itself_is_a_failure_of_the_tool(
    telemetry: Telemetry, serve: Serve, shape: str
) -> None:
    converse(shape, *running(Runner)([serve([_look_up("null"), _look_up("P-1"), _DONE])]))
    failed, worked = telemetry.named("execute_tool")
    said = attributes_of(failed)
    assert said["gen_ai.tool.call.id"] == "call_null"
    assert said["gen_ai.tool.call.result"] == "Nothing is known of it."
    assert said["autogen.error.origin"] == "tool_exception"
    assert said["code.function.name"] == "tests.support.tools.lookup"
    assert "bad policy id 'null'" in exception_of(failed)["exception.stacktrace"]
    assert attributes_of(worked)["gen_ai.tool.call.id"] == "call_P-1"
    assert attributes_of(worked)["gen_ai.tool.call.result"] == "policy P-1 is active"
    assert attributes_of(telemetry.one("invoke_workflow"))["autogen.errors.handled"] == 1
    outcomes = telemetry.points["autogen.tool.duration"]
    assert {one.labels["autogen.tool.outcome"]: one.count for one in outcomes} == {"failed": 1, "ok": 1}


@SHAPES
def test_each_call_that_it_leaves_to_autogen_is_told_once(
    telemetry: Telemetry, serve: Serve, shape: str
) -> None:
    converse(shape, *running(Retrier)([serve([_look_up("null"), _look_up("P-1"), _DONE])]))
    calls = telemetry.named("execute_tool")
    assert [attributes_of(one).get("error.type") for one in calls] == ["ValueError", "ValueError", None]
    assert [attributes_of(one).get("gen_ai.tool.call.id") for one in calls][::2] == ["call_null", "call_P-1"]
    outcomes = telemetry.points["autogen.tool.duration"]
    assert {one.labels["autogen.tool.outcome"]: one.count for one in outcomes} == {"failed": 2, "ok": 1}


@SHAPES
def test_a_tool_that_it_runs_elsewhere_fits_its_arguments_and_fails_as_it_says(
    telemetry: Telemetry, serve: Serve, shape: str
) -> None:
    agents = running(Remote)([serve([_look_up("P-1"), tool_call("theirs", {}), _look_up("null")])])
    with pytest.raises(ConnectionError):
        converse(shape, *agents)
    worked, theirs, broken = map(attributes_of, telemetry.named("execute_tool"))
    assert worked["gen_ai.tool.call.result"] == "active, they say"
    assert "error.type" not in worked
    assert theirs["error.type"] == "tool_failed"
    assert "autogen.tool.arguments.problems" not in theirs
    assert broken["error.type"] == "ConnectionError"


@SHAPES
def test_a_group_chat_of_its_own_kind_hands_over_for_its_own_reasons_or_autogens(
    telemetry: Telemetry, shape: str
) -> None:
    with pytest.raises(LookupError):
        converse(shape, *at_a_table([]))
    assert (
        telemetry.tree(*STORY[:2])
        == """\
invoke_workflow user -> chat_manager ERROR[callback: LookupError] errors.handled=0
  invoke_agent chat_manager ERROR[callback: LookupError]
    handoff user -> one handoff.reason=custom handoff.rule=Table.select_speaker
    invoke_agent one
    handoff one -> two handoff.reason=round_robin
    invoke_agent two
    handoff two -> ? ERROR[callback: LookupError] handoff.reason=custom handoff.rule=Table.select_speaker"""
    )
