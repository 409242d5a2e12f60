"""A conversation: ``ConversableAgent.initiate_chat`` and its async twin."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from autogen_otel.observations import Conversation, Failure, Recording
from autogen_otel.operations.conversations.ending import Course, chat_reason
from autogen_otel.operations.conversations.handoff import HandoffState
from autogen_otel.operations.conversations.hidden_agents import (
    SPEAKER_SELECTION,
    HelperState,
    selects_speakers,
    shown_name,
)
from autogen_otel.operations.conversations.message_account import MessageAccount
from autogen_otel.operations.conversations.prompt_account import PromptAccount
from autogen_otel.operations.credentials import make_known
from autogen_otel.operations.operation import Call, Operation
from autogen_otel.operations.reading import text_of
from autogen_otel.vocabulary import terminations

_REMEMBERED_TOOLS = 8


@dataclass(slots=True)
class ConversationState:
    """What calls inside a conversation need to know of it.

    Args:
        turns: agent turns begun, without those of nested conversations.
        course: how it goes, and why it ended.
        failed_tools: the latest tool calls that failed; a model call that fails later links to them.
        prompts: the prompts sent in it.
        tool_schemas: JSON schema of each tool's parameters as the model was last shown it.
        messages: which messages were recorded, those of nested conversations too.
    """

    turns: int = 0
    course: Course = field(default_factory=Course)
    failed_tools: deque[Recording] = field(default_factory=lambda: deque(maxlen=_REMEMBERED_TOOLS))
    prompts: PromptAccount = field(default_factory=PromptAccount)
    tool_schemas: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    messages: MessageAccount = field(default_factory=MessageAccount)


class InitiateChat(Operation[Conversation]):
    """Reads ``initiate_chat``: the root of a trace, or a nested conversation."""

    def begin(self, call: Call) -> Conversation:
        """Note who talks to whom and learn the credentials they carry."""
        recipient = call.arguments.get("recipient")
        make_known(call.instance, call.secrets)
        make_known(recipient, call.secrets)
        helper = call.scope.find(HandoffState) is not None and selects_speakers(call.instance)
        if helper:
            call.scope.state = HelperState(SPEAKER_SELECTION)
        else:
            prompts = PromptAccount.begun(call.instance, recipient)
            call.scope.state = ConversationState(prompts=prompts)
        chat_id = call.arguments.get("chat_id")
        return Conversation(
            initiator=shown_name(call.instance),
            recipient=shown_name(recipient),
            conversation_id=None if chat_id is None else text_of(chat_id),
            helper_role=SPEAKER_SELECTION if helper else None,
        )

    def returned(self, call: Call, started: Conversation, value: Any) -> Conversation:
        """The conversation went on to its end, whatever failed inside."""
        handoff = call.scope.find(HandoffState)
        if started.helper_role is not None and handoff is not None:
            handoff.selection_ended(value)
        return self._ended(call, started, None)

    def failed(self, call: Call, started: Conversation, error: BaseException) -> Conversation:
        """Something ended the conversation that AutoGen did not catch."""
        return self._ended(call, started, call.failure(error))

    def _ended(self, call: Call, started: Conversation, failure: Failure | None) -> Conversation:
        state = call.scope.state
        ended = replace(
            started,
            failure=failure,
            turns=state.turns if isinstance(state, ConversationState) else None,
            termination=_termination(call, failure),
            errors_origins=tuple(call.scope.origins),
        )
        return replace(ended, errors_handled=call.scope.survived(ended))


def _termination(call: Call, failure: Failure | None) -> str | None:
    state = call.scope.state
    if failure is not None:
        return terminations.ERROR
    if not isinstance(state, ConversationState):
        return None
    arguments = call.arguments
    return chat_reason(state.course, call.instance, arguments.get("recipient"), arguments.get("max_turns"))


def failed_tools(call: Call) -> tuple[Recording, ...]:
    """The latest tool calls that failed in the outermost conversation around."""
    conversations = list(call.scope.find_all(ConversationState))
    return tuple(conversations[-1].failed_tools) if conversations else ()
