"""Whatever a trace, a server, a file or a variable says, it takes no terminal over, and poses as nobody."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from autogen_otel.cli import main
from tests.cli.conftest import Printed, Run
from tests.support.incidents import failing_tool, fallback, group, killed, recovered
from tests.support.recorded import RecordedTrace
from tests.support.stores import Answer, ScriptedJaeger, ScriptedTempo, serving

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b8mx\u202egnp\u2066\r\x08\x7f\x00\u2028\x85FORGED\nFORGED: all is well\n"
OURS = re.compile(r"\x1b\[[0-9;]*m")
"""The sequences by which rich colours text."""
INCIDENTS = (failing_tool, fallback, recovered, group, killed)


def evil(raw: Any, *, numbers: bool = False) -> Any:
    """A document in which each text, and if asked each number, says something evil at its end."""
    if isinstance(raw, list):
        return [evil(item, numbers=numbers) for item in raw]
    if not isinstance(raw, dict):
        return raw
    if "stringValue" in raw:
        return {"stringValue": raw["stringValue"] + EVIL}
    if numbers and "intValue" in raw:
        return {"stringValue": raw["intValue"] + EVIL}
    texts = {name: raw[name] + EVIL for name in ("name", "message") if name in raw}
    if "attributes" in raw and "spanId" in raw:
        raw = {**raw, "attributes": [*raw["attributes"], {"key": EVIL, "value": {"stringValue": "x"}}]}
    operation = {"key": "gen_ai.operation.name"}
    return {
        name: [item if item.items() >= operation.items() else evil(item, numbers=numbers) for item in value]
        if name == "attributes"
        else evil(value, numbers=numbers)
        for name, value in {**raw, **texts}.items()
    }


def demand_visible(printed: Printed) -> None:
    """Nothing of it is printed as it came, and no line of it stands alone."""
    for text in (printed.out, printed.err):
        raw = {character for character in OURS.sub("", text) if not character.isprintable()}
        assert raw <= {"\n"}, raw
        lines = OURS.sub("", text).splitlines()
        assert not [line for line in lines if line.strip(" │|").startswith("FORGED")]


COMMANDS = (
    ("show",),
    ("show", "--failing"),
    ("show", "TRACE"),
    ("show", "TRACE", "--format", "json"),
    ("diagnose",),
    ("diagnose", "TRACE"),
    ("diagnose", "--format", "json"),
    ("repro", "TRACE"),
)


@pytest.mark.parametrize("numbers", [False, True], ids=["texts", "numbers too"])
@pytest.mark.parametrize("colours", [False, True], ids=["plain", "colours"])
def test_what_a_trace_says_is_visible(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, numbers: bool, colours: bool
) -> None:
    if colours:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("COLUMNS", "5000")
    traces = [incident() for incident in INCIDENTS]
    journal = tmp_path / "journal.jsonl"
    documents = [evil(trace.document, numbers=numbers) for trace in traces]
    journal.write_text("".join(f"{json.dumps(document)}\n" for document in documents), encoding="utf-8")
    printed_words = ""
    for words in COMMANDS:
        for trace_id in [trace.trace_id for trace in traces] if "TRACE" in words else [""]:
            named = (word.replace("TRACE", trace_id) for word in words)
            printed = run(*named, "--journal", str(journal))
            assert printed.code in {0, 1} or "Nothing failed" in printed.err
            demand_visible(printed)
            printed_words += printed.out
    assert "\\x1b]0;owned" in printed_words
    for trace in traces:
        # Lines below a span may be those of a text, and then they stand below its first.
        printed = run("show", trace.trace_id, "--full", "--journal", str(journal))
        assert {character for character in OURS.sub("", printed.out) if not character.isprintable()} <= {"\n"}


def test_a_page_on_standard_output_is_utf8_whatever_the_console_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = failing_tool()
    hostile = tmp_path / "hostile.jsonl"
    hostile.write_text(json.dumps(evil(trace.document)), encoding="utf-8")
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding="cp1252"))
    assert main(["show", trace.trace_id, "--journal", str(hostile), "--html", "-"]) == 0
    page = written.getvalue().decode("utf-8")
    assert '<meta charset="utf-8">' in page
    assert "✗" in page or "→" in page
    assert {character for character in page if not character.isprintable()} <= {"\n", "\t", "\xa0"}


@pytest.mark.parametrize("store", [ScriptedJaeger, ScriptedTempo])
def test_what_a_store_is_called_is_visible(run: Run, store: Any) -> None:
    trace = RecordedTrace(service=EVIL)
    trace.leaf("GET /", 1)
    with serving(store(trace)) as url:
        name = "--jaeger" if store is ScriptedJaeger else "--tempo"
        for words in (("show",), ("show", "--service", EVIL + "?"), ("diagnose",), ("show", "--agent", EVIL)):
            printed = run(*words, name, url, "--since", "2026-11-22T00:00")
            assert printed.err.count("\n") == (1 if printed.code == 2 else 0)
            demand_visible(printed)


@pytest.mark.parametrize("option", ["--jaeger", "--tempo", "--clickhouse"])
@pytest.mark.parametrize(
    "answer",
    [
        Answer(400, EVIL.encode()),
        Answer(500, {"error": {"message": EVIL}}),
        Answer(500, {"errors": [{"msg": EVIL * 1000}]}),
        Answer(302, headers={"Location": "http://x/\x1b[2J\u00a0\x9b"}),
        Answer(200, EVIL.encode()),
    ],
)
def test_what_a_server_says_is_visible_and_short(run: Run, option: str, answer: Answer) -> None:
    with serving(lambda *_: answer) as url:
        printed = run("show", option, url)
    assert printed.code == 2
    assert len(printed.err) < 700
    assert printed.err.count("\n") == 1
    demand_visible(printed)


WORDS = [
    (EVIL,),
    ("show", EVIL),
    ("show", f"--{EVIL}"),
    ("show", "--cause", EVIL),
    ("show", "--since", EVIL),
    ("show", "--limit", EVIL),
    ("show", "--journal", f"/nowhere/{EVIL}".replace("\0", "")),
    ("show", "--jaeger", f"http://{EVIL}/"),
    ("show", "--clickhouse", "http://127.0.0.1:1", "--table", f"{EVIL}.a.b"),
    ("show", "--clickhouse", "http://127.0.0.1:1", "--table", EVIL),
    ("show", "--header", EVIL),
    ("diagnose", "--compare", EVIL),
    ("diagnose", "--compare", f"{EVIL}=1..2"),
    ("repro", "00", "-o", f"/nowhere/{EVIL}".replace("\0", "")),
    ("push", "--journal", f"/nowhere/{EVIL}".replace("\0", "")),
    ("journal", "--journal", f"/nowhere/{EVIL}".replace("\0", "")),
    ("check", f"/nowhere/{EVIL}".replace("\0", "")),
    ("stack", "--out", f"/dev/null/{EVIL}".replace("\0", "")),
    ("dashboards", "--out", f"/dev/null/{EVIL}".replace("\0", "")),
    ("dashboards", "--grafana", EVIL),
    ("dashboards", "--list", "--jaeger", EVIL),
]


@pytest.mark.parametrize("words", WORDS, ids=[" ".join(words).partition("\x1b")[0] for words in WORDS])
def test_what_is_typed_is_visible(run: Run, words: tuple[str, ...]) -> None:
    printed = run(*words)
    assert printed.code == 2
    assert printed.err.count("\n") == 1
    demand_visible(printed)


@pytest.mark.parametrize(
    "variable",
    [
        "AUTOGEN_OTEL_JOURNAL",
        "AUTOGEN_OTEL_JOURNAL_DIR",
        "AUTOGEN_OTEL_SOURCE_HEADERS",
        "SSL_CERT_FILE",
        "HTTPS_PROXY",
    ],
)
def test_what_a_variable_says_is_visible(run: Run, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, EVIL.replace("\0", ""))
    for words in (("show",), ("show", "--jaeger", "https://jaeger.invalid"), ("journal",)):
        printed = run(*words)
        assert printed.code in {0, 2}
        demand_visible(printed)


def test_a_file_that_cannot_be_read_wholly_is_visible(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / EVIL.replace("\0", "").replace("/", "")
    folder.mkdir()
    (folder / "a.jsonl").write_text(f"{failing_tool().line}{{]\n", encoding="utf-8")
    (folder / "b.jsonl.gz").write_bytes(b"\x1f\x8bno")
    printed = run("show", "--journal", str(folder))
    assert printed.code == 0
    assert printed.err.count("\n") == 2
    demand_visible(printed)
