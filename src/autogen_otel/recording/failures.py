"""A failure as telemetry says it: the same words on the span, in its exception event, metrics and logs."""

from __future__ import annotations

from dataclasses import dataclass

from autogen_otel.capture import Capture
from autogen_otel.observations import Failure, PrintedError
from autogen_otel.vocabulary import attributes as names


@dataclass(frozen=True, slots=True)
class FailureText:
    """A failure rendered.

    Args:
        error_type: the value of ``error.type``.
        message: what the status says.
        exception: the attributes of the exception event.
    """

    error_type: str
    message: str
    exception: dict[str, str]


def error_type(failure: Failure, capture: Capture) -> str:
    """The value of ``error.type``."""
    return capture.name(failure.type) if failure.error is None else capture.error_type(failure.error)


def rendered(failure: Failure, capture: Capture) -> FailureText:
    """Render a failure with its whole stack trace."""
    kind, error = error_type(failure, capture), failure.error
    message = capture.text(failure.message) if error is None else capture.error_message(error)
    if failure.printed is not None:
        return FailureText(kind, message, _printed(failure.printed, kind, message, capture))
    stack = capture.stack() if error is None else capture.stacktrace(error)
    return FailureText(kind, message, _exception(kind, message, stack))


def _printed(printed: PrintedError, kind: str, message: str, capture: Capture) -> dict[str, str]:
    return _exception(
        kind if printed.type is None else capture.name(printed.type),
        message if printed.message is None else capture.text(printed.message),
        capture.content(printed.stacktrace) or capture.stack(),
    )


def _exception(kind: str, message: str, stacktrace: str) -> dict[str, str]:
    return {
        names.EXCEPTION_TYPE: kind,
        names.EXCEPTION_MESSAGE: message,
        names.EXCEPTION_STACKTRACE: stacktrace,
    }
