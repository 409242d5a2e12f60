"""A failure as telemetry: the same message in the span's status, its exception event and the log."""

from __future__ import annotations

import logging
import time
from typing import Any, ClassVar, Final, Protocol

from opentelemetry.trace import Span, Status, StatusCode, format_trace_id

from autogen_otel.causes import Failure, PrintedError, chain, identity
from autogen_otel.reading import read_text
from autogen_otel.recording.account import FailureRecord
from autogen_otel.recording.recorder import Recorder
from autogen_otel.rendering import Renderer
from autogen_otel.settings import TRACE_ID
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary.placeholders import NOT_RECORDED
from autogen_otel.vocabulary.spans import EXCEPTION_EVENT

_LOGGER = logging.getLogger("autogen_otel")
_NO_EXCEPTION = 0
"""Key of the pending record of a failure without an exception: an answer that is an error."""


_RECORDED: Final = frozenset(
    {
        names.ERROR_TYPE,
        names.ERROR_ORIGIN,
        names.EXCEPTION_TYPE,
        names.EXCEPTION_MESSAGE,
        names.EXCEPTION_STACKTRACE,
        names.GEN_AI_OPERATION_NAME,
        names.GEN_AI_PROVIDER_NAME,
        names.GEN_AI_REQUEST_MODEL,
        names.GEN_AI_AGENT_NAME,
        names.GEN_AI_WORKFLOW_NAME,
        names.GEN_AI_CONVERSATION_ID,
        names.GEN_AI_TOOL_NAME,
        names.GEN_AI_TOOL_CALL_ID,
        names.SENDER_NAME,
        names.HELPER_ROLE,
        names.HANDOFF_FROM,
        names.HANDOFF_TO,
        names.HANDOFF_REASON,
        names.CONFIG_INDEX,
        names.CONFIG_COUNT,
        names.CONFIG_API_TYPE,
        names.PROMPT_CHARS,
        names.TOOL_FAILED_BEFORE,
        names.SERVER_ADDRESS,
        names.SERVER_PORT,
        names.HTTP_REQUEST_METHOD,
        names.HTTP_REQUEST_RESEND_COUNT,
        names.HTTP_RESPONSE_STATUS_CODE,
        names.HTTP_REQUEST_ID,
        names.HTTP_RETRY_AFTER_SECONDS,
        names.HTTP_ERROR_CODE,
        names.HTTP_ERROR_TYPE,
        names.CLIENT_CLASS,
        names.CALLBACK_NAME,
        names.PROMPT_CARRIED_MESSAGES,
        names.CODE_FUNCTION_NAME,
        names.CODE_FILE_PATH,
        names.CODE_LINE_NUMBER,
        names.CODE_LANGUAGE,
        names.CODE_EXIT_CODE,
        names.ASSISTANT_ID,
        names.ASSISTANT_THREAD_ID,
        names.ASSISTANT_RUN_ID,
        names.ASSISTANT_STATUS,
        names.ASSISTANT_ERROR_CODE,
    }
)
"""Attributes that a record may have of its span: what failed and where, none of the user's data."""


class FailedCall(Protocol):
    """What is read of a call here.

    Attributes:
        recorder: see ``Call``, also for those below.
        failure: see there.
        name: see there.
        span: see there.
        parent: see there.
        context: see there.
        attributes: see there.
        links: see there.
        pending_records: see there.
        failure_event: see there.
        has_own_failure: see there.
        application_attributes: see there.
    """

    recorder: Recorder
    failure: Failure | None
    name: str | None
    span: Span | None
    context: Any
    attributes: dict[str, Any]
    links: tuple[Any, ...]
    pending_records: dict[int, FailureRecord]
    failure_event: ClassVar[str]

    @property
    def parent(self) -> FailedCall | None:
        """The call around."""

    @property
    def has_own_failure(self) -> bool:
        """Whether it failed of itself."""

    @property
    def application_attributes(self) -> dict[str, Any]:
        """The application's own."""


def record_failures(call: FailedCall, *, has_span: bool, is_recording: bool, propagates: bool) -> None:
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


def _announce(call: FailedCall, failure: Failure) -> None:
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


def _record(call: FailedCall, failure: Failure, *, is_recording: bool, propagates: bool) -> None:
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
    record = _record_of(call, failure, new_record(call, exception))
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


def new_record(call: FailedCall, exception: dict[str, Any]) -> FailureRecord:
    """Make the record of a failure.

    Args:
        call: the call that failed.
        exception: the attributes of its exception event.
    """
    attributes = {**call.attributes, **exception}
    return FailureRecord(
        name=call.failure_event,
        body=exception[names.EXCEPTION_MESSAGE],
        timestamp=time.time_ns(),
        context=call.context,
        attributes={
            **call.application_attributes,
            **{key: value for key, value in attributes.items() if key in _RECORDED},
        },
    )


def _record_of(call: FailedCall, failure: Failure, new: FailureRecord) -> FailureRecord:
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
