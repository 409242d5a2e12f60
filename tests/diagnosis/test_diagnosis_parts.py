"""Several processes that read a journal come to what one comes to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from autogen_otel.diagnosis.changes import Compared, Side
from autogen_otel.diagnosis.document import changes_document, document_of
from autogen_otel.diagnosis.evidence.parts import read_parts
from autogen_otel.diagnosis.evidence.population import Wanted
from autogen_otel.diagnosis.findings import conclude_listed
from autogen_otel.traces.selection import EVERYTHING, Selection
from autogen_otel.traces.source import Progress, SourceError
from autogen_otel.traces.sources import files
from autogen_otel.traces.sources.files import Files
from tests.support.diagnosed import incidents, journal
from tests.support.recorded import START, Recorded, write

if TYPE_CHECKING:
    from pathlib import Path

_NS = 1_000_000_000


class Heard(Progress):
    def __init__(self) -> None:
        self.bytes = 0
        self.expected: int | None = 0
        self.warnings: list[str] = []

    def expect(self, total: int | None, unit: str) -> None:
        self.expected = total

    def advance(self, count: int) -> None:
        self.bytes += count

    def warn(self, sentence: str) -> None:
        self.warnings.append(sentence)


@pytest.fixture
def recorded() -> list[Recorded]:
    return journal(incidents()["three things at once"], 1)


@pytest.fixture(autouse=True)
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let three processes read files of any size."""
    monkeypatch.setattr(files, "processors", lambda: 3)
    monkeypatch.setattr(files, "LARGE", 0)


def test_several_processes_find_what_one_finds(tmp_path: Path, recorded: list[Recorded]) -> None:
    # Spans of one conversation stand in lines far apart.
    halves = [Recorded() for _ in recorded]
    for one, half in zip(recorded, halves, strict=True):
        half.__dict__.update(one.__dict__)
        half.spans, one.spans = one.spans[::2], one.spans[1::2]
    source = Files([write(tmp_path / "a.jsonl", *recorded, *halves)])
    with (tmp_path / "a.jsonl").open("a") as file:
        file.write("no JSON\n")
    heard, here = Heard(), Heard()
    parts = source.parts()
    assert len(parts) == 3
    several = read_parts(parts, EVERYTHING, Wanted(), heard).population
    alone = read_parts([source], EVERYTHING, Wanted(), here).population
    document = document_of(conclude_listed(several), "a test")
    assert document == document_of(conclude_listed(alone), "a test")
    assert len(document["findings"]) == 3
    assert heard.bytes == here.bytes == heard.expected
    assert heard.warnings == here.warnings != []


def test_several_processes_compare_as_one_does(tmp_path: Path, recorded: list[Recorded]) -> None:
    source = Files([write(tmp_path / "a.jsonl", *recorded)])
    middle = (START + 20_000) * _NS
    before, after = (
        Side("before", Selection(until=middle), None, ""),
        Side("after", Selection(since=middle), None, ""),
    )
    several, one = (
        read_parts(parts, EVERYTHING, Compared(before, after), Progress()).changes()
        for parts in (source.parts(), [source])
    )
    assert changes_document(several, "a test") == changes_document(one, "a test")
    assert several.before.conversations > 10
    assert several.after.conversations > 10


def test_what_several_processes_cannot_read_is_said_once(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(b"\x1f\x8bno gzip")
    with pytest.raises(SourceError, match="is damaged"):
        read_parts(Files([path]).parts(), EVERYTHING, Wanted(), Progress())


def test_little_is_read_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LARGE", 50_000_000)
    source = Files([write(tmp_path / "a.jsonl", Recorded())])
    assert source.parts() == [source]
