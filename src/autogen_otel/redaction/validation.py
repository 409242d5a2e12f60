"""Secrets that pydantic quotes in its messages: it omits the middle of long values, and so halves keys."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from autogen_otel.redaction.names import looks_secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autogen_otel.redaction.views import Span

_INPUT_VALUE: Final = ", input_value="
_QUOTED_VALUE = re.compile(r"(?<=, input_value=).{1,512}?(?=, input_type=)", re.DOTALL)
_ELISION: Final = "..."
_LONGEST_LINES: Final = 1024
"""Characters of the line that names the value, and of the line with pydantic's message about it."""


def validation_secrets(text: str) -> Iterator[Span]:
    """Find the values in a text that pydantic shortened, or quotes under a secret-looking name."""
    if _INPUT_VALUE in text:
        for match in _QUOTED_VALUE.finditer(text):
            if _ELISION in match.group() or _names_secret(text, match.start()):
                yield match.span()


def _names_secret(text: str, at: int) -> bool:
    lines = text[max(0, at - _LONGEST_LINES) : at].split("\n")
    return len(lines) > 1 and any(looks_secret(part) for part in lines[-2].split("."))
