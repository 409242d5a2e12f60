"""An agent's turn: ``ConversableAgent.generate_reply`` and its async twin."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from autogen_otel.causes import CANCELLED, Circumstances, Failure, OddAnswer, was_lost
from autogen_otel.hosts.classic.conversations.ending import auto_replies, group_reason, turn_reason
from autogen_otel.hosts.classic.first_sight import see_agent
from autogen_otel.operations.operation import Operation
from autogen_otel.operations.place import Course
from autogen_otel.reading import read_key
from autogen_otel.recording import Facts
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import spans


class AgentTurn(Operation):
    """Reads ``generate_reply``.

    Attributes:
        agent: whose turn it is.
        messages: the messages that the agent replies to; in 0.2 only they have a tool call's id.
        outer_course: the course of the chat that the turn is a step of.
        model_answered: whether a model call inside it has returned a response.
        odd_answer: what was odd about that response.
        lost_failure: the failure of a tool that raised a ``BaseException``, no ``Exception``: AG2 runs
            asynchronous tools in threads of its own and loses what they raise of that kind.
        run_tool_calls: the tool calls that a run of an assistant asks for; no message has them.
        answer: what a human answered last; we only look whether it ends the chat.
        begun_calls: positions in ``tool_calls`` of the calls that have begun, to tell equal calls apart.
    """

    operation_name = spans.INVOKE_AGENT

    __slots__ = (
        "_replies_before",
        "agent",
        "answer",
        "begun_calls",
        "lost_failure",
        "messages",
        "model_answered",
        "odd_answer",
        "outer_course",
        "run_tool_calls",
    )

    def begin(self) -> Facts | None:
        """Note whose turn it is, and the messages it answers."""
        agent, sender = self.instance, self.arguments.get("sender")
        profile = see_agent(self.recorder, agent)
        messages = self.arguments.get("messages")
        if messages is None:
            # Not ``agent._oai_messages[sender]``, which would add a list to the host's defaultdict.
            messages = read_key(agent, "_oai_messages", sender)
        is_list = type(messages) is list or isinstance(messages, Sequence)
        self.messages: Sequence[Any] = messages if is_list else ()
        own_turn = self.parent
        if isinstance(own_turn, OwnTurn) and own_turn.instance is agent:
            # The same turn goes on, maybe with messages that the agent's class has changed.
            own_turn.messages = self.messages
            return None
        self.agent, self.model_answered = profile.name, False
        self.odd_answer: OddAnswer | None = None
        self.lost_failure: Failure | None = None
        self.answer: str | None = None
        self.run_tool_calls: Sequence[Any] = ()
        self.begun_calls: set[int] = set()
        self._replies_before = auto_replies(agent, sender)
        self.outer_course = self.place.course
        place = self.place = self.place.copy()
        place.course, place.turn = Course(), self
        if place.helper_role is None and profile.role is None:
            # A group's manager takes no turn of its own: the speakers inside it do.
            if place.conversation is not None and not profile.manages_group:
                place.conversation.turns += 1
            self.name = profile.turn_name
        self.constants = (
            _agent_and_sender(
                profile.name, None if sender is None else see_agent(self.recorder, sender).name
            ),
        )
        return {}

    def returned(self, value: Any) -> None:
        """Note whether there is a reply; without one the chat ends."""
        course = self.outer_course
        if course is None:
            return
        if value is not None:
            course.turns, course.reason = course.turns + 1, None
            return
        agent = self.instance
        group = getattr(agent, "groupchat", None)
        if group is None:
            course.reason = turn_reason(
                agent, self.arguments.get("sender"), self._replies_before, self.answer
            )
        elif self.place.course is not None:
            course.reason = group_reason(self.place.course, group)

    def circumstances(self) -> Circumstances:
        """What a model answered, in this turn or in the turn before, which this one continues."""
        odd_answer = self.odd_answer
        if not self.model_answered and self.place.conversation is not None:
            odd_answer = self.place.conversation.odd_answer
        return Circumstances(
            was_answered=self.model_answered,
            odd_answer=odd_answer,
            has_tool_calls=bool(self.tool_calls),
            lost_failure=self.lost_failure,
        )

    def is_cancelled_by(self, error: BaseException) -> bool:
        """Whether it is cancelled, also where the cancellation of a tool was lost on the way.

        AG2 loses what an asynchronous tool in a thread raises, and the event loop that another AutoGen runs
        such a tool in raises an exception of its own on Python 3.10.
        """
        failure = self.lost_failure
        if failure is not None and failure.cause == CANCELLED:
            return was_lost(error) or isinstance(error, CancelledError) or super().is_cancelled_by(error)
        return super().is_cancelled_by(error)

    @property
    def tool_calls(self) -> Sequence[Any]:
        """The tool calls of the message that the agent replies to, or of the assistant's run."""
        if self.run_tool_calls:
            return self.run_tool_calls
        last_message = self.messages[-1] if self.messages else None
        tool_calls = last_message.get("tool_calls") if isinstance(last_message, Mapping) else None
        return tool_calls if isinstance(tool_calls, list) else ()

    def _release(self) -> None:
        self.messages = self.run_tool_calls = ()
        self.outer_course = None


class OwnTurn(AgentTurn):
    """Reads ``generate_reply`` of an agent class that has its own; AutoGen's inside it is the same turn."""

    __slots__ = ()


@lru_cache(maxsize=256)
def _agent_and_sender(agent: str, sender: str | None) -> Facts:
    """Whose turn it is, and whom the agent answers."""
    return {names.GEN_AI_AGENT_NAME: agent, names.SENDER_NAME: sender}
