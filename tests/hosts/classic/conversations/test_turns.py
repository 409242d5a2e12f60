"""Conversations, turns and waits for a human by hand: what they say when they begin and end."""

from __future__ import annotations

from typing import Any

import pytest

from autogen_otel.hosts.classic.conversations.agent_turn import AgentTurn
from autogen_otel.hosts.classic.conversations.conversation import Conversation, SummarizeChat
from autogen_otel.hosts.classic.conversations.handoff import SpeakerSelection
from autogen_otel.hosts.classic.conversations.human_input import HumanInput
from autogen_otel.operations.place import Course
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes, terminations
from tests.support.agents import user
from tests.support.calls import begun, known, operation, raised_in

ONE, TWO = user("one"), user("two")


def conversation(**arguments: Any) -> Conversation:
    made = operation(Conversation, ONE, recipient=TWO, **arguments)
    made.begin()
    return made


@pytest.mark.parametrize(
    ("chat_id", "recorded"),
    [(None, {}), (7, {names.GEN_AI_CONVERSATION_ID: "7"}), ("", {names.GEN_AI_CONVERSATION_ID: ""})],
)
def test_a_conversation_says_who_talks_to_whom(chat_id: object, recorded: dict[str, str]) -> None:
    made = operation(Conversation, ONE, recipient=TWO, chat_id=chat_id)
    assert begun(made) == {names.GEN_AI_WORKFLOW_NAME: "one -> two", **recorded}
    assert (made.place.conversation, made.place.root, made.name) == (made, made, "invoke_workflow one -> two")


def test_a_nested_conversation_has_the_outermost_as_its_root() -> None:
    outer = conversation()
    inner = operation(Conversation, TWO, outer, recipient=ONE)
    inner.begin()
    assert (inner.place.conversation, inner.place.root) == (inner, outer)
    assert list(inner.measurements(1.0)) == []
    assert len(list(outer.measurements(1.0))) == 2


def test_the_chat_that_selects_a_speaker_is_none_of_the_users() -> None:
    selection = operation(SpeakerSelection)
    selection.place.handoff = selection
    selecting = operation(Conversation, user("checking_agent"), selection, recipient=TWO)
    assert (selecting.begin(), selecting.name, selecting.place.helper_role) == ({}, None, "speaker_selection")
    of_the_users = operation(Conversation, ONE, selection, recipient=TWO)
    assert of_the_users.begin() != {}


def test_a_conversation_that_an_exception_ends_says_so() -> None:
    made = conversation(max_turns=1)
    facts = known(made.failed(TimeoutError()))
    assert made.failure is not None
    assert made.failure.cause == causes.TIMEOUT
    assert facts[names.CONVERSATION_TERMINATION] == terminations.ERROR


def test_a_conversation_counts_the_turns_of_its_own_agents() -> None:
    made = conversation(max_turns=1)
    for agent in (TWO, ONE, user("_Swarm_Tool_Executor")):
        turn = operation(AgentTurn, agent, made, sender=ONE)
        turn.begin()
        turn.returned("Hello.")
    assert known(made.returned(None)) == {
        names.CONVERSATION_TURNS: 2,
        names.CONVERSATION_TERMINATION: terminations.MAX_TURNS,
        names.ERRORS_HANDLED: 0,
    }


def test_only_a_summary_by_a_model_is_seen() -> None:
    assert operation(SummarizeChat, summary_method="last_msg").begin() is None
    summary = operation(SummarizeChat, summary_method="reflection_with_llm")
    assert (summary.begin(), summary.place.helper_role) == ({}, "summary")


@pytest.mark.parametrize(("sender", "recorded"), [(None, {}), (ONE, {names.SENDER_NAME: "one"})])
def test_a_turn_says_whose_it_is(sender: Any, recorded: dict[str, str]) -> None:
    turn = operation(AgentTurn, TWO, sender=sender)
    assert begun(turn) == {names.GEN_AI_AGENT_NAME: "two", **recorded}
    assert (turn.name, turn.messages) == ("invoke_agent two", ())
    # Asking the agent for its messages would have created what it has not.
    assert not TWO._oai_messages


@pytest.mark.parametrize(
    ("messages", "asked"),
    [
        ([{"tool_calls": [1]}], [1]),
        ([{"tool_calls": [1]}, {"content": "x"}], ()),
        ([{"tool_calls": 7}], ()),
        (["odd"], ()),
        ([], ()),
        (7, ()),
    ],
)
def test_the_tool_calls_of_a_turn_stand_in_the_last_message(messages: Any, asked: Any) -> None:
    turn = operation(AgentTurn, TWO, messages=messages)
    turn.begin()
    assert turn.tool_calls == asked
    turn.run_tool_calls = [2]
    assert turn.tool_calls == [2]


def test_a_turn_without_a_reply_is_why_the_chat_is_over() -> None:
    made = conversation()
    assert isinstance(made.place.course, Course)
    turn = operation(AgentTurn, TWO, made, sender=ONE)
    turn.begin()
    turn.returned(None)
    assert (made.place.course.turns, made.place.course.reason) == (0, terminations.TERMINATION_MESSAGE)
    turn.returned("After all.")
    assert (made.place.course.turns, made.place.course.reason) == (1, None)


@pytest.mark.parametrize(
    ("error", "answered", "asked", "cause"),
    [
        (raised_in("autogen.agentchat"), True, [1], causes.BACKEND),
        (
            raised_in("autogen.agentchat.conversable_agent", "generate_tool_calls_reply"),
            False,
            [1],
            causes.TOOL_ARGUMENTS,
        ),
        (raised_in("autogen.agentchat"), False, [], causes.UNKNOWN),
        (KeyError("content"), True, [1], causes.UNKNOWN),
        (TimeoutError(), True, [1], causes.TIMEOUT),
    ],
)
def test_where_autogen_chokes_it_is_what_it_was_given(
    error: Exception, answered: bool, asked: Any, cause: str
) -> None:
    turn = operation(AgentTurn, TWO, messages=[{"tool_calls": asked}])
    turn.begin()
    turn.model_answered = answered
    turn.failed(error)
    assert turn.failure is not None
    assert turn.failure.cause == cause


@pytest.mark.parametrize(
    ("typed", "recorded"),
    [
        ("", {names.HUMAN_REPLY: "skip"}),
        ("exit", {names.HUMAN_REPLY: "exit"}),
        ("my password", {names.HUMAN_REPLY: "text"}),
        (None, {}),
    ],
)
def test_of_what_a_human_types_only_its_meaning_is_recorded(typed: Any, recorded: dict[str, str]) -> None:
    turn = operation(AgentTurn, ONE)
    turn.begin()
    wait = operation(HumanInput, ONE, turn)
    assert begun(wait) == {names.GEN_AI_AGENT_NAME: "one"}
    assert known(wait.returned(typed)) == recorded
    assert turn.answer == typed


def test_a_wait_inside_a_wait_of_the_same_agent_is_the_same() -> None:
    wait = operation(HumanInput, ONE)
    assert operation(HumanInput, ONE, wait).begin() is None
    assert operation(HumanInput, TWO, wait).begin() is not None
