"""JSON texts stay as they are, or come out as the whole conversion writes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autogen_otel.redaction import MASK, KnownSecrets, Redactor
from autogen_otel.redaction.cutting import cut
from autogen_otel.rendering import values
from autogen_otel.rendering.messages import messages
from autogen_otel.rendering.messages.messages import messages_json
from autogen_otel.rendering.values import json_text
from tests.support.lineage import examples_of_plain
from tests.support.rendering import FORMATS_ONLY
from tests.support.secrets import KINDS

_KNOWN = "qwxzjv/Planted+0123456789"
_NAMES = st.sampled_from(
    [
        *("id", "name", "value", "status", "author", "code", "key", "header", "a b", "max_tokens", "", ":"),
        *(
            "password",
            "api_key",
            "token",
            "cookies",
            "x" * 300,
            'a"b',
            "a: 1",
            "}, {",
            "é",
            "n\n",
            "2password",
            "token\r",
        ),
    ]
)
_WORDS = st.sampled_from(
    [
        *("", "water in the cellar", " lead", "[x", "{", "}, {", "x}, {", ": 5", ', "k": 1', "]", '"', "\\"),
        *("two\nlines", "tab\t", "\x07", "\x7f", "\ud800", "ü", "a/b", "2026-11-29T03:05:32Z", "x" * 600),
        *("api_key", "api_key=hunter2-x", "password: hunter22", "http://ann:pw@host/", "Bearer abcdef123456"),
        *('{"password": "hunter2"}', "[1]", "A" * 40 + "b1" * 600, "data:image/png;base64,QUJDREVGR0g="),
        *(_KNOWN, f"see {_KNOWN}.", *(kind.secret for kind in KINDS)),
    ]
)
_NUMBERS = st.one_of(
    st.integers(),
    st.integers(-(2**64), 2**64),
    st.floats(),
    st.decimals(-(10**6), 10**6, allow_nan=False, places=4).map(float),
    st.sampled_from([1e5, 1e-5, 0.0001, 1e16, 1e22, -0.0, 0.1, 123456789.123456]),
)
_SCALARS = st.one_of(st.none(), st.booleans(), _NUMBERS, _WORDS)
_TREES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(_NAMES, inner, max_size=4),
        # Records that are alike, as tools return them.
        st.tuples(st.lists(inner, min_size=1, max_size=2), st.integers(1, 4)).map(
            lambda told: [{"id": 1, "held": one} for one in told[0]] * told[1]
        ),
        st.lists(st.fixed_dictionaries({"id": _SCALARS, "note": _SCALARS}), max_size=5),
    ),
    max_leaves=12,
)
_SEPARATORS = st.sampled_from(
    [(", ", ": "), (", ", ": "), (",", ":"), (",  ", ": "), (", ", ":  "), (" , ", " : ")]
)
_PIECES = st.sampled_from(
    [
        *(
            '"',
            '": ',
            '": 5',
            '": "x"',
            '": 0',
            "}, {",
            "},  {",
            "{",
            "}",
            "[",
            "]",
            ", ",
            ",",
            ":",
            " ",
            "\n",
        ),
        *(
            "0",
            "-",
            ".5",
            "e5",
            "00",
            "-0",
            "1E5",
            "1.50",
            "NaN",
            "true",
            "null",
            '"id": 1, ',
            "\\",
            "\\u0073",
        ),
        *('"password": "x"', "\\/", "\t", "\x00", ', "k": 1}, {"k": 1}, {"', '"}, {"'),
    ]
)


@st.composite
def _spoilt(draw: st.DrawFn, trees_to_write: st.SearchStrategy[Any]) -> str:
    """JSON, written in some way, and spoilt a little."""
    text = json.dumps(draw(trees_to_write), ensure_ascii=draw(st.booleans()), separators=draw(_SEPARATORS))
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(_PIECES) + text[at + draw(st.integers(0, 3)) :]
    return text


def redactor() -> Redactor:
    secrets = KnownSecrets()
    secrets.add(_KNOWN)
    return Redactor(secrets)


@contextmanager
def the_whole_way() -> Iterator[None]:
    """Everything is parsed, converted and searched, and each message is made to fit."""
    # Functions and no mocks, which take longer to make than what is tested takes.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(values, "stays_as_it_is", lambda *_, **__: False)
        patch.setattr(messages, "dump_whole", lambda *_, **__: " " * 1_000_000)
        yield


def comes_out_whole(text: str, limit: int) -> None:
    """It is converted, or shown as it is because a conversion would take nothing out."""
    quick = json_text(text, limit, redactor())
    with the_whole_way():
        if quick != json_text(text, limit, redactor()):
            assert quick == cut(text, limit, len(text))
            converted = json_text(text, 1_000_000, redactor())
            assert MASK not in converted
            assert "\\x" not in converted


@pytest.mark.slow
@settings(max_examples=examples_of_plain(500), deadline=None)
@given(_spoilt(_TREES), st.sampled_from([64, 200, 700, 5000]))
def test_a_json_text_is_converted_or_stays_as_it_is(text: str, limit: int) -> None:
    comes_out_whole(text, limit)


@st.composite
def _records(draw: st.DrawFn) -> str:
    """A list of records with the same keys, written in some way and spoilt a little."""
    some = draw(st.lists(_NAMES, min_size=1, max_size=4, unique=True))
    row = st.fixed_dictionaries(dict.fromkeys(some, _SCALARS))
    odd = draw(st.lists(row, min_size=1, max_size=2))
    plain = [dict(zip(some, ("x", 1, -2.5, None), strict=False))] * 20
    return draw(_spoilt(st.just([*odd, *plain] if draw(st.booleans()) else [*plain, *odd])))


@pytest.mark.slow
@settings(max_examples=examples_of_plain(500), deadline=None)
@given(_records(), st.sampled_from([64, 200, 700, 5000]))
def test_records_are_converted_or_stay_as_they_are(text: str, limit: int) -> None:
    comes_out_whole(text, limit)


_ODD = [
    *('{"a": "b".5}', '{"a": "b"e5}', '{"a": 1, "a": 2}', '{"a": -0}', '{"a": 1.50}', '{"a": 1.0e5}'),
    *('{"a": 0.00001}', '{"a": 0.0001}', '{"a": -0.0}', '{"a": 1E5}', '{"a": 12345678901234567890}'),
    *('{"a": "x\\/y"}', '{"a": "\\u0141"}', '{"\\u0141": 1}'),
    *('{"a": NaN}', '{"a":1}', '{"a":  1}', '{"a": 1 }', '{"a": 00}', '{"a": "x\ty"}', '{"a": "\\u0078"}'),
    *('{"2password" : "hunter2"}', '{"2password"\n:"hunter2"}', '{"is the password": hunter2-x}'),
    *(
        f'{{"{name}{end}": "hunter2"}}'
        for name in ("token", "2pin", "x-auth")
        for end in ("\\r", "\\n", "\\t ")
    ),
    *('{"a": "{}"}', '{"a": " {}"}', '{"a": "\\"}', '{"a": [1]}', '{"a": {"b": 1}}', '{"": 1}', "{}", "1"),
    *('{"a": "}, {"}', '{"a": "\ud800"}', '{"a": "\x7f"}', '{"a": ": "}', '{"a": 123456789.123456}'),
    *('{"name": "api_key", "value": "x"}', '{"value": "x", "name": "api_key"}', '{"password": "x"}'),
    *(f'{{"a": "{"x" * 4000}"}}', f'{{"{"k" * 300}": 1}}', '{"a": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.abc-de_f"}'),
    *(f'{{"a": "see {_KNOWN}."}}', '{"a": "password=hunter2-x"}', '{"a": "http://ann:pw-of-ann@host/"}'),
]


@pytest.mark.parametrize("odd", _ODD)
@pytest.mark.parametrize("separator", [", ", ",", " , "])
def test_odd_records_are_converted_or_stay_as_they_are(odd: str, separator: str) -> None:
    for number in (1, 80):
        text = f"[{separator.join([odd] * number)}]"
        for one in (text, text + " ", text[:-1], text + "]"):
            comes_out_whole(one, 5000)


@pytest.mark.parametrize(("words", "number"), [(400, 2), (20, 99), (510, 3), (520, 3)])
@pytest.mark.parametrize("limit", [64, 500, 683, 690, 5000])
def test_records_that_are_cut_are_converted_or_stay_as_they_are(words: int, number: int, limit: int) -> None:
    comes_out_whole(json.dumps([{"id": 1, "note": "word " * (words // 5)}] * number), limit)


_RECORD = {"id": 7, "status": "active", "author": "Ann", "code": -7.25, "ok": True, "more": None}
_ALIKE = [{**_RECORD, "note": f"in the, cellar: {number}"} for number in range(99)]
_NESTED = [{"at": "2026-11-29T03:05:32Z", "who": {"author": "Ann"}, "code": [1, {"b": None}]}] * 99


@pytest.mark.parametrize("written", [{}, {"indent": 2}, {"separators": (",", ":")}])
@pytest.mark.parametrize("records", [_ALIKE, _NESTED, {"a": 1}, [{f"key{at}": at for at in range(99)}]])
def test_a_text_that_holds_no_secret_is_not_parsed(records: Any, written: dict[str, Any]) -> None:
    text = json.dumps(records, **written)
    with mock.patch("json.loads", side_effect=AssertionError):
        assert json_text(text, 40_000, FORMATS_ONLY) == text


def test_of_a_long_text_only_the_beginning_is_read() -> None:
    text = json.dumps(_ALIKE * 100)
    with mock.patch("json.loads", side_effect=AssertionError):
        assert json_text(text, 1000, FORMATS_ONLY) == cut(text, 1000, len(text))


@pytest.mark.parametrize("before", range(850, 980, 9))
def test_no_secret_is_shown_wherever_a_long_text_holds_it(before: int) -> None:
    alone = (one for one in (_KNOWN, *(kind.secret for kind in KINDS)) if redactor().text(one) == MASK)
    for secret in ("password=hunter2-x", "http://ann:hunter2-x@host/", *alone):
        records = [{"id": 7, "note": "ab, " * (before // 4)}, {"id": 8, "note": secret}, *_ALIKE]
        assert secret[:12] not in json_text(json.dumps(records), 1000, redactor())


@pytest.mark.parametrize("pretty", [False, True])
def test_of_a_text_that_is_cut_as_much_is_shown_as_fits(pretty: bool) -> None:
    long = {"log": "word " * 1000, "status": "failed"}
    text = json.dumps([[1, 2, 3]] * 200 if pretty else long, indent=8 if pretty else None)
    assert ('"failed"' in json_text(text, 1000, FORMATS_ONLY)) is not pretty
    assert (json_text(text, 1000, FORMATS_ONLY).count("[1, 2, 3]") > 80) is pretty


_CALLS = st.lists(
    st.fixed_dictionaries(
        {"id": _WORDS, "function": st.fixed_dictionaries({"name": _NAMES, "arguments": _spoilt(_TREES)})}
    ),
    max_size=2,
)
_MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "tool", "assistant"]), "content": _WORDS | _spoilt(_TREES)},
        optional={"tool_calls": _CALLS, "tool_call_id": _WORDS, "name": _NAMES},
    ),
    max_size=5,
)


@pytest.mark.slow
@settings(max_examples=examples_of_plain(300), deadline=None)
@given(_MESSAGES, st.sampled_from(["input", "output", "instructions"]), st.integers(64, 3000))
def test_messages_come_out_the_same_either_way(said: list[Any], kind: str, limit: int) -> None:
    quick = messages_json(kind, tuple(said), limit, redactor())
    with the_whole_way():
        assert messages_json(kind, tuple(said), limit, redactor()) == quick


@pytest.mark.slow
@settings(max_examples=examples_of_plain(200), deadline=None)
@given(st.dictionaries(_NAMES, _TREES, max_size=4), st.sampled_from([200, 5000]))
def test_tool_definitions_come_out_the_same_either_way(parameters: dict[str, Any], limit: int) -> None:
    tool = {"type": "function", "function": {"name": "f", "description": "Does.", "parameters": parameters}}
    quick = messages_json("tools", (tool,), limit, redactor())
    with the_whole_way():
        assert messages_json("tools", (tool,), limit, redactor()) == quick
