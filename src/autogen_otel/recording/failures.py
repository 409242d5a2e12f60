"""A failure as telemetry says it: the same words in the span's status, its exception event and the log."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry.trace import Status, StatusCode, format_trace_id

from autogen_otel.causes import Failure, PrintedError, chain, identity
from autogen_otel.reading import read_text
from autogen_otel.settings import TRACE_ID
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary.placeholders import NOT_RECORDED
from autogen_otel.vocabulary.spans import EXCEPTION_EVENT

if TYPE_CHECKING:
    from autogen_otel.recording.call import Call
    from autogen_otel.recording.recorder import Recorder
    from autogen_otel.rendering import Renderer


_LOGGER = logging.getLogger("autogen_otel")
_REFUSED = 0
"""Under which the record waits of a failure without an exception: an answer that is an error."""


class FailureRecord(NamedTuple):
    """The log record of a failure, made where it happened and emitted when its severity is known.

    Args:
        name: of the event.
        body: the exception's message.
        timestamp: when it happened, in nanoseconds since the epoch.
        context: leads to the span.
        attributes: as rendered.
    """

    name: str
    body: str
    timestamp: int
    context: Any
    attributes: dict[str, Any]


def record_failures(call: Call, *, has_span: bool, recording: bool, raised: bool) -> None:
    """Record why a call failed, and which failures inside it went no further.

    Args:
        call: what has ended.
        has_span: whether it has a span of its own.
        recording: whether that is recorded.
        raised: whether an exception goes on to the call around.
    """
    if has_span and call.failure is not None:
        _record(call, call.failure, recording=recording, raised=raised)
        if recording and call.parent is None and call.recorder.settings.announce_failures:
            _announce(call, call.failure)
    logs = call.recorder.failure_logs
    if logs is not None and (has_span or call.parent is None):
        records = tuple(call.untold.values())
        call.untold.clear()
        for record in records:
            # Without a span nothing was recorded of an exception that has left the outermost call.
            logs.emit(record, is_warning=has_span or not raised)


def _announce(call: Call, failure: Failure) -> None:
    """Log one line that leads to the trace."""
    recorder, renderer, template = (
        call.recorder,
        call.recorder.renderer,
        call.recorder.settings.announce_failures,
    )
    if call.span is None:
        return
    error, trace_id = failure.error, format_trace_id(call.span.get_span_context().trace_id)
    words = NOT_RECORDED if failure.is_wordless else _words(failure)
    kind = "" if error is None else f"{renderer.class_name(type(error))}: "
    link = f" {template.replace(TRACE_ID, trace_id)}" if isinstance(template, str) else ""
    _LOGGER.warning(
        "%s failed (%s): %s%s [trace %s]%s",
        recorder.renderer.name(call.name or ""),
        failure.cause,
        kind,
        renderer.name(words),
        trace_id,
        link,
    )


def _words(failure: Failure) -> str | None:
    """What there is to say of a failure in a line."""
    return failure.message or ("" if failure.error is None else read_text(failure.error)) or failure.type


def _record(call: Call, failure: Failure, *, recording: bool, raised: bool) -> None:
    """Put a failure on the call's span and into a log record, which tells it of an unsampled trace too."""
    recorder, span, renderer = call.recorder, call.span, call.recorder.renderer
    error, callback = failure.error, failure.callback
    error_type = renderer.name(failure.type) if error is None else renderer.class_name(type(error))
    facts: dict[str, Any] = {names.ERROR_TYPE: error_type, names.ERROR_ORIGIN: failure.cause}
    if callback is not None:
        facts |= {
            names.CALLBACK_NAME: callback.name,
            names.CODE_FUNCTION_NAME: callback.function,
            names.CODE_FILE_PATH: callback.file,
            names.CODE_LINE_NUMBER: callback.line,
        }
    attributes = recorder.attributes.rendered(facts)
    call.attributes.update(attributes)
    logs = recorder.failure_logs
    if span is None or not (recording or logs is not None):
        return
    message, stack = _told(failure, renderer)
    exception = {
        names.EXCEPTION_TYPE: error_type,
        names.EXCEPTION_MESSAGE: message,
        names.EXCEPTION_STACKTRACE: stack,
    }
    if failure.printed is not None:
        exception.update(_printed(failure.printed, recorder))
    if recording:
        if error is not None and failure.message is not None:
            message = renderer.text(f"{failure.message} ({error_type}: {message})")
        span.set_status(Status(StatusCode.ERROR, message))
        span.set_attributes(attributes)
        span.add_event(EXCEPTION_EVENT, exception)
        for link in call.links:
            span.add_link(link)
    if logs is None:
        return
    around = call.parent
    record = _record_of(call, failure, logs.record(call, exception))
    # An answer that is an error becomes an exception further out, if nobody tries again.
    passes_on = raised if error is not None else failure.is_inner
    if around is None or around.context is None or not passes_on:
        logs.emit(record, is_warning=around is not None)
        return
    left = error if failure.left_as is None else failure.left_as
    key = _REFUSED if left is None else identity(left)
    before = around.untold.pop(key, None)
    if before is not None:
        # It was tried again: nobody will hear of the one before.
        logs.emit(before, is_warning=True)
    around.untold[key] = record


def _told(failure: Failure, renderer: Renderer) -> tuple[str, str]:
    """The message and the stack trace, without what the exception says where that stays out."""
    error = failure.error
    if error is None:
        return renderer.text(failure.message), renderer.stack()
    if failure.is_wordless:
        return NOT_RECORDED, renderer.stacktrace(error, with_messages=False)
    return renderer.error_message(error), renderer.stacktrace(error)


def _record_of(call: Call, failure: Failure, new: FailureRecord) -> FailureRecord:
    """The one record of a failure: that of the same exception inside, or a new one with what that says."""
    inner = None
    for link in chain(failure.error) if failure.error is not None else ():
        inner = call.untold.pop(identity(link), None)
        if inner is not None and link is failure.error:
            return inner
        if inner is not None:
            break
    if inner is None and failure.is_inner:
        inner = call.untold.pop(_REFUSED, None)
    return new if inner is None else new._replace(attributes={**inner.attributes, **new.attributes})


def _printed(printed: PrintedError, recorder: Recorder) -> dict[str, str]:
    """What an exception of executed code says of itself, where it does."""
    renderer = recorder.renderer
    stack = None if printed.stacktrace is None else renderer.end(printed.stacktrace)
    if stack is None and printed.output is not None:
        stack = recorder.attributes.output(printed.output)
    parts = {
        names.EXCEPTION_TYPE: None if printed.type is None else renderer.name(printed.type),
        names.EXCEPTION_MESSAGE: None if printed.message is None else renderer.text(printed.message),
        names.EXCEPTION_STACKTRACE: stack or None,
    }
    return {key: value for key, value in parts.items() if value is not None}
