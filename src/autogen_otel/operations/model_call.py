"""A logical model call: ``OpenAIWrapper.create``, however many entries and attempts it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from autogen_otel.observations import Entry, Failure, ModelCall, PromptSize
from autogen_otel.operations import config_entries, prompt
from autogen_otel.operations.agent_turn import TurnState
from autogen_otel.operations.conversation import SPEAKER_SELECTION, ConversationState
from autogen_otel.operations.failure_origin import raised_in
from autogen_otel.operations.handoff import HandoffState
from autogen_otel.operations.operation import Call, Operation, name_of, text_or_none
from autogen_otel.operations.response import finish_reasons, usage
from autogen_otel.vocabulary import failures


@dataclass(slots=True)
class ModelCallState:
    """What the entries tried inside a logical call add to it.

    Args:
        wrapper: the ``OpenAIWrapper`` whose ``create`` runs.
        tried: the entry tried last.
        answered: entries whose client returned a response.
    """

    wrapper: Any
    tried: Entry | None = None
    answered: dict[int, Entry] = field(default_factory=dict)


class Create(Operation[ModelCall]):
    """Reads ``OpenAIWrapper.create``."""

    def begin(self, call: Call) -> ModelCall:
        """Note the first entry, who asks, and how much is sent."""
        wrapper, config = call.instance, call.arguments
        call.scope.state = ModelCallState(wrapper)
        entry = config_entries.entry(wrapper, config_entries.first_index(wrapper))
        own = wrapper._config_list[entry.index]
        agent = config.get("agent")
        return ModelCall(
            entry=entry,
            agent=None if agent is None else name_of(agent),
            helper_role=SPEAKER_SELECTION if call.scope.find(HandoffState) is not None else None,
            options=config_entries.options(config, own),
            prompt=self._prompt(call, config, own),
        )

    def returned(self, call: Call, started: ModelCall, value: Any) -> ModelCall:
        """An entry answered, or the cache did."""
        state, wrapper = call.scope.state, call.instance
        assert isinstance(state, ModelCallState)
        turn = call.scope.find(TurnState)
        if turn is not None:
            turn.model_answered = True
        index = config_entries.answered_index(wrapper, value)
        entry = started.entry
        if index is not None:
            entry = state.answered.get(index) or config_entries.entry(wrapper, index)
        elif state.answered:
            index, entry = next(reversed(state.answered.items()))
        cached = index not in state.answered
        return replace(
            started,
            entry=entry,
            cache_hit=cached,
            response_id=text_or_none(getattr(value, "id", None)),
            response_model=text_or_none(getattr(value, "model", None)),
            finish_reasons=finish_reasons(value),
            # A cached answer costs nothing now: its tokens were counted when it was first given.
            usage=None if cached else usage(value),
        )

    def failed(self, call: Call, started: ModelCall, error: BaseException) -> ModelCall:
        """No entry answered; tools that failed earlier in the conversation may be why."""
        state = call.scope.state
        assert isinstance(state, ModelCallState)
        conversations = list(call.scope.find_all(ConversationState))
        return replace(
            started,
            entry=state.tried or started.entry,
            failure=self._failure(call, state, error),
            failed_tools=tuple(conversations[-1].failed_tools) if conversations else (),
        )

    def _failure(self, call: Call, state: ModelCallState, error: BaseException) -> Failure:
        """Where AutoGen chokes on what an entry returned, the answer was none (HTML, say)."""
        failure = call.failure(error)
        if failure.origin == failures.UNKNOWN and state.answered:
            malformed = raised_in(error, "autogen") or raised_in(error, "openai")
            return Failure(origin=failures.BACKEND if malformed else failures.CLIENT, error=error)
        return failure

    def _prompt(self, call: Call, config: Mapping[str, Any], own: Mapping[str, Any]) -> PromptSize | None:
        messages = own.get("messages") or config.get("messages")
        if not isinstance(messages, Sequence):
            return None
        tools = _tools(config, own)
        conversation = call.scope.find(ConversationState)
        if conversation is None:
            return prompt.size(messages, len(tools), 0)
        conversation.tool_schemas.update(tools)
        turn = call.scope.find(TurnState)
        pair = (
            id(config.get("agent")),
            id(turn.messages) if turn else None,
            call.scope.find(HandoffState) is None,
        )
        sent_before = conversation.sent.get(pair, 0)
        conversation.sent[pair] = len(messages)
        return prompt.size(messages, len(tools), sent_before)


def _tools(*sources: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Parameter schemas by tool name, of ``tools`` and the older ``functions``."""
    found: dict[str, Mapping[str, Any]] = {}
    for source in sources:
        wrapped = [tool.get("function") for tool in source.get("tools") or () if isinstance(tool, Mapping)]
        for function in (*wrapped, *(source.get("functions") or ())):
            if isinstance(function, Mapping) and isinstance(function.get("name"), str):
                found[function["name"]] = function.get("parameters") or {}
    return found
