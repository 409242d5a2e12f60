"""Texts of tools that may be objects with an error: JSON or Python's literals, of any depth."""

from __future__ import annotations

import threading

import pytest

from autogen_otel.operations.tools.returned_error import returned_error
from autogen_otel.redaction import KnownSecrets, Redactor
from autogen_otel.rendering.values import json_text

_NAMED = 'it\'s "bad"\n\x07é😀\\'
_DEEP = 60_000
_HOSTILE = [
    "{'error': " + before + inner * _DEEP + after
    for before, inner, after in [
        *(("", sign, "") for sign in "-([{~"),
        *(("x", ".y", "}"), ("1", "+1", "}"), ("", "not ", "1}"), ("", "lambda:", "1}"), ("'", "\\'", "'}")),
        *(
            ("", "[", "]" * _DEEP + "}"),
            ("", "{'a':", "1" + "}" * (_DEEP + 1)),
            ("'", "\\", "'}"),
            ("", "''", "}"),
        ),
    ]
]


def in_small_thread(function: object, *args: object) -> object:
    """The answer of a function on a thread with a small stack."""
    answers: list[object] = []
    before = threading.stack_size(256 * 1024)
    try:
        thread = threading.Thread(target=lambda: answers.append(function(*args)))  # type: ignore[operator]
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    return answers[0]


@pytest.mark.parametrize("text", [repr({"error": _NAMED}), repr({"n": (1,), "ok": False, "message": _NAMED})])
def test_the_error_in_a_dict_that_was_written_by_python_is_found(text: str) -> None:
    assert returned_error(text) == _NAMED


@pytest.mark.parametrize("text", [*_HOSTILE, *(text.replace("'", '"') for text in _HOSTILE)])
def test_a_text_of_any_depth_ends_no_thread(text: str) -> None:
    for part in (text[:18_000], text):
        in_small_thread(returned_error, part)
        shown = in_small_thread(json_text, part, 1000, Redactor(KnownSecrets()))
        assert isinstance(shown, str)
        assert len(shown) <= 1000
