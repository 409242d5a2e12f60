"""Emitting log records with the Logs API of any supported version."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any, Final

from opentelemetry import trace
from opentelemetry._logs import Logger, NoOpLogger
from opentelemetry.context import Context

_EVENT_NAME: Final = "event.name"
"""Where the event's name stands in SDKs that have no field for it."""


def sender(logger: Logger) -> Callable[..., None]:
    """The logger's way to emit a record by its fields."""
    if isinstance(logger, NoOpLogger):
        return lambda **_fields: None
    if "event_name" in signature(logger.emit).parameters:
        return logger.emit
    return _record_sender(logger)


def _record_sender(logger: Any) -> Callable[..., None]:
    """The same for SDKs that want a record of their own class (up to 1.36)."""
    from opentelemetry.sdk import _logs as sdk  # noqa: PLC0415 - this logger is the SDK's: it is loaded

    record_class = vars(sdk)["LogRecord"]
    known = signature(record_class).parameters

    def send(*, context: Context, event_name: str, **fields: Any) -> None:
        if "event_name" in known:
            fields["event_name"] = event_name
        else:
            fields["attributes"] = {**fields["attributes"], _EVENT_NAME: event_name}
        if "context" in known:
            fields["context"] = context
        else:
            span = trace.get_current_span(context).get_span_context()
            fields |= {"trace_id": span.trace_id, "span_id": span.span_id, "trace_flags": span.trace_flags}
        logger.emit(record_class(resource=getattr(logger, "resource", None), **fields))

    return send
