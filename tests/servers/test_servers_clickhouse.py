"""Diagnosis in ClickHouse: its engine counts, and comes to what Python comes to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autogen_otel.cli import main
from autogen_otel.diagnosis.document import document_of
from autogen_otel.diagnosis.evidence.features import CONVERSATION_NUMBER
from autogen_otel.diagnosis.evidence.population import Population
from autogen_otel.diagnosis.findings import diagnose
from autogen_otel.diagnosis.stored import calls, tables
from autogen_otel.diagnosis.stored.diagnosis import diagnose_stored
from autogen_otel.diagnosis.stored.tables import IntermediateResults, Tables
from autogen_otel.traces.source import Progress, SourceError
from autogen_otel.traces.sources.clickhouse import LONGEST_FIELD, LONGEST_LIST, ClickHouse, Condition
from autogen_otel.traces.sources.http import Client
from autogen_otel.vocabulary import spans as span_names
from tests.servers import clickhouse as servers
from tests.servers.clickhouse_access import PASSWORD, USER
from tests.support.diagnosed import healthy, incidents, journal, wrong_with
from tests.support.recorded import RecordedTrace, spans_of, write

EVERY = {**incidents(), **healthy()}
CHOSEN = (
    "a null argument among retries",
    "a name that is not ASCII",
    "an empty list",
    "a year in a list",
    "too long a list",
    "a number written otherwise",
    "a number with a blank",
    "policies of one office",
    "policies of one kind",
    "an entry that one worker has wrong",
    "a key that is refused at times",
    "a mistyped argument",
    "a dead backup",
    "a size limit among outages",
    "a rate limit in the morning",
    "a rate limit at the same minutes of each hour",
    "a model that writes bad JSON",
    "a tool that another one locks out",
    "round in a circle of transfers",
    "two calls in turn",
    "idle connections",
    "a slow tool",
    "answers that are filtered",
    "a bad request over some old history",
    "too many messages",
    "a tool whose failure ends it",
    "a termination check",
    "round in circles",
    "three things at once",
    "all ends at a limit",
    "answers that are cut",
    "tools return errors and users are scary",
)
"""Together they ask every kind of question about every kind of call."""
SEED = 3


class Warned(Progress):
    """Remembers what it is warned of."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def warn(self, sentence: str) -> None:
        self.said.append(sentence)


def source(clickhouse: servers.ClickHouse, table: str) -> ClickHouse:
    return ClickHouse(Client("ClickHouse", clickhouse.url), table)


def plain(document: dict[str, Any]) -> dict[str, Any]:
    """Without what ties decide: which of equal conversations are the best to look at."""
    for finding in document["findings"]:
        for one in finding["discriminators"]:
            one["p"] = float(f"{one['p']:.6g}")
    return document


@pytest.mark.parametrize("name", CHOSEN)
def test_the_engine_finds_what_python_finds(name: str, clickhouse: servers.ClickHouse) -> None:
    spans = spans_of(*journal(EVERY[name], SEED))
    clickhouse.store("incident", spans)
    stored = diagnose_stored(source(clickhouse, "incident"))
    assert wrong_with(stored, EVERY[name]) == []
    assert plain(document_of(stored, "a test")) == plain(document_of(diagnose(spans), "a test"))


def test_replies_outside_of_a_chat_are_numbered_as_python_numbers_them(
    clickhouse: servers.ClickHouse,
) -> None:
    every = spans_of(*journal(EVERY["three things at once"], SEED))
    bare = set(sorted({span.trace_id for span in every})[::2])
    spans = [
        span for span in every if span.operation != span_names.INVOKE_WORKFLOW or span.trace_id not in bare
    ]
    clickhouse.store("incident", spans)
    population = Population.of(spans)
    population.number()
    expected = {
        one.trace_id: one.features[CONVERSATION_NUMBER]
        for group in population.groups
        for one in population.in_group(group)
    }
    asked = source(clickhouse, "incident")
    with Tables(asked, Condition(), Progress()) as made:
        numbers = made.numbers()
        found = dict(made.rows(f"SELECT TraceId, toUInt32(number) FROM {numbers}"))  # noqa: S608 - a name of ours
    assert {trace_id: found[trace_id] for trace_id in expected} == expected
    assert {trace_id in bare for trace_id in expected} == {True, False}


def test_a_user_who_may_only_read_is_told_why_it_takes_longer_and_gets_the_same(tmp_path: Path) -> None:
    spans = spans_of(*journal(EVERY["three things at once"], SEED))
    with servers.ClickHouse(tmp_path) as writing:
        writing.store("incident", spans)
    progress = Warned()
    with servers.ClickHouse(tmp_path, "readonly = 1") as reading:
        stored = diagnose_stored(source(reading, "incident"), progress=progress)
    assert plain(document_of(stored, "a test")) == plain(document_of(diagnose(spans), "a test"))
    assert len(progress.said) == 1
    assert "GRANT CREATE TEMPORARY TABLE" in progress.said[0]


def test_values_of_any_length_are_compared_with(clickhouse: servers.ClickHouse) -> None:
    texts = [f"é{number}\t\\'\n" for number in range(LONGEST_LIST)]
    sql = "SELECT length({texts:Array(String)}), {texts:Array(String)}[-1], {plain:String}"
    for few in (texts[-1:], texts):
        (row,) = source(clickhouse, "any").rows(sql, {"texts": few, "plain": texts[0]})
        assert row == [len(few), texts[-1], texts[0]]


@pytest.mark.parametrize("name", ["three things at once", "round in circles"])
def test_what_is_too_much_for_one_question_is_asked_in_several(
    name: str, clickhouse: servers.ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "_LONGEST_SQL", 1000)
    monkeypatch.setattr(calls, "LONGEST_LIST", 3)
    monkeypatch.setattr(tables, "LONGEST_LIST", 3)
    spans = spans_of(*journal(EVERY[name], SEED))
    clickhouse.store("incident", spans)
    stored = diagnose_stored(source(clickhouse, "incident"))
    assert plain(document_of(stored, "a test")) == plain(document_of(diagnose(spans), "a test"))


def test_a_question_of_any_length_gets_through_if_it_compares_with_little(
    clickhouse: servers.ClickHouse,
) -> None:
    sql = f"SELECT length('{'x' * LONGEST_FIELD}')"
    assert list(source(clickhouse, "any").rows(sql)) == [[LONGEST_FIELD]]


def test_nothing_is_left_of_what_was_kept(nulls: list[RecordedTrace], clickhouse: servers.ClickHouse) -> None:
    assert diagnose_stored(source(clickhouse, "otel.otel_traces")).conversations == len(nulls)
    assert clickhouse.do("SELECT count() FROM system.tables WHERE is_temporary FORMAT TSV") == "0\n"


def test_a_session_that_is_lost_is_one_sentence(clickhouse: servers.ClickHouse) -> None:
    results = IntermediateResults(source(clickhouse, "any"), {}, Progress())
    count = " ".join(("SELECT count() FROM", results.source("ones", "SELECT 1 AS one")))
    assert list(results.rows(count)) == [[1]]
    clickhouse.do("DROP TEMPORARY TABLE autogen_otel_ones")
    with pytest.raises(SourceError, match="send what has the same session_id to the same one"):
        list(results.rows(count))


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
        # A slow machine shows progress, and nothing else is said.
        assert (code, "temporary" in err) == (1, False)
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
        plain(one)
        for change in one["comparison"]["changes"]:
            plain({"findings": [change["finding"]]})
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
