"""Log records: one for each failure, and one for each model call where message content goes into events."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from inspect import signature
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry._logs import Logger, NoOpLogger, SeverityNumber
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context

from autogen_otel.one_at_a_time import OneAtATime
from autogen_otel.recording.failures import FailureRecord
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary.attributes import KINDS, MESSAGE_KINDS

if TYPE_CHECKING:
    from autogen_otel.recording.call import Call

INFERENCE_DETAILS: Final = "gen_ai.client.inference.operation.details"

_EVENT_NAME: Final = "event.name"
"""Attribute with the event's name for SDKs that have no field for it."""
_STANDARD: Final = ("gen_ai.", "server.")
_TAKES_STRUCTURE: Final = "extended_attributes" in signature(BoundedAttributes).parameters
"""Whether attributes may be maps; older SDKs drop those with a warning."""

Emit = Callable[[dict[str, Any]], None]


class FailureLogs:
    """Makes one log record of each failure, where it was seen first.

    It is an ERROR if the application gets the failure, and a WARN if AutoGen, the SDK or a retry handled it.

    Args:
        logger: where the records go.
    """

    ATTRIBUTES: Final = frozenset(
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

    def __init__(self, logger: Logger) -> None:
        self._emit = emitter(logger)

    def record(self, call: Call, exception: Mapping[str, str]) -> FailureRecord:
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
                **{key: value for key, value in attributes.items() if key in self.ATTRIBUTES},
            },
        )

    def emit(self, record: FailureRecord, *, is_warning: bool) -> None:
        """Emit a record.

        Args:
            record: the record from where the failure was seen first.
            is_warning: whether the conversation went on in spite of it; else the application gets it.
        """
        self._emit(
            {
                "timestamp": record.timestamp,
                "context": record.context,
                "severity_number": SeverityNumber.WARN if is_warning else SeverityNumber.ERROR,
                "severity_text": "WARN" if is_warning else "ERROR",
                "body": record.body,
                "attributes": record.attributes,
                "event_name": record.name,
            }
        )


class ContentEvents:
    """Makes an event of each model call, for users who store message content apart from traces.

    Args:
        logger: where the events go.
    """

    def __init__(self, logger: Logger) -> None:
        self._emit = emitter(logger)

    def emit(self, call: Call) -> None:
        """Make the event of a model call that has ended."""
        attributes: dict[str, Any] = dict(call.application_attributes)
        for key, value in call.attributes.items():
            if KINDS[key] in MESSAGE_KINDS:
                attributes[key] = json.loads(value) if _TAKES_STRUCTURE else value
            elif key.startswith(_STANDARD) or key == names.ERROR_TYPE:
                attributes[key] = value
        self._emit(
            {
                "timestamp": time.time_ns(),
                "context": call.context,
                "severity_number": SeverityNumber.INFO,
                "severity_text": "INFO",
                # Old exporters refuse records without a body, and log viewers show it.
                "body": call.recorder.renderer.name(call.name),
                "attributes": attributes,
                "event_name": INFERENCE_DETAILS,
            }
        )


def emitter(logger: Logger) -> Emit:
    """A function that emits a record by its fields, with the Logs API of any supported version."""
    if isinstance(logger, NoOpLogger):
        return lambda _fields: None
    emit = logger.emit if "event_name" in signature(logger.emit).parameters else _record_emitter(logger)
    # Processors take locks; a signal may strike while this thread has one.
    emit_fields: OneAtATime[dict[str, Any]] = OneAtATime(lambda fields: emit(**fields), is_slow=True)
    return emit_fields


def _record_emitter(logger: Any) -> Callable[..., None]:
    """The same for SDKs that take only records of their own class (up to 1.36)."""
    from opentelemetry.sdk import _logs as sdk  # noqa: PLC0415 - this logger is the SDK's: it is loaded

    record_class = vars(sdk)["LogRecord"]
    parameters = signature(record_class).parameters

    def emit(*, context: Context, event_name: str, **fields: Any) -> None:
        if "event_name" in parameters:
            fields["event_name"] = event_name
        else:
            fields["attributes"] = {**fields["attributes"], _EVENT_NAME: event_name}
        if "context" in parameters:
            fields["context"] = context
        else:
            span = trace.get_current_span(context).get_span_context()
            fields |= {"trace_id": span.trace_id, "span_id": span.span_id, "trace_flags": span.trace_flags}
        logger.emit(record_class(resource=getattr(logger, "resource", None), **fields))

    return emit
