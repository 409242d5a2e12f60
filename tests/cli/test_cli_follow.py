from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.support.incidents import failing_tool, fallback, killed, recovered
from tests.support.recorded import START, Recorded, write
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
    assert (code, err) == (130, "")
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


def test_a_store_is_followed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time() - START
    early, late = Recorded(1, at=now - 300), Recorded(2, at=now)
    for it in (early, late):
        it.leaf("invoke_workflow a -> b", 90)
    scripted = ScriptedJaeger(early)

    def arrive() -> None:
        scripted.batches[late.trace_id] = json.loads(late.line)["resourceSpans"]
        scripted.spans[late.trace_id] = [("claims", raw) for raw in late.spans]

    during(monkeypatch, arrive, quiet, quiet)
    with serving(scripted) as url:
        out = run("show", "--follow", "--jaeger", url, "--format", "json").out
    assert [json.loads(row)["trace_id"] for row in out.splitlines()] == [late.trace_id]


def test_standard_input_cannot_be_followed(run: Run) -> None:
    code, out, err = run("show", "--follow", "--journal", "-")
    assert (code, out) == (2, "")
    assert "Standard input cannot be followed" in err
