"""Variables with a value that they may not have: the default is used, and one warning says so."""

from __future__ import annotations

import logging
import os
from typing import Any, Final

_LOGGER: Final = logging.getLogger("autogen_otel")
_MOST: Final = 2**31 - 1
_warnings: Final[set[str]] = set()


def warn_once(sentence: str) -> None:
    """Log a warning, unless it was logged before: several signals read the same variables."""
    if sentence not in _warnings:
        _warnings.add(sentence)
        _LOGGER.warning("%s", sentence)


def positive(variable: str, default: int) -> int:
    """Return the whole number that a variable holds; the default where it is not set, or holds another thing.

    Args:
        variable: its name.
        default: which the warning names.
    """
    text = os.environ.get(variable, "").strip()
    if not text:
        return default
    if text.isdecimal() and len(text) <= len(str(_MOST)) and 0 < int(text) <= _MOST:
        return int(text)
    warn_once(f"{variable} is {text[:50]!r}, which is no whole number above zero: {default} is used.")
    return default


class DefaultLimits:
    """Before the SDK's class of limits, which raises for a variable that holds no number."""

    @classmethod
    def _from_env_if_absent(cls, value: Any, env_var: str, default: Any = None) -> Any:
        sdk_limits: Any = super()
        try:
            return sdk_limits._from_env_if_absent(value, env_var, default)  # noqa: SLF001 - the SDK calls it
        except ValueError:
            text = os.environ.get(env_var, "")
            warn_once(f"{env_var} is {text[:50]!r}, which is no number: the default is used.")
            return default
