"""Text of others within a line of ours: it cannot move a terminal's cursor, nor look like another line."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Final

LOG_CHARACTERS: Final = 300
_HARMLESS: Final = frozenset("\u200c\u200d")
"""Joiners, which several scripts need."""


def visible(text: str, *, kept: str = "\n") -> str:
    """Return text in which control, format and bidirectional characters are escapes, as in Python.

    Args:
        text: of anybody.
        kept: the control characters that stay.
    """
    if text.isprintable():
        return text
    return _odd(kept).sub(lambda match: "".join(map(_visible, match[0])), text)


@cache
def _odd(kept: str) -> re.Pattern[str]:
    """All but what nearly every text is made of."""
    return re.compile(f"[^ -~{re.escape(kept)}]+")


def _visible(character: str) -> str:
    is_plain = character.isprintable() or character in _HARMLESS
    # Python calls no space printable but ASCII's.
    return character if is_plain or unicodedata.category(character) == "Zs" else repr(character)[1:-1]


def one_line(text: str, longest: int = LOG_CHARACTERS) -> str:
    """Return text as one visible line without line breaks, cut to a number of characters.

    Args:
        text: of anybody.
        longest: characters of the line; by default what a log record may quote.
    """
    line = visible(" ".join(text.split())[: longest + 1], kept="")
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
