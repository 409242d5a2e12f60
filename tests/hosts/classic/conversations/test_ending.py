"""Why a chat ended, by what its agents and its course say."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from autogen_otel.hosts.classic.conversations.ending import chat_reason, group_reason, turn_reason
from autogen_otel.operations.place import Course
from autogen_otel.vocabulary import terminations


class Agent:
    """An agent that has replied so often to a peer."""

    def __init__(self, replies: int = 0, limit: Any = 3, sender: object = "peer", **of_peers: int) -> None:
        self._consecutive_auto_reply_counter = {sender: replies}
        self._max_consecutive_auto_reply = limit
        self._max_consecutive_auto_reply_dict = of_peers


def course(
    *, turns: int = 0, rounds: int = 0, max_rounds: object = None, reason: str | None = None
) -> Course:
    made = Course()
    made.turns, made.rounds, made.max_rounds, made.reason = turns, rounds, max_rounds, reason
    return made


@pytest.mark.parametrize(
    ("speaker", "before", "answer", "reason"),
    [
        (Agent(), 0, "exit", terminations.HUMAN_EXIT),
        (Agent(), 0, "go on", terminations.TERMINATION_MESSAGE),
        (Agent(replies=1), 0, None, terminations.NO_REPLY),
        (Agent(), 2, None, terminations.TERMINATION_MESSAGE),
        (Agent(), 3, None, terminations.MAX_AUTO_REPLY),
        (Agent(), 3, "go on", terminations.TERMINATION_MESSAGE),
        (Agent(peer=1), 1, None, terminations.MAX_AUTO_REPLY),
        (Agent(limit=None), 99, None, terminations.TERMINATION_MESSAGE),
    ],
)
def test_a_turn_without_a_reply(speaker: Any, before: int, answer: str | None, reason: str) -> None:
    assert turn_reason(speaker, "peer", before, answer) == reason


@pytest.mark.parametrize(
    ("how", "group", "reason"),
    [
        (course(reason="given"), SimpleNamespace(max_round=1), "given"),
        (course(rounds=3), SimpleNamespace(max_round=4), terminations.MAX_ROUND),
        (course(rounds=2), SimpleNamespace(max_round=4), terminations.TERMINATION_MESSAGE),
        # A manager keeps a copy of the user's group chat.
        (course(rounds=1, max_rounds=2), SimpleNamespace(max_round=9), terminations.MAX_ROUND),
        (course(rounds=9), SimpleNamespace(max_round="many"), terminations.TERMINATION_MESSAGE),
        (course(rounds=9), None, terminations.TERMINATION_MESSAGE),
    ],
)
def test_a_group_chat(how: Course, group: Any, reason: str) -> None:
    assert group_reason(how, group) == reason


@pytest.mark.parametrize(
    ("how", "replies", "limit", "max_turns", "reason"),
    [
        (course(reason="given"), 0, 3, 1, "given"),
        (course(turns=9), 0, 3, None, terminations.NO_REPLY),
        (course(turns=1), 0, 3, 1, terminations.MAX_TURNS),
        (course(turns=2), 0, 3, 2, terminations.TERMINATION_MESSAGE),
        (course(turns=3), 0, 3, 2, terminations.MAX_TURNS),
        (course(turns=2), 3, 3, 9, terminations.MAX_AUTO_REPLY),
        (course(turns=2), 3, "3", 9, terminations.TERMINATION_MESSAGE),
    ],
)
def test_a_conversation(how: Course, replies: int, limit: Any, max_turns: object, reason: str) -> None:
    recipient = Agent(limit=limit)
    assert chat_reason(how, Agent(replies, sender=recipient), recipient, max_turns) == reason
