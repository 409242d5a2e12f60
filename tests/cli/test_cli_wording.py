"""What a finding says in a line, where there is little to say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from autogen_otel.cli import quantities, wording
from autogen_otel.diagnosis.evidence.loops import IN_CIRCLES
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


@pytest.mark.parametrize(
    ("subject", "title"),
    [
        ({"agent": "a, b", "problem": IN_CIRCLES}, "a, b hand over to each other again and again"),
        (
            {"agent": "a", "problem": "chosen to speak next again and again"},
            "a: chosen to speak next again and again",
        ),
        # The name of one agent may have a comma.
        (
            {"agent": "Smith, Anna"},
            "Smith, Anna: choosing who speaks next fails",
        ),
    ],
)
def test_a_loop_is_no_choice_that_failed(subject: dict[str, Any], title: str) -> None:
    assert wording.title("orchestration", subject) == title


@pytest.mark.parametrize(
    ("incident", "title", "advice", "state"),
    [
        (
            "nobody speaks next",
            "planner: choosing who speaks next fails",
            "descriptions have to differ",
            "swallowed",
        ),
        (
            "round in circles",
            "critic, coder hand over to each other again and again",
            "end what goes in circles",
            "no error",
        ),
    ],
)
def test_choices_that_failed_and_circles_are_told_apart(
    incident: str, title: str, advice: str, state: str
) -> None:
    (finding,) = diagnose(spans_of(*journal(incidents()[incident], 1))).findings
    assert wording.title(finding.cause, finding.subject) == title
    assert advice in finding.advice
    assert wording.state(finding) == state


@pytest.mark.parametrize(("incident", "labels"), [("an outage", ["goes with"]), ("a dead first entry", [])])
def test_that_nothing_sets_calls_apart_is_said_unless_the_title_says_what_does(
    incident: str, labels: list[str]
) -> None:
    first = diagnose(spans_of(*journal(incidents()[incident], 1))).findings[0]
    alone = replace(first, discriminators=(), rates=())
    said = dict(wording.lines(alone, 100, "today"))
    assert [label for label in said if label == "goes with"] == labels
    assert said["says"] == first.message


@pytest.mark.parametrize(
    ("calls", "words"),
    [
        ((3, 3), "too few calls to tell: 3 failed, 3 worked"),
        ((2, 12), "too few calls to tell: 2 failed, 12 worked"),
        ((2, 1), "too few calls to tell: 2 failed, 1 worked"),
        ((4, 6), "nothing found that sets the 4 that failed apart from 6 that worked"),
        ((2, 0), "no call of this kind worked, so there is nothing to compare"),
    ],
)
def test_too_few_calls_are_not_compared_in_vain(calls: tuple[int, int], words: str) -> None:
    first = diagnose(spans_of(*journal(incidents()["an outage"], 1))).findings[0]
    alone = replace(first, discriminators=(), compared_calls=calls)
    assert dict(wording.lines(alone, 100, "today"))["goes with"] == words


@pytest.mark.parametrize(
    ("dollars", "words"),
    [
        (0.0, "about $0.0000"),
        (0.000036, "less than $0.0001"),
        (0.0001, "about $0.0001"),
        (1.5, "about $1.5000"),
    ],
)
def test_a_cost_is_not_rounded_to_nothing(dollars: float, words: str) -> None:
    assert quantities.cost(dollars) == words
