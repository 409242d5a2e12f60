"""Settings from the environment: each wrong variable is named, and the others hold."""

from __future__ import annotations

import textwrap
from dataclasses import fields
from typing import Any

import pytest

from autogen_otel import Settings, instrument
from autogen_otel.settings import SettingsError, unknown_variables, withhold_everything

WORDS = "NO_CONTENT, SPAN_ONLY, EVENT_ONLY or SPAN_AND_EVENT"
CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("NO_CONTENT", "NO_CONTENT"),
        ("span_only", "SPAN_ONLY"),
        ("Event_Only", "EVENT_ONLY"),
        (" SPAN_AND_EVENT ", "SPAN_AND_EVENT"),
        ("true", "SPAN_ONLY"),
        ("False", "NO_CONTENT"),
        ("", "NO_CONTENT"),
    ],
)
def test_the_standard_variable_says_where_message_content_goes(text: str, means: str) -> None:
    assert Settings.from_environ({CONTENT: text}).capture_message_content == means
    assert Settings.from_environ({}).capture_message_content == "NO_CONTENT"


def test_one_wrong_variable_leaves_the_others_in_force() -> None:
    settings = Settings(
        environ={
            CONTENT: "SOMETIMES",
            "AUTOGEN_OTEL_MAX_VALUE_LENGTH": "9",
            "AUTOGEN_OTEL_JOURNAL": "perhaps",
            "AUTOGEN_OTEL_CAPTURE_TOOL_CONTENT": "off",
            "AUTOGEN_OTEL_FULL_MESSAGE_HISTORY": "1",
        }
    )
    assert settings == Settings(capture_tool_content=False, full_message_history=True)
    assert settings.problems == (
        f"{CONTENT} must be {WORDS}, not 'SOMETIMES'",
        "AUTOGEN_OTEL_MAX_VALUE_LENGTH must be at least 64 characters, not 9",
        "AUTOGEN_OTEL_JOURNAL must be undelivered, failing, all or off, not 'perhaps'",
    )


def test_all_wrong_variables_are_named_at_once() -> None:
    with pytest.raises(SettingsError, match=r"MAX_VALUE_LENGTH must .*; AUTOGEN_OTEL_JOURNAL must "):
        Settings.from_environ({"AUTOGEN_OTEL_MAX_VALUE_LENGTH": "long", "AUTOGEN_OTEL_JOURNAL": "perhaps"})


def test_a_wrong_word_in_the_program_is_refused() -> None:
    with pytest.raises(SettingsError, match="capture_message_content must be"):
        Settings(capture_message_content="ALL")


def test_what_is_not_given_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOGEN_OTEL_CAPTURE_TOOL_CONTENT", "off")
    monkeypatch.setenv("AUTOGEN_OTEL_MAX_VALUE_LENGTH", "100")
    monkeypatch.setenv(CONTENT, "perhaps")
    settings = Settings(redact=str.upper, max_value_length=200)
    assert (settings.capture_tool_content, settings.max_value_length) == (False, 200)
    assert settings.redact is str.upper
    assert settings.capture_message_content == "NO_CONTENT"
    assert settings.problems == (f"{CONTENT} must be {WORDS}, not 'perhaps'",)
    assert Settings(capture_message_content="SPAN_ONLY").problems == ()
    assert Settings.from_environ({}) != settings
    assert Settings.from_environ({}).capture_tool_content


