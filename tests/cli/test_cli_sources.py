from __future__ import annotations

import functools
import gzip
import io
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.support.diagnosed import incidents, journal
from tests.support.incidents import failing_tool, fallback
from tests.support.recorded import RecordedTrace, write
from tests.support.stores import Answer, ScriptedJaeger, ScriptedTempo, serving

SINCE = ("--since", "2026-11-22T00:00", "--until", "2026-11-24T00:00")


@functools.cache
def incident() -> list[RecordedTrace]:
    return journal(incidents()["a null argument"], 4)[:40]


@pytest.fixture(scope="module", params=["jaeger", "tempo"])
def store(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """The options that name a store with an incident in it."""
    scripted = ScriptedJaeger(*incident()) if request.param == "jaeger" else ScriptedTempo(*incident())
    with serving(scripted) as url:
        yield f"--{request.param}", url


@pytest.fixture
def kept(tmp_path: Path) -> str:
    """The same incident as a journal."""
    return str(write(tmp_path / "kept.jsonl", *incident()))


def findings(run: Run, *words: str) -> Any:
    code, out, err = run("diagnose", "--format", "json", *words)
    assert (code, err) == (1, "")
    document = json.loads(out)
    for finding in document["findings"]:
        for evidence in finding["evidence"]:
            evidence.pop("url", None)
    return {name: value for name, value in document.items() if name != "source"}


def test_a_store_gives_the_findings_of_the_journal(run: Run, store: tuple[str, str], kept: str) -> None:
    assert findings(run, *store, *SINCE) == findings(run, "--journal", kept)


def test_a_store_gives_the_list_and_the_trace_of_the_journal(
    run: Run, store: tuple[str, str], kept: str
) -> None:
    def same(*words: str) -> bool:
        there = run("show", "--format", "json", *words, *store, *SINCE)
        return there == run("show", "--format", "json", *words, "--journal", kept)

    assert same("--limit", "0")
    assert same("--failing", "--limit", "3")
    assert same("--tool", "lookup_policy", "--outcome", "recovered")
    assert same(incident()[7].trace_id)
    assert same(incident()[7].trace_id[:8])


def test_a_sample_says_that_it_is_one(run: Run, store: tuple[str, str]) -> None:
    code, out, _ = run("diagnose", *store, *SINCE, "--limit", "10")
    assert code == 1
    assert "read all 3 conversations in which something failed and 10 of about " in out
    assert "what is counted below is extrapolated" in out
    sampling = json.loads(run("diagnose", *store, *SINCE, "--limit", "10", "--format", "json").out)[
        "sampling"
    ]
    assert (sampling["failing_read"], sampling["working_read"]) == (3, 10)
    assert 20 < sampling["working"] < 60


def test_commands_that_follow_name_the_source(run: Run, store: tuple[str, str], kept: str) -> None:
    named = f"{store[0]} {store[1]}"
    assert f"autogen-otel show TRACE {named}\n" in run("show", *store, *SINCE).out
    assert "The newest 20 conversations (" in run("show", *store, *SINCE).out
    assert "\nThe newest conversation. Show one" in run("show", *store, *SINCE, "--limit", "1").out
    assert f"000000000000000001 {named}\n" in run("diagnose", *store, *SINCE).out
    assert f"autogen-otel show TRACE --journal {kept}\n" in run("show", "--journal", kept).out


def test_nothing_of_late_says_how_to_look_further_back(run: Run, store: tuple[str, str]) -> None:
    for command in ("show", "diagnose"):
        code, out, err = run(command, *store)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "holds no such conversation since 20" in err
        assert "--since looks further back" in err


def test_time_that_ends_before_it_begins_is_refused(run: Run, store: tuple[str, str]) -> None:
    code, _, err = run("show", *store, "--since", "1h", "--until", "2h")
    assert (code, "--since is not before --until" in err) == (2, True)


@pytest.mark.parametrize("command", ["show", "diagnose"])
def test_a_source_that_cannot_be_asked_is_one_sentence(run: Run, command: str) -> None:
    with serving(lambda *_: Answer(401)) as url:
        for words, said in (
            (("--jaeger", url), "does not let you in"),
            (("--tempo", url), "does not let you in"),
            (("--jaeger", "http://127.0.0.1:9"), "cannot be reached"),
            (("--jaeger", "ftp://x"), "That is no address of Jaeger"),
            (("--jaeger", url, "--header", "Bearer sesame"), "a header is written 'NAME: VALUE'"),
            (("--jaeger", url, "--tempo", url), "not allowed with argument"),
        ):
            code, out, err = run(command, *words)
            assert (code, out, err.count("\n")) == (2, "", 1), words
            assert said in err
            assert "sesame" not in err


@pytest.mark.parametrize("product", ["Jaeger", "Tempo"])
def test_a_server_that_is_another_one_is_named(run: Run, product: str) -> None:
    # Such as the port that takes OTLP.
    with serving(lambda *_: Answer(404, "404 page not found")) as url:
        err = run("show", f"--{product.lower()}", url).err
    assert err == (
        f"autogen-otel: {product} at {url} does not speak {product}'s query interface; "
        "check host, port and path.\n"
    )


@pytest.mark.parametrize("product", ["Jaeger", "Tempo", "ClickHouse"])
def test_a_web_page_is_no_answer(run: Run, product: str) -> None:
    with serving(lambda *_: Answer(200, b"<!DOCTYPE html>\n<html></html>\n")) as url:
        err = run("show", f"--{product.lower()}", url).err
    assert err == (
        f"autogen-otel: {product} at {url} answered with a web page: that is not its query interface; "
        "check host, port and path.\n"
    )


def test_headers_are_sent_and_not_printed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Mapping[str, str]] = []
    scripted = ScriptedJaeger(*incident())

    def ask(path: str, parameters: dict[str, str], headers: Mapping[str, str]) -> Answer:
        seen.append(headers)
        return scripted(path, parameters, headers)

    monkeypatch.setenv("AUTOGEN_OTEL_SOURCE_HEADERS", "X-Scope-OrgID=team%20a,Authorization=Bearer old")
    with serving(ask) as url:
        printed = run("show", "--jaeger", url, *SINCE, "--header", "Authorization: Bearer sesame")
    assert {(one["authorization"], one["x-scope-orgid"]) for one in seen} == {("Bearer sesame", "team a")}
    assert "sesame" not in printed.out + printed.err
    monkeypatch.setenv("AUTOGEN_OTEL_SOURCE_HEADERS", "sesame")
    assert "AUTOGEN_OTEL_SOURCE_HEADERS does not hold" in run("show", "--jaeger", "http://127.0.0.1:9").err


