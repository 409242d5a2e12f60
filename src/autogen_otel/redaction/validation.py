"""Secrets that pydantic quotes in its messages: it omits the middle of long values, and so halves keys."""

from __future__ import annotations

import re
from typing import Final

from autogen_otel.redaction.cutting import MASK
from autogen_otel.redaction.names import looks_secret

INPUT_VALUE: Final = "input_value="
_QUOTED_VALUE = re.compile(r"(?<=, input_value=).{1,512}?(?=, input_type=)", re.DOTALL)
_ELISION: Final = "..."
_LONGEST_LINES: Final = 1024
"""Characters of the line that names the value, and of the line with pydantic's message about it."""


def redact_validation(text: str) -> str:
    """Replace the values in a text that pydantic shortened, or quotes under a secret-looking name."""
    if INPUT_VALUE not in text:
        return text
    return _QUOTED_VALUE.sub(lambda match: MASK if _must_hide(match) else match.group(), text)


def _must_hide(match: re.Match[str]) -> bool:
    if _ELISION in match.group():
        return True
    text_before = match.string[max(0, match.start() - _LONGEST_LINES) : match.start()]
    # Inside a quoted text its line breaks are escaped.
    lines = text_before.replace("\\n", "\n").split("\n")
    return len(lines) > 1 and any(looks_secret(part) for part in lines[-2].split("."))
