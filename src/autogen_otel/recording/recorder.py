"""The recorder: each observation becomes a span, or passes through to the span around it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, Status, StatusCode, Tracer

from autogen_otel.capture import Capture
from autogen_otel.observations import AssistantRun, Content, Failure, ModelCall, Observation, Recording
from autogen_otel.recording.ag2_tracer import go_together, same_call
from autogen_otel.recording.attributes import rendered_attributes
from autogen_otel.recording.content_events import ContentEvents
from autogen_otel.recording.failure_logs import FailureLogs
from autogen_otel.recording.failures import rendered
from autogen_otel.recording.metrics import Measures
from autogen_otel.recording.prices import Priced, price_list
from autogen_otel.recording.silence import silence_others
from autogen_otel.recording.spans import Description, Raw, describe, merged
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary.spans import EXCEPTION_EVENT


@dataclass(frozen=True, slots=True)
class Signals:
    """Where what is recorded goes.

    Args:
        tracer: makes the spans.
        capture: the only door through which a value becomes telemetry.
        measures: makes the measurements; ``None`` for none.
        failure_logs: makes a log record of each exception; ``None`` for none.
        content_events: makes an event of what a model call said and was told; ``None`` for none.
        priced: completes a model call by its cost.
    """

    tracer: Tracer
    capture: Capture
    measures: Measures | None = None
    failure_logs: FailureLogs | None = None
    content_events: ContentEvents | None = None
    priced: Priced = field(default_factory=price_list)


class SpanRecorder:
    """Makes spans of observations, and what else is told of them.

    Args:
        signals: where it goes.
    """

    def __init__(self, signals: Signals) -> None:
        self._signals = signals

    def goes_with(self, tracer: object) -> bool:
        """Whether the spans of a tracer of somebody else go where ours go."""
        return go_together(tracer, self._signals.tracer)

    def start(self, observation: Observation, parent: Recording | None) -> Recording:
        """Start the observation's span below the current one."""
        above = parent if isinstance(parent, (_Spanning, _PassingThrough)) else None
        description = describe(observation)
        if description is None:
            return _PassingThrough(self._signals, observation, above)
        if isinstance(above, _PassingThrough):
            above.told_below = True
        theirs = same_call(observation, self._signals.tracer, None if above is None else above.span)
        return _Spanning(self._signals, observation, description, theirs=theirs, above=above)


