"""Why a chat ended, read from the state of its agents: 0.2 does not say it, the others only print it."""

from __future__ import annotations

from typing import Any

from autogen_otel.operations.place import Course
from autogen_otel.reading import read, read_key
from autogen_otel.vocabulary import terminations

_EXIT = "exit"
"""What a human types to end a conversation, in every lineage."""


def auto_replies(agent: Any, sender: Any) -> int:
    """Consecutive automatic replies to this sender."""
    counter: int = read_key(agent, "_consecutive_auto_reply_counter", sender, 0)
    return counter


def turn_reason(agent: Any, sender: Any, replies_before: int, answer: str | None) -> str:
    """Why a turn brought no reply, which ends the chat.

    Args:
        agent: whose turn it was.
        sender: to whom the reply would have gone.
        replies_before: the consecutive automatic replies before the turn; ending a chat sets them back to 0.
        answer: what a human typed during the turn.
    """
    if answer == _EXIT:
        return terminations.HUMAN_EXIT
    if auto_replies(agent, sender) > 0:
        return terminations.NO_REPLY
    # The counter is 0 before the first reply, too: if a function of the user's answers the first message
    # with nothing, that looks the same as an end.
    default = _limit(agent, "_max_consecutive_auto_reply")
    limit = read_key(agent, "_max_consecutive_auto_reply_dict", sender, default)
    is_over_limit = answer is None and replies_before >= limit
    return terminations.MAX_AUTO_REPLY if is_over_limit else terminations.TERMINATION_MESSAGE


def group_reason(course: Course, group: Any) -> str:
    """Why a group chat ended; on the very last round a termination message makes no difference."""
    if course.reason is not None:
        return course.reason
    # The message that opened the chat is its first round.
    limit = getattr(group, "max_round", None) if course.max_rounds is None else course.max_rounds
    is_last_round = isinstance(limit, (int, float)) and course.rounds + 1 >= limit
    return terminations.MAX_ROUND if is_last_round else terminations.TERMINATION_MESSAGE


def chat_reason(course: Course, initiator: Any, recipient: Any, max_turns: object) -> str:
    """Why a conversation ended, if no exception ended it.

    Args:
        course: the course of the chat.
        initiator: the agent that began it.
        recipient: the other agent.
        max_turns: the argument of ``initiate_chat``.
    """
    if course.reason is not None:
        return course.reason
    if not isinstance(max_turns, int):
        return terminations.NO_REPLY
    # The recipient takes every turn and the initiator those between them.
    if course.turns >= 2 * max_turns - 1:
        return terminations.MAX_TURNS
    if auto_replies(initiator, recipient) >= _limit(recipient, "_max_consecutive_auto_reply"):
        return terminations.MAX_AUTO_REPLY
    return terminations.TERMINATION_MESSAGE


def _limit(agent: Any, name: str) -> float:
    """An agent's limit; infinite where it has none that is a number."""
    limit = read(agent, name)
    return limit if isinstance(limit, (int, float)) else float("inf")
