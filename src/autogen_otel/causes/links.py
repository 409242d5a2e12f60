"""The exceptions behind an exception, read without the attribute access that its class may override."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Iterator

from autogen_otel.causes.tracebacks import steps
from autogen_otel.reading import read, read_link, read_text, suppresses_context

_MOST_LINKS = 16
_RECREATED_TYPES = frozenset({TimeoutError, asyncio.TimeoutError, concurrent.futures.TimeoutError})
"""Exceptions that asyncio recreates when they pass from a future of one kind to one of the other."""


def chain(error: BaseException, end_id: int | None = None) -> Iterator[BaseException]:
    """The exception and those it was raised from or while handling, nearest first, each once.

    The members of a group come after it: the error of one of several tasks is behind the group, too.

    Args:
        error: the exception.
        end_id: id of an exception that was being handled before the call, where the chain is cut.
    """
    seen_ids: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending and len(seen_ids) < _MOST_LINKS:
        link = pending.pop(0)
        if link is None or id(link) in seen_ids or id(link) == end_id:
            continue
        seen_ids.add(id(link))
        yield link
        cause = read_link(link, "__cause__")
        next_link = (
            read_link(link, "__context__") if cause is None and not suppresses_context(link) else cause
        )
        pending = [*members(link)[:_MOST_LINKS], next_link, *pending]


def contexts(error: BaseException) -> Iterator[BaseException]:
    """The exceptions that an exception was raised while handling, nearest first, ``from None`` or not."""
    for _ in range(_MOST_LINKS):
        context = read_link(error, "__context__")
        if context is None:
            return
        yield context
        error = context


def members(error: BaseException) -> tuple[BaseException, ...]:
    """The members of a group of exceptions; none for any other exception."""
    # By name, because Python 3.10 has groups only from a package.
    if not any(cls.__name__ == "BaseExceptionGroup" for cls in type(error).__mro__):
        return ()
    group = read(error, "exceptions")
    return tuple(one for one in group if isinstance(one, BaseException)) if isinstance(group, tuple) else ()


def identity(error: BaseException) -> int:
    """A key that identifies an exception while it travels, without a reference to it.

    Its id alone may be reused after an exception is gone; if the class, the message and the line that raised
    are the same as well, so is the failure.
    """
    kind, message = type(error), read_text(error)
    return hash((kind, message) if kind in _RECREATED_TYPES else (kind, message, id(error), _line(error)))


def _line(error: BaseException) -> tuple[int, int]:
    """The line that raised an exception: it stays the innermost one however far the exception goes."""
    step = None
    for step in steps(error):  # noqa: B007 - the last one
        pass
    return (0, 0) if step is None else (id(step.frame.f_code), step.line)


def is_cancellation(error: BaseException) -> bool:
    """Whether the program itself ends work under way by this exception, which is no failure of the work."""
    if isinstance(error, asyncio.CancelledError):
        return _is_being_cancelled()
    group = members(error)
    if group:
        return all(map(is_cancellation, group))
    return isinstance(error, (KeyboardInterrupt, GeneratorExit))


def _is_being_cancelled() -> bool:
    """Whether somebody has cancelled the running task; if not, the code inside raised the error itself."""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no loop runs on this thread, so nothing here can be cancelled from outside
        return False
    cancelling = read(task, "cancelling")
    # Python 3.10 does not say.
    return cancelling is None or cancelling() > 0
