"""What is said to hold no key in few steps holds none."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from autogen_otel.redaction.formats import KEY_FORMATS, may_hold_key
from tests.support.lineage import examples_of_plain
from tests.support.secrets import KINDS, Kind

_PIECES = st.sampled_from(
    [
        *" \n\t:=\"'\\-_.@/?&;,[]{}()%$",
        *("sk-", "eyJ", "fc-", "4b1d", "SK", "-us", ":AA", "Q~", "hooks.slack.com/", "access_token$", "AzSe"),
        *("-----BEGIN ", "\x07", "é", "0123456789abcdef0123", "QUJDREVGR0g=", "a1B2c3D4e5F6g7H8", "deadbeef"),
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


@settings(max_examples=examples_of_plain(1500), deadline=None)
@given(_TEXTS, _BEFORE, st.sampled_from(KINDS), _TEXTS, st.sampled_from(_WRITTEN))
def test_a_text_in_which_a_format_finds_a_key_may_hold_one(
    before: str, joint: str, kind: Kind, after: str, written: Callable[[str], str]
) -> None:
    for text in (f"{before}{after}", written(f"{before}{joint}{kind.written} {after}")):
        if not may_hold_key(text):
            found = [key_format for key_format in KEY_FORMATS if key_format.expression.search(text)]
            assert found == []
