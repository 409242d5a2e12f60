"""A failure: the cause, and the exception or what replaces it."""

from __future__ import annotations

from typing import NamedTuple


class PrintedError(NamedTuple):
    """An exception that the host has only as text, because executed code printed it.

    Args:
        stacktrace: the stack trace as printed; ``None`` where none was printed.
        output: the output that was printed instead; content of the user's.
        type: the exception's class as printed; ``None`` where there is none.
        message: the exception's message as printed.
    """

    stacktrace: str | None = None
    output: str | None = None
    type: str | None = None
    message: str | None = None


class Callback(NamedTuple):
    """A function of the application's that AutoGen called and that an exception left.

    Args:
        name: the function that AutoGen called.
        function: the innermost function of the application's.
        file: its file.
        line: the line in it that raised, or that called the code that raised.
    """

    name: str
    function: str
    file: str
    line: int


class Failure(NamedTuple):
    """Why a call failed.

    Args:
        cause: one of ``vocabulary.causes.CAUSES``.
        error: the original exception; ``None`` where the host has none (an HTTP status, an unknown tool).
        type: ``error.type`` where there is no exception.
        message: the status description where there is no exception; else an explanation that stands before
            the exception's own message.
        printed_error: the exception where only its text is left.
        callback: the application's function that raised.
        repeats_inner: whether it repeats the last failure inside the call, though no exception links them.
        hides_message: whether the exception's message stays out, because it may quote excluded content.
        outgoing_error: the exception that left the call because of it, if that is another one.
    """

    cause: str
    error: BaseException | None = None
    type: str | None = None
    message: str | None = None
    printed_error: PrintedError | None = None
    callback: Callback | None = None
    repeats_inner: bool = False
    hides_message: bool = False
    outgoing_error: BaseException | None = None
