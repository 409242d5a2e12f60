"""What the rules of AG2's group patterns look like: conditions, nested chats, guardrails and functions."""

from __future__ import annotations

from typing import Any

import pytest

from autogen_otel.testing import entry, text, tool_call
from autogen_otel.vocabulary import handoffs
from tests.support.agents import SHAPES, Serve, assistant, converse
from tests.support.groups import pattern, silent_agent, trio
from tests.support.lineage import HAS_GUARDRAILS, HAS_PATTERNS, IS_014
from tests.support.telemetry import Telemetry
from tests.support.trees import CONDITION_ON_CONTEXT, STORY, of_handoffs

pytestmark = pytest.mark.needs(HAS_PATTERNS, "0.2 has no group patterns")


@SHAPES
def test_a_condition_on_the_context_hands_over_without_a_model(
    telemetry: Telemetry, serve: Serve, shape: str
) -> None:
    from autogen.agentchat.group import (
        AgentTarget,
        ContextVariables,
        OnContextCondition,
        StringContextCondition,
    )

    agents = trio(serve([text("Solved.")]))
    condition = StringContextCondition(variable_name="vip")
    agents[0].handoffs.add_context_condition(
        OnContextCondition(target=AgentTarget(agents[1]), condition=condition)
    )
    chat = pattern("DefaultPattern", agents, context_variables=ContextVariables(data={"vip": True}))
    converse(shape, *chat)
    assert telemetry.tree(*STORY) == CONDITION_ON_CONTEXT


NESTED = """\
invoke_workflow user -> chat_manager errors.handled=0 conversation.termination=no_eligible_speaker
  handoff user -> triage handoff.reason=initial_agent
  invoke_agent triage
    chat gpt-4o config.index=0 cache.hit=False
      POST http.response.status_code=200
  execute_tool transfer_to_wrapped_nested_triage_1_1
  handoff triage -> specialist handoff.reason=nested_chat
    invoke_workflow triage -> specialist errors.handled=0 conversation.termination=max_turns
      invoke_agent specialist
        chat gpt-4o config.index=0 cache.hit=False
          POST http.response.status_code=200
  invoke_agent triage
    chat gpt-4o config.index=0 cache.hit=False
      POST http.response.status_code=200
  handoff triage -> (end) handoff.reason=after_work"""


@SHAPES
def test_the_agent_that_a_pattern_puts_around_a_nested_chat_is_not_shown(
    telemetry: Telemetry, serve: Serve, shape: str
) -> None:
    from autogen.agentchat.group import NestedChatTarget, OnCondition, StringLLMCondition

    server = serve(
        [tool_call("transfer_to_wrapped_nested_triage_1_1", {}), text("It is so."), text("Solved.")]
    )
    agents = trio(server)
    queue = [
        {
            "recipient": assistant([entry(server)], "specialist"),
            "message": "Please check.",
            "max_turns": 1,
            "summary_method": "last_msg",
        }
    ]
    target = NestedChatTarget(nested_chat_config={"chat_queue": queue})
    agents[0].handoffs.add_llm_condition(
        OnCondition(target=target, condition=StringLLMCondition(prompt="Special."))
    )
    converse(shape, *pattern("DefaultPattern", agents))
    assert telemetry.tree(*STORY) == NESTED


@pytest.mark.needs(HAS_GUARDRAILS, "guardrails came with AG2 0.14")
@SHAPES
def test_a_guardrail_that_stops_an_agent_is_named(telemetry: Telemetry, shape: str) -> None:
    from autogen.agentchat.group import AgentTarget
    from autogen.agentchat.group.guardrails import RegexGuardrail

    one, two = silent_agent("one"), silent_agent("two")
    guardrail = RegexGuardrail(name="no names", condition="I am", target=AgentTarget(two))
    one.register_output_guardrail(guardrail)
    converse(shape, *pattern("DefaultPattern", [one, two]))
    assert of_handoffs(telemetry, "reason") == [
        handoffs.INITIAL_AGENT,
        handoffs.GUARDRAIL,
        handoffs.AFTER_WORK,
    ]
    assert of_handoffs(telemetry, "rule") == [None, "no names", None]


@pytest.mark.needs(IS_014, "functions as targets came with AG2 0.14")
def test_a_function_that_decides_what_comes_after_an_agents_work_is_named(telemetry: Telemetry) -> None:
    from autogen.agentchat.group import AgentTarget
    from autogen.agentchat.group.targets.function_target import FunctionTarget, FunctionTargetResult

    one, two = silent_agent("one"), silent_agent("two")

    def decide(output: str, context: Any) -> FunctionTargetResult:
        return FunctionTargetResult(target=AgentTarget(two))

    one.handoffs.set_after_work(FunctionTarget(decide))
    converse("sync", *pattern("DefaultPattern", [one, two]))
    assert of_handoffs(telemetry, "rule") == [None, "decide", None]
    assert of_handoffs(telemetry, "to") == ["one", "two", None]


def test_a_tool_that_says_stay_shows_no_hidden_agent(telemetry: Telemetry, serve: Serve) -> None:
    from autogen.agentchat.group import ReplyResult, StayTarget

    def note(what: str) -> ReplyResult:
        return ReplyResult(message=f"Noted: {what}", target=StayTarget())

    note.__annotations__["return"] = ReplyResult
    note.__annotations__["what"] = str
    agents = trio(serve([tool_call("note", {"what": "rain"}), text("Fine.")]))
    agents[0].register_for_llm(name="note", description="Takes a note")(note)
    converse("sync", *pattern("DefaultPattern", agents))
    assert len(telemetry.named("execute_tool note")) == 1
    assert "_Group_Tool_Executor" not in telemetry.tree(*STORY)
