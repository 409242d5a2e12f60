"""An agent's turn: ``ConversableAgent.generate_reply`` and its async twin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from autogen_otel.observations import AgentTurn, Failure
from autogen_otel.operations.conversations.conversation import ConversationState
from autogen_otel.operations.conversations.ending import Before, Course, course_around, group_reason
from autogen_otel.operations.conversations.hidden_agents import helper_role, role_of, shown_name
from autogen_otel.operations.credentials import make_known
from autogen_otel.operations.failure_origin import raised_in
from autogen_otel.operations.operation import Call, Operation
from autogen_otel.operations.reading import kept_for
from autogen_otel.vocabulary import failures


@dataclass(slots=True)
class TurnState:
    """What calls inside a turn need to know of it, and it of them.

    Args:
        messages: what the agent is replying to; in 0.2 a tool call's id stands only there.
        agent: whose turn it is.
        model_answered: whether a model call inside it has returned a response.
        asked_by_run: the tool calls that a run of an assistant asks for, which stand in no message.
        answer: what a human answered last; only whether it ends the chat is ever looked at.
        before: what the turn changes in its agent, as it was before.
        course: how the group chat goes that a manager runs during its turn.
        given_ids: ids of the tool calls begun: two equal calls of one message are told apart.
    """

    messages: Sequence[Any]
    agent: str = ""
    model_answered: bool = False
    asked_by_run: Sequence[Any] = ()
    answer: str | None = None
    before: Before = field(default_factory=Before)
    course: Course = field(default_factory=Course)
    given_ids: set[str] = field(default_factory=set)

    @property
    def asked_tools(self) -> Sequence[Any]:
        """The tool calls of the message replied to, or of the assistant's run."""
        if self.asked_by_run:
            return self.asked_by_run
        last = self.messages[-1] if self.messages else None
        asked = last.get("tool_calls") if isinstance(last, Mapping) else None
        return asked if isinstance(asked, list) else ()


class GenerateReply(Operation[AgentTurn]):
    """Reads ``generate_reply``."""

    def begin(self, call: Call) -> AgentTurn:
        """Note whose turn it is, and the messages it answers."""
        agent, sender = call.instance, call.arguments.get("sender")
        make_known(agent, call.secrets)
        messages = call.arguments.get("messages")
        if messages is None:
            # Not ``agent._oai_messages[sender]``: on the defaultdict that would create what the host has not.
            messages = kept_for(agent, "_oai_messages", sender)
        name = shown_name(agent)
        messages = messages if isinstance(messages, Sequence) else ()
        call.scope.state = TurnState(messages, name, before=Before.turn(agent, sender))
        role = helper_role(call.scope, ConversationState) or role_of(agent)
        conversation = call.scope.find(ConversationState)
        # A group's manager takes no turn of its own: the speakers inside it do.
        if role is None and conversation is not None and getattr(agent, "groupchat", None) is None:
            conversation.turns += 1
        return AgentTurn(agent=name, sender=None if sender is None else shown_name(sender), helper_role=role)

    def returned(self, call: Call, started: AgentTurn, value: Any) -> AgentTurn:
        """A reply, or none, which ends the chat."""
        course, turn = course_around(call.scope), call.scope.state
        if course is None or not isinstance(turn, TurnState):
            return started
        if value is not None:
            course.turns, course.reason = course.turns + 1, None
            return started
        agent = call.instance
        group = getattr(agent, "groupchat", None)
        if group is None:
            course.reason = turn.before.reason(agent, call.arguments.get("sender"), turn.answer)
        else:
            course.reason = group_reason(turn.course, group)
        return started

    def failed(self, call: Call, started: AgentTurn, error: BaseException) -> AgentTurn:
        """An exception that AutoGen lets through; where its own code choked, on what it was given."""
        ended = super().failed(call, started, error)
        turn = call.scope.state
        if (
            ended.failure is None
            or ended.failure.origin != failures.UNKNOWN
            or not raised_in(error, "autogen")
        ):
            return ended
        if isinstance(turn, TurnState) and turn.model_answered:
            return replace(ended, failure=Failure(origin=failures.BACKEND, error=error))
        if isinstance(turn, TurnState) and turn.asked_tools:
            return replace(ended, failure=Failure(origin=failures.TOOL_ARGUMENTS, error=error))
        return ended