def test_evidence_links_to_jaeger_or_where_the_template_says(
    run: Run, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(ScriptedJaeger(*incident())) as url:
        out = run("diagnose", "--jaeger", url, *SINCE).out
        document = json.loads(run("diagnose", "--jaeger", url, *SINCE, "--format", "json").out)
        tree = run("show", incident()[0].trace_id, "--jaeger", url).out.splitlines()
    assert tree[1].startswith(f"{url}/trace/{incident()[0].trace_id}?uiFind=")
    evidence = document["findings"][0]["evidence"][0]
    assert evidence["url"] == f"{url}/trace/{evidence['trace_id']}?uiFind={evidence['span_id']}"
    assert f"               {evidence['url']}\n" in out
    template = "https://grafana.example/t/{trace_id}#{span_id}"
    linked = f"https://grafana.example/t/{evidence['trace_id']}#{evidence['span_id']}\n"
    assert linked in run("diagnose", "--journal", kept, "--link", template).out
    monkeypatch.setenv("AUTOGEN_OTEL_ANNOUNCE_FAILURES", template)
    assert linked in run("diagnose", "--journal", kept).out


# ---------------------------------------------------------------- Prometheus
def counting(counts: Mapping[str, float], asked: list[dict[str, str]]) -> Any:
    def ask(path: str, parameters: dict[str, str], _headers: Mapping[str, str]) -> Answer:
        assert path == "/api/v1/query"
        asked.append(parameters)
        result = [
            {"metric": {"autogen_conversation_outcome": outcome}, "value": [1.0, str(count)]}
            for outcome, count in counts.items()
        ]
        return Answer(body={"status": "success", "data": {"resultType": "vector", "result": result}})

    return ask


def test_prometheus_counts_what_was_sampled(run: Run, store: tuple[str, str]) -> None:
    asked: list[dict[str, str]] = []
    counts = {"ok": 9000, "recovered": 700, "failed": 200, "cancelled": 100}
    with serving(counting(counts, asked)) as url:
        more = ("--prometheus", url, "--service", "claims", "--format", "json")
        document = json.loads(run("diagnose", *store, *SINCE, *more).out)
    assert document["conversations"] == 10_000
    assert document["failing"] == 900
    assert document["source"].endswith(f", counted by Prometheus at {url}")
    assert 'service_name=~"claims"' in asked[0]["query"]
    assert "[172800s]" in asked[0]["query"]


def test_prometheus_that_knows_nothing_or_cannot_be_asked_so_is_one_sentence(
    run: Run, store: tuple[str, str], kept: str
) -> None:
    with serving(counting({}, [])) as url:
        for words, said in (
            ((*store, *SINCE), "counted no such conversations in that time"),
            ((*store, *SINCE, "--tool", "lookup_policy"), "--prometheus counts by --since, --until and"),
            (("--journal", kept), "--prometheus counts what --jaeger or --tempo give a sample of"),
        ):
            code, out, err = run("diagnose", "--prometheus", url, *words)
            assert (code, out, err.count("\n")) == (2, "", 1), words
            assert said in err


# ---------------------------------------------------------------- files
def test_show_reads_standard_input_and_compressed_files_and_several(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write(tmp_path / "a.jsonl", failing_tool())
    second = tmp_path / "b.json.gz"
    second.write_bytes(gzip.compress(fallback().line.encode()))
    monkeypatch.setattr(
        sys, "stdin", SimpleNamespace(buffer=io.BufferedReader(io.BytesIO(second.read_bytes())))
    )
    both = run("show", "--journal", str(first), "--journal", str(second))
    assert "2 conversations" in both.out
    assert f"TRACE --journal {first} --journal {second}\n" in both.out
    assert "1 conversation " in run("show", "--journal", "-").out
    assert fallback().trace_id in run("show", "b1", "--journal", str(second), "--journal", str(first)).out


def test_a_file_that_cannot_be_read_does_not_hide_the_others(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", failing_tool())
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(fallback().line.encode())[:-20])
    (tmp_path / "c.jsonl.gz").write_bytes(b"\x1f\x8bnot gzip at all")
    for command, code in (("show", 0), ("diagnose", 1)):
        printed = run(command, "--journal", str(tmp_path))
        assert printed.code == code
        assert "conversation" in printed.out
        assert sorted(line.split(" is damaged")[0][-10:] for line in printed.err.splitlines()) == [
            "b.jsonl.gz",
            "c.jsonl.gz",
        ]


def test_a_file_that_was_named_and_is_not_there_is_refused(run: Run, tmp_path: Path) -> None:
    first = write(tmp_path / "a.jsonl", failing_tool())
    code, out, err = run("show", "--journal", str(first), "--journal", str(tmp_path / "none"))
    assert (code, out) == (2, "")
    assert "none does not exist" in err
