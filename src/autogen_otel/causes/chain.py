"""The exceptions behind an exception, past whatever its class makes of attributes."""

from __future__ import annotations

from collections.abc import Iterator

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
        cause = _link(link, "__cause__")
        link = _link(link, "__context__") if cause is None and not _suppresses_context(link) else cause


def _link(error: BaseException, name: str) -> BaseException | None:
    # Not by attribute access: that is the code of the exception's class.
    link = BaseException.__dict__[name].__get__(error)
    return link if isinstance(link, BaseException) else None


def _suppresses_context(error: BaseException) -> bool:
    return bool(BaseException.__dict__["__suppress_context__"].__get__(error))
