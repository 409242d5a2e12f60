"""Stack traces: complete where they fit, and where they do not, the user's innermost frame survives."""

from __future__ import annotations

import builtins
import json
import re
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen_otel.redaction import KnownSecrets
from autogen_otel.redaction.redactor import Redactor
from autogen_otel.rendering.stacktraces.stacktrace import current_stack, stacktrace
from autogen_otel.settings import Settings
from tests.support.rendering import FORMATS_ONLY

LIMIT = 8192


def _users_innermost(message: str) -> None:
    raise ValueError(message)


def _deep(depth: int, message: str = "deep") -> None:
    if depth:
        _deeper(depth - 1, message)
    _users_innermost(message)


def _deeper(depth: int, message: str) -> None:
    _deep(depth, message)


def caught(function: Any, *args: Any) -> BaseException:
    try:
        function(*args)
    except BaseException as error:
        return error
    raise AssertionError


def _chained() -> None:
    try:
        try:
            _users_innermost("first")
        except ValueError as error:
            raise KeyError("second") from error
    except KeyError:
        raise RuntimeError("third")  # noqa: B904 - the context is what is tested


def _suppressed() -> None:
    try:
        _users_innermost("unseen")
    except ValueError:
        raise RuntimeError("seen") from None


def _in_library() -> None:
    json.loads("{bad")


def _recursing(depth: int = 0) -> int:
    return _recursing(depth + 1) + 1


@pytest.mark.parametrize("function", [_chained, _suppressed, _in_library, _recursing, lambda: _deep(5)])
def test_a_trace_that_fits_is_what_python_prints(function: Any) -> None:
    error = caught(function)
    printed = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    # Newer Pythons underline the expression; that costs room and tells little.
    assert stacktrace(error, LIMIT, FORMATS_ONLY) == re.sub(r"\n +[~^]+(?=\n)", "", printed)


@pytest.mark.needs(sys.version_info >= (3, 11), "groups and notes came with Python 3.11")
def test_groups_and_notes_are_what_python_prints() -> None:
    group_type: Any = vars(builtins)["ExceptionGroup"]

    def grouped() -> None:
        inner = group_type("inner", [caught(_chained), TypeError("two")])
        raise group_type("outer", [inner, caught(_in_library)])

    error: Any = caught(grouped)
    error.add_note("a note\nof two lines")
    printed = "".join(traceback.format_exception(error))
    assert stacktrace(error, 100_000, FORMATS_ONLY) == re.sub(r"\n[ |]+[~^]+(?=\n)", "", printed)


@pytest.mark.parametrize("limit", [1024, 1500, 3000])
@pytest.mark.parametrize("message", ["short", "long " * 5000, "lines\n" * 5000])
@pytest.mark.parametrize("depth", [0, 10, 300])
def test_the_users_innermost_frame_type_and_cut_survive(limit: int, message: str, depth: int) -> None:
    error = caught(_deep, depth, message)
    text = stacktrace(error, limit, FORMATS_ONLY)
    assert len(text) <= limit
    assert "in _users_innermost\n    raise ValueError(message)\n" in text
    assert "ValueError: " in text
    if len(stacktrace(error, 1_000_000, FORMATS_ONLY)) > limit:
        assert "cut" in text


def test_library_frames_go_before_the_users() -> None:
    def outermost() -> None:
        json.loads("{bad")

    error = caught(outermost)
    whole = stacktrace(error, LIMIT, FORMATS_ONLY)
    text = stacktrace(error, len(whole) - 10, FORMATS_ONLY)
    assert "in outermost" in text
    assert "in raw_decode" in text
    assert "in loads" not in text
    assert "[1 frames cut]" in text


def test_every_exception_of_a_long_chain_keeps_its_type_and_message() -> None:
    error = caught(_chained)
    text = stacktrace(error, 1100, FORMATS_ONLY)
    assert len(text) <= 1100
    assert "ValueError: first" in text
    assert "RuntimeError: third" in text


def test_a_chain_of_thousands_is_cut_visibly() -> None:
    error: BaseException = ValueError("root cause")
    for index in range(3000):
        outer = RuntimeError(f"layer {index}")
        outer.__cause__ = error
        error = outer
    text = stacktrace(error, 2000, FORMATS_ONLY)
    assert text.rstrip().endswith("RuntimeError: layer 2999")
    assert "exceptions cut]" in text
    assert len(text) <= 2000


def test_cyclic_causes_end() -> None:
    first, second = ValueError("first"), KeyError("second")
    first.__cause__, second.__cause__ = second, first
    text = stacktrace(first, LIMIT, FORMATS_ONLY)
    assert text.count("ValueError: first") == 1
    assert text.count("KeyError: 'second'") == 1


def test_a_recursion_error_of_many_different_frames_is_bounded() -> None:
    text = stacktrace(caught(_deep, 100_000), 2000, FORMATS_ONLY)
    assert len(text) <= 2000
    assert "RecursionError" in text
    assert "frames cut]" in text


def test_an_error_that_cannot_say_what_it_is_still_has_a_trace() -> None:
    class Broken(Exception):  # noqa: N818 - it is broken
        def __str__(self) -> str:
            raise KeyError

        @property
        def __notes__(self) -> list[str]:
            raise KeyError

    def broken() -> None:
        raise Broken

    text = stacktrace(caught(broken), LIMIT, FORMATS_ONLY)
    assert "in broken" in text
    assert "Broken: <unprintable Broken: str raised KeyError>" in text


def test_missing_source_files_and_surrogates_in_names_do_no_harm() -> None:
    namespace: dict[str, Any] = {}
    exec(compile("def f():\n    raise ValueError('x\\ud800')", "no/such\udcff.py", "exec"), namespace)  # noqa: S102 - code without a file
    text = stacktrace(caught(namespace["f"]), LIMIT, FORMATS_ONLY)
    assert 'File "no/such\\udcff.py", line 2, in f\n' in text
    assert "ValueError: x\\ud800" in text
    text.encode()


def test_our_own_frames_are_left_out() -> None:
    text = stacktrace(caught(lambda: Settings(max_value_length=1)), LIMIT, FORMATS_ONLY)
    package = str(Path(sys.modules["autogen_otel"].__file__ or "").parent)
    assert package not in text
    assert "SettingsError: max_value_length must be at least 64" in text


def test_local_variables_never_show() -> None:
    def holder() -> None:
        planted_local = "planted" + "-value"
        raise ValueError(len(planted_local))

    assert "planted-value" not in stacktrace(caught(holder), LIMIT, FORMATS_ONLY)


def test_where_the_program_stands_ends_with_the_caller() -> None:
    text = current_stack(LIMIT, FORMATS_ONLY)
    assert text.startswith("Stack (most recent call last):\n")
    assert text.rstrip().endswith("text = current_stack(LIMIT, FORMATS_ONLY)")
    assert len(current_stack(1024, FORMATS_ONLY)) <= 1024


@given(st.integers(64, 3000), st.integers(0, 2000), st.integers(0, 12))
def test_no_secret_survives_whole_or_halved_and_the_limit_holds(limit: int, shift: int, depth: int) -> None:
    secret = "qwxzjv-0123456789-qwxzjv"
    secrets = KnownSecrets()
    secrets.add(secret)
    text = stacktrace(caught(_deep, depth, "." * shift + secret + "." * 3000), limit, Redactor(secrets))
    assert len(text) <= limit
    assert "qwxz" not in text
