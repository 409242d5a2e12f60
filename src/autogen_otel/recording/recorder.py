"""The recorder: each observation becomes a span, or passes through to the span around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, Status, StatusCode, Tracer

from autogen_otel.capture import Capture
from autogen_otel.observations import ArgumentProblem, Content, Failure, ModelCall, Observation, Recording
from autogen_otel.recording.silence import silence_others
from autogen_otel.recording.spans import Description, Raw, describe, merged
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary.spans import EXCEPTION_EVENT

_FREE_TEXT = frozenset({names.HTTP_REQUEST_ID, names.GEN_AI_RESPONSE_ID, names.CODE_FILE_PATH})
"""Attributes that may be longer than a name."""


class SpanRecorder:
    """Makes spans of observations.

    Args:
        tracer: where the spans go.
        capture: the only door through which a value becomes an attribute.
    """

    def __init__(self, tracer: Tracer, capture: Capture) -> None:
        self._tracer, self._capture = tracer, capture

    def start(self, observation: Observation, parent: Recording | None) -> Recording:
        """Start the observation's span below the current one."""
        description = describe(observation)
        if description is None:
            return _PassingThrough(
                observation, parent if isinstance(parent, (_Spanning, _PassingThrough)) else None
            )
        return _Spanning(self._tracer, self._capture, observation, description)


class _Spanning:
    """An observation with a span of its own."""

    def __init__(
        self, tracer: Tracer, capture: Capture, observation: Observation, description: Description
    ) -> None:
        self._capture = capture
        self._name, self._raw = description.name, description.attributes
        self._span = tracer.start_span(
            capture.name(description.name),
            kind=description.kind,
            attributes=self._rendered(description.attributes, {}),
            record_exception=False,
            set_status_on_exception=False,
        )
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
            self._span.end()

    def _complete(self, observation: Observation) -> None:
        description = describe(observation)
        if description is not None:
            if description.name != self._name:
                self._span.update_name(self._capture.name(description.name))
            self._span.set_attributes(self._rendered(description.attributes, self._raw))
        if observation.failure is not None:
            self._fail(observation.failure)
            for tool in observation.failed_tools if isinstance(observation, ModelCall) else ():
                if isinstance(tool, _Spanning):
                    self._span.add_link(tool.span.get_span_context())

    def _fail(self, failure: Failure) -> None:
        capture, error = self._capture, failure.error
        kind = capture.name(failure.type) if error is None else capture.error_type(error)
        message = capture.text(failure.message) if error is None else capture.error_message(error)
        self._span.set_status(Status(StatusCode.ERROR, message))
        self._span.set_attributes({names.ERROR_TYPE: kind, names.ERROR_ORIGIN: failure.origin})
        self._span.add_event(
            EXCEPTION_EVENT,
            {
                names.EXCEPTION_TYPE: kind,
                names.EXCEPTION_MESSAGE: message,
                names.EXCEPTION_STACKTRACE: capture.stack() if error is None else capture.stacktrace(error),
            },
        )

    def _rendered(self, raw: Raw, known: Raw) -> dict[str, Any]:
        rendered = {}
        for key, value in raw.items():
            if value is None or (key in known and known[key] is value):
                continue
            out = self._value(key, value)
            if out is not None:
                rendered[key] = out
        return rendered

    def _value(self, key: str, value: Any) -> Any:
        capture = self._capture
        if isinstance(value, str):
            if key == names.URL_FULL:
                return capture.url(value)
            return capture.text(value) if key in _FREE_TEXT else capture.name(value)
        if isinstance(value, (bool, int, float)):
            return value
        if isinstance(value, Content):
            return capture.content(value)
        return [capture.problem(v) if isinstance(v, ArgumentProblem) else capture.name(v) for v in value]


class _PassingThrough:
    """An observation without a span: what it has to say goes to the span around it."""

    def __init__(self, observation: Observation, parent: _Spanning | _PassingThrough | None) -> None:
        self._parent = parent
        self._context = otel_context.get_current()
        self.add(merged(observation))

    @property
    def context(self) -> Context:
        """The context as it was."""
        return self._context

    def add(self, raw: Mapping[str, Any]) -> None:
        """Hand attributes on to the span around it."""
        if raw and self._parent is not None:
            self._parent.add(raw)

    def end(self, observation: Observation) -> None:
        """Nothing to end; the span around it tells of failures."""
