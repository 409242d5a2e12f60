"""A logical model call: ``OpenAIWrapper.create``, however many entries and attempts it takes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

from autogen_otel.observations import Cost, Entry, Failure, Fallback, ModelCall, PromptSize, Usage
from autogen_otel.operations.conversations.agent_turn import TurnState
from autogen_otel.operations.conversations.conversation import ConversationState, failed_tools
from autogen_otel.operations.conversations.hidden_agents import helper_role
from autogen_otel.operations.conversations.prompt_account import PromptAccount
from autogen_otel.operations.credentials import make_known_of
from autogen_otel.operations.failure_origin import raised_in
from autogen_otel.operations.models import config_entries
from autogen_otel.operations.models.messages import answered, asked
from autogen_otel.operations.models.response import finish_reasons, usage
from autogen_otel.operations.models.stream_read import StreamState
from autogen_otel.operations.operation import Call, Operation, name_of, text_or_none
from autogen_otel.operations.reading import attribute
from autogen_otel.vocabulary import costs, failures


@dataclass(slots=True)
class ModelCallState:
    """What the entries tried inside a logical call add to it.

    Args:
        wrapper: the ``OpenAIWrapper`` whose ``create`` runs.
        first: the entry tried first.
        agent: whose call it is.
        tried: the entry tried last.
        gave_up: why another entry is tried, if one is.
        answered: entries whose client returned a response.
        began: when it began, in seconds of ``time.perf_counter``.
        streams: accounts of streamed answers, by entry.
        usages: tokens of each answer, by entry.
    """

    wrapper: Any
    first: Entry
    agent: str | None = None
    tried: Entry | None = None
    gave_up: Fallback | None = None
    answered: dict[int, Entry] = field(default_factory=dict)
    began: float = field(default_factory=perf_counter)
    streams: dict[int, StreamState] = field(default_factory=dict)
    usages: dict[int, Usage] = field(default_factory=dict)


class Create(Operation[ModelCall]):
    """Reads ``OpenAIWrapper.create``."""

    def begin(self, call: Call) -> ModelCall:
        """Note the first entry, who asks, and how much is sent."""
        wrapper, config = call.instance, call.arguments
        make_known_of(wrapper, call.secrets)
        entry = config_entries.entry(wrapper, config_entries.first_index(wrapper))
        own = wrapper._config_list[entry.index]
        agent = config.get("agent")
        state = ModelCallState(wrapper, entry, None if agent is None else name_of(agent))
        call.scope.state = state
        return ModelCall(
            entry=entry,
            agent=state.agent,
            helper_role=helper_role(call.scope, ConversationState),
            options=config_entries.options(config, own),
            prompt=self._prompt(call, config, own),
            tool_failed_before=bool(failed_tools(call)),
            exchange=asked(call, own),
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
        stream = None if index is None else state.streams.get(index)
        return replace(
            started,
            entry=entry,
            cache_hit=cached,
            response_id=text_or_none(attribute(value, "id")),
            response_model=text_or_none(attribute(value, "model")),
            finish_reasons=finish_reasons(value),
            # A cached answer costs nothing now: its tokens were counted when it was first given.
            usage=None if cached else _tokens(stream, value),
            stream=None if stream is None else stream.read(state.began, failed=False),
            rejected=_rejected(wrapper, state, index, value),
            spent=_spent(state, None if cached else index),
            instead_of=state.gave_up,
            cost=None if cached else _cost(wrapper, entry, value),
            exchange=answered(call, started.exchange, value),
        )

    def failed(self, call: Call, started: ModelCall, error: BaseException) -> ModelCall:
        """No entry answered; tools that failed earlier in the conversation may be why."""
        state = call.scope.state
        assert isinstance(state, ModelCallState)
        entry = state.tried or _not_activated(call.instance) or started.entry
        stream = state.streams.get(entry.index)
        return replace(
            started,
            entry=entry,
            usage=None if stream is None else stream.usage,
            stream=None if stream is None else stream.read(state.began, failed=True),
            rejected=tuple(index for index in state.answered if index != entry.index),
            spent=_spent(state, entry.index),
            failure=self._failure(call, state, error),
            failed_tools=failed_tools(call),
        )

    def _failure(self, call: Call, state: ModelCallState, error: BaseException) -> Failure:
        """Where AutoGen chokes on what an entry returned, the answer was none (HTML, say)."""
        failure = call.failure(error)
        if state.tried is None and _not_activated(call.instance) is not None:
            return Failure(origin=failures.CONFIG_ENTRY, error=error)
        if failure.origin == failures.UNKNOWN and state.answered:
            malformed = raised_in(error, "autogen") or raised_in(error, "openai")
            return Failure(origin=failures.BACKEND if malformed else failures.CLIENT, error=error)
        return failure

    def _prompt(self, call: Call, config: Mapping[str, Any], own: Mapping[str, Any]) -> PromptSize | None:
        messages = own.get("messages") or config.get("messages")
        if not isinstance(messages, Sequence):
            return None
        tools = [_listed(own, name) or _listed(config, name) for name in ("tools", "functions")]
        conversation, turn = call.scope.find(ConversationState), call.scope.find(TurnState)
        if conversation is None:
            return PromptAccount().size(messages, tools, None, ())
        conversation.tool_schemas.update(_schemas(*tools))
        # The agents that select speakers are made anew for each selection; all selections are one series.
        role = helper_role(call.scope, ConversationState)
        pair = role or (id(config.get("agent")), id(turn.messages) if turn else None)
        return conversation.prompts.size(messages, tools, pair, turn.messages if turn else ())


def _spent(state: ModelCallState, index: int | None) -> tuple[tuple[Entry, Usage], ...]:
    """Tokens of answers other than that of entry ``index``, which the provider bills too."""
    return tuple((state.answered[one], used) for one, used in state.usages.items() if one != index)


def _cost(wrapper: Any, entry: Entry, response: Any) -> Cost | None:
    """What AutoGen says it cost: by the entry's own ``price``, else by the host's table, 0 if not in it."""
    usd = attribute(response, "cost")
    if isinstance(usd, bool) or not isinstance(usd, (int, float)) or not 0 < usd < math.inf:
        return None
    own_price = "price" in wrapper._config_list[entry.index]
    return Cost(float(usd), costs.CONFIG if own_price else costs.AUTOGEN)


def _tokens(stream: StreamState | None, response: Any) -> Usage | None:
    """Token counts of the provider: for a stream AutoGen puts an estimate of its own, or 0, there."""
    return usage(response) if stream is None else stream.usage


def _rejected(wrapper: Any, state: ModelCallState, index: int | None, response: Any) -> tuple[int, ...]:
    """Entries that answered to no avail; the last entry's answer is returned even if it was rejected."""
    passed = config_entries.passed_filter(wrapper, response)
    return tuple(one for one in state.answered if one != index or not passed)


def _not_activated(wrapper: Any) -> Entry | None:
    """The first entry whose custom client was never registered: AutoGen then refuses every call."""
    for index, client in enumerate(wrapper._clients):
        if type(client).__name__ == "PlaceHolderClient":
            return config_entries.entry(wrapper, index)
    return None


def _schemas(tools: Sequence[Any], functions: Sequence[Any]) -> dict[str, Mapping[str, Any]]:
    """Parameter schemas by tool name, of ``tools`` and the older ``functions``."""
    wrapped = [tool.get("function") for tool in tools if isinstance(tool, Mapping)]
    return {
        function["name"]: function.get("parameters") or {}
        for function in (*wrapped, *functions)
        if isinstance(function, Mapping) and isinstance(function.get("name"), str)
    }


def _listed(source: Mapping[str, Any], name: str) -> Sequence[Any]:
    listed = source.get(name)
    return listed if isinstance(listed, (list, tuple)) else ()
