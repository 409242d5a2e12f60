"""What becomes of our own errors: logged once each, counted, never shown to the host."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from types import TracebackType

_log = logging.getLogger("autogen_otel")

_MOST_PLACES = 20

internal_errors: Counter[str] = Counter()
"""Errors of our own by place and type; ``doctor`` shows them."""


def log_once(error: BaseException) -> None:
    """Log an error of ours the first time it happens at a place; count it every time.

    Its message is not logged: it may quote what we were reading, and that may be a secret.
    """
    where = _place(error.__traceback__)
    key = f"{type(error).__name__} at {where}"
    internal_errors[key] += 1
    if internal_errors[key] == 1:
        _log.warning(
            "autogen-otel could not record something (%s); the application is unaffected, "
            "further ones of this kind are only counted. It came through:\n%s",
            key,
            _places(error.__traceback__),
        )


on_error: Callable[[BaseException], None] = log_once
"""What every error of ours is reported to. Tests put one here that makes them fail."""


def report(error: BaseException) -> None:
    """Report an error of ours that the boundary has ended."""
    on_error(error)


def _places(traceback: TracebackType | None) -> str:
    """Each place it passed, without the source, which may hold anything."""
    places = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        places.append(f"  {code.co_filename}:{traceback.tb_lineno} {code.co_name}")
        traceback = traceback.tb_next
    return "\n".join(places[-_MOST_PLACES:])


def _place(traceback: TracebackType | None) -> str:
    return _places(traceback).rpartition("\n")[2].strip() or "unknown place"
