"""Settings from the environment: each wrong variable is named, and the others hold."""

from __future__ import annotations

import pytest

from autogen_otel import Settings
from autogen_otel.settings import SettingsError

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
    settings, problems = Settings.read_environ(
        {
            CONTENT: "SOMETIMES",
            "AUTOGEN_OTEL_MAX_VALUE_LENGTH": "9",
            "AUTOGEN_OTEL_JOURNAL": "perhaps",
            "AUTOGEN_OTEL_CAPTURE_TOOL_CONTENT": "off",
            "AUTOGEN_OTEL_FULL_MESSAGE_HISTORY": "1",
        }
    )
    assert settings == Settings(capture_tool_content=False, full_message_history=True)
    assert problems == [
        f"{CONTENT} must be {WORDS}, not 'SOMETIMES'",
        "AUTOGEN_OTEL_MAX_VALUE_LENGTH must be at least 64 characters, not 9",
        "AUTOGEN_OTEL_JOURNAL must be true or false, not 'perhaps'",
    ]


def test_all_wrong_variables_are_named_at_once() -> None:
    with pytest.raises(SettingsError, match=r"MAX_VALUE_LENGTH must .*; AUTOGEN_OTEL_JOURNAL must "):
        Settings.from_environ({"AUTOGEN_OTEL_MAX_VALUE_LENGTH": "long", "AUTOGEN_OTEL_JOURNAL": "perhaps"})


def test_a_wrong_word_in_the_program_is_refused() -> None:
    with pytest.raises(SettingsError, match="capture_message_content must be"):
        Settings(capture_message_content="ALL")
