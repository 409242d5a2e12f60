r"""Telling in few steps that a text holds nothing to take out, so that the search is for those that may.

Whatever the search would change is caught here; what is caught may be harmless. Each test holds for a part
of a text as for the whole, so one look at a JSON text is enough for all its strings: between their unescaped
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

_OF_KEYS: Final = f"{string.ascii_letters}{string.digits}_-.~+/=$:@"
"""All that keys of the known formats consist of."""
_OF_IDS: Final = f"{string.digits}abcdef-.+:TZ"
"""Times and UUIDs consist of nothing else, and keys only where they begin with ``4b1d`` or ``fc-``."""
_ESCAPING: Final = "\\%[;"
"""What an escape begins with, in code, URLs and the colours of terminals."""
_SHORTEST_INSIDE: Final = 35
"""Of a key that is known by what it contains, with what stands before it."""
_LONGEST_WORD: Final = 128
_RUN: Final = b"a" * 15
"""The shortest key, but for the two that are looked for by name."""


def _shape_of(code: int) -> int:
    return ord("a" if chr(code) in _OF_KEYS else "!" if UNFIT.match(chr(code)) else " ")


_SHAPE: Final = bytes(map(_shape_of, range(256)))
_UNFIT_SHAPE: Final = ord("!")

_STEM: Final = f"(?i:{'|'.join(STEMS)})"
_REVERSED_STEM: Final = f"(?i:{'|'.join(stem[::-1] for stem in STEMS)})"
# The four that are no ASCII match i, s and k where case is ignored.
_FIRST: Final = "[A-Za-z_\u0130\u0131\u017f\u212a]"
_NAME_LENGTH: Final = 81
_WINDOW: Final = 128
"""A name of 80 characters, a word before it, and what may stand between it and its sign."""
# Read backwards from the sign, because signs are rare and names are everywhere.
_NAME_BEFORE: Final = re.compile(
    rf"""(?:\s|[nrt]\\){{0,4}}\]?(?:["']\\{{0,7}})?"""
    rf"(?=[\w.-]{{0,{_NAME_LENGTH}}}{_FIRST}-{{0,2}}(?![\w.-]))(?=[\w. -]{{0,{_WINDOW}}}?{_REVERSED_STEM})"
)
_COLON: Final = re.compile(":")
_EQUALS: Final = re.compile("=")
# Neither the colon behind a key of the JSON itself, nor those in times.
_COLON_IN_JSON: Final = re.compile(
    r"""[:](?<![^\\]":)(?<![ ":][0-9]{2}:)(?<!["\s][0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:)"""
)
_FLAG: Final = re.compile(
    rf"""-(?=-?{_FIRST})(?:(?<![\w.-].)|(?<=\\[nrt].))-?(?=[\w. -]{{0,{_WINDOW}}}?{_STEM})"""
    rf"""{_FIRST}[\w.-]{{0,{_NAME_LENGTH}}}(?:\\{{0,7}}["'])?\]?(?:[ \t]|\\t)"""
)
_USERINFO: Final = re.compile(r"""://[^\s/?#"'<>\\]{1,1024}@""")
_PARAMETER: Final = re.compile(
    rf"[?&;#](?=[A-Za-z0-9_.~%-]{{0,64}}?(?:(?i:sig)|{_STEM}))[A-Za-z0-9_.~%-]{{1,64}}="
)
_SCHEME: Final = re.compile(r"(?ai:bearer|basic)(?:[ \t]|\\t)+[A-Za-z0-9._~+/=-]{8}")


def is_clean(text: str, *, in_json: bool = False, no_signs: bool = False) -> bool:  # noqa: C901, PLR0911, PLR0912 - tests, cheap ones first
    """Tell whether a search for formats, assignments, URLs and unfit characters would change nothing.

    Args:
        text: any text; known secrets in it are not looked for.
        in_json: it is JSON as ``json.dumps(..., ensure_ascii=False)`` writes it, and it is its strings that
            would be searched.
        no_signs: there is no colon in it but those behind the keys of the JSON.
    """
    is_short = not in_json and len(text) <= _LONGEST_WORD
    if is_short and text.isascii() and text.replace("-", "_").isidentifier():
        # One word, as names and ids are: it may be a key, and nothing else.
        return not (("J" in text and "eyJ" in text) or (len(text) >= len(_RUN) and _is_key(text)))
    shape = text.encode("ascii", "replace").translate(_SHAPE)
    # By its number: to look for bytes in bytes makes Python raise an error and clear it.
    if _UNFIT_SHAPE in shape or (not text.isascii() and UNFIT.search(text)):
        return False
    # Control characters, as JSON writes them.
    if in_json and "\\" in text and ("\\u00" in text or "\\b" in text or "\\f" in text):
        return False
    run = shape.find(_RUN)
    # A single character is found much quicker, and J is rare.
    if (
        ("J" in text and "eyJ" in text)
        or "-----BEGIN " in text
        or (run >= 0 and _holds_key(text, shape, run))
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


def _holds_key(text: str, shape: bytes, at: int) -> bool:
    """Tell whether a long run of such characters contains how a key begins.

    Args:
        text: any text.
        shape: of its characters.
        at: where its first long run begins.
    """
    while at >= 0:
        end = shape.find(b" ", at)
        run = text[at : end if end >= 0 else len(text)]
        if _is_key(run, behind_escape=at > 0 and text[at - 1] in _ESCAPING):
            return True
        at = shape.find(_RUN, end) if end >= 0 else -1
    return False


def _is_key(run: str, *, behind_escape: bool = False) -> bool:
    if not run.strip(_OF_IDS) and "fc-" not in run and "4b1d" not in run:
        return False
    first, behind_sign, anywhere, inside = _beginnings()
    # A key begins where a word does, or behind an escape; so of an id only few places are looked at.
    if anywhere(run) if behind_escape else first(run) or behind_sign(run):
        return True
    return len(run) >= _SHORTEST_INSIDE and inside(run) is not None


@cache
def _beginnings() -> tuple[Callable[[str], object], ...]:
    """What finds how keys begin: at the first place, behind a sign, and anywhere; and what others contain.

    By first character, because that is how the engine is quickest.
    """
    rests: dict[str, list[str]] = {}
    for begins in filter(None, (one.begins for one in KEY_FORMATS)):
        first, rest = _first_of(begins)
        for character in first:
            rests.setdefault(character, []).append(rest)
    begin = "|".join(f"{re.escape(first)}(?:{'|'.join(rests[first])})" for first in rests)
    inside = "|".join(re.escape(one.hint) for one in KEY_FORMATS if not one.begins)
    return (
        re.compile(begin).match,
        re.compile(f"[^A-Za-z0-9](?:{begin})").search,
        re.compile(begin).search,
        re.compile(inside).search,
    )


def _first_of(begins: str) -> tuple[str, str]:
    if begins[0] == "[":
        inner, _, rest = begins[1:].partition("]")
        return inner, rest
    return (begins[1], begins[2:]) if begins[0] == "\\" else (begins[0], begins[1:])
