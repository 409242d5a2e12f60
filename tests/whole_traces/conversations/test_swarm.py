"""The swarms of 0.9 read like its group patterns."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from autogen_otel.testing import ScriptedServer, entry, text, tool_call
from autogen_otel.vocabulary import handoffs
from tests.support.agents import SHAPES, Serve, assistant, converse, llm_config
from tests.support.groups import silent_agent, speaker_script, swarm, trio
from tests.support.lineage import HAS_SWARM
from tests.support.telemetry import Telemetry, attributes_of
from tests.support.trees import (
    BACK_TO_USER,
    CONDITION_ON_CONTEXT,
    MODEL_CHOOSES,
    STORY,
    of_handoffs,
    transfer_by,
)

pytestmark = pytest.mark.needs(HAS_SWARM, "only 0.9 has swarms")

TRANSFER = transfer_by("transfer_triage_to_tech")


def transferring(server: ScriptedServer) -> Any:
    from autogen.agentchat.contrib.swarm_agent import OnCondition, register_hand_off

    agents = trio(server)
    register_hand_off(agents[0], [OnCondition(agents[1], "Technical.")])
    return agents


@SHAPES
def test_a_transfer_tool_is_a_tool_call_and_a_handoff_without_the_hidden_executor(
    telemetry: Telemetry, serve: Serve, shape: str
) -> None:
    server = serve([tool_call("transfer_triage_to_tech", {}), text("Solved.")])
    converse(shape, *swarm(transferring(server)))
    assert telemetry.tree(*STORY) == TRANSFER
    tool = attributes_of(telemetry.one("execute_tool"))
    assert tool["gen_ai.tool.call.result"] == "Swarm agent --> tech"
    assert tool["gen_ai.agent.name"] == "triage"


@SHAPES
def test_a_tool_that_names_the_next_agent(telemetry: Telemetry, serve: Serve, shape: str) -> None:
    from autogen.agentchat.contrib.swarm_agent import SwarmResult

    server = serve([tool_call("escalate", {"why": "money"}), text("Paid.")])
    agents = trio(server)

    def escalate(why: str) -> str:
        return SwarmResult(values=f"Escalated: {why}", agent=agents[2])  # type: ignore[no-any-return]

    agents[0].register_for_llm(name="escalate", description="Escalates.")(escalate)
    converse(shape, *swarm(agents))
    assert of_handoffs(telemetry, "reason") == [
        handoffs.INITIAL_AGENT,
        handoffs.REPLY_RESULT,
        handoffs.AFTER_WORK,
    ]
    assert of_handoffs(telemetry, "rule") == [None, "escalate", None]
    assert attributes_of(telemetry.one("execute_tool"))["gen_ai.tool.call.result"] == "Escalated: money"


@SHAPES
def test_a_condition_on_the_context(telemetry: Telemetry, serve: Serve, shape: str) -> None:
    from autogen.agentchat.contrib.swarm_agent import OnContextCondition, register_hand_off
    from autogen.agentchat.group import ContextVariables

    agents = trio(serve([text("Solved.")]))
    register_hand_off(agents[0], [OnContextCondition(agents[1], "vip")])
    converse(shape, *swarm(agents, context_variables=ContextVariables(data={"vip": True})))
    assert telemetry.tree(*STORY) == CONDITION_ON_CONTEXT


@SHAPES
def test_a_function_that_decides_what_comes_after_an_agents_work(telemetry: Telemetry, shape: str) -> None:
    from autogen.agentchat.contrib.swarm_agent import AfterWork, AfterWorkOption, register_hand_off

    one, two = silent_agent("one"), silent_agent("two")

    def decide(last: Any, messages: Any, chat: Any) -> Any:
        return two if last is one else AfterWorkOption.TERMINATE

    for agent in (one, two):
        register_hand_off(agent, AfterWork(decide))
    converse(shape, *swarm([one, two]))
    assert of_handoffs(telemetry, "to") == ["one", "two", None]
    assert of_handoffs(telemetry, "rule") == [None, "decide", "decide"]


@SHAPES
def test_the_user_is_asked_and_the_agent_before_goes_on(telemetry: Telemetry, shape: str) -> None:
    from autogen.agentchat.contrib.swarm_agent import AfterWorkOption

    chat = swarm(
        [silent_agent("one"), silent_agent("two")],
        with_user=True,
        max_rounds=4,
        after_work=AfterWorkOption.REVERT_TO_USER,
    )
    converse(shape, *chat)
    assert telemetry.tree(*STORY) == BACK_TO_USER


@SHAPES
def test_a_model_chooses(telemetry: Telemetry, serve: Serve, shape: str) -> None:
    from autogen.agentchat.contrib.swarm_agent import AfterWorkOption

    server = serve(speaker_script("billing"))
    chat = swarm(
        trio(server),
        with_user=True,
        max_rounds=3,
        after_work=AfterWorkOption.SWARM_MANAGER,
        swarm_manager_args={"llm_config": llm_config([entry(server)])},
    )
    converse(shape, *chat)
    assert telemetry.tree(*STORY) == MODEL_CHOOSES


@SHAPES
def test_the_agent_that_a_swarm_puts_around_a_nested_chat_is_not_shown(
    telemetry: Telemetry, serve: Serve, shape: str
) -> None:
    from autogen.agentchat.contrib.swarm_agent import OnCondition, register_hand_off

    server = serve([tool_call("transfer_triage_to_nested_chat_triage_1", {}), text("So."), text("Solved.")])
    agents = trio(server)
    queue = [{"recipient": assistant([entry(server)], "specialist"), "message": "Check.", "max_turns": 1}]
    register_hand_off(agents[0], [OnCondition({"chat_queue": queue}, "Special.")])
    converse(shape, *swarm(agents))
    assert [span.name for span in telemetry.named("handoff")] == [
        "handoff user -> triage",
        "handoff triage -> specialist",
        "handoff triage -> (end)",
    ]
    assert "nested_chat_triage" not in telemetry.tree().replace("transfer_triage_to_nested_chat_triage_1", "")


@SHAPES
def test_the_hosts_own_entry_point_leaves_the_same_trace(
    telemetry: Telemetry, serve: Serve, shape: str
) -> None:
    from autogen.agentchat.contrib.swarm_agent import a_initiate_swarm_chat, initiate_swarm_chat

    agents = transferring(serve([tool_call("transfer_triage_to_tech", {}), text("Solved.")]))
    options = {"initial_agent": agents[0], "agents": agents, "messages": "Hello", "max_rounds": 8}
    if shape == "sync":
        initiate_swarm_chat(**options)
    else:
        asyncio.run(a_initiate_swarm_chat(**options))
    assert telemetry.tree(*STORY) == TRANSFER
