"""Log records: one for each failure, and one for each model call where message content goes into events."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any, Final

from opentelemetry import trace
from opentelemetry._logs import Logger, NoOpLogger, SeverityNumber
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context

from autogen_otel.one_at_a_time import OneAtATime
from autogen_otel.recording.account import FailureRecord
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary.attributes import KINDS, MESSAGE_KINDS

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

    def __init__(self, logger: Logger) -> None:
        self._emit = emitter(logger)

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

    def emit(
        self, name: str, context: Context, attributes: Mapping[str, Any], application: Mapping[str, Any]
    ) -> None:
        """Make the event of a model call that has ended.

        Args:
            name: of its span.
            context: the context with that.
            attributes: rendered attributes of the call.
            application: the application's own.
        """
        event_attributes: dict[str, Any] = dict(application)
        for key, value in attributes.items():
            if KINDS[key] in MESSAGE_KINDS:
                event_attributes[key] = json.loads(value) if _TAKES_STRUCTURE else value
            elif key.startswith(_STANDARD) or key == names.ERROR_TYPE:
                event_attributes[key] = value
        self._emit(
            {
                "timestamp": time.time_ns(),
                "context": context,
                "severity_number": SeverityNumber.INFO,
                "severity_text": "INFO",
                # Old exporters refuse records without a body, and log viewers show it.
                "body": name,
                "attributes": event_attributes,
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
