"""A logical model call: ``OpenAIWrapper.create``, however many entries and attempts it takes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from time import perf_counter
from typing import Any, Final, NamedTuple

from autogen_otel.causes import Circumstances, Failure, Oddity, Scene
from autogen_otel.operations.conversations.prompt_account import Prompt, PromptAccount
from autogen_otel.operations.hidden_agents import name_of
from autogen_otel.operations.models import config_entries
from autogen_otel.operations.models.answer_read import AnswerRead, read_answer
from autogen_otel.operations.models.config_entries import Entry, see_entry
from autogen_otel.operations.models.messages import answer_content, prompt_content
from autogen_otel.operations.models.stream_read import StreamRead
from autogen_otel.operations.operation import Operation
from autogen_otel.reading import read_field, reader_of, text_or_none
from autogen_otel.recording import MODEL_EXCEPTION, Facts, Measurement
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes, costs, metrics, spans

_NOTHING_OFFERED: Final[Facts] = {}


class Fallback(NamedTuple):
    """Why another entry is tried: the one before failed, or its answer was not wanted.

    Args:
        entry: the one before.
        error_type: class of its exception; ``None`` if it answered and ``filter_func`` rejected that.
        cause: of its failure.
    """

    entry: Entry
    error_type: type[BaseException] | None = None
    cause: str | None = None

    def measured(self, instead: Entry, agent: str | None) -> Measurement:
        """The measurement that another entry was tried."""
        labels = {
            **self.entry.facts,
            names.GEN_AI_AGENT_NAME: agent,
            metrics.FALLBACK_INDEX: instead.index,
            names.ERROR_TYPE: self.error_type or metrics.REJECTED,
            names.ERROR_ORIGIN: self.cause,
        }
        return metrics.MODEL_FALLBACKS, 1, labels


class ModelCall(Operation):
    """Reads ``OpenAIWrapper.create``.

    Attributes:
        agent: whose call it is.
        first: the entry tried first.
        tried: the entry tried last.
        gave_up: why another entry is tried, if one is.
        answered: entries whose client returned a response, by index.
        carried_messages: messages of the prompt that an earlier conversation left.
        read: what the last answer holds.
        refusal: the last answer, if that was an error which the SDK took for an answer.
        began: when it began, in seconds of ``time.perf_counter``.
        streams: streamed answers, by entry.
        usages: tokens of each answer, by entry.
    """

    operation_name = spans.CHAT
    is_client = is_model_call = True
    failure_event = MODEL_EXCEPTION

    __slots__ = (
        "_spent",
        "agent",
        "answered",
        "began",
        "carried_messages",
        "first",
        "gave_up",
        "links",
        "read",
        "refusal",
        "streams",
        "tried",
        "usages",
    )

    def begin(self) -> Facts:
        """Note the first entry, who asks, and how much is sent."""
        wrapper, config = self.instance, self.arguments
        entry = see_entry(self.recorder, wrapper, config_entries.first_index(wrapper))
        own = wrapper._config_list[entry.index]
        agent = config.get("agent")
        self.agent = None if agent is None else name_of(agent)
        self.first, self.began = entry, perf_counter()
        place = self.place = self.place.copy()
        place.model_call = self
        self.tried: Entry | None = None
        self.gave_up: Fallback | None = None
        self.answered: dict[int, Entry] = {}
        self.streams: dict[int, StreamRead] = {}
        self.usages: dict[int, Facts] = {}
        self.read: AnswerRead | None = None
        self.refusal: Oddity | None = None
        self._spent: list[tuple[Entry, Facts]] = []
        self.links = ()
        self.name = spans.chat(entry.model)
        prompt = self._prompt(config, own)
        self.constants = (entry.facts, _asked(self.agent, place.helper_role, entry.count), prompt.tool_facts)
        facts = prompt.facts
        facts.update(config_entries.options(config, own))
        if place.root is not None and place.root.failed_tools:
            facts[names.TOOL_FAILED_BEFORE] = True
        self.carried_messages = prompt.carried_count
        if self.recorder.settings.records_messages:
            facts.update(prompt_content(self, prompt))
        return facts

    def returned(self, value: Any) -> Facts:
        """An entry answered, or the cache did."""
        wrapper = self.instance
        said = reader_of(value)
        index = config_entries.answered_index(wrapper, said)
        entry = self.first
        if index is not None:
            entry = self.answered.get(index) or see_entry(self.recorder, wrapper, index)
        elif self.answered:
            index, entry = next(reversed(self.answered.items()))
        is_cached = index not in self.answered
        # The last entry's answer is returned even if the user's filter_func rejected it.
        passed = config_entries.passed_filter(wrapper, said)
        facts = self._ended(entry, failed=False)
        facts[names.CACHE_HIT] = is_cached
        facts[names.GEN_AI_RESPONSE_ID] = text_or_none(said("id"))
        facts[names.GEN_AI_RESPONSE_MODEL] = text_or_none(said("model"))
        answer = read_answer(value) if is_cached or self.read is None else self.read
        facts.update(answer.facts)
        if self.refusal is not None and not is_cached:
            self.failure = self.refusal.failure()
        oddity = self.refusal or answer.oddity
        if self.place.turn is not None:
            self.place.turn.model_answered, self.place.turn.oddity = True, oddity
        if self.place.conversation is not None:
            self.place.conversation.oddity = oddity
        if not passed or len(self.answered) > (index in self.answered):
            facts[names.CONFIG_REJECTED] = [one for one in self.answered if one != index or not passed]
        # A cached answer costs nothing now: its tokens were counted when it was first given.
        if not is_cached and index is not None:
            facts.update(self.usages.get(index) or {})
            facts.update(self._cost(entry, facts, value, said("cost")))
        billed = None if is_cached else index
        if len(self.usages) > (billed in self.usages):
            self._spent = self._spent_beside(billed)
        if self.recorder.settings.records_messages:
            facts.update(answer_content(self, answer.messages))
        return facts

    def failed(self, error: BaseException) -> Facts:
        """No entry answered; tools that failed earlier in the conversation may be why."""
        self.failure = self.failure_of(error)
        entry = self.tried or self._not_activated() or self.first
        facts = self._ended(entry, failed=True)
        stream = self.streams.get(entry.index)
        # The provider bills what it answered, whatever AutoGen makes of that.
        used = self.usages.get(entry.index) or (None if stream is None else stream.usage)
        answer = self.read if entry.index in self.answered else None
        if used is not None:
            facts.update(used)
            response = None if answer is None else answer.response
            facts.update(self._cost(entry, facts, response, read_field(response, "cost")))
        if answer is not None:
            facts.update(answer.facts)
        facts[names.CONFIG_REJECTED] = [index for index in self.answered if index != entry.index] or None
        self._spent = self._spent_beside(entry.index)
        if self.place.root is not None:
            self.links = tuple(self.place.root.failed_tools)
        return facts

    def cancelled(self) -> Facts:
        """Which entry was under way."""
        return self._ended(self.tried or self.first, failed=True)

    def failure_of(self, error: BaseException) -> Failure:
        """AutoGen refuses every call of a wrapper with a custom client that was never registered."""
        if self.tried is None and self._not_activated() is not None:
            return Failure(causes.CONFIG_ENTRY, error)
        return super().failure_of(error)

    def circumstances(self) -> Circumstances:
        """What was answered before AutoGen or a function of the application's tripped."""
        tried = self.tried
        own = None if tried is None else self.instance._config_list[tried.index]
        return Circumstances(
            Scene.MODEL_CALL,
            carried_messages=self.carried_count,
            was_answered=bool(self.answered),
            oddity=self.refusal or (None if self.read is None else self.read.oddity),
            has_custom_client=tried is not None and tried.is_custom,
            has_odd_price=own is not None and config_entries.has_odd_price(own),
        )

    def measurements(self, seconds: float) -> Iterator[Measurement]:
        """Duration, tokens, cost and prompt size; failed calls too."""
        attributes = self.attributes
        labels = {
            names.CACHE_HIT: bool(attributes.get(names.CACHE_HIT)),
            names.TOOL_FAILED_BEFORE: bool(attributes.get(names.TOOL_FAILED_BEFORE)),
        }
        yield metrics.OPERATION_DURATION, seconds, labels
        yield from tokens_measured(attributes)
        for entry, usage in self._spent:
            for metric, amount, extra in tokens_measured(usage):
                yield metric, amount, {**entry.facts, names.GEN_AI_RESPONSE_MODEL: None, **extra}
        if self.gave_up is not None and self.failure is None:
            yield self.gave_up.measured(self._entry_at_end, self.agent)
        if names.COST_USD in attributes:
            yield metrics.MODEL_COST, attributes[names.COST_USD], {}
        if names.PROMPT_CHARS in attributes:
            yield metrics.PROMPT_SIZE, attributes[names.PROMPT_CHARS], {}

    @property
    def _entry_at_end(self) -> Entry:
        """The entry that the cache answered for, where none was tried after one that failed."""
        index = self.attributes[names.CONFIG_INDEX]
        return see_entry(self.recorder, self.instance, index)

    def _ended(self, entry: Entry, *, failed: bool) -> Facts:
        """What is new of the entry that answered or failed last."""
        facts: Facts = {} if entry is self.first else dict(entry.facts)
        self.name = spans.chat(entry.model)
        stream = self.streams.get(entry.index)
        if stream is not None:
            facts.update(stream.facts(self.began, failed=failed))
        return facts

    def _release(self) -> None:
        self.streams, self.usages, self.answered, self._spent = {}, {}, {}, []
        self.read, self.links = None, ()

    def _prompt(self, config: Mapping[str, Any], own: Mapping[str, Any]) -> Prompt:
        messages = own.get("messages") or config.get("messages")
        tools = []
        for key in ("tools", "functions"):
            listed = own.get(key) or config.get(key)
            if listed and isinstance(listed, (list, tuple)):
                tools.append(listed)
        if type(messages) is not list and not isinstance(messages, Sequence):
            return Prompt({}, _NOTHING_OFFERED, (), tools)
        if self.place.conversation is None:
            return PromptAccount().measure(messages, tools, None, ())
        history = () if self.place.turn is None else self.place.turn.messages
        # The agents that select speakers are made anew for each selection; all selections are one series.
        pair = self.place.helper_role or (
            id(config.get("agent")),
            None if self.place.turn is None else id(history),
        )
        return self.place.conversation.prompts.measure(messages, tools, pair, history)

    def _cost(self, entry: Entry, facts: Facts, response: Any, usd: Any) -> Facts:
        """What it cost: by the entry's ``price``, else by the list of prices, else by the host's table."""
        is_known = not isinstance(usd, bool) and isinstance(usd, (int, float)) and 0 < usd < math.inf
        if is_known and "price" in self.instance._config_list[entry.index]:
            return {names.COST_USD: float(usd), names.COST_SOURCE: costs.CONFIG}
        price = self.recorder.price
        if price is not None and (response is None or self.usages.get(entry.index) is not None):
            listed = price({**entry.facts, **facts})
            if listed is not None:
                return {names.COST_USD: listed, names.COST_SOURCE: costs.GENAI_PRICES}
        return {names.COST_USD: float(usd), names.COST_SOURCE: costs.AUTOGEN} if is_known else {}

    def _spent_beside(self, index: int | None) -> list[tuple[Entry, Facts]]:
        """Tokens of answers other than that of entry ``index``, which the provider bills too."""
        return [(self.answered[one], usage) for one, usage in self.usages.items() if one != index]

    def _not_activated(self) -> Entry | None:
        """The first entry whose custom client was never registered: AutoGen then refuses every call."""
        for index, client in enumerate(self.instance._clients):
            if type(client).__name__ == "PlaceHolderClient":
                return see_entry(self.recorder, self.instance, index)
        return None


@lru_cache(maxsize=256)
def _asked(agent: str | None, helper_role: str | None, count: int) -> Facts:
    """Who asks, and how many entries may answer."""
    return {names.GEN_AI_AGENT_NAME: agent, names.HELPER_ROLE: helper_role, names.CONFIG_COUNT: count}


def tokens_measured(usage: Mapping[str, Any]) -> Iterator[Measurement]:
    """The measurements of token counts.

    Args:
        usage: attributes or facts that have them.
    """
    for kind, key in (
        (metrics.INPUT, names.GEN_AI_USAGE_INPUT_TOKENS),
        (metrics.OUTPUT, names.GEN_AI_USAGE_OUTPUT_TOKENS),
    ):
        count = usage.get(key)
        # A number that is none in OTLP has been rendered as text.
        if isinstance(count, int):
            yield metrics.TOKEN_USAGE, count, {metrics.TOKEN_TYPE: kind}
    for metric, key in (
        (metrics.CACHE_READ_TOKENS, names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS),
        (metrics.REASONING_TOKENS, names.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS),
    ):
        count = usage.get(key)
        if isinstance(count, int) and count:
            yield metric, count, {metrics.TOKEN_MODALITY: metrics.UNKNOWN_MODALITY}
