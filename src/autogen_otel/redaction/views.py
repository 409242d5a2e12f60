"""A text as its reader sees it: without the escapes of code, JSON, URLs, HTML and terminals.

A secret that stands in one of these views is taken out of the text where its characters come from.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Span = tuple[int, int]
"""Where a secret begins, and where it has ended."""

_MOST_LEVELS: Final = 3
"""JSON in JSON in a query has three."""
_ESCAPE: Final = re.compile(
    r"""\\(?:x1[bB]|u001[bB]|033|e)\[[0-9;]{0,16}[A-Za-z]
    |\\u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}|\\U00[01][0-9A-Fa-f]{5}
    |\\(?:u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|[nrt"'\\/])
    |%[0-7][0-9A-Fa-f]|(?:%[89A-Fa-f][0-9A-Fa-f])+
    |&(?:\#[0-9]{1,6}|\#[xX][0-9A-Fa-f]{1,5}|[a-z]{2,6});
    # Base64 in lines.
    |(?<=[A-Za-z0-9+/]{20})\r?\n[ \t]{0,16}(?=[A-Za-z0-9+/]{4})""",
    re.VERBOSE,
)
_NAMED: Final = {"\\n": "\n", "\\r": "\r", "\\t": "\t", "%20": " ", "%22": '"', "%3D": "=", "%3A": ":"}


def find_in_views(text: str, find: Callable[[str], list[Span]]) -> list[Span]:
    """Search a text and its views.

    Args:
        text: any text.
        find: lists the secrets of one text.
    """
    spans = find(text)
    view, origins = text, None
    for _ in range(_MOST_LEVELS):
        if not ("\\" in view or "%" in view or "&" in view or "\n" in view):
            break
        decoded = _ESCAPE.sub(_decoded, view)
        if decoded == view:
            break
        found = find(decoded)
        if "+" in decoded and "%" in view:
            # Forms and queries write a space so.
            found += find(decoded.replace("+", " "))
        level_origins = _origins(view)
        origins = level_origins if origins is None else [origins[at] for at in level_origins]
        spans += [(origins[start], origins[end]) for start, end in found]
        view = decoded
    return spans


def replaced(text: str, spans: Iterable[Span], mask: str) -> str:
    """Replace the spans of a text, those that overlap by one mask."""
    pieces: list[str] = []
    copied_until = 0
    for start, end in _merged(spans):
        pieces += (text[copied_until:start], mask)
        copied_until = end
    return "".join((*pieces, text[copied_until:]))


def _merged(spans: Iterable[Span]) -> Iterator[Span]:
    current: Span | None = None
    for start, end in sorted(spans):
        if current is not None and start < current[1]:
            current = (current[0], max(current[1], end))
            continue
        if current is not None:
            yield current
        current = (start, end)
    if current is not None:
        yield current


def _decoded(match: re.Match[str]) -> str:
    escape = match.group()
    plain = _NAMED.get(escape)
    if plain is not None:
        return plain
    kind, second = escape[0], escape[1:2]
    if kind == "%":
        return unquote(escape)
    if kind == "&":
        return html.unescape(escape)
    if kind != "\\" or "[" in escape:
        return ""
    if len(escape) > len("\\U0001f600"):
        # Two surrogates, as JSON writes what lies beyond 16 bits.
        return bytes.fromhex(escape.replace("\\u", "")).decode("utf-16-be")
    return chr(int(f"0{escape[2:]}", 16)) if second in "uUx" else second


def _origins(text: str) -> list[int]:
    """Say for each character of the decoded text, and for its end, where it comes from."""
    origins: list[int] = []
    copied_until = 0
    for match in _ESCAPE.finditer(text):
        origins += range(copied_until, match.start())
        origins += [match.start()] * len(_decoded(match))
        copied_until = match.end()
    origins += range(copied_until, len(text) + 1)
    return origins
