"""The command line as a user meets it, with a journal of five conversations and a fixed time zone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple, Protocol

import pytest

from autogen_otel.cli import main
from tests.support.incidents import failing_tool, fallback, group, killed, recovered
from tests.support.recorded import write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Printed(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    err: str


class Run(Protocol):
    """Runs the command line."""

    def __call__(self, *words: str) -> Printed: ...


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A known time zone, a home without a journal, and no wishes about colours."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS", "LINES", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AUTOGEN_OTEL_JOURNAL_DIR", "AUTOGEN_OTEL_JOURNAL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A journal of five conversations in two files."""
    folder = tmp_path / "journal"
    folder.mkdir()
    write(folder / "1.jsonl", failing_tool(), fallback(), recovered())
    write(folder / "2.jsonl", group(), killed())
    return folder


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line in this process."""

    def call(*words: str) -> Printed:
        code = main(words)
        captured = capsys.readouterr()
        return Printed(code, captured.out, captured.err)

    return call
