"""Who hands over to a nested chat: the agent whose turn it is, whoever the chat is set up to be sent by."""

from __future__ import annotations

from tests.support.agents import converse, user
from tests.support.groups import silent_agent
from tests.support.telemetry import Telemetry


def test_a_nested_chat_with_a_sender_of_its_own_is_handed_over_by_the_outer_agent(
    telemetry: Telemetry,
) -> None:
    asker, outer, clerk, inner = (
        user("asker"),
        silent_agent("outer"),
        silent_agent("clerk"),
        silent_agent("inner"),
    )
    outer.register_nested_chats(
        [{"sender": clerk, "recipient": inner, "message": "Go", "max_turns": 1}], trigger=asker
    )
    converse("sync", asker, outer, max_turns=1)
    assert telemetry.one("handoff").name == "handoff outer -> inner"
    assert telemetry.named("invoke_workflow")[1].name == "invoke_workflow clerk -> inner"
