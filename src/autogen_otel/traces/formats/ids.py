"""Ids of traces and spans, refused unless they are ids: they are written into tests, pages and addresses."""

from __future__ import annotations

import re
from typing import Any, Final

from autogen_otel.traces.trace import SPAN_ID_DIGITS, TRACE_ID_DIGITS

_FORMS: Final = {
    digits: re.compile(f"(?!0+\\Z)[0-9a-f]{{{digits}}}").fullmatch
    for digits in (TRACE_ID_DIGITS, SPAN_ID_DIGITS)
}
is_span_id: Final = _FORMS[SPAN_ID_DIGITS]
"""Matches the form of nearly all ids: lower-case digits, and not only zeros."""


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
