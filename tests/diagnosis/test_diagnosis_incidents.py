from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autogen_otel.cli import main
from autogen_otel.diagnosis.document import document_of
from autogen_otel.diagnosis.findings import diagnose
from autogen_otel.traces.trace import STATUS_ERROR, Event, Span, Trace
from tests.support.diagnosed import healthy, incidents, journal, secret_words, wrong_with
from tests.support.recorded import ORIGIN, RecordedTrace, exception, spans_of, write

SEEDS = (1, 2)
"""Of conversations that are made at random; each incident is looked at in both."""
QUICK = 6
"""How many incidents ``make test-quick`` looks at, with the first seed."""


def _cases() -> list[Any]:
    names = list(incidents())
    return [
        pytest.param(name, seed, marks=() if seed == SEEDS[0] and name in names[:QUICK] else pytest.mark.slow)
        for seed in SEEDS
        for name in names
    ]


@pytest.mark.parametrize(("name", "seed"), _cases())
@pytest.mark.shared("plain")
def test_what_is_wrong_is_found_first_and_what_it_goes_with(name: str, seed: int) -> None:
    incident = incidents()[name]
    assert wrong_with(diagnose(spans_of(*journal(incident, seed))), incident) == []


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", healthy())
@pytest.mark.shared("plain")
def test_nothing_is_found_where_nothing_is_wrong(name: str, seed: int) -> None:
    incident = healthy()[name]
    assert wrong_with(diagnose(spans_of(*journal(incident, seed))), incident) == []


def test_the_order_in_which_spans_come_makes_no_difference() -> None:
    spans = spans_of(*journal(incidents()["three things at once"], 5))
    document = document_of(diagnose(spans), "a test")
    random.Random(7).shuffle(spans)  # noqa: S311 - no secret
    shuffled = document_of(diagnose(spans), "a test")
    causes = [(one["cause"], one["occurrences"], one["subject"]) for one in document["findings"]]
    assert [(one["cause"], one["occurrences"], one["subject"]) for one in shuffled["findings"]] == causes


def test_what_tools_return_is_in_no_diagnosis() -> None:
    for name in ("a null argument", "three things at once", "a missing package"):
        document = document_of(diagnose(spans_of(*journal(incidents()[name], 3))), "a test")
        assert secret_words() not in json.dumps(document)


def test_what_ended_a_conversation_is_no_exception_that_was_swallowed_before() -> None:
    finding, *_ = diagnose(spans_of(*journal(incidents()["a tool whose failure ends it"], 1))).findings
    count = finding.ended_conversations
    assert count
    assert finding.visible_as.startswith(
        f"{count} conversations went on and ended with an exception of the model client (500)"
    )


def test_tools_that_return_errors_are_noted() -> None:
    incident = healthy()["tools return errors and users are scary"]
    (note,) = diagnose(spans_of(*journal(incident, 1))).notes
    assert note.tool == "search"
    assert note.occurrences >= note.conversations > 5


@pytest.mark.parametrize(
    ("incident", "says_model"), [("a model that writes bad JSON", True), ("a client of one's own", False)]
)
def test_advice_names_the_model_of_a_tool_call_and_not_that_of_the_finding_itself(
    incident: str, says_model: bool
) -> None:
    finding, *_ = diagnose(spans_of(*journal(incidents()[incident], 1))).findings
    assert finding.discriminators[0].property.attribute == "gen_ai.request.model"
    assert ("It goes with the model" in finding.advice) is says_model


def test_advice_begins_as_a_sentence_where_no_host_is_known() -> None:
    finding, *_ = diagnose(spans_of(*journal(incidents()["too many messages"], 1))).findings
    assert finding.advice.startswith("The provider refuses these requests")


