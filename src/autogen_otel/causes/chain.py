"""The exceptions behind an exception, past whatever its class makes of attributes."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Iterator

from autogen_otel.reading import read, read_link, read_text, read_traceback, suppresses_context

_MOST_LINKS = 16
_MADE_ANEW = frozenset({TimeoutError, asyncio.TimeoutError, concurrent.futures.TimeoutError})
"""Exceptions that asyncio makes anew where they pass from a future of one kind to one of the other."""


def chain(error: BaseException, until: int | None = None) -> Iterator[BaseException]:
    """The exception and those it was raised from or while handling, nearest first, each once.

    The members of a group come after it: what one of several tasks failed with is behind it, too.

    Args:
        error: the exception.
        until: id of an exception that was being handled before any of this, where the chain is cut.
    """
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting and len(seen) < _MOST_LINKS:
        link = waiting.pop(0)
        if link is None or id(link) in seen or id(link) == until:
            continue
        seen.add(id(link))
        yield link
        cause = read_link(link, "__cause__")
        behind = read_link(link, "__context__") if cause is None and not suppresses_context(link) else cause
        waiting = [*members(link)[:_MOST_LINKS], behind, *waiting]


def handled(error: BaseException) -> Iterator[BaseException]:
    """The exceptions that an exception was raised while handling, nearest first, ``from None`` or not."""
    for _ in range(_MOST_LINKS):
        behind = read_link(error, "__context__")
        if behind is None:
            return
        yield behind
        error = behind


def members(error: BaseException) -> tuple[BaseException, ...]:
    """The members of a group of exceptions; of any other none."""
    # By name, because Python 3.10 has groups only from a package.
    if not any(cls.__name__ == "BaseExceptionGroup" for cls in type(error).__mro__):
        return ()
    kept = read(error, "exceptions")
    return tuple(one for one in kept if isinstance(one, BaseException)) if isinstance(kept, tuple) else ()


def identity(error: BaseException) -> int:
    """What an exception is known by while it travels, without holding it.

    Its id alone may be that of an exception which is gone; with its class, its words and the line that raised
    it, it says the same anyway.
    """
    kind, words = type(error), read_text(error)
    return hash((kind, words) if kind in _MADE_ANEW else (kind, words, id(error), _line(error)))


def _line(error: BaseException) -> tuple[int, int]:
    """Where an exception was raised: it stays the innermost place however far it goes."""
    link = read_traceback(error)
    while link is not None and link.tb_next is not None:
        link = link.tb_next
    return (0, 0) if link is None else (id(link.tb_frame.f_code), link.tb_lineno or 0)


def is_cancellation(error: BaseException) -> bool:
    """Whether an exception is how the program itself ends work under way, which is no failure of the work."""
    if isinstance(error, asyncio.CancelledError):
        return _is_being_cancelled()
    inner = members(error)
    if inner:
        return all(map(is_cancellation, inner))
    return isinstance(error, (KeyboardInterrupt, GeneratorExit))


def _is_being_cancelled() -> bool:
    """Whether somebody has cancelled the running task; else the code inside raised that itself."""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no loop runs on this thread, so nothing here can be cancelled from outside
        return False
    cancelling = read(task, "cancelling")
    # Python 3.10 does not say.
    return cancelling is None or cancelling() > 0
