"""Secrets assigned in free text: ``api_key=…``, ``"password": "…"``, ``Authorization: …``, ``--token …``."""

from __future__ import annotations

import re
from typing import Final

from autogen_otel.redaction.cutting import MASK
from autogen_otel.redaction.names import hides, looks_secret, words_of

# A name starts only where a word starts and is bounded, so the search stays linear. Lookaheads test the first
# and the next character before the alternatives are tried, because most words are no names.
_ASSIGNMENT = re.compile(
    r"""(?<![\w.-])(?=[a-z_-])(?P<flag>--?)?
    (?P<key>(?:(?=[acprs])
            (?:api|access|secret|private|account|subscription|auth|refresh|client|connection)[ ])?
        [A-Za-z_][\w.-]{0,79})(?=[\s\\"'\]=:])
    (?P<quoted>\\{0,3}["'])?\]?
    (?:\s{0,4}(?P<sign>=>|:=|==|[=:])(?:\s{0,8}(?=\\{0,3}["'])|[ \t]{0,8})
        # An option of a command line needs no sign.
        |(?(flag)[ \t]{1,4}(?=[^\s-])|(?!)))
    """,
    re.VERBOSE | re.IGNORECASE,
)
_OPENING_QUOTE = re.compile(r"""[fFrRbBuU]{0,2}(\\{0,3})(["'])""")
_QUOTE = re.compile(r"""(?<!\\)(\\*)(["'])|\n""")
_VALUE = re.compile(
    r"""[^\s,;&"'`<>(){}\[\]\\][^\s,;&"'`<>)}\]\\]*(?:\\(?![nrt"'\\])[^\s,;&"'`<>)}\]\\]*)*"""
)
_SCHEME = re.compile(r"""(?i)(?:bearer|basic|token|apikey|negotiate|ntlm)[ \t]+(?=\S)""")
_COOKIE = re.compile(r"""[^\s=;,"'\\]{1,128}=[^\r\n"'\\]*""")
_SIGNATURE = re.compile(r"""(?i)(?:digest|aws4-)[^\r\n'\\]*""")
# An expression of source code, as stack traces show it: a call, an index, an attribute.
_CODE = re.compile(
    r"[A-Za-z_]+(?:\.[A-Za-z_]+)*[(\[]|(?:self|cls|os|args|settings|config|cfg|ctx|env|request)\.\w"
)
_PLACEHOLDER = re.compile(r"\$\{?[A-Z_][A-Z0-9_]*\}?|%(?:\(\w+\))?s|\{\w*\}|\*+|\.{3}|…")
_PLAIN_WORD = re.compile(r"[A-Za-z-]+[.!?]?")
_NEXT_WORD = re.compile(r"[ \t]{1,4}[A-Za-z]")
_NO_VALUES: Final = words_of(
    "none null nil true false undefined empty str string int integer number float bool boolean bytes "
    "object array any optional required missing expected invalid expired unknown not is was must should "
    "has the a an secretstr"
)
# Under these names even a short plain word is a secret.
_ANY_VALUE: Final = ("password", "passwd", "pwd", "passphrase", "secret", "pin")
_SHORTEST_VALUE: Final = 6
STEMS: Final = (
    "key", "token", "secret", "pass", "pwd", "pin", "auth", "cred", "cookie", "sas", "jwt", "bearer", "otp",
    "cv", "conn", "code", "signature", "assertion",
)  # fmt: skip


def redact_assignments(text: str) -> str:
    """Return the text with the values assigned to secret-looking names replaced."""
    lowered = text.lower()
    if not any(stem in lowered for stem in STEMS):
        return text
    pieces: list[str] = []
    copied_until = 0
    match = _ASSIGNMENT.search(text)
    while match:
        resume = match.end()
        if looks_secret(_key(match)):
            start, resume, is_secret = _value(text, match)
            if is_secret:
                pieces += (text[copied_until:start], MASK)
                copied_until = resume
        match = _ASSIGNMENT.search(text, resume)
    return "".join((*pieces, text[copied_until:])) if pieces else text


def _value(text: str, match: re.Match[str]) -> tuple[int, int, bool]:
    """Find where the assigned value begins and ends, and whether it is a secret.

    The search continues behind the value in either case; reading a value twice would cost quadratic time.
    """
    at = match.end()
    opening_quote = _OPENING_QUOTE.match(text, at)
    if opening_quote:
        start, end = opening_quote.end(), _end_of_quoted(text, opening_quote)
        value = text[start:end]
        return start, end, hides(_key(match), value) and not _is_no_value(match, value)
    key = _key(match).lower()
    if key.endswith(("authorization", "cookie")):
        header = _COOKIE.match(text, at) if key.endswith("cookie") else _SIGNATURE.match(text, at)
        if header:
            return at, header.end(), True
    scheme = _SCHEME.match(text, at)
    bare_value = _VALUE.match(text, scheme.end() if scheme else at)
    if bare_value is None:
        return at, at, False
    return at, bare_value.end(), scheme is not None or not _is_harmless(text, match, bare_value)


def _key(match: re.Match[str]) -> str:
    r"""The name that is assigned to, without the letter of an escape before it: ``\napi_key=…``."""
    key, start = match["key"], match.start("key")
    escaped = start > 0 and match.string[start - 1] == "\\" and key[0] in "abfnrtv"
    return key[1:] if escaped and not looks_secret(key) else key


def _end_of_quoted(text: str, opening_quote: re.Match[str]) -> int:
    """Return the end of quoted text: its closing quote, else the end of the line."""
    escape, quote = opening_quote.groups()
    for quote_match in _QUOTE.finditer(text, opening_quote.end()):
        if quote_match[2] is None:
            return quote_match.start()
        if quote_match[2] != quote:
            continue
        if not escape and len(quote_match[1]) % 2 == 0:
            return quote_match.end() - 1
        if escape and len(quote_match[1]) <= len(escape):
            return quote_match.start()
    return len(text)


def _is_no_value(match: re.Match[str], value: str) -> bool:
    if value.lower().rstrip(".:!?") in _NO_VALUES or _PLACEHOLDER.fullmatch(value):
        return True
    return (
        len(value) < _SHORTEST_VALUE and not match["quoted"] and not _key(match).lower().endswith(_ANY_VALUE)
    )


def _is_harmless(text: str, match: re.Match[str], bare_value: re.Match[str]) -> bool:
    value = bare_value.group()
    if _is_no_value(match, value) or _CODE.match(text, bare_value.start()):
        return True
    if looks_secret(value) and value.replace("_", "").replace(".", "").isalpha():
        # A variable passed on: password=user_password.
        return True
    return match["sign"] == ":" and not match["quoted"] and _is_prose(text, bare_value)


def _is_prose(text: str, bare_value: re.Match[str]) -> bool:
    """Tell whether a plain word continues or ends a sentence: ``The secret: never give up.``."""
    value = bare_value.group()
    if value.lower().rstrip(".:!?") in _NO_VALUES:
        return True
    if not _PLAIN_WORD.fullmatch(value):
        return False
    return value.endswith((".", "!", "?")) or _NEXT_WORD.match(text, bare_value.end()) is not None
