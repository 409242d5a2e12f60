r"""Tells in few steps that a text has nothing to redact, so that only texts that may have it are searched.

This filter catches every text that the search would change, and some harmless ones. Each test holds for a
part of a text as for the whole, so one test of a JSON text covers all its strings: between their unescaped
quotes they stand as they are, but for ``\"``, ``\\``, ``\n``, ``\r`` and ``\t``.
"""

from __future__ import annotations

import re
import string
from functools import cache
from typing import TYPE_CHECKING, Final

from autogen_otel.redaction.assignments import STEMS
from autogen_otel.redaction.cutting import UNFIT
from autogen_otel.redaction.formats import KEY_FORMATS
from autogen_otel.redaction.validation import INPUT_VALUE

if TYPE_CHECKING:
    from collections.abc import Callable

_KEY_CHARACTERS: Final = f"{string.ascii_letters}{string.digits}_-.~+/=$:@"
"""All characters that keys of the known formats consist of."""
_ID_CHARACTERS: Final = f"{string.digits}abcdef-.+:TZ"
"""Times and UUIDs consist of these alone; keys do only where they begin with ``4b1d`` or ``fc-``."""
_ESCAPE_CHARACTERS: Final = "\\%[;"
"""An escape begins with one of these, in code, URLs and the colours of terminals."""
_SHORTEST_BY_CONTENT: Final = 35
"""Length of the shortest key that is recognised by its content, with the characters before that."""
_LONGEST_WORD: Final = 128
_SHORTEST_RUN: Final = b"a" * 15
"""The shape of the shortest key, but for the two that are searched for by name."""


def _shape_of(code: int) -> int:
    return ord("a" if chr(code) in _KEY_CHARACTERS else "!" if UNFIT.match(chr(code)) else " ")


_SHAPE: Final = bytes(map(_shape_of, range(256)))
_UNFIT_SHAPE: Final = ord("!")

_STEM: Final = f"(?i:{'|'.join(STEMS)})"
_REVERSED_STEM: Final = f"(?i:{'|'.join(stem[::-1] for stem in STEMS)})"
# The four that are no ASCII match i, s and k where case is ignored.
_INITIAL: Final = "[A-Za-z_\u0130\u0131\u017f\u212a]"
_NAME_LENGTH: Final = 81
_WINDOW: Final = 128
"""A name of 80 characters, a word before it, and the characters between the name and its sign."""
# Matched backwards from the sign, because signs are rare and names are everywhere.
_NAME_BEFORE: Final = re.compile(
    rf"""(?:\s|[nrt]\\){{0,4}}\]?(?:["']\\{{0,7}})?"""
    rf"(?=[\w.-]{{0,{_NAME_LENGTH}}}{_INITIAL}-{{0,2}}(?![\w.-]))(?=[\w. -]{{0,{_WINDOW}}}?{_REVERSED_STEM})"
)
_COLON: Final = re.compile(":")
_EQUALS: Final = re.compile("=")
# Leaves out the colons behind keys of the JSON itself, and those in times.
_COLON_IN_JSON: Final = re.compile(
    r"""[:](?<![^\\]":)(?<![ ":][0-9]{2}:)(?<!["\s][0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:)"""
)
_FLAG: Final = re.compile(
    rf"""-(?=-?{_INITIAL})(?:(?<![\w.-].)|(?<=\\[nrt].))-?(?=[\w. -]{{0,{_WINDOW}}}?{_STEM})"""
    rf"""{_INITIAL}[\w.-]{{0,{_NAME_LENGTH}}}(?:\\{{0,7}}["'])?\]?(?:[ \t]|\\t)"""
)
_USERINFO: Final = re.compile(r"""://[^\s/?#"'<>\\]{1,1024}@""")
_PARAMETER: Final = re.compile(
    rf"[?&;#](?=[A-Za-z0-9_.~%-]{{0,64}}?(?:(?i:sig)|{_STEM}))[A-Za-z0-9_.~%-]{{1,64}}="
)
_SCHEME: Final = re.compile(r"(?ai:bearer|basic)(?:[ \t]|\\t)+[A-Za-z0-9._~+/=-]{8}")


