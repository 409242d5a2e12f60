"""How we handle our own errors: log each once, count it, never show it to the host."""

from __future__ import annotations

import logging
import sys
from collections import Counter
from collections.abc import Callable
from typing import Final

from autogen_otel.causes.tracebacks import steps

_log = logging.getLogger("autogen_otel")

_MAX_FRAMES = 20

internal_errors: Counter[str] = Counter()
"""Number of our own errors by type and location; ``doctor`` shows them."""


def log_once(error: BaseException) -> None:
    """Log an error of ours the first time it occurs at a location; count it every time.

    Its message is not logged: it may quote what we were reading, and that may be a secret.
    """
    location = _innermost_frame(error)
    key = f"{type(error).__name__} at {location}"
    internal_errors[key] += 1
    if internal_errors[key] == 1:
        _log.warning(
            "autogen-otel could not record something (%s); the application is unaffected, "
            "further ones of this kind are only counted. It came through:\n%s",
            key,
            _frames(error),
        )


on_error: Callable[[BaseException], None] = log_once
"""The function that every error of ours is reported to. Tests replace it with one that fails the test."""


def report(error: BaseException) -> None:
    """Report an error of ours that the boundary has ended."""
    on_error(error)


def without_caller(error: BaseException) -> None:
    """Take the frame of the wrapper that calls this out of a traceback, which hosts show to models.

    Python 3.10 puts it back where the exception goes on.
    """
    traceback = _TRACEBACK.__get__(error)
    if traceback is not None and traceback.tb_next is not None and traceback.tb_frame is sys._getframe(1):
        _TRACEBACK.__set__(error, traceback.tb_next)


_TRACEBACK: Final = BaseException.__dict__["__traceback__"]
"""Whatever the class of the exception makes of the attribute."""


def _frames(error: BaseException) -> str:
    """Each frame that the error went through, without source lines, which may hold anything."""
    frames = [f"  {step.frame.f_code.co_filename}:{step.line} {step.function}" for step in steps(error)]
    return "\n".join(frames[-_MAX_FRAMES:])


def _innermost_frame(error: BaseException) -> str:
    return _frames(error).rpartition("\n")[2].strip() or "unknown place"
