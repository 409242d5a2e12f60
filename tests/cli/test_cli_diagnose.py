from __future__ import annotations

import functools
import gzip
import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from tests.support.diagnosed import healthy, incidents, journal
from tests.support.pages import HOSTILE, Page, invisible, said
from tests.support.recorded import RecordedTrace, write

if TYPE_CHECKING:
    from tests.cli.conftest import Run


@functools.cache
def null() -> list[RecordedTrace]:
    return journal(incidents()["a null argument"], 4)


@functools.cache
def well() -> list[RecordedTrace]:
    return journal(healthy()["all is well"], 4)


@pytest.fixture
def nulls(tmp_path: Path) -> str:
    return str(write(tmp_path / "nulls.jsonl", *null()))


def test_a_finding_says_what_how_often_where_and_what_to_do(run: Run, nulls: str) -> None:
    code, out, err = run("diagnose", "--journal", nulls)
    assert (code, err) == (1, "")
    for part in (
        "100 conversations, 2026-11-22 ",
        "1. tool_exception: lookup_policy raises ValueError at policies.py:42 parse_id  (swallowed)",
        "autogen.tool.argument.policy_id is null: 100% of the failing calls",
        "swallowed by AutoGen; only the model was told",
        "Fix lookup_policy at policies.py:42 parse_id",
        "autogen-otel show 0000",
    ):
        assert part in out


def test_json_is_what_the_documentation_says(run: Run, nulls: str) -> None:
    code, out, _ = run("diagnose", "--journal", nulls, "--format", "json")
    document = json.loads(out)
    (finding,) = document["findings"]
    assert code == 1
    assert (document["schema"], document["conversations"]) == (1, 100)
    assert document["failing"] == finding["conversations"]
    assert finding["cause"] == "tool_exception"
    assert finding["subject"] == {
        "tool": "lookup_policy",
        "exception": "ValueError",
        "location": "policies.py:42 parse_id",
    }
    first = finding["discriminators"][0]
    assert (first["attribute"], first["value"]) == ("autogen.tool.argument.policy_id", "null")
    assert first["failing"] == 1.0
    assert first["working"] < 0.2
    assert len(finding["evidence"]) == 3
    assert finding["first_seen"].endswith("Z")


def test_nothing_wrong_is_exit_code_0(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("diagnose", "--journal", str(write(tmp_path / "well.jsonl", *well())))
    assert code == 0
    assert "nothing failed" in out


def test_compressed_files_and_standard_input_are_read(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = gzip.compress("".join(one.line for one in null()).encode())
    path = tmp_path / "traces.jsonl.gz"
    path.write_bytes(data)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BufferedReader(io.BytesIO(data))))
    from_file = run("diagnose", "--journal", str(tmp_path), "--format", "json")
    from_stdin = run("diagnose", "--journal", "-", "--format", "json")
    assert json.loads(from_file.out)["findings"] == json.loads(from_stdin.out)["findings"]
    assert json.loads(from_stdin.out)["source"] == "standard input"


