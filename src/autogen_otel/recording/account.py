"""The account of failures inside a call: which are open, which were handled, and what is known of each."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from autogen_otel.causes import identity

if TYPE_CHECKING:
    from autogen_otel.recording.call import Call

_accounts = Lock()
"""Calls on several threads add to the account of the same parent."""


def after_fork() -> None:
    """Renew the lock: a thread of the parent may have held it."""
    global _accounts  # noqa: PLW0603 - the old one is the parent's
    _accounts = Lock()


class Kept(NamedTuple):
    """What is kept of an exception that left a call: nothing of the exception itself."""

    cause: str | None
    """Of the failure; ``None`` where the program itself has ended the call."""
    message: str | None
    """What explains it."""
    is_inner: bool
    """Whether it is a failure further inside once more."""
    is_wordless: bool = False
    """Whether what the exception says stays out."""


class Account:
    """What went wrong inside a call; made for the first failure, as most calls have none.

    A failure inside a call is *open* until something goes on in spite of it: when the call ends well, all
    its open failures turn out to have been handled; when it fails because of one of them, that one is the
    parent's concern. So a call that recovered from two attempts reports two handled failures, and one that
    failed on its third attempt reports two handled ones and itself.

    Attributes:
        handled: failures that something went on in spite of.
        open: failures of which that is not known yet.
        causes: of all of them, in the order seen.
        raised: the exceptions that left calls directly inside, by what they are known by.
        cancelled: what the exception is known by with which the program ended the call.
    """

    __slots__ = ("cancelled", "causes", "handled", "open", "raised")

    def __init__(self) -> None:
        self.handled = self.open = 0
        self.causes: dict[str, None] = {}
        # Replaced and never changed, because others may be reading it.
        self.raised: dict[int, Kept] = {}
        self.cancelled: int | None = None


def cancel(call: Call, error: BaseException) -> None:
    """Note with which exception the program has ended a call."""
    key = identity(error)
    with _accounts:
        _account_of(call).cancelled = key


def settle(call: Call, *, raised: bool) -> None:
    """Close the account of a call and pass on to its parent what concerns that.

    Args:
        call: what has ended.
        raised: whether an exception goes on to the parent; without a failure it is none of this call's.
    """
    parent, own, failure = call.parent, call.account, call.failure
    if parent is None:
        return
    # Reading exceptions runs code of the application's, which must not wait for us nor we for it.
    survived = call.survived()
    kept: dict[int, Kept] = {}
    if raised and failure is not None and failure.error is not None:
        why = Kept(failure.cause, failure.message, failure.is_inner, failure.is_wordless)
        kept[identity(failure.error)] = why
        if failure.left_as is not None:
            kept[identity(failure.left_as)] = why
    with _accounts:
        account = _account_of(parent)
        if own is not None:
            if own.cancelled is not None:
                account.raised = {**account.raised, own.cancelled: Kept(None, None, False)}
            account.causes.update(own.causes)
            if failure is None and raised:
                account.handled += own.handled
                account.open += own.open
                account.raised = {**account.raised, **own.raised}
                return
        account.handled += survived
        if failure is None:
            return
        account.open += 1
        account.causes[failure.cause] = None
        if kept:
            account.raised = {**account.raised, **kept}


def _account_of(call: Call) -> Account:
    # Under the lock, because calls on several threads may be the first to need it.
    if call.account is None:
        call.account = Account()
    return call.account
