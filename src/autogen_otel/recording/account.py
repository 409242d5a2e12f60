"""The account of failures inside a call: how many are open, how many were handled, and their causes."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from autogen_otel.causes import identity

if TYPE_CHECKING:
    from autogen_otel.recording.call import Call

_accounts = Lock()
"""Calls on several threads add to the account of the same parent."""


def after_fork() -> None:
    """Renew the lock: a thread of the parent process may have had it."""
    global _accounts  # noqa: PLW0603 - the old one is the parent's
    _accounts = Lock()


class ErrorSummary(NamedTuple):
    """What is remembered of an exception that left a call, without a reference to the exception."""

    cause: str | None
    """Cause of the failure; ``None`` where the program itself has ended the call."""
    message: str | None
    """The message that explains the failure."""
    is_inner: bool
    """Whether it repeats a failure further inside."""
    is_wordless: bool = False
    """Whether the exception's message stays out."""


class Account:
    """The failures inside a call; made for the first failure, because most calls have none.

    A failure inside a call is *open* until the call goes on in spite of it: when the call ends well, all its
    open failures were handled; when it fails because of one of them, that one is the parent's concern. So a
    call that recovered from two attempts reports two handled failures, and one that failed on its third
    attempt reports two handled ones and itself.

    Attributes:
        handled_count: number of failures in spite of which the call went on.
        open_count: number of failures for which that is not known yet.
        causes: causes of all of them, in the order seen.
        errors: the exceptions that left calls directly inside, by identity.
        cancellation: identity of the exception with which the program ended the call.
    """

    __slots__ = ("cancellation", "causes", "errors", "handled_count", "open_count")

    def __init__(self) -> None:
        self.handled_count = self.open_count = 0
        self.causes: dict[str, None] = {}
        # Replaced and never changed, because other threads may be reading it.
        self.errors: dict[int, ErrorSummary] = {}
        self.cancellation: int | None = None


def cancel(call: Call, error: BaseException) -> None:
    """Note with which exception the program has ended a call."""
    key = identity(error)
    with _accounts:
        _account_of(call).cancellation = key


def settle(call: Call, *, propagates: bool) -> None:
    """Close the account of a call and pass on to its parent what concerns the parent.

    Args:
        call: the call that has ended.
        propagates: whether an exception goes on to the parent; without a failure it is not this call's own.
    """
    parent, own_account, failure = call.parent, call.account, call.failure
    if parent is None:
        return
    # Reading exceptions runs code of the application's, which must not wait for us nor we for it.
    handled_inside = call.count_handled()
    summaries: dict[int, ErrorSummary] = {}
    if propagates and failure is not None and failure.error is not None:
        summary = ErrorSummary(failure.cause, failure.message, failure.is_inner, failure.is_wordless)
        summaries[identity(failure.error)] = summary
        if failure.outgoing_error is not None:
            summaries[identity(failure.outgoing_error)] = summary
    with _accounts:
        account = _account_of(parent)
        if own_account is not None:
            if own_account.cancellation is not None:
                account.errors = {**account.errors, own_account.cancellation: ErrorSummary(None, None, False)}
            account.causes.update(own_account.causes)
            if failure is None and propagates:
                account.handled_count += own_account.handled_count
                account.open_count += own_account.open_count
                account.errors = {**account.errors, **own_account.errors}
                return
        account.handled_count += handled_inside
        if failure is None:
            return
        account.open_count += 1
        account.causes[failure.cause] = None
        if summaries:
            account.errors = {**account.errors, **summaries}


def _account_of(call: Call) -> Account:
    # Under the lock, because calls on several threads may be the first to need it.
    if call.account is None:
        call.account = Account()
    return call.account
