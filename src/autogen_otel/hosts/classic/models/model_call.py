"""A logical model call: ``OpenAIWrapper.create``, however many entries and attempts it takes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from time import perf_counter
from typing import Any, Final, NamedTuple

from autogen_otel.causes import Circumstances, Failure, OddAnswer, Scene
from autogen_otel.hosts.classic.hidden_agents import name_of
from autogen_otel.hosts.classic.models import config_entries
from autogen_otel.hosts.classic.models.config_entries import Entry, see_entry
from autogen_otel.operations.models.answer import Answer, read_answer
from autogen_otel.operations.models.messages import answer_content, prompt_content
from autogen_otel.operations.models.refused import unsendable
from autogen_otel.operations.models.stream_progress import StreamProgress
from autogen_otel.operations.operation import Operation
from autogen_otel.operations.prompt_account import Prompt, PromptAccount
from autogen_otel.reading import read_field, reader_of, text_or_none
from autogen_otel.recording import MODEL_EXCEPTION, Facts, Measurement
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes, costs, metrics, spans

_NO_TOOLS: Final[Facts] = {}


class Fallback(NamedTuple):
    """Why AutoGen tries another entry: the one before failed, or ``filter_func`` rejected its answer.

    Args:
        entry: the entry before.
        error_type: class of its exception; ``None`` if it answered and ``filter_func`` rejected the answer.
        cause: the cause of its failure.
    """

    entry: Entry
    error_type: type[BaseException] | None = None
    cause: str | None = None

    def measurement(self, next_entry: Entry, agent: str | None) -> Measurement:
        """The measurement of the fallback to the next entry."""
        labels = {
            **self.entry.facts,
            names.GEN_AI_AGENT_NAME: agent,
            metrics.FALLBACK_INDEX: next_entry.index,
            names.ERROR_TYPE: self.error_type or metrics.REJECTED,
            names.ERROR_ORIGIN: self.cause,
        }
        return metrics.MODEL_FALLBACKS, 1, labels


class ModelCall(Operation):
    """Reads ``OpenAIWrapper.create``.

    Attributes:
        agent: name of the agent that calls the model.
        first_entry: the entry that AutoGen tries first.
        last_entry: the entry that AutoGen tried last.
        fallback: why AutoGen tries another entry, if it does.
        answered_entries: entries whose client returned a response, by index.
        carried_messages: messages of the prompt that an earlier conversation left.
        exception_facts: what the exception of the only entry tells, if its requests are not observed.
        refused_tool: the tool whose result no request can carry.
        answer: the last answer.
        refusal: the last answer, if that was an error which the SDK treated as an answer.
        start_time: when the call began, in seconds of ``time.perf_counter``.
        streams: the progress of streamed answers, by entry.
        usages: tokens of each answer, by entry.
    """

    operation_name = spans.CHAT
    is_client = is_model_call = True
    failure_event = MODEL_EXCEPTION

    __slots__ = (
        "_other_usages",
        "agent",
        "answer",
        "answered_entries",
        "carried_messages",
        "exception_facts",
        "fallback",
        "first_entry",
        "last_entry",
        "links",
        "refusal",
        "refused_tool",
        "start_time",
        "streams",
        "usages",
    )

    def begin(self) -> Facts:
        """Note the first entry, the agent, and the size of the prompt."""
        wrapper, config = self.instance, self.arguments
        entry = see_entry(self.recorder, wrapper, config_entries.first_index(wrapper))
        entry_config = wrapper._config_list[entry.index]
        agent = config.get("agent")
        self.agent = None if agent is None else name_of(agent)
        self.first_entry, self.start_time = entry, perf_counter()
        place = self.place = self.place.copy()
        place.model_call = self
        self.last_entry: Entry | None = None
        self.fallback: Fallback | None = None
        self.answered_entries: dict[int, Entry] = {}
        self.streams: dict[int, StreamProgress] = {}
        self.usages: dict[int, Facts] = {}
        self.answer: Answer | None = None
        self.refusal: OddAnswer | None = None
        self.exception_facts: Facts = {}
        self.refused_tool: str | None = None
        self._other_usages: list[tuple[Entry, Facts]] = []
        self.links = ()
        self.name = spans.chat(entry.model)
        prompt = self._prompt(config, entry_config)
        self.constants = (
            entry.facts,
            _agent_facts(self.agent, place.helper_role, entry.count),
            prompt.tool_facts,
        )
        facts = prompt.facts
        facts.update(config_entries.options(config, entry_config))
        if place.root is not None and place.root.failed_tools:
            facts[names.TOOL_FAILED_BEFORE] = True
        self.carried_messages = prompt.carried_count
        if self.recorder.settings.records_messages:
            facts.update(prompt_content(self, prompt))
        return facts

    def returned(self, value: Any) -> Facts:
        """An entry answered, or the cache did."""
        wrapper = self.instance
        get_field = reader_of(value)
        index = config_entries.index_of_answer(wrapper, get_field)
        entry = self.first_entry
        if index is not None:
            entry = self.answered_entries.get(index) or see_entry(self.recorder, wrapper, index)
        elif self.answered_entries:
            index, entry = next(reversed(self.answered_entries.items()))
        is_cached = index not in self.answered_entries
        # The last entry's answer is returned even if the user's filter_func rejected it.
        has_passed = config_entries.has_passed_filter(wrapper, get_field)
        facts = self._entry_facts(entry, failed=False)
        facts[names.CACHE_HIT] = is_cached
        facts[names.GEN_AI_RESPONSE_ID] = text_or_none(get_field("id"))
        facts[names.GEN_AI_RESPONSE_MODEL] = text_or_none(get_field("model"))
        answer = read_answer(value) if is_cached or self.answer is None else self.answer
        facts.update(answer.facts)
        if self.refusal is not None and not is_cached:
            self.failure = self.refusal.failure()
        odd_answer = self.refusal or answer.odd_answer
        if self.place.turn is not None:
            self.place.turn.model_answered, self.place.turn.odd_answer = True, odd_answer
        if self.place.conversation is not None:
            self.place.conversation.odd_answer = odd_answer
        if not has_passed or len(self.answered_entries) > (index in self.answered_entries):
            facts[names.CONFIG_REJECTED] = [
                other for other in self.answered_entries if other != index or not has_passed
            ]
        # A cached answer costs nothing now: its tokens were counted when it was first given.
        if not is_cached and index is not None:
            facts.update(self.usages.get(index) or {})
            facts.update(self._cost(entry, facts, value, get_field("cost")))
        billed_index = None if is_cached else index
        if len(self.usages) > (billed_index in self.usages):
            self._other_usages = self._usages_except(billed_index)
        if self.recorder.settings.records_messages:
            facts.update(answer_content(self, answer.messages))
        return facts

    def failed(self, error: BaseException) -> Facts:
        """No entry answered; tools that failed earlier in the conversation may be why."""
        self.failure = self.failure_of(error)
        entry = self.last_entry or self._not_activated() or self.first_entry
        facts: Facts = {
            **self._entry_facts(entry, failed=True),
            **self.exception_facts,
            names.REFUSED_TOOL: self.refused_tool,
        }
        stream = self.streams.get(entry.index)
        # The provider bills its answer even if AutoGen fails on it.
        tokens = self.usages.get(entry.index) or (None if stream is None else stream.usage)
        answer = self.answer if entry.index in self.answered_entries else None
        if tokens is not None:
            facts.update(tokens)
            response = None if answer is None else answer.response
            facts.update(self._cost(entry, facts, response, read_field(response, "cost")))
        if answer is not None:
            facts.update(answer.facts)
        facts[names.CONFIG_REJECTED] = [
            index for index in self.answered_entries if index != entry.index
        ] or None
        self._other_usages = self._usages_except(entry.index)
        if self.place.root is not None:
            self.links = tuple(self.place.root.failed_tools)
        return facts

    def cancelled(self) -> Facts:
        """The entry that AutoGen was trying."""
        return self._entry_facts(self.last_entry or self.first_entry, failed=True)

    def failure_of(self, error: BaseException) -> Failure:
        """AutoGen refuses every call of a wrapper with a custom client that was never registered."""
        if self.last_entry is None and self._not_activated() is not None:
            return Failure(causes.CONFIG_ENTRY, error)
        return unsendable(error, self) or super().failure_of(error)

    def sent(self, key: str) -> Sequence[Any]:
        """A list that is sent along, of messages or of definitions of tools; empty if there is none."""
        for config in (self.instance._config_list[self.first_entry.index], self.arguments):
            value = config.get(key)
            if value and isinstance(value, (list, tuple)):
                return value
        return ()

    def circumstances(self) -> Circumstances:
        """What was answered before AutoGen or a function of the application's failed."""
        entry = self.last_entry
        entry_config = None if entry is None else self.instance._config_list[entry.index]
        return Circumstances(
            Scene.MODEL_CALL,
            carried_messages=self.carried_count,
            was_answered=bool(self.answered_entries),
            odd_answer=self.refusal or (None if self.answer is None else self.answer.odd_answer),
            has_custom_client=entry is not None and entry.is_custom,
            has_odd_price=entry_config is not None and config_entries.has_odd_price(entry_config),
        )

    def measurements(self, seconds: float) -> Iterator[Measurement]:
        """Duration, tokens, cost and prompt size; failed calls too."""
        attributes = self.attributes
        labels = {
            names.CACHE_HIT: bool(attributes.get(names.CACHE_HIT)),
            names.TOOL_FAILED_BEFORE: bool(attributes.get(names.TOOL_FAILED_BEFORE)),
        }
        yield metrics.OPERATION_DURATION, seconds, labels
        yield from token_measurements(attributes)
        for entry, usage in self._other_usages:
            for metric, amount, extra in token_measurements(usage):
                yield metric, amount, {**entry.facts, names.GEN_AI_RESPONSE_MODEL: None, **extra}
        if self.fallback is not None and self.failure is None:
            yield self.fallback.measurement(self._cached_entry, self.agent)
        if names.COST_USD in attributes:
            yield metrics.MODEL_COST, attributes[names.COST_USD], {}
        if names.PROMPT_CHARS in attributes:
            yield metrics.PROMPT_SIZE, attributes[names.PROMPT_CHARS], {}

    @property
    def _cached_entry(self) -> Entry:
        """The entry whose cached answer came after another entry had failed."""
        index = self.attributes[names.CONFIG_INDEX]
        return see_entry(self.recorder, self.instance, index)

    def _entry_facts(self, entry: Entry, *, failed: bool) -> Facts:
        """The new facts of the entry that answered or failed last."""
        facts: Facts = {} if entry is self.first_entry else dict(entry.facts)
        self.name = spans.chat(entry.model)
        stream = self.streams.get(entry.index)
        if stream is not None:
            facts.update(stream.facts(self.start_time, failed=failed))
        return facts

    def _release(self) -> None:
        self.streams, self.usages, self.answered_entries, self._other_usages = {}, {}, {}, []
        self.answer, self.links = None, ()

    def _prompt(self, config: Mapping[str, Any], entry_config: Mapping[str, Any]) -> Prompt:
        messages = entry_config.get("messages") or config.get("messages")
        tools = []
        for key in ("tools", "functions"):
            tool_list = entry_config.get(key) or config.get(key)
            if tool_list and isinstance(tool_list, (list, tuple)):
                tools.append(tool_list)
        if type(messages) is not list and not isinstance(messages, Sequence):
            return Prompt({}, _NO_TOOLS, (), tools)
        if self.place.conversation is None:
            return PromptAccount().measure(messages, tools, None, ())
        history = () if self.place.turn is None else self.place.turn.messages
        # AutoGen makes new agents for each speaker selection; all selections are one series.
        series_key = self.place.helper_role or (
            id(config.get("agent")),
            None if self.place.turn is None else id(history),
        )
        return self.place.conversation.prompts.measure(messages, tools, series_key, history)

    def _cost(self, entry: Entry, facts: Facts, response: Any, usd: Any) -> Facts:
        """The cost: by the entry's ``price``, else by the list of prices, else by the host's table."""
        is_known = not isinstance(usd, bool) and isinstance(usd, (int, float)) and 0 < usd < math.inf
        if is_known and "price" in self.instance._config_list[entry.index]:
            return {names.COST_USD: float(usd), names.COST_SOURCE: costs.CONFIG}
        price = self.recorder.price
        if price is not None and (response is None or self.usages.get(entry.index) is not None):
            cost = price({**entry.facts, **facts})
            if cost is not None:
                return {names.COST_USD: cost, names.COST_SOURCE: costs.GENAI_PRICES}
        return {names.COST_USD: float(usd), names.COST_SOURCE: costs.AUTOGEN} if is_known else {}

    def _usages_except(self, index: int | None) -> list[tuple[Entry, Facts]]:
        """Tokens of the answers of other entries than ``index``, which the provider bills too."""
        return [
            (self.answered_entries[other], usage) for other, usage in self.usages.items() if other != index
        ]

    def _not_activated(self) -> Entry | None:
        """The first entry whose custom client was never registered: AutoGen then refuses every call."""
        for index, client in enumerate(self.instance._clients):
            if type(client).__name__ == "PlaceHolderClient":
                return see_entry(self.recorder, self.instance, index)
        return None


@lru_cache(maxsize=256)
def _agent_facts(agent: str | None, helper_role: str | None, count: int) -> Facts:
    """The agent that calls the model, and how many entries may answer."""
    return {names.GEN_AI_AGENT_NAME: agent, names.HELPER_ROLE: helper_role, names.CONFIG_COUNT: count}


def token_measurements(usage: Mapping[str, Any]) -> Iterator[Measurement]:
    """The measurements of token counts.

    Args:
        usage: attributes or facts with token counts.
    """
    for kind, key in (
        (metrics.INPUT, names.GEN_AI_USAGE_INPUT_TOKENS),
        (metrics.OUTPUT, names.GEN_AI_USAGE_OUTPUT_TOKENS),
    ):
        count = usage.get(key)
        # A number that OTLP cannot carry was rendered as text.
        if isinstance(count, int):
            yield metrics.TOKEN_USAGE, count, {metrics.TOKEN_TYPE: kind}
    for metric, key in (
        (metrics.CACHE_READ_TOKENS, names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS),
        (metrics.REASONING_TOKENS, names.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS),
    ):
        count = usage.get(key)
        if isinstance(count, int) and count:
            yield metric, count, {metrics.TOKEN_MODALITY: metrics.UNKNOWN_MODALITY}
