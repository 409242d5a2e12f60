"""Secrets that pydantic quotes in its messages: it leaves out the middle of long values, and halves keys."""

from __future__ import annotations

import re
from typing import Final

from autogen_otel.redaction.cutting import MASK
from autogen_otel.redaction.names import looks_secret

INPUT_VALUE: Final = "input_value="
_QUOTED = re.compile(r"(?<=, input_value=).{1,512}?(?=, input_type=)", re.DOTALL)
_ELIDED: Final = "..."
_LONGEST_LINES: Final = 1024
"""Of the name of the value, which has a line of its own, and what is said about it."""


def redact_validation(text: str) -> str:
    """Return the text with the values replaced that pydantic shows shortened, or under a secret's name."""
    if INPUT_VALUE not in text:
        return text
    return _QUOTED.sub(lambda match: MASK if _is_hidden(match) else match.group(), text)


def _is_hidden(match: re.Match[str]) -> bool:
    if _ELIDED in match.group():
        return True
    before = match.string[max(0, match.start() - _LONGEST_LINES) : match.start()]
    # Inside a quoted text its line breaks are escaped.
    lines = before.replace("\\n", "\n").split("\n")
    return len(lines) > 1 and any(looks_secret(part) for part in lines[-2].split("."))
