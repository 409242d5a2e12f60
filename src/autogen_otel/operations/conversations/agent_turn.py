"""An agent's turn: ``ConversableAgent.generate_reply`` and its async twin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from autogen_otel.causes import CANCELLED, Circumstances, Failure, Oddity, was_lost
from autogen_otel.operations.conversations.ending import Course, auto_replies, group_reason, turn_reason
from autogen_otel.operations.first_sight import see_agent
from autogen_otel.operations.operation import Operation
from autogen_otel.reading import read_key
from autogen_otel.recording import Facts
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import spans


class AgentTurn(Operation):
    """Reads ``generate_reply``.

    Attributes:
        agent: whose turn it is.
        messages: what the agent is replying to; in 0.2 a tool call's id stands only there.
        around: the course of the chat that the turn is a step of.
        model_answered: whether a model call inside it has returned a response.
        oddity: what was odd about that.
        lost: how a tool ended that left with more than an ``Exception``: AG2 runs asynchronous tools in
            threads of its own, where such ends are lost.
        asked_by_run: the tool calls that a run of an assistant asks for, which stand in no message.
        answer: what a human answered last; only whether it ends the chat is ever looked at.
        given: the tool calls begun, by their place among those asked for: equal ones are told apart.
    """

    operation_name = spans.INVOKE_AGENT

    __slots__ = (
        "_replies_before",
        "agent",
        "answer",
        "around",
        "asked_by_run",
        "given",
        "lost",
        "messages",
        "model_answered",
        "oddity",
    )

    def begin(self) -> Facts | None:
        """Note whose turn it is, and the messages it answers."""
        agent, sender = self.instance, self.arguments.get("sender")
        seen = see_agent(self.recorder, agent)
        messages = self.arguments.get("messages")
        if messages is None:
            # Not ``agent._oai_messages[sender]``: on the defaultdict that would create what the host has not.
            messages = read_key(agent, "_oai_messages", sender)
        is_list = type(messages) is list or isinstance(messages, Sequence)
        self.messages: Sequence[Any] = messages if is_list else ()
        own = self.parent
        if isinstance(own, OwnTurn) and own.instance is agent:
            # The same turn goes on, maybe with messages that the agent's class has changed.
            own.messages = self.messages
            return None
        self.agent, self.model_answered = seen.name, False
        self.oddity: Oddity | None = None
        self.lost: Failure | None = None
        self.answer: str | None = None
        self.asked_by_run: Sequence[Any] = ()
        self.given: set[int] = set()
        self._replies_before = auto_replies(agent, sender)
        self.around = self.place.course
        place = self.place = self.place.copy()
        place.course, place.turn = Course(), self
        if place.helper_role is None and seen.role is None:
            # A group's manager takes no turn of its own: the speakers inside it do.
            if place.conversation is not None and not seen.manages_group:
                place.conversation.turns += 1
            self.name = seen.turn
        self.constants = (
            _between(seen.name, None if sender is None else see_agent(self.recorder, sender).name),
        )
        return {}

    def returned(self, value: Any) -> None:
        """A reply, or none, which ends the chat."""
        around = self.around
        if around is None:
            return
        if value is not None:
            around.turns, around.reason = around.turns + 1, None
            return
        agent = self.instance
        group = getattr(agent, "groupchat", None)
        if group is None:
            around.reason = turn_reason(
                agent, self.arguments.get("sender"), self._replies_before, self.answer
            )
        elif self.place.course is not None:
            around.reason = group_reason(self.place.course, group)

    def circumstances(self) -> Circumstances:
        """What a model answered, in this turn or in the one that this one goes on from."""
        oddity = self.oddity
        if not self.model_answered and self.place.conversation is not None:
            oddity = self.place.conversation.oddity
        return Circumstances(
            was_answered=self.model_answered,
            oddity=oddity,
            has_tool_calls=bool(self.asked_tools),
            lost_failure=self.lost,
        )

    def is_cancelled_by(self, error: BaseException) -> bool:
        """Also where AG2 has lost that a tool was cancelled."""
        lost = self.lost
        is_lost = lost is not None and lost.cause == CANCELLED and was_lost(error)
        return is_lost or super().is_cancelled_by(error)

    @property
    def asked_tools(self) -> Sequence[Any]:
        """The tool calls of the message replied to, or of the assistant's run."""
        if self.asked_by_run:
            return self.asked_by_run
        last = self.messages[-1] if self.messages else None
        asked = last.get("tool_calls") if isinstance(last, Mapping) else None
        return asked if isinstance(asked, list) else ()

    def _release(self) -> None:
        self.messages = self.asked_by_run = ()
        self.around = None


class OwnTurn(AgentTurn):
    """Reads ``generate_reply`` of an agent class that has its own; AutoGen's inside it is the same turn."""

    __slots__ = ()


@lru_cache(maxsize=256)
def _between(agent: str, sender: str | None) -> Facts:
    """Whose turn it is, and whom the agent answers."""
    return {names.GEN_AI_AGENT_NAME: agent, names.SENDER_NAME: sender}
