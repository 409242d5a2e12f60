"""Twice the text takes about twice the steps, whatever it is made of: they are counted and not timed.

The expressions have a test of their own (``tests/contract/test_contract_time.py``); here it is what we do
between their matches.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from autogen_otel.redaction import KnownSecrets, Redactor
from autogen_otel.rendering.messages.messages import messages_json
from autogen_otel.rendering.values import json_text

_PIECES = (
    *(
        "password",
        "token",
        "api_key",
        "name",
        "value",
        "key",
        "header",
        "str ",
        "Bearer ",
        "a",
        "A1b2",
        "_",
        ".",
    ),
    *(
        "=",
        ":",
        " ",
        "\n",
        "\n  ",
        "- ",
        "\t",
        "\\",
        '"',
        "'",
        "`",
        "'''",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "<",
        ">",
    ),
    *(",", ";", "&", "|", "#", "?", "%", "$", "*", "**", "@", "://", "</", "…", "...", "é", "\ud800", "\x00"),
    *("\\n", '\\"', "\\u0026", "%20", "%253D", "&amp;", "&quot;", "\x1b[0m", "--token ", "-u ", "SecretStr("),
    *("os.environ.get('", "Cookie: ", "Authorization: ", "Digest ", ", input_value=", ", input_type="),
    *(
        "sk-",
        "eyJ",
        "-----BEGIN PRIVATE KEY-----",
        "-----",
        "data:image/png;base64,",
        "x" * 20,
        "held-secret-01",
    ),
    *('{"a": ', '"a", ', "[1, "),
)
_UNITS = 150
_LENGTH = 1200
_MOST_GROWTH = 2.6
_MOST_STEPS = 400
"""A character takes no more than so many steps."""


def _texts() -> list[tuple[str, str]]:
    draw = random.Random(25)  # noqa: S311 - the same each time
    units = [
        (
            "".join(draw.choices(_PIECES, k=draw.randint(0, 2))),
            "".join(draw.choices(_PIECES, k=draw.randint(1, 4))),
        )
        for _ in range(_UNITS)
    ]
    return [('token="', "\\"), ("", '"a\\'), ("password:\n", "  password:\n"), *units]


def _redactor() -> Redactor:
    secrets = KnownSecrets()
    secrets.add("held-secret-01")
    return Redactor(secrets)


_WAYS: dict[str, Callable[[str], object]] = {
    "text": lambda text: _redactor().text(text),
    "JSON": lambda text: json_text(text, 1_000_000, _redactor()),
    "cut": lambda text: json_text(text, 300, _redactor()),
    "a message": lambda text: messages_json(
        "input", ({"role": "user", "content": text},), 100_000, _redactor()
    ),
}


def _steps(function: Callable[[str], object], text: str) -> int:
    """Lines of Python that run."""
    count = 0

    def trace(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function(text)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("way", _WAYS)
def test_twice_the_text_takes_twice_the_steps(way: str) -> None:
    function = _WAYS[way]
    function("password=warm-up-1")
    growing = {}
    for first, unit in _texts():
        once, twice = (first + unit * (length // len(unit)) for length in (_LENGTH, 2 * _LENGTH))
        fewer, more = _steps(function, once), _steps(function, twice)
        if more > _MOST_GROWTH * fewer or more > _MOST_STEPS * len(twice):
            growing[first, unit] = (fewer, more)
    assert growing == {}