def test_a_function_to_redact_with_can_be_named() -> None:
    named = Settings.from_environ({"AUTOGEN_OTEL_REDACT": "textwrap:dedent"})
    assert named.redact is textwrap.dedent


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("textwrap.dedent", "must be module:function, not 'textwrap.dedent'"),
        (
            "no_such_module:f",
            "cannot be loaded from 'no_such_module:f': ModuleNotFoundError: No module named",
        ),
        ("textwrap:no_such", "cannot be loaded from 'textwrap:no_such': AttributeError: "),
        ("textwrap:__name__", "must be a function from str to str, not 'textwrap'"),
    ],
)
def test_a_function_that_cannot_be_had_is_replaced_by_one_that_leaves_nothing(text: str, said: str) -> None:
    settings = Settings(environ={"AUTOGEN_OTEL_REDACT": text})
    (problem,) = settings.problems
    assert problem.startswith(f"AUTOGEN_OTEL_REDACT {said}")
    assert settings.redact is withhold_everything


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("AUTOGEN_OTEL_CAPTURE_TOOLS_CONTENT", "did you mean AUTOGEN_OTEL_CAPTURE_TOOL_CONTENT?"),
        ("AUTOGEN_OTEL_CAPTURE_MESSAGE_CONTENT", f"did you mean {CONTENT}?"),
        ("Autogen_Otel_Journal_Dir", "did you mean AUTOGEN_OTEL_JOURNAL_DIR?"),
        ("AUTOGEN_OTEL_QUX", "known are AUTOGEN_OTEL_CAPTURE_TOOL_CONTENT, "),
    ],
)
def test_a_misspelt_variable_is_named_with_the_nearest_right_one(variable: str, said: str) -> None:
    (sentence,) = unknown_variables({variable: "1", "AUTOGEN_OTEL_JOURNAL": "off", "PATH": "/bin"})
    assert sentence.startswith(f"{variable} is not known and does nothing; {said}")


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("true", "undelivered"),
        ("0", "off"),
        ("Failing", "failing"),
        (" all ", "all"),
        (False, "off"),
        (True, "undelivered"),
    ],
)
def test_the_journal_could_only_be_on_or_off_before_it_had_words(value: str | bool, kept: str) -> None:
    settings = Settings(journal=value)  # type: ignore[arg-type]
    assert (settings.journal, settings.keeps_journal, settings.journal_is_set) == (kept, kept != "off", True)


def test_what_the_journal_keeps_is_set_by_a_variable_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUTOGEN_OTEL_JOURNAL", raising=False)
    assert not Settings().journal_is_set
    assert not Settings.from_environ({}).journal_is_set
    monkeypatch.setenv("AUTOGEN_OTEL_JOURNAL", "undelivered")
    assert Settings().journal_is_set
    assert Settings.from_environ({"AUTOGEN_OTEL_JOURNAL": "all"}).journal_is_set


def test_another_check_changes_nothing_else_that_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUTOGEN_OTEL_JOURNAL", raising=False)
    monkeypatch.setenv(CONTENT, "perhaps")
    settings = Settings()
    changed = settings.checking("offline")
    assert (changed.check, changed.problems) == ("offline", settings.problems)
    assert not changed.journal_is_set


class Unprintable:
    def __repr__(self) -> str:
        raise ZeroDivisionError


@pytest.mark.parametrize("name", [field.name for field in fields(Settings)])
@pytest.mark.parametrize("value", [5j, [5], b"x", object(), Unprintable(), {1: 2}, "\x00" * 9000])
def test_a_value_of_any_type_is_taken_or_refused_in_one_sentence_that_names_the_setting(
    name: str, value: Any
) -> None:
    problem = ""
    try:
        Settings(**{name: value})
    except SettingsError as error:
        problem = str(error)
    assert not problem or problem.startswith(f"{name} ")
    assert len(problem) < 500


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_value_length", None),
        ("max_value_length", 99.5),
        ("exclude_content_of", 5),
        ("exclude_content_of", None),
        ("capture_tool_content", 5),
        ("announce_failures", 7),
        ("journal", 5),
        ("journal_dir", 5),
        ("check", None),
    ],
)
def test_a_value_of_another_type_is_refused(name: str, value: Any) -> None:
    with pytest.raises(SettingsError, match=f"^{name} must be .*, not {value}"):
        Settings(**{name: value})


@pytest.mark.parametrize("check", [None, "off"])
@pytest.mark.parametrize("settings", [5, {"check": "off"}, "SPAN_ONLY", Settings])
def test_settings_that_are_none_are_refused(settings: Any, check: str | None) -> None:
    with pytest.raises(SettingsError, match=r"^settings must be autogen_otel\.Settings"):
        instrument(settings=settings, check=check)
