"""Why conversations end, read from the agents' state in every lineage alike."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from autogen_otel.testing import drop, entry, text
from autogen_otel.vocabulary import terminations
from tests.support.agents import SHAPES, Person, Serve, assistant, converse, user
from tests.support.groups import group, silent_agent
from tests.support.lineage import IS_014, IS_02
from tests.support.telemetry import Telemetry, attributes_of


def ending(telemetry: Telemetry) -> Any:
    return attributes_of(telemetry.one("invoke_workflow"))["autogen.conversation.termination"]


@SHAPES
def test_a_termination_message(telemetry: Telemetry, serve: Serve, shape: str) -> None:
    converse(shape, user(), assistant([entry(serve([text("Done. TERMINATE")]))]))
    assert ending(telemetry) == terminations.TERMINATION_MESSAGE


@SHAPES
def test_a_termination_message_before_the_turns_are_used_up(telemetry: Telemetry, shape: str) -> None:
    converse(shape, user(), user("helper", default_auto_reply="TERMINATE"), max_turns=5)
    assert ending(telemetry) == terminations.TERMINATION_MESSAGE


@SHAPES
@pytest.mark.parametrize("turns", [1, 2, 3])
def test_the_allowed_turns(telemetry: Telemetry, shape: str, turns: int) -> None:
    converse(shape, silent_agent("user"), silent_agent("helper"), max_turns=turns)
    assert ending(telemetry) == terminations.MAX_TURNS
    assert len(telemetry.named("invoke_agent")) == 2 * turns - 1


def test_the_allowed_automatic_replies(telemetry: Telemetry) -> None:
    converse("sync", silent_agent("user", max_consecutive_auto_reply=2), silent_agent("helper"))
    assert ending(telemetry) == terminations.MAX_AUTO_REPLY


@pytest.mark.needs(IS_014, "only AG2 0.14 looks at the limit between turns")
def test_the_allowed_automatic_replies_between_turns(telemetry: Telemetry) -> None:
    asker, helper = silent_agent("user"), silent_agent("helper", max_consecutive_auto_reply=2)
    asker._max_consecutive_auto_reply_dict[helper] = 9
    converse("sync", asker, helper, max_turns=9)
    assert ending(telemetry) == terminations.MAX_AUTO_REPLY


@SHAPES
def test_a_human_who_leaves(telemetry: Telemetry, serve: Serve, shape: str) -> None:
    converse(shape, Person("human", ["exit"]), assistant([entry(serve([text("Well?")]))]))
    assert ending(telemetry) == terminations.HUMAN_EXIT


def test_a_human_who_has_nothing_to_add_to_a_termination_message(telemetry: Telemetry, serve: Serve) -> None:
    person = Person("human", [""], mode="TERMINATE")
    person._is_termination_msg = lambda message: "TERMINATE" in str(message)
    converse("sync", person, assistant([entry(serve([text("TERMINATE")]))]))
    assert ending(telemetry) == terminations.TERMINATION_MESSAGE


def test_an_agent_that_does_not_reply(telemetry: Telemetry) -> None:
    mute = silent_agent("mute")
    mute.register_reply(lambda _sender: True, lambda *_args, **_kwargs: (True, None), position=2)
    converse("sync", silent_agent("user"), mute)
    assert ending(telemetry) == terminations.NO_REPLY


@SHAPES
def test_an_error(telemetry: Telemetry, serve: Serve, shape: str) -> None:
    with pytest.raises(Exception, match="Connection error"):
        converse(shape, user(), assistant([entry(serve([drop()] * 3))]))
    assert ending(telemetry) == terminations.ERROR


@SHAPES
def test_the_rounds_of_a_group(telemetry: Telemetry, shape: str) -> None:
    converse(shape, *group([silent_agent("analyst"), silent_agent("supervisor")], "round_robin"))
    assert ending(telemetry) == terminations.MAX_ROUND


@SHAPES
def test_a_termination_message_in_a_group(telemetry: Telemetry, shape: str) -> None:
    asker, manager = group([silent_agent("analyst"), silent_agent("supervisor")], "round_robin", max_round=9)
    manager._is_termination_msg = lambda message: "I am supervisor" in str(message)
    converse(shape, asker, manager)
    assert ending(telemetry) == terminations.TERMINATION_MESSAGE


@SHAPES
def test_a_member_of_a_group_who_ends_the_chat_for_all(telemetry: Telemetry, shape: str) -> None:
    leaving = silent_agent("leaving", is_termination_msg=lambda message: True)
    converse(shape, *group([leaving, silent_agent("supervisor")], "round_robin", max_round=9))
    assert ending(telemetry) == terminations.TERMINATION_MESSAGE


@SHAPES
def test_a_group_that_nobody_may_speak_in(telemetry: Telemetry, shape: str) -> None:
    def nobody(last: Any, chat: Any) -> Any:
        return None

    # 0.2's async group chats let it through to the user.
    escapes = IS_02 and shape == "async"
    with pytest.raises(Exception, match="returned None") if escapes else contextlib.nullcontext():
        converse(shape, *group([silent_agent("analyst"), silent_agent("supervisor")], nobody))
    assert ending(telemetry) == (terminations.ERROR if escapes else terminations.NO_ELIGIBLE_SPEAKER)


def test_what_a_summary_costs_hangs_below_the_conversation_with_its_role(
    telemetry: Telemetry, serve: Serve
) -> None:
    server = serve([text("Done. TERMINATE"), text("They agreed.")])
    result = converse("sync", user(), assistant([entry(server)]), summary_method="reflection_with_llm")
    assert result.summary == "They agreed."
    turn, summary = telemetry.named("chat")
    assert "autogen.helper.role" not in attributes_of(turn)
    assert attributes_of(summary)["autogen.helper.role"] == "summary"
    assert summary in telemetry.children(telemetry.one("invoke_workflow"))


def test_the_rounds_of_the_group_that_runs_count_not_those_of_the_users_copy(telemetry: Telemetry) -> None:
    asker, manager = group([silent_agent("a"), silent_agent("b")], "round_robin", max_round=3)
    # The manager runs a copy made when it was: this comes too late.
    manager.groupchat.max_round = 9
    converse("sync", asker, manager)
    assert ending(telemetry) == terminations.MAX_ROUND
