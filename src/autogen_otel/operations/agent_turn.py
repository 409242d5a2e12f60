"""An agent's turn: ``ConversableAgent.generate_reply`` and its async twin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from autogen_otel.observations import AgentTurn, Failure
from autogen_otel.operations.conversation import SPEAKER_SELECTION, ConversationState
from autogen_otel.operations.credentials import make_known
from autogen_otel.operations.failure_origin import raised_in
from autogen_otel.operations.handoff import HandoffState
from autogen_otel.operations.operation import Call, Operation, name_of
from autogen_otel.vocabulary import failures

TOOL_EXECUTOR = "tool_executor"
"""Role of the hidden agent that runs the tools of AG2's group patterns and swarms."""

_HIDDEN = {"_Group_Tool_Executor": TOOL_EXECUTOR, "_Swarm_Tool_Executor": TOOL_EXECUTOR}


@dataclass(slots=True)
class TurnState:
    """What calls inside a turn need to know of it, and it of them.

    Args:
        messages: what the agent is replying to; in 0.2 a tool call's id stands only there.
        model_answered: whether a model call inside it has returned a response.
    """

    messages: Sequence[Any]
    model_answered: bool = False

    @property
    def asked_tools(self) -> Sequence[Any]:
        """The tool calls of the message replied to."""
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
            messages = getattr(agent, "_oai_messages", {}).get(sender)
        call.scope.state = TurnState(messages if isinstance(messages, Sequence) else ())
        name = name_of(agent)
        role = SPEAKER_SELECTION if call.scope.find(HandoffState) is not None else _HIDDEN.get(name)
        if role is None:
            for conversation in call.scope.find_all(ConversationState):
                conversation.turns += 1
        return AgentTurn(agent=name, sender=None if sender is None else name_of(sender), helper_role=role)

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
