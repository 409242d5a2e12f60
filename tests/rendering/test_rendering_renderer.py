"""The door itself: policy, limits, formats."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen_otel.recording import ArgumentProblem
from autogen_otel.redaction import KnownSecrets
from autogen_otel.settings import Settings
from tests.support.rendering import Content, ContentKind, ContentRenderer

SECRET = "planted-secret-0001"


def content_renderer(*, capture: bool = True, limit: int = 200) -> ContentRenderer:
    secrets = KnownSecrets()
    secrets.add(SECRET)
    return ContentRenderer(Settings(capture_tool_content=capture, max_value_length=limit), secrets)


PROBLEMS = {
    "amount: expected number, got string 'ten thousand'": ArgumentProblem(
        "amount", "mistyped", "number", "string", "ten thousand"
    ),
    "amount: expected number, got null": ArgumentProblem("amount", "mistyped", "number", "null"),
    'a.b[2]: expected string, got array [1, {"pin": "[redacted]"}]': ArgumentProblem(
        "a.b[2]", "mistyped", "string", "array", [1, {"pin": 2}]
    ),
    "policy_id: missing, expected string": ArgumentProblem("policy_id", "missing", "string"),
    "policy_id: missing": ArgumentProblem("policy_id", "missing"),
    "colour: unknown argument, got string 'red'": ArgumentProblem("colour", "unknown", None, "string", "red"),
    "nope: unknown tool": ArgumentProblem("nope", "unknown_tool"),
    "arguments: not JSON, Expecting ',' delimiter: line 1 column 8 (char 7)": ArgumentProblem(
        "arguments", "not_json", "Expecting ',' delimiter: line 1 column 8 (char 7)"
    ),
    "arguments: expected object, got array": ArgumentProblem("arguments", "not_object", "object", "array"),
    "user.api_key: expected object, got string [redacted]": ArgumentProblem(
        "user.api_key", "mistyped", "object", "string", "abc"
    ),
    "note: expected number, got string 'x [redacted]'": ArgumentProblem(
        "note", "mistyped", "number", "string", f"x {SECRET}"
    ),
}


@pytest.mark.parametrize(("expected", "problem"), PROBLEMS.items())
def test_a_problem_reads_as_the_contract_says(expected: str, problem: ArgumentProblem) -> None:
    assert content_renderer().problem(problem) == expected


def test_a_problem_shows_no_value_where_content_is_not_captured() -> None:
    problem = ArgumentProblem("amount", "mistyped", "number", "string", "ten thousand")
    assert content_renderer(capture=False).problem(problem) == "amount: expected number, got string"


def test_a_long_value_of_a_problem_is_shortened() -> None:
    content = content_renderer().problem(
        ArgumentProblem("amount", "mistyped", "number", "string", "x" * 5000)
    )
    assert content.startswith("amount: expected number, got string 'xxx")
    assert "…[cut, 5000 characters in all]'" in content
    assert len(content) < 130


@pytest.mark.parametrize(
    "kind", [ContentKind.TOOL_ARGUMENTS, ContentKind.TOOL_RESULT, ContentKind.CODE_OUTPUT]
)
def test_content_is_captured_only_where_the_policy_says_so(kind: ContentKind) -> None:
    content = Content(kind, {"a": 1, "password": "x", "b": SECRET})
    assert content_renderer().content(content) == '{"a": 1, "password": "[redacted]", "b": "[redacted]"}'
    assert content_renderer(capture=False).content(content) is None


def test_a_printed_stack_trace_is_rendered_like_any_other_redacted() -> None:
    assert (
        content_renderer(capture=False).end(f"Traceback\nValueError: {SECRET}")
        == "Traceback\nValueError: [redacted]"
    )


@pytest.mark.parametrize("length", range(9_000, 9_060, 7))
def test_of_output_the_end_is_kept_and_no_secret_is_halved_at_its_beginning(length: int) -> None:
    output = f"{SECRET} " * 700 + "x" * length + " the end"
    content = content_renderer().content(Content(ContentKind.CODE_OUTPUT, output))
    assert content is not None
    assert content.startswith(f"[cut, {len(output)} characters in all]…")
    assert content.endswith("x the end")
    assert len(content) == 200
    dense = content_renderer().content(Content(ContentKind.CODE_OUTPUT, "y" * length + f"{SECRET} " * 700))
    assert dense is not None
    assert "secret" not in dense
    assert "0001" not in dense


def test_a_plain_result_stays_plain_and_a_json_one_is_redacted_by_keys() -> None:
    assert content_renderer().content(Content(ContentKind.TOOL_RESULT, "all fine")) == "all fine"
    content = content_renderer().content(
        Content(ContentKind.TOOL_RESULT, json.dumps({"credentials": {"a": "b"}}))
    )
    assert content == '{"credentials": "[redacted]"}'


def test_a_name_is_one_short_line() -> None:
    assert content_renderer().name("lookup\n policy\t") == "lookup policy"
    assert content_renderer().name(f"agent {SECRET}") == "agent [redacted]"
    assert len(content_renderer().name("n" * 1000)) == 256
    assert content_renderer().name(None) == "None"


def test_a_url_keeps_neither_userinfo_nor_secret_query_values() -> None:
    content = content_renderer().url(
        f"https://me:pw@host:8443/v1/{SECRET}?api-version=1&api-key=abc&sig=abcdefgh&page=2"
    )
    assert (
        content
        == "https://[redacted]@host:8443/v1/[redacted]?api-version=1&api-key=[redacted]&sig=[redacted]&page=2"
    )


def test_an_error_is_named_by_module_and_class() -> None:
    assert content_renderer().error_type(ValueError()) == "ValueError"
    assert content_renderer().error_type(json.JSONDecodeError("m", "d", 0)) == "json.decoder.JSONDecodeError"


def test_an_errors_message_is_redacted_and_one_that_raises_says_so() -> None:
    class Mute(Exception):  # noqa: N818 - it is mute
        def __str__(self) -> str:
            raise KeyError

    assert content_renderer().error_message(ValueError(f"bad {SECRET}")) == "bad [redacted]"
    assert content_renderer().error_message(Mute()) == "<unprintable Mute: str raised KeyError>"


def test_hostile_values_and_errors_do_not_raise() -> None:
    def refuse(self: object, name: str) -> object:
        raise RuntimeError(name)

    value = type("Hostile", (), {"__getattribute__": refuse})()
    error = type("HostileError", (Exception,), {"__getattribute__": refuse})(1)
    assert "<Hostile object>" in content_renderer().problem(
        ArgumentProblem("a", "mistyped", "number", "object", value)
    )
    assert "<Hostile object>" in content_renderer().text(value)
    assert "<Hostile object>" in content_renderer().name(value)
    assert content_renderer().stacktrace(error).endswith("HostileError: 1\n")
    assert content_renderer().error_message(error) == "1"
    assert content_renderer().error_type(error).endswith("HostileError")


def test_stack_and_stacktrace_are_limited() -> None:
    assert len(content_renderer().stack()) <= 200
    assert len(content_renderer().stacktrace(ValueError("x" * 1000))) <= 200
    assert content_renderer().stacktrace(ValueError(SECRET)) == "ValueError: [redacted]\n"


@given(
    st.text(alphabet=st.characters(), max_size=400),
    st.sampled_from(["mistyped", "unknown", "missing", "not_json", "odd"]),
)
def test_everything_encodes_fits_and_is_free_of_secrets(value: str, kind: str) -> None:
    planted = f"{value}{SECRET}{value}"
    renderer = content_renderer(limit=100)
    problem = ArgumentProblem(planted, kind, planted, planted, planted)
    for content in (
        renderer.text(planted),
        renderer.url(planted),
        renderer.problem(problem),
        renderer.error_message(ValueError(planted)),
    ):
        content.encode()
        assert len(content) <= 100
        assert SECRET not in content
