"""A conversation: ``ConversableAgent.initiate_chat`` and its async twin."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from autogen_otel.observations import Conversation, Failure, Recording
from autogen_otel.operations.credentials import make_known
from autogen_otel.operations.handoff import HandoffState
from autogen_otel.operations.operation import Call, Operation, name_of

SPEAKER_SELECTION = "speaker_selection"
"""Role of the agents and chats that AutoGen makes to let a model choose the next speaker."""

_REMEMBERED_TOOLS = 8


@dataclass(slots=True)
class ConversationState:
    """What calls inside a conversation need to know of it.

    Args:
        turns: agent turns begun.
        failed_tools: the latest tool calls that failed; a model call that fails later links to them.
        sent: messages in the prompt of the last call, by agent and entry.
        tool_schemas: JSON schema of each tool's parameters as the model was last shown it.
    """

    turns: int = 0
    failed_tools: deque[Recording] = field(default_factory=lambda: deque(maxlen=_REMEMBERED_TOOLS))
    sent: dict[object, int] = field(default_factory=dict)
    tool_schemas: dict[str, Mapping[str, Any]] = field(default_factory=dict)


class InitiateChat(Operation[Conversation]):
    """Reads ``initiate_chat``: the root of a trace, or a nested conversation."""

    def begin(self, call: Call) -> Conversation:
        """Note who talks to whom and learn the credentials they carry."""
        recipient = call.arguments.get("recipient")
        make_known(call.instance, call.secrets)
        make_known(recipient, call.secrets)
        helper = call.scope.find(HandoffState) is not None
        if not helper:
            call.scope.state = ConversationState()
        chat_id = call.arguments.get("chat_id")
        return Conversation(
            initiator=name_of(call.instance),
            recipient=name_of(recipient),
            conversation_id=None if chat_id is None else str(chat_id),
            helper_role=SPEAKER_SELECTION if helper else None,
        )

    def returned(self, call: Call, started: Conversation, _value: Any) -> Conversation:
        """The conversation went on to its end, whatever failed inside."""
        return self._ended(call, started, None)

    def failed(self, call: Call, started: Conversation, error: BaseException) -> Conversation:
        """Something ended the conversation that AutoGen did not catch."""
        return self._ended(call, started, call.failure(error))

    def _ended(self, call: Call, started: Conversation, failure: Failure | None) -> Conversation:
        state = call.scope.state
        return replace(
            started,
            failure=failure,
            turns=state.turns if isinstance(state, ConversationState) else None,
            errors_handled=call.scope.handled_in_all(failed=failure is not None),
            errors_origins=tuple(call.scope.origins),
        )
