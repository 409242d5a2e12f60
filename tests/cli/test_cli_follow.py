from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.support.incidents import failing_tool, fallback, killed, recovered
from tests.support.recorded import START, RecordedTrace, write
from tests.support.stores import ScriptedJaeger, serving


def during(monkeypatch: pytest.MonkeyPatch, *steps: Callable[[], object]) -> None:
    """Do one step while the command waits each time, and end it once there are no more."""
    left = list(steps)

    def sleep(_seconds: float) -> None:
        if not left:
            raise KeyboardInterrupt
        left.pop(0)()

    monkeypatch.setattr("autogen_otel.cli.commands.show.time.sleep", sleep)


def append(path: Path, text: str) -> Callable[[], object]:
    def step() -> None:
        with path.open("a") as file:
            file.write(text)

    return step


def quiet() -> None:
    """Nothing arrives."""


def waiting_for(folder: Path) -> str:
    return f"Waiting for conversations to end in journal {folder}; Ctrl-C stops it.\n"


def delivered(folder: Path, spans: int) -> Callable[[], object]:
    """An endpoint has taken so many spans in all."""
    items = {"exported spans": spans}
    return lambda: (folder / "counts.json").write_text(
        json.dumps({"since": 1, "at": 2, "items": items, "queued": {}})
    )


def test_conversations_are_told_once_they_have_ended(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.jsonl", recovered())
    line = failing_tool().line
    during(
        monkeypatch,
        append(path, line[:100]),
        append(path, line[100:] + "torn\n" + killed().line),
        # Full files get other names.
        lambda: path.rename(tmp_path / "b.jsonl"),
        append(path, fallback().line + line),
        quiet,
        quiet,
    )
    code, out, err = run("show", "--follow", "--journal", str(tmp_path))
    assert (code, err) == (130, waiting_for(tmp_path))
    assert [row[:52] for row in out.splitlines()] == [
        "2026-11-22 12:46:52  a1b2c3d40000  user -> assistant",
        "2026-11-22 12:47:49  b1b2c3d40000  user -> assistant",
    ]
    assert "failed: 4 failures (3 backend, 1 tool_exception) in 3 turns" in out


def test_what_is_followed_can_be_narrowed_and_is_a_line_of_json_each(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.jsonl")
    lines = failing_tool().line + fallback().line + recovered().line
    during(monkeypatch, append(path, lines), quiet, quiet)
    words = ("--cause", "backend", "--format", "json")
    out = run("show", "--follow", "--journal", str(path), *words).out
    assert [json.loads(row)["trace_id"][:4] for row in out.splitlines()] == ["a1b2", "c1b2"]


def test_a_journal_is_followed_before_it_begins(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "journal"
    monkeypatch.setenv("AUTOGEN_OTEL_JOURNAL_DIR", str(folder))

    def begin() -> None:
        folder.mkdir()
        write(folder / "a.jsonl", fallback())

    during(monkeypatch, quiet, begin, quiet, quiet)
    code, out, err = run("show", "--follow")
    assert (code, err, out.count("\n")) == (130, waiting_for(folder), 1)
    assert "user -> assistant" in out


def test_who_waits_in_vain_is_told_once_that_an_endpoint_takes_the_spans(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered(tmp_path, 100)()
    during(monkeypatch, quiet, delivered(tmp_path, 112), delivered(tmp_path, 130), quiet)
    code, out, err = run("show", "--follow", "--journal", str(tmp_path))
    assert (code, out) == (130, "")
    waiting, advice = err.splitlines(keepends=True)
    assert waiting == waiting_for(tmp_path)
    beginning = (
        f"Nothing has arrived in journal {tmp_path}: the endpoint of your programs took 12 spans; look in "
    )
    assert advice.startswith(beginning)
    assert "--jaeger" in advice


@pytest.mark.parametrize("is_copied", [False, True])
def test_nobody_waits_in_vain_where_spans_arrive_or_copies_stay(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_copied: bool
) -> None:
    path = (
        write(tmp_path / "traces-20261122T124648.000000Z-7.kept.jsonl", recovered())
        if is_copied
        else write(tmp_path / "a.jsonl")
    )
    arrive = quiet if is_copied else append(path, failing_tool().line)
    during(monkeypatch, arrive, delivered(tmp_path, 12), quiet)
    code, _, err = run("show", "--follow", "--journal", str(tmp_path))
    assert (code, err) == (130, waiting_for(tmp_path))


@pytest.mark.parametrize("is_named", [False, True])
@pytest.mark.parametrize("program", ["the first", "another", "the same"])
def test_a_store_is_followed(run: Run, monkeypatch: pytest.MonkeyPatch, program: str, is_named: bool) -> None:
    now = time.time() - START
    service = "claims" if program == "the same" else "another"
    early, late = RecordedTrace(1, at=now - 300), RecordedTrace(2, at=now, service=service)
    for it in (early, late):
        it.leaf("invoke_workflow a -> b", 10)
    scripted = ScriptedJaeger(*([] if program == "the first" else [early]))

    def arrive() -> None:
        scripted.batches[late.trace_id] = json.loads(late.line)["resourceSpans"]
        scripted.spans[late.trace_id] = [(service, raw) for raw in late.spans]

    during(monkeypatch, arrive, quiet, quiet)
    words = ("--service", service) if is_named else ()
    with serving(scripted) as url:
        out = run("show", "--follow", "--jaeger", url, *words, "--format", "json").out
    assert [json.loads(row)["trace_id"] for row in out.splitlines()] == [late.trace_id]


def test_standard_input_cannot_be_followed(run: Run) -> None:
    code, out, err = run("show", "--follow", "--journal", "-")
    assert (code, out) == (2, "")
    assert "Standard input cannot be followed" in err
