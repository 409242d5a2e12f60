"""AG2's group patterns: A hands over to B, and what AutoGen puts between them is not shown."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from autogen_otel.testing import ScriptedServer, entry, text, tool_call, tool_calls
from autogen_otel.vocabulary import handoffs
from tests.support.agents import SHAPES, Serve, converse, llm_config
from tests.support.groups import pattern, silent_agent, speaker_script, trio
from tests.support.lineage import HAS_PATTERNS
from tests.support.telemetry import Telemetry, attributes_of
from tests.support.tools import lookup
from tests.support.trees import BACK_TO_USER, MODEL_CHOOSES, STORY, of_handoffs, transfer_by

pytestmark = pytest.mark.needs(HAS_PATTERNS, "0.2 has no group patterns")

TRANSFER = transfer_by("transfer_to_tech_1")


def transferring(server: ScriptedServer) -> Any:
    from autogen.agentchat.group import AgentTarget, OnCondition, StringLLMCondition, TerminateTarget

    agents = trio(server)
    condition = OnCondition(target=AgentTarget(agents[1]), condition=StringLLMCondition(prompt="Technical."))
    agents[0].handoffs.add_llm_condition(condition)
    agents[1].handoffs.set_after_work(TerminateTarget())
    return agents


@SHAPES
def test_a_transfer_tool_is_a_tool_call_and_a_handoff_without_the_hidden_executor(
    telemetry: Telemetry, serve: Serve, shape: str
) -> None:
    server = serve([tool_call("transfer_to_tech_1", {}), text("Solved.")])
    converse(shape, *pattern("DefaultPattern", transferring(server)))
    assert telemetry.tree(*STORY) == TRANSFER
    tool = attributes_of(telemetry.one("execute_tool"))
    assert tool["gen_ai.tool.call.result"] == "Transfer to tech"
    assert tool["gen_ai.agent.name"] == "triage"
    assert len(telemetry.trace_ids) == 1


REPLY_RESULT = """\
invoke_workflow user -> chat_manager errors.handled=0 conversation.termination=no_eligible_speaker
  handoff user -> triage handoff.reason=initial_agent
  invoke_agent triage
    chat gpt-4o config.index=0 cache.hit=False
      POST http.response.status_code=200
  execute_tool lookup
  invoke_agent triage
    chat gpt-4o config.index=0 cache.hit=False
      POST http.response.status_code=200
  execute_tool escalate
  handoff triage -> billing handoff.reason=reply_result handoff.rule=escalate
  invoke_agent billing
    chat gpt-4o config.index=0 cache.hit=False
      POST http.response.status_code=200
  handoff billing -> (end) handoff.reason=after_work"""


def with_tools(server: ScriptedServer) -> Any:
    from autogen.agentchat.group import AgentTarget, ReplyResult

    agents = trio(server)

    def escalate(why: str) -> ReplyResult:
        return ReplyResult(message=f"Escalated: {why}", target=AgentTarget(agents[2]))

    escalate.__annotations__["return"] = ReplyResult
    for tool in (lookup, escalate):
        agents[0].register_for_llm(name=tool.__name__, description="Does it.")(tool)
    return agents


@SHAPES
def test_an_ordinary_tool_is_no_handoff_and_one_that_names_the_next_agent_is(
    telemetry: Telemetry, serve: Serve, shape: str
) -> None:
    server = serve(
        [tool_call("lookup", {"policy_id": "P-1"}), tool_call("escalate", {"why": "money"}), text("Paid.")]
    )
    converse(shape, *pattern("DefaultPattern", with_tools(server)))
    assert telemetry.tree(*STORY) == REPLY_RESULT
    results = [attributes_of(span)["gen_ai.tool.call.result"] for span in telemetry.named("execute_tool")]
    assert results == ["policy P-1 is active", "Escalated: money"]


def test_several_tools_in_one_message_and_the_last_one_hands_over(telemetry: Telemetry, serve: Serve) -> None:
    both = tool_calls([("lookup", {"policy_id": "P-1"}), ("escalate", {"why": "money"})])
    server = serve([both, text("Paid.")])
    converse("sync", *pattern("DefaultPattern", with_tools(server)))
    assert of_handoffs(telemetry, "reason") == [
        handoffs.INITIAL_AGENT,
        handoffs.REPLY_RESULT,
        handoffs.AFTER_WORK,
    ]
    assert len(telemetry.named("execute_tool")) == 2


@SHAPES
def test_a_tool_that_raises_is_a_handled_failure_of_the_conversation(
    telemetry: Telemetry, serve: Serve, shape: str
) -> None:
    server = serve([tool_call("lookup", {}), text("Sorry.")])
    converse(shape, *pattern("DefaultPattern", with_tools(server)))
    assert attributes_of(telemetry.one("invoke_workflow"))["autogen.errors.origins"] == ("tool_arguments",)
    assert attributes_of(telemetry.one("execute_tool"))["autogen.error.origin"] == "tool_arguments"


@SHAPES
def test_a_model_chooses_among_the_agents_that_the_user_knows(
    telemetry: Telemetry, serve: Serve, shape: str
) -> None:
    server = serve(speaker_script("billing"))
    chat = pattern(
        "AutoPattern",
        trio(server),
        with_user=True,
        max_rounds=3,
        group_manager_args={"llm_config": llm_config([entry(server)])},
    )
    converse(shape, *chat)
    assert telemetry.tree(*STORY) == MODEL_CHOOSES
    assert of_handoffs(telemetry, "candidates") == [None, ("triage", "tech", "billing", "user")]


ROUND_ROBIN = """\
invoke_workflow user -> chat_manager errors.handled=0 conversation.termination=max_round
  handoff user -> one handoff.reason=initial_agent
  invoke_agent one
  handoff one -> two handoff.reason=after_work
  invoke_agent two
  handoff two -> user handoff.reason=after_work
  invoke_agent user
  handoff user -> one handoff.reason=after_work
  invoke_agent one"""


@SHAPES
def test_agents_in_turn(telemetry: Telemetry, shape: str) -> None:
    agents = [silent_agent("one"), silent_agent("two")]
    converse(shape, *pattern("RoundRobinPattern", agents, with_user=True, max_rounds=5))
    assert telemetry.tree(*STORY) == ROUND_ROBIN


def test_agents_at_random(telemetry: Telemetry) -> None:
    agents = [silent_agent("one"), silent_agent("two"), silent_agent("three")]
    converse("sync", *pattern("RandomPattern", agents, max_rounds=5))
    assert of_handoffs(telemetry, "reason") == [handoffs.INITIAL_AGENT, *[handoffs.AFTER_WORK] * 3]
    assert of_handoffs(telemetry, "to") == [
        span.name.removeprefix("invoke_agent ") for span in telemetry.named("invoke_agent")
    ]


def test_a_human_chooses(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda _prompt="": "3")
    converse(
        "sync",
        *pattern("ManualPattern", [silent_agent("one"), silent_agent("two")], with_user=True, max_rounds=3),
    )
    assert of_handoffs(telemetry, "reason") == [handoffs.INITIAL_AGENT, handoffs.MANUAL]
    assert of_handoffs(telemetry, "to") == ["one", "two"]


@SHAPES
def test_the_user_is_asked_and_the_agent_before_goes_on(telemetry: Telemetry, shape: str) -> None:
    from autogen.agentchat.group import RevertToUserTarget

    chat = pattern(
        "DefaultPattern",
        [silent_agent("one"), silent_agent("two")],
        with_user=True,
        max_rounds=4,
        group_after_work=RevertToUserTarget(),
    )
    converse(shape, *chat)
    assert telemetry.tree(*STORY) == BACK_TO_USER


@SHAPES
def test_the_hosts_own_entry_point_leaves_the_same_trace(
    telemetry: Telemetry, serve: Serve, shape: str
) -> None:
    from autogen.agentchat import a_initiate_group_chat, initiate_group_chat
    from autogen.agentchat.group.patterns import DefaultPattern

    agents = transferring(serve([tool_call("transfer_to_tech_1", {}), text("Solved.")]))
    made = DefaultPattern(initial_agent=agents[0], agents=agents)
    if shape == "sync":
        initiate_group_chat(made, "Hello", max_rounds=8)
    else:
        asyncio.run(a_initiate_group_chat(made, "Hello", max_rounds=8))
    assert telemetry.tree(*STORY) == TRANSFER
