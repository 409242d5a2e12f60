"""A failure as telemetry says it: the same words in the span's status, its exception event and the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.trace import Status, StatusCode

from autogen_otel.causes import Failure, PrintedError
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary.spans import EXCEPTION_EVENT

if TYPE_CHECKING:
    from autogen_otel.recording.call import Call
    from autogen_otel.recording.recorder import Recorder


def record_failure(call: Call, failure: Failure, *, recording: bool) -> None:
    """Put a failure on the call's span and into a log record, which tells it of an unsampled trace too.

    Args:
        call: what failed.
        failure: why.
        recording: whether its span is recorded.
    """
    recorder, span, renderer = call.recorder, call.span, call.recorder.renderer
    error = failure.error
    error_type = renderer.name(failure.type) if error is None else renderer.class_name(type(error))
    attributes = {names.ERROR_TYPE: error_type, names.ERROR_ORIGIN: failure.cause}
    call.attributes.update(attributes)
    if span is None or not (recording or recorder.failure_logs is not None):
        return
    message = renderer.text(failure.message) if error is None else renderer.error_message(error)
    exception = {
        names.EXCEPTION_TYPE: error_type,
        names.EXCEPTION_MESSAGE: message,
        names.EXCEPTION_STACKTRACE: renderer.stack() if error is None else renderer.stacktrace(error),
    }
    if failure.printed is not None:
        exception.update(_printed(failure.printed, recorder))
    if recording:
        span.set_status(Status(StatusCode.ERROR, message))
        span.set_attributes(attributes)
        span.add_event(EXCEPTION_EVENT, exception)
        for link in call.links:
            span.add_link(link)
    if recorder.failure_logs is not None:
        recorder.failure_logs.emit(call, exception, error)


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
