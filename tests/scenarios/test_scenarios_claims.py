from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openai
import pytest

from autogen_otel.testing import ChatRequest, ScriptedServer
from scenarios import claims
from scenarios.claims import CONVERSATIONS, MODEL, RETIRED_MODEL, ClaimsModel, Conversation, Outcome, play
from scenarios.policies import lookup_policy, parse_id

if TYPE_CHECKING:
    from collections.abc import Sequence


def play_out(conversation: Conversation) -> tuple[Outcome, Sequence[ChatRequest]]:
    model = ClaimsModel()
    with ScriptedServer(model) as server:
        outcome = play(conversation, server, model)
    return outcome, server.requests


def titled(title: str) -> Conversation:
    [result] = [conversation for conversation in CONVERSATIONS if conversation.title == title]
    return result


def tool_results(outcome: Outcome) -> list[str]:
    return [message["content"] for message in outcome.history if message.get("role") == "tool"]


def names(outcome: Outcome) -> list[Any]:
    return [message.get("name") for message in outcome.history]


@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=lambda conversation: conversation.title)
def test_only_the_one_that_dies_fails_and_every_reply_is_used(conversation: Conversation) -> None:
    outcome, requests = play_out(conversation)
    died = conversation.title == "the one that dies"
    assert (outcome.error is not None) is died
    answered = [request for request in requests if request.model != RETIRED_MODEL]
    assert len(answered) == len(conversation.replies)
    if not died:
        assert "TERMINATE" in outcome.history[-1]["content"]


def test_all_three_tools_work() -> None:
    outcome, requests = play_out(titled("all is well"))
    looked_up, opened, estimated = tool_results(outcome)
    assert "glass" in looked_up
    assert "C-20417" in opened
    assert "999.6" in estimated
    tools = {tool["function"]["name"] for tool in requests[0].body["tools"]}
    assert tools == {"lookup_policy", "open_claim", "estimate_damage"}


def test_a_failing_tool_becomes_a_text_and_the_conversation_goes_on() -> None:
    outcome, _ = play_out(titled("a tool fails and the assistant talks around it"))
    assert tool_results(outcome) == ["Error: policy id 'MOTOR-null-20417' names no region that has an office"]
    assert outcome.history[-1]["content"].startswith("I am sorry")


def test_the_dead_entry_is_tried_each_time_and_nobody_notices() -> None:
    outcome, requests = play_out(titled("a dead config entry"))
    assert [request.model for request in requests] == [RETIRED_MODEL, MODEL] * 2
    assert "404" not in str(outcome.history)


def test_silent_retries_leave_no_sign() -> None:
    outcome, requests = play_out(titled("silent retries"))
    assert len(requests) == 4
    assert "500" not in str(outcome.history)


def test_the_group_hands_over_from_the_analyst_to_the_supervisor() -> None:
    outcome, requests = play_out(titled("two agents hand over to each other"))
    assert names(outcome) == ["clerk", "fraud_analyst", "supervisor"]
    assert len(requests) == 4


def test_the_one_that_dies_does_so_after_a_tool_failed_and_three_attempts() -> None:
    outcome, requests = play_out(titled("the one that dies"))
    assert isinstance(outcome.error, openai.InternalServerError)
    assert outcome.error.request_id == "req_000004"
    assert [request.headers["x-stainless-retry-count"] for request in requests] == ["0", "0", "1", "2"]
    assert len(tool_results(outcome)) == 1


def test_the_policies_failure_is_chained_and_deep() -> None:
    assert parse_id("HOME-UK-7").office == "Leeds"
    with pytest.raises(ValueError, match="names no region") as caught:
        lookup_policy("MOTOR-null-20417")
    assert isinstance(caught.value.__cause__, KeyError)
    assert [entry.name for entry in caught.traceback][1:] == ["lookup_policy", "read_record", "parse_id"]


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    for conversation in claims.CONVERSATIONS:
        play_out(conversation)
    assert capfd.readouterr() == ("", "")
