"""Why a chat ended, read from the state of its agents: 0.2 says it to nobody, the others only in print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from autogen_otel.context.scope import Scope
from autogen_otel.operations.conversations.hidden_agents import HelperState
from autogen_otel.operations.reading import kept_for, number_of
from autogen_otel.vocabulary import terminations

_EXIT = "exit"
"""What a human types to end a conversation, in every lineage."""


@dataclass(slots=True)
class Course:
    """How a chat has gone so far: one of two agents, or of a group during its manager's turn.

    Args:
        turns: agent turns that brought a reply.
        rounds: speakers that a group has selected.
        max_rounds: how many it may, by the group chat in use: a manager keeps a copy of the user's.
        reason: why the chat is over, if the last thing that happened in it ends it.
    """

    turns: int = 0
    rounds: int = 0
    max_rounds: object = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Before:
    """What an agent's turn is going to change, as it was before.

    Args:
        replies: consecutive automatic replies to this sender.
        limit: how many of them are allowed.
    """

    replies: int = 0
    limit: float = float("inf")

    @classmethod
    def turn(cls, agent: Any, sender: Any) -> Before:
        """Read it from the agent, without creating what its defaultdicts lack."""
        default = number_of(agent, "_max_consecutive_auto_reply")
        limit = kept_for(agent, "_max_consecutive_auto_reply_dict", sender, default)
        return cls(_auto_replies(agent, sender), limit)

    def reason(self, agent: Any, sender: Any, answer: str | None) -> str:
        """Why the turn brought no reply, which ends the chat.

        Args:
            agent: whose turn it was.
            sender: to whom the reply would have gone.
            answer: what a human typed during the turn.
        """
        if answer == _EXIT:
            return terminations.HUMAN_EXIT
        if _auto_replies(agent, sender) > 0:
            return terminations.NO_REPLY
        # Ending a chat sets the counter back to 0. So it is before the first reply: a function of the user's
        # that answers the first message with nothing cannot be told from an end.
        over = answer is None and self.replies >= self.limit
        return terminations.MAX_AUTO_REPLY if over else terminations.TERMINATION_MESSAGE


def course_around(scope: Scope) -> Course | None:
    """The chat that a turn or speaker selection is a step of; ``None`` outside and in AutoGen's own chats."""
    if scope.parent is None:
        return None
    for state in scope.parent.find_all(object):
        course = getattr(state, "course", None)
        if isinstance(course, Course):
            return course
        if isinstance(state, HelperState):
            return None
    return None


def group_reason(course: Course, group: Any) -> str:
    """Why a group chat ended; on the very last round a termination message makes no difference."""
    if course.reason is not None:
        return course.reason
    # The message that opened the chat is its first round.
    limit = getattr(group, "max_round", None) if course.max_rounds is None else course.max_rounds
    last = isinstance(limit, (int, float)) and course.rounds + 1 >= limit
    return terminations.MAX_ROUND if last else terminations.TERMINATION_MESSAGE


def chat_reason(course: Course, initiator: Any, recipient: Any, max_turns: object) -> str:
    """Why a conversation that no exception ended came to its end.

    Args:
        course: how it went.
        initiator: who began it.
        recipient: with whom.
        max_turns: as given to ``initiate_chat``.
    """
    if course.reason is not None:
        return course.reason
    if not isinstance(max_turns, int):
        return terminations.NO_REPLY
    # The recipient takes every turn and the initiator those between them.
    if course.turns >= 2 * max_turns - 1:
        return terminations.MAX_TURNS
    if _auto_replies(initiator, recipient) >= number_of(recipient, "_max_consecutive_auto_reply"):
        return terminations.MAX_AUTO_REPLY
    return terminations.TERMINATION_MESSAGE


def _auto_replies(agent: Any, sender: Any) -> int:
    counter: int = kept_for(agent, "_consecutive_auto_reply_counter", sender, 0)
    return counter
