"""What a finding says in a line, where there is little to say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from autogen_otel.cli import wording
from autogen_otel.diagnosis.findings import diagnose
from tests.support.diagnosed import incidents, journal
from tests.support.recorded import spans_of

ENTRY = {"entry": 0, "model": "gpt-4o"}


@pytest.mark.parametrize(
    ("cause", "more", "said"),
    [
        ("backend", {}, "fails without an HTTP status"),
        ("backend", {"status_code": 500}, "answers 500"),
        ("backend", {"status_code": 200}, "answers 200 with something that is no completion"),
        ("content_filter", {"status_code": 200}, "answers 200 with what a filter emptied or cut"),
        ("timeout", {"tool": "search"}, "gives no answer in time after search took long"),
        ("stream_interrupted", {"status_code": 200}, "answers 200 and breaks off"),
        ("rate_limit", {"status_code": 200}, "answers 200 with an error inside"),
        ("config_entry", {"status_code": 200}, "answers 200 but cannot be used"),
        (
            "prompt_too_large",
            {"status_code": 200, "limit_chars": 9000},
            "answers 200 without a completion to prompts from 9,000 characters on",
        ),
        ("backend", {"status_code": 200, "problem": "an error inside"}, "answers 200 with an error inside"),
        ("config_entry", {}, "cannot be asked"),
        (
            "stale_state",
            {"status_code": 400},
            "answers 400 to prompts with messages of an earlier conversation",
        ),
        (
            "client",
            {"exception": "LookupError", "location": "a.py:3 ask"},
            "raises LookupError at a.py:3 ask",
        ),
    ],
)
def test_a_model_call_says_how_it_failed_with_or_without_a_status(
    cause: str, more: dict[str, Any], said: str
) -> None:
    assert wording.title(cause, {**ENTRY, **more}) == f"config_list[0] gpt-4o {said}"


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("KeyError", "raises KeyError"),
        ("exit_code_2", "ends with exit code 2"),
        ("timeout", "takes longer than its executor allows"),
        ("unknown_language", "is in a language that its executor does not know"),
    ],
)
def test_code_says_how_it_failed(kind: str, said: str) -> None:
    subject = {"agent": "user", "exception": kind}
    assert wording.title("code_execution", subject) == f"code that user runs {said}"


def test_a_request_of_the_programs_own_says_who_asked() -> None:
    subject = {"agent": "user", "host": "llm.example", "status_code": 429, "location": "a.py:3 ask"}
    assert wording.title("rate_limit", subject) == "llm.example answers 429, asked by a.py:3 ask"


@pytest.mark.parametrize(("incident", "labels"), [("an outage", ["goes with"]), ("a dead first entry", [])])
def test_that_nothing_sets_calls_apart_is_said_unless_the_title_says_what_does(
    incident: str, labels: list[str]
) -> None:
    first = diagnose(spans_of(*journal(incidents()[incident], 1))).findings[0]
    alone = replace(first, discriminators=())
    said = dict(wording.lines(alone, 100, "today"))
    assert [label for label in said if label == "goes with"] == labels
    assert said["says"] == first.message