def test_answers_that_were_cut_are_noted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recorded = journal(healthy()["answers that are cut"], 1)
    (odd,) = diagnose(spans_of(*recorded)).odd_answers
    assert (odd.model, odd.problem) == ("gpt-4o", "cut_at_token_limit")
    assert odd.occurrences >= odd.conversations > 5
    path, page = write(tmp_path / "traces.jsonl", *recorded), tmp_path / "page.html"
    main(["diagnose", "--journal", str(path), "--html", str(page)])
    words = f"gpt-4o gave {odd.occurrences} answers cut at the token limit"
    assert f"noted: {words}" in capsys.readouterr().out
    assert words in page.read_text(encoding="utf-8")


# As an application, or another tracer, may record under the same names.
ODD = {
    "bytes": b"\x00\xff",
    "an object": {"code": 1},
    "an empty list": [],
    "lists in a list": [["a"], {"k": [1]}],
    "nothing": None,
    "no number": math.nan,
    "more than a float takes": 10**400,
    "text": "many",
}


@pytest.mark.parametrize("odd", ODD)
def test_values_of_a_kind_that_no_attribute_has_end_no_diagnosis(odd: str) -> None:
    spans = spans_of(*journal(incidents()["three things at once"], SEEDS[0], 16))
    keys = sorted({key for span in spans for key in span.attributes})
    for share in range(6):
        damaged = [
            replaced(span, keys[share::6], ODD[odd]) if number % 3 else span
            for number, span in enumerate(spans)
        ]
        diagnosis = diagnose(damaged)
        assert diagnosis.findings
        json.dumps(document_of(diagnosis, "a journal"), allow_nan=False)


def replaced(span: Span, keys: Sequence[str], value: object) -> Span:
    changed = {key: value if key in keys else before for key, before in span.attributes.items()}
    return replace(span, attributes=changed)


def test_a_trace_of_any_depth_is_read_in_proportion_to_its_length(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0
    find = Trace.span

    def counted(trace: Trace, span_id: str | None) -> Span | None:
        nonlocal looks
        looks += 1
        return find(trace, span_id)

    monkeypatch.setattr(Trace, "span", counted)
    deep = [failing_tool(number) for number in range(1000)]
    assert sum(one.occurrences for one in diagnose(deep).findings) == len(deep)
    assert looks < 500 * len(deep)


def failing_tool(depth: int) -> Span:
    error = Event("exception", depth, {"exception.type": "KeyError", "exception.message": f"'{depth}'"})
    return Span(
        trace_id="1" * 32,
        span_id=str(depth),
        parent_id=str(depth - 1),
        name="execute_tool lookup",
        start_ns=depth,
        end_ns=2000 - depth,
        status_code=STATUS_ERROR,
        attributes={"error.type": "KeyError", ORIGIN: "tool_exception"},
        events=(error,),
    )


@pytest.mark.parametrize(
    ("raised", "began_with", "said"),
    [
        (("KeyError", "'a'"), ("KeyError", "'a'"), "KeyError: 'a'"),
        (("desk.Late", "policy 1"), ("TimeoutError", ""), "desk.Late: policy 1 (caused by TimeoutError)"),
        (("desk.Late", "policy 1"), ("KeyError", "1"), "desk.Late: policy 1 (caused by KeyError: 1)"),
        (("httpx.ReadError", "reset"), ("httpcore.ReadError", "reset"), "httpx.ReadError: reset"),
        (("__main__.Late", "(not recorded)"), ("Late", ""), "__main__.Late: (not recorded)"),
        (("desk.Late", "x" * 999), ("KeyError", "1"), f"desk.Late: {'x' * 202}... (caused by KeyError: 1)"),
    ],
)
def test_a_finding_says_what_was_raised_and_what_that_began_with(
    raised: tuple[str, str], began_with: tuple[str, str], said: str
) -> None:
    stacktrace = (
        f'Traceback (most recent call last):\n  File "desk.py", line 3, in f\n{": ".join(began_with)}'
    )
    error = exception(*raised, stacktrace)
    it = RecordedTrace()
    it.leaf("execute_tool lookup", 1, error, autogen__error__origin="tool_exception")
    (finding,) = diagnose(spans_of(it)).findings
    assert finding.message == said
