"""A conversation: ``ConversableAgent.initiate_chat`` and its async twin; and its summary."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from autogen_otel.causes import Circumstances, OddAnswer
from autogen_otel.hosts.classic.conversations.ending import chat_reason
from autogen_otel.hosts.classic.first_sight import see_agent
from autogen_otel.hosts.classic.hidden_agents import (
    SPEAKER_SELECTION,
    SUMMARY,
    selects_speakers,
)
from autogen_otel.operations.message_account import MessageAccount
from autogen_otel.operations.operation import Operation
from autogen_otel.operations.place import Course
from autogen_otel.operations.prompt_account import PromptAccount
from autogen_otel.reading import read_text
from autogen_otel.recording import Facts, Measurement
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import metrics, spans, terminations

_REMEMBERED_TOOLS = 8
_BY_MODEL = "reflection_with_llm"


class Conversation(Operation):
    """Reads ``initiate_chat``: the root of a trace, a nested conversation, or a chat of AutoGen's own.

    Attributes:
        turns: agent turns begun, without those of nested conversations.
        failed_tools: spans of the latest tool calls that failed, if it is the outermost conversation; a model
            call that fails later links to them.
        prompts: the prompts sent in it.
        messages: which messages were recorded, those of nested conversations too.
        odd_answer: what was odd about the last answer of a model directly inside it.
        returned_errors: how many tools returned an error.
    """

    operation_name = spans.INVOKE_WORKFLOW

    __slots__ = (
        "_is_outermost",
        "_outer_conversation",
        "failed_tools",
        "messages",
        "odd_answer",
        "prompts",
        "returned_errors",
        "turns",
    )

    def begin(self) -> Facts | None:
        """Note who talks to whom and learn the credentials they carry."""
        recipient = self.arguments.get("recipient")
        initiator_profile = see_agent(self.recorder, self.instance)
        recipient_profile = see_agent(self.recorder, recipient)
        self._is_outermost = self.parent is None
        place = self.place = self.place.copy()
        if place.handoff is not None and selects_speakers(self.instance):
            place.helper_role, place.course = SPEAKER_SELECTION, None
            return {}
        # Kept, because the tool that began this one may end before it, and its links are gone then.
        self._outer_conversation = place.conversation
        self.turns = self.returned_errors = 0
        self.odd_answer: OddAnswer | None = None
        self.prompts, self.messages = PromptAccount(self.instance, recipient), MessageAccount()
        self.failed_tools: deque[Any] = deque(maxlen=_REMEMBERED_TOOLS)
        place.conversation, place.helper_role, place.course = self, None, Course()
        if place.root is None:
            place.root = self
        chat_id = self.arguments.get("chat_id")
        self.name = spans.workflow(initiator_profile.name, recipient_profile.name)
        return {
            names.GEN_AI_WORKFLOW_NAME: spans.workflow_name(initiator_profile.name, recipient_profile.name),
            names.GEN_AI_CONVERSATION_ID: None if chat_id is None else read_text(chat_id),
        }

    def returned(self, value: Any) -> Facts | None:
        """The conversation went on to its end, whatever failed inside."""
        if self.name is not None:
            return self._end_facts()
        if self.place.handoff is not None:
            self.place.handoff.selection_ended(value)
        return None

    def failed(self, error: BaseException) -> Facts | None:
        """An exception that AutoGen did not catch has ended the conversation."""
        self.failure = self.failure_of(error)
        return None if self.name is None else self._end_facts()

    def cancelled(self) -> Facts | None:
        """The program has ended it."""
        if self.name is None:
            return None
        return {**self._end_facts(), names.CONVERSATION_TERMINATION: terminations.CANCELLED}

    def circumstances(self) -> Circumstances:
        """What AutoGen may trip over after a turn."""
        return Circumstances(odd_answer=self.odd_answer if self.name is not None else None)

    def measurements(self, seconds: float) -> Iterator[Measurement]:
        """Duration and turns, with those of nested conversations."""
        if self.name is None or not self._is_outermost:
            return
        handled_errors = self.attributes.get(names.ERRORS_HANDLED)
        if self.failure is not None:
            outcome = metrics.FAILED
        elif self.attributes.get(names.CANCELLED):
            outcome = metrics.CANCELLED
        else:
            outcome = metrics.RECOVERED if handled_errors else metrics.OK
        labels = {metrics.CONVERSATION_OUTCOME: outcome}
        yield metrics.CONVERSATION_DURATION, seconds, labels
        yield metrics.CONVERSATION_TURNS, self.turns, labels

    def _release(self) -> None:
        if self.name is not None:
            self._outer_conversation = None
            self.prompts.forget()
            self.failed_tools.clear()

    def _end_facts(self) -> Facts:
        if self._outer_conversation is not None:
            self._outer_conversation.returned_errors += self.returned_errors
        return {
            names.ERRORS_RETURNED: self.returned_errors or None,
            names.CONVERSATION_TURNS: self.turns,
            names.CONVERSATION_TERMINATION: self._termination(),
            names.ERRORS_HANDLED: self.count_handled(),
            names.ERRORS_ORIGINS: self.causes or None,
        }

    def _termination(self) -> str | None:
        if self.failure is not None or self.place.course is None:
            return terminations.ERROR
        arguments = self.arguments
        return chat_reason(
            self.place.course, self.instance, arguments.get("recipient"), arguments.get("max_turns")
        )


class SummarizeChat(Operation):
    """Reads ``_summarize_chat`` where it asks a model; a function of the user's may start its own chats."""

    __slots__ = ()

    def begin(self) -> Facts | None:
        """Mark the model call inside as one for the summary."""
        if self.arguments.get("summary_method") != _BY_MODEL:
            return None
        self.place = self.place.copy()
        self.place.helper_role, self.place.course = SUMMARY, None
        return {}
