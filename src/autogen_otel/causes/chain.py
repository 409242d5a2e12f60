"""The exceptions behind an exception, past whatever its class makes of attributes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from autogen_otel.reading import read_link, suppresses_context

_MOST_LINKS = 16


def chain(error: BaseException, until: int | None = None) -> Iterator[BaseException]:
    """The exception and those it was raised from or while handling, nearest first, each once.

    Args:
        error: the exception.
        until: id of an exception that was being handled before any of this, where the chain is cut.
    """
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen and id(link) != until and len(seen) < _MOST_LINKS:
        seen.add(id(link))
        yield link
        cause = read_link(link, "__cause__")
        link = read_link(link, "__context__") if cause is None and not suppresses_context(link) else cause


def is_cancellation(error: BaseException) -> bool:
    """Whether an exception is how the program itself ends work under way, which is no failure of the work."""
    return isinstance(error, (asyncio.CancelledError, KeyboardInterrupt, GeneratorExit))
