"""Looking at objects that may be the user's own, and may raise whatever they are asked."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from autogen_otel.capture.kinds import unprintable


def attribute(holder: object, name: str) -> Any:
    """An attribute of an object; ``None`` if it has none or will not say."""
    try:
        return getattr(holder, name, None)
    except Exception:  # noqa: BLE001 - properties and ``__getattr__`` are the user's code
        return None


def kept_for(holder: object, name: str, key: object, default: Any = None) -> Any:
    """What an agent keeps for another in one of its dicts, without creating what a defaultdict lacks."""
    kept = attribute(holder, name)
    try:
        return kept.get(key, default) if isinstance(kept, dict) else default
    except Exception:  # noqa: BLE001 - hashing and comparing keys is the user's code
        return default


def number_of(holder: object, name: str) -> float:
    """An agent's limit; infinite where it has none that is a number."""
    found = attribute(holder, name)
    return found if isinstance(found, (int, float)) else float("inf")


def text_of(value: object) -> str:
    """What an object says of itself, or that it would not."""
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - ``__str__`` is the user's code
        return unprintable(value, error, "str")


def traceback_of(error: BaseException) -> TracebackType | None:
    """Where an exception was raised, whatever its class makes of attributes."""
    found = BaseException.__dict__["__traceback__"].__get__(error)
    return found if isinstance(found, TracebackType) else None
