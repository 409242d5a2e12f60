"""From an ended observation to its measurements."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any
from weakref import WeakKeyDictionary

from opentelemetry.context import Context
from opentelemetry.metrics import Counter, Histogram, Meter

from autogen_otel.capture import Capture
from autogen_otel.observations import (
    AssistantRun,
    Conversation,
    Entry,
    EntryTried,
    Failure,
    Fallback,
    Handoff,
    HttpAttempt,
    ModelCall,
    Observation,
    ToolCall,
    Usage,
)
from autogen_otel.recording.failures import error_type
from autogen_otel.recording.spans import entry_attributes
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import metrics, spans
from autogen_otel.vocabulary.metrics import Metric

Labels = dict[str, Any]
Measurement = tuple[Metric, float, Labels]
"""What is measured, the amount, and its labels before the capture room has seen them."""

Record = Callable[[float, Labels, Context], None]

_made: WeakKeyDictionary[Meter, dict[str, Record]] = WeakKeyDictionary()
_ADVISORY = "explicit_bucket_boundaries_advisory"
_UNKNOWN_TOOL = "unknown_tool"


class Measures:
    """Makes measurements, each in the context of its span, so that exemplars lead to the trace.

    Args:
        meter: makes the instruments.
        capture: the only door through which a value becomes a label.
    """

    def __init__(self, meter: Meter, capture: Capture) -> None:
        self._capture = capture
        self._values: dict[str, set[str]] = {}
        self._record = _instruments(meter)

    def take(self, observation: Observation, seconds: float, context: Context, *, outermost: bool) -> None:
        """Measure what ended.

        Args:
            observation: what it came to.
            seconds: how long it took.
            context: the context with its span.
            outermost: whether nothing of ours is around it.
        """
        measured = _MEASURED.get(type(observation))
        if measured is None or (isinstance(observation, Conversation) and not outermost):
            return
        failed = self._failure(observation.failure)
        for metric, amount, labels in measured(observation, seconds):
            self._record[metric.name](amount, self._shown(metric, {**failed, **labels}), context)

    def _failure(self, failure: Failure | None) -> Labels:
        if failure is None:
            return {}
        return {names.ERROR_TYPE: error_type(failure, self._capture), names.ERROR_ORIGIN: failure.origin}

    def _shown(self, metric: Metric, labels: Labels) -> Labels:
        shown: Labels = {}
        for key in metric.labels:
            value = labels.get(key)
            if value is None:
                continue
            # A label is text, a number or a truth; the class of an exception is named like any other.
            if isinstance(value, type):
                value = self._capture.class_name(value)
            shown[key] = self._bounded(key, value) if isinstance(value, str) else value
        return shown

    def _bounded(self, key: str, value: str) -> str:
        shown, seen = self._capture.name(value), self._values.setdefault(key, set())
        if shown not in seen:
            if len(seen) >= metrics.MOST_VALUES:
                return metrics.OTHER
            seen.add(shown)
        return shown


def _instruments(meter: Meter) -> dict[str, Record]:
    """The instruments of a meter, made once: SDKs complain of a second one of the same name."""
    if meter not in _made:
        taken = (metric for metric in metrics.ALL if metric.kind != "observed_counter")
        _made[meter] = {metric.name: _instrument(meter, metric) for metric in taken}
    return _made[meter]


def _instrument(meter: Meter, metric: Metric) -> Record:
    if metric.kind == "counter":
        counter: Counter = meter.create_counter(metric.name, metric.unit, metric.description)
        return counter.add
    options: dict[str, Any] = {}
    # Older APIs know no such advice; there the views of the provider say it, if it is ours.
    if _ADVISORY in inspect.signature(meter.create_histogram).parameters:
        options[_ADVISORY] = list(metric.buckets)
    histogram: Histogram = meter.create_histogram(metric.name, metric.unit, metric.description, **options)
    return histogram.record


def _conversation(o: Conversation, seconds: float) -> Iterator[Measurement]:
    if o.helper_role is not None:
        return
    outcome = metrics.OK if not o.errors_handled else metrics.RECOVERED
    labels: Labels = {
        names.GEN_AI_WORKFLOW_NAME: spans.workflow_name(o.initiator, o.recipient),
        metrics.CONVERSATION_OUTCOME: outcome if o.failure is None else metrics.FAILED,
        names.CONVERSATION_TERMINATION: o.termination,
    }
    yield metrics.CONVERSATION_DURATION, seconds, labels
    if o.turns is not None:
        yield metrics.CONVERSATION_TURNS, o.turns, labels


def _handoff(o: Handoff, _seconds: float) -> Iterator[Measurement]:
    if not o.hidden:
        labels = {names.HANDOFF_FROM: o.source, names.HANDOFF_TO: o.target, names.HANDOFF_REASON: o.reason}
        yield metrics.HANDOFFS, 1, labels


def _model_call(o: ModelCall, seconds: float) -> Iterator[Measurement]:
    labels = {
        **_entry(o.entry, o.agent),
        names.GEN_AI_OPERATION_NAME: spans.CHAT,
        names.GEN_AI_RESPONSE_MODEL: o.response_model,
        names.CACHE_HIT: bool(o.cache_hit),
        names.TOOL_FAILED_BEFORE: o.tool_failed_before,
    }
    yield metrics.OPERATION_DURATION, seconds, labels
    yield from _tokens(o.usage, labels)
    for entry, usage in o.spent:
        yield from _tokens(usage, {**labels, **_entry(entry, o.agent), names.GEN_AI_RESPONSE_MODEL: None})
    if o.instead_of is not None:
        yield _fallback(o.instead_of, o.entry, o.agent)
    if o.cost is not None:
        yield metrics.MODEL_COST, o.cost.usd, {**labels, names.COST_SOURCE: o.cost.source}
    if o.prompt is not None:
        yield metrics.PROMPT_SIZE, o.prompt.chars, labels


def _assistant_run(o: AssistantRun, seconds: float) -> Iterator[Measurement]:
    labels: Labels = {
        names.GEN_AI_OPERATION_NAME: spans.CHAT,
        names.GEN_AI_PROVIDER_NAME: o.provider,
        names.GEN_AI_REQUEST_MODEL: o.model,
        names.SERVER_ADDRESS: o.address,
        names.SERVER_PORT: o.port,
        names.GEN_AI_AGENT_NAME: o.agent,
        names.CACHE_HIT: False,
        names.TOOL_FAILED_BEFORE: o.tool_failed_before,
    }
    yield metrics.OPERATION_DURATION, seconds, labels
    yield from _tokens(o.usage, labels)


def _entry_tried(o: EntryTried, _seconds: float) -> Iterator[Measurement]:
    if o.attempts == 0:
        # A client of another SDK, whose HTTP attempts nobody sees.
        yield metrics.MODEL_ATTEMPTS, 1, {**_entry(o.entry, o.agent), metrics.ATTEMPT_RESENT: False}
    if o.instead_of is not None:
        yield _fallback(o.instead_of, o.entry, o.agent)


def _http_attempt(o: HttpAttempt, _seconds: float) -> Iterator[Measurement]:
    entry = {} if o.entry is None else _entry(o.entry, o.agent)
    labels = {
        **entry,
        names.SERVER_ADDRESS: o.address,
        names.SERVER_PORT: o.port,
        names.HTTP_RESPONSE_STATUS_CODE: o.status_code,
        metrics.ATTEMPT_RESENT: o.resend_count > 0,
    }
    yield metrics.MODEL_ATTEMPTS, 1, labels


def _tool_call(o: ToolCall, seconds: float) -> Iterator[Measurement]:
    # Models make such names up.
    unknown = any(problem.kind == _UNKNOWN_TOOL for problem in o.problems)
    labels = {
        names.GEN_AI_TOOL_NAME: metrics.OTHER if unknown else o.name,
        names.GEN_AI_AGENT_NAME: o.agent,
    }
    yield metrics.TOOL_DURATION, seconds, labels
    for problem in o.problems:
        yield metrics.ARGUMENT_PROBLEMS, 1, {**labels, metrics.ARGUMENT_PROBLEM: problem.kind}


def _fallback(before: Fallback, instead: Entry, agent: str | None) -> Measurement:
    labels = {
        **_entry(before.entry, agent),
        metrics.FALLBACK_INDEX: instead.index,
        names.ERROR_TYPE: before.error_type or metrics.REJECTED,
        names.ERROR_ORIGIN: before.origin,
    }
    return metrics.MODEL_FALLBACKS, 1, labels


def _entry(entry: Entry, agent: str | None) -> Labels:
    return {**entry_attributes(entry), names.GEN_AI_AGENT_NAME: agent}


def _tokens(usage: Usage | None, labels: Labels) -> Iterator[Measurement]:
    if usage is None:
        return
    for kind, count in ((metrics.INPUT, usage.input_tokens), (metrics.OUTPUT, usage.output_tokens)):
        if count is not None:
            yield metrics.TOKEN_USAGE, count, {**labels, metrics.TOKEN_TYPE: kind}
    parts = {**labels, metrics.TOKEN_MODALITY: metrics.UNKNOWN_MODALITY}
    if usage.cached_input_tokens:
        yield metrics.CACHE_READ_TOKENS, usage.cached_input_tokens, parts
    if usage.reasoning_output_tokens:
        yield metrics.REASONING_TOKENS, usage.reasoning_output_tokens, parts


_MEASURED: dict[type[Observation], Callable[[Any, float], Iterator[Measurement]]] = {
    Conversation: _conversation,
    Handoff: _handoff,
    ModelCall: _model_call,
    AssistantRun: _assistant_run,
    EntryTried: _entry_tried,
    HttpAttempt: _http_attempt,
    ToolCall: _tool_call,
}
