"""Many lists, right ones and wrong ones: what is wrong is found, and nothing else, in every lineage."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

import pytest

from autogen_otel.checks import ListReport, examine
from autogen_otel.checks.ask import Answers
from autogen_otel.checks.report import WARNING
from autogen_otel.checks.source import of_text, of_value
from tests.support.config_lists import ANTHROPIC_KEY, AZURE_KEY, KEY, OTHER_KEY, RIGHT, WRONG, Case, gpt
from tests.support.lineage import IS_02
from tests.support.pasted_lists import (
    AZURE_LONG_KEY,
    GROQ_KEY,
    GUESSED,
    OPENROUTER_KEY,
    PASTED_RIGHT,
    PASTED_WRONG,
)

CASES = (*RIGHT, *WRONG, *PASTED_RIGHT, *PASTED_WRONG)
SECRETS = (
    *(KEY, OTHER_KEY, AZURE_KEY, ANTHROPIC_KEY, AZURE_LONG_KEY, GROQ_KEY, OPENROUTER_KEY),
    "hunter2secret",
)


@pytest.fixture(scope="module")
def reports() -> dict[str, ListReport]:
    """A report of each list; those with the same variables share one question to the host."""
    by_environment: dict[tuple[tuple[str, str], ...], list[Case]] = {}
    for case in CASES:
        by_environment.setdefault(tuple(sorted(case.environ.items())), []).append(case)
    found: dict[str, ListReport] = {}
    for environ, cases in by_environment.items():
        with pytest.MonkeyPatch.context() as patch:
            _set(patch, dict(environ))
            made = examine([of_value(case.config) for case in cases])
        found |= {case.name: report for case, report in zip(cases, made, strict=True)}
    return found


def _set(patch: pytest.MonkeyPatch, environ: Mapping[str, str]) -> None:
    for name in tuple(os.environ):
        if name.startswith(("OPENAI_", "AZURE_")):
            patch.delenv(name)
    for name, value in environ.items():
        patch.setenv(name, value)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_wrong_is_found_and_nothing_else(case: Case, reports: dict[str, ListReport]) -> None:
    report = reports[case.name]
    assert report.host_problem is None
    found = [{problem.kind for problem in entry.problems} for entry in report.entries]
    assert found == list(case.entries), [problem.message for _, problem in report.all_problems()]
    assert {problem.kind for problem in report.problems} == case.beside


def test_no_report_holds_a_key(reports: dict[str, ListReport]) -> None:
    written = json.dumps([report.as_dict() for report in reports.values()])
    assert not [secret for secret in SECRETS if secret in written]


@pytest.mark.parametrize("name", GUESSED)
def test_what_is_only_likely_costs_no_entry(name: str, reports: dict[str, ListReport]) -> None:
    (problem,) = reports[name].entries[0].problems
    assert problem.severity == WARNING
    assert not reports[name].entries[0].is_dead
    assert not reports[name].is_well


def test_a_list_without_timeout_is_well_and_says_how_long_it_may_hang() -> None:
    config = {"config_list": [gpt()], "timeout": 60}
    patient, hasty = examine([of_value([gpt()]), of_value(config)])
    assert patient.is_well
    assert patient.entries[0].notes == [
        "timeout is not set: a silent endpoint is waited for 600 s each time, 30 minutes with its retries"
    ]
    assert hasty.is_well
    assert not hasty.entries[0].notes


def test_a_misspelt_option_is_suggested_wherever_the_host_takes_it() -> None:
    (report,) = examine([of_value([gpt(tempature=0.1)])])
    (problem,) = report.entries[0].problems
    assert problem.suggestion == "temperature"
    assert "did you mean temperature" in problem.message


@pytest.mark.parametrize(("entry", "kind"), [(5, "a number"), ([], "a list"), (True, "true or false")])
def test_an_entry_that_is_no_object_is_told_in_words_of_json(entry: object, kind: str) -> None:
    (report,) = examine([of_value([entry])])
    (problem,) = report.entries[0].problems
    assert problem.message == f"is {kind} and no object; an entry is an object with a model"


def test_every_name_is_there_once() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 170


def test_one_object_is_told_what_autogen_does_with_it() -> None:
    in_file, in_object, as_config = examine(
        [
            of_text(json.dumps(gpt()), "a file"),
            of_value({"config_list": gpt()}),
            of_value(gpt()),
        ]
    )
    for report in (in_file, in_object):
        (problem,) = report.problems
        assert problem.kind == "not_a_list"
        assert "put it into [ ]" in problem.message
        assert ("AttributeError: 'str' object has no attribute 'copy'" in problem.message) is IS_02
    assert as_config.is_well, "an llm_config may be one entry"


def test_one_object_is_a_problem_where_autogen_cannot_be_asked() -> None:
    (report,) = examine([of_text(json.dumps(gpt()), "a file")], answers=Answers(problem="none"))
    assert [problem.kind for problem in report.problems] == ["not_a_list"]
