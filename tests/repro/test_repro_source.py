"""What is recorded stays a value in the source that is written, whatever it says."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autogen_otel.repro.source import (
    Placeholder,
    call,
    docstring,
    has_placeholders,
    identifier,
    literal,
    words,
)
from tests.support.lineage import examples_of_plain

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
HOSTILE = [
    '"""\nimport os\nos.system("true")\n"""',
    "'''; raise SystemExit #",
    "\\",
    '\\"""',
    "{0} %s {__import__('os')}",
    "\u202e\u2066 txet desrever",
    "a\x00b\r\n\x1b[31m",
    "\ud800",
]


@pytest.mark.slow
@given(JSON)
@settings(max_examples=examples_of_plain(200), deadline=None)
def test_a_literal_is_the_value(value: Any) -> None:
    assert ast.literal_eval(literal(value)) == value


@given(st.text())
@settings(deadline=None)
def test_words_stay_in_their_docstring(text: str) -> None:
    source = docstring(f"It said: {words(text)}.", [[f"    {words(text)}"], []])
    module = ast.parse(source)
    assert [type(one) for one in module.body] == [ast.Expr]
    assert source.isascii() or not any(ord(one) > 0x250 for one in source)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_data(text: str) -> None:
    assert ast.literal_eval(literal({text: [text]})) == {text: [text]}
    assert len(ast.parse(docstring(words(text), [[words(text)]])).body) == 1
    assert f"test_{identifier(text)}".isidentifier()


def test_what_is_no_plain_data_is_refused() -> None:
    with pytest.raises(TypeError, match="object is no plain data"):
        literal({"a": object()})


def test_placeholders_are_calls_with_their_names() -> None:
    value = {"user": {"token": Placeholder("user.token", "redacted")}}
    assert literal(value) == '{"user": {"token": placeholder("user.token", "redacted")}}'
    assert has_placeholders(value)
    assert not has_placeholders({"user": ["a"]})


def test_ruff_would_change_nothing(tmp_path: Path) -> None:
    values = [
        {"short": 1},
        {"a" * 50: "b" * 50, "c": {"d": ["e" * 30, "f" * 30, "g" * 30]}, "none": []},
        {"quotes": ['"', "'", "\"'", "it's", 'say "hi"'], "long": "x" * 200, "number": 1e-30},
        ["Zoë 文字 \u202e", {"deep": {"deeper": [{"k": i} for i in range(9)]}}],
        {"who" * 12: Placeholder("n" * 40, "redacted"), "p": Placeholder("m" * 80, "cut")},
        *({"k" * size: "v" * (76 - size), "l": ["w" * 20] * 3} for size in range(1, 30)),
        *(["x" * size, "y"] for size in range(65, 80)),
    ]
    lines = [docstring("All of it.", [[words(text) for text in HOSTILE if text.strip()]]), ""]
    lines += [f"VALUE = {literal(value, used_columns=8)}" for value in values]
    lines += [f"CALL = {call('call', {'one': value, 'other': None})}" for value in values]
    path = tmp_path / "written.py"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    ruff = [sys.executable, "-m", "ruff", "format", "--isolated", "--diff", str(path)]
    done = subprocess.run(ruff, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    assert done.returncode == 0, done.stdout + done.stderr