def test_a_compressed_file_that_is_cut_is_refused(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(gzip.compress(null()[0].line.encode())[:-20])
    code, _, err = run("diagnose", "--journal", str(path))
    assert code == 2
    assert err.startswith(f"autogen-otel: {path} is damaged:")
    assert err.count("\n") == 1


def test_conversations_are_narrowed(run: Run, nulls: str) -> None:
    def count(*words: str) -> int:
        return int(
            json.loads(run("diagnose", "--journal", nulls, "--format", "json", *words).out)["conversations"]
        )

    assert count("--limit", "7") == 7
    assert count("--service", "claims") == 100
    early, late = count("--until", "2026-11-22T18:00"), count("--since", "2026-11-22T18:00Z")
    assert early + late == 100
    assert 0 < early < 100
    assert count("--conversation", null()[0].trace_id) == 1


def test_one_trace_is_explained(run: Run, nulls: str) -> None:
    evidence = json.loads(run("diagnose", "--journal", nulls, "--format", "json").out)["findings"][0][
        "evidence"
    ]
    code, out, _ = run("diagnose", evidence[0]["trace_id"], "--journal", nulls)
    assert code == 1
    assert "1 conversation, 2026" in out
    assert "something failed in it; it did not end because of it" in out
    assert "1. tool_exception" in out
    assert "how often   1 time; it did not end because of it" in out


def test_a_page_has_the_findings_their_charts_and_the_best_traces(
    run: Run, nulls: str, tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    code, out, err = run("diagnose", "--journal", nulls, "--html", str(file))
    assert code == 1
    assert "1. tool_exception" in out
    assert err.startswith(f"Wrote {file} (")
    page = Page(file.read_text("utf-8"))
    assert page.harmful() == []
    charts = [attributes["aria-label"] for _, attributes in page.elements if "aria-label" in attributes]
    assert any("autogen.tool.argument.policy_id is null: 100%" in label for label in charts)
    assert any(label.startswith("conversations per 15 minutes, UTC, with lookup_policy") for label in charts)
    assert sum(attributes.get("class") == "evidence" for _, attributes in page.elements) == 3
    assert page.text.count("Waterfall") == 3


def test_a_page_is_made_of_standard_input_too(
    run: Run, nulls: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = io.BytesIO(gzip.compress(Path(nulls).read_bytes()))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BufferedReader(data)))
    code, out, err = run("diagnose", "--journal", "-", "--html", "-")
    assert (code, err) == (1, "")
    page = Page(out)
    assert page.harmful() == []
    assert page.text.count("Waterfall") == 3
    assert "from standard input" in page.text


def test_a_healthy_population_has_a_page_too(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("diagnose", "--journal", str(write(tmp_path / "well.jsonl", *well())), "--html", "-")
    assert code == 0
    assert "0 findings in 100 conversations" in Page(out).text


@pytest.mark.parametrize("name", HOSTILE)
def test_what_others_say_stays_text_in_the_page_of_a_diagnosis(run: Run, tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "hostile.jsonl", said(HOSTILE[name]))
    code, out, _ = run("diagnose", "--journal", str(path), "--html", "-")
    assert code == 1
    assert Page(out).harmful() == []
    assert invisible(out) == set()


@pytest.fixture
def versions(tmp_path: Path) -> str:
    recorded = []
    for version, population in (("1.4", well()), ("1.5", journal(incidents()["a null argument"], 5))):
        for one in population:
            one.resource["service.version"] = version
        recorded += population
    return str(write(tmp_path / "versions.jsonl", *recorded))


def test_what_a_version_broke_is_said(run: Run, versions: str) -> None:
    code, out, err = run("diagnose", "--journal", versions, "--compare", "service.version=1.4..1.5")
    assert (code, err) == (1, "")
    for part in (
        "before  service.version=1.4: 100 conversations, something failed in 0",
        "new     tool_exception: lookup_policy raises ValueError at policies.py:42 parse_id",
        "0 of 100 (0.0%) before, ",
        "goes with",
    ):
        assert part in out


def test_what_a_version_mended_is_no_problem(run: Run, versions: str) -> None:
    words = ("--compare", "service.version=1.5..1.4", "--format", "json")
    code, out, _ = run("diagnose", "--journal", versions, *words)
    document = json.loads(out)
    assert code == 0
    assert (document["schema"], document["findings"]) == (1, [])
    comparison = document["comparison"]
    assert comparison["before"]["label"] == "service.version=1.5"
    (change,) = comparison["changes"]
    assert (change["change"], change["may_be_chance"]) == ("gone", False)
    assert (
        change["before"]["conversations"]
        == change["finding"]["conversations"]
        > change["after"]["conversations"]
    )


def test_only_findings_of_some_causes_are_shown(run: Run, nulls: str) -> None:
    words = ("diagnose", "--journal", nulls, "--format", "json")
    every = json.loads(run(*words).out)
    code, out, _ = run(*words, "--cause", "timeout", "--cause", "tool_exception")
    assert (code, json.loads(out)) == (1, every)
    code, out, _ = run(*words, "--cause", "timeout")
    assert (code, json.loads(out)) == (0, {**every, "findings": []})
    code, out, _ = run("diagnose", "--journal", nulls, "--cause", "timeout")
    assert code == 0
    assert f"something failed in {every['failing']} of them, but with none of the causes asked for" in out


def test_a_comparison_is_of_some_causes_only(run: Run, versions: str) -> None:
    words = ("diagnose", "--journal", versions, "--compare", "service.version=1.4..1.5", "--format", "json")
    code, out, _ = run(*words, "--cause", "timeout")
    assert (code, json.loads(out)["comparison"]["changes"]) == (0, [])


def test_a_comparison_has_a_page(run: Run, versions: str) -> None:
    words = ("--compare", "service.version=1.4..1.5", "--html", "-")
    page = Page(run("diagnose", "--journal", versions, *words).out)
    assert page.harmful() == []
    assert page.text.index("What changed") < page.text.index("1. tool_exception")


def test_times_are_compared(run: Run, nulls: str) -> None:
    def labels(*words: str) -> list[object]:
        document = json.loads(run("diagnose", "--journal", nulls, "--format", "json", *words).out)
        return [document["comparison"][side]["label"] for side in ("before", "after")]

    assert labels("--compare", "..2026-11-22T18:00Z") == [
        "until 2026-11-22T18:00Z",
        "since 2026-11-22T18:00Z",
    ]
    assert labels("--since", "2026-11-22T18:00Z", "--compare", "2026-11-22T15:00Z..2026-11-22T16:00Z") == [
        "2026-11-22T15:00Z to 2026-11-22T16:00Z",
        "since 2026-11-22T18:00Z",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("xyz",), "is not a trace id"),
        (("fff",), "No trace in journal"),
        (("0",), "is the beginning of 100 traces"),
        (("--since", "yesterday"), "is no time"),
        (("--service", "other"), "none fits the options"),
        (("--limit", "few"), "not a whole number"),
        (("--cause", "bad_luck"), "invalid choice: 'bad_luck' (choose from "),
        (("4", "--conversation", "4"), "are the same"),
        (("--compare", "1.4"), "'1.4' is neither"),
        (("--compare", "service.version=1.4.."), "is neither"),
        (("--compare", "..yesterday"), "--compare: 'yesterday' is no time"),
        (("--compare", "service.version=1.4..1.5"), "no conversations to compare (service.version=1.4)."),
        (("--compare", "..2001-01-01T00:00Z"), "to compare (until 2001-01-01T00:00Z)."),
        (("--since", "2026-11-22T15:00Z", "--compare", "..2026-11-22T16:00Z"), "overlap"),
        (("--since", "1h", "--until", "2h"), "--since is not before --until"),
        (("--compare", "1h..2h"), "--compare SINCE..UNTIL: 1h is not before 2h"),
        (("4", "--compare", "2h..1h"), "leave the trace id out"),
        (("--html", "/nowhere/x.html"), "/nowhere/x.html cannot be written"),
    ],
)
def test_bad_input_is_one_sentence(run: Run, nulls: str, words: tuple[str, ...], said: str) -> None:
    code, out, err = run("diagnose", "--journal", nulls, *words)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_a_journal_without_conversations_says_how_to_get_some(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"resourceMetrics": []}\n')
    code, _, err = run("diagnose", "--journal", str(tmp_path))
    assert code == 2
    assert "call autogen_otel.instrument() in your program" in err


@pytest.mark.parametrize("named", ["own", "own/1.inflight", None])
def test_a_journal_with_conversations_in_flight_only_says_that_they_have_not_ended(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str | None
) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.setenv("AUTOGEN_OTEL_JOURNAL_DIR", str(folder))
    (folder / "counts.json").write_text(
        '{"since": 1, "at": 2, "items": {"exported spans": 333}, "queued": {}}'
    )
    conversation = RecordedTrace()
    conversation.leaf("invoke_workflow a -> b")
    conversation.spans[0]["endTimeUnixNano"] = "0"
    write(folder / "1.inflight", conversation)
    path = tmp_path / (named or folder)
    words = ("--journal", str(path)) if named else ()
    code, out, err = run("diagnose", *words)
    assert (code, out) == (2, "")
    assert err == (
        f"autogen-otel: No conversation in journal {path} has ended: all that are there are in flight; "
        f"autogen-otel show --journal {path} lists them.\n"
    )
    assert "a -> b" in run("show", *words).out