class _Spanning:
    """An observation with a span of its own."""

    def __init__(
        self,
        signals: Signals,
        observation: Observation,
        description: Description,
        *,
        started: int | None = None,
        theirs: Span | None = None,
        above: _Spanning | _PassingThrough | None = None,
    ) -> None:
        self._signals, self._is_theirs = signals, theirs is not None
        self._outermost, self._told_above = above is None, None if above is None else above.told
        self.told: set[int] = set()
        self._began = perf_counter()
        self._name = description.name
        # What the user's data becomes is rendered at the end, and only for a span that is recorded.
        self._raw = {key: raw for key, raw in description.attributes.items() if type(raw) is not Content}
        name = signals.capture.name(description.name)
        attributes = rendered_attributes(signals.capture, self._raw, {})
        self._span = theirs or signals.tracer.start_span(
            name,
            kind=description.kind,
            attributes=attributes,
            start_time=started,
            record_exception=False,
            set_status_on_exception=False,
        )
        if theirs is not None:
            theirs.update_name(name)
            theirs.set_attributes(attributes)
        context = trace.set_span_in_context(self._span)
        self._context = silence_others(context) if isinstance(observation, ModelCall) else context
        self._ended = False

    @property
    def context(self) -> Context:
        """The context with the span as the current one."""
        return self._context

    @property
    def span(self) -> Span:
        """The span, for links to it."""
        return self._span

    def add(self, raw: Raw) -> None:
        """Take over attributes of an observation without a span."""
        self._span.set_attributes(rendered_attributes(self._signals.capture, raw, self._raw))
        self._raw = {**self._raw, **raw}

    def end(self, observation: Observation) -> None:
        """Complete and end the span; only the first time counts."""
        if self._ended:
            return
        self._ended = True
        seconds = perf_counter() - self._began
        try:
            if isinstance(observation, ModelCall):
                observation = self._signals.priced(observation)
            description = describe(observation)
            if description is not None and self._span.is_recording():
                self._complete(description)
            if observation.failure is not None:
                raw = self._raw if description is None else {**self._raw, **description.attributes}
                self._fail(observation, observation.failure, raw)
            if self._signals.measures is not None:
                self._signals.measures.take(observation, seconds, self._context, outermost=self._outermost)
            if self._signals.content_events is not None and isinstance(observation, ModelCall):
                self._signals.content_events.emit(observation, self._context)
        finally:
            self._raw = {}
            if not self._is_theirs:
                self._span.end()

    def _complete(self, description: Description) -> None:
        capture = self._signals.capture
        if description.name != self._name:
            self._span.update_name(capture.name(description.name))
        self._span.set_attributes(rendered_attributes(capture, description.attributes, self._raw))

    def _fail(self, observation: Observation, failure: Failure, raw: Raw) -> None:
        """Say why it failed: log records tell it also of a trace that is not sampled."""
        logs, span = self._signals.failure_logs, self._span
        if logs is None and not span.is_recording():
            return
        said = rendered(failure, self._signals.capture)
        if span.is_recording():
            span.set_status(Status(StatusCode.ERROR, said.message))
            span.set_attributes({names.ERROR_TYPE: said.error_type, names.ERROR_ORIGIN: failure.origin})
            span.add_event(EXCEPTION_EVENT, said.exception)
            for tool in _failed_tools(observation):
                if isinstance(tool, _Spanning):
                    span.add_link(tool.span.get_span_context())
        if logs is not None:
            # Rendered anew: not every span keeps its attributes.
            shown = {key: raw[key] for key in logs.ATTRIBUTES & raw.keys()}
            failed = {names.ERROR_TYPE: said.error_type, names.ERROR_ORIGIN: failure.origin}
            logs.emit(
                observation,
                {**rendered_attributes(self._signals.capture, shown, {}), **failed, **said.exception},
                self._context,
                error=failure.error,
                told=self.told,
                above=self._told_above,
            )


class _PassingThrough:
    """An observation without a span: what it has to say goes to the span around it."""

    def __init__(
        self, signals: Signals, observation: Observation, parent: _Spanning | _PassingThrough | None
    ) -> None:
        self._signals, self._parent = signals, parent
        self._started, self._began = time.time_ns(), perf_counter()
        self.told_below = False
        # What has no record of its own hands on what was told below it.
        self.told: set[int] = set() if parent is None else parent.told
        self._context = otel_context.get_current()
        self.add(merged(observation))

    @property
    def span(self) -> Span | None:
        """The span around it, if that is one of ours."""
        return None if self._parent is None else self._parent.span

    @property
    def context(self) -> Context:
        """The context as it was."""
        return self._context

    def add(self, raw: Mapping[str, Any]) -> None:
        """Hand attributes on to the span around it."""
        if raw and self._parent is not None:
            self._parent.add(raw)

    def end(self, observation: Observation) -> None:
        """Nothing to end, but what turned out to deserve a span gets one, for the time not told below."""
        description = describe(observation)
        if description is not None:
            started = None if self.told_below else self._started
            late = _Spanning(self._signals, observation, description, started=started, above=self)
            late.end(observation)
        elif self._signals.measures is not None:
            seconds = perf_counter() - self._began
            self._signals.measures.take(observation, seconds, self._context, outermost=False)


def _failed_tools(observation: Observation) -> tuple[Recording, ...]:
    """Tool calls that may be why a model call failed."""
    return observation.failed_tools if isinstance(observation, (ModelCall, AssistantRun)) else ()
