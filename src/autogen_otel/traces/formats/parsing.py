"""What formats share: parsing JSON, fast where the extra ``cli`` is installed; ids and times; what is raised.

What is no id is refused, because ids are written into tests, pages and addresses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any, Final, TypeVar

from autogen_otel.traces.trace import SPAN_ID_DIGITS, TRACE_ID_DIGITS

MALFORMED: Final = (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError)
"""Exceptions that decoding raises where data does not have the shape of the format."""

_END_OF_TIME: Final = 2**63
_FORMS: Final = {
    digits: re.compile(f"(?!0+\\Z)[0-9a-f]{{{digits}}}").fullmatch
    for digits in (TRACE_ID_DIGITS, SPAN_ID_DIGITS)
}
is_span_id: Final = _FORMS[SPAN_ID_DIGITS]
"""Matches the form of nearly all ids: lower-case digits, and not only zeros."""
T = TypeVar("T")


def decoded(decode: Callable[[Any], T], raw: Any) -> T | Exception:
    """What a function makes of data, or the error if it does not have the shape of the format."""
    try:
        return decode(raw)
    except MALFORMED as error:
        return error


def checked_id(text: Any, digits: int) -> str:
    """Return an id in lower case.

    Args:
        text: as it was written.
        digits: ``TRACE_ID_DIGITS`` or ``SPAN_ID_DIGITS``.

    Raises:
        ValueError: it is no id.
        AttributeError: it is no text.
    """
    lower_text: str = text.lower()
    if _FORMS[digits](lower_text) is None:
        raise ValueError(f"not an id of {digits} hex digits")
    return lower_text


def moment(value: Any) -> int:
    """Nanoseconds since 1970 up to the year 2262: 63 bits, which a signed number holds.

    Raises:
        ValueError: it is none; or what else ``MALFORMED`` has.
    """
    nanoseconds = int(value or 0)
    if not 0 <= nanoseconds < _END_OF_TIME:
        raise ValueError("not a time in 63 bits")
    return nanoseconds


def _parser() -> Callable[[bytes | str], Any]:
    """``json.loads``, or ``loads`` of orjson where it is installed, which takes a third of the time."""
    with suppress(ImportError):
        orjson_loads = import_module("orjson").loads

        def parse(text: bytes | str) -> Any:
            try:
                return orjson_loads(text)
            except ValueError:
                # It refuses NaN and lone surrogates, which Python's own writer leaves in.
                return json.loads(text)

        return parse
    return json.loads


loads: Final = _parser()
"""Parses one text."""
