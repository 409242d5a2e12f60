"""The account of failures inside a call: how many are open, how many were handled, and their causes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from autogen_otel.causes import identity


class ErrorSummary(NamedTuple):
    """What is remembered of an exception that left a call, without a reference to the exception."""

    cause: str | None
    """Cause of the failure; ``None`` where the program itself has ended the call."""
    message: str | None
    """The message that explains the failure."""
    repeats_inner: bool
    """Whether it repeats a failure further inside."""
    hides_message: bool = False
    """Whether the exception's message stays out."""
    is_on_span: bool = False
    """Whether a span has the failure: that of the call that it left, or one further inside."""


_NO_ERRORS: Final[Mapping[int, ErrorSummary]] = {}
_CANCELLED: Final = ErrorSummary(None, None, repeats_inner=False)


class Entry(NamedTuple):
    """What one call inside adds to the account of the call around it.

    Args:
        causes: causes of its failures, in the order seen.
        handled_count: number of failures in spite of which a call went on.
        open_count: number of failures for which that is not known yet.
        errors: the exceptions that left it, by identity.
    """

    causes: Iterable[str] = ()
    handled_count: int = 0
    open_count: int = 0
    errors: Mapping[int, ErrorSummary] = _NO_ERRORS


class Account(list[Entry]):
    """The failures inside a call, one entry for each call in which there were any.

    A failure inside a call is *open* until the call goes on in spite of it: when the call ends well, all its
    open failures were handled; when it fails because of one of them, that one is the parent's concern. So a
    call that recovered from two attempts reports two handled failures, and one that failed on its third
    attempt reports two handled ones and itself.

    Calls on several threads add to the account of the same parent, and so may a signal handler: entries are
    only ever appended, which takes no lock.
    """

    __slots__ = ()

    @property
    def handled_count(self) -> int:
        """Number of failures in spite of which a call went on."""
        return sum(entry.handled_count for entry in self)

    @property
    def open_count(self) -> int:
        """Number of failures for which that is not known yet."""
        return sum(entry.open_count for entry in self)

    @property
    def causes(self) -> Iterator[str]:
        """Causes of all of them, in the order seen."""
        return (cause for entry in self for cause in entry.causes)

    @property
    def errors(self) -> dict[int, ErrorSummary]:
        """The exceptions that left calls directly inside, by identity."""
        errors: dict[int, ErrorSummary] = {}
        for entry in self:
            errors.update(entry.errors)
        return errors

    def cancel(self, error: BaseException) -> None:
        """Note with which exception the program has ended the call."""
        self.append(Entry(errors={identity(error): _CANCELLED}))


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
