"""A failure as telemetry: the same message in the span's status, its exception event and the log."""

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
_NO_EXCEPTION = 0
"""Key of the pending record of a failure without an exception: an answer that is an error."""


class FailureRecord(NamedTuple):
    """The log record of a failure, made where it happened and emitted when its severity is known.

    Args:
        name: name of the event.
        body: the exception's message.
        timestamp: when it happened, in nanoseconds since the epoch.
        context: the context with the span.
        attributes: rendered attributes.
    """

    name: str
    body: str
    timestamp: int
    context: Any
    attributes: dict[str, Any]


def record_failures(call: Call, *, has_span: bool, is_recording: bool, propagates: bool) -> None:
    """Record why a call failed, and which failures inside it went no further.

    Args:
        call: the call that has ended.
        has_span: whether it has a span of its own.
        is_recording: whether that span is recorded.
        propagates: whether an exception goes on to the call around.
    """
    if has_span and call.failure is not None:
        _record(call, call.failure, is_recording=is_recording, propagates=propagates)
        if is_recording and call.parent is None and call.recorder.settings.announce_failures:
            _announce(call, call.failure)
    logs = call.recorder.failure_logs
    if logs is not None and (has_span or call.parent is None):
        for key in tuple(call.pending_records):
            record = call.pending_records.pop(key, None)
            # Without a span nothing was recorded of an exception that has left the outermost call.
            if record is not None:
                logs.emit(record, is_warning=has_span or not propagates)


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
    summary = NOT_RECORDED if failure.hides_message else _summary(failure)
    kind = "" if error is None else f"{renderer.class_name(type(error))}: "
    link = f" {template.replace(TRACE_ID, trace_id)}" if isinstance(template, str) else ""
    _LOGGER.warning(
        "%s failed (%s): %s%s [trace %s]%s",
        recorder.renderer.name(call.name or ""),
        failure.cause,
        kind,
        renderer.name(summary),
        trace_id,
        link,
    )


def _summary(failure: Failure) -> str | None:
    """Summarise a failure in one line."""
    return failure.message or ("" if failure.error is None else read_text(failure.error)) or failure.type


def _record(call: Call, failure: Failure, *, is_recording: bool, propagates: bool) -> None:
    """Put a failure on the call's span and into a log record, which an unsampled trace has, too."""
    recorder, span, renderer = call.recorder, call.span, call.recorder.renderer
    error, callback = failure.error, failure.callback
    error_type = renderer.name(failure.type) if error is None else renderer.class_name(type(error))
    facts: dict[str, Any] = {
        names.ERROR_TYPE: error_type,
        names.ERROR_ORIGIN: failure.cause,
        names.ERROR_BEGAN_HERE: call.has_own_failure,
    }
    if callback is not None:
        facts |= {
            names.CALLBACK_NAME: callback.name,
            names.CODE_FUNCTION_NAME: callback.function,
            names.CODE_FILE_PATH: callback.file,
            names.CODE_LINE_NUMBER: callback.line,
        }
    attributes = recorder.attributes.render(facts)
    call.attributes.update(attributes)
    logs = recorder.failure_logs
    if span is None or not (is_recording or logs is not None):
        return
    message, stack = _message_and_stack(failure, renderer)
    exception = {
        names.EXCEPTION_TYPE: error_type,
        names.EXCEPTION_MESSAGE: message,
        names.EXCEPTION_STACKTRACE: stack,
    }
    if failure.printed_error is not None:
        exception.update(_printed_attributes(failure.printed_error, recorder))
    if is_recording:
        if error is not None and failure.message is not None:
            message = renderer.text(f"{failure.message} ({error_type}: {message})")
        span.set_status(Status(StatusCode.ERROR, message))
        span.set_attributes(attributes)
        span.add_event(EXCEPTION_EVENT, exception)
        for link in call.links:
            span.add_link(link)
    if logs is None:
        return
    parent = call.parent
    record = _record_of(call, failure, logs.record(call, exception))
    # An answer that is an error becomes an exception further out, if there is no retry.
    passes_on = propagates if error is not None else failure.repeats_inner
    if parent is None or parent.context is None or not passes_on:
        logs.emit(record, is_warning=parent is not None)
        return
    last_error = error if failure.outgoing_error is None else failure.outgoing_error
    key = _NO_EXCEPTION if last_error is None else identity(last_error)
    earlier = parent.pending_records.pop(key, None)
    if earlier is not None:
        # There was a retry: the earlier failure goes no further.
        logs.emit(earlier, is_warning=True)
    parent.pending_records[key] = record


def _message_and_stack(failure: Failure, renderer: Renderer) -> tuple[str, str]:
    """The message and the stack trace, without the exception's message where that stays out."""
    error = failure.error
    if error is None:
        return renderer.text(failure.message), renderer.stack()
    if failure.hides_message:
        return NOT_RECORDED, renderer.stacktrace(error, with_messages=False)
    return renderer.error_message(error), renderer.stacktrace(error)


def _record_of(call: Call, failure: Failure, new: FailureRecord) -> FailureRecord:
    """The one record of a failure: that of the same exception inside, or a new one with its attributes."""
    inner = None
    for link in chain(failure.error) if failure.error is not None else ():
        inner = call.pending_records.pop(identity(link), None)
        if inner is not None and link is failure.error:
            return inner
        if inner is not None:
            break
    if inner is None and failure.repeats_inner:
        inner = call.pending_records.pop(_NO_EXCEPTION, None)
    return new if inner is None else new._replace(attributes={**inner.attributes, **new.attributes})


def _printed_attributes(printed_error: PrintedError, recorder: Recorder) -> dict[str, str]:
    """The attributes of an exception that executed code printed, as many as are known."""
    renderer = recorder.renderer
    stack = None if printed_error.stacktrace is None else renderer.end(printed_error.stacktrace)
    if stack is None and printed_error.output is not None:
        stack = recorder.attributes.output(printed_error.output)
    parts = {
        names.EXCEPTION_TYPE: None if printed_error.type is None else renderer.name(printed_error.type),
        names.EXCEPTION_MESSAGE: None
        if printed_error.message is None
        else renderer.text(printed_error.message),
        names.EXCEPTION_STACKTRACE: stack or None,
    }
    return {key: value for key, value in parts.items() if value is not None}
