"""Diagnosis in ClickHouse: its engine counts and chooses, and what is found is what a journal shows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from autogen_otel.cli import main
from autogen_otel.diagnosis.document import document_of
from autogen_otel.diagnosis.evidence import surveyed as surveyed_conversations
from autogen_otel.diagnosis.evidence.features import CONVERSATION_NUMBER
from autogen_otel.diagnosis.evidence.population import Population
from autogen_otel.diagnosis.evidence.surveyed import read_survey
from autogen_otel.diagnosis.findings import Diagnosis, conclude, diagnose
from autogen_otel.traces.selection import EVERYTHING
from autogen_otel.traces.source import NO_PROGRESS
from autogen_otel.traces.sources.clickhouse import LONGEST_FIELD, ClickHouse
from autogen_otel.traces.sources.http import Client
from autogen_otel.traces.trace import Span
from autogen_otel.vocabulary import spans as span_names
from tests.servers import clickhouse as servers
from tests.servers.clickhouse_access import PASSWORD, USER
from tests.support.diagnosed import healthy, incidents, journal, wrong_with
from tests.support.recorded import RecordedTrace, spans_of, write

EVERY = {**incidents(), **healthy()}
CHOSEN = (
    "a null argument among retries",
    "a name that is not ASCII",
    "a key that is refused at times",
    "a dead backup",
    "round in a circle of transfers",
    "two calls in turn",
    "answers that are empty until a limit",
    "answers that are filtered",
    "a bad request over some old history",
    "three things at once",
    "all ends at a limit",
    "answers that are cut",
    "tools return errors and users are scary",
)
"""Together they have everything that the engine counts and chooses by."""
SEED = 3


def source(clickhouse: servers.ClickHouse, table: str) -> ClickHouse:
    return ClickHouse(Client("ClickHouse", clickhouse.url), table)


def surveyed(clickhouse: servers.ClickHouse) -> Population:
    return read_survey(source(clickhouse, "incident"), EVERYTHING, 0, NO_PROGRESS)


def diagnosed(clickhouse: servers.ClickHouse) -> Diagnosis:
    return conclude(surveyed(clickhouse))


def numbers_in(population: Population) -> dict[str, int]:
    """The numbers of conversations with a failure, each in its process."""
    population.number()
    return {
        one.trace_id: one.features[CONVERSATION_NUMBER]
        for group in population.groups
        for one in population.in_group(group)
    }


def failing_in(spans: list[Span]) -> int:
    return len({span.trace_id for span in spans if span.failed})


@pytest.mark.parametrize("name", CHOSEN)
def test_the_same_is_found_as_in_a_journal(name: str, clickhouse: servers.ClickHouse) -> None:
    spans = spans_of(*journal(EVERY[name], SEED))
    clickhouse.store("incident", spans)
    stored = diagnosed(clickhouse)
    assert wrong_with(stored, EVERY[name]) == []
    assert document_of(stored, "a test") == document_of(diagnose(spans), "a test")


def test_replies_outside_of_a_chat_are_numbered_as_those_of_a_journal(clickhouse: servers.ClickHouse) -> None:
    every = spans_of(*journal(EVERY["three things at once"], SEED))
    bare = set(sorted({span.trace_id for span in every})[::2])
    spans = [
        span for span in every if span.operation != span_names.INVOKE_WORKFLOW or span.trace_id not in bare
    ]
    clickhouse.store("incident", spans)
    assert numbers_in(surveyed(clickhouse)) == numbers_in(Population.of(spans)) != {}


def test_of_many_conversations_some_are_read_and_all_are_counted(
    clickhouse: servers.ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surveyed_conversations, "_MOST_FAILING", 60)
    monkeypatch.setattr(surveyed_conversations, "_MOST", 300)
    incident = EVERY["three things at once"]
    spans = spans_of(*journal(incident, SEED, 900))
    clickhouse.store("incident", spans)
    stored, read = (document_of(one, "a test") for one in (diagnosed(clickhouse), diagnose(spans)))
    for key in ("conversations", "first_conversation", "last_conversation", "over_time", "noted"):
        assert stored[key] == read[key]
    sampling = stored["sampling"]
    assert (sampling["failing_read"], sampling["failing"]) == (60, failing_in(spans))
    assert 100 < sampling["working_read"] < 300 < sampling["working"] == 900 - sampling["failing"]
    assert stored["failing"] == pytest.approx(read["failing"], rel=0.02)
    assert [one["cause"] for one in stored["findings"]] == [one["cause"] for one in read["findings"]]
    for one, other in zip(stored["findings"], read["findings"], strict=True):
        assert one["conversations"] == pytest.approx(other["conversations"], rel=0.5)
        assert one["compared"]["working"] < other["compared"]["working"]


def test_a_tool_that_is_seldom_called_is_compared_with_its_calls_from_anywhere(
    clickhouse: servers.ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surveyed_conversations, "_MOST", 2)
    incident = EVERY["a null argument"]
    spans = spans_of(*journal(incident, SEED))
    clickhouse.store("incident", spans)
    finding, expected = diagnosed(clickhouse).findings[0], diagnose(spans).findings[0]
    assert (finding.subject, finding.occurrences) == (expected.subject, expected.occurrences)
    assert finding.compared_calls == expected.compared_calls
    assert [one.property for one in finding.discriminators] == [
        one.property for one in expected.discriminators
    ]


def test_a_user_who_may_only_read_gets_the_same(tmp_path: Path) -> None:
    spans = spans_of(*journal(EVERY["three things at once"], SEED))
    with servers.ClickHouse(tmp_path) as writing:
        writing.store("incident", spans)
    with servers.ClickHouse(tmp_path, "readonly = 1") as reading:
        assert document_of(diagnosed(reading), "a test") == document_of(diagnose(spans), "a test")


def test_traces_of_other_programs_are_neither_counted_nor_read(clickhouse: servers.ClickHouse) -> None:
    spans = spans_of(*journal(EVERY["a null argument"], SEED))
    others = [
        Span(
            trace_id=f"{number:032x}", span_id=f"{number:016x}", name="GET /", start_ns=10**18, status_code=2
        )
        for number in range(1, 50)
    ]
    clickhouse.store("incident", [*spans, *others])
    assert document_of(diagnosed(clickhouse), "a test") == document_of(diagnose(spans), "a test")


def test_values_of_any_length_are_compared_with(clickhouse: servers.ClickHouse) -> None:
    texts = [f"é{number}\t\\'\n" for number in range(3000)]
    sql = "SELECT length({texts:Array(String)}), {texts:Array(String)}[-1], {plain:String}"
    for few in (texts[-1:], texts):
        (row,) = source(clickhouse, "any").rows(sql, {"texts": few, "plain": texts[0]})
        assert row == [len(few), texts[-1], texts[0]]


def test_a_question_of_any_length_gets_through_if_it_compares_with_little(
    clickhouse: servers.ClickHouse,
) -> None:
    sql = f"SELECT length('{'x' * LONGEST_FIELD}')"
    assert list(source(clickhouse, "any").rows(sql)) == [[LONGEST_FIELD]]


@pytest.fixture
def nulls(clickhouse: servers.ClickHouse) -> list[RecordedTrace]:
    conversations = journal(EVERY["a null argument"], 4)
    clickhouse.do("CREATE DATABASE IF NOT EXISTS otel")
    clickhouse.store("otel.otel_traces", spans_of(*conversations))
    return conversations


@pytest.fixture
def ask(
    clickhouse: servers.ClickHouse, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    """Runs a command against the table, with user and password from the environment."""
    monkeypatch.setenv("CLICKHOUSE_USER", USER)
    monkeypatch.setenv("CLICKHOUSE_PASSWORD", PASSWORD)
    address = clickhouse.url.replace(f"{USER}:open%20sesame%3A%207@", "")

    def run(command: str, *words: str, table: str = "otel.otel_traces") -> tuple[int, str, str]:
        code = main([command, "--clickhouse", address, "--table", table, *words])
        return code, *capsys.readouterr()

    return run


def test_conversations_are_narrowed_and_no_password_is_shown(
    nulls: list[RecordedTrace], ask: Callable[..., tuple[int, str, str]]
) -> None:
    def count(*words: str) -> int:
        code, out, err = ask("diagnose", "--format", "json", *words)
        assert code == 1
        assert PASSWORD not in out + err
        return int(json.loads(out)["conversations"])

    early, late = count("--until", "2026-11-22T18:00Z"), count("--since", "2026-11-22T18:00Z")
    assert early + late == count() == count("--service", "claims") == 100
    assert 0 < early < 100
    assert count("--limit", "40") == 40


def test_a_conversation_is_shown_and_explained(
    nulls: list[RecordedTrace], ask: Callable[..., tuple[int, str, str]]
) -> None:
    trace_id = json.loads(ask("diagnose", "--format", "json")[1])["findings"][0]["evidence"][0]["trace_id"]
    assert "ValueError" in ask("show", trace_id)[1]
    code, out, _ = ask("diagnose", trace_id)
    assert code == 1
    assert "1 conversation, 2026" in out


def test_a_page_has_the_conversations_that_show_it_best(
    nulls: list[RecordedTrace], ask: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    code, out, _ = ask("diagnose", "--format", "json", "--html", str(page))
    best = [one["trace_id"] for finding in json.loads(out)["findings"] for one in finding["evidence"]]
    assert code == 1
    assert all(f"trace {trace_id}" in page.read_text() for trace_id in best)
    assert page.read_text().count('class="chart"') >= 2


@pytest.mark.parametrize("sides", ["..2026-11-22T18:00Z", "host.name=node-1..node-2"])
def test_two_kinds_of_conversations_are_compared_as_those_of_a_journal_are(
    sides: str,
    nulls: list[RecordedTrace],
    ask: Callable[..., tuple[int, str, str]],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    words = ("--format", "json", "--compare", sides)
    code, out, _ = ask("diagnose", *words)
    assert main(["diagnose", "--journal", str(write(tmp_path / "journal.jsonl", *nulls)), *words]) == code
    stored, read = json.loads(out), json.loads(capsys.readouterr().out)
    assert stored["comparison"]["after"]["conversations"] > 0
    for one in (stored, read):
        one.pop("source")
    assert stored == read


def test_the_values_that_there_are_are_named(
    ask: Callable[..., tuple[int, str, str]], nulls: list[RecordedTrace]
) -> None:
    code, _, err = ask("diagnose", "--compare", "host.name=node-1..node-9")
    assert code == 2
    assert "holds no conversations to compare (host.name=node-9); there are: " in err
    assert "node-0" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--table", "otel.nothing"), "does not exist: name the table"),
        (("--table", "a.b.c"), "is no table"),
        (("--service", "o'\\ther\n"), "none fits the options"),
        (("--header", "Authorization: Basic eDp5"), "does not let you in (HTTP 403)"),
    ],
)
def test_bad_input_is_one_sentence(
    words: tuple[str, ...], said: str, nulls: list[RecordedTrace], ask: Callable[..., tuple[int, str, str]]
) -> None:
    code, out, err = ask("diagnose", *words)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
