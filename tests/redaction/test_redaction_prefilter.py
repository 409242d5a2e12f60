"""What the prefilter calls clean, the whole search would leave as it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from autogen_otel.redaction import KnownSecrets, Redactor
from autogen_otel.redaction.prefilter import is_clean
from tests.support.lineage import examples_of_plain
from tests.support.secrets import KINDS, Kind

_PIECES = st.sampled_from(
    [
        *" \n\t:=\"'\\-_.@/?&;,[]{}()%$",
        *("://", "--", "=>", ":=", '": "', "\\n", "\\", " = ", "Bearer ", "Basic ", "input_value="),
        *("password", "api_key", "apiKey", "token", "secret", "author", "code", "pin", "shipping", "key"),
        *("PGPASSWORD", "max_tokens", "cookie", "sig", "client secret", "auth", "X-Api-Key", "sk-", "eyJ"),
        *("hunter2", "t0ken-value-1", "abcdef", "None", "user", "host.example", "2026-11-29T03:05:32Z"),
        *("-----BEGIN ", "\x07", "\ud800", "é", "ß", "0123456789abcdef0123", "QUJDREVGR0g="),
    ]
)
_BEFORE = st.sampled_from(
    [
        *("", " ", "-", "_", "/", "=", ".", "x", "é", "fc-", "deadbeef-"),
        *("%3D", "\\n", "\\x1b", "[0m", "[31m", ";123m"),
    ]
)
"""What a key may stand behind: a sign, an escape, the end of a word that it then is a part of."""
_WRITTEN: list[Callable[[str], str]] = [str, json.dumps, repr, partial(quote, safe="", errors="replace")]
_TEXTS = st.lists(_PIECES, max_size=14).map("".join)
_REDACTOR = Redactor(KnownSecrets())


def slow(text: str) -> str:
    return _REDACTOR._redacted(text)


@settings(max_examples=examples_of_plain(1500), deadline=None)
@given(_TEXTS)
def test_a_text_that_is_called_clean_would_be_left_as_it_is(text: str) -> None:
    if is_clean(text):
        assert slow(text) == text


@settings(max_examples=examples_of_plain(700), deadline=None)
@given(st.lists(_TEXTS, max_size=4))
def test_strings_of_json_that_is_called_clean_would_be_left_as_they_are(texts: list[str]) -> None:
    if is_clean(json.dumps(texts, ensure_ascii=False), in_json=True):
        assert [slow(text) for text in texts] == texts


@settings(max_examples=examples_of_plain(700), deadline=None)
@given(_TEXTS, _BEFORE, st.sampled_from(KINDS), _TEXTS, st.sampled_from(_WRITTEN))
def test_no_text_with_a_secret_that_the_search_takes_out_is_called_clean(
    before: str, joint: str, kind: Kind, after: str, written: Callable[[str], str]
) -> None:
    text = written(f"{before}{joint}{kind.written} {after}")
    assert not is_clean(text) or slow(text) == text
