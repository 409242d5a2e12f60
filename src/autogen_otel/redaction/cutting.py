"""Makes text fit: only characters that every receiver takes, and no more of them than allowed."""

from __future__ import annotations

import re
import string
from typing import Final

MASK: Final = "[redacted]"
"""Replaces a secret."""

# Lone surrogates do not encode; NUL and other control characters break receivers and terminals.
_UNFIT: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")

_FIT: Final = bytes(code for code in range(128) if not _UNFIT.match(chr(code)))
_OF_WORDS: Final = f"{string.ascii_letters}{string.digits} _-.,/!?+~".encode()


def clean(text: str) -> str:
    """Return the text with lone surrogates and control characters written as visible escapes."""
    # Far quicker than to search, and most texts are ASCII.
    if text.isascii() and not text.encode("ascii").translate(None, _FIT):
        return text
    return _UNFIT.sub(_escape, text)


def are_words(text: str) -> bool:
    """Tell whether a text has no sign that assigns, encloses or escapes, as most names and sentences."""
    if not text.isascii() or text.encode("ascii").translate(None, _OF_WORDS):
        return False
    # Options of commands have no other sign.
    return text[:1] != "-" and " -" not in text


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"  # noqa: PLR2004 - one byte


def head(text: str, length: int) -> str:
    """Return the first characters as a plain ``str``, also if a subclass has overridden indexing."""
    return str.__getitem__(text, slice(0, length))


def cut(text: str, limit: int, total: int, *, is_partial: bool = False, at_least: bool = False) -> str:
    """Shorten redacted text visibly.

    Args:
        text: redacted text.
        limit: most characters to return.
        total: characters of the original.
        is_partial: the text already lacks its end.
        at_least: the original is longer than ``total`` by an unknown number of characters.
    """
    if len(text) <= limit and not is_partial:
        return text
    marker = f"…[cut, {'over ' if at_least else ''}{total} characters in all]"
    if limit <= len(marker):
        return text[:limit]
    return text[: limit - len(marker)] + marker


def cut_start(text: str, limit: int, total: int, *, is_partial: bool = False) -> str:
    """Shorten redacted text visibly, keeping its end.

    Args:
        text: redacted text.
        limit: most characters to return.
        total: characters of the original.
        is_partial: the text already lacks its beginning.
    """
    if len(text) <= limit and not is_partial:
        return text
    marker = f"[cut, {total} characters in all]…"
    room = limit - len(marker)
    return marker + text[max(0, len(text) - room) :] if room > 0 else text[len(text) - limit :]


def cut_middle(text: str, limit: int) -> str:
    """Shorten redacted text visibly, keeping its beginning and, twice as much of it, its end."""
    if len(text) <= limit:
        return text
    marker = f"\n…[cut, {len(text)} characters in all]…\n"
    room = limit - len(marker)
    if room <= 0:
        return text[:limit]
    first = room // 3
    return text[:first] + marker + text[len(text) - (room - first) :]
