"""The recorder: each observation becomes a span, or passes through to the span around it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, Status, StatusCode, Tracer

from autogen_otel.capture import Capture
from autogen_otel.observations import (
    ArgumentProblem,
    AssistantRun,
    Content,
    Failure,
    ModelCall,
    Observation,
    PrintedError,
    Recording,
)
from autogen_otel.recording.ag2_tracer import go_together, same_call
from autogen_otel.recording.silence import silence_others
from autogen_otel.recording.spans import Description, Raw, describe, merged
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary.spans import EXCEPTION_EVENT

_INT64_END = 2**63
"""Integers from here on are none in OTLP."""
_FREE_TEXT = frozenset(
    {names.URL_FULL, names.HTTP_REQUEST_ID, names.GEN_AI_RESPONSE_ID, names.CODE_FILE_PATH}
)
"""Attributes that may be longer than a name."""


class SpanRecorder:
    """Makes spans of observations.

    Args:
        tracer: where the spans go.
        capture: the only door through which a value becomes an attribute.
    """

    def __init__(self, tracer: Tracer, capture: Capture) -> None:
        self._tracer, self._capture = tracer, capture

    def goes_with(self, tracer: object) -> bool:
        """Whether the spans of a tracer of somebody else go where ours go."""
        return go_together(tracer, self._tracer)

    def start(self, observation: Observation, parent: Recording | None) -> Recording:
        """Start the observation's span below the current one."""
        description = describe(observation)
        if description is None:
            above = parent if isinstance(parent, (_Spanning, _PassingThrough)) else None
            return _PassingThrough(self._tracer, self._capture, observation, above)
        if isinstance(parent, _PassingThrough):
            parent.told_below = True
        around = parent.span if isinstance(parent, (_Spanning, _PassingThrough)) else None
        theirs = same_call(observation, self._tracer, around)
        return _Spanning(self._tracer, self._capture, observation, description, theirs=theirs)


class _Spanning:
    """An observation with a span of its own."""

    def __init__(
        self,
        tracer: Tracer,
        capture: Capture,
        observation: Observation,
        description: Description,
        *,
        started: int | None = None,
        theirs: Span | None = None,
    ) -> None:
        self._capture, self._is_theirs = capture, theirs is not None
        self._name = description.name
        # What the user's data becomes is rendered at the end, and only for a span that is recorded.
        self._raw = {key: raw for key, raw in description.attributes.items() if type(raw) is not Content}
        self._span = theirs or tracer.start_span(
            capture.name(description.name),
            kind=description.kind,
            attributes=self._rendered(self._raw, {}),
            start_time=started,
            record_exception=False,
            set_status_on_exception=False,
        )
        if theirs is not None:
            theirs.update_name(capture.name(description.name))
            theirs.set_attributes(self._rendered(self._raw, {}))
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
        self._span.set_attributes(self._rendered(raw, self._raw))
        self._raw = {**self._raw, **raw}

    def end(self, observation: Observation) -> None:
        """Complete and end the span; only the first time counts."""
        if self._ended:
            return
        self._ended = True
        try:
            if self._span.is_recording():
                self._complete(observation)
        finally:
            self._raw = {}
            if not self._is_theirs:
                self._span.end()

    def _complete(self, observation: Observation) -> None:
        description = describe(observation)
        if description is not None:
            if description.name != self._name:
                self._span.update_name(self._capture.name(description.name))
            self._span.set_attributes(self._rendered(description.attributes, self._raw))
        if observation.failure is not None:
            self._fail(observation.failure)
            for tool in _failed_tools(observation):
                if isinstance(tool, _Spanning):
                    self._span.add_link(tool.span.get_span_context())

    def _fail(self, failure: Failure) -> None:
        capture, error = self._capture, failure.error
        kind = capture.name(failure.type) if error is None else capture.error_type(error)
        message = capture.text(failure.message) if error is None else capture.error_message(error)
        self._span.set_status(Status(StatusCode.ERROR, message))
        self._span.set_attributes({names.ERROR_TYPE: kind, names.ERROR_ORIGIN: failure.origin})
        if failure.printed is not None:
            self._span.add_event(EXCEPTION_EVENT, self._printed(failure.printed, kind, message))
            return
        self._span.add_event(
            EXCEPTION_EVENT,
            {
                names.EXCEPTION_TYPE: kind,
                names.EXCEPTION_MESSAGE: message,
                names.EXCEPTION_STACKTRACE: capture.stack() if error is None else capture.stacktrace(error),
            },
        )

    def _printed(self, printed: PrintedError, kind: str, message: str) -> dict[str, str]:
        capture = self._capture
        return {
            names.EXCEPTION_TYPE: kind if printed.type is None else capture.name(printed.type),
            names.EXCEPTION_MESSAGE: message if printed.message is None else capture.text(printed.message),
            names.EXCEPTION_STACKTRACE: capture.content(printed.stacktrace) or capture.stack(),
        }

    def _rendered(self, raw: Raw, known: Raw) -> dict[str, Any]:
        rendered: dict[str, Any] = {}
        name = self._capture.name
        for key, value in raw.items():
            if value is None or known.get(key) is value:
                continue
            if type(value) is str and key not in _FREE_TEXT:
                rendered[key] = name(value)
            elif type(value) is int and -_INT64_END <= value < _INT64_END:
                rendered[key] = value
            else:
                out = self._value(key, value)
                if out is not None:
                    rendered[key] = out
        return rendered

    def _value(self, key: str, value: Any) -> Any:
        capture = self._capture
        if isinstance(value, str):
            return capture.url(value) if key == names.URL_FULL else capture.text(value)
        if isinstance(value, (bool, float)):
            return value
        if isinstance(value, int):
            return int(value) if -_INT64_END <= value < _INT64_END else capture.text(value)
        if isinstance(value, Content):
            return capture.content(value)
        return [self._item(one) for one in value]

    def _item(self, one: Any) -> Any:
        if isinstance(one, int):
            return one
        capture = self._capture
        return capture.problem(one) if isinstance(one, ArgumentProblem) else capture.name(one)


class _PassingThrough:
    """An observation without a span: what it has to say goes to the span around it."""

    def __init__(
        self,
        tracer: Tracer,
        capture: Capture,
        observation: Observation,
        parent: _Spanning | _PassingThrough | None,
    ) -> None:
        self._tracer, self._capture, self._parent = tracer, capture, parent
        self._started = time.time_ns()
        self.told_below = False
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
            _Spanning(self._tracer, self._capture, observation, description, started=started).end(observation)


def _failed_tools(observation: Observation) -> tuple[Recording, ...]:
    """Tool calls that may be why a model call failed."""
    return observation.failed_tools if isinstance(observation, (ModelCall, AssistantRun)) else ()