def is_clean(text: str, *, in_json: bool = False, no_signs: bool = False) -> bool:  # noqa: C901, PLR0911, PLR0912 - tests, cheap ones first
    """Tell whether a search for formats, assignments, URLs and unfit characters would change nothing.

    Args:
        text: any text; it is not searched for known secrets.
        in_json: the text is JSON as ``json.dumps(..., ensure_ascii=False)`` writes it, and the search would
            be of its strings.
        no_signs: the text has no colons but those behind the keys of the JSON.
    """
    is_short = not in_json and len(text) <= _LONGEST_WORD
    if is_short and text.isascii() and text.replace("-", "_").isidentifier():
        # One word, as names and ids are: the only secret it can be is a key.
        return not (("J" in text and "eyJ" in text) or (len(text) >= len(_SHORTEST_RUN) and _is_key(text)))
    shape = text.encode("ascii", "replace").translate(_SHAPE)
    # By its number: ``in`` with bytes on both sides makes Python raise an error and clear it.
    if _UNFIT_SHAPE in shape or (not text.isascii() and UNFIT.search(text)):
        return False
    # Control characters, as JSON writes them.
    if in_json and "\\" in text and ("\\u00" in text or "\\b" in text or "\\f" in text):
        return False
    run = shape.find(_SHORTEST_RUN)
    # A single character is found much quicker, and J is rare.
    if (
        ("J" in text and "eyJ" in text)
        or "-----BEGIN " in text
        or (run >= 0 and _contains_key(text, shape, run))
    ):
        return False
    colons = () if no_signs else (_COLON_IN_JSON if in_json else _COLON).finditer(text) if ":" in text else ()
    for sign in colons:
        at = sign.start()
        if _NAME_BEFORE.match(text[max(0, at - _WINDOW) : at][::-1]):
            return False
    if "=" in text:
        if INPUT_VALUE in text or _PARAMETER.search(text):
            return False
        for sign in _EQUALS.finditer(text):
            at = sign.start()
            if _NAME_BEFORE.match(text[max(0, at - _WINDOW) : at][::-1]):
                return False
    if "@" in text and _USERINFO.search(text):
        return False
    if "b" in text or "B" in text:
        lowered = text.lower()
        if ("bearer" in lowered or "basic" in lowered) and _SCHEME.search(text):
            return False
    return "-" not in text or not _FLAG.search(text)


def _contains_key(text: str, shape: bytes, at: int) -> bool:
    """Tell whether a long run of key characters contains the beginning of a key.

    Args:
        text: any text.
        shape: the text with each character replaced by its class.
        at: where its first long run begins.
    """
    while at >= 0:
        end = shape.find(b" ", at)
        run = text[at : end if end >= 0 else len(text)]
        if _is_key(run, behind_escape=at > 0 and text[at - 1] in _ESCAPE_CHARACTERS):
            return True
        at = shape.find(_SHORTEST_RUN, end) if end >= 0 else -1
    return False


def _is_key(run: str, *, behind_escape: bool = False) -> bool:
    if not run.strip(_ID_CHARACTERS) and "fc-" not in run and "4b1d" not in run:
        return False
    at_start, behind_sign, anywhere, by_content = _key_searches()
    # A key begins where a word does, or behind an escape; so only few positions of an id are tested.
    if anywhere(run) if behind_escape else at_start(run) or behind_sign(run):
        return True
    return len(run) >= _SHORTEST_BY_CONTENT and by_content(run) is not None


@cache
def _key_searches() -> tuple[Callable[[str], object], ...]:
    """Compile the searches for prefixes of keys (at the start, behind a sign, anywhere) and for content.

    Prefixes are grouped by first character, because that is how the engine is quickest.
    """
    rests_by_first: dict[str, list[str]] = {}
    for prefix in filter(None, (key_format.prefix for key_format in KEY_FORMATS)):
        first, rest = _first_of(prefix)
        for character in first:
            rests_by_first.setdefault(character, []).append(rest)
    any_prefix = "|".join(
        f"{re.escape(first)}(?:{'|'.join(rests_by_first[first])})" for first in rests_by_first
    )
    any_content = "|".join(re.escape(key_format.hint) for key_format in KEY_FORMATS if not key_format.prefix)
    return (
        re.compile(any_prefix).match,
        re.compile(f"[^A-Za-z0-9](?:{any_prefix})").search,
        re.compile(any_prefix).search,
        re.compile(any_content).search,
    )


def _first_of(prefix: str) -> tuple[str, str]:
    if prefix[0] == "[":
        inner, _, rest = prefix[1:].partition("]")
        return inner, rest
    return (prefix[1], prefix[2:]) if prefix[0] == "\\" else (prefix[0], prefix[1:])
